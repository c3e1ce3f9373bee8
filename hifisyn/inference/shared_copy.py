"""A copy of a model that is fit to be given away: what prediction needs, and nothing of single patients or machines."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hifisyn.errors import UserError
from hifisyn.files import write_json
from hifisyn.inference.models import Checkpoint, Model, read_model
from hifisyn.json_files import read_object
from hifisyn.networks.tensor_files import write_tensors
from hifisyn.paths import CONFIG_JSON, SCANS_JSON, fold_folder, plans_file
from hifisyn.plans import Plans
from hifisyn.training import checkpoint

# What is passed on of each file; whatever else it holds stays.
OF_MODEL = ("method", "domains", "dataset", "plans", "changed", "versions")
OF_FOLD = ("fold", "epochs", "best_chosen_by", "verdict", "versions")
OF_SUMMARY = ("checkpoint", "epoch", "chosen_by", "mean", "baselines", "verdict")
OF_PROGRESS = ("iteration", "epoch")


def share(folder: Path | str, output: Path | str, *, overwrite: bool = False) -> list[Path]:
    """Write a copy of a model folder that predicts the same, fold by fold with its best weights.

    It holds weights, plans, means over cases and the verdict. Left behind are slices and names of patients, numbers of
    single cases, typed commands, paths, and the state of the optimisers.

    Args:
        folder: model folder.
        output: folder to write to.
        overwrite: replace the files of an earlier copy.

    Returns:
        The files that were written.

    Raises:
        UserError: the folder is no model, has no weights, or the output exists.
    """
    model, output = read_model(folder), Path(output)
    if output.exists() and not overwrite and any(output.iterdir()):
        raise UserError(f"{output} already exists", hint="pass --overwrite or name another folder with -o")
    if output.resolve() == model.folder.resolve():
        raise UserError("-o must be another folder than the model's", got=output, hint="name another one")
    if not model.checkpoints:
        raise UserError(f"{model.folder} must have weights", got="none", hint="train first")
    (output / CONFIG_JSON).unlink(missing_ok=True)
    first = {one.fold: one for one in reversed(model.checkpoints)}
    written = [file for one in reversed(first.values()) for file in _fold(model, one, output)]
    Plans.load(plans_file(model.folder)).save(plans_file(output))
    write_json(output / CONFIG_JSON, _some(read_object(model.folder / CONFIG_JSON), OF_MODEL))
    return [*written, plans_file(output), output / CONFIG_JSON]


def _fold(model: Model, best: Checkpoint, output: Path) -> list[Path]:
    before, after = fold_folder(model.folder, best.fold), fold_folder(output, best.fold)
    weights = after / best.file.name
    write_tensors(weights, _bare(checkpoint.load(best.file)))
    written = [weights]
    summary = Path("validation", "summary.json")
    for name, keys in ((Path(CONFIG_JSON), OF_FOLD), (summary, OF_SUMMARY)):
        if (before / name).is_file():
            write_json(after / name, _some(read_object(before / name), keys))
            written.append(after / name)
    if (before / SCANS_JSON).is_file():
        write_json(after / SCANS_JSON, read_object(before / SCANS_JSON))
        written.append(after / SCANS_JSON)
    return written


def _bare(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return a checkpoint to translate with: averaged weights where there are any, no state of a training."""
    weights = dict(content["networks"]) | ((content["average"] or {}).get("weights") or {})
    progress = _some(content.get("progress") or {}, OF_PROGRESS)
    bare = {"networks": weights, "average": None, "optimizers": None, "progress": progress, "random": None}
    return {key: value for key, value in content.items() if key not in bare} | bare


def _some(content: Mapping[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: content[key] for key in keys if key in content}
