"""One scan ready for a network, as the scans it was trained on were: every slice that holds brain."""

from dataclasses import dataclass

import numpy as np

from hifisyn.errors import UserError
from hifisyn.plans import Plans
from hifisyn.preprocessing.align import debias, on_grid, whole_where_named
from hifisyn.preprocessing.brain import extract, planned_tool
from hifisyn.preprocessing.extract_slices import covers, fitted, normalised, outside, sampled
from hifisyn.preprocessing.record import Grid, Record, Scan
from hifisyn.preprocessing.resample import resample_mask
from hifisyn.preprocessing.slices_axial import between, brain_slices, centre_window, slice_grid, to_slices
from hifisyn.preprocessing.steps import Stage
from hifisyn.volume import Volume


@dataclass(frozen=True)
class Prepared:
    """One scan, ready for a network: every slice that holds brain.

    Attributes:
        slices: (S, H, W) float32 in [-1, 1]; what the networks see: H = W = plans.slices.crop in `prepare_source`.
        brain: (S, H, W) bool.
        covered: (S,) bool, the slices that the scan covers as `extract_slices.covers` says.
        record: slice_grid is the grid of these very slices, shape (W, H, number of places).
        mask: uint8 brain mask on the scan's own grid, as the file has it.
    """

    slices: np.ndarray
    brain: np.ndarray
    covered: np.ndarray
    record: Record
    mask: Volume


def prepare_source(
    volume: Volume,
    modality: str,
    plans: Plans,
    *,
    stripped: bool | None = None,
    tool: str | None = None,
    command: str = "",
    mask: Volume | None = None,
    device: str = "cpu",
) -> Prepared:
    """Make one scan ready for a network, as training scans were: brain, bias, slices, intensities.

    Args:
        volume: the scan as its file has it.
        modality: its contrast.
        plans: of the model.
        stripped: whether the skull is removed already; none: look at the scan.
        tool: the skull stripping that the user names in this run; none: the mask if there is one, else what the
            plans name.
        command: the user's own command template for tool "command"; one of the plans is never run.
        mask: the user's own brain mask on the scan's grid, or none.
        device: of the skull stripping.

    Raises:
        UserError: no brain is found, or it is even; or the plans name a command and the user no tool.
    """
    settings = plans.preprocessing
    upright = volume.canonical()
    own = on_grid(mask, "brain mask", upright, modality)
    if tool is not None:
        stripped = whole_where_named(tool) if stripped is None else stripped
    elif stripped or own is not None:
        tool = "auto"
    else:
        tool = planned_tool(settings)
    brain, found = extract(upright, tool, device, mask=own, command=command, stripped=stripped)
    clean, scans, debiased = debias({modality: upright}, {modality: Scan.of(volume)}, brain, settings)
    whole = slice_grid(brain, plans.slices.pixel_mm, plans.slices.size)
    grid = centre_window(whole, plans.slices.crop)
    inside = to_slices(resample_mask(brain, grid)) > 0
    kept = np.array(brain_slices(inside), dtype=int)
    if not kept.size:
        raise UserError(f"no slice of {modality} holds brain", hint="look at the scan and its mask")
    shown = inside[kept]
    intensity = fitted(clean[modality], brain, modality, settings.upper_percentile)
    values = sampled(clean[modality], intensity, between(grid, kept[0], kept[-1]))[kept - kept[0]]
    record = Record(
        modality,
        scans,
        {Stage.SKULL_STRIP: found, Stage.BIAS: debiased},
        round(brain.millilitres, 2),
        Grid.of(grid),
        slice_indices=tuple(int(place) for place in kept),
        outside_crop=outside(brain, inside, grid, plans.slices.crop),
    )
    return Prepared(
        slices=normalised(values, shown, intensity),
        brain=shown,
        covered=covers(values, shown),
        record=record.with_intensity({modality: intensity}),
        mask=volume.with_data(brain.reoriented(volume.axcodes).data),
    )
