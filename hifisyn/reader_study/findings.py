"""What the readings show: mean ranks, tests over cases, agreement between and within readers."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from hifisyn.columns import CASE, DIRECTION, MODEL, SLICE, SUBJECT
from hifisyn.reader_study.questions import QUESTIONS
from hifisyn.statistics.agreement import kendall_w, rank_correlation, same_order
from hifisyn.statistics.bootstrap import interval
from hifisyn.statistics.friedman import Friedman, friedman
from hifisyn.statistics.paired import against_reference


@dataclass(frozen=True)
class Findings:
    """The results of a study.

    Attributes:
        means: `question, model, mean_rank, low, high, tested_rank, cases, readers`; the interval is the 95 % bootstrap
            interval over cases, `tested_rank` the mean rank of the case averages that the test compares.
        by_reader: `question, reader, model, mean_rank`.
        tests: question to the test over cases.
        posthoc: `question, a, b, p`.
        concordance: `question, kendall_w, least, most, trials, readers`: W of a trial, its mean and range over trials.
        pairs: `question, reader, other, correlation, trials`.
        repeats: `question, reader, correlation, same_order, trials`.
        readers: how many read.
        cases: how many were read.
    """

    means: pd.DataFrame
    by_reader: pd.DataFrame
    tests: Mapping[str, Friedman]
    posthoc: pd.DataFrame
    concordance: pd.DataFrame
    pairs: pd.DataFrame
    repeats: pd.DataFrame
    readers: int
    cases: int


def derive_findings(ranks: pd.DataFrame) -> Findings:
    """Derive the results from the ranks of all readers.

    A reader's ranks of a case are averaged over its slices and directions, then over readers; the tests take one value
    a case and model, since readers of one case are not independent. Repeats count for agreement alone.

    Args:
        ranks: see `hifisyn.reader_study.answers.Readings`.
    """
    first = ranks[~ranks["repeats"]]
    questions = [question.key for question in QUESTIONS if (first["question"] == question.key).any()]
    by_case = {key: case_averages(first[first["question"] == key]) for key in questions}
    tests = {key: friedman(values, higher_is_better=False) for key, values in by_case.items()}
    by_reader = first.groupby(["question", "reader", MODEL], sort=False)["rank"].mean()
    means = pd.concat([_means(key, by_case[key], tests[key], first) for key in questions], ignore_index=True)
    trials = {key: trial_ranks(first[first["question"] == key]) for key in questions}
    repeats = pd.DataFrame([row for key in questions for row in _repeats(ranks[ranks["question"] == key])])
    return Findings(
        means=means,
        by_reader=by_reader.rename("mean_rank").reset_index(),
        tests=tests,
        posthoc=pd.concat([_posthoc(key, by_case[key], tests[key]) for key in questions], ignore_index=True),
        concordance=pd.DataFrame([_concordance(key, trials[key]) for key in questions]),
        pairs=pd.DataFrame([row for key in questions for row in _pairs(key, trials[key])]),
        repeats=repeats,
        readers=first["reader"].nunique(),
        cases=first[CASE].nunique(),
    )


def case_averages(ranks: pd.DataFrame) -> pd.DataFrame:
    """Return cases x models: ranks of one question averaged over slices and directions, then over readers."""
    of_reader = ranks.groupby([CASE, MODEL, "reader"], sort=True)["rank"].mean()
    return of_reader.groupby([CASE, MODEL], sort=True).mean().unstack(MODEL)


def trial_ranks(ranks: pd.DataFrame) -> dict[str, dict[str, np.ndarray]]:
    """Return trial to (reader to ranks (n,) of its images, in the order of their places)."""
    by_trial: dict[str, dict[str, np.ndarray]] = {}
    for (trial, reader), rows in ranks.groupby(["trial", "reader"], sort=False):
        by_trial.setdefault(str(trial), {})[str(reader)] = rows.sort_values("place")["rank"].to_numpy()
    return by_trial


def _means(question: str, by_case: pd.DataFrame, test: Friedman, first: pd.DataFrame) -> pd.DataFrame:
    readers = first.loc[first["question"] == question, "reader"].nunique()
    bounds = [interval(by_case[model]) for model in by_case]
    return pd.DataFrame(
        {
            "question": question,
            MODEL: by_case.columns,
            "mean_rank": by_case.mean().to_numpy(),
            "low": [low for low, _ in bounds],
            "high": [high for _, high in bounds],
            "tested_rank": test.mean_ranks.reindex(by_case.columns).to_numpy(),
            "cases": len(by_case),
            "readers": readers,
        }
    )


def _posthoc(question: str, by_case: pd.DataFrame, test: Friedman) -> pd.DataFrame:
    """Return p of each pair of models: Nemenyi's, or Wilcoxon's where there are only two models."""
    pairs = test.posthoc
    if test.k == 2:
        a, b = by_case.columns
        pairs = pd.DataFrame({"a": [a], "b": [b], "p": against_reference(by_case, b, unit=SUBJECT)["p"]})
    return pairs.assign(question=question)[["question", "a", "b", "p"]]


def _concordance(question: str, trials: Mapping[str, Mapping[str, np.ndarray]]) -> dict[str, object]:
    """Return Kendall's W of the trials that at least two readers ranked."""
    shared = [np.stack(list(of.values())) for of in trials.values() if len(of) > 1]
    values = np.array([kendall_w(rankings) for rankings in shared])
    values = values[np.isfinite(values)]
    least, mean, most = (values.min(), values.mean(), values.max()) if len(values) else (np.nan,) * 3
    readers = len({reader for of in trials.values() for reader in of})
    return {
        "question": question, "kendall_w": mean, "least": least, "most": most, "trials": len(values), "readers": readers
    }  # fmt: skip


def _pairs(question: str, trials: Mapping[str, Mapping[str, np.ndarray]]) -> list[dict[str, object]]:
    readers = sorted({reader for of in trials.values() for reader in of})
    rows = []
    for reader, other in combinations(readers, 2):
        both = [(of[reader], of[other]) for of in trials.values() if reader in of and other in of]
        rho = rank_correlation([a for a, _ in both], [b for _, b in both])
        rows.append({"question": question, "reader": reader, "other": other, "correlation": rho, "trials": len(both)})
    return rows


def _repeats(ranks: pd.DataFrame) -> list[dict[str, object]]:
    """Return how well each reader agreed with themselves, over the views that they ranked twice; by model."""
    rows = []
    for reader, own in ranks.groupby("reader", sort=True):
        first, again = (_by_view(own[own["repeats"] == shown]) for shown in (False, True))
        both = [(first[view], again[view]) for view in again if view in first]
        a, b = [one for one, _ in both], [other for _, other in both]
        rows.append(
            {
                "question": own["question"].iloc[0],
                "reader": reader,
                "correlation": rank_correlation(a, b),
                "same_order": same_order(a, b),
                "trials": len(both),
            }
        )
    return rows


def _by_view(ranks: pd.DataFrame) -> dict[object, np.ndarray]:
    """Return view to the ranks of its models, in the order of the models' names."""
    views = ranks.groupby([CASE, SLICE, DIRECTION], sort=False)
    return {view: rows.sort_values(MODEL)["rank"].to_numpy() for view, rows in views}
