"""The facts of a report made by hand: as many models, subjects and numbers as a test wants."""

from dataclasses import replace

import pandas as pd

from hifisyn.dataset import Case, Dataset
from hifisyn.directions import Direction
from hifisyn.evaluation.measures import MEASURES
from hifisyn.inference.models import Model
from hifisyn.paths import Roots
from hifisyn.planning.splits import Fold, Splits
from hifisyn.preprocessing.steps import Stage, Status, Step, Tool
from hifisyn.report.collect import Facts, TrainedFold
from hifisyn.report.collect_data import Data
from hifisyn.report.collect_tasks import Downstream
from tests.support.training_toys import LABELS, toy_plans

CASES = tuple(f"c{i}" for i in range(8))


def training(tmp_path, label, method="HiFiSyn", **config):
    """A training of two epochs."""
    model = Model(tmp_path / label, method, "IXI", ("T1", "T2"), ("T1", "T2"), "T1", ())
    rows = pd.DataFrame({"epoch": [1, 2], "seconds": [2.0, 3.0], "T1_to_T2/psnr_brain": [10.0, 12.0]})
    return TrainedFold(label, model, 0, {"seed": 0, "device": "cpu"} | config, toy_plans(), rows, {"settings": {}})


def evaluated(labels, cases=CASES):
    """Numbers of every model: case number plus place of the model, in both directions."""
    rows = [
        {
            "model": label,
            "domains": "T1_T2",
            "fold": 0,
            "split": "test",
            "folder": "",
            "direction": direction,
            "method": "HiFiSyn",
        }
        | {"case": case, "subject": case, "slices": 3}
        | dict.fromkeys(MEASURES, 10.0 + number + 0.1 * place)
        for place, label in enumerate(labels)
        for direction in ("T1 to T2", "T2 to T1")
        for number, case in enumerate(cases)
    ]
    return pd.DataFrame(rows)


def facts(tmp_path, labels=("HiFiSyn",), cases=CASES, **changes):
    """The facts of a data set whose models were all evaluated on its test cases."""
    people = {case: Case(case, case, {}) for case in cases}
    data = Data(
        Dataset("IXI", ("T1", "T2"), LABELS, {}, people),
        Splits(tuple(cases), (Fold(("a", "b"), ("c",)),)),
        steps={
            Stage.SKULL_STRIP: [(Step(Status.RAN, Tool.HD_BET, "1.1"), 8)],
            Stage.REGISTRATION: [(Step(Status.SKIPPED, detail="one contrast"), 8)],
        },
    )
    whole = Facts(
        name="IXI",
        split="test",
        data=data,
        trainings=tuple(training(tmp_path, label) for label in labels),
        tables={"subjects": evaluated(labels, cases)} if labels else {},
        downstream=(),
        ablations=(),
        reference=labels[0] if labels else None,
        roots=Roots(tmp_path, tmp_path, tmp_path),
    )
    return replace(whole, **changes)


def task(kind, tmp_path, rows=None, **settings):
    """What a downstream task of the first model left."""
    if rows is None:
        rows = pd.DataFrame({"comparison": "synthetic vs real", "case": ["c0"], "subject": ["c0"], "dice_GM": [0.9]})
    return Downstream("HiFiSyn", kind, Direction("T2", "T1"), "test", tmp_path, {"settings": settings}, rows, ())
