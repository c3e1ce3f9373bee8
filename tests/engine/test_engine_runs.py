"""Whole runs of hifisyn_plan_and_preprocess: killed, in shards, on a cluster; the bytes must not differ."""

import multiprocessing
import os
import random
import shutil
import signal
import time
from contextlib import suppress
from dataclasses import replace

import pytest

from hifisyn.cli.plan_and_preprocess import main
from hifisyn.dataset import Dataset
from hifisyn.engine.ledger import Ledger
from hifisyn.engine.shard import Shard
from hifisyn.volume import Volume
from tests.support.cohort_runs import differing, in_new_group, make, outputs, words

KILLS, OF_TWO_PROCESSES = 30, 6
SUBJECTS = "ABCDX"
# Imported once for all runs; blosc2 is not among them, since it starts threads, which no fork survives.
IMPORTED = ["nibabel", "scipy.ndimage", "matplotlib.pyplot", "hifisyn.preprocessing.align"]


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """The folder of raw data sets, and what an undisturbed run makes of it."""
    root = tmp_path_factory.mktemp("cohort")
    make(root / "raw" / "TOY")
    assert main(words(root / "raw", root / "whole")) == 0
    return root / "raw", outputs(root / "whole" / "TOY")


@pytest.fixture(scope="module")
def context():
    found = multiprocessing.get_context("forkserver")
    found.set_forkserver_preload(IMPORTED)
    return found


@pytest.mark.slow
def test_a_run_makes_all_that_is_compared_here(cohort):
    _, whole = cohort
    folders = {name.partition("/")[0] for name in whole}
    assert {"aligned", "fingerprint", "plans_2d", "pictures", "plans.json", "splits_final.json", "qc.html"} <= folders
    assert {f"fingerprint/{case}.json" for case in SUBJECTS} <= set(whole)


@pytest.mark.slow
def test_shards_and_the_run_after_them_make_what_one_run_makes(cohort, tmp_path, capsys):
    raw, whole = cohort
    for number in (1, 2, 3):
        assert main(words(raw, tmp_path, "--shard", f"{number}/3")) == 0
    out = capsys.readouterr().out
    assert "shard 3/3 is done; when all are:\n  hifisyn_plan_and_preprocess -d TOY" in out
    assert "--shard" not in out
    done = outputs(tmp_path / "TOY")
    assert {name.partition("/")[0] for name in done} == {"aligned", "fingerprint"}
    assert all(done[name] == whole[name] for name in done)
    capsys.readouterr()
    assert main(words(raw, tmp_path)) == 0
    progress = [line for line in capsys.readouterr().out.splitlines() if "/5: " in line]
    assert {line.split()[0] for line in progress} == {"cut", "picture"}
    assert any(line.startswith("cut 5/5: ") for line in progress)
    assert differing(outputs(tmp_path / "TOY"), whole) == []
    assert {path.name for path in (tmp_path / "TOY" / "ledger").iterdir()} == {
        "all.jsonl",
        "qc.json",
        *(f"shard_{number}_of_3.jsonl" for number in (1, 2, 3)),
    }


def test_a_shard_cuts_and_draws_its_subjects_where_plans_are_there(cohort, tmp_path):
    raw, _ = cohort
    assert main(words(raw, tmp_path, "--no-slices")) == 0
    assert main(words(raw, tmp_path, "--shard", "2/3")) == 0
    mine = {case for case in SUBJECTS if Shard(2, 3).holds(case)}
    assert 0 < len(mine) < len(SUBJECTS)
    assert {path.stem for path in (tmp_path / "TOY" / "pictures").iterdir()} == mine
    assert {path.stem for path in (tmp_path / "TOY" / "plans_2d").glob("*.json")} == mine


def test_a_shard_without_subjects_has_nothing_to_do(cohort, tmp_path):
    raw, _ = cohort
    empty = next(n for n in range(1, 100) if not any(Shard(n, 99).holds(case) for case in SUBJECTS))
    assert main(words(raw, tmp_path, "--shard", f"{empty}/99")) == 0


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "killpg"), reason="process groups are killed")
def test_a_run_killed_at_any_moment_is_resumed_to_the_same_bytes(context, tmp_path):
    raw, moments, folder, kills = tmp_path / "raw", random.Random(0), tmp_path / "TOY", 0
    make(raw / "TOY", "AB")
    took = run(context, words(raw, tmp_path / "whole"))
    whole = outputs(tmp_path / "whole" / "TOY")
    while kills < KILLS:
        processes = 2 if kills < OF_TWO_PROCESSES else 1
        if run(context, words(raw, tmp_path, processes=processes), moments.uniform(0.1, processes * took)) is None:
            kills += 1
            continue
        assert differing(outputs(folder), whole) == []
        shutil.rmtree(folder)
    assert run(context, words(raw, tmp_path)) is not None
    assert differing(outputs(folder), whole) == []
    assert list(folder.rglob(".partial-*")) == []
    assert list(folder.rglob("*.lock")) == []


