"""What the set of hifisyn_predict --augment holds: images, labels, folds, balance, card; read by others too."""

import json
import re
from collections import Counter

import nibabel as nib
import numpy as np
import pytest

from hifisyn.dataset import Dataset
from hifisyn.files import sha256
from hifisyn.json_files import read_json
from hifisyn.participants import read_sites
from hifisyn.synthetic_mark import is_synthetic
from tests.augmentation.conftest import augment
from tests.support.labelled_cohort import NAME_OF_A_PERSON, SITES, SUBJECTS, WITHOUT_T2

REAL = ("a", "b", "c", "d", "f")
COPIES = tuple(f"{case}__synthetic_T2" for case in "abcdef")


def load(path):
    return nib.load(path)


def subject_of(name):
    return SUBJECTS[name.partition("__synthetic_")[0]]


def test_every_labelled_training_case_is_there_as_it_is_and_as_a_copy(made):
    content = read_json(made / "dataset.json")
    assert content["channel_names"] == {"0": "T2"}
    assert sorted(content["dataset"]) == sorted([*REAL, *COPIES])
    assert content["numTraining"] == 11
    assert content["subjects"] == {name: subject_of(name) for name in [*REAL, *COPIES]}
    files = sorted(file.name for file in (made / "imagesTr").glob("*.nii.gz"))
    assert files == sorted(f"{name}_0000.nii.gz" for name in [*REAL, *COPIES])


def test_labels_are_those_of_the_case_on_the_grid_of_every_image(made, raw):
    for name in [*REAL, *COPIES]:
        source = load(raw / "labelsTr" / f"{name[0]}.nii.gz")
        label, image = load(made / "labelsTr" / f"{name}.nii.gz"), load(made / "imagesTr" / f"{name}_0000.nii.gz")
        assert label.get_data_dtype() == source.get_data_dtype()
        assert np.array_equal(np.asanyarray(label.dataobj), np.asanyarray(source.dataobj))
        for other in (label, image):
            np.testing.assert_array_equal(other.affine, source.affine)
            assert [int(other.header[code]) for code in ("sform_code", "qform_code")] == [1, 1]
            np.testing.assert_allclose(other.get_qform(), source.get_qform(), atol=1e-6)


def test_real_scans_keep_their_values_and_copies_look_like_them(made, raw):
    for case in REAL:
        before, after = load(raw / "imagesTr" / f"{case}_T2.nii.gz"), load(made / "imagesTr" / f"{case}_0000.nii.gz")
        np.testing.assert_array_equal(after.get_fdata(), before.get_fdata())
        copy = load(made / "imagesTr" / f"{case}__synthetic_T2_0000.nii.gz").get_fdata()
        inside = load(raw / "labelsTr" / f"{case}.nii.gz").get_fdata() > 0
        assert (copy[~inside] == 0).all()
        assert np.corrcoef(copy[inside], before.get_fdata()[inside])[0, 1] > 0.95


def test_synthetic_images_are_marked_and_tell_their_model(made, model, raw):
    for name in COPIES:
        image = made / "imagesTr" / f"{name}_0000.nii.gz"
        assert is_synthetic(image)
        sidecar = read_json(made / "imagesTr" / f"{name}_0000.json")
        assert sidecar["SourceSHA256"] == sha256(raw / "imagesTr" / f"{name[0]}_T1.nii.gz")
        assert sidecar["Model"] == model.name
    assert not any(is_synthetic(made / "imagesTr" / f"{name}_0000.nii.gz") for name in REAL)


def test_no_text_of_a_header_is_passed_on(made):
    for file in made.rglob("*.nii.gz"):
        assert NAME_OF_A_PERSON not in bytes(load(file).header["descrip"]), file


def test_held_out_cases_are_nowhere(made):
    assert not list(made.rglob("x*"))
    assert "x" not in json.dumps(read_json(made / "splits_final.json"))


def test_a_person_is_on_one_side_and_folds_validate_on_real_images(made):
    folds = read_json(made / "splits_final.json")
    assert len(folds) == 4  # persons with a real T2
    for fold in folds:
        assert fold["val"]
        assert set(fold["val"]) <= set(REAL)
        held = {subject_of(name) for name in fold["val"]}
        assert not held & {subject_of(name) for name in fold["train"]}
        assert set(fold["train"]) == {name for name in [*REAL, *COPIES] if subject_of(name) not in held}
    assert sorted(name for fold in folds for name in fold["val"]) == sorted(REAL)


