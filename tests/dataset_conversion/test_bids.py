"""BIDS data sets in all their shapes: which scan is taken, whose mask and labels, and what is said of the rest."""

import gzip
import json
import shutil

import nibabel as nib
import numpy as np
import pytest

from hifisyn.cli.convert_dataset import main
from hifisyn.dataset import Dataset
from hifisyn.dataset_conversion import bids
from hifisyn.dataset_conversion.bids_dataset import is_bids
from hifisyn.dataset_conversion.bids_selection import Selection, parse_filter, read_filter_file
from hifisyn.errors import UserError
from hifisyn.volume import Volume
from tests.support import bids_tree
from tests.support.bids_validator import errors
from tests.support.heads import truth

ONE = "sub-01/ses-01/anat/sub-01_ses-01"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The data set with its derivatives; tests that change it take a copy."""
    root = bids_tree.build(tmp_path_factory.mktemp("bids") / "cohort")
    bids_tree.add_derivatives(root)
    return root


@pytest.fixture
def copy(built, tmp_path):
    return shutil.copytree(built, tmp_path / "cohort", symlinks=True)


@pytest.fixture(scope="module")
def converted(built, tmp_path_factory):
    raw = tmp_path_factory.mktemp("raw")
    code = main(["bids", str(built), "--name", "COHORT", "--raw", str(raw)])
    return raw / "COHORT", code


def images(found):
    return {case.name: {m: path.name for m, path in case.images.items()} for case in found.cases}


def reasons(found):
    return {item.file.name: item.reason for item in found.left_out}


def filters(*texts):
    return Selection(filters=dict(parse_filter(text) for text in texts))


@pytest.mark.slow
@pytest.mark.parametrize("part", [".", "derivatives/prep", "derivatives/raters"])
def test_the_tree_of_these_tests_is_valid(built, part):
    assert errors(built / part) == []


def test_every_session_is_a_case_with_one_scan_a_contrast(built):
    found = bids.find([built])
    assert images(found) == {
        "sub-01_ses-01": {
            "T1": "sub-01_ses-01_T1w.nii.gz",
            "T2": "sub-01_ses-01_run-1_T2w.nii.gz",
            "FLAIR": "sub-01_ses-01_FLAIR.nii",
            "T1ce": "sub-01_ses-01_ce-gadolinium_T1w.nii.gz",
        },
        "sub-01_ses-02": {"T1": "sub-01_ses-02_T1w.nii.gz", "T2": "sub-01_ses-02_T2w.nii.gz"},
        "sub-02": {
            "T1": "sub-02_acq-mprage_T1w.nii.gz",
            "T2": "sub-02_part-mag_T2w.nii.gz",
            "PD": "sub-02_PDw.nii.gz",
        },
        "sub-03": {"T2": "sub-03_T2w.nii.gz"},
    }
    assert {case.name: case.subject for case in found.cases}["sub-01_ses-02"] == "sub-01"
    assert found.about == {"description": "A cohort", "licence": "CC0", "reference": "doi:10.0000/ds000001"}
    assert found.warnings == ()


def test_a_conversion_from_the_command_line(built, converted):
    folder, code = converted
    assert code == 1
    dataset = Dataset.load(folder)
    assert list(dataset.cases) == ["sub-01_ses-01", "sub-01_ses-02", "sub-02", "sub-03"]
    assert dataset.labels == {"background": 0, "CSF": 1, "GM": 2, "WM": 3, "lesion": 4, "oedema": 5, "necrosis": 6}
    copied = folder / "imagesTr/sub-01_ses-01_T1.nii.gz"
    assert copied.read_bytes() == (built / f"{ONE}_T1w.nii.gz").read_bytes()
    assert (
        gzip.decompress((folder / "imagesTr/sub-01_ses-01_FLAIR.nii.gz").read_bytes())
        == (built / f"{ONE}_FLAIR.nii").read_bytes()
    )
    table = (folder / "participants.tsv").read_text().splitlines()
    assert table == ["participant_id\tage", "sub-01\t31", "sub-02\tn/a", "sub-03\t44"]


def test_tissues_and_lesions_come_on_the_grid_of_the_scan(built, converted):
    folder, _ = converted
    scan, label = (
        Volume.load(path) for path in (built / f"{ONE}_T1w.nii.gz", folder / "labelsTr/sub-01_ses-01.nii.gz")
    )
    assert label.axcodes == scan.axcodes == "PSL"
    assert label.same_grid(scan)
    wanted = truth(scan)
    wanted[bids_tree.ball((10, 12, 9)).data > 0] = 4
    np.testing.assert_array_equal(label.data, wanted)
    assert set(np.unique(label.data)) == {0, 1, 2, 3, 4}


def test_probabilities_become_tissues_and_a_table_names_structures(built, converted):
    folder, _ = converted
    scan = Volume.load(built / "sub-02/anat/sub-02_acq-mprage_T1w.nii.gz")
    label = Volume.load(folder / "labelsTr/sub-02.nii.gz")
    wanted = truth(scan)
    wanted[bids_tree.ball((10, 12, 9)).data > 0] = 5
    wanted[10, 12, 9] = 6
    np.testing.assert_array_equal(label.data, wanted)


def test_lesions_of_a_second_rater_are_not_laid_over_the_first(copy, tmp_path):
    second = copy / "derivatives/second/sub-01/ses-01/anat/sub-01_ses-01_label-tumor_mask.nii.gz"
    bids_tree.save_map(second, bids_tree.ball((14, 12, 9)))
    main(["bids", str(copy), "--name", "COHORT", "--raw", str(tmp_path)])
    assert "tumour" not in Dataset.load(tmp_path / "COHORT").labels
    first = copy / "derivatives/raters"
    main(
        ["bids", str(copy), "--name", "B", "--raw", str(tmp_path), "--derivatives", str(second.parents[3]), str(first)]
    )
    assert "tumour" in Dataset.load(tmp_path / "B").labels
    label = Volume.load(tmp_path / "B/labelsTr/sub-01_ses-01.nii.gz")
    np.testing.assert_array_equal(label.data > 3, bids_tree.ball((14, 12, 9)).data > 0)


def test_a_brain_mask_is_taken_where_it_fits_and_else_named(built, converted):
    cases = {case.name: case for case in bids.find([built]).cases}
    prep = built / "derivatives/prep"
    assert cases["sub-01_ses-01"].brain == prep / f"{ONE}_desc-brain_mask.nii.gz"
    assert cases["sub-01_ses-02"].brain is None
    left_out = reasons(bids.find([built]))
    assert list(left_out) == ["sub-01_ses-02_desc-brain_mask.nii.gz"]
    assert "grid of sub-01_ses-02_T1w.nii.gz" in left_out["sub-01_ses-02_desc-brain_mask.nii.gz"]
    mask = Volume.load(converted[0] / "brainsTr/sub-01_ses-01.nii.gz").canonical()
    assert mask.same_grid(Volume.load(built / f"{ONE}_T1w.nii.gz").canonical())


def test_what_lies_in_template_space_alone_is_named(copy):
    prep = copy / "derivatives/prep"
    (prep / f"{ONE}_desc-brain_mask.nii.gz").unlink()
    found = bids.find([copy])
    name = f"sub-01_ses-01_space-{bids_tree.MNI}_res-2_desc-brain_mask.nii.gz"
    assert f"(got {bids_tree.MNI})" in reasons(found)[name]
    assert found.cases[0].brain is None


def test_values_in_the_order_of_fast_are_refused(copy, tmp_path, capsys):
    file = copy / f"derivatives/prep/{ONE}_dseg.nii.gz"
    head = Volume.load(copy / f"{ONE}_T1w.nii.gz")
    bids_tree.save_map(file, head.with_data(truth(head)))
    assert main(["bids", str(copy), "--name", "COHORT", "--raw", str(tmp_path)]) == 1
    assert "must have the values of the BIDS table" in capsys.readouterr().err
    case = Dataset.load(tmp_path / "COHORT").cases["sub-01_ses-01"]
    assert case.label is None
    assert len(case.images) == 4


def test_a_table_names_the_values_whatever_they_are(copy, tmp_path):
    file = copy / f"derivatives/prep/{ONE}_dseg.nii.gz"
    head = Volume.load(copy / f"{ONE}_T1w.nii.gz")
    bids_tree.save_map(file, head.with_data(truth(head) * 10))
    rows = [{"index": "10", "name": "Cerebrospinal fluid", "mapping": "n/a"}]
    rows += [
        {"index": "20", "name": "ribbon", "mapping": "8"},
        {"index": "30", "name": "White Matter", "mapping": "n/a"},
    ]
    bids_tree.write_table(copy / "derivatives/prep/dseg.tsv", rows)
    assert (
        main(["bids", str(copy), "--name", "COHORT", "--raw", str(tmp_path), "--derivatives", str(file.parents[3])])
        == 1
    )
    label = Volume.load(tmp_path / "COHORT/labelsTr/sub-01_ses-01.nii.gz")
    np.testing.assert_array_equal(label.data, truth(head))


def test_a_parcellation_without_tissues_is_named_where_nothing_else_is_there(copy):
    for file in (copy / "derivatives/prep").glob(f"{ONE}_*dseg.*"):
        if "aseg" not in file.name:
            file.unlink()
    for file in (copy / "derivatives/raters").glob(f"{ONE}_*"):
        file.unlink()
    found = bids.find([copy])
    assert "must have CSF, GM and WM" in reasons(found)["sub-01_ses-01_desc-aseg_dseg.nii.gz"]
    assert found.cases[0].label is None


def test_what_we_made_ourselves_is_no_derivative_to_learn_from(copy):
    shutil.copytree(copy / "derivatives/prep", copy / "derivatives/ahead")
    bids_tree.describe(copy / "derivatives/ahead", "Ours", "derivative", GeneratedBy=[{"Name": "hifisyn"}])
    assert bids.find([copy]).cases[0].brain == copy / f"derivatives/prep/{ONE}_desc-brain_mask.nii.gz"
    named = bids.find([copy], derivatives=[copy / "derivatives/ahead"])
    assert named.cases[0].brain == copy / f"derivatives/ahead/{ONE}_desc-brain_mask.nii.gz"
    assert bids.find([copy], derivatives=[]).cases[0].brain is None


def test_filters_choose_against_the_rule(built):
    found = bids.find([built], filters("T1=acq-space,run-10", "T2=run-2", "FLAIR=acq-none"))
    cases = images(found)
    assert cases["sub-02"]["T1"] == "sub-02_acq-space_run-10_T1w.nii.gz"
    cases_of_two = images(bids.find([built], filters("T1=acq-space,run-2")))
    assert cases_of_two["sub-02"]["T1"] == "sub-02_acq-space_run-02_T1w.nii.gz"
    assert cases["sub-01_ses-01"] == {
        "T2": "sub-01_ses-01_run-2_T2w.nii.gz",
        "T1ce": "sub-01_ses-01_ce-gadolinium_T1w.nii.gz",
    }


def test_contrast_agent_may_be_told_by_a_filter(copy):
    anat = copy / "sub-01/ses-02/anat"
    shutil.copy(anat / "sub-01_ses-02_T1w.nii.gz", anat / "sub-01_ses-02_acq-post_T1w.nii.gz")
    cases = images(bids.find([copy], filters("T1ce=acq-post")))
    assert cases["sub-01_ses-02"]["T1ce"] == "sub-01_ses-02_acq-post_T1w.nii.gz"
    assert cases["sub-01_ses-02"]["T1"] == "sub-01_ses-02_T1w.nii.gz"
    assert cases["sub-01_ses-01"].keys() == {"T1", "T2", "FLAIR"}
    (anat / "sub-01_ses-02_T1w.nii.gz").unlink()
    assert images(bids.find([copy], filters("T1ce=acq-post")))["sub-01_ses-02"].keys() == {"T2", "T1ce"}


def test_what_bidsignore_names_is_not_there(built):
    assert (built / f"{ONE}_acq-scout_T1w.nii.gz").exists()
    assert "T1" not in images(bids.find([built], filters("T1=acq-scout")))["sub-01_ses-01"]


def test_a_filter_file_as_fmriprep_reads_it(built, tmp_path):
    file = tmp_path / "filter.json"
    query = {"datatype": "anat", "suffix": "T1w", "acquisition": "space", "run": [10, 11], "reconstruction": None}
    others = {"bold": {"task": "rest"}, "t2w": {"session": "02"}, "pdw": {"acquisition": "Query.NONE"}}
    file.write_text(json.dumps({"t1w": query, **others}))
    cases = images(bids.find([built], Selection(filters=read_filter_file(file))))
    assert cases == {
        "sub-01_ses-01": {
            "FLAIR": "sub-01_ses-01_FLAIR.nii",
            "T1ce": "sub-01_ses-01_ce-gadolinium_T1w.nii.gz",
        },
        "sub-01_ses-02": {"T2": "sub-01_ses-02_T2w.nii.gz"},
        "sub-02": {"T1": "sub-02_acq-space_run-10_T1w.nii.gz", "PD": "sub-02_PDw.nii.gz"},
    }
    file.write_text(json.dumps({"t1w": {"suffix": "UNIT1"}}))
    assert (
        images(bids.find([built], Selection(filters=read_filter_file(file))))["sub-02"]["T1"] == "sub-02_UNIT1.nii.gz"
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--filter", "T1w"], "as in T1=acq-mprage,run-1"),
        (["--filter", "T7=acq-x"], "T7=acq-x"),
        (["--filter", "T1=mprage"], "T1=mprage"),
        (["--bids-filter-file", "{here}/none.json"], "none.json"),
        (["--bids-filter-file", "{here}/list.json"], "must hold an object"),
        (["--bids-filter-file", "{here}/odd.json"], "must query text, numbers or null"),
        (["--participant-label", "09"], "the subjects 09 are not in the source (got 01, 02, 03)"),
        (["--subjects", "{here}/ids"], "sub-09"),
        (["--session-label", "09"], "(got none that fits)"),
        (["--derivatives", "{here}/none"], "must be a folder, the root of a BIDS data set"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(built, tmp_path, capsys, arguments, says):
    (tmp_path / "list.json").write_text("[]")
    (tmp_path / "odd.json").write_text('{"t1w": {"run": {"a": 1}}}')
    (tmp_path / "ids").write_text("01\n09\n")
    filled = [argument.format(here=tmp_path) for argument in arguments]
    assert main(["bids", str(built), *filled, "--raw", str(tmp_path / "raw")]) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1
    assert not (tmp_path / "raw").exists()


def test_participants_and_sessions_by_label(built, tmp_path):
    arguments = ["bids", str(built), "--raw", str(tmp_path), "--participant-label", "sub-01", "03"]
    assert main([*arguments, "--session-label", "ses-01", "--name", "A", "--derivatives"]) == 0
    assert list(Dataset.load(tmp_path / "A").cases) == ["sub-01_ses-01"]
    ids = tmp_path / "ids"
    ids.write_text("03\nsub-02\n")
    assert (
        main(["bids", str(built), "--raw", str(tmp_path), "--subjects", str(ids), "--name", "B", "--test", "02"]) == 1
    )
    dataset = Dataset.load(tmp_path / "B")
    assert (list(dataset.cases), list(dataset.test)) == (["sub-03"], ["sub-02"])


def test_links_that_lead_nowhere_and_foreign_names_are_named(copy):
    anat = copy / "sub-03/anat"
    (anat / "sub-03_FLAIR.nii.gz").symlink_to(copy / ".git/annex/objects/none")
    shutil.copy(anat / "sub-03_T2w.nii.gz", anat / "sub-30_T2w.nii.gz")
    found = bids.find([copy])
    assert "datalad get" in reasons(found)["sub-03_FLAIR.nii.gz"]
    assert "begins with sub-03" in reasons(found)["sub-30_T2w.nii.gz"]
    assert images(found)["sub-03"] == {"T2": "sub-03_T2w.nii.gz"}


def test_a_broken_scan_costs_itself_alone(copy, tmp_path, capsys):
    (copy / f"{ONE}_T1w.nii.gz").write_bytes(b"no image")
    assert main(["bids", str(copy), "--name", "COHORT", "--raw", str(tmp_path)]) == 1
    assert "sub-01_ses-01_T1w.nii.gz" in capsys.readouterr().err
    cases = Dataset.load(tmp_path / "COHORT").cases
    assert list(cases["sub-01_ses-01"].images) == ["T2", "FLAIR", "T1ce"]
    assert len(cases) == 4


def test_a_broken_derivative_costs_itself_alone(copy):
    mask = copy / f"derivatives/prep/{ONE}_desc-brain_mask.nii.gz"
    mask.write_bytes(mask.read_bytes()[:20])
    found = bids.find([copy])
    assert "broken file" in reasons(found)[mask.name]
    assert found.cases[0].label is not None


def test_a_folder_that_says_less_or_is_another(copy, tmp_path):
    (copy / "dataset_description.json").unlink()
    assert is_bids(copy)
    (warning,) = bids.find([copy]).warnings
    assert "dataset_description.json" in warning
    with pytest.raises(UserError, match=f"name {copy}"):
        bids.find([copy.parent])
    with pytest.raises(UserError, match="must be a folder, the root of a BIDS data set"):
        bids.find([tmp_path / "none"])
    (tmp_path / "empty").mkdir()
    assert not is_bids(tmp_path / "empty")


def test_two_data_sets_do_not_share_participants(built, copy):
    with pytest.raises(UserError, match="sub-01"):
        bids.find([built, copy])


def test_what_is_one_participants_is_not_each_sessions(copy):
    """fMRIPrep writes the average of several sessions without a session; it is no mask of one of them."""
    prep = copy / "derivatives/prep"
    mask = prep / f"{ONE}_desc-brain_mask.nii.gz"
    shared = prep / "sub-01/anat/sub-01_desc-brain_mask.nii.gz"
    shared.parent.mkdir()
    mask.rename(shared)
    found = bids.find([copy])
    assert found.cases[0].brain is None
    assert "of this session" in reasons(found)[shared.name]
    shutil.rmtree(copy / "sub-01/ses-02")
    assert bids.find([copy]).cases[0].brain == shared


def test_preprocessed_scans_where_a_filter_names_them(copy):
    prep = copy / "derivatives/prep"
    shutil.copy(copy / f"{ONE}_T1w.nii.gz", prep / f"{ONE}_desc-preproc_T1w.nii.gz")
    with pytest.raises(UserError, match="none that fits"):
        bids.find([prep])
    (case,) = bids.find([prep], filters("T1=desc-preproc")).cases
    assert case.brain == prep / f"{ONE}_desc-brain_mask.nii.gz"


def test_a_scan_that_is_no_whole_head_image_is_told_by_its_shape(copy, tmp_path):
    file = copy / "sub-03/anat/sub-03_T2w.nii.gz"
    nib.save(nib.Nifti1Image(np.ones((4, 4, 4, 3), np.int16), np.eye(4)), file)
    assert main(["bids", str(copy), "--name", "COHORT", "--raw", str(tmp_path)]) == 1
    assert "sub-03" not in Dataset.load(tmp_path / "COHORT").cases
