"""Which model is taken, which fold and which checkpoint; and what is to be made of a folder of scans."""

import json
from pathlib import Path

import pytest

from hifisyn.errors import UserError
from hifisyn.files import write_json
from hifisyn.inference import translations
from hifisyn.inference.cases import find_cases
from hifisyn.inference.choice import Candidates
from hifisyn.inference.models import find_models, read_model
from hifisyn.inference.translations import channel_order, known_modalities, spelling_of
from hifisyn.paths import model_folder
from hifisyn.plans import Plans, PreprocessingPlan

LABELS = {"background": 0, "CSF": 1, "GM": 2, "WM": 3}


def add_model(
    results: Path,
    first: str = "T1",
    second: str = "T2",
    *,
    dataset: str = "IXI",
    method: str = "HiFiSyn",
    folds: dict[str, tuple[str, ...]] | None = None,
    modalities: tuple[str, ...] = ("T1", "T2", "FLAIR"),
    reference: str = "T1",
) -> Path:
    """Write a model folder with empty checkpoints."""
    folder = model_folder(results, dataset, (first, second), method)
    folder.mkdir(parents=True)
    plans = Plans(
        dataset=dataset,
        modalities=modalities,
        labels=LABELS,
        preprocessing=PreprocessingPlan(reference=reference),
    )
    plans.save(folder / "plans.json")
    write_json(folder / "config.json", {"method": method, "domains": sorted((first, second))})
    for fold, kinds in (folds or {"0": ("best", "final", "latest")}).items():
        (folder / f"fold_{fold}").mkdir()
        for kind in kinds:
            (folder / f"fold_{fold}" / f"checkpoint_{kind}.pt").touch()
    return folder


def cases_of(**cases: str) -> dict[str, dict[str, Path]]:
    """Cases by name, contrasts as one text: cases_of(a="T1 T2")."""
    return {name: {m: Path(f"{name}_{m}.nii.gz") for m in text.split()} for name, text in cases.items()}


def choose(models, present, target):
    choice = Candidates.of(models).best(present, target)
    return choice.model, choice.source


def plan_translations(cases, models, source=None, targets=()):
    plan = translations.plan_translations(cases, Candidates.of(models), source, targets)
    if not plan.translations:
        raise translations.nothing_to_do(cases, Candidates.of(models), plan)
    return plan.translations, plan.failures


def directions(planned) -> list[tuple[str, str, str]]:
    return [(translation.case, translation.source, translation.target) for translation in planned]


def test_a_folder_says_what_it_is(tmp_path):
    model = read_model(add_model(tmp_path, "T2", "T1"))
    assert (model.method, model.dataset, model.domains, model.reference) == ("HiFiSyn", "IXI", ("T1", "T2"), "T1")
    assert [model.sources_of(m) for m in ("T1", "T2", "FLAIR")] == [("T2",), ("T1",), ()]


def test_only_models_with_weights_are_found(tmp_path):
    trained = add_model(tmp_path, "T1", "T2")
    untrained = add_model(tmp_path, "T1", "FLAIR", folds={"0": ()})
    assert [model.folder for model in find_models(tmp_path)] == [trained]
    assert read_model(untrained).checkpoints == ()
    assert find_models(tmp_path / "nowhere") == []


def test_a_model_of_an_earlier_version_is_left_out_with_a_line(tmp_path, caplog):
    trained, old = add_model(tmp_path, "T1", "T2"), add_model(tmp_path, "T1", "FLAIR")
    plans = old / "plans.json"
    plans.write_text(json.dumps(json.loads(plans.read_text()) | {"format": 1}))
    assert [model.folder for model in find_models(tmp_path)] == [trained]
    (line,) = caplog.messages
    assert f"left out: {plans}: format must be 2 (got 1); plan again" in line


