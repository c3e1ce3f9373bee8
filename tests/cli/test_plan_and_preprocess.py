import csv
import json
import subprocess
import sys

import numpy as np
import pytest

from hifisyn.cli.plan_and_preprocess import main
from hifisyn.dataset import Case, Dataset
from hifisyn.files import write_json, write_text
from hifisyn.json_files import read_json
from hifisyn.planning.planner import SET_BY_HAND
from hifisyn.plans import Plans
from hifisyn.raw_files import image_path, label_path
from hifisyn.slices import SliceStore
from hifisyn.volume import Volume

LABELS = {"background": 0, "CSF": 1, "GM": 2, "WM": 3}
SMALL = ["--device", "cpu", "--cores", "1", "--minutes", "1", "-np", "1"]


def phantom(seed):
    """A nested ellipsoid of CSF, GM and WM in 5 mm voxels, stripped: T1, T2, labels."""
    random = np.random.default_rng(seed)
    shape = (34, 40, 30)
    radii = np.array([13.0, 16, 11]) * random.uniform(0.95, 1.0)
    place = (np.indices(shape).reshape(3, -1).T - (np.array(shape) - 1) / 2) / radii
    r = np.linalg.norm(place, axis=1).reshape(shape)
    label = np.select([r < 0.5, r < 0.8, r < 1], [3, 2, 1]).astype(np.uint8)
    noise = random.normal(0, 5, shape)
    t1 = np.select([label == v for v in (1, 2, 3)], [80, 160, 240]) + noise * (label > 0)
    t2 = np.select([label == v for v in (1, 2, 3)], [300, 180, 120]) + noise * (label > 0)
    affine = np.diag([5.0, 5, 5, 1])
    return [Volume(a, affine) for a in (t1.astype(np.float32), t2.astype(np.float32), label)]


