"""Damage inputs at random and look what becomes of them: refused in one line, read as before, or worse.

Each input is a sound file with bytes changed, cut, doubled or put in from elsewhere. Files with a sum (gzip, members of
a zip, slices, weights) must never be read with another content; the others must at least end in a value or in one line.
With --commands, each damaged scan lies beside sound ones, in a folder that the commands convert and verify: no command
may end in a traceback, and no other case may be lost.

    python benchmarks/fuzz.py
    python benchmarks/fuzz.py --inputs 20000 --seed 7
    python benchmarks/fuzz.py --inputs 0 --commands 300
    python benchmarks/fuzz.py --only slices --keep worse/     what went wrong is kept, to look at

It prints a table: rows are kinds of files, columns are outcomes.
"""

import argparse
import contextlib
import io
import json
import logging
import shutil
import signal
import sys
import tarfile
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from hifisyn.archives import members
from hifisyn.dataset import Case, Dataset
from hifisyn.dataset_conversion.bids_dataset import BidsDataset
from hifisyn.dataset_conversion.brats_subjects import read_map
from hifisyn.engine.ledger import Entry, Ledger
from hifisyn.errors import UserError
from hifisyn.files import write_json
from hifisyn.json_files import read_object
from hifisyn.networks import tensor_files, weights_file
from hifisyn.participants import read_sites
from hifisyn.planning.splits import Fold, Splits
from hifisyn.plans import Plans
from hifisyn.preprocessing.record import Record
from hifisyn.slices import SliceStore
from hifisyn.table_files import read_table
from hifisyn.volume import Volume

SAME, REFUSED, CHANGED, TRACEBACK, SLOW, LOST = (
    *("as before", "one line", "other content", "traceback", "over 20 s", "other case lost"),
)
WORSE = (TRACEBACK, SLOW, LOST)
SECONDS = 20
RNG = np.random.default_rng


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Attributes:
        make: writes a sound one into a folder and returns its path.
        read: returns what the product makes of it, as something that can be compared.
        sealed: it has a sum, so that a change of its content is always seen.
    """

    make: Callable[[Path], Path]
    read: Callable[[Path], Any]
    sealed: bool = False


class SlowError(BaseException):
    """Reading takes too long."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=2000, help="damaged files that readers get, in this process")
    parser.add_argument("--commands", type=int, default=0, help="damaged scans that whole commands get")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=KINDS, help="one kind of file")
    parser.add_argument("--keep", type=Path, help="folder for the inputs that went wrong")
    options = parser.parse_args()
    logging.getLogger("hifisyn").setLevel(logging.CRITICAL)
    signal.signal(signal.SIGALRM, too_slow)
    table = {name: Counter[str]() for name in ([options.only] if options.only else KINDS)}
    with tempfile.TemporaryDirectory() as folder:
        fuzz_readers(table, options, Path(folder))
    if options.commands:
        table["commands"] = fuzz_commands(options)
    show(table)
    sys.exit(any(counts[outcome] for counts in table.values() for outcome in (*WORSE, CHANGED)))


def too_slow(number: int, frame: object) -> None:
    raise SlowError


def fuzz_readers(table: dict[str, Counter[str]], options: argparse.Namespace, folder: Path) -> None:
    """Read damaged files of all kinds in turn."""
    sound: dict[str, tuple[Path, bytes, Any]] = {}
    for name in table:
        place = folder / name.replace(" ", "_")
        place.mkdir()
        path = KINDS[name].make(place)
        sound[name] = path, path.read_bytes(), KINDS[name].read(path)
    for number in range(options.inputs):
        name = list(table)[number % len(table)]
        path, content, value = sound[name]
        rng = RNG([options.seed, number])
        path.write_bytes(damaged(content, rng))
        outcome = read(KINDS[name], path, value)
        table[name][outcome] += 1
        if options.keep and outcome in (*WORSE, CHANGED):
            options.keep.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, options.keep / f"{name.replace(' ', '_')}_{options.seed}_{number}{path.suffix}")


def read(kind: Kind, path: Path, value: Any) -> str:
    """Return what becomes of a damaged file."""
    signal.alarm(SECONDS)
    try:
        found = kind.read(path)
    except UserError as error:
        return REFUSED if "\n" not in str(error) else TRACEBACK
    except SlowError:
        return SLOW
    except Exception:
        return TRACEBACK
    finally:
        signal.alarm(0)
    return SAME if found == value or not kind.sealed else CHANGED


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """Return content with one to three faults."""
    data = bytearray(content)
    for _ in range(rng.integers(1, 4)):
        at = int(rng.integers(len(data))) if data else 0
        length = int(min(2 ** rng.integers(0, 10), len(data)))
        fault = rng.integers(8)
        if fault == 0 and data:
            data[at] ^= 1 << int(rng.integers(8))
        elif fault == 1 and data:
            data[at] = int(rng.integers(256))
        elif fault == 2:
            del data[at : at + length]
        elif fault == 3:
            del data[at:]
        elif fault == 4:
            data[at:at] = data[max(0, at - length) : at]
        elif fault == 5:
            data[at : at + length] = rng.bytes(length)
        elif fault == 6:
            data[at : at + length] = bytes(length)
        else:
            data[at:at] = ODD[int(rng.integers(len(ODD)))]
    return bytes(data)