@pytest.mark.parametrize(
    ("folds", "fold", "kind", "chosen"),
    [
        ({"1": ("final", "best", "latest"), "3": ("best",)}, None, None, "fold_1/checkpoint_best.pt"),
        ({"10": ("best",), "2": ("latest",)}, None, None, "fold_2/checkpoint_latest.pt"),
        ({"0": ("latest", "final")}, None, None, "fold_0/checkpoint_final.pt"),
        ({"0": ("best", "final"), "1": ("best",)}, 1, None, "fold_1/checkpoint_best.pt"),
        ({"0": ("best",), "1": ("final",)}, None, "final", "fold_1/checkpoint_final.pt"),
        ({"all": ("best",)}, "all", "best", "fold_all/checkpoint_best.pt"),
        ({"all": ("best",), "4": ("latest",)}, None, None, "fold_4/checkpoint_latest.pt"),
    ],
)
def test_lowest_fold_and_best_before_final_before_latest(tmp_path, folds, fold, kind, chosen):
    folder = add_model(tmp_path, folds=folds)
    checkpoint = read_model(folder).checkpoint(fold, kind)
    assert checkpoint.file == folder / chosen
    assert f"fold_{checkpoint.fold}/checkpoint_{checkpoint.kind}.pt" == chosen


@pytest.mark.parametrize(
    ("fold", "kind", "words"), [(7, None, "fold 7"), (None, "final", "final"), ("all", None, "all")]
)
def test_missing_weights_are_named_beside_those_there(tmp_path, fold, kind, words):
    folder = add_model(tmp_path, folds={"0": ("best",), "2": ("latest",)})
    with pytest.raises(UserError) as error:
        read_model(folder).checkpoint(fold, kind)
    assert words in error.value.what
    assert error.value.got == "fold 0 best, fold 2 latest"


def test_no_model_folder_is_refused(tmp_path):
    with pytest.raises(UserError, match="must be a model folder"):
        read_model(tmp_path)
    folder = add_model(tmp_path)
    write_json(folder / "config.json", {"method": "HiFiSyn"})
    with pytest.raises(UserError, match="must have a method and two or more domains"):
        read_model(folder)


def test_the_only_model_is_chosen_and_either_direction_will_do(tmp_path):
    add_model(tmp_path, "T1", "T2")
    models = find_models(tmp_path)
    assert choose(models, ["T1"], "T2") == (models[0], "T1")
    assert choose(models, ["T2", "FLAIR"], "T1") == (models[0], "T2")


def test_several_methods_are_listed_with_what_to_type(tmp_path):
    one, two = add_model(tmp_path, method="CycleGAN"), add_model(tmp_path, method="MUNIT")
    with pytest.raises(UserError) as error:
        choose(find_models(tmp_path), ["T1"], "T2")
    assert error.value.what == "several methods generate T2 from T1"
    assert error.value.got == "CycleGAN, MUNIT"
    assert f"--model {one}" in error.value.hint
    assert f"--model {two}" in error.value.hint


def trained_for(folder: Path, iterations: int, fold: int = 0) -> Path:
    """Leave the logbook of a training."""
    (folder / f"fold_{fold}" / "metrics.csv").write_text(f"epoch,iteration,seconds\n1,5,1.0\n2,{iterations},1.0\n")
    return folder


def validated(folder: Path, fold: int = 0, **scores: float | None) -> Path:
    """Leave the validation of a training, SSIM in the brain by direction."""
    mean = {f"{key}/{name}": value for key, value in scores.items() for name in ("ssim_brain", "psnr")}
    (folder / f"fold_{fold}" / "validation").mkdir()
    write_json(folder / f"fold_{fold}" / "validation" / "summary.json", {"mean": mean})
    return folder


def test_the_longest_training_is_taken_and_the_others_are_named(tmp_path):
    short = trained_for(add_model(tmp_path, dataset="A"), 1000)
    long = trained_for(add_model(tmp_path, dataset="B"), 30000)
    killed = trained_for(add_model(tmp_path, dataset="C", folds={"0": ("latest",)}), 20000)
    add_model(tmp_path, "T2", "FLAIR")
    choice = Candidates.of(find_models(tmp_path)).best(["T1", "FLAIR"], "T2")
    assert (choice.model.folder, choice.source) == (long, "T1")
    assert [other.model.folder for other in choice.others] == [short, killed]
    only = Candidates.of(find_models(tmp_path), kinds="latest").best(["T1", "FLAIR"], "T2")
    assert only.model.folder == long


def test_without_a_logbook_the_plans_tell_the_length(tmp_path):
    short, long = add_model(tmp_path, dataset="A"), add_model(tmp_path, dataset="B")
    Plans.load(long / "plans.json").override(["length.epochs=300"]).save(long / "plans.json")
    trained_for(short, 299 * 250)
    assert choose(find_models(tmp_path), ["T1"], "T2")[0].folder == long
    trained_for(short, 301 * 250)
    assert choose(find_models(tmp_path), ["T1"], "T2")[0].folder == short


