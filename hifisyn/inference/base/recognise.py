"""Which contrast each scan of a case is by its looks: one without a name gets one, and a wrong name is told."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from hifisyn.base.contrasts import UNNAMED
from hifisyn.base.naming import NAME_OF, likeliest
from hifisyn.base.translate import BaseModel
from hifisyn.inference.base.prediction import near, scans_as_given
from hifisyn.preprocessing.brain_pose import Pose, find_pose
from hifisyn.preprocessing.prepare_case import PreparedCase

DOUBTFUL = 0.05
ADULT_ML = (800.0, 2800.0)  # wide: real scans whose slice distance was only guessed have up to 2,670


@dataclass(frozen=True)
class Recognised:
    """What the scans of a case look like.

    Attributes:
        slots: slot of the model to contrast.
        likely: likelihoods of each contrast's names; none of what is never named.
        pose: how the head lies.
        brain_ml: volume of the brain mask; none: not measured.
    """

    slots: Mapping[str, str]
    likely: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    pose: Pose = Pose.UPRIGHT
    brain_ml: float | None = None

    @property
    def unnamed(self) -> str | None:
        """The contrast that goes in without a name, or none."""
        return self.slots.get(UNNAMED)

    def remarks(self) -> tuple[str, ...]:
        """Return what a user should know."""
        turned = () if self.pose is Pose.UPRIGHT else (f"the head seems to lie {self.pose}: is its affine right?",)
        named = (line for slot, contrast in self.slots.items() if (line := self._remark(slot, contrast)))
        return (*turned, *self._size(), *named)

    def _size(self) -> tuple[str, ...]:
        if self.brain_ml is None or ADULT_ML[0] <= self.brain_ml <= ADULT_ML[1]:
            return ()
        usual = f"{ADULT_ML[0]:.0f} to {ADULT_ML[1]:.0f}"
        return (
            f"the brain has {self.brain_ml:.0f} ml, an adult's {usual}: is its voxel size right, or a part cut off?",
        )

    def _remark(self, slot: str, contrast: str) -> str:
        likely = self.likely.get(contrast)
        if slot == UNNAMED:
            return f"{contrast} given without its name" if contrast != UNNAMED else "given without a name"
        if likely is None:
            return ""
        name = max(likely, key=lambda one: likely[one])
        if slot != contrast:
            what = contrast if contrast != UNNAMED else "it"
            return f"{what} looks like a {name} ({likely[name]:.0%}) and is taken as one"
        doubtful = likely[NAME_OF[contrast]] < DOUBTFUL
        return f"{contrast} looks like a {name} ({likely[name]:.0%}): is it named rightly?" if doubtful else ""


def recognise(model: BaseModel, case: PreparedCase, slots: Mapping[str, str]) -> Recognised:
    """Look at the scans of a case and how the head lies, and name the one without a name where it is clear.

    Args:
        model: that names contrasts.
        case: the scans as slices.
        slots: slot to contrast, see `inputs.slots_of`.
    """
    images = scans_as_given(case)
    seen = [c for slot, c in slots.items() if c in images and (slot == UNNAMED or c in NAME_OF)]
    likely = {c: model.name(images[c], case.pixel_mm, neighbours=near(case)) for c in seen}
    named = {contrast: likeliest(values) for contrast, values in likely.items() if values}
    found = {(named.get(c) or slot) if slot == UNNAMED else slot: c for slot, c in slots.items()}
    told = {contrast: values for contrast, values in likely.items() if values}
    return Recognised(found, told, find_pose(case.reference.mask), case.reference.record.brain_ml)