ODD = (
    *(b"\xef\xbb\xbf", b"\xff\xfe", b"\0", b"\n", b'"', b"{", b"[" * 5000, b"1" * 5000, b"-1", b"1e999", b"NaN"),
    *(b"null", b"../", b"/etc", b",", b"\t", b"true", b"[]", b"{}", b"PK\x03\x04", b"\x1f\x8b", b"\xff" * 8),
)


def fuzz_commands(options: argparse.Namespace) -> Counter[str]:
    """Convert and verify a cohort of which one scan is damaged."""
    counts: Counter[str] = Counter()
    for number in range(options.commands):
        rng = RNG([options.seed, number, 1])
        with tempfile.TemporaryDirectory() as folder:
            outcome = run_commands(Path(folder), rng)
        counts[outcome] += 1
        if outcome in WORSE:
            print(f"commands, input {number}: {outcome}", flush=True)
    return counts


def run_commands(folder: Path, rng: np.random.Generator) -> str:
    from hifisyn.cli import convert_dataset, plan_and_preprocess

    good = [f"P0{number}" for number in range(3)]
    for case in (*good, "BAD"):
        for contrast in ("T1", "T2"):
            save_scan(folder / "in" / f"{case}_{contrast}.nii.gz", ".gz", RNG(sum(f"{case}{contrast}".encode())))
    bad = folder / "in" / "BAD_T2.nii.gz"
    bad.write_bytes(damaged(bad.read_bytes(), rng))
    roots = ["--raw", str(folder / "raw")]
    words = [
        (convert_dataset.main, ["folder", str(folder / "in"), "--name", "X", *roots]),
        (plan_and_preprocess.main, ["-d", "X", *roots, "--preprocessed", str(folder / "pre"), *VERIFY]),
    ]
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            codes = [function(arguments) for function, arguments in words]
    except BaseException:
        return TRACEBACK
    if "Traceback" in said.getvalue() or not set(codes) <= {0, 1}:
        return TRACEBACK
    there = Dataset.load(folder / "raw" / "X").cases
    table = read_table(folder / "pre" / "X" / "verification.csv")
    unusable = {row["case"] for row in table if row["severity"] == "error"}
    if not set(good) <= set(there) - unusable:
        return LOST
    refused = "BAD" in unusable or "T2" not in there.get("BAD", Case("", "", {})).images
    return REFUSED if refused else SAME


VERIFY = ["--verify-only", "-np", "1"]


def show(table: dict[str, Counter[str]]) -> None:
    outcomes = [SAME, REFUSED, CHANGED, *WORSE]
    print(f"{'kind':<16}{'inputs':>8}" + "".join(f"{outcome:>17}" for outcome in outcomes))
    rows = {**table, "all": sum(table.values(), Counter())}
    for name, counts in rows.items():
        print(f"{name:<16}{counts.total():>8}" + "".join(f"{counts[outcome]:>17}" for outcome in outcomes))


# What sound files look like, and how they are read.


