"""UK Biobank in place: states that go together, what is unusable, who withdrew, and that nobody learns who is who."""

import json
import os
import re

import numpy as np
import pytest

from hifisyn import archives
from hifisyn.cli.convert_dataset import main
from hifisyn.dataset import Dataset
from hifisyn.dataset_conversion import raw_folder, ukb, ukb_zips
from hifisyn.dataset_conversion.ukb_pseudonyms import Pseudonyms, read_withdrawn
from hifisyn.errors import UserError
from hifisyn.plans import PreprocessingPlan
from hifisyn.preprocessing.aligned import AlignedStore
from hifisyn.preprocessing.dataset_steps import align_dataset
from hifisyn.preprocessing.record import steps_of
from hifisyn.preprocessing.steps import Stage, Status, Step
from hifisyn.volume import Volume
from tests.support import ukb_tree
from tests.support.ukb_tree import FLAIR_FIELD, T1_FIELD, item, write_folder, write_zip

EIDS = ("1000123", "1000456", "2345678")
ALL = ("skull_stripped", "registered", "bias_corrected")


def both(folder, eid, *, write=write_zip, t1=None, flair=None, instance=2, **options):
    """Write both items of a visit; t1 and flair are options of `item`."""
    write(folder, *item(eid, T1_FIELD, instance, **options, **(t1 or {})))
    write(folder, *item(eid, FLAIR_FIELD, instance, **options, **(flair or {})))


def only_case(tmp_path, **options):
    """Return the one case of a source folder, and what is left out of it by the name of the file."""
    found = ukb.find([tmp_path / "bulk"], tmp_path / "raw" / "UKB", **options)
    (case,) = found.cases
    return case, {entry.file.name.removeprefix(f"{case.name}_"): entry.reason for entry in found.left_out}


def flat(folder):
    for eid in EIDS:
        both(folder, eid)


def per_subject(folder):
    for eid in EIDS:
        both(folder / eid, eid)


def platform(folder):
    for eid in EIDS:
        write_zip(folder / "Bulk" / "Brain MRI" / "T1" / eid[:2], *item(eid, T1_FIELD))
        write_zip(folder / "Bulk" / "Brain MRI" / "T2 FLAIR" / eid[:2], *item(eid, FLAIR_FIELD))


def unpacked(folder):
    for eid in EIDS:
        both(folder, eid, write=write_folder)


