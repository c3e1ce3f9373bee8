"""What users bring beside images: whatever a file holds, a reader returns what it means or one line that names it."""

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest

from hifisyn.archives import members
from hifisyn.dataset import Dataset
from hifisyn.dataset_conversion.bids_dataset import BidsDataset
from hifisyn.dataset_conversion.brats_subjects import read_map
from hifisyn.dataset_conversion.ixi_demographics import read as read_demographics
from hifisyn.dataset_conversion.nnunet_description import describe
from hifisyn.dataset_conversion.subjects import read_ids
from hifisyn.dataset_conversion.ukb_pseudonyms import read_withdrawn
from hifisyn.engine.ledger import Entry, Ledger
from hifisyn.engine.lock import ENDING
from hifisyn.errors import FileError, UserError
from hifisyn.inference.cases import find_cases
from hifisyn.json_files import read_json, read_object
from hifisyn.names import check_name, check_names
from hifisyn.participants import read_sites
from hifisyn.planning.splits import Splits
from hifisyn.plans import Plans
from hifisyn.preprocessing.aligned import AlignedStore
from hifisyn.slices import SliceStore
from hifisyn.synthetic_mark import is_synthetic
from hifisyn.table_files import read_table

WHOLE = {
    "name": "X",
    "channel_names": {"0": "T1", "1": "T2"},
    "labels": {"background": 0, "GM": 2},
    "dataset": {"a": {"images": ["imagesTr/a_T1.nii.gz"]}},
}
NO_OBJECT = {
    "deep": b"[" * 100_000,
    "deep objects": b'{"a":' * 100_000,
    "long number": b'{"a": ' + b"1" * 5000 + b"}",
    "list": b"[]",
    "null": b"null",
    "text": b'"x"',
    "number": b"3",
    "empty": b"",
    "cut": b'{"a": 1',
    "zeros": bytes(64),
    "image": b"\x89PNG\r\n\x1a\n\xff\xfe\x00",
    "twice": b'{"a": 1, "a": 2}',
}
READERS: dict[str, Any] = {
    "dataset.json": Dataset.load,
    "plans.json": lambda folder: Plans.load(folder / "plans.json"),
    "splits_final.json": lambda folder: Splits.load(folder / "splits_final.json"),
    "a.json": lambda folder: SliceStore(folder).image("a", "T1"),
    "b.json": lambda folder: AlignedStore(folder).read("b"),
    "nnU-Net": lambda folder: describe(folder, {}, {}),
}


