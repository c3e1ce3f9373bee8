"""Preparing a cohort from Python: what a second run does again, and what a folder holds after a killed one."""

import os
from dataclasses import replace

import pytest

from hifisyn.cohort import case_steps
from hifisyn.cohort.prepare import plan_and_preprocess, verify_only
from hifisyn.cohort.request import PrepareRequest
from hifisyn.dataset import Dataset
from hifisyn.errors import UserError
from hifisyn.files import write_text
from hifisyn.methods.hifisyn.trainer import HiFiSyn
from hifisyn.planning.device import detect
from hifisyn.plans import Plans
from hifisyn.volume import Volume
from tests.cli.test_plan_and_preprocess import LABELS, write_case
from tests.support.cohort_runs import make


@pytest.fixture
def raw(tmp_path):
    make(tmp_path / "raw" / "TOY")
    return tmp_path / "raw" / "TOY"


@pytest.fixture
def pages(monkeypatch):
    """Count the pages that are written, and draw nothing."""
    written = []

    def write(folder, *_):
        written.append(folder)
        (folder / "qc.html").write_text("a page")
        return folder / "qc.html"

    monkeypatch.setattr("hifisyn.quality.qc.write_cohort_page", write)
    monkeypatch.setattr("hifisyn.quality.drawing.draw_case", lambda path, *_, **__: write_text(path, ""))
    return written


def request(**changes):
    device = detect("cpu", memory_gb=None, cores=1, minutes=1)
    return PrepareRequest(device, HiFiSyn, "HiFiSyn", **{"processes": 1} | changes)


def test_the_page_is_written_once_until_something_changes(raw, pages, tmp_path):
    out = tmp_path / "out"
    first = plan_and_preprocess(raw, out, request())
    assert (first.first_fold, first.failures, len(pages)) == ("fold0", [], 1)
    again = plan_and_preprocess(raw, out, request())
    assert (again.plans, again.splits, len(pages)) == (first.plans, first.splits, 1)
    text = (raw / "dataset.json").read_text()
    (raw / "dataset.json").write_text(text + "\n")
    plan_and_preprocess(raw, out, request())
    assert len(pages) == 2
    (out / "pictures" / "A.png").unlink()
    plan_and_preprocess(raw, out, request())
    assert len(pages) == 3
    (out / "qc.html").unlink()
    plan_and_preprocess(raw, out, request())
    assert len(pages) == 4


def test_a_page_that_was_not_finished_is_written_again(raw, pages, tmp_path, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(case_steps.qc, "write_cohort_page", killed)
        with pytest.raises(KeyboardInterrupt):
            plan_and_preprocess(raw, tmp_path / "out", request())
    plan_and_preprocess(raw, tmp_path / "out", request())
    assert len(pages) == 1


def test_partial_files_of_a_killed_run_are_removed(raw, tmp_path):
    folders = [tmp_path / "out" / name for name in ("", "aligned", "plans_2d", "pictures")]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".partial-x.json").touch()
    assert verify_only(raw, tmp_path / "out", request()) == []
    assert not any(name.startswith(".partial-") for folder in folders for name in os.listdir(folder))


def test_without_usable_cases_the_failures_are_logged_and_written(raw, tmp_path, caplog):
    for name in "ABCD":
        (raw / "imagesTr" / f"{name}_T2.nii.gz").write_bytes(b"broken")
    with pytest.raises(UserError) as error:
        plan_and_preprocess(raw, tmp_path / "out", request())
    assert error.value.what == "data set TOY has no usable training cases"
    assert error.value.hint == f"see {tmp_path / 'out' / 'verification.csv'}"
    assert "failed: 4 cases" in caplog.messages
    assert len((tmp_path / "out" / "failures.csv").read_text().splitlines()) == 5


@pytest.mark.slow
def test_lesions_of_one_contrast_alone_are_told_printed_planned_and_shown(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("hifisyn.quality.drawing.draw_case", lambda path, *_, **__: write_text(path, ""))
    raw, out = tmp_path / "TOY", tmp_path / "out"
    cases = {}
    for seed, name in enumerate(["P1", "P2", "P3", "P4", "H1", "H2", "H3", "H4"]):
        case, patient = write_case(raw, name, seed), name.startswith("P")
        if patient:
            label = Volume.load(case.files["label"])
            label.data[16:18, 10:12, 14:16] = 4  # 8 voxels of 5 mm: 1 ml
            label.save(case.files["label"], overwrite=True)
        contrast = "T1" if patient else "T2"
        cases[name] = replace(case, images={contrast: case.images[contrast]})
    whole = Dataset("TOY", ("T1", "T2"), LABELS | {"lesion": 4}, cases, skull_stripped=True, bias_corrected=True)
    whole.save(raw)
    told = "lesions in 4 of 4 with T1 (median 1 ml) and 0 of 4 with T2"
    plan_and_preprocess(raw, out, request())
    assert told in Plans.load(out / "plans.json").reasons["lesions"]
    assert f"warning: {told}" in caplog.text
    assert told in " ".join((out / "qc.html").read_text().split())
    caplog.clear()
    healthy = [replace(case, label=None) if name.startswith("H") else case for name, case in cases.items()]
    replace(whole, cases={case.name: case for case in healthy}).save(raw)
    plan_and_preprocess(raw, out, request(overwrite=True))
    assert "lesions" not in Plans.load(out / "plans.json").reasons
    assert "lesions in" not in caplog.text + (out / "qc.html").read_text()
