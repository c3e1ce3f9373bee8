"""Skull stripping by programs installed beside: FSL bet, SynthStrip, and any other by a command template.

A program gets the scan as a NIfTI file with axes in RAS order, and names for its outputs, in a temporary folder of
its own. It runs without a shell: no pipes, variables or wildcards.
"""

import os
import shlex
import shutil
import tempfile
from pathlib import Path

import numpy as np

from hifisyn.errors import FileError, UserError
from hifisyn.preprocessing.run_program import TRY, last_line, run_program
from hifisyn.preprocessing.steps import Tool
from hifisyn.volume import Volume

HOLDERS = ("{input}", "{mask}")

# The first that is found. {brain}: a name to which FSL's bet adds _mask.nii.gz, as {mask} has it.
_COMMANDS = {
    Tool.BET: ("bet {input} {brain} -m -n",),
    Tool.SYNTHSTRIP: ("mri_synthstrip -i {input} -m {mask}", "nipreps-synthstrip -i {input} -m {mask}"),
}
_FILES = {"{input}": "scan.nii.gz", "{brain}": "brain", "{mask}": "brain_mask.nii.gz"}
_HINTS = {
    Tool.BET: "install FSL and put its bin folder on PATH",
    Tool.SYNTHSTRIP: "install FreeSurfer 7.3 or newer, or nipreps-synthstrip, and put it on PATH",
    Tool.COMMAND: "write its whole path in strip_command, or put it on PATH",
}


def find_brain(tool: Tool, volume: Volume, command: str = "") -> np.ndarray:
    """Return the brain mask, bool, on the grid of a scan whose axes are in RAS order.

    Args:
        tool: bet, synthstrip or command.
        volume: whole head.
        command: template of `Tool.COMMAND`, such as "ben --input {input} --output {mask}"; the mask is above 0.5 in the
            brain and on the grid of the input.

    Raises:
        UserError: the program is not installed, fails, takes longer than an hour, or writes no such mask.
    """
    words = parse_command(command) if tool is Tool.COMMAND else _installed(tool)
    program = shutil.which(words[0])
    if program is None:
        raise UserError(f"skull_strip {tool} needs the program {words[0]}", hint=_HINTS[tool])
    with tempfile.TemporaryDirectory(prefix="hifisyn-strip-") as folder:
        names = {word: str(Path(folder) / name) for word, name in _FILES.items()}
        volume.save(names["{input}"])
        filled = [os.path.abspath(program), *(_filled(word, names) for word in words[1:])]
        run_program(filled, words[0], Path(folder))
        return _mask(Path(names["{mask}"]), volume, words[0])


def parse_command(command: str) -> list[str]:
    """Return the words of a command template, split as a shell would.

    >>> parse_command("ben --input {input} --output '{mask}'")
    ['ben', '--input', '{input}', '--output', '{mask}']

    Raises:
        UserError: it names no {input} or no {mask}, or a quotation does not end.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UserError(f"strip_command cannot be read: {error}", got=repr(command), hint="fix the quotes") from None
    lacking = [holder for holder in HOLDERS if not any(holder in word for word in words[1:])]
    if lacking:
        raise UserError(
            f"strip_command must be a program followed by {' and '.join(HOLDERS)}",
            got=repr(command),
            hint=f"add {' and '.join(lacking)}",
        )
    return words


def program_of(tool: Tool) -> str:
    """Return the name of the program that a tool runs here; no version, which each program reports in another way."""
    return _installed(tool)[0]


def _installed(tool: Tool) -> list[str]:
    """Return the words of the first command of a tool whose program is there, else of the first."""
    commands = [command.split() for command in _COMMANDS[tool]]
    words = next((words for words in commands if shutil.which(words[0])), commands[0])
    weights = Path(os.environ.get("FREESURFER_HOME", "")) / "models" / "synthstrip.1.pt"
    return [*words, "--model", str(weights)] if words[0] == "nipreps-synthstrip" and weights.is_file() else words


def _filled(word: str, names: dict[str, str]) -> str:
    for holder, name in names.items():
        word = word.replace(holder, name)
    return word


def _mask(path: Path, volume: Volume, name: str) -> np.ndarray:
    """Read what a program wrote; a mask whose axes have another order is put right.

    Raises:
        UserError: there is no mask, or it lies on another grid, or is empty.
    """
    if not path.is_file():
        raise UserError(f"{name} wrote no file {{mask}}: {last_line(path.parent)}", hint=TRY)
    try:
        written = Volume.load_mask(path).canonical()
    except FileError as error:
        raise error.called(f"the mask of {name}") from None
    if not written.same_grid(volume):
        raise UserError(
            f"the mask of {name} must be on the grid of its input (shape {volume.shape})",
            got=f"another of shape {written.shape}",
            hint=TRY,
        )
    mask: np.ndarray = written.data > 0
    if not mask.any():
        raise UserError(f"the mask of {name} must not be empty", hint="look at the scan")
    return mask
