"""Image quality by site: a table a direction, and a test of whether subjects of the sites score differently.

Shown where at least two sites have at least two compared subjects each. On validation cases the folds stand together:
each subject was translated by the fold that was not trained on it and, of folds that leave a site out, on its site.
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from hifisyn.columns import DIRECTION, MODEL, SITE, SUBJECT
from hifisyn.evaluation.measures import TITLES
from hifisyn.evaluation.model_list import Evaluated
from hifisyn.evaluation.model_tables import FOLD, SPLIT, tables
from hifisyn.evaluation.model_task import TEST
from hifisyn.evaluation.untrained import is_untrained, models_last
from hifisyn.participants import read_sites
from hifisyn.paths import SPLITS_JSON
from hifisyn.planning.splits import Splits
from hifisyn.statistics.kruskal_wallis import FEW_SUBJECTS, KruskalWallis, kruskal_wallis, verdicts
from hifisyn.statistics.units import by_subject
from hifisyn.statistics.verdict import GroupsVerdict, p_text
from hifisyn.tables.cell import Cell
from hifisyn.tables.comparison import compare_methods
from hifisyn.tables.heads import heads
from hifisyn.tables.table import Table

SHOWN, TESTED = ("psnr_brain", "ssim_brain"), "ssim_brain"
FEWEST_SITES, FEWEST_SUBJECTS = 2, 2
HEAD = heads("direction, model", "n by site", "lowest mean", "highest mean", "H", "p", "after Holm", "verdict")
TEST_NOTE = (
    f"Kruskal-Wallis test over sites of {TITLES[TESTED]}, one value a subject; p by permutations where a site has "
    f"fewer than {FEW_SUBJECTS} subjects, else by chi-square; Holm's correction over the directions of a row. A small "
    "p says that subjects of the sites score differently, not why: sites differ in their subjects, scanners and "
    "protocols, and in how well scans fit each other. A large p does not say that sites are alike."
)


@dataclass(frozen=True)
class Sites:
    """Who was scanned where.

    Attributes:
        of: subject to site, of those whose site is known.
        left_out: number of a fold to the site that it was trained without.
    """

    of: Mapping[str, str] = field(default_factory=dict)
    left_out: Mapping[int, str] = field(default_factory=dict)

    @classmethod
    def read(cls, preprocessed: Path) -> "Sites":
        """Read the sites of a preprocessed data set; none where it does not know them."""
        splits = preprocessed / SPLITS_JSON
        left_out = Splits.of_dataset(splits.parent).sites_left_out if splits.is_file() else {}
        return cls(read_sites(preprocessed), left_out)


def of_evaluations(evaluated: Sequence[Evaluated], preprocessed: Mapping[str, Path]) -> Iterator[Table]:
    """Yield a table for each data set, split and direction, and one of tests; none where sites are unknown.

    Args:
        evaluated: the evaluations.
        preprocessed: data set to its folder.
    """
    for dataset in dict.fromkeys(one.model.dataset for one in evaluated):
        sites = Sites.read(preprocessed[dataset])
        joined = tables([one for one in evaluated if one.model.dataset == dataset])["subjects"]
        for split, rows in models_last(joined, MODEL).groupby(SPLIT, sort=False):
            groups = dict(by_site(rows, sites))
            for direction, own in groups.items():
                yield site_table(own, sites, f"{dataset}, {direction}, {split}, by site")
            if groups:
                yield site_tests(groups, f"{dataset}, {split}, differences between sites")


def by_site(subjects: pd.DataFrame, sites: Sites) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield each direction and its rows, with a column `site`, of the sites that have enough subjects.

    Args:
        subjects: one row a case and model, of one data set and split.
        sites: of the data set.
    """
    if subjects.empty or not sites.of:
        return
    known = subjects.assign(**{SITE: subjects[SUBJECT].map(sites.of)}).dropna(subset=SITE)
    for direction, rows in _pooled(known).groupby(DIRECTION, sort=False):
        counts = rows.groupby(SITE)[SUBJECT].nunique()
        enough = counts.index[counts >= FEWEST_SUBJECTS]
        if len(enough) >= FEWEST_SITES:
            yield str(direction), rows[rows[SITE].isin(enough)]