@pytest.mark.parametrize("layout", [flat, per_subject, platform, unpacked])
def test_every_layout_gives_the_same_data_set_and_unpacks_nothing(layout, tmp_path):
    layout(tmp_path / "bulk")
    (tmp_path / "bulk" / "1000123_20216_2_0.zip").write_bytes(b"DICOM")
    assert main(["ukb", str(tmp_path / "bulk"), "--raw", str(tmp_path / "raw")]) == 0
    folder = tmp_path / "raw" / "UKB"
    assert sorted(path.name for path in folder.iterdir()) == ["dataset.json", "participants_key.json"]
    assert {os.stat(path).st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    dataset = Dataset.load(folder)
    assert (dataset.modalities, dataset.reference, dataset.private) == (("T1", "FLAIR"), "T1", True)
    assert len(dataset.cases) == 3
    for case in dataset.cases.values():
        assert re.fullmatch(r"ukb[0-9a-f]{12}v2", case.name)
        assert case.subject == case.name.removesuffix("v2")
        assert (case.done, case.brain) == (ALL, None)
        held = {what: "/".join(path.parts[-2:]) for what, path in case.files.items()}
        assert held == {
            "T1": "T1/T1_unbiased_brain.nii.gz",
            "FLAIR": "T2_FLAIR/T2_FLAIR_unbiased_brain.nii.gz",
            "label": "T1_fast/T1_brain_pveseg.nii.gz",
        }
        assert set(np.unique(Volume.load(case.files["label"]).data)) == {0, 1, 2, 3}
        assert Volume.load(case.images["FLAIR"]).axcodes == "LAS"


@pytest.mark.parametrize(
    ("lacks_t1", "lacks_flair", "expected", "brain", "done"),
    [
        ((), (), ("T1_unbiased_brain", "T2_FLAIR_unbiased_brain"), False, ALL),
        ((), ("T2_FLAIR/T2_FLAIR_unbiased_brain",), ("T1_unbiased", "T2_FLAIR_unbiased"), True, ALL[1:]),
        ((), ("T2_FLAIR/T2_FLAIR_unbiased",), ("T1_brain", "T2_FLAIR_brain"), False, ALL[:2]),
        (("T1/T1_unbiased_brain",), (), ("T1_unbiased", "T2_FLAIR_unbiased"), True, ALL[1:]),
        (("T1/T1_unbiased",), (), ("T1_brain", "T2_FLAIR_brain"), False, ALL[:2]),
        (("T1/T1_unbiased", "T1/T1_brain"), (), ("T1", "T2_FLAIR"), True, ALL[1:2]),
        (
            ("T1/T1_unbiased_brain", "T1/T1_brain_mask"),
            ("T2_FLAIR/T2_FLAIR_brain_mask",),
            ("T1_brain", "T2_FLAIR_brain"),
            False,
            ALL[:2],
        ),
        (
            ("T1/T1_unbiased_brain", "T1/T1_brain"),
            ("T2_FLAIR/T2_FLAIR_brain", "T2_FLAIR/T2_FLAIR_unbiased_brain"),
            ("T1_unbiased", "T2_FLAIR_unbiased"),
            False,
            ALL[1:],
        ),
        (
            ("T1/T1_unbiased", "T1/T1_brain"),
            ("T2_FLAIR/T2_FLAIR_brain", "T2_FLAIR/T2_FLAIR_unbiased"),
            ("T1", "T2_FLAIR"),
            False,
            ALL[1:2],
        ),
    ],
)
def test_both_contrasts_are_taken_in_one_state(lacks_t1, lacks_flair, expected, brain, done, tmp_path):
    both(tmp_path / "bulk", EIDS[0], t1={"without": lacks_t1}, flair={"without": lacks_flair})
    case, left_out = only_case(tmp_path)
    assert tuple(path.name.removesuffix(".nii.gz") for path in case.images.values()) == expected
    assert case.done == done
    assert case.brain is None or case.brain.name.endswith("_brain_mask.nii.gz")
    assert (case.brain is not None) is brain
    assert left_out == {}


def test_an_original_flair_is_registered_by_us_to_a_head_and_never_to_a_brain(tmp_path):
    both(tmp_path / "bulk", EIDS[0], flair={"only": ["T2_FLAIR/T2_FLAIR_orig_defaced"]})
    case, left_out = only_case(tmp_path)
    assert {m: path.name for m, path in case.images.items()} == {
        "T1": "T1.nii.gz",
        "FLAIR": "T2_FLAIR_orig_defaced.nii.gz",
    }
    assert case.brain is not None
    assert (case.brain.name, case.done, left_out) == ("T1_brain_mask.nii.gz", (), {})


def test_a_flair_in_no_state_of_the_t1_is_left_out_and_said(tmp_path):
    both(tmp_path / "bulk", EIDS[0], t1={"only": ["T1/T1_brain"]}, flair={"only": ["T2_FLAIR/T2_FLAIR_unbiased"]})
    case, left_out = only_case(tmp_path)
    assert ({m: path.name for m, path in case.images.items()}, case.label) == ({"T1": "T1_brain.nii.gz"}, None)
    assert list(left_out) == ["FLAIR"]


def test_one_contrast_alone_is_an_unpaired_case(tmp_path):
    write_zip(tmp_path / "bulk", *item(EIDS[0], T1_FIELD))
    write_zip(
        tmp_path / "bulk", *item(EIDS[1], FLAIR_FIELD, only=["T2_FLAIR/T2_FLAIR", "T2_FLAIR/T2_FLAIR_brain_mask"])
    )
    found = ukb.find([tmp_path / "bulk"], tmp_path / "UKB")
    names = Pseudonyms(found.participants_key)
    held = {case.subject: {what: path.name for what, path in case.files.items()} for case in found.cases}
    assert held == {
        names(EIDS[0]): {"T1": "T1_unbiased_brain.nii.gz", "label": "T1_brain_pveseg.nii.gz"},
        names(EIDS[1]): {"FLAIR": "T2_FLAIR.nii.gz", "brain": "T2_FLAIR_brain_mask.nii.gz"},
    }
    assert (found.left_out, found.warnings) == ((), ())


@pytest.mark.parametrize(
    ("without", "expected"),
    [
        ((), "T1_brain_pveseg.nii.gz"),
        (("T1/T1_fast/T1_brain_pveseg",), "T1_brain_seg.nii.gz"),
        (("T1/T1_fast/T1_brain_pveseg", "T1/T1_fast/T1_brain_seg"), "T1_brain_pve_0.nii.gz"),
        (("T1/T1_fast/T1_brain_pveseg", "T1/T1_fast/T1_brain_seg", "T1/T1_fast/T1_brain_pve_1"), None),
        (("T1/T1_fast",), None),
    ],
)
def test_tissues_are_those_of_the_source_where_they_are_there(without, expected, tmp_path):
    both(tmp_path / "bulk", EIDS[0], t1={"without": without})
    case, left_out = only_case(tmp_path)
    assert (case.label and case.label.name) == expected
    assert left_out == {}


@pytest.mark.parametrize("write", [write_zip, write_folder])
def test_partial_volumes_become_a_label_map(write, tmp_path):
    fast = ("T1/T1_fast/T1_brain_pveseg", "T1/T1_fast/T1_brain_seg")
    both(tmp_path / "bulk", EIDS[0], write=write, t1={"without": fast})
    conversion = raw_folder.write(
        ukb.find([tmp_path / "bulk"], tmp_path / "UKB"), tmp_path / "UKB", name="UKB", place="refer"
    )
    (case,) = conversion.dataset.cases.values()
    assert case.label == tmp_path / "UKB" / "labelsTr" / f"{case.name}.nii.gz"
    truth = ukb_tree.volumes()["T1/T1_fast/T1_brain_pveseg"]
    made = Volume.load(case.files["label"], np.uint8)
    np.testing.assert_array_equal(made.data, truth.data)
    assert made.same_grid(truth)


@pytest.mark.parametrize(
    ("t1", "flair", "left_out", "kept"),
    [
        ({"only": [], "extra": {"T1/unusable/T1_orig_defaced.nii.gz": b"x"}}, {}, {"T1": "unusable"}, {"FLAIR"}),
        ({}, {"extra": {"T2_FLAIR/unusable/T2_FLAIR.nii.gz": b"x"}}, {"FLAIR": "unusable"}, {"T1", "label"}),
        ({}, {"extra": {"T2_FLAIR/incompatible/x.txt": b"x"}}, {"FLAIR": "incompatible"}, {"T1", "label"}),
        ({"only": []}, {}, {"T1": "must hold T1 or T2_FLAIR with images"}, {"FLAIR"}),
        ({}, {"seed": 1}, {"FLAIR": "grid of T1"}, {"T1", "label"}),
    ],
)
def test_what_is_unusable_is_left_out_with_a_reason(t1, flair, left_out, kept, tmp_path):
    both(tmp_path / "bulk", EIDS[0], t1=t1, flair=flair)
    case, said = only_case(tmp_path)
    assert set(case.files) == kept
    assert {what: reason for what, reason in said.items() if left_out[what] in reason} == said
    assert list(said) == list(left_out)


def test_a_label_or_a_mask_on_another_grid_is_left_out_alone(tmp_path):
    other = ukb_tree.content(1, 16, "T1")
    name = "T1/T1_fast/T1_brain_pveseg.nii.gz"
    both(tmp_path / "bulk", EIDS[0], t1={"extra": {name: other[name]}})
    case, said = only_case(tmp_path)
    assert (set(case.files), list(said)) == ({"T1", "FLAIR"}, ["label"])
    lacks = {
        "without": ("T1/T1_unbiased_brain",),
        "extra": {"T1/T1_brain_mask.nii.gz": other["T1/T1_brain_mask.nii.gz"]},
    }
    both(tmp_path / "bulk", EIDS[0], t1=lacks)
    case, said = only_case(tmp_path)
    assert (set(case.files), list(said)) == ({"T1", "FLAIR", "label"}, ["brain"])


def test_visits_of_a_participant_are_cases_of_one_subject(tmp_path):
    both(tmp_path / "bulk", EIDS[0], instance=2)
    both(tmp_path / "bulk", EIDS[0], instance=3)
    both(tmp_path / "again", EIDS[0], instance=3)
    found = ukb.find([tmp_path / "bulk", tmp_path / "again"], tmp_path / "UKB")
    subject = Pseudonyms(found.participants_key)(EIDS[0])
    assert [(case.name, case.subject) for case in found.cases] == [(f"{subject}v{n}", subject) for n in (2, 3)]
    (warning,) = found.warnings
    assert warning.startswith("2 zips or folders hold a scan of a visit that is there already")


def test_a_broken_copy_costs_nothing_where_a_good_one_is_there(tmp_path):
    write_zip(tmp_path / "a", *item(EIDS[0])).write_bytes(b"PK")
    write_zip(tmp_path / "b", *item(EIDS[0]))
    found = ukb.find([tmp_path / "a", tmp_path / "b"], tmp_path / "UKB")
    assert (len(found.cases), found.left_out) == (1, ())


def test_names_stay_and_nobody_without_the_key_can_tell_them(tmp_path):
    flat(tmp_path / "bulk")
    arguments = ["ukb", str(tmp_path / "bulk"), "--raw", str(tmp_path / "raw")]
    assert main([*arguments, "--limit", "2"]) == 0
    first = list(Dataset.load(tmp_path / "raw" / "UKB").cases)
    assert main([*arguments, "--overwrite"]) == 0
    assert set(first) < set(Dataset.load(tmp_path / "raw" / "UKB").cases)
    assert main([*arguments, "--name", "OTHER"]) == 0
    assert not set(first) & set(Dataset.load(tmp_path / "raw" / "OTHER").cases)
    key = json.loads((tmp_path / "raw" / "UKB" / "participants_key.json").read_text())["key"]
    assert sorted(Pseudonyms(key)(eid) + "v2" for eid in EIDS)[:2] == first
    assert len(key) == 64


def test_a_conversion_that_was_killed_goes_on_under_the_same_names(tmp_path, monkeypatch):
    fast = ("T1/T1_fast/T1_brain_pveseg", "T1/T1_fast/T1_brain_seg")
    for eid in EIDS:
        both(tmp_path / "bulk", eid, t1={"without": fast})
    arguments = ["ukb", str(tmp_path / "bulk"), "--raw", str(tmp_path / "raw")]
    monkeypatch.setattr(Dataset, "save", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    assert main(arguments) == 130
    monkeypatch.undo()
    labels = {path.name for path in (tmp_path / "raw" / "UKB" / "labelsTr").iterdir()}
    assert main(arguments) == 0
    assert {f"{name}.nii.gz" for name in Dataset.load(tmp_path / "raw" / "UKB").cases} == labels


def test_users_choose_by_numbers_and_what_is_missing_is_counted(tmp_path, capsys):
    flat(tmp_path / "bulk")
    (tmp_path / "ids.txt").write_text("1000123\n2345678_20252_2_0\n7654321\n")
    arguments = ["ukb", str(tmp_path / "bulk"), "--raw", str(tmp_path / "raw"), "--subjects", str(tmp_path / "ids.txt")]
    assert main([*arguments, "--test", "2345678,1000456"]) == 0
    dataset = Dataset.load(tmp_path / "raw" / "UKB")
    names = Pseudonyms(json.loads((tmp_path / "raw" / "UKB" / "participants_key.json").read_text())["key"])
    assert (list(dataset.cases), list(dataset.test)) == ([f"{names('1000123')}v2"], [f"{names('2345678')}v2"])
    said = capsys.readouterr().err
    assert "warning: 1 of 3 listed participants have no scan" in said
    assert "warning: 1 of 2 subjects to hold out have no scan" in said
    assert main([*arguments, "--overwrite", "--test", names("1000123")]) == 0
    assert list(Dataset.load(tmp_path / "raw" / "UKB").test) == [f"{names('1000123')}v2"]


def test_who_withdrew_is_nowhere_and_goes_when_the_list_grows(tmp_path, capsys):
    flat(tmp_path / "bulk")
    withdrawn = tmp_path / "w12345.csv"
    arguments = ["ukb", str(tmp_path / "bulk"), "--raw", str(tmp_path / "raw"), "--withdrawn", str(withdrawn)]
    withdrawn.write_text("1000123\n")
    assert main(arguments) == 0
    folder = tmp_path / "raw" / "UKB"
    before = Dataset.load(folder)
    assert len(before.cases) == 2
    assert "1000123" not in (folder / "dataset.json").read_text()
    capsys.readouterr()
    withdrawn.write_text("eid,date\n1000123,2024\n2345678,2025\n")
    (tmp_path / "ids.txt").write_text("\n".join(EIDS))
    assert main([*arguments, "--overwrite", "--subjects", str(tmp_path / "ids.txt"), "--test", "2345678"]) == 0
    assert not re.search("1000123|2345678", (folder / "dataset.json").read_text())
    (gone,) = set(before.cases) - set(Dataset.load(folder).cases)
    captured = capsys.readouterr()
    assert f"warning: withdrawn since the last conversion: {gone}; delete" in captured.err
    assert not re.search(r"\b\d{7}(?!\d)", captured.out + captured.err)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1000123\n\n2345678\n", {"1000123", "2345678"}),
        ("\ufeffeid\r\n1000123\r\n", {"1000123"}),
        ("date,eid\n2024,1000123\n", {"1000123"}),
        ('"1000123"\n', {"1000123"}),
        ("1000123\n23456789\n", "a participant's 7 digits in line 2"),
        ("1000123\nwho\n", "a participant's 7 digits in line 2"),
        ("", "empty"),
        ("eid\n", "empty"),
    ],
)
def test_lists_of_the_withdrawn_are_read_or_refused(text, expected, tmp_path):
    file = tmp_path / "withdrawn.csv"
    file.write_text(text)
    if isinstance(expected, set):
        assert read_withdrawn(file) == expected
    else:
        with pytest.raises(UserError, match=expected) as raised:
            read_withdrawn(file)
        assert "1000123" not in str(raised.value)
        assert "2345" not in str(raised.value)


