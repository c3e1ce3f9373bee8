import csv
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from skimage.io import imread

from hifisyn.directions import Direction, directions
from hifisyn.engine.progress import duration
from hifisyn.errors import UserError
from hifisyn.metrics.image import psnr
from hifisyn.training import picture
from hifisyn.training.chosen_by import ChosenBy, describe_choice
from hifisyn.training.duration import check_length
from hifisyn.training.logbook import Logbook, Tally, line, table
from hifisyn.training.validation import (
    ValidationSet,
    centre,
    distribution_distance,
    measure,
    source_itself,
    translate,
)
from tests.support.training_toys import Toy, toy_plans, toy_store


def row(epoch, **more):
    return {
        "epoch": epoch,
        "iteration": 10 * epoch,
        "loss/generator/cycle": 0.5 / epoch,
        "loss/discriminator/domain": 1.4,
        "T1_to_T2/psnr": 20.0 + epoch,
        "T1_to_T2/psnr_brain": 15.0 + epoch,
        "T1_to_T2/correlation": -0.4,
        "diagnostic/own_class": 0.6,
        "lr/generator": 1e-4,
        "seconds": 30.0,
    } | more


def test_metrics_and_picture_are_written(tmp_path):
    book = Logbook(tmp_path, epochs=4)
    lines = [book.add(row(1)), book.add(row(2, **{"loss/generator/pgd": 3.0}))]
    with (tmp_path / "metrics.csv").open() as file:
        read = list(csv.DictReader(file))
    assert [float(r["T1_to_T2/psnr"]) for r in read] == [21.0, 22.0]
    assert [r["loss/generator/pgd"] for r in read] == ["", "3.0"]
    assert imread(tmp_path / "progress.png").std() > 0
    assert [line.split(" |")[0] for line in lines] == ["epoch 1/4", "epoch 2/4"]


def test_rows_of_a_checkpoint_replace_what_is_in_the_file(tmp_path):
    whole = Logbook(tmp_path / "a", 4)
    for epoch in (1, 2, 3):
        whole.add(row(epoch))
    resumed = Logbook(tmp_path / "a", 4, rows=whole.rows[:2])
    resumed.write(picture=False)
    assert (tmp_path / "a" / "metrics.csv").read_text() == table(whole.rows[:2])
    resumed.add(row(3))
    assert (tmp_path / "a" / "metrics.csv").read_text() == table(whole.rows)


def test_a_line_tells_losses_both_directions_time_and_memory():
    text = line(row(3, **{"T2_to_T1/psnr_brain": 17.0, "gpu_gib": 12.3}), 200, 3 * 3600)
    for part in ("epoch 3/200", "generator: cycle 0.167", "discriminator: domain 1.4", "T1->T2 in the brain: PSNR 18"):
        assert part in text
    for part in ("r -0.4", "T2->T1 in the brain: PSNR 17", "30 s, 3 h 0 min left", "GPU 12.3 GiB"):
        assert part in text
    assert "\n" not in text


def test_the_time_left_is_that_of_the_epochs_to_come():
    book = Logbook(Path(), 10, rows=[row(e, seconds=10.0 * e) for e in range(1, 8)])
    assert book.seconds_left() == pytest.approx(3 * np.mean([30, 40, 50, 60, 70]))
    assert duration(math.nan) == "unknown"


def test_a_tally_survives_a_checkpoint_bit_by_bit():
    values = np.random.default_rng(0).normal(size=9).astype(np.float32)
    whole, part = Tally(), Tally()
    for i, value in enumerate(values):
        whole.add({"g/a": value} if i % 3 else {"g/a": value, "g/b": value})
        part.add({"g/a": value} if i % 3 else {"g/a": value, "g/b": value})
        part = Tally(part.values())
    assert whole.means() == part.means()
    assert whole.means()["g/b"] == pytest.approx(values[::3].mean(), rel=1e-6)


@pytest.mark.parametrize(("kind", "hours"), [("cpu", 12), ("cuda", 72)])
def test_a_training_that_would_take_days_is_refused_unless_forced(kind, hours):
    device, plans = torch.device(kind), toy_plans()
    limit = hours * 3600 / plans.length.total
    assert "will take about" in check_length(plans, 0.99 * limit, device)
    with pytest.raises(UserError, match=f"hifisyn_plan_and_preprocess -d TOY --device {kind} --minutes"):
        check_length(plans, 1.01 * limit, device)
    assert "will take about" in check_length(plans, 1.01 * limit, device, force_long=True)


def test_validation_slices_are_the_centre_of_fixed_slices_of_both_modalities(tmp_path):
    store = toy_store(tmp_path, {"a": ("T1", "T2"), "b": ("T1", "T2"), "c": ("T1",)})
    chosen = ValidationSet.read(store, ["c", "b", "a"], ("T1", "T2"), 16, count=4)
    assert chosen is not None
    there, back = (chosen.samples[direction] for direction in directions(("T1", "T2")))
    assert there.paired
    assert there.source.cases == there.target.cases == ("a", "a", "b", "b")
    assert there.source.images.shape == back.source.brains.shape == (4, 16, 16)
    whole = store.image("a", "T2")
    assert any(np.array_equal(there.target.images[0], centre(slice_, 16)) for slice_ in whole)
    assert np.array_equal(centre(np.arange(36).reshape(6, 6), 2), [[14, 15], [20, 21]])


