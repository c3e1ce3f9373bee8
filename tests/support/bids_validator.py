"""The official BIDS validator as a judge; tests that need it are skipped where it is not installed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


def findings(root: Path) -> list[tuple[str, str, str]]:
    """Return severity, code and place of all that the validator says of a data set."""
    pytest.importorskip(
        "bids_validator_deno", reason="the BIDS validator is not installed: pip install bids-validator-deno"
    )
    command = Path(sys.executable).with_name("bids-validator-deno")
    done = subprocess.run([command, str(root), "--format", "json"], capture_output=True, text=True, check=False)
    issues = json.loads(done.stdout)["issues"]["issues"]
    return [(issue["severity"], issue["code"], issue["location"]) for issue in issues]


def errors(root: Path) -> list[tuple[str, str, str]]:
    """Return only what makes a data set invalid."""
    return [finding for finding in findings(root) if finding[0] == "error"]
