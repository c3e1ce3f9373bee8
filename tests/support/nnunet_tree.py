"""An nnU-Net raw data set as it lies on disk, tiny."""

import json

from tests.support.small_scans import write_label, write_scan

LABELS = {"background": 0, "lesion": 1, "white matter": 2, "GM": 3}


def build(folder, *, cases=("A_01", "A_02", "B_01"), test=("C_01",), listed=False, ending=".nii.gz", **changed):
    """Write a data set of three channels: T1w, T2-FLAIR and ADC. `listed` uses the key `dataset` and own names."""
    for number, case in enumerate((*cases, *test)):
        images, labels = ("imagesTs", "labelsTs") if case in test else ("imagesTr", "labelsTr")
        for channel in range(3):
            name = f"all/{case}/c{channel}" if listed else f"{images}/{case}_{channel:04}"
            write_scan(folder / f"{name}{ending}", seed=10 * number + channel)
        if case not in test:
            write_label(folder / (f"all/{case}/seg{ending}" if listed else f"{labels}/{case}{ending}"), [0, 1, 2, 3])
    content = {
        "channel_names": {"0": "T1w", "1": "T2-FLAIR", "2": "ADC"},
        "labels": LABELS,
        "numTraining": len(cases),
        "file_ending": ending,
        "license": "CC-BY",
    }
    if listed:
        content["dataset"] = {
            case: {
                "images": [f"all/{case}/c{channel}{ending}" for channel in range(3)],
                "label": f"all/{case}/seg{ending}",
            }
            for case in cases
        }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dataset.json").write_text(json.dumps(content | changed))
    return folder
