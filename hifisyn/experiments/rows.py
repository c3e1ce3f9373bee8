"""The rows of the paper's ablations as data: what each leaves out, by which changes of the plans.

Table 5 takes parts of HiFi-Syn away, Table 6 gives the label map to other methods. The tick marks of Table 5's fifth
row, "two losses", are not legible in the copy at hand, so both candidates are here. Differs from the paper: the row
"bank only" is ours; it shows what the bank is worth without a loss on structure. So is the set "losses": SGD and GGD
each alone, and PGD left out. With Table 5 it has each loss alone and each left out. The set "additions" is ours too:
the whole of HiFi-Syn with one thing that the paper has not, or without D^c.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from hifisyn.errors import UserError
from hifisyn.methods.granularity import PixelGranularitySettings
from hifisyn.methods.hifisyn.settings import HiFiSynSettings
from hifisyn.plans import Plans
from hifisyn.settings import Settings, checked
from hifisyn.training.registry import names, trainer_class

GLOBAL, STRUCTURAL, PGD, LABELS, SGD, GGD = "global slots", "structural slots", "PGD", "labels in PGD", "SGD", "GGD"
PARTS = (GLOBAL, STRUCTURAL, PGD, LABELS, SGD, GGD)
LOSSES = {PGD: "pgd", SGD: "sgd", GGD: "ggd"}

LABEL_MAP = "label_map"  # the setting by which other methods take HiFi-Syn's PGD and the label map
# All that a row may change; whatever else differs between two rows is no ablation.
KEYS = (
    "settings.memory.slots",
    "settings.memory.global_slots",
    "settings.losses.pgd",
    "settings.losses.sgd",
    "settings.losses.ggd",
    "settings.losses.use_labels",
    f"settings.{LABEL_MAP}",
    "settings.losses.content",
    "settings.networks.upsampling",
    "settings.networks.spectral_norm",
    "settings.additions.tissue",
    "settings.additions.teacher",
    "settings.additions.adversarial",
    "settings.additions.r1",
    "batches.pairing",
    "batches.shares",
)

_NO_BANK = ("memory.slots={}", "memory.global_slots=0")
_PGD_ALONE = ("losses.sgd=0", "losses.ggd=0")
_NO_LOSS = ("losses.pgd=0", *_PGD_ALONE)


@dataclass(frozen=True)
class Row:
    """One row of a table: a training that differs from the others in the named parts alone.

    Attributes:
        key: how users type it.
        name: how tables print it.
        summary: what it is, in a clause.
        parts: of `PARTS`, what the training has; none: the method as it is, whatever it has.
        assignments: key=value texts that take the other parts away, given plans that have all parts.
        method: name in the registry.
        share: how many trainings divide its budget.
    """

    key: str
    name: str
    summary: str
    parts: frozenset[str] | None
    assignments: tuple[str, ...] = ()
    method: str = "HiFiSyn"
    share: int = 1

    @property
    def losses(self) -> frozenset[str]:
        """The granularity losses that must be in its log, by their names there."""
        return frozenset(name for part, name in LOSSES.items() if part in (self.parts or ()))


def _row(key: str, name: str, summary: str, parts: Iterable[str], *assignments: str, method: str = "HiFiSyn") -> Row:
    return Row(key, name, summary, frozenset(parts), assignments, method)


_BANK = (GLOBAL, STRUCTURAL)
FULL = _row("all", "all three", "HiFi-Syn", PARTS)
TABLE_5 = (
    _row("none", "none", "DRIT's backbone: no bank and none of PGD, SGD, GGD", (), *_NO_BANK, *_NO_LOSS),
    _row("bank", "bank only", "the bank, but none of PGD, SGD, GGD", _BANK, *_NO_LOSS),
    _row(
        "pgd_i",
        "PGD (i)",
        "the bank's global slots alone, no label map anywhere",
        (GLOBAL, PGD),
        "memory.slots={}",
        "losses.use_labels=false",
        *_PGD_ALONE,
    ),
    _row("pgd_ii", "PGD (ii)", "the label map in PGD, but no bank", (PGD, LABELS), *_NO_BANK, *_PGD_ALONE),
    _row("pgd", "PGD", "bank and label map", (*_BANK, PGD, LABELS), *_PGD_ALONE),
    _row("pgd_sgd", "PGD + SGD", "one candidate for two losses", (*_BANK, PGD, LABELS, SGD), "losses.ggd=0"),
    _row("pgd_ggd", "PGD + GGD", "the other candidate for two losses", (*_BANK, PGD, LABELS, GGD), "losses.sgd=0"),
    FULL,
)
LOSSES_ALONE = (
    _row("sgd", "SGD", "the bank and SGD alone", (*_BANK, SGD), "losses.pgd=0", "losses.ggd=0"),
    _row("ggd", "GGD", "the bank and GGD alone", (*_BANK, GGD), "losses.pgd=0", "losses.sgd=0"),
    _row("sgd_ggd", "SGD + GGD", "all but PGD", (*_BANK, SGD, GGD), "losses.pgd=0"),
)

ADDITIONS = tuple(
    _row(key, f"+ {name}", f"all three, and {summary}", PARTS, assignment)
    for key, name, summary, assignment in (
        ("tissue", "tissue statistics", "mean and spread of each tissue held to the cohort's", "additions.tissue=2"),
        ("teacher", "teacher", "the base model's translation as a guide, less and less", "additions.teacher=10"),
        (
            "simulated",
            "simulated pairs",
            "every other batch of simulated heads, whose truth is known",
            "batches.shares={'unpaired': 0.5, 'simulated': 0.5}",
        ),
        ("up_4x4", "4x4 up-sampling", "transposed convolutions without uneven overlap", "networks.upsampling='4x4'"),
        (
            "up_resize",
            "resizing",
            "interpolation and a convolution in their place",
            "networks.upsampling='resize'",
        ),
        ("r1", "R1", "a penalty on D's gradient at real images", "additions.r1=1"),
        ("spectral", "spectral norm", "a spectral norm of 1 in D", "networks.spectral_norm=true"),
        (
            "lsgan",
            "least squares",
            "squares in place of cross entropy",
            "additions.adversarial='least squares'",
        ),
        ("position", "position", "slices of like height in a step", "batches.pairing='position'"),
        ("no_dc", "no D^c", "nothing that discriminates contents", "losses.content=0"),
    )
)


def _with_and_without(method: str) -> tuple[Row, Row]:
    key = method.lower()
    return (
        _row(key, method, f"{method} as published", (), f"settings.{LABEL_MAP}=false", method=method),
        _row(
            f"{key}_labels",
            f"{method} + label map",
            f"{method} with PGD and the label map",
            (PGD, LABELS),
            f"settings.{LABEL_MAP}=true",
            method=method,
        ),
    )


TABLE_6 = (*_with_and_without("MUNIT"), *_with_and_without("MGUIT"))
SETS = {"table5": TABLE_5, "losses": LOSSES_ALONE, "additions": ADDITIONS, "table6": TABLE_6}
ROWS = {row.key: row for rows in SETS.values() for row in rows}


def select_rows(words: Iterable[str] = ()) -> tuple[Row, ...]:
    """Return the rows that are named by key or by the name of a set, in the order of the tables; none: Table 5.

    Raises:
        UserError: there is no such row.
    """
    keys: set[str] = set()
    for word in words or ("table5",):
        if word not in SETS and word not in ROWS:
            raise UserError(f"--rows must be among {', '.join((*SETS, *ROWS))}", got=word)
        keys |= {row.key for row in SETS[word]} if word in SETS else {word}
    return tuple(row for key, row in ROWS.items() if key in keys)


def missing_method(row: Row) -> str:
    """Return the method that a row needs and that is not registered; "" where it is.

    >>> missing_method(FULL)
    ''
    """
    return "" if ":" in row.method or row.method in names() else row.method


def granularity_of(plans: Plans) -> PixelGranularitySettings | None:
    """Return the settings of PGD of the plans' method, which say when its losses begin; none where it has no PGD."""
    settings = _settings(plans)
    own = settings.losses if isinstance(settings, HiFiSynSettings) else getattr(settings, "granularity", None)
    return own if isinstance(own, PixelGranularitySettings) else None


