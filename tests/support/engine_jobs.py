"""Steps that spawned processes can import: each notes that it ran, so that tests can count."""

import os
import signal
from pathlib import Path

from hifisyn.engine.subject import Done
from hifisyn.errors import UserError


def note(folder: Path, case: str) -> None:
    with (folder / "log").open("a") as file:
        file.write(f"{case}\n")


def copy(key, folder, case):
    """Write what the case's file holds, and what the key is."""
    note(folder, case.name)
    text = case.images["T1"].read_text()
    if text == "bad":
        raise UserError(f"{case.images['T1']} must be\n good", got="bad")
    if text == "odd":
        raise ZeroDivisionError(f"in {case.images['T1']}")
    if text == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    (folder / f"{case.name}.out").write_text(f"{key} {text}")
    return Done(facts={"length": len(text)}, labels="computed", parts={"first": 0.25})


def unusable(key, folder, case):
    return Done(error="it is no head", facts=[1, 2])
