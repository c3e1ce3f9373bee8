"""Every command as a module: `python -m hifisyn.cli.X`."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from hifisyn.cli import umbrella

ROOT = Path(__file__).parents[2]
COMMANDS = {
    name: target.removesuffix(":main")
    for name, target in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"].items()
}
LOGGING_COMMAND = """
import logging

from hifisyn.cli.entry import command

log = logging.getLogger(__name__)


@command
def main(arguments):
    log.info("done")
    log.warning("slowly")


if __name__ == "__main__":
    main(None)
"""


def test_each_command_has_a_module_and_each_module_with_a_main_is_a_command():
    files = (ROOT / "hifisyn" / "cli").glob("*.py")
    mains = {
        f"hifisyn.cli.{file.stem}"
        for file in files
        if any(isinstance(n, ast.FunctionDef) and n.name == "main" for n in ast.parse(file.read_text()).body)
    }
    assert set(COMMANDS.values()) | {f"hifisyn.cli.{name}" for name in umbrella.HERE} == mains


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_runs_as_a_module(name):
    run = subprocess.run(
        [sys.executable, "-m", COMMANDS[name], "--help"], capture_output=True, text=True, timeout=60, check=False
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.startswith(f"usage: {name} ")


def test_what_a_command_run_as_a_script_logs_is_shown_once(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(LOGGING_COMMAND)
    run = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60, check=True)
    assert (run.stdout, run.stderr) == ("done\n", "slowly\n")
