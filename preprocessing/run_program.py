"""Runs a program that is installed beside to its end: no shell, a time limit, and nothing of it left running."""

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

from hifisyn.errors import UserError

LIMIT_S = 3600.0  # after which a program hangs
TRY = "try it by hand"
_OUT, _ERR = "out.txt", "err.txt"


def run_program(words: list[str], name: str, folder: Path, hint: str = TRY) -> None:
    """Run a program in a folder, where it leaves what it says; FSL's write .nii.gz whatever the user's setting is.

    Args:
        words: of the command.
        name: of the program, for people.
        folder: in which it runs.
        hint: what to do where it fails.

    Raises:
        UserError: it cannot be started, fails, or takes too long; what it started is ended with it then.
    """
    environment = os.environ | {"FSLOUTPUTTYPE": "NIFTI_GZ"}
    with (folder / _OUT).open("wb") as out, (folder / _ERR).open("wb") as err:
        try:
            process = subprocess.Popen(
                words,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        except OSError as error:
            raise UserError(f"{name} cannot be run", got=error.strerror, hint=hint) from None
        try:
            code = process.wait(LIMIT_S)
        except BaseException as error:
            _end(process)
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            raise UserError(
                f"{name} must end within {LIMIT_S:.0f} s", got="a program that still runs", hint=hint
            ) from None
    if code:
        raise UserError(f"{name} failed with exit code {code}: {last_line(folder)}", hint=hint)


def last_line(folder: Path) -> str:
    """Return the last line that a program wrote, of its errors where there are any."""
    for file in (_ERR, _OUT):
        lines = (folder / file).read_text(encoding="utf-8", errors="replace").splitlines()
        written = [line.strip() for line in lines if line.strip()]
        if written:
            return written[-1][:300]
    return "no message"


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a program and all that it started: bet is a script that starts others."""
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()