def test_a_training_without_the_requested_weights_comes_last_and_is_known_to_lack_them(tmp_path):
    trained_for(add_model(tmp_path, dataset="A"), 30000)
    has = add_model(tmp_path, dataset="B", folds={"0": ("best",), "1": ("best",)})
    trained_for(has, 1000)
    trained_for(has, 900, fold=1)
    chosen = Candidates.of(find_models(tmp_path), folds=[0, 1]).best(["T1"], "T2")
    assert chosen.model.folder == has
    assert [other.weights for other in chosen.others] == [None]


def test_an_ablation_of_equal_length_is_not_taken(tmp_path):
    whole = add_model(tmp_path, dataset="B")
    part = add_model(tmp_path, dataset="A")
    changed = {"method": "HiFiSyn", "domains": ["T1", "T2"], "changed": {"settings.losses.sgd": 0.0}}
    write_json(part / "config.json", changed)
    assert choose(find_models(tmp_path), ["T1"], "T2")[0].folder == whole
    longer = changed | {"changed": {"length.epochs": 3}}
    write_json(part / "config.json", longer)
    assert choose(find_models(tmp_path), ["T1"], "T2")[0].folder == part


def test_the_recommended_method_goes_before_longer_ones(tmp_path):
    ours = trained_for(add_model(tmp_path), 100)
    for method in ("CycleGAN", "MUNIT"):
        trained_for(add_model(tmp_path, method=method), 30000)
    choice = Candidates.of(find_models(tmp_path)).best(["T1"], "T2")
    assert choice.model.folder == ours
    assert [other.model.method for other in choice.others] == ["CycleGAN", "MUNIT"]


def test_one_other_method_alone_is_taken(tmp_path):
    trained_for(add_model(tmp_path, method="MUNIT", dataset="A"), 100)
    long = trained_for(add_model(tmp_path, method="MUNIT", dataset="B"), 200)
    add_model(tmp_path, "T1", "FLAIR")
    assert choose(find_models(tmp_path), ["T1"], "T2")[0].folder == long


def test_the_source_that_came_out_best_in_validation_is_taken(tmp_path):
    validated(add_model(tmp_path, "T1", "FLAIR"), T1_to_FLAIR=0.80, FLAIR_to_T1=0.99)
    validated(add_model(tmp_path, "T2", "FLAIR"), T2_to_FLAIR=0.85, FLAIR_to_T2=0.70)
    models = find_models(tmp_path)
    assert choose(models, ["T1", "T2"], "FLAIR")[1] == "T2"
    assert choose(models, ["T1"], "FLAIR")[1] == "T1"


def test_the_validation_of_the_chosen_folds_counts(tmp_path):
    folder = add_model(tmp_path, "T1", "FLAIR", folds={"0": ("best",), "1": ("best",)})
    validated(folder, T1_to_FLAIR=0.80)
    validated(folder, 1, T1_to_FLAIR=0.90)
    validated(add_model(tmp_path, "T2", "FLAIR", folds={"0": ("best",), "1": ("best",)}), T2_to_FLAIR=0.83)
    validated(tmp_path / "IXI" / "FLAIR_T2" / folder.name, 1, T2_to_FLAIR=0.84)
    models = find_models(tmp_path)
    sources = {folds: Candidates.of(models, folds).best(["T1", "T2"], "FLAIR").source for folds in (None, 0, 1, (0, 1))}
    assert sources == {None: "T2", 0: "T2", 1: "T1", (0, 1): "T1"}


def without_pairs(folder: Path, key: str, **parts: float) -> Path:
    """Leave the validation of a training whose validation cases held no pair."""
    (folder / "fold_0" / "validation").mkdir()
    mean = {f"{key}/{name}": value for name, value in parts.items()}
    write_json(folder / "fold_0" / "validation" / "summary.json", {"mean": mean})
    return folder


def test_without_pairs_the_source_with_the_higher_unpaired_score_is_taken(tmp_path):
    without_pairs(add_model(tmp_path, "T1", "FLAIR"), "T1_to_FLAIR", tissue_statistics=0.8, cycle=0.7)
    without_pairs(add_model(tmp_path, "T2", "FLAIR"), "T2_to_FLAIR", tissue_statistics=0.9, cycle=0.7)
    assert choose(find_models(tmp_path), ["T1", "T2"], "FLAIR")[1] == "T2"


