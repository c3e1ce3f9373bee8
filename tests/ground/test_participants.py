"""Who was scanned where, as participants.tsv says it."""

import pytest

from hifisyn.dataset import Case, Dataset
from hifisyn.participants import as_table, read_sites


@pytest.mark.parametrize("name", ["site", "Site", "site_id", "centre", "center"])
def test_the_site_is_found_by_the_usual_names_of_its_column(tmp_path, name):
    text = f"participant_id\tage\t{name}\nS1\t30\tHH\nS2\tn/a\t Guys \nS3\t40\tn/a\nS4\t41\n"
    (tmp_path / "participants.tsv").write_text("\ufeff" + text, encoding="utf-8")
    assert read_sites(tmp_path) == {"S1": "HH", "S2": "Guys"}


@pytest.mark.parametrize("text", ["", "participant_id\tage\nS1\t30\n", "subject\tsite\nS1\tHH\n"])
def test_a_table_without_sites_names_none(tmp_path, text):
    (tmp_path / "participants.tsv").write_text(text)
    assert read_sites(tmp_path) == {}


def test_without_a_table_no_site_is_known(tmp_path):
    assert read_sites(tmp_path) == {}


def test_who_was_scanned_at_several_sites_has_none(tmp_path):
    (tmp_path / "participants.tsv").write_text("participant_id\tsite\na\tHH\nb\tIOP\nc\tHH,IOP\nd\tUlm, Germany\n")
    assert read_sites(tmp_path) == {"a": "HH", "b": "IOP", "d": "Ulm, Germany"}


def test_sites_that_are_written_are_read_again_with_the_data_set(tmp_path):
    cases = {name: Case(name, name, {"T1": tmp_path / f"{name}_T1.nii.gz"}) for name in "ab"}
    Dataset("X", ("T1",), {"background": 0}, cases).save(tmp_path)
    assert Dataset.load(tmp_path).sites == {}
    sites = {"a": 'the "old" scanner', "b": "Ulm, Germany"}
    (tmp_path / "participants.tsv").write_text(as_table(sites))
    assert Dataset.load(tmp_path).sites == sites
