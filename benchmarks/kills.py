"""Kill every command that writes, at random moments, and see whether the same command then ends as if undisturbed.

A small simulated cohort goes through the commands. Each is run undisturbed once. Then it is begun again from the same
state and killed (SIGKILL: the whole group, or the first process alone) after a random part of its time, begun again,
killed again, and so on; whenever it comes to its end, all files are compared with those of the undisturbed run: names,
images, slices, weights, tables, pictures, records. Times and the typed line may differ.

    python -m benchmarks.kills -o OUT                      20 kills of each command
    python -m benchmarks.kills -o OUT --only predict --kills 50 --seed 3
    python -m benchmarks.kills -o OUT --troubles           Ctrl-C, twice, a lost terminal, a full disk, little memory

OUT holds the state before each command, so that a second run starts at once. A full disk is a small tmpfs where this
user may mount one, else a limit of the size of a file. It prints a row for each command, and below it what differs.
"""

import argparse
import csv
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from hifisyn import paths

NAME = "KILLED"
TIMES = {"seconds", "created", "when", "command", "commit", "resumed", "date", "spent", "threads", "Command"}
STEP_LIMIT = 1800
FREE = ("ledger", ".html")  # of these the files must be there; they hold times


@dataclass(frozen=True)
class Command:
    """A command that writes.

    Attributes:
        name: of the module in hifisyn.cli.
        words: its arguments; HOME stands for the folder of all roots.
        again: further arguments where it is begun again.
        once: a file below HOME without which it is not begun again but anew.
    """

    name: str
    words: str
    again: str = ""
    once: str = ""

    @property
    def title(self) -> str:
        """Name, and what else it does."""
        return f"{self.name}{' ' + self.words.split()[0] if self.words[0].isalpha() else ''}"

    def line(self, home: Path) -> list[str]:
        """Return what is started."""
        begun = next(iter(home.glob(self.once)), None) if self.once else home
        words = f"{self.words} {self.again if begun else ''}".replace("HOME", str(home)).split()
        return [sys.executable, "-m", f"hifisyn.cli.{self.name}", *words]


MODEL = "hifisyn_results/KILLED/T1_T2/HiFiSyn__plans__2d__iterations=6"
COMMANDS = {
    "convert": Command(
        "convert_dataset",
        f"phantom --name {NAME} --modalities T1 T2 --resolution 4 --subjects-number 4 --test-number 2 -np 2",
    ),
    "plan": Command("plan_and_preprocess", f"-d {NAME} --device cpu --cores 1 --minutes 1 -np 2 --skull-strip base"),
    "train": Command(
        "train",
        f"{NAME} T1 T2 fold0 --device cpu --epochs 3 --set length.iterations=6 --force-long",
        "--resume",
        "hifisyn_results/*/*/*/fold_0/checkpoint_latest.pt",
    ),
    "predict": Command(
        "predict", f"-i HOME/hifisyn_raw/{NAME}/imagesTs -o HOME/synth --target T2 --device cpu -np 2", "--continue"
    ),
    "predict_base": Command(
        "predict", f"-i HOME/hifisyn_raw/{NAME}/imagesTs -o HOME/base --model base --target FLAIR -np 1", "--continue"
    ),
    "evaluate": Command("evaluate", f"-d {NAME} --device cpu"),
    "labels": Command("labels", f"export -d {NAME} -o HOME/labels"),
    "export_model": Command("export_model", "HOME/MODEL -o HOME/to_share --overwrite".replace("MODEL", MODEL)),
    "report": Command("report", f"-d {NAME} --overwrite"),
    "pretrain": Command(
        "pretrain",
        "-o HOME/pretrained --steps 6 --device cpu --set every=2 kept=2 heads=2 -np 1",
        "--resume",
        "pretrained/*latest*",
    ),
}


def environment(home: Path) -> dict[str, str]:
    """Return the environment of a command; one thread, so that sums round alike."""
    roots = {root: str(home / root) for root in (paths.RAW, paths.PREPROCESSED, paths.RESULTS)}
    here = str(Path(__file__).resolve().parent.parent)
    return os.environ | roots | {"OMP_NUM_THREADS": "1", "PYTHONPATH": here, "MPLBACKEND": "agg"}


