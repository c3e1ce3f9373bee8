import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from hifisyn import __version__
from hifisyn.cli import doctor, umbrella


def test_every_command_has_a_word():
    scripts = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]["scripts"]
    assert {name.removeprefix("hifisyn_") for name in scripts} - {"hifisyn"} == set(umbrella.COMMANDS)


def test_a_word_is_the_command_of_that_name(capsys):
    for word in ("plan_and_preprocess", "plan-and-preprocess"):
        with pytest.raises(SystemExit) as end:
            umbrella.main([word, "-h"])
        assert end.value.code == 0
        assert capsys.readouterr().out.startswith("usage: hifisyn_plan_and_preprocess ")


def test_help_lists_every_command_and_fits_a_terminal(capsys):
    assert umbrella.main([]) == umbrella.main(["-h"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    for word in umbrella.COMMANDS | umbrella.HERE:
        assert any(line.split()[:1] == [word] for line in lines), word


def test_a_typo_is_answered_with_what_was_meant(capsys):
    assert umbrella.main(["predct"]) == 2
    assert "(got predct); did you mean hifisyn predict?" in capsys.readouterr().err


def test_it_runs_as_a_module_and_starts_without_torch():
    code = "import sys, hifisyn.cli.umbrella as u; u.main(['--version']); assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == (
        f"hifisyn {__version__}\n"
    )
    run = [sys.executable, "-m", "hifisyn", "--version"]
    assert subprocess.run(run, capture_output=True, text=True, check=True).stdout == f"hifisyn {__version__}\n"


def test_info_is_json_and_names_methods_and_converters(capsys):
    assert umbrella.main(["info", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {"HiFiSyn", "Paired", "UVCGAN"} <= set(found["methods"])
    assert found["contrasts_out"] == ["T1", "T2", "FLAIR"]
    assert "bids" in found["converters"]


@pytest.mark.slow
def test_doctor_finds_a_sound_installation_sound_and_broken_weights(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("hifisyn_home", str(tmp_path))
    assert doctor.main([]) == 0
    assert "all is well" in capsys.readouterr().out
    monkeypatch.setattr(doctor, "_likeness", lambda: 0.1)
    monkeypatch.setenv("hifisyn_raw", "/proc")
    assert doctor.main([]) == 1
    assert "look at: hifisyn_raw, base model" in capsys.readouterr().out