def test_a_name_is_a_name_even_where_its_digits_look_like_a_number():
    names = Pseudonyms("key")
    for word in ("ukb1234567abcde", "ukb1234567abcdev3", " ukb1234567abcde "):
        assert names.of_words(word) == "ukb1234567abcde"
    assert names.of_words("/bulk/1234567_20252_2_0.zip") == names.of_words("1234567") == names("1234567")


def faulty(folder):
    """Write a tree in which everything is wrong with somebody; return who they are."""
    eids = [str(1_100_001 + 7 * number) for number in range(12)]
    for number, eid in enumerate(eids):
        both(folder / eid, eid, t1={"without": ("T1/T1_fast/T1_brain_pveseg", "T1/T1_fast/T1_brain_seg")})
        zipped = folder / eid / f"{eid}_20252_2_0.zip"
        if number == 0:
            zipped.write_bytes(zipped.read_bytes()[:-40])
        elif number == 1:
            zipped.write_bytes(b"")
        elif number == 2:
            ukb_tree.damaged(zipped, "T1/T1_fast/T1_brain_pve_1.nii.gz")
        elif number == 3:
            ukb_tree.damaged(zipped, "T1/T1_unbiased_brain.nii.gz")
        elif number == 4:
            both(folder / eid, eid, t1={"extra": {"T1/T1_unbiased_brain.nii.gz": b"junk"}})
        elif number == 5:
            both(folder / eid, eid, t1={"extra": {f"T1/../../{eid}.nii.gz": b"junk"}})
        elif number == 6:
            both(folder / eid, eid, flair={"seed": 1})
        elif number == 7:
            both(folder / eid, eid, flair={"extra": {"T2_FLAIR/unusable/x.nii.gz": b""}})
        elif number == 8:
            zipped.unlink()
            both(folder / eid, eid, write=write_folder, t1={"extra": {"T1/T1_unbiased_brain.nii.gz": b"junk"}})
            (folder / eid / f"{eid}_20253_2_0.zip").unlink()
        elif number == 9:
            zipped.unlink()
            without = ("T1/T1_fast/T1_brain_pveseg", "T1/T1_fast/T1_brain_seg")
            extra = {"T1/T1_fast/T1_brain_pve_2.nii.gz": b"junk"}
            write_folder(folder / eid, *item(eid, without=without, extra=extra))
    return eids


