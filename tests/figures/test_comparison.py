"""Which slices are compared, and that all error maps share one scale."""

import numpy as np
import pytest

from hifisyn.figures.comparison import comparison_figure, draw_comparison, lines_of_models
from hifisyn.figures.overlays import SegmentedScan, overlay_figure
from hifisyn.figures.slices_shown import error_map, error_span, largest_slices, rows_of_case
from hifisyn.pictures import brain_window
from tests.support.figures_toys import assert_legible


def case(models=3, lesion=True, seed=0):
    rng = np.random.default_rng(seed)
    brain = np.zeros((8, 20, 16), bool)
    for s in range(8):
        brain[s, 4 : 8 + s, 5:12] = True
    label = np.where(brain, 2, 0)
    if lesion:
        label[3, 5:9, 6:10] = 4
    truth = np.where(brain, rng.uniform(-0.5, 0.5, brain.shape), -1).astype(np.float32)
    synthetic = {f"model {k}": np.where(brain, truth + 0.1 * (k + 1), -1).astype(np.float32) for k in range(models)}
    return np.where(brain, 0.0, -1.0), synthetic, truth, brain, label


def images(figure):
    return [image for axis in figure.axes for image in axis.images]


def errors(figure):
    return [image for image in images(figure) if image.get_cmap().name == "error"]


@pytest.mark.parametrize("models", [1, 3, 13])
def test_error_maps_share_one_scale_that_covers_the_largest_error(models):
    rows = rows_of_case("c", *case(models), slices=2)
    figure = comparison_figure(rows, "T1", "T2")
    drawn = errors(figure)
    assert len(drawn) == models * len(rows)
    assert {image.get_clim() for image in drawn} == {(-error_span(rows), error_span(rows))}
    assert error_span(rows) == pytest.approx(0.1 * models, abs=1e-6) or error_span(rows) == pytest.approx(
        0.1 * models + 0.1, abs=1e-6
    )
    bars = [axis for axis in figure.axes if axis.get_xlabel().startswith("error")]
    assert len(bars) == 1
    assert bars[0].get_xlim() == pytest.approx((-error_span(rows), error_span(rows)))


def test_sheets_may_share_a_scale():
    rows = rows_of_case("c", *case(1), slices=1)
    assert {image.get_clim() for image in errors(comparison_figure(rows, "T1", "T2", span=1.5))} == {(-1.5, 1.5)}


def test_the_panels_show_the_difference_inside_the_brain_and_nothing_outside():
    source, synthetic, truth, brain, label = case(1)
    synthetic["model 0"] = synthetic["model 0"] + np.where(brain, 0, 0.7)  # a model that paints the background
    (row,) = rows_of_case("c", source, synthetic, truth, brain, label, slices=[3])
    figure = comparison_figure([row], "T1", "T2")
    window = brain_window(brain[[3]])
    (shown,) = errors(figure)
    expected = np.zeros(brain[3].shape)
    for y, x in np.argwhere(brain[3]):
        expected[y, x] = float(synthetic["model 0"][3, y, x]) - float(truth[3, y, x])
    np.testing.assert_allclose(shown.get_array(), expected[window], atol=1e-7)
    np.testing.assert_array_equal(error_map(synthetic["model 0"][3], truth[3], brain[3])[~brain[3]], 0)
    scans = [image for image in images(figure) if image.get_cmap().name == "gray"]
    assert all((np.asarray(scan.get_array())[~brain[3][window]] == -1).all() for scan in scans)


def test_the_scale_leaves_the_outermost_hundredth_out_and_is_never_zero():
    source, synthetic, truth, brain, _ = case(1)
    synthetic["model 0"] = truth.copy()
    assert error_span(rows_of_case("c", source, synthetic, truth, brain, slices=range(8))) == pytest.approx(0.1)
    synthetic["model 0"][7, 4, 5] = truth[7, 4, 5] + 1.9
    assert error_span(rows_of_case("c", source, synthetic, truth, brain, slices=range(8))) == pytest.approx(0.1)
    synthetic["model 0"][7, 4:10, 5] = truth[7, 4:10, 5] + 1.9
    assert error_span(rows_of_case("c", source, synthetic, truth, brain, slices=range(8))) == pytest.approx(1.9)


def test_slices_are_those_with_most_lesion_else_most_brain():
    *_, brain, label = case()
    assert largest_slices(brain, np.where(label >= 4, label, 0), 1) == [3]
    assert largest_slices(brain, None, 1) == [7]
    assert largest_slices(brain, np.zeros_like(label), 1) == [7]
    chosen = largest_slices(np.ones((40, 4, 4), bool), None, 4)
    assert len(chosen) == 4
    assert min(np.diff(chosen)) > 2
    assert largest_slices(np.zeros((5, 4, 4), bool), None, 3) == []


def test_lesions_are_outlined_where_there_are_any():
    def outlines(lesion):
        figure = comparison_figure(rows_of_case("c", *case(2, lesion), slices=1), "T1", "T2")
        return sum(len(axis.collections) for axis in figure.axes[:4])

    assert outlines(True) == 4
    assert outlines(False) == 0


@pytest.mark.parametrize(("count", "lengths"), [(1, [1]), (5, [5]), (6, [3, 3]), (13, [5, 4, 4])])
def test_models_are_parted_into_lines(count, lengths):
    names = [f"m{i}" for i in range(count)]
    lines = lines_of_models(names)
    assert [len(line) for line in lines] == lengths
    assert [name for line in lines for name in line] == names


@pytest.mark.slow
@pytest.mark.parametrize("models", [1, 5, 13])
def test_text_is_legible_and_inside_the_page(tmp_path, models):
    rows = rows_of_case("case_with_a_long_name_20010203", *case(models), slices=3)
    draw_comparison(tmp_path / "c.png", rows, "T1", "T2")
    figure = comparison_figure(rows, "T1", "T2")
    assert_legible(figure)
    assert (tmp_path / "c.png").read_bytes()[:4] == b"\x89PNG"


def test_overlays_say_the_dice_of_the_slice_and_of_the_case():
    _, synthetic, truth, _, label = case(1)
    found = np.where(label == 4, 4, 0)
    shifted = np.roll(found, 2, axis=2)
    scans = [SegmentedScan("real T2", truth, found), SegmentedScan("synthetic T2", synthetic["model 0"], shifted)]
    figure = overlay_figure(scans, label, {4: "tumour"}, slices=[3])
    texts = [text.get_text() for text in figure.texts]
    assert "real T2\nDice 1.00" in texts
    assert "synthetic T2\nDice 0.50" in texts  # 4 columns wide, shifted by 2: half of each in both
    assert texts.count("Dice 1.00") == texts.count("Dice 0.50") == 1
    panels = [axis for axis in figure.axes if axis.images]
    assert [len(axis.collections) for axis in panels] == [2, 2]
    assert_legible(figure)


def test_overlays_of_several_classes_have_a_column_for_the_reference():
    _, synthetic, truth, _, label = case(1)
    scans = [
        SegmentedScan("real T2", truth, label),
        SegmentedScan("synthetic T2", synthetic["model 0"], np.where(label == 4, 2, label)),
    ]
    figure = overlay_figure(scans, label, {2: "GM", 4: "tumour"}, slices=[3])
    panels = [axis for axis in figure.axes if axis.images]
    assert [len(axis.collections) for axis in panels] == [2, 2, 1]
    texts = " ".join(text.get_text() for text in figure.texts).replace("\n", " ")
    assert "real T2, reference" in texts
    assert "GM 1.00, tumour 1.00" in texts
    assert "tumour 0.00" in texts
    assert_legible(figure)