def test_parts_that_one_source_lacks_do_not_count(tmp_path):
    """Agreement with the base model, unknown from DWI, is far below the tissue statistics and lowers a mean."""
    parts = {"tissue_statistics": 0.9, "base_agreement": 0.2}
    without_pairs(add_model(tmp_path, "T2", "FLAIR"), "T2_to_FLAIR", **parts)
    without_pairs(add_model(tmp_path, "DWI", "FLAIR"), "DWI_to_FLAIR", tissue_statistics=0.7)
    assert choose(find_models(tmp_path), ["DWI", "T2"], "FLAIR")[1] == "T2"


def test_ssim_on_pairs_goes_before_a_score_without(tmp_path):
    validated(add_model(tmp_path, "T1", "FLAIR"), T1_to_FLAIR=0.40)
    without_pairs(add_model(tmp_path, "T2", "FLAIR"), "T2_to_FLAIR", tissue_statistics=0.9)
    assert choose(find_models(tmp_path), ["T2", "T1"], "FLAIR")[1] == "T1"


@pytest.mark.parametrize("broken", ["{", "[]", '{"mean": 3}', '{"mean": {"T2_to_FLAIR/ssim_brain": null}}'])
def test_where_validation_says_nothing_the_reference_goes_first(tmp_path, broken):
    folder = validated(add_model(tmp_path, "T2", "FLAIR"))
    (folder / "fold_0" / "validation" / "summary.json").write_text(broken)
    add_model(tmp_path, "T1", "FLAIR")
    assert choose(find_models(tmp_path), ["T2", "T1"], "FLAIR")[1] == "T1"


def test_what_no_model_generates_is_listed_with_the_training_that_would_help(tmp_path):
    add_model(tmp_path, "T1", "T2")
    cases = cases_of(a="T1", b="T1 T2", c="T2 T1", d="T1 T2", e="T1 T2 FLAIR", f="T2", g="PD")
    plan = translations.plan_translations(cases, Candidates.of(find_models(tmp_path)))
    assert [str(gap) for gap in plan.gaps] == [
        "1 case lacks FLAIR and has T1: no trained model generates it; train one: hifisyn_train IXI T1 FLAIR fold0",
        "3 cases lack FLAIR and have T1, T2: no trained model generates it; "
        "train one: hifisyn_train IXI T1 FLAIR fold0",
        "1 case lacks FLAIR and has T2: no trained model generates it; train one: hifisyn_train IXI T2 FLAIR fold0",
        "1 case lacks FLAIR and has PD: no trained model generates it",
    ]
    assert plan.gaps[1].cases == ("b", "c", "d")
    assert [(failure.case, failure.target) for failure in plan.failures] == [("g", "T1"), ("g", "T2")]
    with pytest.raises(UserError, match="train one: hifisyn_train IXI T1 FLAIR fold0"):
        plan_translations(cases_of(a="T1 T2"), find_models(tmp_path))


def test_of_models_that_the_user_named_only_these_are_spoken_of(tmp_path):
    add_model(tmp_path, "T1", "T2")
    candidates = Candidates.of(find_models(tmp_path), named=True)
    plan = translations.plan_translations(cases_of(a="T1", b="PD"), candidates)
    assert [str(gap) for gap in plan.gaps] == [
        "1 case lacks FLAIR and has T1: no model of --model generates it; "
        "leave out --model to choose from all trained models, or train one: hifisyn_train IXI T1 FLAIR fold0",
        "1 case lacks FLAIR and has PD: no model of --model generates it; "
        "leave out --model to choose from all trained models",
    ]
    assert plan.failures[0].problem == "no model of --model generates T1 from PD"
    with pytest.raises(UserError) as error:
        candidates.best(["T1"], "FLAIR")
    assert error.value.what == "no model of --model generates FLAIR from T1"
    assert error.value.hint == "leave out --model to choose from all trained models"


def test_without_a_model_that_fits_all_are_listed(tmp_path):
    folder = add_model(tmp_path, "T1", "T2")
    with pytest.raises(UserError, match="no trained model generates FLAIR from T1") as error:
        choose(find_models(tmp_path), ["T1"], "FLAIR")
    assert str(folder) in str(error.value)
    with pytest.raises(UserError, match="got no model"):
        choose([], ["T1"], "T2")


