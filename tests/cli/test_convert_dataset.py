"""hifisyn_convert_dataset: what it prints, how it ends, and that help costs nothing."""

import re
import subprocess
import sys

import nibabel as nib
import numpy as np
import pytest

from hifisyn.cli.convert_dataset import main
from hifisyn.dataset import Dataset
from hifisyn.dataset_conversion.registry import CONVERTERS


@pytest.fixture
def source(tmp_path):
    for patient in ("patient01", "patient02"):
        folder = tmp_path / "source" / patient
        folder.mkdir(parents=True)
        for contrast in ("T1W", "T2W"):
            data = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
            nib.save(nib.Nifti1Image(data, np.eye(4)), folder / f"study1_{contrast}.nii.gz")
    return tmp_path / "source"


def test_it_says_what_it_wrote_and_what_to_type_next(source, tmp_path, capsys):
    raw = tmp_path / "raw"
    assert main(["open_ms", str(source), "--raw", str(raw), "--test", "patient02"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[-3].startswith("wrote 4 images (T1, T2) of 2 subjects to ")
    assert "1 training cases, 1 held-out cases" in out[-3]
    assert out[-1] == f"  hifisyn_plan_and_preprocess -d OPEN_MS --raw {raw}"
    assert list(Dataset.load(raw / "OPEN_MS").test) == ["patient02study1"]


def test_the_root_comes_from_the_environment(source, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("hifisyn_raw", str(tmp_path / "elsewhere"))
    assert main(["open_ms", str(source), "--name", "MS", "--limit", "1"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "  hifisyn_plan_and_preprocess -d MS"
    assert len(Dataset.load(tmp_path / "elsewhere" / "MS").cases) == 1


def test_left_out_files_are_a_table_and_exit_code_1(source, tmp_path, capsys):
    (source / "patient01" / "study1_T2W.nii.gz").write_text("junk")
    assert main(["open_ms", str(source), "--raw", str(tmp_path / "raw")]) == 1
    captured = capsys.readouterr()
    assert "next:\n" in captured.out
    header, row = captured.err.splitlines()[-2:]
    assert header == "left out 1 files:"
    assert row.split()[:2] == ["patient01study1", "study1_T2W.nii.gz"]


def test_a_list_of_subjects_is_read(source, tmp_path):
    (tmp_path / "ids.txt").write_text("patient02\n")
    assert main(["open_ms", str(source), "--raw", str(tmp_path / "raw"), "--subjects", str(tmp_path / "ids.txt")]) == 0
    assert list(Dataset.load(tmp_path / "raw" / "OPEN_MS").cases) == ["patient02study1"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["open_ms", "{source}/missing"], "must be the folder of the patients"),
        (["open_ms", "{source}", "--test", "patient09"], "patient09"),
        (["open_ms", "{source}", "--name", "a/b"], "--name"),
        (["phantom", "--modalities", "T1", "T7"], "T7"),
        (["phantom", "--processes", "0"], "process"),
        (["phantom", "--modalities", "T1ce"], "--lesions"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(source, tmp_path, capsys, arguments, says):
    arguments = [a.format(source=source) for a in arguments]
    assert main([*arguments, "--raw", str(tmp_path / "raw")]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert says in err
    assert not (tmp_path / "raw").exists()


def test_a_second_conversion_needs_overwrite(source, tmp_path, capsys):
    arguments = ["open_ms", str(source), "--raw", str(tmp_path / "raw")]
    assert main(arguments) == 0
    assert main(arguments) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert main([*arguments, "--overwrite"]) == 0


@pytest.mark.slow
def test_a_phantom_from_the_command_line(tmp_path, capsys):
    options = "--subjects-number 1 --test-number 1 --resolution 6 --modalities T2 T1 --seed 5 --processes 1"
    assert main(["phantom", *options.split(), "--raw", str(tmp_path), "--name", "TINY"]) == 0
    dataset = Dataset.load(tmp_path / "TINY")
    assert dataset.modalities == ("T2", "T1")
    assert dataset.reference == "T1"
    assert len(dataset.test) == 1
    assert "-d TINY" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["-h"], *([name, "-h"] for name in CONVERTERS)])
def test_help_imports_nothing_heavy(arguments):
    code = (
        "import sys\nfrom hifisyn.cli.convert_dataset import main\n"
        f"try:\n    main({arguments})\nexcept SystemExit as end:\n    assert end.code == 0\n"
        "heavy = {'torch', 'nibabel', 'numpy', 'scipy', 'nilearn', 'pandas', 'ants'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "usage: hifisyn_convert_dataset" in done.stdout
    assert not any(word in done.stdout for word in ("default: None", "default: )", "default: False", "default: []"))


def test_every_converter_is_registered_under_its_name():
    assert {"open_ms", "phantom"} <= set(CONVERTERS)
    assert all(name == converter.name for name, converter in CONVERTERS.items())


def test_help_says_how_to_start(capsys):
    for arguments in (["-h"], ["folder", "-h"]):
        with pytest.raises(SystemExit):
            main(arguments)
        out = capsys.readouterr().out
        commands = re.findall(r"^  (hifisyn_convert_dataset folder .*)$", out, re.MULTILINE)
        assert len(commands) >= 2
        assert any("--pattern '{subject}" in line for line in commands)