def run(context, arguments, killed_after=None):
    """Run the command in a process group of its own; return the seconds it took, none where it was killed."""
    process = context.Process(target=in_new_group, args=(arguments,))
    process.start()
    began = time.monotonic()
    process.join(killed_after)
    if process.is_alive():
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
    process.join()
    if process.exitcode == -signal.SIGKILL:
        return None
    assert process.exitcode == 0
    return time.monotonic() - began


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "killpg"), reason="process groups are ended")
def test_a_run_that_its_scheduler_ends_takes_its_workers_and_its_lock_along(cohort, context, tmp_path):
    raw, _ = cohort
    process = context.Process(target=in_new_group, args=(words(raw, tmp_path, processes=2),))
    process.start()
    aligned = tmp_path / "TOY" / "aligned"
    end = time.monotonic() + 60
    while not aligned.is_dir() and time.monotonic() < end:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGTERM)
    process.join(20)
    assert process.exitcode == 130
    assert not (tmp_path / "TOY" / "ledger" / "all.lock").exists()
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


@pytest.mark.slow
def test_failures_are_a_table_that_is_shown_again_and_retried_on_request(cohort, tmp_path, capsys):
    raw, _ = cohort
    shutil.copytree(raw, tmp_path / "raw")
    scan = tmp_path / "raw" / "TOY" / "imagesTr" / "B_T2.nii.gz"
    sound = scan.read_bytes()
    scan.write_bytes(b"broken")
    assert main(words(tmp_path / "raw", tmp_path)) == 1
    first = capsys.readouterr().err
    assert "failed: 1 cases\n  case  step    reason\n  B     verify  B_T2.nii.gz must be a NIfTI image" in first
    assert "--retry-failed" not in first
    assert "B,verify," in (tmp_path / "TOY" / "failures.csv").read_text()
    assert main(words(tmp_path / "raw", tmp_path)) == 1
    out, again = capsys.readouterr()
    assert "verify 1/" not in out + again
    assert "1 of them not tried again, since files and settings are the same: --retry-failed" in again
    assert main(words(tmp_path / "raw", tmp_path, "--retry-failed")) == 1
    assert "verify 1/1: B failed" in capsys.readouterr().out
    scan.write_bytes(sound)
    assert main(words(tmp_path / "raw", tmp_path)) == 0
    assert not (tmp_path / "TOY" / "failures.csv").exists()


IDS = {"A": "1000011", "B": "2000022", "C": "3000033", "D": "4000044"}


@pytest.fixture
def private_cohort(tmp_path):
    """Scans that lie in folders and files named by participants: one scan is broken, one label on another grid."""
    make(tmp_path / "plain" / "TOY")
    plain = Dataset.load(tmp_path / "plain" / "TOY")
    cases = {}
    for name, case in plain.cases.items():
        files = {what: tmp_path / IDS[name] / f"{IDS[name]}_{path.name}" for what, path in case.files.items()}
        (tmp_path / IDS[name]).mkdir()
        for what, path in case.files.items():
            shutil.copy(path, files[what])
        cases[name] = replace(case, label=files.pop("label"), images=files)
    cases["B"].images["T2"].write_bytes(b"")
    odd = Volume.load(cases["C"].images["T1"])
    Volume(odd.data * 0 + odd.data.max() * (odd.data > 0), odd.affine).save(cases["C"].images["T1"], overwrite=True)
    (tmp_path / "raw" / "TOY").mkdir(parents=True)
    replace(plain, cases=cases, test={}, private=True).save(tmp_path / "raw" / "TOY")
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
def test_who_a_participant_is_appears_nowhere_but_in_dataset_json(private_cohort, capfd, monkeypatch, processes):
    arguments = words(private_cohort / "raw", private_cohort / "out", processes=processes)
    unforeseen = processes == 1
    if unforeseen:
        monkeypatch.setattr("hifisyn.preprocessing.dataset_steps.Volume", Surprise)
    assert main(arguments) == (2 if unforeseen else 1)
    assert main(arguments) == (2 if unforeseen else 1)
    shown = "".join(capfd.readouterr())
    assert "B_T2" in shown
    assert not unforeseen or "  A     align   RuntimeError: cannot map A_T1 in its folder" in shown
    assert ("cannot map A_T1 in its folder" in shown) == unforeseen
    out = private_cohort / "out" / "TOY"
    texts = {path: path.read_bytes() for path in out.rglob("*.*") if path.suffix not in (".gz", ".b2nd", ".png")}
    known = texts.pop(out / "dataset.json", b"")
    assert unforeseen or IDS["A"].encode() in known
    for word in IDS.values():
        assert word not in shown
        assert [path for path, text in texts.items() if word.encode() in text] == []


class Surprise:
    """Stands for Volume."""

    @staticmethod
    def load(path, **_):
        raise RuntimeError(f"cannot map {path} in {path.parent}")


def test_the_ledger_has_the_cost_of_each_step(cohort):
    raw, _ = cohort
    with Ledger.opened(raw.parent / "whole" / "TOY" / "ledger") as ledger:
        entries = list(ledger.entries())
    assert {(entry.step, entry.case) for entry in entries} == {
        (step, case) for step in ("verify", "align", "measure", "cut", "picture") for case in SUBJECTS
    }
    assert all(entry.seconds is not None and entry.peak_mib > 20 for entry in entries)
    aligned = [entry for entry in entries if entry.step == "align"]
    assert all(entry.labels == "given" and set(entry.parts or ()) >= {"brain", "labels"} for entry in aligned)
