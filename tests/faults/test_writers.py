"""One writer a folder, and nothing of killed ones stays."""

import os
import subprocess
import sys

import pytest

from hifisyn.engine.held import held
from hifisyn.engine.lock import ENDING, only_reading, only_writer
from hifisyn.errors import UserError
from hifisyn.evaluation import of_volumes
from hifisyn.files import write_json
from hifisyn.methods.cyclegan.trainer import CycleGAN
from hifisyn.preprocessing.aligned import OF_RECORD, AlignedStore
from hifisyn.quality import measures
from hifisyn.training import model_folder
from hifisyn.training.job import Options
from hifisyn.training.loop import train
from tests.support.training_toys import toy_job, toy_plans

HOLDS = """
import sys, time
from pathlib import Path
from hifisyn.engine.held import held
with held(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def elsewhere():
    """Return what starts a process that holds a folder."""
    started = []

    def start(folder):
        process = subprocess.Popen([sys.executable, "-c", HOLDS, str(folder)], stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_a_folder_has_one_writer_until_that_is_dead(tmp_path, elsewhere):
    folder = tmp_path / "fold_0"
    process = elsewhere(folder)
    with pytest.raises(UserError, match=f"fold_0 is held by process {process.pid}"), held(folder):
        pass
    with pytest.raises(UserError, match="is held by"):
        prepared(folder)
    with pytest.raises(UserError, match="is held by"):
        train(toy_job(tmp_path), Options("cpu", workers=0))
    process.kill()
    process.wait()
    with held(folder):
        assert [path.name for path in folder.iterdir()] == [f".writing{ENDING}"]


def prepared(folder, **options):
    model_folder.prepare(folder, toy_plans(CycleGAN), "{}", {}, {"epochs": 4}, **options)


def test_a_folder_that_stays_empty_goes_again(tmp_path):
    with pytest.raises(RuntimeError), held(tmp_path / "a" / "b"):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_training_clears_what_a_killed_one_left(tmp_path):
    folder = tmp_path / "model/fold_0"
    for place in (folder, folder.parent, folder / "samples", folder / "validation"):
        place.mkdir(parents=True, exist_ok=True)
        (place / ".partial-x.pt").write_bytes(b"half")
    (folder / ".partial-folder").mkdir()
    (folder / ".partial-folder" / "a").touch()
    prepared(folder)
    assert not list(tmp_path.rglob(".partial-*"))
    assert not list(tmp_path.rglob(f"*{ENDING}"))


def test_an_evaluation_clears_what_a_killed_one_left(tmp_path):
    for name in ("synth", "truth", "out"):
        (tmp_path / name).mkdir()
    (tmp_path / "out/.partial-x.csv").touch()
    (tmp_path / "synth/a_T2.nii.gz").touch()
    assert of_volumes.evaluate(tmp_path / "synth", tmp_path / "truth", tmp_path / "out").failures
    assert list((tmp_path / "out").iterdir()) == []


def test_slices_that_are_read_are_not_written(tmp_path):
    with only_reading(tmp_path), only_reading(tmp_path):
        with pytest.raises(UserError, match="is held by"), only_writer(tmp_path, "all"):
            pass
        with pytest.raises(UserError, match="is held by"), only_writer(tmp_path, "shard_1_of_2"):
            pass
    with only_writer(tmp_path, "all"), pytest.raises(UserError, match="is held by"), only_reading(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_what_was_measured_is_kept_by_what_it_was_measured_of_and_not_by_its_date(tmp_path):
    """A file dated in the future, as of a clock that was wrong, is as old as its content."""
    store = AlignedStore(tmp_path / "aligned")
    store.folder.mkdir()
    write_json(store.record_path("a"), {"case": "a", "key": "one"})
    file = tmp_path / measures.VOLUMES / "a.json"
    write_json(file, {OF_RECORD: store.digest("a"), "facts": {"labels_ml": {"WM": 1.0}}})
    assert measures._known_volumes(tmp_path, "a", store) == {"WM": 1.0}
    write_json(store.record_path("a"), {"case": "a", "key": "two"})
    os.utime(file, (4e9, 4e9))
    assert measures._known_volumes(tmp_path, "a", store) is None


@pytest.mark.slow
def test_a_reader_clears_the_locks_of_killed_readers(tmp_path):
    line = "import sys, os; from pathlib import Path; from hifisyn.engine.lock import only_reading\n"
    line += "with only_reading(Path(sys.argv[1])): os._exit(1)"
    subprocess.run([sys.executable, "-c", line, str(tmp_path)], check=False)
    assert len(list(tmp_path.iterdir())) == 1
    with only_reading(tmp_path), only_reading(tmp_path):
        assert len(list(tmp_path.iterdir())) == 2
    assert list(tmp_path.iterdir()) == []
