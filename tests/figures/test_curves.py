"""Curves are read with whatever columns a method has, and each model has a line where it has a number."""

import numpy as np
import pandas as pd
import pytest

from hifisyn.directions import directions
from hifisyn.errors import UserError
from hifisyn.figures import style
from hifisyn.figures.curves import choose_losses, draw_curves, read_curves, validation_panels
from tests.support.figures_toys import METRICS, assert_legible


@pytest.fixture
def kept(monkeypatch):
    figures = []
    monkeypatch.setattr(style, "finish", lambda figure, path: figures.append(figure))
    return figures


def table(text, tmp_path):
    (tmp_path / "metrics.csv").write_text(text)
    return read_curves(tmp_path / "metrics.csv")


def lines(figure, title):
    (axis,) = [axis for axis in figure.axes if axis.get_title() == title]
    return [line.get_xydata().tolist() for line in axis.lines]


def test_models_with_other_columns_stand_in_one_figure(tmp_path, kept):
    one = table(METRICS, tmp_path)
    other = table(
        "epoch,loss/generator/nce,T1_to_T2/psnr_brain,T1_to_T2/correlation\n1,5,18,0.5\n2,4,19,0.6\n", tmp_path
    )
    assert draw_curves(tmp_path / "c.png", {"one": one, "other": other}) == 0
    figure = kept[0]
    assert lines(figure, "T1 to T2: PSNR in the brain (dB)") == [[[1, 20], [2, 22]], [[1, 18], [2, 19]]]
    assert lines(figure, "T2 to T1: PSNR in the brain (dB)") == [[[1, 21]]]
    assert lines(figure, "T1 to T2: correlation in the brain") == [[[1, 0.5], [2, 0.6]]]
    assert lines(figure, "generator:\ncycle") == [[[1, 2], [2, 1]]]
    assert lines(figure, "generator:\nnce") == [[[1, 5], [2, 4]]]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["one", "other"]
    assert len(figure.legends) == 1


def test_a_model_has_one_look_in_every_panel(tmp_path, kept):
    epochs = pd.DataFrame({"epoch": [1, 2, 3], "T1_to_T2/psnr_brain": [1, 2, 3], "loss/g/a": [3, 2, 1]})
    models = {f"model {i}": epochs + i for i in range(13)}
    models["model 1"] = models["model 1"].drop(columns="loss/g/a")
    draw_curves(tmp_path / "c.png", models)
    looks = {
        axis.get_title(): [(line.get_color(), line.get_linestyle()) for line in axis.lines]
        for axis in kept[0].axes
        if axis.lines
    }
    every, fewer = looks["T1 to T2: PSNR in the brain (dB)"], looks["g:\na"]
    assert len(set(every)) == 13
    assert fewer == [look for place, look in enumerate(every) if place != 1]
    assert_legible(kept[0])


@pytest.mark.slow
@pytest.mark.parametrize(("domains", "across"), [(("FLAIR", "T1", "T2"), 3), (("FLAIR", "T1", "T1ce", "T2"), 4)])
def test_many_directions_take_several_rows_and_stay_legible(tmp_path, kept, domains, across):
    keys = [direction.key for direction in directions(domains)]
    measures = ("psnr_brain", "ssim_brain", "correlation")
    columns = {f"{key}/{name}": [float(place), 1.0] for place, key in enumerate(keys) for name in measures}
    curves = {"m": pd.DataFrame({"epoch": [1, 2], "loss/generator/cycle": [2.0, 1.0]} | columns)}
    rows = validation_panels(curves)
    assert {len(row) for row in rows} == {across}
    assert sorted(name for row in rows for name in row) == sorted(columns)
    draw_curves(tmp_path / "c.png", curves)
    assert lines(kept[0], "T2 to FLAIR:\nPSNR in the brain (dB)") == [[[1, keys.index("T2_to_FLAIR")], [2, 1]]]
    assert_legible(kept[0])
    renderer = kept[0].canvas.get_renderer()
    boxes = [axis.get_tightbbox(renderer) for axis in kept[0].axes]
    assert not any(one.overlaps(other) for i, one in enumerate(boxes) for other in boxes[:i])


def test_losses_that_most_models_have_come_first_and_the_rest_is_counted():
    tables = {f"m{i}": pd.DataFrame({f"loss/g/{j}": [1.0] for j in range(i, 12)}) for i in range(12)}
    shown, left_out = choose_losses(tables)
    assert shown[0] == "loss/g/11"
    assert (len(shown), left_out) == (10, 2)


def test_no_validation_leaves_losses_alone(tmp_path, kept):
    losses = pd.DataFrame({"epoch": [1], "loss/g/a": [np.pi]})
    assert validation_panels({"m": losses}) == []
    draw_curves(tmp_path / "c.png", {"m": losses})
    assert lines(kept[0], "g:\na") == [[[1, np.pi]]]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (None, "does not exist"),
        ("", "must be a CSV table"),
        ("a,b\n1,2\n", "must hold one row per epoch"),
        ("epoch,loss/g/a\n", "must hold one row per epoch"),
    ],
)
def test_a_file_without_epochs_is_refused_in_words(tmp_path, text, what):
    file = tmp_path / "metrics.csv"
    if text is not None:
        file.write_text(text)
    with pytest.raises(UserError) as error:
        read_curves(file)
    assert error.value.what.replace(": ", " ") == f"{file} {what}"


def test_a_diagnostic_that_names_a_direction_is_none():
    table = pd.DataFrame({"epoch": [1], "T1_to_T2/psnr_brain": [20.0], "diagnostic/background_mask_to_T1": [0.1]})
    assert validation_panels({"AttentionGAN": table}) == [["T1_to_T2/psnr_brain"]]
