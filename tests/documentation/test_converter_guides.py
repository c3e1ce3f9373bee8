"""The pages on converting are held to the code: every command parses, and the converter of the guide converts."""

import re
import shlex
from pathlib import Path

import pytest

from hifisyn.cli.convert_dataset import parser
from hifisyn.dataset import Dataset
from hifisyn.dataset_conversion import raw_folder
from hifisyn.dataset_conversion.contrasts import SPELLINGS
from tests.support.small_scans import write_scan

PAGES = Path(__file__).parents[2] / "documentation" / "how_to"


@pytest.mark.parametrize("page", ["convert_any_folder", "convert_nnunet", "convert_open_data"])
def test_every_command_of_a_page_parses(page):
    text = (PAGES / f"{page}.md").read_text().replace("\\\n", " ")
    commands = re.findall(r"^ {4}hifisyn_convert_dataset (.*)$", text, flags=re.MULTILINE)
    assert commands
    for line in commands:
        parser().parse_args(shlex.split(line))


def test_the_spellings_of_contrasts_are_documented():
    rows = re.findall(r"^\| (\w+) \| ([a-z0-9, ]+) \|$", (PAGES / "convert_any_folder.md").read_text(), re.MULTILINE)
    documented = {modality: set(words.split(", ")) for modality, words in rows[1:]}
    assert documented == {modality: set(words) for modality, words in SPELLINGS.items()}


def test_the_converter_of_the_guide_converts(tmp_path):
    code = (PAGES / "write_a_converter.md").read_text().split("```python\n")[1].split("```")[0]
    module: dict = {}
    exec(code, module)
    for name in ("EX001a_T1.nii.gz", "EX001b_t1w.nii.gz", "EX001b_FLAIR.nii.gz", "other.nii.gz"):
        write_scan(tmp_path / "source" / name)
    raw_folder.write(module["find"]([tmp_path / "source"]), tmp_path / "raw", name="X")
    cases = Dataset.load(tmp_path / "raw").cases
    assert {case.name: case.subject for case in cases.values()} == {"EX001a": "EX001", "EX001b": "EX001"}
    assert set(cases["EX001b"].images) == {"T1", "FLAIR"}
    assert module["CONVERTER"].name == "example"
