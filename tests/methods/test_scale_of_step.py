"""Fine pixels: a step shows one scale or the other, a coarse one is shown as it is, and what is shown fits together."""

# mypy: no-check-untyped-defs
import numpy as np
import pytest
import torch

from hifisyn.methods.adapted.trainer import Adapted
from hifisyn.methods.paired.trainer import Paired
from hifisyn.methods.scale_of_step import at_drawn_scale, halved_batch
from hifisyn.training.batch import Batch
from tests.support.overfit import small_batch
from tests.support.training_toys import toy_plans

PAIR = ("T1", "T2")


def test_every_other_step_shows_pixels_of_double_the_side():
    generator, batch = torch.Generator().manual_seed(0), small_batch(32)
    seen = [at_drawn_scale(batch, 1.0, generator) for _ in range(40)]
    sizes = [(one.images["T1"].shape[-1], one.labels["T1"].shape[-1], pixel_mm) for one, pixel_mm in seen]
    assert set(sizes) == {(32, 32, 1.0), (16, 16, 2.0)}
    assert 10 < sizes.count((16, 16, 2.0)) < 30


def test_coarse_pixels_stay_and_draw_nothing():
    generator, batch = torch.Generator().manual_seed(0), small_batch(32)
    before = generator.get_state()
    assert at_drawn_scale(batch, 1.3, generator) == (batch, 1.3)
    assert torch.equal(generator.get_state(), before)


def test_a_halved_label_lies_where_its_tissue_does():
    label = torch.from_numpy(np.kron([[1, 2], [3, 4]], np.ones((8, 8), int)))[None]
    image = label[:, None].float() / 8
    batch = Batch({"T1": image}, {"T1": label}, {"T1": torch.tensor([0])}, 0, "simulated", {"T1": image[:, 0]})
    small = halved_batch(batch)
    assert torch.equal(small.images["T1"][:, 0] * 8, small.labels["T1"].float())
    assert torch.equal(small.clean["T1"], small.images["T1"][:, 0])


@pytest.mark.parametrize(("method", "kind"), [(Adapted, "unpaired"), (Adapted, "simulated"), (Paired, "paired")])
def test_the_network_is_told_the_pixel_that_it_is_shown(method, kind):
    small = ("slices.size=32", "slices.crop=32", "slices.pixel_mm=1.0", "settings.networks.width=4")
    plans = toy_plans(method.TITLE, *small)
    trainer = method(plans, PAIR).train()
    first, shown = small_batch(32), set()
    images = {m: image.expand(-1, 3, -1, -1) for m, image in first.images.items()}
    batch = Batch(images, first.labels, first.subjects, 0, kind)
    trainer.networks.generator.register_forward_pre_hook(
        lambda _, given: shown.add((given[0].shape[-1], round(float(given[1][0, len(PAIR)].exp()), 3)))
    )
    for seed in range(8):
        trainer.generator.manual_seed(seed)
        for _, losses in trainer.updates(batch):
            assert all(bool(torch.isfinite(loss)) for loss in losses.values())
    assert shown == {(32, 1.0), (16, 2.0)}
