"""A simulated cohort has one writer, and nothing of killed ones stays in it."""

import pytest

from hifisyn.dataset_conversion import phantom
from hifisyn.dataset_conversion.phantom import convert
from hifisyn.engine.held import held
from hifisyn.errors import UserError
from hifisyn.simulation.options import PhantomOptions

ONE = PhantomOptions(subjects=1, test=0, modalities=("T1",))


@pytest.fixture
def simulates_nothing(monkeypatch):
    monkeypatch.setattr(phantom, "_simulate", lambda cohort, *_: [(cohort.case(0), {"T1": [[1.0, 0.0], [0.0, 1.0]]})])


def test_what_a_killed_simulation_left_goes(tmp_path, simulates_nothing):
    for place in ("imagesTr", "truth/on_T1"):
        (tmp_path / "X" / place).mkdir(parents=True)
        (tmp_path / "X" / place / ".partial-x.nii.gz").touch()
    convert(tmp_path / "X", ONE, name="X")
    assert list(tmp_path.rglob(".*")) == []
    assert (tmp_path / "X/dataset.json").exists()


def test_a_second_simulation_into_the_folder_is_refused(tmp_path, simulates_nothing):
    with held(tmp_path / "X"), pytest.raises(UserError, match="is held by"):
        convert(tmp_path / "X", ONE, name="X")
