"""The map of the queries, and its silhouettes against their definition."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from hifisyn.figures import embedding as module
from hifisyn.figures.embedding import draw_embeddings, embed, modality_silhouette, structure_silhouette, unit_rows
from hifisyn.figures.queries import Queries


def queries(apart=1.0, between_contrasts=0.0, seed=0, count=30):
    """Clouds of three structures around three axes, each seen in two contrasts."""
    rng = np.random.default_rng(seed)
    structure, contrast = np.repeat([1, 2, 3], 2 * count), np.tile([0, 1], 3 * count)
    content = 0.2 * rng.normal(size=(len(structure), 6)) + apart * np.eye(6)[structure]
    content[:, 5] += between_contrasts * contrast
    return Queries(
        content.astype(np.float32), structure, np.array(["T1", "T2"])[contrast], np.full(len(structure), "c")
    )


@pytest.fixture(autouse=True)
def _components(monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: None)


def slow_silhouette(unit, labels):
    scores = []
    for i, own in enumerate(labels):
        distance = [1 - float(unit[i] @ other) for other in unit]
        near = np.mean([d for j, d in enumerate(distance) if labels[j] == own and j != i])
        far = min(np.mean([d for j, d in enumerate(distance) if labels[j] == k]) for k in set(labels) - {own})
        scores.append((far - near) / max(far, near))
    return np.array(scores)


def test_every_contrast_has_a_marker_of_its_own(tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr(module.style, "finish", lambda figure, path: figures.append(figure))
    few = queries(count=10)
    contrasts = np.array(["FLAIR", "T1", "T1ce", "T2"])[np.arange(len(few.structure)) % 4]
    q = Queries(few.content, few.structure, contrasts, few.case)
    draw_embeddings(tmp_path / "e.png", {"m": (embed(q), q)}, {"CSF": 1, "GM": 2, "WM": 3})
    (axis,) = figures[0].axes
    assert [len(drawn.get_offsets()) for drawn in axis.collections] == [15] * 4
    handles = axis.get_legend().legend_handles
    assert [handle.get_label() for handle in handles] == ["FLAIR", "T1", "T1ce", "T2"]
    assert len({handle.get_marker() for handle in handles}) == 4


def test_silhouettes_equal_their_definition():
    q = queries(0.4, 0.3)
    unit = unit_rows(q.content)
    scores = slow_silhouette(unit, q.structure.tolist())
    expected = [scores[q.structure == value].mean() for value in (1, 2, 3)]
    np.testing.assert_allclose(structure_silhouette(unit, q.structure), expected, atol=1e-9)
    within = [slow_silhouette(unit[o], q.modality[o].tolist()).mean() for o in (q.structure == v for v in (1, 2, 3))]
    assert modality_silhouette(unit, q) == pytest.approx(np.mean(within))


def test_the_numbers_tell_separable_structures_from_mixed_ones_and_shared_content_from_unshared():
    apart, mixed = embed(queries(3.0)), embed(queries(0.0))
    assert apart.mean_silhouette > 0.8
    assert abs(mixed.mean_silhouette) < 0.05
    assert abs(apart.modality_silhouette) < 0.05
    assert embed(queries(3.0, between_contrasts=3.0)).modality_silhouette > 0.5


def test_the_map_separates_what_is_separable_and_is_the_same_each_time():
    q = queries(3.0)
    first, again = embed(q), embed(q)
    np.testing.assert_array_equal(first.points, again.points)
    assert first.method == "PCA"
    middles = np.array([first.points[q.structure == value].mean(axis=0) for value in (1, 2, 3)])
    nearest = np.linalg.norm(first.points[:, None] - middles, axis=2).argmin(axis=1) + 1
    assert (nearest == q.structure).mean() > 0.95


def test_umap_is_used_where_it_is_installed_seeded_and_by_cosine(monkeypatch):
    asked = []

    class Map:
        def __init__(self, **settings):
            asked.append(settings)

        def fit_transform(self, points):
            return points[:, :2]

    monkeypatch.setattr(module, "find_spec", lambda name: object())
    monkeypatch.setitem(sys.modules, "umap", SimpleNamespace(UMAP=Map))
    assert embed(queries(), seed=5).method == "UMAP"
    assert asked[0]["random_state"] == 5
    assert asked[0]["metric"] == "cosine"


def test_one_structure_or_one_contrast_gives_no_number():
    q = queries()
    one = Queries(q.content, np.ones_like(q.structure), np.full(len(q.structure), "T1"), q.case)
    embedding = embed(one)
    assert np.isnan(embedding.mean_silhouette)
    assert np.isnan(embedding.modality_silhouette)


def test_the_figure_names_the_method_and_marks_contrasts_and_structures(tmp_path, monkeypatch):
    from hifisyn.figures import style

    kept = []
    monkeypatch.setattr(style, "finish", lambda figure, path: kept.append(figure))
    q = queries(3.0)
    labels = {"background": 0, "CSF": 1, "GM": 2, "WM": 3}
    draw_embeddings(tmp_path / "e.png", {"HiFiSyn": (embed(q), q)}, labels)
    axis = kept[0].axes[0]
    assert axis.get_xlabel() == "PCA 1"
    assert [len(cloud.get_offsets()) for cloud in axis.collections] == [90, 90]
    assert [len({tuple(colour) for colour in cloud.get_facecolors()}) for cloud in axis.collections] == [3, 3]
    words = [text.get_text() for text in kept[0].findobj(lambda a: hasattr(a, "get_text"))]
    assert {"T1", "T2"} <= set(words)
    assert any(word.startswith("GM  0.") for word in words)


@pytest.mark.slow
def test_four_maps_stand_two_in_a_row_and_are_legible(tmp_path, monkeypatch):
    from hifisyn.figures import style
    from tests.support.figures_toys import assert_legible

    kept = []
    monkeypatch.setattr(style, "finish", lambda figure, path: kept.append(figure))
    panels = {f"content queries, {word}": (embed(q), q) for word, q in zip("abcd", [queries(3.0)] * 4, strict=True)}
    draw_embeddings(tmp_path / "e.png", panels, {"CSF": 1, "GM": 2, "WM": 3})
    tops = [round(axis.get_position().y1, 3) for axis in kept[0].axes]
    assert tops[0] == tops[1] > tops[2] == tops[3]
    assert_legible(kept[0])
