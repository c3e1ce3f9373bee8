"""A method that looks at neighbours and tells its expected error: trained, validated, predicted with and evaluated."""

# mypy: no-check-untyped-defs
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from hifisyn.evaluation.against_baselines import compare
from hifisyn.inference.predictor import Predictor
from hifisyn.training import checkpoint, model_folder
from hifisyn.training.contract import Needs
from hifisyn.training.job import Options
from hifisyn.training.loop import train
from tests.support.training_toys import Toy, toy_job


class Above(nn.Module):
    """Answers with the slice above, darker by a tenth; its error is told to be e ** -2."""

    def forward(self, image):
        above = 0.9 * image[:, 2:]
        return torch.cat([above, torch.full_like(above, -2.0)], dim=1)


class Neighbourly(Toy):
    NEEDS = Needs(context=1)

    def updates(self, batch):
        assert all(image.shape[1] == 3 for image in batch.images.values())
        alone = {m: image[:, 1:2] for m, image in batch.images.items()}
        yield from super().updates(replace(batch, images=alone))

    def translator(self, source, target):
        return Above()


@pytest.fixture
def trained(tmp_path, no_pictures):
    job = toy_job(tmp_path / "model", trainer=Neighbourly, epochs=1, iterations=2)
    job = replace(job, plans=job.plans.model_copy(update={"method": "tests.training.test_context:Neighbourly"}))
    config = {"method": job.plans.method, "domains": list(job.domains), "dataset": "TOY"}
    model_folder.prepare(job.folder, job.plans, "{}", config, {"epochs": 1})
    assert train(job, Options(device="cpu")) == 0
    return job


def test_validation_shows_the_networks_the_slices_beside(trained):
    row = checkpoint.load(trained.folder / checkpoint.LATEST)["progress"]["rows"][-1]
    validation = trained.validation(trained.val)
    sample = next(iter(validation.samples.values()))
    assert sample.source.inputs.shape[1] == 3
    assert np.array_equal(sample.source.images, sample.source.inputs[:, 1])
    made, truth = 0.9 * sample.source.inputs[:, 2], sample.target.images
    psnr = np.mean([10 * np.log10(4 / np.mean((a.astype(float) - b) ** 2)) for a, b in zip(made, truth, strict=True)])
    assert row["T1_to_T2/psnr"] == pytest.approx(psnr, rel=1e-5)


def test_evaluation_shows_them_too_and_prediction_keeps_the_error_apart(trained):
    predictor = Predictor.from_folder(trained.folder.parent, device="cpu")
    store, case = trained.store, trained.val[0]
    assert predictor.context == 1
    amid = store.neighbours(case, "T1", None, 1)
    answer = predictor.translate(amid, "T1", "T2")
    inside = np.s_[:, 4:20, 4:20]
    above = store.image(case, "T1")[[1, 2, 3, 4, 5, 5]]  # beyond the last slice, the last
    assert np.allclose(answer.slices[inside], 0.9 * above[inside], atol=1e-6)
    assert np.allclose(answer.expected_error[inside], np.exp(-2.0))
    assert not answer.expected_error[:, 0].any()
    with pytest.raises(ValueError, match="slices must have 1 neighbours on each side"):
        predictor.translate(store.image(case, "T1"), "T1", "T2")
    seen = {}
    compare(
        predictor,
        "Neighbourly",
        store,
        trained.domains,
        trained.train,
        trained.val,
        context=predictor.context,
        on_case=lambda case, direction, columns, counted: seen.update({(case, direction.key): columns}),
    )
    brain = store.brain(case)
    made = seen[case, "T1_to_T2"]["synthetic T2"]
    assert np.allclose(made[brain], np.where(brain, answer.slices, -1)[brain])
