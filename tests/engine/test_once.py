"""Work is done once for what was asked, and is known to be of something else."""

import pytest

from hifisyn.engine.once import Once
from hifisyn.errors import UserError


def test_only_finished_work_of_the_same_request_holds(tmp_path):
    work = Once(tmp_path / "work", {"cases": ("a", "b"), "seed": 0})
    assert not work.holds
    work.begin()
    assert not work.holds
    work.finish({"mean": 0.5})
    assert work.holds
    assert Once(work.folder, {"cases": ["a", "b"], "seed": 0}).holds
    assert work.read()["mean"] == 0.5
    work.begin()
    assert not work.holds


def test_what_changed_is_named(tmp_path):
    Once(tmp_path, {"seed": 0, "cases": 3}).finish()
    other = Once(tmp_path, {"seed": 1, "split": "test"})
    assert other.changed() == ["seed", "split", "cases"]
    assert not other.holds


def test_a_flat_request_stands_among_the_content(tmp_path):
    work = Once(tmp_path, {"digest": "1"}, "facts.json", flat=True)
    work.finish({"mean": 0.5})
    assert work.read() == {"mean": 0.5, "digest": "1"}
    assert work.holds
    assert Once(tmp_path, {"digest": "2"}, "facts.json", flat=True).changed() == ["digest"]


def test_a_broken_file_is_named(tmp_path):
    work = Once(tmp_path, {})
    work.file.write_text("[]")
    with pytest.raises(UserError, match="must hold an object") as error:
        work.read()
    assert error.value.got == "a list"