def test_the_reference_is_the_first_choice_of_source(tmp_path):
    add_model(tmp_path, "T2", "FLAIR")
    add_model(tmp_path, "T1", "FLAIR")
    models = find_models(tmp_path)
    assert choose(models, ["T2", "T1"], "FLAIR")[1] == "T1"
    assert choose(models, ["T2"], "FLAIR")[1] == "T2"


def test_without_the_reference_the_first_one_given_is_the_source(tmp_path):
    add_model(tmp_path, "T2", "FLAIR")
    add_model(tmp_path, "FLAIR", "PD", modalities=("T1", "T2", "FLAIR", "PD"))
    add_model(tmp_path, "T2", "PD", modalities=("T1", "T2", "FLAIR", "PD"))
    models = find_models(tmp_path)
    assert choose(models, ["FLAIR", "T2"], "PD")[1] == "FLAIR"
    assert choose(models, ["T2", "FLAIR"], "PD")[1] == "T2"


def test_a_whole_cohort_is_completed_by_several_models(tmp_path):
    add_model(tmp_path, "T1", "T2")
    add_model(tmp_path, "T1", "FLAIR")
    cases = cases_of(a="T1", b="T1 T2", c="T1 T2 FLAIR", d="FLAIR")
    planned, failures = plan_translations(cases, find_models(tmp_path))
    assert directions(planned) == [("a", "T1", "T2"), ("a", "T1", "FLAIR"), ("b", "T1", "FLAIR"), ("d", "FLAIR", "T1")]
    assert failures == []
    assert planned[2].model.domains == ("FLAIR", "T1")
    assert planned[0].file == Path("a_T1.nii.gz")


def test_a_case_that_gets_nothing_is_a_failure(tmp_path):
    add_model(tmp_path, "T1", "T2")
    planned, failures = plan_translations(cases_of(a="T1", b="PD"), find_models(tmp_path))
    assert directions(planned) == [("a", "T1", "T2")]
    assert [(f.case, f.target) for f in failures] == [("b", "T1"), ("b", "T2")]
    assert "no trained model generates T2 from PD" in failures[1].problem


def test_a_target_that_is_requested_is_generated_though_there_is_one(tmp_path):
    add_model(tmp_path, "T1", "T2")
    models = find_models(tmp_path)
    planned, failures = plan_translations(cases_of(a="T1 T2", b="T2"), models, targets=["T2"])
    assert directions(planned) == [("a", "T1", "T2")]
    assert [(f.case, f.target) for f in failures] == [("b", "T2")]


def test_source_restricts(tmp_path):
    add_model(tmp_path, "T1", "FLAIR")
    add_model(tmp_path, "T2", "FLAIR")
    models = find_models(tmp_path)
    planned, failures = plan_translations(cases_of(a="T1 T2", b="T1"), models, source="T2", targets=["FLAIR"])
    assert directions(planned) == [("a", "T2", "FLAIR")]
    assert [f.problem for f in failures] == ["there is no T2 to start from, only T1"]


def test_nothing_to_do_is_an_error(tmp_path):
    add_model(tmp_path, "T1", "T2")
    models = find_models(tmp_path)
    with pytest.raises(UserError, match="name what to generate, as in --target"):
        plan_translations(cases_of(a="T1 T2"), models)
    with pytest.raises(UserError, match="no trained model starts from PD"):
        plan_translations(cases_of(a="PD"), models)


def test_modalities_may_be_typed_in_any_case(tmp_path):
    add_model(tmp_path, "T1", "T1ce", modalities=("T1", "T1ce"))
    models = find_models(tmp_path)
    assert [spelling_of(name, models) for name in ("t1", "T1CE")] == ["T1", "T1ce"]
    with pytest.raises(UserError) as error:
        spelling_of("CT", models)
    assert (error.value.got, error.value.hint) == ("CT", "choose of T1, T1ce")


def test_channel_numbers_need_models_that_agree(tmp_path):
    add_model(tmp_path, "T1", "T2")
    assert channel_order(find_models(tmp_path)) == ("T1", "T2", "FLAIR")
    add_model(tmp_path, "T2", "T1", dataset="BraTS", modalities=("T2", "T1"))
    assert channel_order(find_models(tmp_path)) == ()
    assert known_modalities(find_models(tmp_path)) == ["T1", "T2"]


def grouped(folder: Path, names: str, source: str | None = None, channels=("T1", "T2")):
    for name in names.split():
        (folder / name).touch()
    inputs = find_cases(folder, channels, source)
    return {case: {m: file.name for m, file in images.items()} for case, images in inputs.cases.items()}, inputs