def write_case(raw, name, seed, test=False):
    t1, t2, label = phantom(seed)
    images = {m: image_path(raw, name, m, test=test) for m in ("T1", "T2")}
    for modality, volume in (("T1", t1), ("T2", t2)):
        volume.save(images[modality], overwrite=True)
    label.save(label_path(raw, name, test=test), overwrite=True)
    return Case(name, name, images, label_path(raw, name, test=test))


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A raw data set TOY of four subjects and one held out; the roots below one folder."""
    monkeypatch.setenv("hifisyn_home", str(tmp_path))
    for variable in ("hifisyn_raw", "hifisyn_preprocessed", "hifisyn_results"):
        monkeypatch.delenv(variable, raising=False)
    raw = tmp_path / "hifisyn_raw" / "TOY"
    cases = {name: write_case(raw, name, seed) for seed, name in enumerate(["A", "B", "C", "D"])}
    test = {"X": write_case(raw, "X", 9, test=True)}
    prepared = Dataset(
        "TOY", ("T1", "T2"), LABELS, cases, test, skull_stripped=True, registered=True, bias_corrected=True
    )
    prepared.save(raw)
    return tmp_path


@pytest.fixture
def blank_pictures(monkeypatch):
    """Pictures without content: drawing them takes most of the time, and other tests look at them and at the page."""
    monkeypatch.setattr(
        "hifisyn.quality.qc.write_cohort_page", lambda folder, *_, **__: write_text(folder / "qc.html", "")
    )
    monkeypatch.setattr("hifisyn.quality.drawing.draw_case", lambda path, *_, **__: write_text(path, ""))


def folder(home):
    return home / "hifisyn_preprocessed" / "TOY"


def run(*words):
    return main(["-d", "TOY", *SMALL, *words])


def times(home):
    return {path: path.stat().st_mtime_ns for path in folder(home).rglob("*") if path.is_file()}


@pytest.mark.slow
def test_from_raw_scans_to_slices_and_the_next_command(home, capsys):
    assert run() == 0
    out = capsys.readouterr().out
    assert "hifisyn_train TOY T1 T2 fold0" in out
    assert "memory    20 slots" in out
    assert "way       the base model first, HiFiSyn where it beats it (4 training subjects with T1" in out
    assert f"hifisyn_predict -i {home / 'hifisyn_raw' / 'TOY' / 'imagesTs'} -o synth/ --source T1 --target T2" in out
    splits = read_json(folder(home) / "splits_final.json")
    assert splits["test"] == ["X"]
    assert len(splits["folds"]) == 4
    fingerprint = read_json(folder(home) / "dataset_fingerprint.json")
    assert fingerprint["cases"] == ["A", "B", "C", "D"]
    plans = Plans.load(folder(home) / "plans.json")
    assert plans.fingerprint == fingerprint["digest"]
    assert plans.way == "base first"
    assert "4 training subjects" in plans.reasons["way"]
    assert plans.preprocessing.skull_strip == "none"
    store = SliceStore(folder(home) / "plans_2d")
    assert store.cases() == ["A", "B", "C", "D", "X"]
    assert store.image("X", "T2").shape[1:] == (plans.slices.size, plans.slices.size)
    assert sorted(path.name for path in (folder(home) / "pictures").iterdir()) == [f"{c}.png" for c in "ABCDX"]
    assert read_json(folder(home) / "dataset.json")["numTraining"] == 4


@pytest.mark.slow
def test_a_second_run_changes_nothing(home, capsys, blank_pictures):
    assert run() == 0
    before = times(home)
    assert run() == 0
    assert "kept as it is" in capsys.readouterr().out
    changed = {path.name for path, time in times(home).items() if before.get(path) != time}
    assert changed == set()


@pytest.mark.slow
def test_edited_plans_are_kept_and_the_slices_cut_by_them(home, capsys, blank_pictures):
    assert run() == 0
    path = folder(home) / "plans.json"
    plans = Plans.load(path).override(["pixel_mm=4", "epochs=3"])
    plans.save(path)
    text = path.read_text()
    before = times(home)
    assert run("--minutes", "9") == 0
    assert path.read_text() == text
    changed = {p.relative_to(folder(home)).parts[0] for p, t in times(home).items() if before.get(p) != t}
    assert changed <= {"plans_2d", "ledger", "qc.html", "qc.tsv"}
    record = SliceStore(folder(home) / "plans_2d").record("A")
    assert np.linalg.norm(np.array(record["slice_grid"]["affine"])[:3, 0]) == pytest.approx(4)


def test_edited_plans_that_cannot_work_are_refused(home, capsys):
    assert run("--no-slices") == 0
    path = folder(home) / "plans.json"
    write_json(path, read_json(path) | {"batch": 3})
    assert run("--no-slices") == 2
    assert "batch is no key of the plans" in capsys.readouterr().err


@pytest.mark.slow
def test_overwrite_plans_again_and_other_plans_stand_beside(home, blank_pictures):
    assert run("--no-slices") == 0
    assert run("--no-slices", "--overwrite", "--set", "lr=1e-3") == 0
    assert Plans.load(folder(home) / "plans.json").optimisation.lr == 1e-3
    assert run("--plans-name", "literal", "--preset", "literal") == 0
    assert Plans.load(folder(home) / "literal.json").preset == "literal"
    assert (folder(home) / "literal_2d" / "A.json").exists()
    assert Plans.load(folder(home) / "plans.json").preset == "recommended"


def test_another_method_plans_itself_and_is_named_in_the_next_command(home, capsys):
    assert run("--no-slices", "-tr", "CycleGAN", "--set", "settings.cycle=5") == 0
    out = capsys.readouterr().out
    assert "hifisyn_train TOY T1 T2 fold0 -tr CycleGAN" in out
    assert "method CycleGAN" in out
    assert "slots" not in out
    plans = Plans.load(folder(home) / "plans.json")
    assert plans.method == "CycleGAN"
    assert set(plans.settings) == {"networks", "blocks", "cycle", "identity", "pool"}
    assert plans.settings["cycle"] == 5
    assert plans.reasons["settings.cycle"] == SET_BY_HAND
    assert run("--no-slices", "--plans-name", "ours") == 0
    ours = Plans.load(folder(home) / "ours.json")
    assert (ours.method, ours.slices, ours.length) == ("HiFiSyn", plans.slices, plans.length)
    capsys.readouterr()
    assert run("--no-slices") == 0
    assert "hifisyn_train TOY T1 T2 fold0 -tr CycleGAN" in capsys.readouterr().out


def test_an_unknown_method_is_refused_with_those_there_are(home, capsys):
    assert run("--no-slices", "-tr", "CycelGAN") == 2
    assert "did you mean CycleGAN" in capsys.readouterr().err


def test_the_preset_paper_is_full_size_on_any_device(home, capsys):
    assert run("--no-slices", "--preset", "paper") == 0
    plans = Plans.load(folder(home) / "plans.json")
    assert (plans.preset, plans.slices.crop, plans.settings["networks"]["width"]) == ("paper", 216, 64)
    assert (plans.length.total, plans.optimisation.average) == (1_500_000, 0)
    assert "preset paper, method HiFiSyn" in capsys.readouterr().out


def test_the_length_of_another_work_is_taken_and_told(home, capsys):
    assert run("--no-slices", "--preset", "paper", "--length", "nnunet") == 0
    assert Plans.load(folder(home) / "plans.json").length.total == 750_000
    told = next(line for line in capsys.readouterr().out.splitlines() if "1000 epochs of 750 steps" in line)
    assert "by an estimate" in told
    assert "nnU-Net's" in told
    assert run("--no-slices", "--overwrite", "--device", "cpu", "--length", "mguit") == 2
    assert "--length mguit must stand beside a plan without a time limit" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("key", "message"),
    [("pool", "settings.pool is no key of the plans"), ("losses", "settings.losses must be")],
)
def test_edited_settings_that_the_method_lacks_are_refused_by_file_and_key(home, capsys, key, message):
    assert run("--no-slices") == 0
    path = folder(home) / "plans.json"
    content = read_json(path)
    write_json(path, content | {"settings": content["settings"] | {key: 3}})
    assert run("--no-slices") == 2
    assert f"{path}: {message}" in capsys.readouterr().err


def test_plans_of_the_earlier_format_are_refused_with_what_to_do(home, capsys):
    assert run("--no-slices") == 0
    path = folder(home) / "plans.json"
    write_json(path, read_json(path) | {"format": 1})
    assert run("--no-slices") == 2
    told = capsys.readouterr().err
    assert "format must be 2 (got 1); plan again with hifisyn_plan_and_preprocess -d TOY --overwrite" in told
    assert run("--no-slices", "--overwrite") == 0


def test_a_broken_case_is_left_out_and_named(home, capsys, blank_pictures):
    image_path(home / "hifisyn_raw" / "TOY", "B", "T2").write_bytes(b"broken")
    assert run() == 1
    assert "B     verify  B_T2.nii.gz must be a NIfTI image" in capsys.readouterr().err
    rows = list(csv.DictReader((folder(home) / "verification.csv").open()))
    assert [(row["case"], row["file"], row["severity"]) for row in rows] == [("B", "B_T2.nii.gz", "error")]
    assert SliceStore(folder(home) / "plans_2d").cases() == ["A", "C", "D", "X"]
    assert "B" not in json.dumps(read_json(folder(home) / "splits_final.json"))


def test_nothing_usable_is_refused(home, capsys):
    for name in "ABCD":
        image_path(home / "hifisyn_raw" / "TOY", name, "T2").write_bytes(b"broken")
    assert run() == 2
    assert "data set TOY has no usable training cases; see " in capsys.readouterr().err


def test_a_changed_data_set_is_noticed(home, capsys):
    assert run("--no-slices") == 0
    first = read_json(folder(home) / "dataset_fingerprint.json")
    t1 = phantom(77)[0]
    t1.save(image_path(home / "hifisyn_raw" / "TOY", "B", "T1"), overwrite=True)
    capsys.readouterr()
    assert run("--no-slices") == 0
    out, err = capsys.readouterr()
    assert "changed; measuring again" in out
    assert "warning: the data or their preparation changed since they were planned for" in err
    second = read_json(folder(home) / "dataset_fingerprint.json")
    assert second["digest"] != first["digest"]
    assert second["intensities"] != first["intensities"]


def test_held_out_cases_do_not_touch_fingerprint_and_plans(home):
    assert run("--no-slices") == 0
    files = [folder(home) / name for name in ("dataset_fingerprint.json", "plans.json")]
    before = [path.read_text() for path in files]
    image = phantom(5)[0]
    Volume(image.data * 100, image.affine).save(
        image_path(home / "hifisyn_raw" / "TOY", "X", "T1", test=True), overwrite=True
    )
    files[1].unlink()
    assert run("--no-slices") == 0
    assert [path.read_text() for path in files] == before


def test_edited_splits_are_kept_if_they_fit_and_else_refused(home, capsys):
    path = folder(home) / "splits_final.json"
    mine = {"test": ["X"], "folds": [{"train": ["A", "B"], "val": ["C"]}]}
    write_json(path, mine)
    assert run("--no-slices") == 0
    assert read_json(path) == mine
    assert "not used: D" in capsys.readouterr().err
    assert read_json(folder(home) / "dataset_fingerprint.json")["cases"] == ["A", "B", "C"]
    write_json(path, {"test": ["A"], "folds": mine["folds"]})
    assert run("--no-slices") == 2
    assert "folds and test" in capsys.readouterr().err


@pytest.mark.slow
def test_verify_only_writes_the_table_and_nothing_else(home, capsys):
    assert main(["-d", "TOY", "--verify-only"]) == 0
    assert sorted(path.name for path in folder(home).iterdir()) == ["ledger", "verification.csv"]


def test_one_bad_data_set_does_not_stop_the_other(home, capsys):
    bad = home / "hifisyn_raw" / "BAD"
    bad.mkdir()
    (bad / "dataset.json").write_text("{")
    assert main(["-d", "BAD", "TOY", *SMALL, "--no-slices"]) == 2
    assert "error: BAD:" in capsys.readouterr().err
    assert (folder(home) / "plans.json").exists()


def test_an_unknown_data_set_is_refused_with_those_there_are(home, capsys):
    assert main(["-d", "IXI"]) == 2
    assert "got TOY" in capsys.readouterr().err


def test_help_and_refusals_come_without_heavy_imports(tmp_path):
    code = (
        "import sys\n"
        "from hifisyn.cli.plan_and_preprocess import main\n"
        "try: main(['-h'])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'ants', 'nibabel', 'pandas', 'matplotlib', 'pydantic', 'numpy'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "hifisyn_plan_and_preprocess -d IXI" in done.stdout
    assert "--preset paper " in done.stdout
    assert "-tr CycleGAN" in done.stdout


@pytest.mark.slow
def test_a_fold_leaves_a_site_out(home, capsys, blank_pictures):
    raw = home / "hifisyn_raw" / "TOY"
    assert run("--split-by", "site") == 2
    assert "of at least 2 sites" in capsys.readouterr().err
    (raw / "participants.tsv").write_text("participant_id\tage\tsite\nA\t30\tHH\nB\t30\tHH\nC\t31\tIOP\nD\t31\tIOP\n")
    assert run("--split-by", "site") == 0
    assert "fold0 (HH left out): train 2 cases of 2 subjects" in capsys.readouterr().out
    folds = read_json(folder(home) / "splits_final.json")["folds"]
    assert folds[1] == {"train": ["A", "B"], "val": ["C", "D"], "site": "IOP"}
    assert (folder(home) / "participants.tsv").read_text() == "participant_id\tsite\nA\tHH\nB\tHH\nC\tIOP\nD\tIOP\n"
    assert run("--no-slices") == 0
    assert run("--split-by", "subject") == 2
    assert "must be split by subject (got split by site)" in " ".join(capsys.readouterr().err.split())
