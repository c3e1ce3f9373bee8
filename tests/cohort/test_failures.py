"""The failures of a run: a table that is logged, and a file."""

import pytest

from hifisyn.cohort import failures
from hifisyn.cohort.failures import log_failures, write_failures
from hifisyn.engine.jobs import Failure

TWO = [Failure("A", "it is broken", "verify"), Failure("long_name", "no brain, none", "align", known=True)]


def test_failures_are_an_aligned_table(caplog):
    log_failures(TWO)
    assert caplog.messages == [
        "failed: 2 cases",
        "  case       step    reason",
        "  A          verify  it is broken",
        "  long_name  align   no brain, none",
        "1 of them not tried again, since files and settings are the same: --retry-failed tries them again",
    ]
    assert {record.levelname for record in caplog.records} == {"WARNING"}


def test_without_failures_nothing_is_logged(caplog):
    log_failures([])
    assert caplog.messages == []


def test_a_long_table_is_cut_and_says_where_the_rest_is(caplog, monkeypatch):
    monkeypatch.setattr(failures, "LINES_SHOWN", 2)
    log_failures([Failure(f"c{number}", "broken") for number in range(5)])
    assert caplog.messages[0] == "failed: 5 cases"
    assert caplog.messages[-1] == "  and 3 more; see failures.csv"
    assert len(caplog.messages) == 5


@pytest.mark.parametrize("earlier", [True, False])
def test_the_file_has_all_failures_and_goes_with_them(tmp_path, earlier):
    if earlier:
        write_failures(tmp_path, TWO)
        text = (tmp_path / "failures.csv").read_text()
        assert text == 'case,step,reason\nA,verify,it is broken\nlong_name,align,"no brain, none"\n'
    write_failures(tmp_path, [])
    assert list(tmp_path.iterdir()) == []
