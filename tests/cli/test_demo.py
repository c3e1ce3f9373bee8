"""hifisyn_demo: the first picture comes before anything is planned or trained."""

from pathlib import Path

import pytest

from hifisyn.cli import demo
from hifisyn.cli.predict import parser as predict_parser


@pytest.fixture
def ran(monkeypatch):
    """Note the commands instead of running them; each prediction leaves a picture."""
    commands: list[tuple[str, list[str]]] = []

    def note(name: str, words: list[str]) -> None:
        commands.append((name, words))
        if name == "predict":
            folder = Path(words[words.index("-o") + 1])
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "phantom001_T2.png").touch()

    monkeypatch.setattr(demo, "_run", note)
    monkeypatch.setenv("hifisyn_home", "")
    return commands


def test_it_begins_with_the_base_model_and_says_that_it_is_flattered(ran, tmp_path, capsys):
    assert demo.main(["--home", str(tmp_path / "demo"), "--seed", "3"]) == 0
    assert [name for name, _ in ran[:4]] == ["convert_dataset", "predict", "convert_dataset", "plan_and_preprocess"]
    made, given = ran[0][1], predict_parser().parse_args(ran[1][1])
    assert made[made.index("--subjects-number") + 1] == "1"
    assert made[made.index("--seed") + 1] == "3"
    assert [str(model) for model in given.model] == ["base"]
    assert given.input == tmp_path / "demo" / "hifisyn_raw" / "FIRST" / "imagesTr"
    said = capsys.readouterr().out
    assert f"without any training: {tmp_path / 'demo' / 'first' / 'phantom001_T2.png'}" in said
    assert "this simulated head flatters it" in said
    assert "train" in [name for name, _ in ran[4:]]
