"""Any folder of scans whose names say who and what they show, read by patterns such as {subject}_{modality}.nii.gz."""

import argparse
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from hifisyn.dataset import MODALITIES, TISSUES, Case
from hifisyn.dataset_conversion import folder_messages
from hifisyn.dataset_conversion.contrasts import WORDS, contrast, parse_names
from hifisyn.dataset_conversion.converter import LeftOut
from hifisyn.dataset_conversion.label_names import parse_label_names, renumber
from hifisyn.dataset_conversion.patterns import compiled, files_below
from hifisyn.dataset_conversion.source import Found, Scan, group
from hifisyn.dataset_conversion.source_converter import source_converter
from hifisyn.errors import FileError, UserError
from hifisyn.raw_files import is_nifti
from hifisyn.synthetic_mark import is_synthetic, sidecar_path

GUESSES = ("**/{subject}_{modality}", "{subject}/{modality}")


@dataclass(frozen=True)
class Layout:
    """How the files of a folder are named; patterns are over the path below the source.

    Attributes:
        patterns: of the scans; none: the first of GUESSES that finds any.
        names: further names of contrasts, as `parse_names` returns them.
        labels: pattern of the label maps; "": there are none.
        label_names: structure to value in the label maps; none: background 0, CSF 1, GM 2, WM 3.
        masks: pattern of the brain masks; "": there are none.
    """

    patterns: Sequence[str] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    labels: str = ""
    label_names: Mapping[str, int] = field(default_factory=dict)
    masks: str = ""


def find(sources: Sequence[Path], layout: Layout, *, reference: str = "") -> Found:
    """Find the scans of folders or archives. Files of unknown contrast and synthetic images are passed over.

    Of voxels, only those of the first label map are read, and only where its values have no names.

    Args:
        sources: folders or archives.
        layout: how their files are named.
        reference: contrast on whose grid label maps and masks are; "": the first there is, T1 before others.

    Raises:
        UserError: a pattern is wrong or finds nothing, two visits would share a name, or label values lack names.
    """
    listed = {file: where for source in sources for where, file in files_below(source)}
    images = {file: where for file, where in listed.items() if is_nifti(file)}
    maps = [*_maps(images, layout, "label"), *_maps(images, layout, "brain")]
    synthetic = {file for file in images if sidecar_path(file) in listed and is_synthetic(file)}
    passed = synthetic.union(scan.file for scan in maps)
    files = {file: where for file, where in images.items() if file not in passed}
    patterns = layout.patterns or _guess(files, layout.names)
    scans = [scan for pattern in patterns for scan in _scans(files, pattern, layout.names)]
    if not scans:
        raise folder_messages.nothing(sources, files, layout.patterns, GUESSES, layout.names)
    _require_one_name_each(scans)
    if reference and reference not in {scan.modality for scan in scans}:
        raise UserError(
            f"--reference-contrast {reference} must be among the scans", hint="see --pattern and --contrast"
        )
    cases, left_out = _cases([*scans, *maps])
    if not layout.patterns and (twice := group(scans)[1]):
        raise folder_messages.guessed_badly(twice[0], images, patterns[0])
    renumbering = renumber(layout.label_names or _tissues(cases))
    notes = [*folder_messages.understood(scans, files), *folder_messages.unknown(files, patterns, layout.names)]
    if synthetic:
        notes.append(f"passed over {len(synthetic)} synthetic images")
    notes += [f"{source} is a BIDS data set: the converter bids knows its rules" for source in sources if _bids(source)]
    return Found(
        cases,
        tuple(left_out),
        labels=renumbering.labels,
        write_label=renumbering.writer,
        reference=reference,
        notes=notes,
    )


def _scans(files: Mapping[Path, str], pattern: str, names: Mapping[str, str]) -> Iterable[Scan]:
    expression = compiled(pattern, words={*WORDS, *names})
    for file, where in files.items():
        if match := expression.fullmatch(where):
            modality = contrast(match["modality"], names)
            assert modality is not None
            yield Scan(match["subject"], _case(match), modality, file)


def _maps(images: Mapping[Path, str], layout: Layout, what: str) -> list[Scan]:
    """Return the label maps or the brain masks as scans of the contrast `what`."""
    pattern, option = (layout.labels, "--label-pattern") if what == "label" else (layout.masks, "--mask-pattern")
    if not pattern:
        return []
    visits = any("{session}" in each for each in layout.patterns)
    expression = compiled(pattern, ("subject", "session") if visits else ("subject",))
    matches = {file: expression.fullmatch(where) for file, where in images.items()}
    maps = [Scan(match["subject"], _case(match), what, file) for file, match in matches.items() if match]
    if not maps:
        there = folder_messages.some(images.values())
        raise UserError(f"{option} {pattern} must fit some files", got=there, hint="fix the pattern")
    return maps


def _case(match: re.Match[str]) -> str:
    session = match.groupdict().get("session")
    return f"{match['subject']}_{session}" if session else match["subject"]


