"""The functions take what the commands take, by the same names and with the same defaults."""

import inspect
from importlib import import_module
from typing import Any

import pytest

import hifisyn

# What a command spells in another way than its function: flag to argument, or none where another argument says it.
OTHERWISE: dict[str, dict[str, str | None]] = {
    "evaluate": {},
    "train": {"domains": "contrasts", "set": "settings"},
    "predict": {
        "with_skull": None,  # stripped=False
        "participant_label": "selection",
        "session_label": "selection",
        "filter": "selection",
        "bids_filter_file": "selection",
    },
}
NOT_TYPED = {"command"}


def flags(name) -> dict[str, Any]:
    """Return the arguments of the function that a command's flags mean, with their defaults."""
    actions = [a for a in import_module(f"hifisyn.cli.{name}").parser()._actions if a.dest != "help"]
    named = {OTHERWISE[name].get(action.dest, action.dest): action.default for action in actions}
    return {argument: default for argument, default in named.items() if argument is not None}


def arguments(name):
    return dict(inspect.signature(getattr(hifisyn, name)).parameters)


@pytest.mark.parametrize("name", OTHERWISE)
def test_names_are_those_of_the_flags(name):
    assert set(flags(name)) == set(arguments(name)) - NOT_TYPED


@pytest.mark.parametrize("name", OTHERWISE)
def test_defaults_are_those_of_the_flags(name):
    typed = flags(name)
    for argument, parameter in arguments(name).items():
        if argument in NOT_TYPED or parameter.default in (inspect.Parameter.empty, None):
            continue
        assert (typed[argument] or None) == (parameter.default or None), argument


@pytest.mark.parametrize("name", OTHERWISE)
def test_every_argument_is_described_and_typed(name):
    function = getattr(hifisyn, name)
    described = inspect.getdoc(function) or ""
    for argument, parameter in arguments(name).items():
        assert f"\n    {argument}: " in described, argument
        assert parameter.annotation is not inspect.Parameter.empty, argument
    assert "Raises:" in described
