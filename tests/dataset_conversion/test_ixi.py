"""IXI in every shape it is met in: found by name, sites and people joined, thick slices said, contrasts registered."""

import sys

import numpy as np
import pytest

from hifisyn.cli.convert_dataset import main
from hifisyn.dataset import Dataset
from hifisyn.dataset_conversion import ixi, raw_folder
from hifisyn.errors import UserError
from hifisyn.plans import PreprocessingPlan
from hifisyn.preprocessing.aligned import AlignedStore
from hifisyn.preprocessing.dataset_steps import align_dataset
from hifisyn.preprocessing.verify import verify
from hifisyn.volume import Volume
from tests.support import ixi_tree
from tests.support.heads import grid, rigid, scan

SUBJECTS = ["IXI002", "IXI012", "IXI014", "IXI015", "IXI500"]


def flat(folder):
    ixi_tree.write(folder)
    return [folder]


def folders(folder):
    ixi_tree.write(folder, per_contrast="IXI-{}")
    return [folder]


def several_sources(folder):
    for contrast in ("T1", "T2", "PD"):
        ixi_tree.write(folder, contrasts=[contrast], per_contrast="{}", packed=contrast != "T2")
    return [folder / "T1", folder / "T2", folder / "PD"]


def tars(folder):
    for contrast in ("T1", "T2", "PD"):
        ixi_tree.pack(ixi_tree.write(folder, contrasts=[contrast]).values(), folder / f"IXI-{contrast}.tar")
    return [folder / "IXI-T1.tar", folder / "IXI-T2.tar", folder / "IXI-PD.tar"]


def kaggle(folder):
    ixi_tree.pack(ixi_tree.write(folder).values(), folder / "archive.zip", "IXI/all/")
    return [folder]


def mixed(folder):
    ixi_tree.write(folder / "unpacked" / "deep", contrasts=["T1"], packed=False)
    ixi_tree.pack(ixi_tree.write(folder, contrasts=["T2"]).values(), folder / "IXI-T2.tar")
    ixi_tree.pack(ixi_tree.write(folder, contrasts=["PD"]).values(), folder / "IXI-PD.zip")
    return [folder]


@pytest.mark.parametrize("layout", [flat, folders, several_sources, tars, kaggle, mixed])
def test_every_layout_gives_the_same_data_set(layout, tmp_path):
    found = ixi.find(layout(tmp_path / "source"))
    raw_folder.write(found, tmp_path / "IXI", name="IXI")
    dataset = Dataset.load(tmp_path / "IXI")
    assert list(dataset.cases) == SUBJECTS
    assert {name: case.subject for name, case in dataset.cases.items()} == {name: name for name in SUBJECTS}
    assert (dataset.modalities, dataset.reference, dataset.registered) == (("T1", "T2", "PD"), "T1", False)
    assert {name: set(case.images) for name, case in dataset.cases.items() if len(case.images) < 3} == {
        "IXI500": {"T1"}
    }
    assert dataset.about["licence"] == "CC BY-SA 3.0"
    sites = dict(line.split("\t") for line in (tmp_path / "IXI" / "participants.tsv").read_text().splitlines())
    assert sites == {
        "participant_id": "site",
        "IXI002": "Guys",
        "IXI012": "HH",
        "IXI014": "HH",
        "IXI015": "IOP",
        "IXI500": "Guys",
    }
    codes = {modality: Volume.load(path).axcodes for modality, path in dataset.cases["IXI015"].images.items()}
    assert codes == {"T1": "PSR", "T2": "LAS", "PD": "LAS"}
    for name, truth in ixi_tree.write(tmp_path / "truth").items():
        assert found_content(dataset, name) == ixi_tree.voxels(truth)


def found_content(dataset, name):
    """Return the unpacked copy of a scan."""
    return ixi_tree.voxels(dataset.cases[name[:6]].images[name.split("-")[3].split(".")[0]])


def test_other_scans_and_litter_are_no_scans(tmp_path):
    ixi_tree.write(tmp_path, ["IXI012-HH-1211"])
    nifti = (tmp_path / "IXI012-HH-1211-T1.nii.gz").read_bytes()
    for name in (
        "IXI012-HH-1211-MRA.nii.gz",
        "IXI012-HH-1211-DTI-00.nii.gz",
        "._IXI012-HH-1211-T1.nii.gz",
        "IXI013-Oxford-1211-T1.nii.gz",
        "IXI012-HH-1211-T1.nii.gz.part",
    ):
        (tmp_path / name).write_bytes(nifti)
    found = ixi.find([tmp_path])
    assert [(case.name, sorted(case.images)) for case in found.cases] == [("IXI012", ["PD", "T1", "T2"])]
    assert (found.left_out, found.warnings) == ((), ())


