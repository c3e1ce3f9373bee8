"""How many slots of the Brain Memory Bank each structure gets (HiFi-Syn section 3.2.1)."""

from collections.abc import Mapping
from dataclasses import dataclass

UNIFORM = ("background", "CSF")
TISSUE = ("GM", "WM")
UNIFORM_SLOTS = 2
VARIED_SLOTS = 3
SMALL_ML = 0.5
MOST_STRUCTURAL = 40
UNLABELLED_GLOBAL = 10


@dataclass(frozen=True)
class SlotLayout:
    """The slots of a bank.

    Attributes:
        slots: slots of each structure, by label name.
        global_slots: slots that every pixel may read.
        reason: why, for people.
    """

    slots: dict[str, int]
    global_slots: int
    reason: str

    @property
    def total(self) -> int:
        """T: all slots."""
        return sum(self.slots.values()) + self.global_slots


def layout(labels: Mapping[str, int], volumes: Mapping[str, float] | None = None) -> SlotLayout:
    """Choose the slots for the labels of a data set.

    The paper gives background and CSF 2, GM and WM 3, and as many global slots as structural ones: 20 on IXI.
    For BraTS it prints the total only, 38; 3 for each of the three tumour classes is our split of it.

    Args:
        labels: structure to value in the label maps.
        volumes: median millilitres of each structure among the cases that have it, 0 where none has; none: unknown.

    Returns:
        The layout; labels that no case holds get no slot.

    >>> layout({"background": 0, "CSF": 1, "GM": 2, "WM": 3}).slots
    {'background': 2, 'CSF': 2, 'GM': 3, 'WM': 3}
    """
    if volumes is not None and not any(volumes.values()):
        return SlotLayout({}, UNLABELLED_GLOBAL, f"no label maps: {UNLABELLED_GLOBAL} global slots alone")
    slots: dict[str, int] = {}
    why: list[str] = ["background and CSF 2 slots, GM and WM 3 (paper, section 3.2.1)"]
    for name in labels:
        count, remark = _slots(name, None if volumes is None else volumes.get(name, 0.0))
        if count:
            slots[name] = count
        if remark:
            why.append(remark)
    if sum(slots.values()) > MOST_STRUCTURAL:
        slots = _capped(slots, volumes or {})
        why.append(f"many labels: cut to {sum(slots.values())} structural slots, so that every slot sees pixels")
    total = sum(slots.values())
    why.append(f"as many global slots as structural ones ({total})")
    return SlotLayout(slots, total, "; ".join(why))


def _slots(name: str, volume: float | None) -> tuple[int, str]:
    """Return the slots of one structure and what is worth saying about them."""
    if name in UNIFORM:
        return UNIFORM_SLOTS, ""
    if name in TISSUE:
        return VARIED_SLOTS, ""
    if volume is None or volume >= SMALL_ML:
        return VARIED_SLOTS, f"{name} 3: lesions and unknown structures vary as much as tissue"
    if volume > 0:
        return UNIFORM_SLOTS, f"{name} 2: only {volume:.2g} ml a case, too few pixels for three"
    return 0, f"{name} none: no training case holds it, and a slot never updated would be read as noise"


def _capped(slots: dict[str, int], volumes: Mapping[str, float]) -> dict[str, int]:
    """Lower every structure to 2 slots, then to 1, then drop the smallest, until the cap is met."""
    for most in (2, 1):
        slots = {name: min(count, most) for name, count in slots.items()}
        if sum(slots.values()) <= MOST_STRUCTURAL:
            return slots
    by_size = sorted((n for n in slots if n not in UNIFORM + TISSUE), key=lambda n: volumes.get(n, 0.0))
    excess = sum(slots.values()) - MOST_STRUCTURAL
    return {name: count for name, count in slots.items() if name not in by_size[:excess]}