def site_table(rows: pd.DataFrame, sites: Sites, title: str) -> Table:
    """Return one row a model and a group of columns a site: means and standard deviations over subjects.

    Args:
        rows: of one direction, see `by_site`, in the order in which the models are to stand.
        sites: of the data set.
        title: of the table.
    """
    counts = rows.groupby(SITE)[SUBJECT].nunique()
    ordered = rows.sort_values(SITE, kind="stable")
    named = ordered.assign(**{SITE: [f"{site} (n {counts[site]})" for site in ordered[SITE]]})
    table = compare_methods(named, measures=SHOWN, by=SITE, row=MODEL, titles=TITLES, title=title)
    return replace(table, note=" ".join([table.note, *_remarks(rows, sites)]))


def site_tests(groups: Mapping[str, pd.DataFrame], title: str) -> Table:
    """Return one row a direction and model: does brain SSIM differ between sites.

    Args:
        groups: direction to its rows, see `by_site`, in the order in which the models are to stand.
        title: of the table.
    """
    found = [
        (direction, model, values, kruskal_wallis(values))
        for direction, rows in groups.items()
        for model, values in _values(rows)
    ]
    judged: dict[int, GroupsVerdict] = {}
    for name in dict.fromkeys(model for _, model, _, _ in found):
        places = [place for place, (_, model, _, _) in enumerate(found) if model == name]
        judged |= dict(zip(places, verdicts([found[place][3] for place in places]), strict=True))
    numbers = pd.DataFrame([_numbers(*entry, judged[place]) for place, entry in enumerate(found)])
    rows = tuple(_cells(record) for record in numbers.to_dict("records"))
    return Table(title, TEST_NOTE, HEAD, rows, numbers)


def _pooled(rows: pd.DataFrame) -> pd.DataFrame:
    """Return validation rows with the folds of a model under one name, test rows as they are."""
    several = (rows[SPLIT] != TEST) & ~is_untrained(rows[MODEL])
    folds = rows[MODEL].str.replace(r" fold \d+", "", regex=True)
    return rows.assign(**{MODEL: folds.where(several, rows[MODEL])})


def _values(rows: pd.DataFrame) -> Iterator[tuple[str, dict[str, pd.Series]]]:
    """Yield each model and, by site, one number a subject."""
    for model, own in rows.groupby(MODEL, sort=False):
        sites = own.sort_values(SITE, kind="stable").groupby(SITE, sort=False)
        yield str(model), {str(site): by_subject(part, TESTED, method=MODEL)[model].dropna() for site, part in sites}


def _numbers(
    direction: str, model: str, values: Mapping[str, pd.Series], test: KruskalWallis, verdict: GroupsVerdict
) -> dict[str, Any]:
    means = {site: float(own.mean()) for site, own in values.items() if len(own)}
    low, high = min(means, key=means.__getitem__, default=""), max(means, key=means.__getitem__, default="")
    return {
        DIRECTION: direction,
        MODEL: model,
        "n": ", ".join(f"{site} {size}" for site, size in test.sizes.items()),
        "lowest": low,
        "lowest_mean": means.get(low),
        "highest": high,
        "highest_mean": means.get(high),
        "statistic": test.statistic,
        "p": test.p,
        "p_holm": verdict.p_holm,
        "verdict": verdict,
    }


def _cells(record: Mapping[Hashable, Any]) -> tuple[Cell, ...]:
    ends = [f"{record[end]} {record[f'{end}_mean']:.3f}" for end in ("lowest", "highest")]
    texts = [record["n"], *ends, f"{record['statistic']:.2f}", _p(record["p"]), _p(record["p_holm"])]
    return (Cell(f"{record[DIRECTION]}, {record[MODEL]}"), *map(Cell, texts), Cell(str(record["verdict"]), words=True))


def _p(value: float) -> str:
    return p_text(value).removeprefix("p ")


def _remarks(rows: pd.DataFrame, sites: Sites) -> Iterator[str]:
    """Say which sites are not shown, and what folds that leave a site out have not seen."""
    if missing := sorted(set(sites.of.values()) - set(rows[SITE])):
        yield f"Not shown, since fewer than {FEWEST_SUBJECTS} subjects were compared: {', '.join(missing)}."
    if not sites.left_out:
        return
    if (rows[SPLIT] != TEST).all():
        yield "Each fold was trained without the site that it is validated on."
        return
    folds = sorted({fold for fold in sites.left_out if str(fold) in set(rows[FOLD].astype(str))})
    if folds:
        yield f"Trained without a site: {', '.join(f'fold {fold} without {sites.left_out[fold]}' for fold in folds)}."
