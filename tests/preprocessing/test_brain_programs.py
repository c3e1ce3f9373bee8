"""Programs beside, played by small scripts on PATH: those that work, and all ways to go wrong."""

import os
import re
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from hifisyn.errors import UserError
from hifisyn.preprocessing import brain, brain_programs, run_program
from hifisyn.preprocessing.steps import Status, Step, Tool
from hifisyn.volume import Volume
from tests.support.heads import grid, scan

HEAD = grid((40, 50, 34), (4.2, 4, 4.5), axes="LPS", degrees=(4, -3, 6))

# A stand-in: reads the scan named by its first option, and writes where it is above 50.
THRESHOLD = """
import nibabel, numpy, sys
image = nibabel.load(sys.argv[sys.argv.index("{given}") + 1]) if "{given}" else nibabel.load(sys.argv[1])
mask = numpy.asarray(image.dataobj) > 50
"""
SAVE = 'nibabel.save(nibabel.Nifti1Image(mask.astype("uint8"), image.affine), {where})\n'


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """Return a function that puts a Python script on PATH, where there is nothing else."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("FREESURFER_HOME", raising=False)

    def put(name, script):
        file = folder / name
        file.write_text(f"#!{sys.executable}\n{script}")
        file.chmod(0o755)
        return file

    return put


@pytest.fixture(scope="module")
def head() -> Volume:
    """A scan of an even brain in empty air: its mask is where it is above 50."""
    volume, mask = scan(*HEAD, stripped=True)
    return volume.with_data(np.where(mask.data > 0, 100, 0).astype(np.float32))


@pytest.fixture
def made(tmp_path, monkeypatch) -> Path:
    """The folder in which the temporary folders of the programs are made."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(brain_programs.tempfile, "tempdir", str(folder))
    return folder


def strip(head, tool, command=""):
    return brain.extract(head, tool, command=command, stripped=False)


def test_bet_is_called_as_fsl_has_it(programs, head, made):
    checks = 'import os; assert sys.argv[3:] == ["-m", "-n"] and os.environ["FSLOUTPUTTYPE"] == "NIFTI_GZ"\n'
    programs("bet", THRESHOLD.format(given="") + checks + SAVE.format(where='sys.argv[2] + "_mask.nii.gz"'))
    mask, step = strip(head, "bet")
    assert step == Step(Status.RAN, Tool.BET, detail="bet")
    assert mask.same_grid(head)
    np.testing.assert_array_equal(mask.data, head.data > 50)
    assert not list(made.iterdir())


@pytest.mark.parametrize("program", ["mri_synthstrip", "nipreps-synthstrip"])
def test_synthstrip_is_taken_from_freesurfer_or_nipreps(programs, head, program, tmp_path, monkeypatch):
    weights = tmp_path / "models" / "synthstrip.1.pt"
    weights.parent.mkdir()
    weights.touch()
    monkeypatch.setenv("FREESURFER_HOME", str(tmp_path))
    wanted = [] if program == "mri_synthstrip" else ["--model", str(weights)]
    script = THRESHOLD.format(given="-i") + f"assert sys.argv[5:] == {wanted}, sys.argv\n"
    programs(program, script + SAVE.format(where='sys.argv[sys.argv.index("-m") + 1]'))
    mask, step = strip(head, "synthstrip")
    assert step == Step(Status.RAN, Tool.SYNTHSTRIP, detail=program)
    np.testing.assert_array_equal(mask.data, head.data > 50)


def test_a_command_gets_its_words_without_a_shell(programs, head):
    checks = 'assert sys.argv[1:3] == ["two words", "$HOME;*"] and sys.argv[4].startswith("--out="), sys.argv\n'
    flags = 'assert nibabel.aff2axcodes(image.affine) == ("R", "A", "S")\n'
    script = THRESHOLD.format(given="$HOME;*") + checks + flags + SAVE.format(where="sys.argv[4][6:]")
    programs("ben", script)
    command = "ben 'two words' '$HOME;*' {input} --out={mask}"
    mask, step = strip(head, "command", command)
    assert step == Step(Status.RAN, Tool.COMMAND, detail=command)
    assert mask.axcodes == head.axcodes
    np.testing.assert_array_equal(mask.data, head.data > 50)


def test_a_probability_is_cut_at_a_half_and_flipped_axes_are_put_right(programs, head):
    flip = "image = nibabel.Nifti1Image(numpy.where(mask, 0.7, 0.3)[::-1], image.affine @ numpy.array("
    flip += "[[-1, 0, 0, mask.shape[0] - 1], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]))\n"
    programs("ben", THRESHOLD.format(given="") + flip + "nibabel.save(image, sys.argv[2])\n")
    mask, _ = strip(head, "command", "ben {input} {mask}")
    np.testing.assert_array_equal(mask.data, head.data > 50)


