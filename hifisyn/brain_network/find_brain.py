"""From a scan of a whole head, of any contrast, to its brain mask."""

import numpy as np
import torch
from scipy import ndimage

from hifisyn.brain_network import weights
from hifisyn.brain_network.bright_rim import without_bright_rim
from hifisyn.brain_network.network import BrainNetwork
from hifisyn.brain_network.scaling import coarse, fitted, margin
from hifisyn.largest_piece import largest_piece
from hifisyn.preprocessing.resample import resample
from hifisyn.volume import Volume

LEAST_ML = 100.0  # less is no head
LEAST_LOGIT = 5.0  # median in the mask: of noise alone up to 2.7, of real heads from 8.5 on
SURE = 8.0  # logits beyond it say no more, and would blur the edge


def find_brain(volume: Volume, network: BrainNetwork | None = None, device: str = "cpu") -> np.ndarray:
    """Return the brain mask of a scan, bool on its grid: one piece without holes; empty where there is no head.

    Args:
        volume: any orientation and spacing, with its skull or without; finite.
        network: in evaluation mode; none: the one that the package holds.
        device: as torch names it.
    """
    network = weights.shipped().network if network is None else network
    upright = volume.canonical()
    seen = coarse(upright)
    logits = _run(network, seen.data, device)
    likely = largest_piece(logits > 0)
    if not likely.any() or np.median(logits[likely]) < LEAST_LOGIT:
        return np.zeros(volume.shape, dtype=bool)
    logits = np.where(~likely & (logits > 0), -SURE, np.clip(logits, -SURE, SURE)).astype(np.float32)
    fine = resample(seen.with_data(logits), upright, order=1, antialias=False, fill=-SURE).data > 0
    mask = ndimage.binary_fill_holes(largest_piece(fine))
    mask = without_bright_rim(mask, upright.data, upright.spacing)
    if mask.sum() * upright.voxel_ml < LEAST_ML:
        mask = np.zeros_like(mask)
    back = upright.with_data(mask.astype(np.uint8)).reoriented(volume.axcodes)
    return np.asarray(back.data > 0)


def _run(network: BrainNetwork, data: np.ndarray, device: str) -> np.ndarray:
    """Return logits of the brain (X, Y, Z), means over the head and its mirror image."""
    network = network.to(device)
    head = torch.from_numpy(fitted(data))[None, None].to(device)
    with torch.inference_mode():
        logits = (network(head) + network(head.flip(2)).flip(2)) / 2
    inner = tuple(slice(margin(n)[0], margin(n)[0] + n) for n in data.shape)
    return np.asarray(logits.cpu().numpy()[0, 0][inner])
