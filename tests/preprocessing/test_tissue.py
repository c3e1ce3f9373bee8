import tempfile

import numpy as np
import pytest
from scipy import ndimage

from hifisyn.dataset import TISSUES
from hifisyn.errors import UserError
from hifisyn.preprocessing import tissue
from hifisyn.preprocessing.steps import Tool
from hifisyn.volume import Volume

MEANS = {
    "T1": {"CSF": 30, "GM": 70, "WM": 100},
    "T2": {"CSF": 120, "GM": 70, "WM": 50},
    "FLAIR": {"CSF": 20, "GM": 110, "WM": 85},
}


def brain_of_blobs(modality, noise=3.0, shape=(32, 34, 30)):
    """Return an image, its brain mask and its exact labels: smooth blobs of three tissues in a ball."""
    rng = np.random.default_rng(0)
    field = ndimage.gaussian_filter(rng.normal(size=shape), 2.5)
    labels = 1 + np.digitize(field, np.quantile(field, [0.25, 0.65]))
    grid = np.indices(shape) - (np.array(shape).reshape(3, 1, 1, 1) - 1) / 2
    labels = np.where((grid**2).sum(axis=0) < 14**2, labels, 0)
    image = np.zeros(shape)
    for name, mean in MEANS[modality].items():
        image[labels == TISSUES[name]] = mean
    image = np.where(labels > 0, image + rng.normal(0, noise, shape), 0)
    return Volume(image.astype(np.float32), np.diag([-1.5, 2, 2, 1])), labels > 0, labels


@pytest.mark.parametrize("modality", MEANS)
def test_tissues_are_found_and_named_by_the_contrast(modality):
    image, brain, truth = brain_of_blobs(modality)
    found = tissue.segment(image, brain, modality)
    assert (found[~brain] == 0).all()
    assert (found == truth)[brain].mean() > 0.97


def test_nothing_is_left_in_the_folder_of_temporary_files(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    image, brain, _ = brain_of_blobs("T1", shape=(20, 20, 20))
    tissue.segment(image, brain, "T1")
    assert list(tmp_path.iterdir()) == []
    assert tempfile.gettempdir() == str(tmp_path)


def test_a_few_bright_voxels_do_not_take_a_class():
    image, brain, truth = brain_of_blobs("T1")
    bright = image.data.copy()
    bright[tuple(np.argwhere(brain)[::500].T)] = 2000
    found = tissue.segment(image.with_data(bright), brain, "T1")
    assert (found == truth)[brain].mean() > 0.95


@pytest.mark.parametrize("value", [32767, -32768])
def test_spikes_and_an_offset_change_no_other_label(value):
    image, brain, _ = brain_of_blobs("T1")
    clean = tissue.segment(image, brain, "T1")
    spoilt = image.data + 1024
    spikes = tuple(np.argwhere(brain)[::1000].T)
    spoilt[spikes] = value
    found = tissue.segment(image.with_data(spoilt), brain, "T1")
    clean[spikes] = found[spikes]
    assert (found == clean)[brain].mean() > 0.995


def test_lesions_are_left_out_of_the_fit_and_laid_over():
    image, brain, truth = brain_of_blobs("T1")
    lesion = np.zeros(image.shape, dtype=np.uint8)
    lesion[12:20, 12:20, 10:18] = 4
    bright = np.where(lesion > 0, 160, image.data).astype(np.float32)
    found = tissue.segment(image.with_data(bright), brain, "T1", lesion=lesion)
    assert (found[lesion > 0] == 0).all()
    whole = tissue.overlay(found, lesion)
    assert (whole[lesion > 0] == 4).all()
    assert (whole == truth)[brain & (lesion == 0)].mean() > 0.97


def test_the_start_parts_close_tissues_although_partial_volume_lies_between_the_others():
    rng = np.random.default_rng(0)
    parts = [
        rng.normal(20, 4, 6000),
        rng.uniform(20, 80, 8000),
        rng.normal(80, 4, 40_000),
        rng.normal(100, 4, 46_000),
    ]
    image = np.concatenate(parts).reshape(100, 100, 10)
    inside = np.ones(image.shape, bool)
    inside[:5] = False
    dark, middle, bright = tissue._start(image, inside)
    assert (dark.astype(int) + middle + bright == inside).all()
    assert 40 < image[dark].max() <= image[middle].min() < 65
    assert 85 < image[middle].max() <= image[bright].min() < 95


def test_an_unknown_contrast_and_a_flat_brain_are_refused():
    image, brain, _ = brain_of_blobs("T1")
    with pytest.raises(UserError, match=r"\(got CT\); give label maps"):
        tissue.segment(image, brain, "CT")
    two = np.where(brain, np.where(image.data > 80, 100, 50), 0).astype(np.float32)
    with pytest.raises(UserError, match="T1 must show three tissues"):
        tissue.segment(image.with_data(two), brain, "T1")


def test_fast_is_refused_where_it_is_not_installed(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert tissue.choose_tool() == "atropos"
    with pytest.raises(UserError, match="FSL's fast must be on the PATH; install FSL"):
        tissue.choose_tool("fast")


def test_fast_is_called_as_its_manual_says_and_its_classes_are_named(monkeypatch, tmp_path):
    """By a stand-in, which like FSL's programs writes what FSLOUTPUTTYPE says; users' settings of it differ."""
    image, brain, truth = brain_of_blobs("T2")
    monkeypatch.setenv("FSLOUTPUTTYPE", "NIFTI")
    program = tmp_path / "fast"
    program.write_text(
        "#!/bin/sh\n"
        f'echo "$@" > {tmp_path}/words\n'
        "for word; do last=$word; done\n"
        f'python3 {tmp_path}/classes.py "$last" "$6"\n'
    )
    (tmp_path / "classes.py").write_text(
        "import os, sys, nibabel, numpy\n"
        "ending = {'NIFTI': '.nii', 'NIFTI_GZ': '.nii.gz'}[os.environ['FSLOUTPUTTYPE']]\n"
        "scan = nibabel.load(sys.argv[1])\n"
        "classes = numpy.digitize(scan.get_fdata(), [10, 60, 95]).astype('uint8')\n"
        "nibabel.save(nibabel.Nifti1Image(classes, scan.affine), sys.argv[2] + '_seg' + ending)\n"
    )
    program.chmod(0o755)
    import os
    import sys

    monkeypatch.setenv("PATH", f"{tmp_path}:{os.path.dirname(sys.executable)}:{os.environ['PATH']}")
    assert tissue.choose_tool() == "fast"
    found = tissue.segment(image, brain, "T2", tool=Tool.FAST)
    assert (tmp_path / "words").read_text().startswith("-t 2 -n 3 -o ")
    assert (found == truth)[brain].mean() > 0.97


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo 'Image too small' >&2; exit 3", "fast failed with exit code 3: Image too small; try the tissue tool"),
        ("echo done", r"fast wrote no fast_seg.nii.gz .got done.; try the tissue tool atropos"),
    ],
)
def test_a_fast_that_fails_is_quoted(monkeypatch, tmp_path, script, message):
    image, brain, _ = brain_of_blobs("T1")
    (tmp_path / "fast").write_text(f"#!/bin/sh\n{script}\n")
    (tmp_path / "fast").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match=message):
        tissue.segment(image, brain, "T1", tool=Tool.FAST)