READ = THRESHOLD.format(given="")
BAD = {
    "fails": (
        "import sys\nprint('reading')\nprint('warning', file=sys.stderr)\nsys.exit('no weights\\n')",
        "ben failed with exit code 1: no weights; try it by hand",
    ),
    "fails silently": ("import sys\nsys.exit(3)", "failed with exit code 3: no message"),
    "says more than text": (
        "import sys\nsys.stderr.buffer.write(b'\\xff\\xfe bad')\nsys.exit(1)",
        "failed with exit code 1: .* bad",
    ),
    "writes nothing": ("print('done')", r"ben wrote no file \{mask\}: done; try it by hand"),
    "writes no image": ("import sys\nopen(sys.argv[2], 'w').write('x')", "the mask of ben must be a NIfTI image"),
    "another grid": (
        READ + "mask = mask[::2]\n" + SAVE.format(where="sys.argv[2]"),
        r"on the grid of its input \(shape \(40, 50, 34\)\) \(got another of shape \(20, 50, 34\)\)",
    ),
    "another place": (
        READ + "image.affine[0, 3] += 4\n" + SAVE.format(where="sys.argv[2]"),
        "the mask of ben must be on the grid of its input",
    ),
    "four axes": (
        READ + "mask = numpy.stack([mask, mask], 3)\n" + SAVE.format(where="sys.argv[2]"),
        "the mask of ben must have three axes",
    ),
    "empty": (READ + "mask[:] = 0\n" + SAVE.format(where="sys.argv[2]"), "the mask of ben must not be empty"),
    "all": (READ + "mask[:] = 1\n" + SAVE.format(where="sys.argv[2]"), r"\(got 5141 ml\)"),
    "a speck": (
        READ + "mask[:] = 0; mask[0, :9] = 1\n" + SAVE.format(where="sys.argv[2]"),
        r"own command, ben .*: a brain must have .* \(got 23 ml\)",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("how", BAD)
def test_a_program_that_goes_wrong_is_one_line(programs, head, made, how):
    script, message = BAD[how]
    programs("ben", script)
    with pytest.raises(UserError, match=message) as caught:
        strip(head, "command", "ben {input} {mask}")
    assert "\n" not in str(caught.value)
    assert str(made) not in str(caught.value)
    assert not list(made.iterdir())


@pytest.mark.slow
def test_a_program_that_hangs_is_ended_with_what_it_started(programs, head, made, monkeypatch, tmp_path):
    monkeypatch.setattr(run_program, "LIMIT_S", 0.7)
    child = tmp_path / "child"
    sleeper = f"[{sys.executable!r}, '-c', 'import time; time.sleep(60)']"
    start = f"import subprocess, sys, time\np = subprocess.Popen({sleeper})"
    programs("ben", f"{start}\nopen({str(child)!r}, 'w').write(str(p.pid))\ntime.sleep(60)")
    began = time.monotonic()
    with pytest.raises(UserError, match=r"ben must end within 1 s \(got a program that still runs\)"):
        strip(head, "command", "ben {input} {mask}")
    assert time.monotonic() - began < 10
    assert ended(int(child.read_text()))
    assert not list(made.iterdir())


def ended(process: int) -> bool:
    """Tell whether a process ends within five seconds; one that nobody waits for stays as a zombie."""
    for _ in range(100):
        try:
            os.kill(process, 0)
            if Path(f"/proc/{process}/stat").read_text().split()[2] == "Z":
                return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize(
    ("tool", "hint"),
    [
        ("bet", "the program bet; install FSL"),
        ("synthstrip", "the program mri_synthstrip; install FreeSurfer"),
        ("command", "the program ben; write its whole path in strip_command"),
    ],
)
def test_a_program_that_is_not_there_is_named(programs, head, tool, hint):
    with pytest.raises(UserError, match=f"skull_strip {tool} needs {hint}"):
        strip(head, tool, "ben {input} {mask}")


def test_a_file_that_is_no_program_is_one_line(programs, head):
    programs("ben", "").write_bytes(b"\x7fELF nothing")
    with pytest.raises(UserError, match=r"ben cannot be run \(got Exec format error\)"):
        strip(head, "command", "ben {input} {mask}")


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("", r"\(got ''\); add \{input\} and \{mask\}"),
        ("ben {input}", r"\(got 'ben \{input\}'\); add \{mask\}"),
        ("{input} {mask}", r"add \{input\}"),
        ("ben '{input} {mask}", "No closing quotation.*; fix the quotes"),
    ],
)
def test_a_template_that_cannot_work_is_refused(command, message):
    with pytest.raises(UserError, match=message):
        brain_programs.parse_command(command)


STAND_IN_OF_BEN = """
import argparse, pathlib, nibabel, numpy
options = argparse.ArgumentParser()
for flag in ("-i", "-o", "-m"):
    options.add_argument(flag, type=pathlib.Path, required=True)
given = options.parse_args()
assert given.m.is_file()
given.o.mkdir(exist_ok=True)
for scan in given.i.glob("*.nii.gz"):
    image = nibabel.load(scan)
    mask = numpy.asarray(image.dataobj) > 50
    nibabel.save(nibabel.Nifti1Image(mask.astype("uint8"), image.affine), given.o / scan.name)
"""


def test_ben_runs_by_the_script_of_the_guide(head, tmp_path):
    """BEN's published command line, BEN_infer.py -i FOLDER -o FOLDER -m WEIGHTS, is played by a stand-in."""
    guide = Path(__file__).parents[2] / "documentation/how_to/strip_skulls.md"
    (script,) = re.findall(r"```\n(#!/bin/sh\n# ben_one.*?)```", guide.read_text(), re.DOTALL)
    (command,) = re.findall(r"--strip-command '(/opt/ben/[^']+)'", guide.read_text())
    ben = tmp_path / "opt" / "ben"
    (ben / "bin").mkdir(parents=True)
    (ben / "bin" / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (ben / "bin" / "python").chmod(0o755)
    (ben / "BEN_infer.py").write_text(STAND_IN_OF_BEN)
    (ben / "weights").touch()
    (ben / "ben_one").write_text(script.replace("/opt/ben", str(ben)))
    (ben / "ben_one").chmod(0o755)
    mask, step = strip(head, "command", command.replace("/opt/ben", str(ben)))
    assert step.tool == Tool.COMMAND
    np.testing.assert_array_equal(mask.data, head.data > 50)
