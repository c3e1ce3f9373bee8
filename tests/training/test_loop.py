import csv
import json
import os
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import multiprocessing

from hifisyn.base.for_choice import with_base
from hifisyn.baselines import SOURCE
from hifisyn.errors import UserError
from hifisyn.slices import SliceStore
from hifisyn.training import checkpoint, loop
from hifisyn.training.batch import Batch
from hifisyn.training.batches import Batches, BatchLoader
from hifisyn.training.distributed import average_buffers, average_gradients, broadcast_state, largest
from hifisyn.training.interrupts import Interrupts
from hifisyn.training.job import Options
from hifisyn.training.loop import train
from hifisyn.training.rates import rate_factor
from hifisyn.training.step import autocast, resolve_device, resolve_precision, take_step
from tests.support.logged_lines import logged_lines
from tests.support.training_toys import Toy, toy_dataset, toy_job, toy_store

pytestmark = pytest.mark.usefixtures("no_pictures")

ROOT = Path(__file__).parents[2]
QUIET = Options(device="cpu")


def weights(folder, name=checkpoint.FINAL):
    return checkpoint.load(folder / name)["networks"]


def equal(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def metrics(folder):
    with (folder / "metrics.csv").open() as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Return the folder of an uninterrupted run and its lines."""
    folder = tmp_path_factory.mktemp("whole")
    job = with_base(toy_job(folder))
    with logged_lines() as lines:
        assert train(job, Options(device="cpu")) == 0
    return job, lines


@pytest.mark.slow
def test_a_run_leaves_all_that_is_promised(finished):
    job, lines = finished
    there = {str(path.relative_to(job.folder)) for path in job.folder.rglob("*") if path.is_file()}
    wanted = {"checkpoint_latest.pt", "checkpoint_best.pt", "checkpoint_final.pt", "metrics.csv", "progress.png"}
    wanted |= {f"samples/epoch_{e:04d}_{d}.png" for e in range(1, 5) for d in ("T1_to_T2", "T2_to_T1")}
    wanted |= {"validation/summary.json"} | {f"validation/{c}_T1_to_T2.png" for c in ("c6", "c7")}
    assert wanted <= there
    assert not [name for name in there if "partial" in name]
    assert len([text for text in lines if text.startswith("epoch ")]) == 4
    assert "the untouched source reaches" in "\n".join(lines)
    assert [row["epoch"] for row in metrics(job.folder)] == ["1", "2", "3", "4"]


@pytest.mark.slow
def test_best_is_the_epoch_with_the_best_score_and_the_summary_is_of_it(finished):
    job, _ = finished
    scores = [
        (float(row["T1_to_T2/ssim_brain"]) + float(row["T2_to_T1/ssim_brain"])) / 2 for row in metrics(job.folder)
    ]
    best = checkpoint.load(job.folder / checkpoint.BEST)["progress"]
    assert best["epoch"] == scores.index(max(scores)) + 1
    assert best["best"] == pytest.approx(max(scores))
    content = json.loads((job.folder / "validation" / "summary.json").read_text())
    assert content["epoch"] == best["epoch"]
    assert set(content["cases"]) == {"c6", "c7"}
    assert content["baselines"][SOURCE]["T1_to_T2/correlation"] == pytest.approx(-1)
    mean = content["mean"]
    for key, judged in content["verdict"].items():
        for name, beats in judged.items():
            theirs = content["baselines"][name]
            higher = [mean[f"{key}/{m}"] > (theirs[f"{key}/{m}"] or 0) for m in ("ssim_brain", "correlation")]
            assert beats is all(higher)
    assert set(content["verdict"]) == {"T1_to_T2", "T2_to_T1"}


@pytest.mark.slow
def test_training_moves_every_network_and_lowers_the_cycle_loss(finished):
    job, _ = finished
    fresh = job.new_trainer(torch.device("cpu"))
    after = weights(job.folder)
    for name, network in fresh.networks.named_children():
        assert any(not torch.equal(value, after[f"{name}.{key}"]) for key, value in network.state_dict().items())
    losses = [float(row["loss/generator/cycle"]) for row in metrics(job.folder)]
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.slow
def test_the_same_seed_gives_the_same_weights_with_any_number_of_workers(finished, tmp_path):
    job, _ = finished
    again = toy_job(tmp_path, store=job.store)
    train(again, Options(device="cpu", workers=2))
    assert equal(weights(job.folder), weights(again.folder))


@pytest.mark.slow
def test_the_seed_decides_the_first_weights_whatever_torch_drew_before(finished):
    job, _ = finished

    def first(seed):
        torch.rand(3)
        fresh = replace(job, seed=seed).new_trainer(torch.device("cpu"))
        return torch.cat([p.flatten() for p in fresh.networks.parameters()])

    assert torch.equal(first(3), first(3))
    assert not torch.equal(first(3), first(4))


@pytest.mark.slow
def test_a_signal_saves_and_a_resume_ends_in_the_same_weights(finished, tmp_path):
    job, _ = finished

    class Interrupted(Toy):
        at, number = 13, signal.SIGTERM

        def after_step(self):
            super().after_step()
            if self.iteration == self.at:
                os.kill(os.getpid(), self.number)

    interrupted = with_base(toy_job(tmp_path, trainer=Interrupted, store=job.store))
    assert train(interrupted, QUIET) == signal.SIGTERM
    assert checkpoint.load(interrupted.folder / checkpoint.LATEST)["progress"]["iteration"] == 14
    Interrupted.at, Interrupted.number = 29, signal.SIGINT
    resume = Options(device="cpu", resume=True)
    assert train(interrupted, resume) == signal.SIGINT
    assert checkpoint.load(interrupted.folder / checkpoint.LATEST)["progress"]["iteration"] == 30
    assert train(interrupted, resume) == 0
    assert equal(weights(job.folder), weights(interrupted.folder))
    assert equal(weights(job.folder, checkpoint.BEST), weights(interrupted.folder, checkpoint.BEST))
    assert metrics(job.folder) == metrics(interrupted.folder)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def run_command(roots, *more, kill=None):
    """Run hifisyn_train in a process of its own; `kill` is the step after which it is killed with SIGKILL."""
    words = [
        "TOY",
        "T1",
        "T2",
        "fold1",
        "-tr",
        "tests.support.training_toys:Toy",
        "--seed",
        "3",
        "--device",
        "cpu",
        *more,
    ]
    for flag, root in (("--raw", roots.raw), ("--preprocessed", roots.preprocessed), ("--results", roots.results)):
        words += [flag, str(root)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    environment |= {"TOY_KILL": str(kill)} if kill is not None else {}
    return subprocess.run(
        [sys.executable, "-m", "hifisyn.cli.train", *words],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.mark.slow
def test_kill_9_and_resume_end_in_the_same_weights_and_metrics(finished, tmp_path):
    job, _ = finished
    roots = toy_dataset(tmp_path, Toy)
    folder = roots.results / "TOY" / "T1_T2" / "Toy__plans__2d__seed=3" / "fold_1"
    assert run_command(roots, kill=24).returncode == -signal.SIGKILL
    assert checkpoint.load(folder / checkpoint.LATEST)["progress"]["iteration"] == 20
    (folder / ".partial-left.pt").write_bytes(b"half a checkpoint")
    ended = run_command(roots, "--resume", "--workers", "1")
    assert ended.returncode == 0, ended.stderr
    assert "hifisyn_predict" in ended.stdout
    assert equal(weights(job.folder), weights(folder))
    assert equal(weights(job.folder, checkpoint.BEST), weights(folder, checkpoint.BEST))
    assert metrics(job.folder) == metrics(folder)
    assert not list(folder.glob(".partial-*"))


@pytest.mark.slow
@pytest.mark.parametrize("fatal", [1, 2, 3, 6])
def test_a_kill_between_the_files_of_an_epoch_does_no_harm(finished, tmp_path, monkeypatch, fatal):
    """Written are latest (epoch 1), best, latest (2), latest (3), latest (4), final; broken off before the n-th."""
    job, _ = finished
    whole, written = checkpoint.save, []

    def save(path, *args, **kwargs):
        written.append(path)
        if len(written) == fatal:
            raise KeyboardInterrupt
        whole(path, *args, **kwargs)

    broken = with_base(toy_job(tmp_path, store=job.store))
    monkeypatch.setattr(checkpoint, "save", save)
    with pytest.raises(KeyboardInterrupt):
        train(broken, QUIET)
    monkeypatch.setattr(checkpoint, "save", whole)
    begun = (broken.folder / checkpoint.LATEST).exists()
    assert begun == (fatal > 1)
    assert train(broken, Options(device="cpu", resume=begun)) == 0
    assert equal(weights(job.folder), weights(broken.folder))
    assert equal(weights(job.folder, checkpoint.BEST), weights(broken.folder, checkpoint.BEST))
    assert metrics(job.folder) == metrics(broken.folder)


@pytest.mark.slow
def test_resume_needs_a_checkpoint_and_the_same_seed(finished, tmp_path):
    job, _ = finished
    resume = Options(device="cpu", resume=True)
    with pytest.raises(UserError, match=r"checkpoint_latest.pt must exist to resume"):
        train(toy_job(tmp_path, store=job.store), resume)
    with pytest.raises(UserError, match=r"--seed must be that of .*, 3 \(got 9\); resume with --seed 3"):
        train(replace(job, seed=9), resume)


@pytest.fixture
def unpaired(tmp_path):
    """Return a job whose cases have one contrast each."""
    modalities = {f"a{i}": ("T1",) for i in range(4)} | {f"b{i}": ("T2",) for i in range(4)}
    store = toy_store(tmp_path / "slices", modalities)
    job = toy_job(tmp_path, store=store, epochs=3, iterations=4)
    return replace(job, train=("a0", "a1", "b0", "b1"), val=("a2", "a3", "b2", "b3"))


def test_without_pairs_the_unpaired_score_chooses(unpaired):
    with logged_lines() as lines:
        assert train(unpaired, QUIET) == 0
    rows = metrics(unpaired.folder)
    scores = [np.mean([float(row[f"{d}/unpaired_score"]) for d in ("T1_to_T2", "T2_to_T1")]) for row in rows]
    best = checkpoint.load(unpaired.folder / checkpoint.BEST)["progress"]
    assert best["epoch"] == int(np.argmax(scores)) + 1
    assert best["best"] == pytest.approx(max(scores))
    assert float(rows[0]["T1_to_T2/distance"]) > 0
    assert "no validation case holds a pair: the best weights are chosen without pairs" in "\n".join(lines)
    assert f"best weights (epoch {best['epoch']}, chosen by the unpaired score), validation cases (4)" in lines[-1]
    content = json.loads((unpaired.folder / "validation" / "summary.json").read_text())
    assert content["chosen_by"] == "unpaired score"
    assert content["mean"]["T1_to_T2/unpaired_score"] == pytest.approx(
        float(rows[best["epoch"] - 1]["T1_to_T2/unpaired_score"])
    )


def test_the_unpaired_score_keeps_an_earlier_epoch_where_later_ones_are_worse(unpaired, monkeypatch):
    scores = [0.3, 0.7, 0.5]
    monkeypatch.setattr(loop, "measure_without_pairs", lambda *_: {"T1_to_T2/unpaired_score": scores.pop(0)})
    assert train(unpaired, QUIET) == 0
    assert checkpoint.load(unpaired.folder / checkpoint.BEST)["progress"]["epoch"] == 2


def test_with_pairs_the_unpaired_score_is_recorded_and_chooses_nothing(tmp_path, monkeypatch):
    ssim, scores = [0.8, 0.5, 0.4], [0.2, 0.9, 0.5]
    monkeypatch.setattr(loop, "measure_without_pairs", lambda *_: {"T1_to_T2/unpaired_score": scores.pop(0)})
    monkeypatch.setattr(loop, "measure", lambda *_: {"T1_to_T2/ssim_brain": ssim.pop(0)})
    job = toy_job(tmp_path, epochs=3, iterations=2)
    assert train(job, QUIET) == 0
    assert checkpoint.load(job.folder / checkpoint.BEST)["progress"]["epoch"] == 1
    assert [float(row["T1_to_T2/unpaired_score"]) for row in metrics(job.folder)] == [0.2, 0.9, 0.5]


def test_without_validation_cases_the_newest_weights_are_best_and_the_weights_are_the_same(unpaired, tmp_path):
    alone = replace(unpaired, val=(), folder=tmp_path / "alone")
    with logged_lines() as lines:
        assert train(alone, QUIET) == 0
    assert checkpoint.load(alone.folder / checkpoint.BEST)["progress"]["epoch"] == 3
    assert "the newest weights count as best" in "\n".join(lines)
    assert train(unpaired, QUIET) == 0
    assert equal(weights(alone.folder), weights(unpaired.folder))


def test_losses_that_are_not_finite_stop_the_run(tmp_path):
    class Diverging(Toy):
        def updates(self, batch):
            for group, losses in super().updates(batch):
                yield (
                    group,
                    {name: loss * (float("nan") if self.iteration == 5 else 1) for name, loss in losses.items()},
                )

    job = toy_job(tmp_path, trainer=Diverging)
    with pytest.raises(UserError, match=r"losses must be finite; in epoch 1 content_discriminator/discriminator_T1"):
        train(job, QUIET)
    assert not (job.folder / checkpoint.LATEST).exists()


def _weights(trainer):
    return {n: torch.cat([p.detach().flatten() for p in net.parameters()]) for n, net in _with_parameters(trainer)}


def _gradients(trainer):
    none = torch.zeros(1)
    return {
        n: torch.cat([none if p.grad is None else p.grad.flatten() for p in net.parameters()])
        for n, net in _with_parameters(trainer)
    }


def _with_parameters(trainer):
    net = trainer.networks
    parts = {"G": net.generator, "D": net.discriminator}
    return [(f"{name}_{m}", part[m]) for name, part in parts.items() for m in trainer.domains]


def _differing(before, after):
    return {name for name in before if not torch.equal(before[name], after[name])}


def test_a_step_moves_only_the_group_that_was_yielded(tmp_path):
    class Checked(Toy):
        seen: tuple[str, ...] = ()

        def updates(self, batch):
            for group, losses in super().updates(batch):
                weights, gradients = _weights(self), _gradients(self)
                yield group, losses
                moved = {f"{'G' if group == 'generator' else 'D'}_{m}" for m in self.domains}
                assert _differing(weights, _weights(self)) == moved
                assert _differing(gradients, _gradients(self)) == moved
                Checked.seen += (group,)

    job = toy_job(tmp_path)
    trainer = Checked(job.plans, job.domains).train()
    optimizers = trainer.optimizers()
    batches = Batches(BatchLoader(replace(job, seed=0).source()))
    for _ in range(2):
        losses = take_step(trainer, optimizers, next(batches), seed=0)
    assert Checked.seen == ("content_discriminator", "content_discriminator", "generator")
    assert set(losses) == {
        "content_discriminator/discriminator_T1",
        "content_discriminator/discriminator_T2",
        "generator/cycle",
        "generator/domain",
    }
    assert all(loss.ndim == 0 and not loss.requires_grad for loss in losses.values())


def test_the_content_critic_is_clipped_and_learns_at_its_own_rate(tmp_path):
    job = toy_job(tmp_path, content_clip=1e-3, content_lr=7e-5)
    trainer = job.new_trainer(torch.device("cpu")).train()
    optimizers = trainer.optimizers()
    assert optimizers["content_discriminator"].param_groups[0]["lr"] == 7e-5
    assert optimizers["generator"].param_groups[0]["lr"] == 1e-2
    batch = next(Batches(BatchLoader(replace(job, seed=0).source())))
    take_step(trainer, optimizers, batch, seed=0)
    norm = torch.cat(
        [p.grad.flatten() for p in trainer.parameters("content_discriminator") if p.grad is not None]
    ).norm()
    assert float(norm) <= 1.001e-3


def test_the_rate_is_constant_and_then_falls_linearly():
    factors = [rate_factor(i, 200, 0.5) for i in range(200)]
    assert factors[:101] == [1.0] * 101
    assert factors[150] == 0.5
    assert 0 < factors[199] <= 0.01
    assert {rate_factor(i, 10, 1.0) for i in range(10)} == {1.0}
    assert rate_factor(5, 10, 0.0) == 0.5


def test_bf16_steps_are_finite_and_weights_stay_float32(tmp_path):
    job = toy_job(tmp_path, epochs=1, iterations=4)
    assert train(job, Options(device="cpu", precision="bf16")) == 0
    assert all(v.isfinite().all() for v in weights(job.folder).values() if v.is_floating_point())
    assert {v.dtype for v in weights(job.folder).values()} == {torch.float32, torch.int64}
    fp32 = toy_job(tmp_path / "b", store=job.store, epochs=1, iterations=4)
    train(fp32, QUIET)
    assert not equal(weights(job.folder), weights(fp32.folder))


def test_devices_and_precisions_that_are_not_there_are_named():
    with pytest.raises(UserError, match=r"--device must be one of this machine \(.*cpu\) \(got cuda:9\)"):
        resolve_device("cuda:9")
    with pytest.raises(UserError, match=r"--precision must be auto, fp32, bf16 \(got fp64\)"):
        resolve_precision("fp64", torch.device("cpu"))
    assert resolve_precision("auto", torch.device("cpu")) == "fp32"
    with autocast(torch.device("cpu"), "bf16"):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.bfloat16


def test_a_long_epoch_says_where_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "SILENT_SECONDS", 0.0)
    with logged_lines() as lines:
        train(toy_job(tmp_path, epochs=2, iterations=3), Options(device="cpu"))
    places = [text.split(",")[0] for text in lines if "left in the epoch" in text]
    assert places == [f"epoch {e}: step {s} of 3" for e in (1, 2) for s in (1, 2)]


def test_too_little_memory_is_one_line(tmp_path, monkeypatch):
    def exhausted(*args, **kwargs):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(loop, "take_step", exhausted)
    with pytest.raises(UserError, match=r"out of memory on cpu with batch size 2.*--set batch_size=1"):
        train(toy_job(tmp_path), QUIET)


class Still(Toy):
    """One update a step, without noise, its losses means over the batch: gradients of batches average."""

    def updates(self, batch):
        yield "content_discriminator", {m: self.networks.discriminator[m](batch.images[m]).mean() for m in self.domains}

    def after_step(self) -> None:
        pass


def _one_step(folder):
    """Return a trainer, its optimizers and the first batch of rank 0 and of rank 1."""
    job = toy_job(folder, trainer=Still, store=SliceStore(folder / "slices"), content_clip=1e9)
    trainer = job.new_trainer(torch.device("cpu")).train()
    loaders = [BatchLoader(replace(job, seed=0).source(rank)) for rank in range(2)]
    return trainer, trainer.optimizers(), [next(Batches(loader)) for loader in loaders]


def _average(rank):
    """Return what is left of known gradients and buffers: parameter n has gradient n, + 10 on rank 1."""
    net = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3), torch.nn.Linear(3, 1))
    broadcast_state(net)
    parameters = list(net.parameters())
    for number, parameter in enumerate(parameters):
        parameter.grad = None if number == rank else torch.full_like(parameter, float(number + 10 * rank))
    parameters[-1].grad = None
    for name, buffer in net.named_buffers():
        buffer.fill_(rank + (5 if name.endswith("tracked") else 0))
    average_gradients(parameters)
    average_buffers(net)
    return {
        "gradients": [None if p.grad is None else p.grad.flatten()[0].item() for p in parameters],
        "buffers": {name.partition(".")[2]: buffer.flatten()[0].item() for name, buffer in net.named_buffers()},
        "largest": largest(rank * 15, torch.device("cpu")),
        "weights": [p.tolist() for p in parameters],
    }


def _process(rank, ports, folder):
    """Run in each of two processes: known gradients, one step, then a whole training."""
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(ports[0])}
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_RANK": str(rank)}
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo")
    averaged = _average(rank)
    trainer, optimizers, batches = _one_step(folder)
    take_step(trainer, optimizers, batches[rank], seed=0, rank=rank)
    torch.save([p.grad for p in trainer.parameters("content_discriminator")], folder / f"gradients{rank}.pt")
    torch.distributed.destroy_process_group()
    os.environ["MASTER_PORT"] = str(ports[1])  # the first store may still be closing
    code = train(toy_job(folder, store=SliceStore(folder / "slices"), epochs=2, iterations=4), QUIET)
    (folder / f"rank{rank}.json").write_text(json.dumps(averaged | {"code": code}))


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    toy_store(folder / "slices")
    with socket.socket() as first, socket.socket() as second:
        for free in (first, second):
            free.bind(("127.0.0.1", 0))
        ports = (first.getsockname()[1], second.getsockname()[1])
    multiprocessing.spawn(_process, (ports, folder), nprocs=2)
    return folder


@pytest.mark.slow
def test_two_processes_average_gradients_and_buffers_and_train_to_the_end(two_processes):
    first, second = (json.loads((two_processes / f"rank{rank}.json").read_text()) for rank in range(2))
    assert first == second
    # Absent gradients count as 0 where another process has one; the last parameter has none anywhere.
    assert first["gradients"] == [5.0, 0.5, 7.0, 8.0, 9.0, None]
    assert first["buffers"] == {"running_mean": 0.5, "running_var": 0.5, "num_batches_tracked": 5}
    assert first["largest"] == 15
    assert first["code"] == 0
    assert len(metrics(two_processes / "fold_0")) == 2


@pytest.mark.slow
def test_two_processes_take_the_step_of_one_with_both_batches(two_processes):
    trainer, optimizers, batches = _one_step(two_processes)
    joint = {m: torch.cat([b.images[m] for b in batches]) for m in ("T1", "T2")}
    take_step(trainer, optimizers, Batch(joint, {"T1": None, "T2": None}, {}, 0), seed=0)
    whole = [p.grad for p in trainer.parameters("content_discriminator")]
    for rank in range(2):
        averaged = torch.load(two_processes / f"gradients{rank}.pt", weights_only=True)
        assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(averaged, whole, strict=True))
    alone, optimizers, batches = _one_step(two_processes)
    take_step(alone, optimizers, batches[0], seed=0)
    assert not torch.allclose(whole[0], alone.parameters("content_discriminator")[0].grad, atol=1e-6)


def test_a_signal_that_a_process_ignores_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Interrupts() as interrupts:
            signal.raise_signal(signal.SIGINT)
            assert interrupts.signal == 0
            signal.raise_signal(signal.SIGTERM)
            assert interrupts.signal == signal.SIGTERM
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