def parts_of(plans: Plans) -> frozenset[str]:
    """Return which of `PARTS` a training by these plans has."""
    settings = _settings(plans)
    if not isinstance(settings, HiFiSynSettings):
        own = granularity_of(plans) if getattr(settings, LABEL_MAP, False) else None
        if own is None or own.pgd == 0:
            return frozenset()
        return frozenset((PGD, LABELS) if own.use_labels else (PGD,))
    bank, losses = settings.memory, settings.losses
    there = {
        GLOBAL: bank.global_slots > 0,
        STRUCTURAL: any(bank.slots.values()),
        PGD: losses.pgd > 0,
        LABELS: losses.pgd > 0 and losses.use_labels,
        SGD: losses.sgd > 0,
        GGD: losses.ggd > 0,
    }
    return frozenset(part for part, is_there in there.items() if is_there)


def check_parts(row: Row, plans: Plans) -> None:
    """Check that plans have the parts of a row, no more and no fewer.

    Raises:
        UserError: they do not, or the run ends before the row's losses begin.
    """
    if row.parts is None:
        return
    found = parts_of(plans)
    if found != row.parts:
        raise UserError(
            f"row {row.name} must have {_listed(row.parts)}",
            got=_listed(found),
            hint="follow plans that have every part, or choose other --rows",
        )
    own, steps = granularity_of(plans), plans.length.total
    if row.losses and own is not None and own.first_step(steps) >= steps:
        key = "losses.ramp_start" if isinstance(_settings(plans), HiFiSynSettings) else "granularity.ramp_start"
        raise UserError(
            f"row {row.name}: its losses must begin within its {steps} steps",
            got=f"{key} {own.ramp_start:g}",
            hint=f"pass --set {key}=0, or train for longer",
        )


def _settings(plans: Plans) -> Settings:
    return checked(trainer_class(plans.method).SETTINGS, plans.settings, within="settings")


def _listed(parts: frozenset[str]) -> str:
    return ", ".join(part for part in PARTS if part in parts) or "no part"