def _guess(files: Mapping[Path, str], names: Mapping[str, str]) -> Sequence[str]:
    for pattern in GUESSES:
        if next(iter(_scans(files, pattern, names)), None):
            return [pattern]
    return []


def _require_one_name_each(scans: Iterable[Scan]) -> None:
    subjects: dict[str, str] = {}
    for scan in scans:
        if subjects.setdefault(scan.case, scan.subject) != scan.subject:
            raise UserError(
                "each visit must have a name of its own",
                got=f"{scan.case} for one of {subjects[scan.case]} and one of {scan.subject}",
                hint="change the --pattern so that it separates subjects",
            )


def _cases(scans: Iterable[Scan]) -> tuple[list[Case], list[LeftOut]]:
    """Gather scans, label maps and masks into cases; what belongs to no scan is left out."""
    gathered, left_out = group(scans)
    cases = []
    for case in gathered:
        images = {what: file for what, file in case.images.items() if what in MODALITIES}
        label, brain = case.images.get("label"), case.images.get("brain")
        if images:
            cases.append(Case(case.name, case.subject, images, label, brain))
            continue
        reason = "there must be a scan of the same subject and visit; check its name"
        left_out += [LeftOut(case.name, file, reason) for file in (label, brain) if file]
    return cases, left_out


def _tissues(cases: Iterable[Case]) -> dict[str, int]:
    """Return the values of the tissues, if the first label map is one of tissues.

    Raises:
        UserError: it holds other values; then a lesion would be taken for CSF.
    """
    file = next((case.label for case in cases if case.label), None)
    if file is not None:
        import numpy as np

        from hifisyn.volume import Volume

        values = np.unique(Volume.load_labels(file).data).tolist()
        if set(values) != set(TISSUES.values()):
            some = ", ".join(map(str, values[:8]))
            raise FileError(
                file,
                f"holds the label values {some}, which need names",
                hint="name them, as in --label-names lesion=1 or --label-names CSF=1 GM=2 WM=3",
            )
    return TISSUES


def _bids(source: Path) -> bool:
    return (source / "dataset_description.json").is_file()


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--pattern",
        nargs="+",
        default=[],
        help="of the paths below SOURCE, of {subject}, {session}, {modality}, * and **/, as in "
        f"'{{subject}}/{{session}}/{{modality}}.nii.gz' (default: {' or '.join(GUESSES)})",
    )
    parser.add_argument(
        "--contrast", nargs="+", default=[], metavar="NAME=MODALITY", help="what contrasts are called, as in mprage=T1"
    )
    parser.add_argument(
        "--label-pattern",
        dest="labels",
        default="",
        metavar="PATTERN",
        help="pattern of the label maps, as in seg/{subject}.nii.gz",
    )
    parser.add_argument(
        "--label-names",
        nargs="+",
        default=[],
        metavar="NAME=VALUE",
        help="meaning of the label values, as in CSF=1 GM=2 WM=3 lesion=4",
    )
    parser.add_argument(
        "--mask-pattern",
        dest="masks",
        default="",
        metavar="PATTERN",
        help="pattern of your brain masks, if there are any",
    )
    parser.add_argument(
        "--reference-contrast", dest="reference", choices=MODALITIES, help="contrast whose grid labels and masks have"
    )
    parser.add_argument("--skull-stripped", action="store_true", help="all scans are")
    parser.add_argument("--registered", action="store_true", help="all contrasts of a visit lie on each other")
    parser.add_argument("--bias-corrected", action="store_true", help="all scans are")


def _find(sources: Sequence[Path], _folder: Path, arguments: argparse.Namespace) -> Found:
    layout = Layout(
        arguments.pattern,
        parse_names(arguments.contrast),
        arguments.labels,
        parse_label_names(arguments.label_names),
        arguments.masks,
    )
    return replace(
        find(sources, layout, reference=arguments.reference or ""),
        skull_stripped=arguments.skull_stripped,
        registered=arguments.registered,
        bias_corrected=arguments.bias_corrected,
    )


CONVERTER = source_converter(
    "folder",
    "any folder of NIfTI files whose names say who and what they show",
    "FOLDER",
    _find,
    source="folder of the scans, or a .zip or .tar of them",
    add_arguments=_add_arguments,
    examples="""examples:
  hifisyn_convert_dataset folder /data/scans
      P01_T1w.nii.gz, P01_T2.nii.gz, ... at any depth, or P01/flair.nii and so on
  hifisyn_convert_dataset folder /data/scans --pattern '{subject}/{session}/{modality}.nii' --contrast mprage=T1 tse=T2
      P01/visit1/mprage.nii: visits of a subject never part in a split
  hifisyn_convert_dataset folder /data/scans --pattern 'images/{subject}_{modality}.nii.gz' \\
          --label-pattern 'lesions/{subject}.nii.gz' --label-names lesion=1 --reference-contrast FLAIR
      with the label maps that were drawn on FLAIR; CSF, GM and WM are added around the lesions
""",
)
