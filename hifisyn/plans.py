"""The plan of a training, typed: plans.json, which a user may edit and which refuses what cannot work.

What all methods share stands in `Plans`; what one method alone has, in its `settings`, typed by the method.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from hifisyn.errors import UserError
from hifisyn.files import write_json
from hifisyn.json_files import read_object
from hifisyn.names import name_problem, shown
from hifisyn.settings import FREE, Settings, checked, override

FORMAT = 2
Preset = Literal["recommended", "paper", "literal"]
Way = Literal["base", "base first", "train"]
BatchKind = Literal["unpaired", "paired", "simulated"]
MOST_AVERAGED = 0.999


class SlicePlan(Settings):
    """Which slices are extracted from a volume, and how; the same for all methods."""

    size: int = Field(256, ge=16, le=4096, description="pixels along each side of a stored slice")
    crop: int = Field(216, ge=16, le=4096, description="pixels along each side of what the networks see")
    pixel_mm: float = Field(1.0, gt=0, description="side of a pixel; so large that every brain fits into the crop")
    per_case: int = Field(100, ge=1, le=10_000, description="axial slices a case to train on, spread over the brain")
    min_brain: float = Field(
        0.02, ge=0, lt=1, description="share of the crop that brain must cover for a slice to count"
    )

    @model_validator(mode="after")
    def _crop_fits(self) -> "SlicePlan":
        if self.crop > self.size:
            raise ValueError(f"crop {self.crop} must not be larger than the slice, {self.size}")
        return self


class PreprocessingPlan(Settings):
    """How a raw scan becomes slices."""

    reference: str = Field("T1", description="contrast to whose grid the others are registered")
    skull_strip: Literal["auto", "hd-bet", "deepbet", "base", "mask", "bet", "synthstrip", "command", "none"] = Field(
        "auto", description="tool; mask: the user's own; command: strip_command; none: already stripped"
    )
    strip_command: str = Field("", description="program for skull_strip command, with {input} and {mask} for its files")
    bias: Literal["auto", "always", "never"] = Field("auto", description="N4; auto: where the measured field is strong")
    registration: Literal["rigid", "none"] = "rigid"
    tissue: Literal["auto", "fast", "atropos"] = Field("auto", description="used where no tissue labels are given")
    upper_percentile: float = Field(99.5, gt=50, le=100, description="brain intensity that becomes +1; 0 becomes -1")

    @model_validator(mode="after")
    def _command_fits(self) -> "PreprocessingPlan":
        if self.skull_strip == "command":
            lacking = [holder for holder in ("{input}", "{mask}") if holder not in self.strip_command]
            if lacking:
                raise ValueError(f"strip_command must hold {' and '.join(lacking)} where skull_strip is command")
        elif self.strip_command:
            raise ValueError(f"strip_command must be empty where skull_strip is {self.skull_strip}, not command")
        return self


class OptimisationPlan(Settings):
    """How weights move."""

    batch_size: int = Field(2, ge=1, le=4096, description="images of each contrast in a step")
    lr: float = Field(1e-4, gt=0, description="initial rate of all that synthesises images or content")
    lr_discriminator: float = Field(1e-4, gt=0, description="initial rate of discriminators")
    betas: tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]] = (0.5, 0.999)
    weight_decay: float = Field(1e-4, ge=0)
    decay_from: float = Field(0.5, ge=0, le=1, description="share of the run after which the rate falls linearly to 0")
    average: float = Field(
        0.0, ge=0, le=1, description="share of the run that the averaged weights look back on; 0: no average"
    )


class BatchPlan(Settings):
    """What a step sees."""

    flip: bool = Field(True, description="mirror left and right at random")
    pairing: Literal["random", "position"] = Field(
        "random", description="slices that meet in a step: any, or of like height; never of one subject"
    )
    position_slack: int = Field(2, ge=0, description="slices that heights may differ by with pairing position")
    shares: dict[BatchKind, Annotated[float, Field(ge=0)]] = Field(
        {"unpaired": 1.0}, description="share of the steps that see batches of each kind"
    )

    @model_validator(mode="after")
    def _something_is_drawn(self) -> "BatchPlan":
        if not sum(self.shares.values()):
            raise ValueError("shares must add up to more than 0")
        return self


class LengthPlan(Settings):
    """How long a training is."""

    epochs: int = Field(200, ge=1, description="rounds, each with a validation")
    iterations: int = Field(250, ge=1, description="steps an epoch")

    @property
    def total(self) -> int:
        """Steps of the whole run."""
        return self.epochs * self.iterations


class Plans(Settings):
    """All that a training needs to know about a data set and the device, and why.

    >>> plans = Plans.load("hifisyn_preprocessed/IXI/plans.json")
    >>> plans.override(["lr=1e-3", "crop=16"]).optimisation.lr
    0.001
    """

    format: Literal[2] = 2
    name: str = "plans"
    dataset: str
    fingerprint: str = Field("", description="digest of the data that the rules looked at")
    preset: Preset = "recommended"
    way: Way = Field("train", description="recommended for a cohort of this size: the base model, both, or a training")
    inherits_from: str | None = Field(None, description="plans file beside this one whose values fill the gaps")
    modalities: tuple[str, ...] = Field(min_length=1)
    labels: dict[str, Annotated[int, Field(ge=0, le=255)]]
    intensity_scale: dict[str, Annotated[float, Field(gt=0)]] = Field(
        default_factory=dict, description="scanner units from -1 to +1 by modality: median over training cases"
    )
    slices: SlicePlan = SlicePlan()
    preprocessing: PreprocessingPlan = PreprocessingPlan()
    method: str = Field("HiFiSyn", description="whose optimisation, batches, length and settings follow")
    optimisation: OptimisationPlan = OptimisationPlan()
    batches: BatchPlan = BatchPlan()
    length: LengthPlan = LengthPlan()
    settings: dict[str, Any] = Field(default_factory=dict, description="what the method alone has, typed by it")
    device: dict[str, Any] = Field(default_factory=dict, description="what the sizes were chosen for")
    reasons: dict[str, str] = Field(default_factory=dict, description="why each rule chose as it did")

    @model_validator(mode="after")
    def _reference_is_there(self) -> "Plans":
        if self.preprocessing.reference not in self.modalities:
            known = ", ".join(self.modalities)
            raise ValueError(f"preprocessing.reference {self.preprocessing.reference} must be one of {known}")
        return self

    @model_validator(mode="after")
    def _names_are_safe(self) -> "Plans":
        for name, what in (
            (self.dataset, "dataset"),
            (self.name, "name"),
            *((m, "modalities") for m in self.modalities),
        ):
            if problem := name_problem(name):
                raise ValueError(f"{what} must be usable as a file name, not {shown(name)}, {problem}")
        return self

    @model_validator(mode="after")
    def _labels_differ(self) -> "Plans":
        names: dict[int, list[str]] = {}
        for name, value in self.labels.items():
            names.setdefault(value, []).append(name)
        for value, same in names.items():
            if len(same) > 1:
                raise ValueError(f"labels must have different values; {' and '.join(same)} have {value}")
        return self

    @property
    def average_decay(self) -> float:
        """Share of the averaged weights that a step keeps, from the length of the run; 0: there is no average."""
        steps = self.optimisation.average * self.length.total
        return min(MOST_AVERAGED, max(0.0, 1 - 1 / steps)) if steps else 0.0

    @property
    def width(self) -> int | None:
        """Channels of the first convolution, 64 as most methods publish; none where the method has no such width."""
        width: int | None = self.settings.get("networks", {}).get("width")
        return width

    def save(self, path: Path) -> None:
        """Write plans.json atomically."""
        write_json(path, self.model_dump(mode="json"))

    @classmethod
    def load(cls, path: Path | str) -> "Plans":
        """Read and check a plans file; `inherits_from` names a plans file beside it whose values fill the gaps.

        What is returned is whole and inherits from nothing, so that it can be saved elsewhere.

        Raises:
            UserError: the file is missing, no JSON, of another format, or holds a value that cannot work.
        """
        path = Path(path)
        content = {key: value for key, value in _with_parent(path, seen=()).items() if key != "inherits_from"}
        return cls.checked(content, origin=str(path))

    @classmethod
    def checked(cls, content: dict[str, Any], origin: str) -> "Plans":
        """Build plans from plain data, or say in one line what is wrong with them.

        Raises:
            UserError: the format is another one, or a value is unknown, of the wrong type or cannot work.
        """
        _refuse_other_format(content, origin)
        return checked(cls, content, origin)

    def override(self, assignments: Sequence[str]) -> "Plans":
        """Return plans with values replaced by `key=value` texts, see `hifisyn.settings.override`.

        Raises:
            UserError: no such key, several such keys, or a value that cannot work.
        """
        return Plans.checked(override(self.model_dump(mode="json"), assignments), origin="--set")


def _refuse_other_format(content: Mapping[str, Any], origin: str) -> None:
    number = content.get("format", FORMAT)
    if number != FORMAT:
        raise UserError(
            f"{origin}: format must be {FORMAT}",
            got=number,
            hint=f"plan again with hifisyn_plan_and_preprocess -d {content.get('dataset', 'NAME')} --overwrite, "
            "and train again",
        )


def _with_parent(path: Path, seen: tuple[Path, ...]) -> dict[str, Any]:
    content = read_object(path)
    _refuse_other_format(content, str(path))
    parent = content.get("inherits_from")
    if not parent:
        return content
    if path in seen:
        raise UserError(f"{path}: inherits_from must not lead back to itself", hint="remove it")
    return _merge(_with_parent(path.parent / f"{parent}.json", (*seen, path)), content)


def _merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        nested = isinstance(value, dict) and isinstance(merged.get(key), dict) and key not in FREE
        merged[key] = _merge(merged[key], value) if nested else value
    return merged
