"""One simulated subject: drawn, scanned in every contrast, and written with its exact truth.

Every draw has its own stream, keyed by seed, subject and purpose: another contrast, lesion or subject changes none of
the others, and it does not matter which process makes what.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hifisyn.dataset import MODALITIES
from hifisyn.raw_files import image_path, label_path
from hifisyn.simulation import mr_signal, scan_grid, template
from hifisyn.simulation.anatomy import Head, build_head, draw_person, template_points
from hifisyn.simulation.fields import draw_field
from hifisyn.simulation.lesions import LESION_TISSUES, add_lesion, draw_lesion
from hifisyn.simulation.options import PhantomOptions
from hifisyn.volume import Volume

UNITS = 1000.0
BRAIN = 0.5
BIAS_KNOT_MM = 90.0
PERSON, TISSUES, LESION, POSITION, SCAN, NOISE = range(6)


@dataclass(frozen=True)
class Scan:
    """One contrast of a subject, and the truth on its grid.

    Attributes:
        modality: the contrast.
        image: int16, with bias and noise, as it comes from the scanner.
        truth: modality to float32, every contrast without bias and noise, in the units of that contrast's image.
        label: uint8, exact labels; above 0 is the brain.
        head_to_world: (4, 4) rigid, the head's mm to this scan's world.
    """

    modality: str
    image: Volume
    truth: dict[str, Volume]
    label: Volume
    head_to_world: np.ndarray


def stream(cohort: PhantomOptions, index: int, purpose: int, modality: str | None = None) -> np.random.Generator:
    """Return the random stream of one purpose, for one contrast or for the subject as a whole."""
    channel = MODALITIES.index(modality) + 1 if modality else 0
    return np.random.default_rng([cohort.seed, index, purpose, channel])


def make_head(cohort: PhantomOptions, index: int) -> Head:
    """Return the subject's head on a grid of the cohort's resolution, with its lesion if it has one."""
    person = draw_person(stream(cohort, index, PERSON))
    head = build_head(person, cohort.resolution)
    if not cohort.has_lesion(index):
        return head
    axes = template.box_axes(cohort.resolution)
    lesion = draw_lesion(stream(cohort, index, LESION))
    noise = lesion.surface.on(axes)
    return Head(add_lesion(head.fractions, template_points(person, axes), noise, lesion), head.affine)


def scan(cohort: PhantomOptions, index: int) -> Iterator[Scan]:
    """Yield every contrast of a subject."""
    head = make_head(cohort, index)
    tissues = mr_signal.draw_tissues(stream(cohort, index, TISSUES))
    gains = {m: stream(cohort, index, SCAN, m).uniform(0.7, 1.4) * UNITS for m in cohort.modalities}
    signals = {}
    for modality in cohort.modalities:
        weights = mr_signal.weights(tissues, mr_signal.SEQUENCES[modality])
        signals[modality] = gains[modality] * mr_signal.mix(head.fractions, weights)
    for modality in cohort.modalities:
        onto, head_to_world = place(cohort, index, modality)
        truth = {}
        for contrast, signal in signals.items():
            seen = scan_grid.render(signal, head.affine, head_to_world, onto)
            truth[contrast] = onto.with_data(np.abs(seen))
        label = label_map(head, head_to_world, onto, cohort.labels)
        bright = mr_signal.weights(tissues, mr_signal.SEQUENCES[modality])[mr_signal.BRIGHTEST[modality]]
        image = corrupt(cohort, index, modality, truth[modality], label, gains[modality] * bright)
        yield Scan(modality, image, truth, label, head_to_world)


def place(cohort: PhantomOptions, index: int, modality: str) -> tuple[Volume, np.ndarray]:
    """Return a contrast's grid, and how the head lay in it: positioned once, moved before every contrast."""
    rng = stream(cohort, index, POSITION, modality)
    geometry = scan_grid.GEOMETRIES[modality]
    tilt = rng.uniform(-scan_grid.TILT_DEGREES, scan_grid.TILT_DEGREES)
    moved = scan_grid.draw_pose(rng, scan_grid.MOVED_DEGREES, scan_grid.MOVED_MM)
    positioned = scan_grid.draw_pose(
        stream(cohort, index, POSITION), scan_grid.POSITIONED_DEGREES, scan_grid.POSITIONED_MM
    )
    return scan_grid.scan_grid(geometry, cohort.resolution, tilt), moved.matrix() @ positioned.matrix()


def label_map(head: Head, head_to_world: np.ndarray, onto: Volume, labels: dict[str, int]) -> Volume:
    """Return the largest tissue of each voxel that is more than half brain."""
    best = np.zeros(onto.shape, dtype=np.float32)
    brain = np.zeros(onto.shape, dtype=np.float32)
    result = np.zeros(onto.shape, dtype=np.uint8)
    for name in (*template.BRAIN_TISSUES, *LESION_TISSUES):
        if name not in head.fractions:
            continue
        fraction = scan_grid.render(head.fractions[name], head.affine, head_to_world, onto)
        result[fraction > best] = labels[name]
        best = np.maximum(best, fraction)
        brain += fraction
    return onto.with_data(np.where(brain > BRAIN, result, 0).astype(np.uint8))


def corrupt(
    cohort: PhantomOptions, index: int, modality: str, clean: Volume, label: Volume, brightest: float
) -> Volume:
    """Add bias, then noise, and round to int16 as scanners do."""
    rng = stream(cohort, index, NOISE, modality)
    extent = np.array(clean.spacing) * (np.array(clean.shape) - 1)
    field = draw_field(rng, np.zeros(3), extent, BIAS_KNOT_MM, 1.0)
    x, y, z = (np.arange(n) * mm for n, mm in zip(clean.shape, clean.spacing, strict=True))
    bias = mr_signal.bias_field(field.on((x, y, z)), label.data > 0, cohort.bias)
    noisy = mr_signal.rician(clean.data * bias, cohort.noise * brightest, rng)
    return clean.with_data(np.clip(np.rint(noisy), 0, np.iinfo(np.int16).max).astype(np.int16))


def write_subject(cohort: PhantomOptions, index: int, folder: Path) -> dict[str, list[list[float]]]:
    """Simulate a subject and write its images, labels and truth.

    Returns:
        Modality to `head_to_world`, as nested lists.
    """
    case, test = cohort.case(index), cohort.is_test(index)
    poses = {}
    for s in scan(cohort, index):
        s.image.save(image_path(folder, case, s.modality, test=test), overwrite=True)
        if s.modality == cohort.reference:
            s.label.save(label_path(folder, case, test=test), overwrite=True)
        truth = folder / "truth" / f"on_{s.modality}"
        for contrast, volume in s.truth.items():
            volume.save(truth / f"{case}_{contrast}.nii.gz", overwrite=True)
        s.label.save(truth / f"{case}_label.nii.gz", overwrite=True)
        brain = (s.label.data > 0).astype(np.uint8)
        s.label.with_data(brain).save(truth / f"{case}_brain.nii.gz", overwrite=True)
        poses[s.modality] = s.head_to_world.tolist()
    return poses
