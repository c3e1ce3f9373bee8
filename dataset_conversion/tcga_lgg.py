"""Lower-grade gliomas of TCGA with the FLAIR abnormality outlined by hand (Buda et al., 2019), as NIfTI.

Layout: train/TCGA_CS_4941_19960909/{t1,t1c,flair,tumour_mask}.nii.gz, and val/ alike; or the folders of the patients
alone. A folder is a visit, named by the patient and the date. The contrasts of a visit were registered before they
were published, heads are whole, air around them is 0, and voxel sizes are nominal: the source did not record them.
Where T1 or T1ce was not taken, the source has FLAIR in its place; such files are recognised by their voxels and passed
over.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hifisyn.dataset import Case
from hifisyn.dataset_conversion.contrasts import contrast
from hifisyn.dataset_conversion.label_names import renumber
from hifisyn.dataset_conversion.source import Found
from hifisyn.dataset_conversion.source_converter import source_converter
from hifisyn.errors import FileError, UserError
from hifisyn.raw_files import is_nifti, stem_of

VISIT = re.compile(r"(?P<patient>TCGA_[A-Z0-9]{2}_[A-Z0-9]{4})(?:_\d{8})?")
HELD_OUT, MASK = "val", "tumour_mask"
ENDINGS = (".nii.gz", ".nii")
ABOUT = {
    "description": "TCGA-LGG: T1, contrast-enhanced T1 and FLAIR of patients with lower-grade glioma",
    "licence": "CC BY-NC-SA 4.0: not for commercial use; do not ship weights trained on it under another licence",
    "reference": "Buda, Saha, Mazurowski, Comput Biol Med 2019, doi:10.1016/j.compbiomed.2019.05.002; TCIA TCGA-LGG",
}


def find(sources: Sequence[Path]) -> Found:
    """Find the visits of source folders; those below val/ are held out.

    Raises:
        UserError: a folder is missing, or holds no visit.
    """
    cases: dict[str, Case] = {}
    held_out = set()
    for folder in (folder for source in sources for folder in _visits(source)):
        match = VISIT.fullmatch(folder.name)
        assert match is not None
        case = _case(folder, match["patient"])
        if case.images:
            cases[case.name] = case
        if case.images and folder.parent.name == HELD_OUT:
            held_out.add(case.subject)
    if not cases:
        got, hint = _slices(sources)
        where = ", ".join(map(str, sources))
        raise UserError(f"{where} must hold scans such as TCGA_CS_4941_19960909/t1.nii.gz", got=got, hint=hint)
    renumbering = renumber({"tumour": 1})
    whole = [_without_stand_ins(case) for case in cases.values()]
    fewer = [case.name for case in whole if set(case.images) != set(cases[case.name].images)]
    return Found(
        whole,
        labels=renumbering.labels,
        write_label=renumbering.writer,
        registered=True,
        held_out=held_out,
        subject_of=_patient,
        about=ABOUT,
        warnings=tuple(
            f"{name}: FLAIR lies in the place of a contrast that was not taken; passed over" for name in fewer
        ),
    )


def _without_stand_ins(case: Case) -> Case:
    """Return a case without the files that hold the voxels of its FLAIR."""
    import numpy as np

    from hifisyn.volume import Volume

    try:
        scans = {modality: Volume.load(file).data for modality, file in case.images.items()}
    except (UserError, PermissionError):
        return case
    flair = scans.pop("FLAIR", None)
    if flair is None:
        return case
    copies = {modality for modality, voxels in scans.items() if np.array_equal(voxels, flair)}
    real = {modality: file for modality, file in case.images.items() if modality not in copies}
    return replace(case, images=real)


def _visits(source: Path) -> list[Path]:
    if not source.is_dir():
        raise FileError(source, "must be the folder that holds train and val", hint="check the path")
    folders = [source, *source.glob("*/"), *source.glob("*/*/")]
    return sorted(folder for folder in folders if VISIT.fullmatch(folder.name))


def _case(folder: Path, patient: str) -> Case:
    files = {stem_of(file): file for file in sorted(folder.iterdir())}
    scans = {name: file for name, file in files.items() if is_nifti(file)}
    images = {modality: file for name, file in scans.items() if (modality := contrast(name))}
    return Case(folder.name, patient, images, scans.get(MASK))


def _patient(word: str) -> str:
    match = VISIT.fullmatch(word)
    return match["patient"] if match else word


def _slices(sources: Sequence[Path]) -> tuple[str, str]:
    """Return what is there and what to do; the data were first published as 2D slices."""
    if any(next(source.glob("**/TCGA_*.tif"), None) for source in sources):
        return "slices (.tif)", "stack those of a patient into t1, t1c, flair and tumour_mask.nii.gz"
    return "none", "name the folder that holds train and val"


CONVERTER = source_converter(
    "tcga_lgg",
    "lower-grade gliomas of TCGA with outlined tumours (Buda et al.)",
    "TCGA_LGG",
    lambda sources, folder, arguments: find(sources),
    source="folder that holds train and val, or the folders of the patients",
)
