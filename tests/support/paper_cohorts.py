"""The cohorts of HiFi-Syn's paper as they lie on disks, with some subjects more than it took: true names, small scans.

All subjects of a cohort have the same head, stripped: what counts here is who is drawn and which commands go on.
"""

import nibabel as nib
import numpy as np

from tests.support import brats_tree, ukb_tree
from tests.support.heads import grid, scan

GRID = grid((32, 32, 20), (7.5, 7.5, 9.6), axes="PSR")  # the sagittal stack of a T1, voxels eight times as long
SITES = ("Guys", "HH", "IOP")


def ixi(folder, subjects):
    """T1 and T2 in a folder each, and one subject without T2."""
    for contrast in ("T1", "T2"):
        (folder / f"IXI-{contrast}").mkdir(parents=True)
        for n in range(subjects + (contrast == "T1")):
            name = f"IXI{2 + n:03d}-{SITES[n % 3]}-{700 + n:04d}-{contrast}.nii.gz"
            head, _ = scan(*GRID, contrast, noise=2, stripped=True)
            nib.save(nib.Nifti1Image(head.data.astype(np.int16), head.affine), folder / f"IXI-{contrast}" / name)
    return ["ixi", str(folder), "--contrasts", "T1", "T2"]


def ukb(folder, subjects):
    """Zips of both fields in one folder, and a participant without FLAIR."""
    for n in range(subjects + 1):
        eid = str(1000000 + 37 * n)
        ukb_tree.write_zip(folder, *ukb_tree.item(eid, seed=n))
        if n < subjects:
            ukb_tree.write_zip(folder, *ukb_tree.item(eid, ukb_tree.FLAIR_FIELD, seed=n))
    return ["ukb", str(folder)]


def brats(folder, subjects):
    """The release of 2018, and one case that lacks a contrast."""
    where, _, style, space, labels = brats_tree.RELEASES["2018"]
    content = brats_tree.head(list(labels), space, shrink=8)
    for n in range(subjects + 1):
        name = f"Brats18_TCIA{n % 10:02d}_{n:03d}_1"
        brats_tree.case(folder / where / name, style, content, without=["T1ce"] if n == subjects else [])
    return ["brats", str(folder), "--name", "BraTS2018"]


TREES = {"IXI": ixi, "UKB": ukb, "BraTS2018": brats}
