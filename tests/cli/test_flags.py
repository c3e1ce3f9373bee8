"""One flag, one spelling and one wording in all commands, and nnU-Net's spelling beside ours."""

import argparse
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

from hifisyn.errors import UserError

COMMANDS = (
    "ablation",
    "benchmark",
    "convert_dataset",
    "demo",
    "downstream_eval",
    "evaluate",
    "export_model",
    "labels",
    "plan_and_preprocess",
    "predict",
    "pretrain",
    "reader_study",
    "report",
    "train",
)
HEAVY = ("torch", "numpy", "nibabel", "pandas", "pydantic", "matplotlib", "scipy", "ants")
NNUNET = {
    "train": ["-tr", "-p", "-pretrained_weights", "--c", "-device"],
    "predict": ["-i", "-o", "-m", "-f", "-chk", "--c", "-device"],
    "evaluate": ["-o", "-m", "-d", "-f", "-chk", "-device"],
    "downstream_eval": ["-o", "-m", "-d", "-f", "-chk", "-device", "-np"],
    "plan_and_preprocess": ["-d", "-np", "-p", "-tr", "-device"],
}


def parsers(name):
    """Return a command's parser and those of its subcommands, by what a user types."""
    found, queue = {}, [import_module(f"hifisyn.cli.{name}").parser()]
    for parser in queue:
        found[parser.prog] = parser
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                queue += action.choices.values()
    return found


ALL = {prog: parser for name in COMMANDS for prog, parser in parsers(name).items()}


def declarations():
    """Yield (command, flag, what it is) of every spelling of every flag; help without what holds in one command."""
    for prog, parser in ALL.items():
        for action in parser._actions:
            for spelling in action.option_strings:
                words = (action.help or "").split(" (")[0]
                yield prog, spelling, (tuple(action.option_strings), words, action.metavar, action.type)


def test_every_command_is_walked():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    assert set(project["project"]["scripts"]) == {"hifisyn", *(f"hifisyn_{name}" for name in COMMANDS)}


def test_a_flag_means_the_same_in_every_command():
    meanings: dict[str, dict[tuple, list[str]]] = {}
    for prog, spelling, meaning in declarations():
        if spelling not in ("-h", "--help"):
            meanings.setdefault(spelling, {}).setdefault(meaning, []).append(prog)
    assert not {spelling: found for spelling, found in meanings.items() if len(found) > 1}


def test_every_flag_has_help():
    assert not [(prog, spelling) for prog, spelling, meaning in declarations() if not meaning[1]]


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_no_default_that_is_none(name):
    for parser in parsers(name).values():
        text = " ".join(parser.format_help().split())
        assert not any(word in text for word in ("default: None", "default: )", "default: False", "default: [", "()"))
        assert all(text.count("default:") < 3 for text in (a.help or "" for a in parser._actions))


@pytest.mark.parametrize("name", NNUNET)
def test_nnunet_spellings_are_accepted(name):
    (parser,) = parsers(name).values()
    assert set(NNUNET[name]) <= set(parser._option_string_actions)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("train", ["IXI", "T1", "T2", "0", "--prec", "fp32"]),
        ("predict", ["-i", "raw", "-o", "synth", "-ch", "best"]),
        ("evaluate", ["-fold", "0"]),
        ("evaluate", ["-dIXI"]),  # nor joined: -np2 may be a typo of another flag
    ],
)
def test_nothing_is_abbreviated(name, words):
    (parser,) = parsers(name).values()
    with pytest.raises(UserError) as error:
        parser.parse_args(words)
    assert error.value.what.startswith("unrecognized arguments")
    assert error.value.hint == f"see hifisyn_{name} -h"


def test_a_mistake_is_one_line(capsys):
    from hifisyn.cli.predict import main

    assert main(["-i", "raw", "-o", "synth", "-np", "0"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "-np/--processes: must be a whole number of at least 1 (got 0)" in error


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_help_imports_nothing_heavy(name):
    code = (
        f"import sys\nfrom hifisyn.cli.{name} import main\n"
        "try: main(['-h'])\nexcept SystemExit: pass\n"
        f"sys.exit(', '.join(set({HEAVY}) & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"usage: hifisyn_{name}" in done.stdout


def test_the_help_of_train_answers_in_half_a_second():
    code = (
        "import time\nbegun = time.process_time()\nfrom hifisyn.cli.train import main\n"
        "try: main(['-h'])\nexcept SystemExit: pass\n"
        "assert time.process_time() - begun < 0.5"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0