def save_scan(path: Path, ending: str, rng: np.random.Generator | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = (rng or RNG(0)).integers(0, 900, (24, 22, 20)).astype(np.int16)
    image = nib.Nifti1Image(data, np.diag([-8.0, 8, 9, 1]))
    image.set_qform(image.affine, 1)
    nib.save(image, path)
    return path


def voxels(path: Path) -> bytes:
    volume = Volume.load(path)
    return volume.data.tobytes() + volume.affine.tobytes()


def zipped(folder: Path) -> Path:
    scan = save_scan(folder / "a_T1.nii.gz", ".gz")
    with zipfile.ZipFile(folder / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(scan, "T1/a_T1.nii.gz")
    return folder / "a.zip"


def tarred(folder: Path) -> Path:
    scan = save_scan(folder / "a_T1.nii.gz", ".gz")
    with tarfile.open(folder / "a.tar", "w") as archive:
        archive.add(scan, "T1/a_T1.nii.gz")
    return folder / "a.tar"


def in_archive(path: Path) -> list[bytes]:
    return [voxels(member) for member in members(path)]


def dataset_json(folder: Path) -> Path:
    cases = {name: Case(name, name[0], {"T1": folder / f"imagesTr/{name}_T1.nii.gz"}) for name in ("a1", "a2", "b1")}
    Dataset("X", ("T1", "T2"), {"background": 0, "GM": 2}, cases).save(folder)
    return folder / "dataset.json"


def plans_json(folder: Path) -> Path:
    Plans(dataset="X", modalities=("T1", "T2"), labels={"background": 0}).save(folder / "plans.json")
    return folder / "plans.json"


def splits_json(folder: Path) -> Path:
    Splits(("t",), (Fold(("a", "b"), ("c",)), Fold(("a", "c"), ("b",)))).save(folder / "splits_final.json")
    return folder / "splits_final.json"


def store(folder: Path) -> SliceStore:
    slices = SliceStore(folder)
    stack = np.clip(RNG(0).normal(size=(4, 24, 24)), -1, 1).astype(np.float32)
    slices.write("a", {"T1": stack}, stack > 0, None, {"step": 1})
    return slices


def slices_file(folder: Path) -> Path:
    store(folder)
    return folder / "a_T1.b2nd"


def slice_record(folder: Path) -> Path:
    store(folder)
    return folder / "a.json"


def record_json(folder: Path) -> Path:
    identity = np.eye(4).tolist()
    grid = {"shape": [4, 4, 4], "affine": identity}
    scan = {"original": grid, "moving_to_fixed": identity, "checks": None, "bias_strength": None}
    scan |= {"bias_corrected": False, "intensity": None, "replaced_voxels": 0}
    content = {"reference": "T1", "scans": {"T1": scan}, "steps": {}, "brain_ml": 1.0, "slice_grid": grid}
    write_json(folder / "a.json", content | {"slice_indices": [1], "stored_indices": [1], "outside_crop": 0.0})
    return folder / "a.json"


def table_tsv(folder: Path) -> Path:
    (folder / "participants.tsv").write_text("participant_id\tage\tsite\nsub-01\t30\tA\nsub-02\t41\tB\n")
    return folder / "participants.tsv"


def tables(path: Path) -> Any:
    return read_sites(path.parent), BidsDataset(path.parent).participants()


def name_map(folder: Path) -> Path:
    rows = ("BraTS2021,BraTS2020", "BraTS2021_00000,BraTS20_Training_001", "BraTS2021_00001,BraTS20_Training_002")
    (folder / "map.csv").write_text("\n".join(rows) + "\n")
    return folder / "map.csv"


def ledger_lines(folder: Path) -> Path:
    entries = [Entry(case, case, "align", "done", when=f"2026-01-01T00:00:0{n}.000Z") for n, case in enumerate("abc")]
    (folder / "all.jsonl").write_text("".join(entry.line() for entry in entries))
    return folder / "all.jsonl"


def ledger(path: Path) -> list[str]:
    with Ledger.opened(path.parent) as opened:
        opened.record(Entry("z", "z", "align", "done"))
        return sorted(entry.case for entry in opened.entries())


def weights(folder: Path) -> Path:
    networks = {"w": torch.arange(99.0), "n": torch.ones(3)}
    tensor_files.write_tensors(folder / "a.pt", {"format": 2, "networks": networks})
    return folder / "a.pt"


def of_tensors(path: Path) -> Any:
    found = tensor_files.read_tensors(path, "a checkpoint")
    return json.dumps({name: tensor.tolist() for name, tensor in tensor_files.tensors_of(found)}, sort_keys=True)


def safetensors_file(folder: Path) -> Path:
    weights_file.write(folder / "a.safetensors", "form", {"w": torch.arange(99.0)}, {"card": "{}"})
    return folder / "a.safetensors"


KINDS = {
    "scan.nii": Kind(lambda folder: save_scan(folder / "a_T1.nii", ""), voxels),
    "scan.nii.gz": Kind(lambda folder: save_scan(folder / "a_T1.nii.gz", ".gz"), voxels, sealed=True),
    "zip": Kind(zipped, in_archive),
    "tar": Kind(tarred, in_archive),
    "dataset.json": Kind(dataset_json, lambda path: Dataset.load(path.parent)),
    "plans.json": Kind(plans_json, Plans.load),
    "splits": Kind(splits_json, Splits.load),
    "record": Kind(record_json, lambda path: Record.from_json(read_object(path))),
    "slices": Kind(slices_file, lambda path: SliceStore(path.parent).image("a", "T1").tobytes(), sealed=True),
    "slice record": Kind(slice_record, lambda path: SliceStore(path.parent).image("a", "T1").tobytes()),
    "table": Kind(table_tsv, tables),
    "name map": Kind(name_map, read_map),
    "ledger": Kind(ledger_lines, ledger),
    "checkpoint": Kind(weights, of_tensors, sealed=True),
    "safetensors": Kind(safetensors_file, lambda path: weights_file.read(path, "form").about, sealed=True),
}

if __name__ == "__main__":
    began = time.monotonic()
    main()
