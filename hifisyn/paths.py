"""Where everything lies: the three roots, and the name of every folder and file below them."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from hifisyn.errors import UserError
from hifisyn.names import check_name

RAW, PREPROCESSED, RESULTS = "hifisyn_raw", "hifisyn_preprocessed", "hifisyn_results"
HOME = "hifisyn_home"
DEFAULT_HOME = "hifisyn_data"

DATASET_JSON = "dataset.json"
PARTICIPANTS_TSV = "participants.tsv"
VERIFICATION_CSV = "verification.csv"
QC_HTML = "qc.html"
FINGERPRINT_JSON = "dataset_fingerprint.json"
SPLITS_JSON = "splits_final.json"
CONFIG_JSON = "config.json"
METRICS_CSV = "metrics.csv"
PROGRESS_PNG = "progress.png"
SCANS_JSON = "training_scans.json"
ALIGNED = "aligned"
FOLD = "fold_"
FOLD_NAME = re.compile(r"fold_([0-9]{1,4}|all)")
READER_STUDY, ANALYSIS, RANKS_PNG = "reader_study", "analysis", "ranks.png"


@dataclass(frozen=True)
class Roots:
    """The folders of raw data sets, preprocessed data sets and results."""

    raw: Path
    preprocessed: Path
    results: Path

    @classmethod
    def resolve(
        cls, raw: str | Path | None = None, preprocessed: str | Path | None = None, results: str | Path | None = None
    ) -> "Roots":
        """Find each root: the argument, else its variable, else below `hifisyn_home`, else below ./hifisyn_data.

        Read when called, never at import.
        """
        return cls(_root(raw, RAW), _root(preprocessed, PREPROCESSED), _root(results, RESULTS))

    def raw_dataset(self, name: str) -> Path:
        """Return the folder of a raw data set, which must exist.

        Raises:
            UserError: there is none of that name; the ones that exist are listed.
        """
        return _existing(self.raw, name, RAW, "--raw", "hifisyn_convert_dataset")

    def preprocessed_dataset(self, name: str) -> Path:
        """Return the folder of a preprocessed data set, which must exist.

        Raises:
            UserError: there is none of that name; the ones that exist are listed.
        """
        return _existing(
            self.preprocessed, name, PREPROCESSED, "--preprocessed", f"hifisyn_plan_and_preprocess -d {name}"
        )


def _root(given: str | Path | None, name: str) -> Path:
    if given is not None:
        return Path(given)
    if os.environ.get(name):
        return Path(os.environ[name])
    return Path(os.environ.get(HOME) or DEFAULT_HOME) / name


def _existing(root: Path, name: str, variable: str, flag: str, maker: str) -> Path:
    folder = root / check_name(name, "a data set")
    if folder.is_dir():
        return folder
    there = sorted(p.name for p in root.iterdir() if p.is_dir()) if root.is_dir() else []
    raise UserError(
        f"the data set {name} must be in {root}",
        got=", ".join(there) or "nothing",
        hint=f"make it with {maker}, or name another folder with {flag} FOLDER or export {variable}=FOLDER",
    )


def plans_file(preprocessed_dataset: Path, plans: str = "plans") -> Path:
    """Return the path of the plans called `plans` of a preprocessed data set."""
    return preprocessed_dataset / f"{check_name(plans, 'plans')}.json"


def slices_folder(preprocessed_dataset: Path, plans: str = "plans") -> Path:
    """Return the folder of the slices of the plans called `plans`."""
    return preprocessed_dataset / f"{check_name(plans, 'plans')}_2d"


def model_folder(
    results: Path, dataset: str, domains: Iterable[str], method: str, plans: str = "plans", suffix: str = ""
) -> Path:
    """Return the folder of a model; one training serves every direction between its contrasts, so they are sorted."""
    return results / dataset / "_".join(sorted(domains)) / f"{method}__{plans}__2d{suffix}"


def parse_fold(text: str) -> int | str:
    """Read a fold as users type it: `fold0`, `fold_0`, `0` or `all`.

    Raises:
        UserError: it is none of these.
    """
    digits = text.removeprefix("fold").removeprefix("_")
    if digits == "all":
        return digits
    if not (digits.isascii() and digits.isdecimal() and len(digits) < 5):
        raise UserError("the fold must be fold0, 0 or all", got=repr(text))
    return int(digits)


def fold_folder(model: Path, fold: int | str) -> Path:
    """Return the folder of one fold of a model: fold_0, fold_1, ..., fold_all."""
    return model / f"{FOLD}{fold}"


def fold_folders(model: Path) -> list[Path]:
    """Return the folders of all folds of a model, sorted; others, such as a copy fold_0_backup, do not count."""
    return sorted(path for path in model.glob(f"{FOLD}*") if path.is_dir() and FOLD_NAME.fullmatch(path.name))


def fold_of(folder: Path) -> int | str:
    """Return the fold of a folder that `fold_folder` named.

    >>> fold_of(Path("HiFiSyn__plans__2d/fold_3"))
    3

    Raises:
        UserError: it is no such folder.
    """
    return parse_fold(folder.name)