def test_names_say_case_and_contrast(tmp_path):
    cases, inputs = grouped(tmp_path, "b_FLAIR.nii.gz a_T1.nii.gz a_t2.nii c.nii.gz notes.txt .hidden_T1.nii.gz")
    assert cases == {"a": {"T1": "a_T1.nii.gz", "T2": "a_t2.nii"}, "b": {"FLAIR": "b_FLAIR.nii.gz"}}
    assert list(cases) == ["a", "b"]
    assert [file.name for file in inputs.left_out] == ["c.nii.gz"]


def test_what_was_synthesised_is_no_scan(tmp_path):
    write_json(tmp_path / "a_T2.json", {"Synthetic": True})
    write_json(tmp_path / "a_T1.json", {"EchoTime": 0.01})
    (tmp_path / "b_T2.json").write_text("no json")
    cases, inputs = grouped(tmp_path, "a_T1.nii.gz a_T2.nii.gz b_T2.nii.gz")
    assert cases == {"a": {"T1": "a_T1.nii.gz"}, "b": {"T2": "b_T2.nii.gz"}}
    assert inputs.left_out == {tmp_path / "a_T2.nii.gz": "synthetic"}
    with pytest.raises(UserError, match=r"got a_T2.nii.gz"):
        find_cases(tmp_path / "a_T2.nii.gz", ("T1", "T2"))


def test_a_link_to_nowhere_is_a_file_all_the_same(tmp_path):
    (tmp_path / "a_T1.nii.gz").symlink_to(tmp_path / "gone")
    assert list(grouped(tmp_path, "")[0]) == ["a"]


def test_channel_numbers_are_read_in_the_models_order(tmp_path):
    cases, inputs = grouped(tmp_path, "a_0000.nii.gz a_0001.nii.gz b_0002.nii.gz", channels=("FLAIR", "T1"))
    assert cases == {"a": {"FLAIR": "a_0000.nii.gz", "T1": "a_0001.nii.gz"}}
    assert [file.name for file in inputs.left_out] == ["b_0002.nii.gz"]


def test_with_a_source_any_name_is_a_case(tmp_path):
    cases, _ = grouped(tmp_path, "x.nii.gz sub-02.nii y_T2.nii.gz", source="T1")
    assert cases == {"sub-02": {"T1": "sub-02.nii"}, "x": {"T1": "x.nii.gz"}, "y": {"T2": "y_T2.nii.gz"}}


def test_with_a_source_running_numbers_are_no_channels(tmp_path):
    cases, _ = grouped(tmp_path, "s_0001.nii.gz s_0002.nii.gz s_0003.nii.gz", source="T1")
    assert list(cases) == ["s_0001", "s_0002", "s_0003"]


def test_two_files_for_one_contrast_of_a_case_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"case a must have one T1 \(got a_T1.nii and a_T1.nii.gz\)"):
        grouped(tmp_path, "a_T1.nii a_T1.nii.gz")


@pytest.mark.parametrize(
    ("names", "words"),
    [("", "got nothing"), ("a.txt b.dcm", "got a.txt, b.dcm"), ("a.nii.gz b.nii.gz", "--source T1")],
)
def test_a_folder_without_usable_names_says_what_was_seen(tmp_path, names, words):
    with pytest.raises(UserError, match=words):
        grouped(tmp_path, names)


def test_one_file(tmp_path):
    for name in ("a_T2.nii.gz", "b.nii.gz", "b_0001.nii.gz", "c.nrrd"):
        (tmp_path / name).touch()
    both = ("T1", "T2")
    assert list(find_cases(tmp_path / "a_T2.nii.gz", both).cases["a"]) == ["T2"]
    assert list(find_cases(tmp_path / "b.nii.gz", both, "T1").cases["b"]) == ["T1"]
    assert list(find_cases(tmp_path / "b_0001.nii.gz", both).cases["b"]) == ["T2"]
    assert list(find_cases(tmp_path / "b_0001.nii.gz", both, "T1").cases["b_0001"]) == ["T1"]
    for name, source, words in (
        ("a_T2.nii.gz", "T1", "got a T2 by its name"),
        ("b.nii.gz", None, "--source T1"),
        ("c.nrrd", "T1", "must be a NIfTI file"),
        ("missing.nii.gz", None, "does not exist"),
    ):
        with pytest.raises(UserError, match=words):
            find_cases(tmp_path / name, both, source)
