"""Reliability curves: means over subjects, and only of methods that tell their error."""

import numpy as np
import pandas as pd
import pytest

from hifisyn.evaluation.case_measures import RELIABILITY
from hifisyn.figures import style
from hifisyn.figures.reliability import draw_reliability, reliability_curves, reliability_figure
from tests.support.figures_toys import assert_legible

EVEN = np.linspace(0.5, 1.4, 10)


def row(method, case, subject, ratios):
    return {"model": method, "case": case, "subject": subject} | dict(zip(RELIABILITY, ratios, strict=True))


@pytest.fixture
def cases():
    silent = row("HiFiSyn", "a1", "a", np.full(10, np.nan))
    return pd.DataFrame([silent, *(row("base@1", case, case[0], EVEN + add) for case, add in (("a1", 0), ("a2", 0.2)))])


@pytest.fixture
def kept(monkeypatch):
    figures = []
    monkeypatch.setattr(style, "finish", lambda figure, path: figures.append(figure))
    return figures


def test_a_subject_counts_once_whatever_the_number_of_its_cases(cases):
    other = pd.DataFrame([row("base@1", "b", "b", EVEN + 0.5)])
    curves = reliability_curves(pd.concat([cases, other]), "model")
    assert list(curves) == ["base@1"]
    assert curves["base@1"] == pytest.approx(EVEN + 0.3)
    assert reliability_curves(cases[["model", "case", "subject"]], "model") == {}


def test_each_direction_has_a_panel_and_each_method_one_look(tmp_path, kept):
    panels = {f"T1 to {n}": {"base@1": EVEN} for n in range(4)}
    panels["T1 to 3"] = {"told": EVEN + 1, "base@1": EVEN}
    draw_reliability(tmp_path / "r.png", panels)
    (figure,) = kept
    assert [axis.get_title() for axis in figure.axes] == list(panels)
    line, *curves = figure.axes[3].lines
    assert set(line.get_ydata()) == {1}
    assert curves[0].get_ydata() == pytest.approx(EVEN + 1)
    assert curves[1].get_color() == figure.axes[0].lines[1].get_color() != curves[0].get_color()
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["base@1", "told"]
    assert_legible(figure)
    boxes = [axis.get_tightbbox(figure.canvas.get_renderer()) for axis in figure.axes]
    assert not any(one.overlaps(other) for i, one in enumerate(boxes) for other in boxes[:i])


def test_where_no_method_tells_its_error_there_is_no_figure(cases, tmp_path, kept):
    assert reliability_figure(tmp_path, {"T1 to T2": cases[cases["model"] == "HiFiSyn"]}, "model") == []
    assert kept == []
    (drawn,) = reliability_figure(tmp_path, {"T1 to T2": cases, "T2 to T1": cases[:1]}, "model")
    assert drawn.path == tmp_path / "reliability.png"
    assert len(kept[0].axes) == 1
