"""Found cases become a raw data set: copied or referred to, resumed after a kill, private where they are private."""

import gzip
import os
import shutil
import zipfile
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

from hifisyn.dataset import Case, Dataset
from hifisyn.dataset_conversion import place_files, raw_folder
from hifisyn.dataset_conversion.source import Found, Scan, group
from hifisyn.errors import FileError, UserError
from hifisyn.volume import Volume


def write_scan(path, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    data = np.random.default_rng(seed).integers(0, 900, (5, 6, 7)).astype(np.int16)
    nib.save(nib.Nifti1Image(data, np.diag([1.0, 2.0, 3.0, 1.0])), path)
    return path


@pytest.fixture
def found(tmp_path):
    """Three subjects with two contrasts each; the second has a label map and a brain mask."""
    cases = []
    for number in range(3):
        images = {m: write_scan(tmp_path / "source" / f"p{number}_{m}w.nii.gz", number) for m in ("T1", "T2")}
        cases.append(Case(f"c{number}", f"s{number}", images))
    extra = write_scan(tmp_path / "source" / "label.nii.gz"), write_scan(tmp_path / "source" / "mask.nii")
    cases[1] = Case("c1", "s1", cases[1].images, *extra, done=("registered",))
    return Found(cases, held_out=("s2",), subject_of=lambda word: f"s{word.removeprefix('s')}", skull_stripped=True)


def test_copies_stand_alone_and_say_what_is_known(found, tmp_path):
    conversion = raw_folder.write(found, tmp_path / "X", name="X")
    dataset = Dataset.load(tmp_path / "X")
    assert conversion.dataset == dataset
    assert (list(dataset.cases), list(dataset.test)) == (["c0", "c1"], ["c2"])
    assert (dataset.skull_stripped, dataset.registered, dataset.reference) == (True, False, "T1")
    case = dataset.cases["c1"]
    assert (case.done, case.label, case.brain) == (
        ("registered",),
        tmp_path / "X" / "labelsTr" / "c1.nii.gz",
        tmp_path / "X" / "brainsTr" / "c1.nii.gz",
    )
    for what, path in case.files.items():
        np.testing.assert_array_equal(Volume.load(path).data, Volume.load(found.cases[1].files[what]).data)
    assert (tmp_path / "X" / "imagesTs" / "c2_T2.nii.gz").is_file()


def test_referring_copies_nothing_and_reads_the_same(found, tmp_path):
    raw_folder.write(found, tmp_path / "X", name="X", place="refer")
    assert sorted(path.name for path in (tmp_path / "X").iterdir()) == ["dataset.json"]
    assert Dataset.load(tmp_path / "X").cases["c1"].files == found.cases[1].files


def test_users_choose_as_they_spell(found, tmp_path):
    raw_folder.write(found, tmp_path / "X", name="X", subjects=["0", "s1"], test=["1"])
    dataset = Dataset.load(tmp_path / "X")
    assert (list(dataset.cases), list(dataset.test)) == (["c0"], ["c1"])


def test_a_killed_conversion_goes_on_and_copies_only_what_lacks(found, tmp_path, monkeypatch):
    copied = []
    original = place_files.copy_image

    def dying(source, target):
        copied.append(target.name)
        if len(copied) == 4:
            raise KeyboardInterrupt
        original(source, target)

    monkeypatch.setattr(place_files, "copy_image", dying)
    with pytest.raises(KeyboardInterrupt):
        raw_folder.write(found, tmp_path / "X", name="X")
    monkeypatch.undo()
    before = {path: os.stat(path).st_ino for path in (tmp_path / "X").rglob("*.nii.gz")}
    assert len(before) == 3
    raw_folder.write(found, tmp_path / "X", name="X")
    assert {path: os.stat(path).st_ino for path in before} == before
    assert len(Dataset.load(tmp_path / "X").all_cases) == 3
    assert not list((tmp_path / "X").rglob(".partial*"))


def test_nobody_learns_who_a_private_participant_is(tmp_path, capsys):
    archive = tmp_path / "1234567_20252_2_0.zip"
    scan = write_scan(tmp_path / "T1.nii.gz")
    with zipfile.ZipFile(archive, "w") as opened:
        opened.write(scan, "T1/T1.nii.gz")
        opened.writestr("T1/broken.nii.gz", b"junk")
    cases = [Case("a", "a", {"T1": archive / "T1" / "T1.nii.gz", "T2": archive / "T1" / "broken.nii.gz"})]
    found = Found(cases, private=True, participants=[{"participant_id": "a", "age": "61"}])
    conversion = raw_folder.write(found, tmp_path / "raw", name="X", place="refer")
    with pytest.raises(UserError) as raised:
        raw_folder.write(found, tmp_path / "other", name="X", subjects=["7654321", "a"])
    captured = capsys.readouterr()
    said = [captured.out, captured.err, str(raised.value), *map(str, conversion.left_out)]
    assert not any("1234567" in text or "7654321" in text for text in said)
    assert "1 of 2 subjects are not in the source" in str(raised.value)
    assert (tmp_path / "raw" / "participants.tsv").read_text() == "participant_id\tage\na\t61\n"


def test_a_second_scan_of_a_contrast_is_left_out(tmp_path):
    one, two = tmp_path / "one.nii", tmp_path / "two.nii"
    cases, left_out = group([Scan("s", "c", "T1", one), Scan("s", "c", "T2", one), Scan("s", "c", "T1", two)])
    assert cases == [Case("c", "s", {"T1": one, "T2": one})]
    assert [(item.file, "one.nii" in item.reason) for item in left_out] == [(two, True)]


def test_a_label_map_that_cannot_be_written_costs_that_map_alone(found, tmp_path):
    def refuse(case, target):
        raise FileError(case.label, "must hold other values")

    conversion = raw_folder.write(replace(found, write_label=refuse), tmp_path / "X", name="X")
    assert [(item.case, item.file.name, item.reason) for item in conversion.left_out] == [
        ("c1", "label.nii.gz", "must hold other values")
    ]
    case = Dataset.load(tmp_path / "X").cases["c1"]
    assert (case.label, set(case.files)) == (None, {"T1", "T2", "brain"})


def test_damage_that_only_reading_shows_costs_that_file_alone(found, tmp_path):
    archive = tmp_path / "scans.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        opened.write(found.cases[0].images["T2"], "T2.nii.gz")
    content = bytearray(archive.read_bytes())
    content[-150] ^= 0xFF
    archive.write_bytes(content)
    found.cases[0].images["T2"] = archive / "T2.nii.gz"

    def broken(case, target):
        raise FileError(case.label, "must hold tissues", got="none", hint="look at it")

    conversion = raw_folder.write(replace(found, write_label=broken), tmp_path / "X", name="X")
    assert [(item.case, item.reason) for item in conversion.left_out if item.file == found.cases[1].label] == [
        ("c1", "must hold tissues (got none); look at it")
    ]
    assert [item.file for item in conversion.left_out if item.case == "c0"] == [archive / "T2.nii.gz"]
    cases = Dataset.load(tmp_path / "X").cases
    assert (set(cases["c0"].images), set(cases["c1"].images), cases["c1"].label) == ({"T1"}, {"T1", "T2"}, None)


def test_a_label_may_be_kept_though_others_are_written(found, tmp_path):
    written = []
    other = replace(found, write_label=lambda case, target: written.append(case.name), keeps_label=lambda case: True)
    raw_folder.write(other, tmp_path / "X", name="X", place="refer")
    assert (written, Dataset.load(tmp_path / "X").cases["c1"].label) == ([], found.cases[1].label)


def test_the_key_of_private_participants_stays_and_is_for_the_owner_alone(found, tmp_path):
    private = replace(found, private=True, participants_key="abc")
    raw_folder.write(private, tmp_path / "X", name="X", place="refer")
    for name in ("dataset.json", "participants_key.json"):
        assert os.stat(tmp_path / "X" / name).st_mode & 0o777 == 0o600
    raw_folder.write(found, tmp_path / "X", name="X", place="refer", overwrite=True)
    assert (tmp_path / "X" / "participants_key.json").read_text() == '{\n  "key": "abc"\n}\n'
    (tmp_path / "X" / "dataset.json").unlink()
    raw_folder.write(private, tmp_path / "X", name="X", place="refer")


def test_what_is_compressed_already_is_not_compressed_again_whatever_its_name(tmp_path):
    packed = write_scan(tmp_path / "scan.nii.gz")
    shutil.copy(packed, tmp_path / "named_plain.nii")
    place_files.copy_image(tmp_path / "named_plain.nii", tmp_path / "copy.nii.gz")
    assert (tmp_path / "copy.nii.gz").read_bytes() == packed.read_bytes()
    (tmp_path / "named_packed.nii.gz").write_bytes(gzip.decompress(packed.read_bytes()))
    place_files.copy_image(tmp_path / "named_packed.nii.gz", tmp_path / "other.nii.gz")
    assert gzip.decompress((tmp_path / "other.nii.gz").read_bytes()) == gzip.decompress(packed.read_bytes())