@pytest.mark.slow
@pytest.mark.parametrize("place", ["refer", "copy"])
def test_nothing_that_is_printed_tells_who_a_participant_is(place, tmp_path, capfd):
    eids = faulty(tmp_path / "bulk")
    lists = tmp_path / "ids.txt"
    lists.write_text("\n".join(eids[:-1]))
    arguments = ["ukb", str(tmp_path / "bulk"), "--raw", str(tmp_path / "raw"), "--place", place]
    assert main([*arguments, "--subjects", str(lists), "--test", f"{eids[10]},9999999"]) == 1
    dataset = Dataset.load(tmp_path / "raw" / "UKB")
    assert 8 <= len(dataset.all_cases) <= 11
    assert main([*arguments, "--test", ",".join(eids * 9), "--name", "B"]) == 2
    assert main(["ukb", str(tmp_path / "bulk" / eids[0] / "none"), "--raw", str(tmp_path / "raw"), "--name", "C"]) == 2
    assert main(["ukb", str(tmp_path / "bulk" / eids[1]), "--raw", str(tmp_path / "raw"), "--name", "D"]) in (0, 1)
    settings = PreprocessingPlan(registration="none", bias="never", skull_strip="none")
    align_dataset(dataset, tmp_path / "aligned", settings, processes=0)
    captured = capfd.readouterr()
    said = captured.out + captured.err
    assert said.count("must") > 8
    assert [eid for eid in [*eids, "9999999"] if eid in said] == []
    assert "bulk/" not in said.replace(f"{tmp_path / 'bulk'}/XXXXXXX/", "")
    for path in (tmp_path / "raw").rglob("*"):
        assert not any(eid in path.name for eid in eids)
        if path.suffix == ".json" and path.name != "dataset.json":
            assert not any(eid in path.read_text() for eid in eids)


