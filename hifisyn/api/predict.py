"""`hifisyn.predict`: what hifisyn_predict does."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from hifisyn.augmentation.augment import Generation
from hifisyn.augmentation.augment import augment as augmented
from hifisyn.augmentation.request import Request
from hifisyn.dataset_conversion.bids_selection import Selection
from hifisyn.errors import UserError
from hifisyn.inference.available import Available
from hifisyn.inference.predict import Existing, PredictionSummary, predict_folder
from hifisyn.inference.settings import PredictionSettings
from hifisyn.inference.weights import Folds, Kinds
from hifisyn.preprocessing.brain_programs import parse_command


def predict(
    input: Path | str,
    output: Path | str,
    *,
    source: str | None = None,
    target: Sequence[str] = (),
    model: Sequence[Path | str] = (),
    results: Path | str | None = None,
    fold: Folds = None,
    checkpoint: Kinds = None,
    tta: bool = False,
    look: Sequence[str] = (),
    device: str = "auto",
    processes: int = 1,
    stripped: bool | None = None,
    skull_strip: str | None = None,
    strip_command: str = "",
    masks: Path | str | None = None,
    bids_derivatives: bool = False,
    selection: Selection | None = None,
    overwrite: bool = False,
    resume: bool = False,
    augment: bool = False,
    nnunet_channels: Sequence[str] = (),
    balance: Literal["site", "label"] | None = None,
    command: str = "",
) -> PredictionSummary:
    """Synthesise the contrasts that the cases of a folder lack, as NIfTI volumes on the grids of their sources.

    Args:
        input: folder of NIfTI files CASE_T1.nii.gz, one file, or the root of a BIDS data set.
        output: folder to write to; another one than `input`.
        source: the only contrast to start from; it also names the contrast of files of any name.
        target: contrasts to synthesise, even where a case has them; empty: those that a case lacks.
        model: model folders to choose from, and "base" for the base model that comes with hifisyn; empty: all below
            `results`, and the base model where none of them fits.
        results: folder of trained models; none: $hifisyn_results, else below $hifisyn_home.
        fold: number, "all" or several of these, whose predictions are averaged; none: the lowest that exists.
        checkpoint: "best", "final", "latest" or several of these; none: the first of these that exists.
        tta: average over shifts and mirror images of each slice, 8 times as long; of the base model over mirror images,
            twice as long.
        look: scans of other persons that what the base model generates is to look like: a file for the only target,
            "T2=FILE" for each of several.
        device: "auto", "cpu", "cuda", "cuda:1" or "mps".
        processes: cases to process at the same time.
        stripped: whether the scans have no skulls; none: detected for each scan.
        skull_strip: tool that removes the skulls, see documentation/how_to/strip_skulls.md; none: as in training.
        strip_command: program for the tool "command", as in "ben --input {input} --output {mask}".
        masks: folder of brain masks CASE.nii.gz or CASE_brain.nii.gz on the grids of the sources.
        bids_derivatives: write `output` as BIDS derivatives of `input`.
        selection: scans of a BIDS data set to take.
        overwrite: replace outputs that exist.
        resume: keep outputs that the same weights generated from the same scan.
        augment: write a training set for nnU-Net: `input`, a raw data set with labels, and synthetic copies of its
            training cases in the contrasts of `target`; see documentation/how_to/augment_a_training_set.md.
        nnunet_channels: with `augment`, the contrast of each channel; empty: those of `target`.
        balance: with `augment`, let each site, or each case's rarest label, count the same in every fold.
        command: the line that was typed, kept in the sidecar of each output.

    Returns:
        The volumes that were written and kept, what failed, and what no model can synthesise. With `augment`, the
        images of the set that have a synthetic channel.

    Raises:
        UserError: no model fits, outputs exist, or the arguments contradict each other; nothing is written then.

    >>> summary = predict("scans", "synth", target=["T2"], stripped=True, device="cpu")
    >>> sorted(file.name for file in Path("synth").iterdir())
    ['P01_T2.json', 'P01_T2.nii.gz', 'P01_T2.png', 'P01_T2_brain.nii.gz']
    >>> summary.failures
    []
    """
    if overwrite and resume:
        raise UserError("overwrite and resume exclude each other", hint="pass one of them")
    if processes < 1:
        raise UserError("-np must be at least 1", got=processes)
    tool = skull_strip or ("command" if strip_command else None)
    _check_stripping(tool, strip_command, masks, stripped)
    existing: Existing = "overwrite" if overwrite else "keep" if resume else "refuse"
    settings = PredictionSettings(
        fold=fold,
        checkpoint=checkpoint,
        tta=tta,
        device=device,
        stripped=stripped,
        skull_strip=tool,
        strip_command=strip_command,
        masks=None if masks is None else Path(masks),
        command=command,
        processes=processes,
    )
    if augment:
        _refuse_bids(bids_derivatives, selection)
        generation = Generation(Available.of(model, results), source, settings, look)
        targets = [generation.available.target(one) for one in target]
        return augmented(Request.of(Path(input), targets, nnunet_channels, balance), Path(output), generation, existing)
    if nnunet_channels or balance:
        raise UserError("--nnunet-channels and --balance must come with --augment", hint="add it, or drop them")
    return predict_folder(
        input,
        output,
        models=model,
        results=results,
        source=source,
        targets=target,
        settings=settings,
        existing=existing,
        bids_derivatives=bids_derivatives,
        selection=selection,
        looks=look,
    )


def _refuse_bids(derivatives: bool, selection: Selection | None) -> None:
    if derivatives or selection not in (None, Selection()):
        what = "--augment must come with a raw data set and --output"
        raise UserError(what, got="options of BIDS", hint="convert with hifisyn_convert_dataset bids first")


def _check_stripping(tool: str | None, command: str, masks: Path | str | None, stripped: bool | None) -> None:
    """Check that the arguments on skulls go together."""
    if tool == "command":
        parse_command(command)
    elif command:
        raise UserError("--strip-command must come with --skull-strip command", got=tool, hint="drop one of them")
    if command and stripped:
        raise UserError("--strip-command must come with scans that have skulls", got="--stripped", hint="drop one")
    if masks is not None and not Path(masks).is_dir():
        raise UserError(f"--masks: the folder {masks} does not exist", hint="change the path")
    if tool == "mask" and masks is None:
        raise UserError("--skull-strip mask needs a folder of brain masks", hint="add --masks FOLDER")
