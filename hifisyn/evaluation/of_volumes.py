"""Evaluate synthetic volumes against real scans: the image metrics by slice, case and data set.

How intensities and slices become comparable: `hifisyn.evaluation.stacks`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from hifisyn.columns import CASE, SLICE
from hifisyn.engine.held import held
from hifisyn.engine.jobs import Failure
from hifisyn.errors import UserError
from hifisyn.evaluation import output_files, regions, volume_labels
from hifisyn.evaluation.case_measures import OF_TRUTH, STRUCTURE, TRUE, TrueCase
from hifisyn.evaluation.measures import MEASURES, MIN_BRAIN, by_case, by_dataset, score
from hifisyn.evaluation.pairs import Pair, attempt, find_pairs, load_pair
from hifisyn.evaluation.stacks import UPPER_PERCENTILE, Stacks, axial, comparable_stacks, read_scale
from hifisyn.metrics.image import SSIM_WINDOW, ssim_map

MODALITY = "modality"
WHOLE = (*STRUCTURE, *(name + TRUE for name in OF_TRUTH if name in STRUCTURE))


@dataclass(frozen=True)
class ComparedPair:
    """The numbers of one pair.

    Attributes:
        slices: one row a slice that counts, see `hifisyn.evaluation.measures.score`; with `case` and `modality`.
        regions: one row a structure, see `hifisyn.evaluation.regions.score`; the same.
        whole: `STRUCTURE` of the pair and what of them is of the truth, see `hifisyn.evaluation.case_measures`.
        stacks: what was compared.
        notes: how: where mask and scale come from, whether the truth was registered.
    """

    slices: pd.DataFrame
    regions: pd.DataFrame
    whole: dict[str, float]
    stacks: Stacks
    notes: dict[str, Any]


def compare(
    pair: Pair,
    *,
    register: bool = False,
    upper_percentile: float = UPPER_PERCENTILE,
    min_brain: float = MIN_BRAIN,
    labels: Path | None = None,
) -> ComparedPair:
    """Read a pair and compare it slice by slice.

    Args:
        pair: the files.
        register: see `hifisyn.evaluation.pairs.load_pair`.
        upper_percentile: percentile of the brain that becomes +1.
        min_brain: share of a slice that brain must cover for the slice to count.
        labels: folder of label maps, or none.

    Raises:
        UserError: a file is missing or broken, the grids differ, or no slice counts.
    """
    scale = read_scale(pair.sidecar)
    loaded = load_pair(pair, register=register)
    stacks = comparable_stacks(loaded, scale, upper_percentile)
    height, width = stacks.brain.shape[1:]
    if min(height, width) < SSIM_WINDOW:
        raise UserError(f"axial slices must have at least {SSIM_WINDOW}x{SSIM_WINDOW} pixels", got=f"{height}x{width}")
    slices = score(stacks.synthetic, stacks.truth, stacks.brain, min_pixels=min_brain * height * width)
    if slices.empty:
        raise UserError(
            f"no slice has brain on at least {min_brain:.0%} of its pixels",
            hint="check the mask or lower --min-brain",
        )
    label = None if labels is None else volume_labels.read(labels, pair, loaded.synthetic)
    inside, chosen = regions.empty(), slices[SLICE].to_numpy()
    a, b = stacks.synthetic[chosen], stacks.truth[chosen]
    whole = TrueCase(b, stacks.brain[chosen], chosen, pair.modality).score(a)
    if labels is not None and label is not None:
        labelled = axial(label)[chosen]
        inside = regions.score(a, b, labelled, volume_labels.structures(labels, labelled), ssim_map(a, b))
    for table in (slices, inside):
        table.insert(0, CASE, pair.case)
        table.insert(1, MODALITY, pair.modality)
    notes = {
        "mask": loaded.mask,
        "scale": f"sidecar, {scale:g}" if scale else f"percentile {upper_percentile:g} of the synthetic volume",
        "registered": loaded.registered,
        "slices_left_out": int(len(stacks.brain) - len(slices)),
    } | ({} if labels is None else {"labels": label is not None})
    return ComparedPair(slices, inside, {name: whole[name] for name in WHOLE}, stacks, notes)


@dataclass(frozen=True)
class VolumesEvaluation:
    """The tables of a folder.

    Attributes:
        slices: one row a slice that counts.
        cases: one row a case and contrast.
        regions: one row a case, contrast and structure of its label map.
        dataset: one row a contrast, mean and standard deviation over cases.
        failures: the pairs that could not be compared.
    """

    slices: pd.DataFrame
    cases: pd.DataFrame
    regions: pd.DataFrame
    dataset: pd.DataFrame
    failures: list[Failure]


def evaluate(
    synth: Path,
    truth: Path,
    output: Path,
    *,
    masks: Path | None = None,
    register: bool = False,
    upper_percentile: float = UPPER_PERCENTILE,
    min_brain: float = MIN_BRAIN,
    labels: Path | None = None,
    overwrite: bool = False,
) -> VolumesEvaluation:
    """Compare all volumes of a folder with the real scans of the same names.

    Writes slices.csv, subjects.csv, summary.json, metrics.png and a picture a case into `output`, and with label maps
    regions.csv.

    Args:
        synth: folder of synthetic volumes, with sidecars and masks as hifisyn_predict writes them.
        truth: folder of real scans of the same file names.
        output: folder for the results.
        masks: folder of brain masks, instead of those beside the synthetic volumes.
        register: register a truth that lies on another grid (rigid).
        upper_percentile: percentile of the truth's brain that becomes +1.
        min_brain: share of a slice that brain must cover for the slice to count.
        labels: folder of label maps CASE.nii.gz on the grid of the synthetic volumes; a case without one has no rows
            in regions.csv.
        overwrite: replace an earlier evaluation.

    Raises:
        UserError: a folder is missing or empty, holds an evaluation already, or another process writes one there.
    """
    output_files.claim(output, overwrite)
    pairs = find_pairs(synth, truth, masks)
    with held(output):
        return _evaluate(pairs, output, register, upper_percentile, min_brain, labels)


def _evaluate(
    pairs: Sequence[Pair],
    output: Path,
    register: bool,
    upper_percentile: float,
    min_brain: float,
    labels: Path | None,
) -> VolumesEvaluation:
    def work(pair: Pair) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any], dict[str, Any]]:
        done = compare(pair, register=register, upper_percentile=upper_percentile, min_brain=min_brain, labels=labels)
        columns = {"synthetic": done.stacks.synthetic, "truth": done.stacks.truth}
        output_files.comparison_sheet(output / f"{pair.name}.png", columns, done.slices[SLICE].tolist(), pair.name)
        whole = {CASE: pair.case, MODALITY: pair.modality} | done.whole
        return done.slices, done.regions, whole, {"name": pair.name} | done.notes

    results, failures = attempt(pairs, work, "comparing")
    if not results:
        nothing = pd.DataFrame()
        return VolumesEvaluation(nothing, nothing, nothing, nothing, failures)
    slices = pd.concat([table for table, _, _, _ in results], ignore_index=True)
    inside = [table for _, table, _, _ in results if not table.empty]
    whole = pd.DataFrame([row for _, _, row, _ in results])
    cases = by_case(slices, [MODALITY]).merge(whole, on=[MODALITY, CASE], how="left")
    evaluation = VolumesEvaluation(
        slices,
        cases,
        pd.concat(inside, ignore_index=True) if inside else pd.DataFrame(),
        by_dataset(cases, [MODALITY], (*MEASURES, *WHOLE)),
        failures,
    )
    settings = {"min_brain": min_brain, "upper_percentile": upper_percentile}
    _write(output, evaluation, settings, [notes for _, _, _, notes in results])
    return evaluation


def _write(output: Path, evaluation: VolumesEvaluation, settings: dict[str, Any], pairs: list[dict[str, Any]]) -> None:
    settings |= {"slices": "axial", "outside_the_mask": "-1 in both"} | output_files.TERMS
    output_files.write_table(output / "slices.csv", evaluation.slices)
    output_files.write_table(output / "subjects.csv", evaluation.cases)
    output_files.boxes(output / output_files.METRICS_PNG, evaluation.cases, MODALITY, MEASURES)
    content = {"settings": settings, "mean": evaluation.dataset, "pairs": pairs}
    (output / "regions.csv").unlink(missing_ok=True)
    if not evaluation.regions.empty:
        output_files.write_table(output / "regions.csv", evaluation.regions)
        content["regions"] = regions.by_dataset(evaluation.regions, [MODALITY])
    output_files.write_summary(output / output_files.SUMMARY_JSON, content, evaluation.failures)