def test_every_site_counts_the_same_in_every_fold(made):
    for fold in read_json(made / "splits_final.json"):
        sites = Counter(SITES[subject_of(name)] for name in fold["train"])
        assert len(sites) == 2
        assert sites["HH"] == sites["IOP"]
    assert read_sites(made) == SITES


def test_nnunet_keeps_what_stands_twice(made, tmp_path):
    from nnunetv2.training.dataloading.nnunet_dataset import nnUNetDatasetBlosc2

    train = max((fold["train"] for fold in read_json(made / "splits_final.json")), key=len)
    assert len(train) > len(set(train))
    assert Counter(nnUNetDatasetBlosc2(str(tmp_path), list(train)).identifiers) == Counter(train)


@pytest.mark.slow
def test_nnunet_finds_the_set_sound(made):
    from nnunetv2.experiment_planning.verify_dataset_integrity import verify_dataset_integrity

    verify_dataset_integrity(str(made), num_processes=1)


def test_our_own_data_sets_are_read_from_it(made):
    dataset = Dataset.load(made)
    assert set(dataset.cases) == {*REAL, *COPIES}
    assert dataset.cases["a__synthetic_T2"].subject == "P1"


def test_the_card_tells_how_from_whom_by_which_model_and_how_alike(made, model):
    facts, page = read_json(made / "data_card.json"), (made / "data_card.md").read_text()
    assert (facts["real_images"], facts["synthetic_images"], facts["subjects"]) == (5, 6, 5)
    assert facts["left_out"] == {"g": "no label map"}
    (used,) = facts["models"]
    assert used["model"] == model.name
    assert used["from"] == {"T1": 6}
    assert used["sha256"] in page
    found = facts["agreement"]["T2"]
    assert found["cases"] == 5
    assert found["correlation"]["lowest"] > 0.95
    assert found["contrast"]["lesion"]["cases"] == 2  # a and b; e has no T2
    assert found["contrast"]["lesion"]["wrong_sign"] == 0
    assert facts["groups"]["HH"]["drawn_from_in_fold_0"] == facts["groups"]["IOP"]["drawn_from_in_fold_0"]
    for title in ("From whom", "How", "By which model", "Measures", "Folds", "Limits"):
        assert f"\n## {title}\n" in page
    assert "\n\n\n" not in page
    assert re.search(r"hifisyn_predict .*--augment --model", page)


@pytest.mark.slow
def test_several_channels_have_one_synthetic(raw, model, tmp_path):
    out = tmp_path / "Dataset502_MS"
    assert augment(raw, out, model, "--target", "T2", "--nnunet-channels", "t1", "t2") == 0
    assert read_json(out / "dataset.json")["channel_names"] == {"0": "T1", "1": "T2"}
    assert read_json(out / "dataset.json")["synthetic"] == {name: ["T2"] for name in COPIES}
    t1 = load(raw / "imagesTr" / f"{WITHOUT_T2}_T1.nii.gz").get_fdata()
    np.testing.assert_array_equal(load(out / "imagesTr" / "e__synthetic_T2_0000.nii.gz").get_fdata(), t1)
    assert is_synthetic(out / "imagesTr" / "e__synthetic_T2_0001.nii.gz")
    assert not is_synthetic(out / "imagesTr" / "e__synthetic_T2_0000.nii.gz")


@pytest.mark.slow
def test_the_base_model_needs_no_training(raw, tmp_path):
    out = tmp_path / "Dataset503_MS"
    assert augment(raw, out, "base", "--target", "T1", "--balance", "label") == 0
    facts = read_json(out / "data_card.json")
    assert [one["model"] for one in facts["models"]] == ["base@1"]
    assert facts["real_images"] == 6
    assert facts["synthetic_images"] == 5  # e has nothing to start from but T1 itself
    holders = {"a", "b", "e"}
    for fold in read_json(out / "splits_final.json"):
        groups = Counter(name[0] in holders for name in fold["train"])
        assert groups[True] == groups[False]