def heard(limit: Callable[[], None] | None) -> None:
    """Let a new process take signals as usual, whatever this one ignores, as in the background; then limit it."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    if limit:
        limit()


def start(command: Command, home: Path, log: Path, limit: Callable[[], None] | None = None) -> subprocess.Popen[bytes]:
    """Start a command in a group of its own."""
    with log.open("wb") as out:
        return subprocess.Popen(
            command.line(home),
            env=environment(home),
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=partial(heard, limit),
        )


def laid(state: Path, home: Path) -> None:
    """Bring the home into a state."""
    for entry in home.iterdir() if home.exists() else ():
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    shutil.copytree(state, home, dirs_exist_ok=True)


def content_of(file: Path) -> object:
    """Return what must be the same in every run."""
    if file.suffix in FREE or file.parent.name in FREE:
        return "there"
    if file.suffix == ".json":
        return timeless(json.loads(file.read_text()))
    if file.suffix == ".jsonl":
        lines = [json.loads(line) for line in file.read_text().splitlines() if line]
        return sorted({json.dumps(timeless(line), sort_keys=True) for line in lines if line.get("state") == "done"})
    if file.suffix == ".csv":
        rows = list(csv.DictReader(file.open()))
        return [{key: value for key, value in row.items() if key not in TIMES} for row in rows]
    if file.suffix == ".pt":
        return tensors(torch.load(file, weights_only=True))
    return hashlib.sha256(file.read_bytes()).hexdigest()


def timeless(value: Any) -> Any:
    """Return JSON without times and typed lines."""
    if isinstance(value, dict):
        return {key: timeless(entry) for key, entry in value.items() if key not in TIMES}
    return [timeless(entry) for entry in value] if isinstance(value, list) else value


def tensors(value: Any) -> Any:
    """Return a checkpoint with digests for tensors, without times, the sum, and generators that nothing draws from."""
    if isinstance(value, torch.Tensor):
        return hashlib.sha256(value.contiguous().view(-1).view(torch.uint8).numpy().tobytes()).hexdigest()
    if isinstance(value, dict):
        return {key: tensors(entry) for key, entry in value.items() if key not in TIMES | {"sha256", "random"}}
    return [tensors(entry) for entry in value] if isinstance(value, list | tuple) else value


def snapshot(home: Path) -> dict[str, object]:
    """Return all files of a home."""
    return {str(f.relative_to(home)): content_of(f) for f in sorted(home.rglob("*")) if f.is_file()}


def differences(expected: dict[str, object], home: Path) -> list[str]:
    """Return the files that are not as in the undisturbed run."""
    found = snapshot(home)
    lines = [f"missing: {name}" for name in expected.keys() - found.keys()]
    lines += [f"left behind: {name}" for name in found.keys() - expected.keys()]
    return lines + [f"other: {n}" for n in expected.keys() & found.keys() if expected[n] != found[n]]


@dataclass
class Work:
    """A command, the state before it, and what it leads to when nothing disturbs it."""

    command: Command
    state: Path
    home: Path
    log: Path
    expected: dict[str, object]
    seconds: float

    def ended(self, process: subprocess.Popen[bytes]) -> int:
        """Return its exit code."""
        return process.wait(STEP_LIMIT)

    def again(self) -> list[str]:
        """Run the same command to its end; return what is wrong then."""
        code = self.ended(start(self.command, self.home, self.log))
        return self.wrong(code)

    def wrong(self, code: int) -> list[str]:
        """Return what is wrong at the end of a run."""
        said = self.log.read_text(errors="replace")
        others = differences(self.expected, self.home)
        ended_before = code == 2 and not others and "already exists" in said
        lines = [f"exit code {code}: {said[-300:].strip()}"] if code and not ended_before else []
        return lines + (["traceback"] if "Traceback" in said else []) + others


def undisturbed(name: str, out: Path) -> Work:
    """Run a command undisturbed from the state before it, and keep the state after it for the next."""
    home, names = out / "home", list(COMMANDS)
    state, after = (out / "states" / f"{place}" for place in (names.index(name), names.index(name) + 1))
    log = out / f"{name}.log"
    state.mkdir(parents=True, exist_ok=True)
    laid(state, home)
    begun = time.monotonic()
    code = start(COMMANDS[name], home, log).wait(STEP_LIMIT)
    seconds = time.monotonic() - begun
    if code:
        sys.exit(f"{name} ends in {code} undisturbed: {log.read_text()[-800:]}")
    if not after.exists():
        shutil.copytree(home, after.with_suffix(".part"), dirs_exist_ok=True)
        after.with_suffix(".part").rename(after)
    return Work(COMMANDS[name], state, home, log, snapshot(home), seconds)


def killed(work: Work, kills: int, rng: random.Random) -> tuple[int, int, list[str]]:
    """Kill a command again and again; return kills, ends, and what was wrong at these."""
    done = ends = 0
    wrong: list[str] = []
    laid(work.state, work.home)
    while done < kills:
        process = start(work.command, work.home, work.log)
        try:
            code = process.wait(rng.uniform(0.02, 1.0) * work.seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL) if rng.random() < 0.7 else process.kill()
            process.wait()
            done += 1
            gone(process.pid)
            continue
        ends, wrong = ends + 1, wrong + work.wrong(code)
        laid(work.state, work.home)
    wrong += work.again()
    return done, ends + 1, wrong


def gone(group: int, seconds: float = 20) -> bool:
    """Wait until no process of a group is left, and return whether that came true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--only", nargs="+", choices=COMMANDS, default=list(COMMANDS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--troubles", action="store_true")
    parser.add_argument("--moments", type=int, default=3, help="of each trouble")
    given = parser.parse_args()
    if given.troubles:
        from benchmarks.troubles import show

        return show(given.output.resolve(), given.only, given.moments)
    bad = False
    print(f"{'command':<16}{'seconds':>9}{'kills':>7}{'ends':>6}{'wrong':>7}", flush=True)
    for name in given.only:
        work = undisturbed(name, given.output.resolve())
        done, ends, wrong = killed(work, given.kills, random.Random(f"{given.seed} {name}"))
        print(f"{name:<16}{work.seconds:>9.0f}{done:>7}{ends:>6}{len(wrong):>7}", flush=True)
        for line in wrong[:20]:
            print(f"    {line}", flush=True)
        bad |= bool(wrong)
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
