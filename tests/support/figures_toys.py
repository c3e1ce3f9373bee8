"""A toy data set with a trained and evaluated HiFiSyn, and figures whose artists can be looked at."""

import numpy as np

from hifisyn.evaluation import synthetic_slices
from hifisyn.files import write_json
from hifisyn.inference.models import read_model
from hifisyn.methods.hifisyn.trainer import HiFiSyn
from hifisyn.paths import fold_folder, model_folder
from hifisyn.slices import SliceStore
from hifisyn.training import checkpoint
from tests.support.training_toys import toy_plans

SMALLEST_POINTS = 7
METRICS = "epoch,iteration,loss/generator/cycle,T1_to_T2/psnr_brain,T2_to_T1/psnr_brain\n1,10,2.0,20,21\n2,20,1.0,22,\n"


def toy_model(roots, suffix="", plans=None, seed=0):
    """Write the folder of a HiFiSyn of the data set TOY, with weights of a few steps' bank; return the model."""
    import torch

    torch.manual_seed(seed)
    plans = plans or toy_plans()
    trainer = HiFiSyn(plans, ("T1", "T2"))
    if trainer.passes.bank is not None:
        for table in trainer.passes.bank.tables.each():
            table.known.fill_(True)
    folder = model_folder(roots.results, "TOY", ("T1", "T2"), "HiFiSyn", suffix=suffix)
    fold = fold_folder(folder, 0)
    fold.mkdir(parents=True)
    plans.save(folder / "plans.json")
    write_json(folder / "config.json", {"method": "HiFiSyn", "domains": ["T1", "T2"]})
    checkpoint.save(fold / "checkpoint_best.pt", trainer)
    (fold / "metrics.csv").write_text(METRICS)
    return read_model(folder)


def evaluate_toy(roots, model, noise=0.1):
    """Write synthetic slices of the validation cases as the model might have: the truth with noise."""
    store = SliceStore(roots.preprocessed / "TOY" / "plans_2d")
    rng = np.random.default_rng(0)
    for number, case in enumerate(("c0", "c1")):
        for source, target in (("T1", "T2"), ("T2", "T1")):
            truth, brain = store.image(case, target), store.brain(case)
            synthetic = np.where(brain, truth + (1 + number) * noise * rng.normal(size=truth.shape), -1)
            synthetic_slices.write(
                fold_folder(model.folder, 0) / "evaluation_val", case, source, target, synthetic.clip(-1, 1)
            )


def assert_legible(figure):
    """See that no text is smaller than 7 points, leaves the page, or lies over another text of the page."""
    figure.canvas.draw()
    page, renderer = figure.bbox, figure.canvas.get_renderer()
    texts = figure.findobj(lambda artist: hasattr(artist, "get_fontsize") and artist.get_visible())
    assert min(text.get_fontsize() for text in texts if text.get_text()) >= SMALLEST_POINTS
    for artist in (*figure.axes, *figure.texts, *figure.legends):
        box = artist.get_tightbbox(renderer)
        assert min(box.x0 - page.x0, page.x1 - box.x1, box.y0 - page.y0, page.y1 - box.y1) > -1, artist
    words = [text for text in figure.texts if text.get_text()]
    boxes = [text.get_window_extent(renderer) for text in words]
    for i, one in enumerate(boxes):
        for j in range(i):
            assert not one.overlaps(boxes[j]), (words[i].get_text(), words[j].get_text())
