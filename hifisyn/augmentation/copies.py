"""Which images a labelled case gives: itself, and a copy for each contrast that is synthesised."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

MARK = "__synthetic_"


@dataclass(frozen=True)
class Copy:
    """One image of the set, with the label map of its case.

    Attributes:
        case: name of the case.
        subject: the person.
        generated: the channels that are synthetic, in channel order; empty for the real scans.
    """

    case: str
    subject: str
    generated: tuple[str, ...] = ()

    @property
    def synthetic(self) -> bool:
        """Whether any channel is."""
        return bool(self.generated)

    @property
    def name(self) -> str:
        """In the set: that of the case, which says what is synthetic.

        >>> Copy("P01", "P01").name, Copy("P01", "P01", ("T2",)).name
        ('P01', 'P01__synthetic_T2')
        """
        return self.case + (MARK + "_".join(self.generated) if self.generated else "")


def copies_of(
    case: str,
    subject: str,
    channels: Sequence[str],
    targets: Sequence[str],
    real: Collection[str],
    predicted: Collection[str],
) -> list[Copy]:
    """Return the images of a case: real where it has all channels, and a copy for each target that was predicted.

    A copy has its target synthetic, and beside it what the case lacks; all else is real.

    Args:
        case: its name.
        subject: the person.
        channels: contrasts, in order.
        targets: contrasts to synthesise, of the channels.
        real: contrasts that the case has.
        predicted: targets that a model made of the case.

    >>> [copy.name for copy in copies_of("a", "a", ["T1", "T2"], ["T2"], {"T1", "T2"}, {"T2"})]
    ['a', 'a__synthetic_T2']
    >>> [copy.name for copy in copies_of("b", "b", ["T1", "T2"], ["T1", "T2"], {"T1"}, {"T1", "T2"})]
    ['b__synthetic_T1_T2', 'b__synthetic_T2']
    """
    lacking = {channel for channel in channels if channel not in real}
    wanted = [lacking | {target} for target in targets]
    sets = [tuple(channel for channel in channels if channel in generated) for generated in wanted]
    made = [Copy(case, subject, each) for each in dict.fromkeys(sets) if set(each) <= set(predicted)]
    return made if lacking else [Copy(case, subject), *made]
