"""The page of deviations says what the presets do, and leaves out nothing that they decide."""

from tests.support import deviations
from tests.support.deviations import BEGIN, CHOICES, END, PAGE, PRESETS, planned, table, values


def test_the_table_is_that_of_the_presets():
    written = PAGE.read_text().split(BEGIN)[1].split(END)[0]
    assert written == table(), "write it again: python -m tests.support.deviations"


def test_every_value_of_a_plan_stands_in_one_row():
    named = [key for choice in CHOICES for key in choice.keys if key != "parameters"]
    assert len(named) == len(set(named))
    for preset in PRESETS:
        assert set(values(planned(preset))) == set(named)


def test_every_row_says_what_is_printed_what_is_done_and_why():
    for choice in CHOICES:
        assert choice.where
        assert choice.printed
        assert choice.why
        assert bool(choice.keys) != bool(choice.done)


def test_another_value_of_a_preset_changes_the_table(monkeypatch):
    before = table()
    changed = planned("literal").override(["alpha_s=0.7"])
    monkeypatch.setattr(deviations, "planned", lambda preset: changed if preset == "literal" else planned(preset))
    assert table() != before
