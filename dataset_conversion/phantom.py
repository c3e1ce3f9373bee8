"""A simulated cohort with exact truth: heads that never were, scanned in every contrast.

The raw folder also gets truth/: on_T2/CASE_T1.nii.gz is what a T1 scan without bias and noise would have shown on the
T2 scan's grid, CASE_brain.nii.gz and CASE_label.nii.gz are exact there, and transforms.json holds the rigid transforms
that registration has to find.
"""

import argparse
import os
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

from hifisyn.dataset import MODALITIES, Case, Dataset
from hifisyn.dataset_conversion.converter import Conversion, Converter
from hifisyn.engine.held import below, held
from hifisyn.files import write_json
from hifisyn.raw_files import image_path, label_path
from hifisyn.simulation.options import PhantomOptions

TRANSFORMS_JSON = "transforms.json"
ABOUT = {
    "description": "Simulated heads: ICBM152 tissue maps, deformed, in a made-up skull, scanned at 1.5 T by equation",
    "licence": "The maps: Copyright (C) 1993-2009 Louis Collins, McConnell Brain Imaging Centre, Montreal Neurological "
    "Institute, McGill University; free to use, copy, modify and distribute with this notice",
    "reference": "Fonov et al., NeuroImage 2011; Kwan, Evans and Pike, IEEE TMI 1999",
}

Poses = dict[str, list[list[float]]]


def convert(
    folder: Path, cohort: PhantomOptions, *, name: str, processes: int = 2, overwrite: bool = False
) -> Conversion:
    """Simulate a cohort into a raw folder; the same cohort gives the same files, however many processes make it.

    Raises:
        UserError: the folder is in use and `overwrite` is false, or another process writes into it.
    """
    from hifisyn.dataset_conversion.raw_folder import fresh_folder

    with held(folder, below(folder)):
        fresh_folder(folder, overwrite=overwrite)
        return _converted(folder, cohort, name, processes)


def _converted(folder: Path, cohort: PhantomOptions, name: str, processes: int) -> Conversion:
    poses = dict(_simulate(cohort, folder, processes))
    cases = [_case(cohort, index, folder) for index in range(cohort.total)]
    write_json(folder / "truth" / TRANSFORMS_JSON, {case.name: _transforms(cohort, poses[case.name]) for case in cases})
    dataset = Dataset(
        name=name,
        modalities=cohort.modalities,
        labels=cohort.labels,
        cases={case.name: case for case in cases[: cohort.subjects]},
        test={case.name: case for case in cases[cohort.subjects :]},
        reference=cohort.reference,
        about=ABOUT,
    )
    dataset.save(folder)
    return Conversion(dataset)


def _simulate(cohort: PhantomOptions, folder: Path, processes: int) -> Iterator[tuple[str, Poses]]:
    """Write all cases and yield the poses of each, in any order; the first error ends it."""
    from hifisyn.engine.processes import Processes
    from hifisyn.engine.progress import Progress
    from hifisyn.simulation.subject import write_subject

    progress = Progress("simulating", cohort.total)
    jobs = ((cohort.case(index), (cohort, index, folder)) for index in range(cohort.total))
    with Processes() as workers:
        for case, poses, error in workers.executor(min(processes, cohort.total))(write_subject, jobs):
            if error is not None:
                raise error
            progress.step(case)
            yield case, poses


def _transforms(cohort: PhantomOptions, poses: Poses) -> dict[str, Any]:
    """Return a case's rigid transforms, RAS+ mm; moving_to_fixed maps a contrast's world to the reference's."""
    import numpy as np

    fixed = np.array(poses[cohort.reference])
    return {
        "reference": cohort.reference,
        "moving_to_fixed": {m: (fixed @ np.linalg.inv(np.array(pose))).tolist() for m, pose in poses.items()},
        "head_to_world": poses,
    }


def _case(cohort: PhantomOptions, index: int, folder: Path) -> Case:
    name, test = cohort.case(index), cohort.is_test(index)
    images = {m: image_path(folder, name, m, test=test) for m in cohort.modalities}
    return Case(name, name, images, label_path(folder, name, test=test))


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    default = PhantomOptions()
    parser.set_defaults(
        subjects_number=default.subjects,
        test_number=default.test,
        seed=default.seed,
        processes=min(8, os.cpu_count() or 1),
    )
    parser.add_argument("--resolution", type=float, default=default.resolution, metavar="MM", help="voxel size in mm")
    parser.add_argument(
        "--modalities", nargs="+", default=default.modalities, metavar="M", help=f"contrasts of {', '.join(MODALITIES)}"
    )
    parser.add_argument(
        "--lesions",
        type=float,
        default=default.lesions,
        metavar="N",
        help="number of subjects with lesions, or their share if below 1",
    )
    parser.add_argument(
        "--noise", type=float, default=default.noise, metavar="X", help="noise relative to the brightest tissue"
    )
    parser.add_argument(
        "--bias-field", dest="bias", type=float, default=default.bias, metavar="X", help="range of the bias field"
    )


def _convert(folder: Path, arguments: argparse.Namespace) -> Conversion:
    given = {f.name: getattr(arguments, f.name) for f in fields(PhantomOptions) if f.name in arguments}
    given["modalities"] = tuple(arguments.modalities)
    cohort = PhantomOptions(subjects=arguments.subjects_number, test=arguments.test_number, **given)
    return convert(folder, cohort, name=arguments.name, processes=arguments.processes, overwrite=arguments.overwrite)


CONVERTER = Converter(
    "phantom", "simulated cohort with exact truth", "PHANTOM", _add_arguments, _convert, simulated=True
)