def test_users_choose_contrasts_and_spell_subjects_as_they_like(tmp_path, capsys):
    ixi_tree.write(tmp_path / "source")
    (tmp_path / "ids.txt").write_text("IXI002\n012\n15\nIXI500-Guys-1017-T1.nii.gz\n")
    command = ["ixi", str(tmp_path / "source"), "--raw", str(tmp_path / "raw"), "--contrasts", "T1", "T2"]
    assert main([*command, "--subjects", str(tmp_path / "ids.txt"), "--test", "2,IXI012-HH-1211"]) == 0
    dataset = Dataset.load(tmp_path / "raw" / "IXI")
    assert (list(dataset.cases), list(dataset.test)) == (["IXI015", "IXI500"], ["IXI002", "IXI012"])
    assert dataset.modalities == ("T1", "T2")
    assert "warning: IXI014-HH-1236-T2.nii.gz: voxels of 0.90 x 0.90 x 4.98 mm" in capsys.readouterr().err


def test_thick_slices_are_said_by_the_command_and_by_the_check_and_left_out_if_asked(tmp_path):
    ixi_tree.write(tmp_path / "source")
    found = ixi.find([tmp_path / "source"])
    (warning,) = found.warnings
    assert warning.startswith("IXI014-HH-1236-T2.nii.gz: voxels of 0.90 x 0.90 x 4.98 mm where 0.94 x 0.94 x 1.25")
    conversion = raw_folder.write(found, tmp_path / "IXI", name="IXI")
    assert (conversion.left_out, conversion.warnings) == ((), found.warnings)
    odd = [(f.case, f.file) for f in verify(conversion.dataset) if "must have voxels of about" in f.what]
    assert odd == [("IXI014", "IXI014_T2.nii.gz")]

    without = ixi.find([tmp_path / "source"], drop_thick=True)
    assert [(item.case, item.file.name) for item in without.left_out] == [("IXI014", "IXI014-HH-1236-T2.nii.gz")]
    assert without.warnings == ()
    assert {set(case.images) == {"T1", "PD"} for case in without.cases if case.name == "IXI014"} == {True}


def test_a_scan_that_is_there_packed_and_unpacked_is_taken_once_and_said(tmp_path):
    ixi_tree.pack(ixi_tree.write(tmp_path, ["IXI012-HH-1211"]).values(), tmp_path / "IXI-T1.tar")
    ixi_tree.write(tmp_path / "plain", ["IXI012-HH-1211"], ["T2"], packed=False)
    files = ixi_tree.write(tmp_path / "loose", ["IXI012-HH-1211"], ["T1", "T2"])
    found = ixi.find([tmp_path, tmp_path / "loose"])
    assert [set(case.images.values()) for case in found.cases] == [
        {*files.values(), tmp_path / "IXI-T1.tar" / "IXI012-HH-1211-PD.nii.gz"}
    ]
    assert found.left_out == ()
    assert found.warnings == ("3 scans are there twice, as files or in archives; one of each is taken",)


def test_two_sessions_of_one_subject_are_one_case_and_said(tmp_path):
    ixi_tree.write(tmp_path, ["IXI012-HH-1211", "IXI012-HH-1999"], ["T1"])
    found = ixi.find([tmp_path])
    assert [case.images["T1"].name for case in found.cases] == ["IXI012-HH-1211-T1.nii.gz"]
    assert [item.file.name for item in found.left_out] == ["IXI012-HH-1999-T1.nii.gz"]


