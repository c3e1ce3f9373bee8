"""An nnU-Net raw data set: its channels are contrasts, its labels keep their names, imagesTs is held out.

Read as nnU-Net v2 writes it: dataset.json with channel_names, labels and file_ending; imagesTr/CASE_0000.nii.gz and
labelsTr/CASE.nii.gz, or the key `dataset` that says where the files of a case lie.
"""

import argparse
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from hifisyn.dataset import Case
from hifisyn.dataset_conversion.contrasts import parse_names
from hifisyn.dataset_conversion.converter import LeftOut
from hifisyn.dataset_conversion.label_names import parse_label_names, renumber
from hifisyn.dataset_conversion.nnunet_description import LEAVE_OUT, Description, describe
from hifisyn.dataset_conversion.source import Found
from hifisyn.dataset_conversion.source_converter import source_converter
from hifisyn.errors import FileError, UserError
from hifisyn.paths import DATASET_JSON


def find(
    folder: Path,
    *,
    channels: Mapping[str, str] | None = None,
    label_names: Mapping[str, int] | None = None,
    subject_pattern: str = "",
) -> Found:
    """Find the cases of an nnU-Net raw data set.

    The contrasts of a case are registered, as nnU-Net demands.

    Args:
        folder: with dataset.json.
        channels: names of channels beside the known spellings, to modalities; "": leave the channel out.
        label_names: structure to value, instead of the labels of dataset.json.
        subject_pattern: regular expression whose group, else whole match, in the case's name is the subject; "": every
            case is a subject of its own.

    Raises:
        UserError: dataset.json is missing, of another version or contradicts itself, a channel is no contrast, or
            labels are regions.
    """
    description = describe(folder, channels or {}, label_names or {})
    training = _listed(description) if description.listed is not None else _named(description, "imagesTr", "labelsTr")
    test = _named(description, "imagesTs", "labelsTs")
    cases, left_out = [*training.values()], []
    for name, case in test.items():
        if name in training:
            left_out += [
                LeftOut(name, file, "its case is in imagesTr too; rename one") for file in case.images.values()
            ]
        else:
            cases.append(case)
    if not cases:
        raise FileError(
            folder, f"must hold files such as imagesTr/CASE_0000{description.ending}", hint="check the folder"
        )
    grouped = [replace(case, subject=_subject(case.name, subject_pattern)) for case in cases]
    renumbering = renumber(description.labels)
    return Found(
        grouped,
        tuple(left_out),
        labels=renumbering.labels,
        write_label=renumbering.writer,
        registered=True,
        held_out={case.subject for case in grouped if case.name in test and case.name not in training},
        about=description.about,
    )


def _named(description: Description, images: str, labels: str) -> dict[str, Case]:
    """Return the cases of a folder whose files are named CASE_0000.nii.gz, without channels that are left out."""
    name = re.compile(r"(?P<case>.+)_(?P<channel>\d{4})" + re.escape(description.ending))
    cases: dict[str, Case] = {}
    folder = description.folder / images
    for file in sorted(folder.iterdir()) if folder.is_dir() else []:
        match = name.fullmatch(file.name)
        if match is None or int(match["channel"]) >= len(description.modalities) or file.name.startswith("."):
            continue
        label = description.folder / labels / f"{match['case']}{description.ending}"
        case = cases.setdefault(
            match["case"], Case(match["case"], match["case"], {}, label if label.is_file() else None)
        )
        if modality := description.modalities[int(match["channel"])]:
            case.images[modality] = file
    return {key: case for key, case in cases.items() if case.images}


def _listed(description: Description) -> dict[str, Case]:
    """Return the cases that the key `dataset` lists.

    Raises:
        UserError: a case has not one image a channel.
    """
    cases = {}
    for name, entry in (description.listed or {}).items():
        files = [_path(description.folder, text) for text in entry.images]
        if len(files) != len(description.modalities):
            what = f"case {name} must have {len(description.modalities)} images, one per channel"
            raise UserError(what, got=len(files), hint="fix the entry").at(description.folder / DATASET_JSON)
        images = {modality: file for modality, file in zip(description.modalities, files, strict=True) if modality}
        cases[name] = Case(name, name, images, _path(description.folder, entry.label) if entry.label else None)
    return cases


def _path(folder: Path, text: str) -> Path:
    return folder / os.path.expandvars(text)


def _subject(case: str, pattern: str) -> str:
    """Return whose a case is.

    Raises:
        UserError: the pattern is none, or does not match.
    """
    try:
        match = re.search(pattern, case) if pattern else re.fullmatch(".*", case)
    except re.error as error:
        raise UserError("--subject-pattern must be a regular expression", got=f"{pattern!r}: {error}") from None
    subject = match and (match.groups()[0] if match.groups() else match[0])
    if not subject:
        raise UserError(f"--subject-pattern {pattern} must find a subject in each case", got=f"none in {case}")
    return str(subject)


def _parse_channels(words: Iterable[str]) -> dict[str, str]:
    """Read names of channels as users type them; NAME=none leaves a channel out."""
    unwanted = [word for word in words if word.endswith(f"={LEAVE_OUT}")]
    names = {word.rpartition("=")[0]: "" for word in unwanted}
    for word in words:
        if word not in unwanted:
            names[word.rpartition("=")[0]] = next(iter(parse_names([word]).values()))
    return names


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--channels",
        nargs="+",
        default=[],
        metavar="NAME=MODALITY",
        help="what channels are, as in MPRAGE=T1; ADC=none leaves one out",
    )
    parser.add_argument(
        "--label-names",
        nargs="+",
        default=[],
        metavar="NAME=VALUE",
        help="meaning of the label values, as in CSF=1 GM=2 WM=3 lesion=4 (instead of that in dataset.json)",
    )
    parser.add_argument(
        "--subject-pattern",
        default="",
        metavar="REGEX",
        help="what in the name of a case is the subject, as in 'P\\d+' (default: the whole name)",
    )
    parser.add_argument("--skull-stripped", action="store_true", help="all scans are")
    parser.add_argument("--bias-corrected", action="store_true", help="all scans are")


def _find(sources: Sequence[Path], _folder: Path, arguments: argparse.Namespace) -> Found:
    if len(sources) != 1:
        raise UserError("SOURCE must be one nnU-Net data set", got=len(sources), hint="convert them one by one")
    found = find(
        sources[0],
        channels=_parse_channels(arguments.channels),
        label_names=parse_label_names(arguments.label_names),
        subject_pattern=arguments.subject_pattern,
    )
    return replace(found, skull_stripped=arguments.skull_stripped, bias_corrected=arguments.bias_corrected)


CONVERTER = source_converter(
    "nnunet",
    "nnU-Net raw data set (version 2)",
    "NNUNET",
    _find,
    source="folder that holds dataset.json and imagesTr",
    add_arguments=_add_arguments,
    examples="""example:
  hifisyn_convert_dataset nnunet /data/nnUNet_raw/Dataset005_Glioma --channels MPRAGE=T1 ADC=none --place refer
""",
)
