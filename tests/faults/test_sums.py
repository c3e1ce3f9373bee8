"""Files that changed on the disk are told by the sums in their records."""

import os

import nibabel as nib
import numpy as np
import pytest

from hifisyn.errors import UserError
from hifisyn.files import sha256, write_json
from hifisyn.inference.outputs import FILES, Outputs
from hifisyn.json_files import read_object
from tests.support.training_toys import toy_store


def test_slices_of_another_case_are_refused(tmp_path):
    store = toy_store(tmp_path)
    assert store.whole("c0")
    (tmp_path / "c0_T1.b2nd").write_bytes((tmp_path / "c1_T1.b2nd").read_bytes())
    for read in (lambda: store.image("c0", "T1"), lambda: store.image("c0", "T1", 0)):
        with pytest.raises(UserError, match="another SHA-256"):
            read()
    with pytest.raises(UserError, match="another SHA-256"):
        store.neighbours("c0", "T1", 0, 1)
    assert not store.whole("c0")
    assert store.image("c1", "T1").shape == (6, 24, 24)


def test_one_flipped_bit_is_found_also_after_the_file_was_read(tmp_path):
    store = toy_store(tmp_path)
    store.image("c0", "T2")
    file = tmp_path / "c0_T2.b2nd"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    os.utime(file, ns=(1, 1))
    with pytest.raises(UserError, match="another SHA-256"):
        store.image("c0", "T2", 1)


@pytest.mark.parametrize("place", [51, -1, "0", None])
def test_a_record_that_counts_slices_that_are_not_there_is_refused(tmp_path, place):
    store = toy_store(tmp_path)
    record = read_object(tmp_path / "c0.json")
    write_json(tmp_path / "c0.json", record | {"training": [0, place]})
    with pytest.raises(UserError, match="record"):
        store.image("c0", "T1")


def test_a_file_that_is_not_there_is_said_to_be_missing(tmp_path):
    store = toy_store(tmp_path)
    (tmp_path / "c0_T1.b2nd").unlink()
    with pytest.raises(UserError, match="does not exist"):
        store.image("c0", "T1")
    assert not store.whole("c0")


def test_a_truncated_volume_is_not_finished_although_its_sidecar_is(tmp_path):
    outputs = Outputs(tmp_path, "a", "T2")
    nib.save(nib.Nifti1Image(np.zeros((9, 9, 9), np.int16), np.eye(4)), outputs.image)
    write_json(outputs.sidecar, {"Synthetic": True, FILES: {outputs.image.name: sha256(outputs.image)}})
    assert outputs.finished
    outputs.image.write_bytes(outputs.image.read_bytes()[:-20])
    assert not outputs.finished
    write_json(outputs.sidecar, {**read_object(outputs.sidecar), FILES: {"../other": "0"}})
    assert not outputs.finished