def test_broken_archives_and_headers_cost_themselves_alone(tmp_path):
    tars(tmp_path)
    half = tmp_path / "IXI-T2.tar"
    half.write_bytes(half.read_bytes()[: half.stat().st_size // 2 + 100])
    (tmp_path / "IXI016-Guys-0697-T1.nii.gz").write_bytes(b"junk")
    conversion = raw_folder.write(ixi.find([tmp_path]), tmp_path / "IXI", name="IXI")
    assert [(item.case, item.file.name) for item in conversion.left_out] == [
        ("", "IXI-T2.tar"),
        ("IXI016", "IXI016-Guys-0697-T1.nii.gz"),
    ]
    assert conversion.dataset.modalities == ("T1", "PD")
    assert list(conversion.dataset.cases) == SUBJECTS


def test_people_are_joined_by_their_number_and_never_by_row(tmp_path):
    ixi_tree.write(tmp_path / "source")
    rows = [
        ixi_tree.COLUMNS,
        (500, 2, 163, 0, 1, "1960", "2005", 47.123),  # weight 0
        (12, 1, 175, 70, 1, "1966", "2005", 38.78),
        (12, 1, 175, 70, 1, "1966", "2005", 38.78),  # twice, the same
        (2, 2, 164, 58, 1, "1969", "2005", 35.8),
        (3, 2, 0, 58, 1, "1969", "2005", 35.8),  # nobody here
        (14, 2, 170, 60, 1, "1971", "2005", 34.0),
        (14, 2, 170, 60, 1, "1971", "2006", 35.2),  # twice, two ages
        (15, 1, 0, 77, 1, None, None, None),  # no age, height 0
    ]
    ixi_tree.write_xls(tmp_path / "IXI.xls", rows)
    found = ixi.find([tmp_path / "source"], demographics=tmp_path / "IXI.xls")
    people = {row.pop("participant_id"): tuple(row.values()) for row in map(dict, found.participants)}
    assert people == {
        "IXI002": ("Guys", "35.8", "F", "164", "58"),
        "IXI012": ("HH", "38.78", "M", "175", "70"),
        "IXI014": ("HH", "n/a", "F", "170", "60"),
        "IXI015": ("IOP", "n/a", "M", "n/a", "77"),
        "IXI500": ("Guys", "47.12", "F", "163", "n/a"),
    }
    assert [w for w in found.warnings if "IXI014 do not agree on age" in w and "2 rows" in w]

    table = "\n".join(";".join("" if c is None else str(c) for c in row) for row in rows[:-1])
    (tmp_path / "people.csv").write_text("\ufeff" + table.replace("\n12;", "\nIXI012;").replace("\n2;", "\n002;"))
    csv = ixi.find([tmp_path / "source"], demographics=tmp_path / "people.csv")
    raw_folder.write(csv, tmp_path / "IXI", name="IXI")
    lines = (tmp_path / "IXI" / "participants.tsv").read_text().splitlines()
    assert lines[0] == "participant_id\tsite\tage\tsex\theight\tweight"
    assert "IXI012\tHH\t38.78\tM\t175\t70" in lines
    assert "IXI002\tGuys\t35.8\tF\t164\t58" in lines
    assert "IXI015\tIOP\tn/a\tn/a\tn/a\tn/a" in lines
    assert "people.csv does not have 1 of 5 subjects" in csv.warnings


def test_mistakes_are_named_in_one_line(tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="must be a folder or an archive with scans of IXI; look at the path"):
        ixi.find([tmp_path / "missing"])
    with pytest.raises(UserError, match="IXI012-HH-1211-T1"):
        ixi.find([tmp_path / "empty"])
    ixi_tree.write(tmp_path / "source", ["IXI012-HH-1211"], ["T1"])
    with pytest.raises(UserError, match=r"IXI012-HH-1211-T2\.nii\.gz"):
        ixi.find([tmp_path / "source"], contrasts=["T2"])
    (tmp_path / "junk.tar").write_bytes(b"junk" * 999)
    with pytest.raises(UserError, match=r"junk\.tar: must be an archive"):
        ixi.find([tmp_path / "junk.tar"])
    for name, content, says in (
        ("missing.xls", None, "look at the path"),
        ("junk.xls", b"junk", "must be an Excel file"),
        ("junk.csv", b"\xff\xd8", "must have the columns IXI_ID"),
        ("other.csv", b"a,b\n1,2\n", "must have the columns IXI_ID"),
        ("empty.csv", b"", "must have the columns IXI_ID"),
    ):
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match=says) as raised:
            ixi.find([tmp_path / "source"], demographics=tmp_path / name)
        assert "\n" not in str(raised.value)
    ixi_tree.write_xls(tmp_path / "IXI.xls", [ixi_tree.COLUMNS])
    monkeypatch.setitem(sys.modules, "xlrd", None)
    with pytest.raises(UserError, match="pip install xlrd"):
        ixi.find([tmp_path / "source"], demographics=tmp_path / "IXI.xls")


@pytest.mark.slow
def test_a_sagittal_t1_and_an_axial_t2_in_another_frame_end_aligned(tmp_path):
    moved = rigid((5, -4, 7), (6, -9, 5))
    landmark = np.array([14.0, 22.0, 10.0])
    sagittal = grid((62, 56, 40), (3, 3, 3.6), axes="PSR")
    axial = grid((50, 60, 40), (3, 3, 3.6), axes="LAS", degrees=(4, -2, 1), middle=(6, -9, 5))
    images = {}
    for modality, where, pose in (("T1", sagittal, np.eye(4)), ("T2", axial, moved)):
        volume, _ = scan(*where, modality, pose=pose, noise=2, stripped=True, landmark=landmark)
        images[modality] = tmp_path / "source" / f"IXI012-HH-1211-{modality}.nii.gz"
        volume.save(images[modality])
    found = ixi.find([tmp_path / "source"])
    dataset = raw_folder.write(found, tmp_path / "IXI", name="IXI").dataset
    settings = PreprocessingPlan(bias="never", skull_strip="none")
    assert align_dataset(dataset, tmp_path / "aligned", settings, processes=0) == []
    store = AlignedStore(tmp_path / "aligned")
    for modality in ("T1", "T2"):
        image = store.image("IXI012", modality)
        assert image.axcodes == "RAS"
        ball = np.argwhere(image.data > 300)
        centre = image.affine[:3, :3] @ ball.mean(axis=0) + image.affine[:3, 3]
        np.testing.assert_allclose(centre, landmark, atol=1.0)
    moving_to_fixed = np.asarray(store.record("IXI012")["scans"]["T2"]["moving_to_fixed"])
    np.testing.assert_allclose(moving_to_fixed @ moved, np.eye(4), atol=1.0)
