"""hifisyn_labels: what it prints, how it ends, and that help costs nothing."""

import json
import shlex
import subprocess
import sys

import pytest

from hifisyn.cli.labels import main
from tests.preprocessing.test_manual_labels import LABELS, change, prepared


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "pre/IXI"
    prepared(folder, ("oblique", "upright"))
    content = {"channel_names": {"0": "T1"}, "labels": LABELS, "dataset": {}}
    (folder / "dataset.json").write_text(json.dumps(content))
    return tmp_path


def run(home, task, *more):
    flag = "-o" if task == "export" else "-i"
    where = ["--preprocessed", str(home / "pre"), flag, str(home / "to correct")]
    return main([task, "-d", "IXI", *where, "-np", "1", *more])


@pytest.mark.slow
def test_out_and_back_with_the_lines_it_says_to_type(home, capsys):
    assert run(home, "export") == 0
    told = (home / "to correct/README.txt").read_text().splitlines()
    assert told[0] == "itksnap -g CASE_T1.nii.gz -s CASE_labels.nii.gz -l labels.txt"
    change(home / "to correct/oblique_labels.nii.gz", (20, 20, 20), 4)
    capsys.readouterr()
    command, *words = shlex.split(told[1])
    assert command == "hifisyn_labels"
    assert main(words) == 0
    out = capsys.readouterr().out.splitlines()[-4:]
    assert out[0].startswith("  oblique  1 voxels changed, ")
    assert out[1].startswith("imported 1 corrected label maps into ")
    assert out[1].endswith("; 1 were not changed")
    assert out[2:4] == ["next:", f"  hifisyn_plan_and_preprocess -d IXI --preprocessed {home / 'pre'}"]
    assert (home / "pre/IXI/labels_manual/oblique.nii.gz").exists()


def test_nothing_changed_is_said_and_asks_for_nothing(home, capsys):
    assert run(home, "export", "--cases", "upright") == 0
    capsys.readouterr()
    assert run(home, "import") == 0
    out = capsys.readouterr().out
    assert "imported 0" in out
    assert "next:" not in out


def test_some_refused_is_one_all_refused_is_two(home, capsys):
    assert run(home, "export", "--cases", "upright", "nobody") == 1
    assert "  nobody  " in capsys.readouterr().err
    assert run(home, "export", "--cases", "upright") == 2
    assert run(home, "export", "--cases", "oblique") == 0
    (home / "to correct/oblique_labels.nii.gz").write_bytes(b"torn")
    assert run(home, "import") == 1
    (home / "to correct/upright_labels.nii.gz").write_bytes(b"torn")
    assert run(home, "import") == 2
    assert "refused: 2" in capsys.readouterr().err


def test_an_unknown_data_set_or_an_empty_folder_is_one_line(home, capsys):
    assert run(home, "import") == 2
    assert main(["export", "-d", "OASIS", "--preprocessed", str(home / "pre"), "-o", str(home / "o")]) == 2
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 2
    assert all(line.startswith("error: ") for line in errors)


def test_help_imports_nothing_heavy():
    heavy = ("numpy", "nibabel", "torch", "matplotlib", "pydantic")
    code = f"import sys; import hifisyn.cli.labels as c; c.parser(); print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"
