"""All figures of a data set: what can be drawn is, with whole sentences below; what cannot is logged."""

import pytest
from PIL import Image

from hifisyn.directions import Direction
from hifisyn.figures import style
from hifisyn.figures.draw import draw_all
from hifisyn.slices import SliceStore
from tests.support.figures_toys import evaluate_toy, toy_model
from tests.support.training_toys import toy_dataset, toy_plans


@pytest.fixture
def roots(tmp_path, monkeypatch):
    monkeypatch.setattr(style, "PRINT_DPI", 30)
    return toy_dataset(tmp_path)


@pytest.fixture
def draw(roots, caplog):
    """Return a function that draws figures of models and returns them, and the lines that were logged."""
    caplog.set_level("INFO", logger="hifisyn.figures")

    def draw(*models, split=None):
        caplog.clear()
        figures = draw_all(models, roots.preprocessed, roots.results / "figures", split=split)
        return figures, caplog.messages.copy()

    return draw


@pytest.mark.slow
def test_every_figure_of_an_evaluated_model_is_drawn_and_described(roots, draw):
    model = toy_model(roots)
    evaluate_toy(roots, model)
    drawn, logged = draw(model)
    assert logged == []
    groups = [entry.group for entry in drawn]
    assert groups == ["comparison"] * 4 + ["affinity", "embedding", "curves"]
    assert len({entry.path for entry in drawn}) == len(drawn)
    for entry in drawn:
        with Image.open(entry.path) as image:
            assert image.format == "PNG"
        assert entry.caption.endswith(".")
        assert entry.title
    captions = {entry.group: entry.caption for entry in drawn}
    assert "Fig. 8" in captions["affinity"]
    assert "2 cases of 2 subjects (validation)" in captions["affinity"]
    assert "Fig. 9" in captions["embedding"]
    assert "Figs. 4 and 5" in captions["comparison"]
    assert "±0." in captions["comparison"]


@pytest.mark.slow
def test_models_stand_in_one_comparison_but_those_without_evaluation(roots, draw):
    one, other, third = toy_model(roots), toy_model(roots, "__sgd=0.0", seed=1), toy_model(roots, "__ggd=0.0", seed=2)
    evaluate_toy(roots, one)
    evaluate_toy(roots, other, noise=0.3)
    drawn, logged = draw(one, other, third)
    comparisons = [entry for entry in drawn if entry.group == "comparison"]
    assert len(comparisons) == 4
    assert all("each of 2 models" in entry.caption for entry in comparisons)
    assert [entry.group for entry in drawn].count("curves") == 1
    assert len(logged) == 2
    assert all("HiFiSyn without GGD" in line and "hifisyn_evaluate" in line for line in logged)


@pytest.mark.slow
def test_a_model_without_a_bank_has_no_affinity_and_it_is_logged(roots, draw):
    bare = toy_plans("HiFiSyn", "memory.slots={}", "memory.global_slots=0")
    drawn, logged = draw(toy_model(roots, plans=bare))
    assert [entry.group for entry in drawn] == ["embedding", "curves"]
    assert any(line.startswith("affinity of HiFiSyn: left out: ") and "Brain Memory Bank" in line for line in logged)
    assert any("comparison of T1 to T2" in line for line in logged)


def test_cases_without_labels_have_no_content_figures_and_it_is_logged(roots, draw):
    store = SliceStore(roots.preprocessed / "TOY" / "plans_2d")
    for case in store.cases():
        images = {m: store.image(case, m) for m in ("T1", "T2")}
        store.write(case, images, store.brain(case), None, {})
    model = toy_model(roots)
    evaluate_toy(roots, model)
    drawn, logged = draw(model)
    assert {entry.group for entry in drawn} == {"comparison", "curves"}
    assert len(logged) == 1
    assert "labels" in logged[0]


def test_nothing_is_fatal(roots, draw):
    model, broken = toy_model(roots), toy_model(roots, "__sgd=0.0")
    (broken.folder / "fold_0" / "checkpoint_best.pt").write_bytes(b"no weights")
    (broken.folder / "fold_0" / "metrics.csv").unlink()
    drawn, logged = draw(broken, model)
    assert [entry.group for entry in drawn] == ["affinity", "embedding", "curves"]
    assert any("affinity and embedding of HiFiSyn without SGD: left out" in line for line in logged)
    assert any(line.startswith("curve of HiFiSyn without SGD: left out") for line in logged)
    drawn, logged = draw(model, split="test")
    assert drawn == []
    assert "pass --split val" in logged[0]


def test_the_comparison_ranks_cases_by_their_psnr(roots):
    model = toy_model(roots)
    evaluate_toy(roots, model)  # c1 has twice the noise of c0
    from hifisyn.evaluation.model_task import look_up
    from hifisyn.figures.draw_comparisons import _Sheets

    sheets = _Sheets(
        roots.results, {"m": look_up(model.folder, roots.preprocessed)}, Direction("T1", "T2"), ["c0", "c1"]
    )
    assert sheets.cases == ["c1", "c0"]


@pytest.mark.slow
def test_two_models_that_differ_in_pgd_alone_stand_in_one_figure(roots, draw):
    plans = [toy_plans("HiFiSyn", *words) for words in ((), ("losses.pgd=0",), ("losses.sgd=0",))]
    names = ("", "__pgd=0.0", "__sgd=0.0")
    having, lacking, third = (
        toy_model(roots, n, plans=p, seed=i) for i, (n, p) in enumerate(zip(names, plans, strict=True))
    )
    drawn, _ = draw(having, lacking, third)
    both = {entry.group: entry for entry in drawn if "with and without PGD" in entry.title}
    assert set(both) == {"affinity", "embedding"}
    assert "8 queries, two of each tissue and of background" in both["affinity"].caption
    assert "attributes, without PGD: " in both["embedding"].caption
    assert "with PGD by HiFiSyn, without by HiFiSyn without PGD" in both["embedding"].caption
    assert "background is left out" in both["embedding"].caption
    alone, _ = draw(having, third)
    assert not [entry for entry in alone if "with and without PGD" in entry.title]


@pytest.mark.slow
def test_background_is_in_the_maps_where_it_is_asked_for(roots):
    drawn = draw_all([toy_model(roots)], roots.preprocessed, roots.results / "figures", split=None, background=True)
    caption = next(entry.caption for entry in drawn if entry.group == "embedding")
    assert "background is left out" not in caption