def test_each_zip_is_listed_once_and_of_those_not_wanted_none(tmp_path, monkeypatch):
    flat(tmp_path / "bulk")
    listed = []
    original = archives.members

    def members(archive):
        listed.append(archive)
        return original(archive)

    monkeypatch.setattr(archives, "members", members)
    ukb.find([tmp_path / "bulk"], tmp_path / "UKB")
    assert sorted(listed) == sorted((tmp_path / "bulk").iterdir())
    listed.clear()
    ukb.find([tmp_path / "bulk"], tmp_path / "UKB", limit=1)
    assert len(listed) == 2
    listed.clear()
    found = ukb.find([tmp_path / "bulk"], tmp_path / "UKB", subjects=["1000456"], withdrawn={"1000123"})
    assert {path.name[:7] for path in listed} == {"1000456"}
    assert [case.subject for case in found.cases] == [Pseudonyms(found.participants_key)("1000456")]


def test_folders_that_cannot_be_looked_into_are_counted(tmp_path, monkeypatch):
    flat(tmp_path / "bulk")
    original = os.walk

    def walk(top, onerror=None):
        onerror(PermissionError(13, "Permission denied", "/bulk/1234567"))
        yield from original(top)

    monkeypatch.setattr(ukb_zips.os, "walk", walk)
    assert ukb.find([tmp_path / "bulk"], tmp_path / "UKB").warnings == ("1 folders could not be looked into",)


