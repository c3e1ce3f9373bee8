"""Tiny NIfTI files for trees of sources: what counts is their name, their grid and their labels."""

import nibabel as nib
import numpy as np

from hifisyn.volume import Volume

AFFINE = np.array([[-1.0, 0, 0, 9], [0, 0, 2.0, -7], [0, -1.5, 0, 4], [0, 0, 0, 1]])


def write_scan(path, *, shape=(6, 7, 5), affine=AFFINE, seed=0):
    """Write noise and return the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(np.random.default_rng(seed).integers(1, 900, shape).astype(np.int16), affine), path)
    return path


def write_label(path, values, *, shape=(6, 7, 5), affine=AFFINE, dtype=np.uint8):
    """Write a label map that holds all the values and return the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = np.resize(np.array(values), shape).astype(dtype)
    nib.save(nib.Nifti1Image(data, affine), path)
    return path


def values(path):
    """Return the array of a file."""
    return Volume.load(path, constant=True).data