@pytest.mark.parametrize("content", NO_OBJECT.values(), ids=NO_OBJECT)
@pytest.mark.parametrize("reader", READERS)
def test_json_that_is_no_object_is_one_line(tmp_path, reader, content):
    for name in READERS:
        (tmp_path / name.replace("nnU-Net", "dataset.json")).write_bytes(content)
    with pytest.raises(UserError) as error:
        READERS[reader](tmp_path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_json_is_read_as_editors_save_it(tmp_path, encoding):
    (tmp_path / "a.json").write_text('{"a": "Müller"}', encoding=encoding)
    assert read_object(tmp_path / "a.json") == {"a": "Müller"}


def test_a_folder_in_place_of_a_file_is_said_to_be_one(tmp_path):
    with pytest.raises(FileError, match="must be a file"):
        read_json(tmp_path)


WRONG_TYPES = {
    "channel_names": 3,
    "labels": [1],
    "dataset": [],
    "subjects": [],
    "test": 3,
    "name": 3,
    "reference_modality": [1],
    "private": "perhaps",
    "dataset.a": 3,
    "dataset.a.images": 3,
    "dataset.a.images.0": 3,
    "dataset.a.label": 3,
    "dataset.a.done": 3,
    "dataset.a.modalities": ["T1", "T2"],
}


@pytest.mark.parametrize(("key", "value"), WRONG_TYPES.items(), ids=WRONG_TYPES)
def test_a_value_of_another_type_is_named_by_its_key(tmp_path, key, value):
    content = json.loads(json.dumps(WHOLE))
    *parents, last = key.split(".")
    part = content
    for step in parents:
        part = part[step]
    part[int(last) if isinstance(part, list) else last] = value
    (tmp_path / "dataset.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=last if len(parents) < 2 else "case a|dataset.a") as error:
        Dataset.load(tmp_path)
    assert str(tmp_path / "dataset.json") in str(error.value)


def test_a_label_that_slices_cannot_hold_is_refused(tmp_path):
    (tmp_path / "dataset.json").write_text(json.dumps(WHOLE | {"labels": {"background": 0, "GM": 300}}))
    with pytest.raises(UserError, match="300"):
        Dataset.load(tmp_path)


BAD_NAMES = (
    "../x",
    "/abs",
    "",
    " ",
    "a\nb",
    "a/b",
    "a\\b",
    ".",
    "..",
    ".hidden",
    "a\x1b[31m",
    "a\udcff",
    "con",
    "x" * 300,
)


@pytest.mark.parametrize("name", [*BAD_NAMES, "x" * 300])
def test_a_name_that_is_no_file_name_is_refused_wherever_it_comes_from(tmp_path, name):
    with pytest.raises(UserError) as error:
        check_name(name, "a case")
    assert str(error.value).isprintable()
    for content in (WHOLE | {"dataset": {name: WHOLE["dataset"]["a"]}}, WHOLE | {"name": name}):  # type: ignore[index]
        (tmp_path / "dataset.json").write_text(json.dumps(content))
        with pytest.raises(UserError):
            Dataset.load(tmp_path)


def test_ordinary_names_are_names():
    check_names(["IXI012", "sub-01_ses-02", "dot.05.2019", "with space", "Žofie", "-dash", "[19]", "50%"], "a case")


@pytest.mark.parametrize("pair", [("case", "CASE"), ("Stra\u00dfe", "STRASSE"), ("e\u0301", "\u00e9")])
def test_names_that_are_one_file_elsewhere_are_refused(pair):
    with pytest.raises(UserError, match="upper and lower case"):
        check_names(pair, "a case")


def test_cases_with_odd_names_do_not_stop_a_prediction(tmp_path):
    names = ["a_T1.NII.GZ", "b_T1.nii", "b_T1.nii.gz", "c_T1.img", "d_T1.mgz", "e\nf_T1.nii.gz", "g_T1.nii", "G_T1.nii"]
    for name in [*names, os.fsdecode(b"M\xfcller_T1.nii.gz")]:
        (tmp_path / name).touch()
    inputs = find_cases(tmp_path, ("T1", "T2"))
    assert list(inputs.cases) == ["a"]
    assert {file.name for file in inputs.left_out} == {"c_T1.img", "d_T1.mgz"}
    assert set(inputs.refused) == {"b", "e\nf", "g", "G", os.fsdecode(b"M\xfcller")}
    assert "remove one of them" in inputs.refused["b"]


ODD_TABLES = {
    "empty": b"",
    "blank": b"\n\n\n",
    "utf-16": "participant_id\tsite\nsub-01\tA\n".encode("utf-16"),
    "large cell": b"participant_id\tsite\n" + b"x" * 200_000 + b"\ty\n",
    "zeros": b"participant_id\tsite\n\0\t\0\n",
    "open quotation": b'participant_id\tsite\n"a\tb\n',
    "ragged": b"participant_id\tsite\na\nb\tc\td\n",
    "Windows": "participant_id\tsite\nsub-01\tM\xfcnchen\n".encode("latin-1"),
    "image": b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
}
TABLES = {
    "sites": lambda file: read_sites(file.parent),
    "IXI": read_demographics,
    "UK Biobank": read_withdrawn,
    "list": read_ids,
    "name map": read_map,
    "BIDS": lambda file: BidsDataset(file.parent).participants(),
}


@pytest.mark.parametrize("content", ODD_TABLES.values(), ids=ODD_TABLES)
@pytest.mark.parametrize("reader", TABLES)
def test_an_odd_table_is_read_or_is_one_line(tmp_path, reader, content):
    file = tmp_path / "participants.tsv"
    file.write_bytes(content)
    try:
        TABLES[reader](file)
    except UserError as error:
        assert "\n" not in str(error)  # noqa: PT017


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_a_table_is_read_as_editors_save_it(tmp_path, encoding):
    file = tmp_path / "participants.tsv"
    file.write_text("participant_id\tsite\nsub-01\tMünchen\nsub-02\n", encoding=encoding)
    rows = [{"participant_id": "sub-01", "site": "München"}, {"participant_id": "sub-02", "site": ""}]
    assert read_table(file) == rows
    assert read_sites(tmp_path) == {"sub-01": "München"}


def test_what_macos_adds_to_an_archive_is_no_member(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in ("a/P_T1.nii.gz", "__MACOSX/a/._P_T1.nii.gz", "a/._P_T1.nii.gz", "a/.DS_Store"):
            archive.writestr(name, b"x")
    assert members(tmp_path / "a.zip") == [tmp_path / "a.zip/a/P_T1.nii.gz"]


@pytest.mark.parametrize("offset", [b"\xff" * 4, b"\xff\xff\xff\x7f"])
def test_a_zip_whose_members_lie_nowhere_is_broken(tmp_path, offset):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("P_T1.nii.gz", b"x" * 100)
    content = bytearray((tmp_path / "a.zip").read_bytes())
    at = content.index(b"PK\x01\x02") + 42
    content[at : at + 4] = offset
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(UserError, match="must be an archive"):
        read_json(tmp_path / "a.zip/P_T1.nii.gz")


def test_a_sidecar_that_cannot_be_read_marks_nothing(tmp_path):
    (tmp_path / "a_T2.json").write_bytes(b"[" * 100_000)
    assert not is_synthetic(tmp_path / "a_T2.nii.gz")


ODD_LINES = (
    b'{"case": [1], "subject": "a", "step": "s", "state": "done"}',
    b'{"case": "a", "subject": "a", "step": "s", "state": "done", "when": "x"}',
    b'{"case": "a", "subject": "a", "step": "s", "state": "done", "when": 3}',
    b"[" * 100_000,
    b"1" * 5000,
    b"\xff\xfe",
)


@pytest.mark.parametrize("line", ODD_LINES, ids=range(len(ODD_LINES)))
def test_an_odd_line_of_a_ledger_is_skipped(tmp_path, line):
    good = Entry("b", "b", "s", "done", when="2026-01-01T00:00:00.000Z").line().encode()
    (tmp_path / "all.jsonl").write_bytes(line + b"\n" + good)
    with Ledger.opened(tmp_path) as ledger:
        assert [entry.case for entry in ledger.entries()] == ["b"]
        ledger.record(Entry("a", "a", "s", "done"))


@pytest.mark.parametrize("pid", ['"abc"', "1e400", "null", "-1", "[]"])
def test_an_odd_lock_is_held_by_somebody_unknown(tmp_path, pid):
    import socket

    (tmp_path / f"all{ENDING}").write_text(f'{{"pid": {pid}, "host": "{socket.gethostname()}"}}')
    with pytest.raises(UserError, match="remove the file if it is dead"), Ledger.opened(tmp_path):
        pass


def test_a_fold_folder_that_was_copied_is_none(tmp_path):
    from hifisyn.paths import fold_folders

    for name in ("fold_0", "fold_0_backup", "fold_all", "fold_", "fold_x"):
        (tmp_path / name).mkdir()
    assert [Path(folder).name for folder in fold_folders(tmp_path)] == ["fold_0", "fold_all"]
