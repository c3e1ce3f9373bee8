"""Rigid registration by ANTs, called with volumes and matrices.

Everything is handed to ANTs on grids whose axes are the world's (RAS), so its physical space IS our world and no
sign convention has to be converted.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from hifisyn.engine.resources import one_itk_thread
from hifisyn.volume import Volume


def ants_rigid(fixed: Volume, moving: Volume, mask: Volume | None, seed: int, schedule: dict[str, Any]) -> np.ndarray:
    """Return the rigid transform (4, 4), world mm of `moving` to world mm of `fixed`, that ANTs finds from where it is.

    Args:
        fixed: its axes are the world's.
        moving: its axes are the world's.
        mask: on the grid of `fixed`, where the metric looks; none: everywhere.
        seed: of the random sampling.
        schedule: arguments of `ants.registration`.
    """
    one_itk_thread()
    import ants

    with tempfile.TemporaryDirectory() as folder, _seeded(seed):
        result = ants.registration(
            fixed=_image(fixed),
            moving=_image(moving),
            type_of_transform="Rigid",
            initial_transform="Identity",
            mask=None if mask is None else _image(mask),
            mask_all_stages=True,
            outprefix=str(Path(folder) / "rigid_"),
            **schedule,
        )
        forward = ants.read_transform(result["fwdtransforms"][0])
    corners = np.vstack([np.zeros(3), 100 * np.eye(3)])
    mapped = np.array([forward.apply_to_point(tuple(corner)) for corner in corners])
    fixed_to_moving = np.eye(4)
    fixed_to_moving[:3, :3] = (mapped[1:] - mapped[0]).T / 100
    fixed_to_moving[:3, 3] = mapped[0]
    return np.linalg.inv(fixed_to_moving)


def _image(volume: Volume) -> Any:
    import ants

    data = volume.data.astype(np.float32)
    return ants.from_numpy(data, origin=list(volume.affine[:3, 3]), spacing=list(volume.spacing))


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed ANTs' sampling by its variable: antspyx 0.6 swallows the argument `random_seed`."""
    before = os.environ.get("ANTS_RANDOM_SEED")
    os.environ["ANTS_RANDOM_SEED"] = str(seed + 1)  # 0 means: take the clock
    try:
        yield
    finally:
        if before is None:
            del os.environ["ANTS_RANDOM_SEED"]
        else:
            os.environ["ANTS_RANDOM_SEED"] = before
