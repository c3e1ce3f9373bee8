"""The open multiple-sclerosis scans of the Ljubljana group, in each of the forms in which they are published.

Lesjak et al., Neuroinformatics 14, 2016 (longitudinal) and 16, 2018 (cross-sectional), CC-BY. One folder a patient:

- raw/patient01/study1_T1W.nii.gz (longitudinal) or raw/patient01/T1W.nii.gz (cross-sectional): whole heads, every
  contrast on its own grid, lesions on that of FLAIR;
- coregistered/patient01/: on the grid of FLAIR, bias-corrected, with brainmask.nii.gz;
- MNI/patient01/T1_N4_..._regtoMNI.nii.gz, or T1.nii.gz beside GOLD_STANDARD.nii.gz: in MNI space, bias-corrected,
  skull-stripped.

A patient is a subject and a study is a visit, so patient01/study1 becomes the case patient01study1 of patient01.
consensus_gt or GOLD_STANDARD are lesions; the gt of the longitudinal scans marks change between two studies and is not
read.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from hifisyn.dataset import STEPS, Case
from hifisyn.dataset_conversion.contrasts import contrast
from hifisyn.dataset_conversion.label_names import renumber
from hifisyn.dataset_conversion.source import Found, Scan, group
from hifisyn.dataset_conversion.source_converter import source_converter
from hifisyn.errors import FileError, UserError

FILE = re.compile(
    r"(?:patient\d+_)?(?:(?P<study>study\d+)_)?(?P<what>[a-z0-9]+|consensus_gt|gold_standard)(?:_N4_\w+)?\.nii(?:\.gz)?",
    re.IGNORECASE,
)
MAPS = {"consensus_gt": "label", "gold_standard": "label", "brainmask": "brain"}
ABOUT = {
    "description": "Raw or preprocessed T1, contrast-enhanced T1, T2 and FLAIR of patients with multiple sclerosis",
    "licence": "CC-BY",
    "reference": "Lesjak et al., Neuroinformatics 2016, doi:10.1007/s12021-016-9301-1; "
    "Lesjak et al., Neuroinformatics 2018, doi:10.1007/s12021-017-9348-7",
}


def find(sources: Iterable[Path]) -> Found:
    """Find the scans of source folders; files with other names are not scans.

    Raises:
        UserError: a folder is missing or holds no scan.
    """
    gathered, left_out = group(scan for source in sources for scan in find_scans(source))
    masks = {case.subject: case.images["brain"] for case in gathered if set(case.images) == {"brain"}}
    cases = [_case(case, masks.get(case.subject)) for case in gathered if not set(case.images) <= {"label", "brain"}]
    renumbering = renumber({"lesion": 1})
    return Found(
        cases,
        tuple(left_out),
        labels=renumbering.labels,
        write_label=renumbering.writer,
        reference=_reference(cases),
        about=ABOUT,
    )


def find_scans(source: Path) -> list[Scan]:
    """List the scans of one source folder; label maps and brain masks are listed as `label` and `brain`.

    Raises:
        UserError: the folder is missing or holds no scan.
    """
    if not source.is_dir():
        raise FileError(source, "must be the folder of the patients", hint="name the one that holds patient01")
    scans = []
    for file in sorted(source.glob("*/*")):
        match = FILE.fullmatch(file.name)
        what = match and (MAPS.get(match["what"].lower()) or contrast(match["what"]))
        if match and what:
            subject = file.parent.name
            scans.append(Scan(subject, subject + (match["study"] or "").lower(), what, file))
    if not any(scan.modality not in MAPS.values() for scan in scans):
        raise FileError(source, "must hold scans such as patient01/study1_T1W.nii.gz", hint="name their folder")
    return scans


def _case(gathered: Case, shared_mask: Path | None) -> Case:
    """Return a case with label map, mask and what was done to it, by names and grids.

    Args:
        gathered: with label map and mask among the images.
        shared_mask: mask of all studies of the patient.
    """
    images = {what: file for what, file in gathered.images.items() if what not in MAPS.values()}
    label, brain = gathered.images.get("label"), gathered.images.get("brain", shared_mask)
    standard = label is not None and "gold_standard" in label.name.lower()
    done: Sequence[str] = ()
    if (standard or brain) and _on_one_grid([*images.values(), *filter(None, (label, brain))]):
        done = STEPS if standard else ("registered", "bias_corrected")
    return replace(gathered, images=images, label=label, brain=brain, done=tuple(done))


def _reference(cases: Iterable[Case]) -> str:
    """Return FLAIR where lesions were outlined on it and do not fit T1; else nothing, so that T1 is taken."""
    for case in cases:
        if case.label and "FLAIR" in case.images:
            other = case.images.get("T1")
            if other is None or not _on_one_grid([case.label, other]):
                return "FLAIR"
    return ""


def _on_one_grid(files: Sequence[Path]) -> bool:
    """Return, by their headers, whether files lie on one grid; one that cannot be read does not."""
    from hifisyn.volume import read_grid

    try:
        first, *others = (read_grid(file) for file in files)
    except (UserError, PermissionError):
        return False
    return all(first.same_grid(other) for other in others)


CONVERTER = source_converter(
    "open_ms",
    "open multiple-sclerosis scans (Lesjak et al.)",
    "OPEN_MS",
    lambda sources, folder, arguments: find(sources),
    source="folder that holds patient01, patient02, ...",
)