def test_mistakes_are_named_in_one_line(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="EID_20252_2_0"):
        ukb.find([tmp_path / "empty"], tmp_path / "UKB")
    write_zip(tmp_path / "bulk", *item(EIDS[0]))
    with pytest.raises(UserError, match="at least one participant"):
        ukb.find([tmp_path / "bulk"], tmp_path / "UKB", withdrawn=set(EIDS))
    with pytest.raises(UserError, match="limit"):
        ukb.find([tmp_path / "bulk"], tmp_path / "UKB", limit=0)
    (tmp_path / "UKB").mkdir()
    (tmp_path / "UKB" / "participants_key.json").write_text("{}")
    with pytest.raises(UserError, match=r"participants_key\.json must hold"):
        ukb.find([tmp_path / "bulk"], tmp_path / "UKB")


@pytest.mark.slow
def test_finished_scans_are_aligned_as_they_are_and_others_by_our_own_steps(tmp_path):
    shrink = {"shrink": 5}
    both(tmp_path / "bulk", EIDS[0], **shrink)
    both(tmp_path / "bulk", EIDS[1], **shrink, seed=1)
    rest = ("T1/T1_fast", "T1/T1_unbiased", "T1/T1_brain_to", "T1/T1_orig")
    flair = {"only": ["T2_FLAIR/T2_FLAIR_orig_defaced"]}
    both(tmp_path / "bulk", EIDS[2], **shrink, t1={"without": rest}, flair=flair)
    found = ukb.find([tmp_path / "bulk"], tmp_path / "UKB")
    dataset = raw_folder.write(found, tmp_path / "UKB", name="UKB", place="refer").dataset
    assert align_dataset(Dataset.load(tmp_path / "UKB"), tmp_path / "aligned", PreprocessingPlan(), processes=0) == []
    store, names = AlignedStore(tmp_path / "aligned"), Pseudonyms(found.participants_key)
    for eid in EIDS[:2]:
        case = f"{names(eid)}v2"
        assert steps_of(store.record(case)) == {
            Stage.SKULL_STRIP: Step(Status.DONE_BEFORE),
            Stage.REGISTRATION: Step(Status.SKIPPED, detail="switched off"),
            Stage.BIAS: Step(Status.SKIPPED, detail="switched off"),
            Stage.LABELS: Step(Status.GIVEN),
        }
        source = Volume.load(dataset.cases[case].images["FLAIR"]).canonical()
        np.testing.assert_array_equal(store.image(case, "FLAIR").data, source.data)
    own = steps_of(store.record(f"{names(EIDS[2])}v2"))
    assert own[Stage.SKULL_STRIP] == Step(Status.GIVEN)
    assert own[Stage.REGISTRATION].detail.startswith("rigid to T1")
    assert own[Stage.LABELS].detail == "on T1"
    mask = Volume.load(dataset.cases[f"{names(EIDS[2])}v2"].files["brain"]).canonical()
    np.testing.assert_array_equal(store.brain(f"{names(EIDS[2])}v2").data, mask.data)
