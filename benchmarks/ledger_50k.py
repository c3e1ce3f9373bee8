"""What the ledger costs: start-up, memory and the seconds to find that nothing is to be done, for 50,000 subjects.

The whole of hifisyn_plan_and_preprocess runs twice in a temporary folder, each time in a process of its own. Its five
steps are replaced by ones that only write small files; everything around them is the real code.

    python benchmarks/ledger_50k.py
    python benchmarks/ledger_50k.py --subjects 5000 --folder /scratch/try
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from hifisyn.cohort import case_steps, plan_steps, prepare
from hifisyn.cohort.request import PrepareRequest
from hifisyn.dataset import TISSUES, Case, Dataset
from hifisyn.engine.cost import peak_mib
from hifisyn.engine.ledger import Ledger
from hifisyn.engine.subject import Done
from hifisyn.methods.hifisyn.trainer import HiFiSyn
from hifisyn.planning import fingerprint
from hifisyn.planning.device import Device
from hifisyn.planning.measure import STATISTICS
from hifisyn.preprocessing import dataset_steps, verify
from hifisyn.quality import drawing

NAME, MODALITIES = "SIMULATED", ("T1", "FLAIR")
jobs = 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subjects", type=int, default=50_000)
    parser.add_argument("--folder", type=Path, help="for the files, some KiB a subject; default: a temporary one")
    parser.add_argument("--part", choices=("fill", "again"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        print(json.dumps(work(options.folder, options.part)))
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as temporary:
        make_raw(Path(temporary) / "raw", options.subjects)
        for part in ("fill", "again"):
            words = [sys.executable, __file__, "--folder", temporary, "--part", part]
            done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
            print(part, done.stdout.splitlines()[-1], flush=True)
        size = (Path(temporary) / "done" / "ledger" / "all.jsonl").stat().st_size
        print(f"ledger {size / 2**20:.0f} MiB")


def make_raw(folder: Path, subjects: int) -> None:
    (folder / "imagesTr").mkdir(parents=True)
    cases = {}
    for number in range(subjects):
        name = f"S{number:06d}"
        images = {modality: folder / "imagesTr" / f"{name}_{modality}.nii.gz" for modality in MODALITIES}
        for path in images.values():
            path.write_text(str(path))
        cases[name] = Case(name, name, images)
    Dataset(NAME, MODALITIES, TISSUES, cases).save(folder)


def work(folder: Path, part: str) -> dict[str, Any]:
    """Run once and return what it cost."""
    replace_steps()
    cost: dict[str, Any] = {"imports_mib": peak_mib()}
    with timed(cost, "dataset.json"):
        Dataset.load(folder / "raw")
    cost["after_dataset_mib"] = peak_mib()
    if part == "again":
        with timed(cost, "start-up"), Ledger.opened(folder / "done" / "ledger") as ledger:
            cost["entries"] = sum(1 for _ in ledger.entries())
        del ledger
    for module, names in (
        (case_steps, ("verify_files", "align_dataset", "measure", "slice_dataset", "draw_pictures")),
        (plan_steps, ("make_splits", "check_splits")),
    ):
        for name in names:
            setattr(module, name, watched(getattr(module, name), name, cost))
    with timed(cost, "all"):
        request = PrepareRequest(Device("cpu", 8, 2), HiFiSyn, HiFiSyn.TITLE, processes=1)
        prepare.plan_and_preprocess(folder / "raw", folder / "done", request)
    return cost | {"jobs": jobs, "peak_mib": peak_mib()}


def replace_steps() -> None:
    verify.verify_case = checked  # type: ignore[assignment]
    dataset_steps.align = lambda key, folder, case, *_: small(folder / f"{case.name}.json", {"key": key})  # type: ignore
    dataset_steps.extract = lambda key, aligned, into, case, *_: small(into / f"{case}.json", {"key": key})  # type: ignore
    fingerprint.measure_case = lambda key, *_: small(_[-1], {"key": key, "facts": FACTS})  # type: ignore
    drawing.draw_aligned = lambda key, *_: small(_[-1], {})  # type: ignore[assignment]
    case_steps.qc.write_cohort_page = lambda folder, *_: small(folder / case_steps.qc.PAGE, {})  # type: ignore


def checked(key: str, case: Case, dataset: Dataset) -> Done:
    global jobs
    jobs += 1
    found = verify.Checked(
        [], dict.fromkeys(case.images, (1.0, 1.0, 1.0)), {m: f"{case.name}{m:>24}" for m in case.images}
    )
    return Done(facts=found.as_json())


def small(path: Path, content: Any) -> Done:
    global jobs
    jobs += 1
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return Done()


PART = dict.fromkeys(STATISTICS, 100.0)
FACTS = {
    "spacing_mm": [1.0, 1.0, 1.0],
    "brain_box_mm": [140.0, 175.0, 130.0],
    "brain_slices": 130,
    "labels_ml": {"background": 5000.0, "CSF": 300.0, "GM": 600.0, "WM": 500.0},
    "intensities": {m: {"high": 300.0, "brain": PART, "CSF": PART, "GM": PART, "WM": PART} for m in MODALITIES},
}


@contextmanager
def timed(cost: dict[str, Any], name: str) -> Any:
    began, busy = time.perf_counter(), time.process_time()
    yield
    cost[f"{name}_s"] = round(time.perf_counter() - began, 2)
    cost[f"{name}_cpu_s"] = round(time.process_time() - busy, 2)


def watched(function: Callable[..., Any], name: str, cost: dict[str, Any]) -> Callable[..., Any]:
    def call(*arguments: Any, **options: Any) -> Any:
        with timed(cost, name):
            return function(*arguments, **options)

    return call


if __name__ == "__main__":
    main()