def test_numbers_against_the_truth(tmp_path):
    store = toy_store(tmp_path, {"a": ("T1", "T2")})
    chosen = ValidationSet.read(store, ["a"], ("T1", "T2"), 16)
    assert chosen is not None
    perfect = measure(chosen, {one: sample.target.images for one, sample in chosen.samples.items()})
    assert perfect["T1_to_T2/psnr"] == np.inf
    assert perfect["T2_to_T1/correlation"] == pytest.approx(1)
    assert ChosenBy.of(chosen) is ChosenBy.PAIRS
    assert ChosenBy.PAIRS.score(perfect) == pytest.approx(1)
    assert "by SSIM in the brain on the pairs of the validation cases" in describe_choice(chosen)
    source, there = source_itself(chosen), chosen.samples[Direction("T1", "T2")]
    assert source["T1_to_T2/correlation"] == pytest.approx(-1)
    assert source["T1_to_T2/psnr"] == pytest.approx(np.mean(psnr(there.source.images, there.target.images)))
    assert source["T1_to_T2/std_ratio"] == pytest.approx(1 / 0.8, abs=1e-3)
    assert (ChosenBy.PAIRS.score(source) or 0) < (ChosenBy.PAIRS.score(perfect) or 0)


def test_slices_are_translated_in_evaluation_mode_without_gradient_and_the_mode_is_put_back():
    class Watched(Toy):
        seen: tuple[bool, bool] | None = None

        def translate(self, image, source, target):
            Watched.seen = (self.networks.training, torch.is_grad_enabled())
            return super().translate(image, source, target)

    trainer = Watched(toy_plans(Toy), ("T1", "T2")).train()
    slices = np.random.default_rng(0).uniform(-1, 1, (5, 16, 16)).astype(np.float32)
    made = translate(trainer, slices, "T1", "T2", batch=2)
    assert Watched.seen == (False, False)
    assert trainer.networks.training
    assert np.allclose(made[3:4], translate(trainer, slices[3:4], "T1", "T2"), atol=1e-6)
    assert made.shape == slices.shape


def test_without_common_cases_only_distributions_are_compared(tmp_path):
    store = toy_store(tmp_path, {"a": ("T1",), "b": ("T2",), "c": ("T2",)})
    chosen = ValidationSet.read(store, ["a", "b", "c"], ("T1", "T2"), 16)
    assert chosen is not None
    assert not any(sample.paired for sample in chosen.samples.values())
    numbers = source_itself(chosen)
    assert set(numbers) == {"T1_to_T2/distance", "T2_to_T1/distance"}
    assert ChosenBy.of(chosen) is ChosenBy.UNPAIRED
    assert "chosen without pairs" in describe_choice(chosen)
    assert ValidationSet.read(store, [], ("T1", "T2"), 16) is None


def test_a_direction_needs_nothing_but_its_source(tmp_path):
    store = toy_store(tmp_path, {"a": ("T1",)})
    chosen = ValidationSet.read(store, ["a"], ("T1", "T2"), 16)
    assert chosen is not None
    assert list(chosen.samples) == [Direction("T1", "T2")]
    assert chosen.samples[Direction("T1", "T2")].target.images.shape == (0, 16, 16)
    assert source_itself(chosen) == {}
    assert ChosenBy.of(chosen) is ChosenBy.UNPAIRED


def test_distributions_are_compared_by_the_distance_that_moves_one_onto_the_other():
    assert distribution_distance(np.array([0.0, 1.0]), np.array([0.5, 1.5])) == pytest.approx(0.5)


def test_a_diagnostic_that_names_a_direction_is_no_validation():
    row = {"epoch": 1, "T1_to_T2/psnr_brain": 20.0, "diagnostic/background_mask_to_T1": 0.1, "seconds": 1.0}
    printed = line(row, 2, 1.0)
    assert "T1->T2 in the brain: PSNR 20" in printed
    assert "diagnostic" not in printed


def test_many_directions_are_told_by_their_mean_and_the_lowest():
    row = {"epoch": 1, "seconds": 1.0}
    for number, direction in enumerate(directions(("FLAIR", "T1", "T2"))):
        row |= {f"{direction.key}/psnr_brain": 10.0 + number, f"{direction.key}/ssim_brain": 0.5 - 0.1 * number}
    text = line(row, 2, 1.0)
    assert "mean of 6 directions in the brain: PSNR 12.5 SSIM 0.25, lowest SSIM 0 (T2->T1)" in text
    assert text.count("->") == 1


@pytest.mark.slow
def test_the_picture_of_many_directions_shows_means_and_one_measure_of_each(tmp_path, monkeypatch):
    shown = {}
    monkeypatch.setattr(picture, "_curves", lambda axis, title, keys, rows: shown.update({title: (keys, rows)}))
    ways = directions(("FLAIR", "T1", "T2"))
    values = {f"{d.key}/{m}": float(n) for n, d in enumerate(ways) for m in ("psnr_brain", "ssim_brain", "correlation")}
    picture.draw(tmp_path / "many.png", [{"epoch": 1, "loss/generator/cycle": 1.0, **values}])
    assert shown["PSNR (dB)"][0] == ["mean/psnr_brain"]
    assert shown["PSNR (dB)"][1][0]["mean/psnr_brain"] == 2.5
    assert shown["validation"][0] == ["mean/ssim_brain", "mean/correlation"]
    assert shown["ssim_brain"][0] == [f"{direction.key}/ssim_brain" for direction in ways]
    shown.clear()
    two = {key: value for key, value in values.items() if "FLAIR" not in key}
    picture.draw(tmp_path / "two.png", [{"epoch": 1, **two}])
    assert list(shown) == ["PSNR (dB)", "validation"]
    assert shown["PSNR (dB)"][0] == ["T1_to_T2/psnr_brain", "T2_to_T1/psnr_brain"]
