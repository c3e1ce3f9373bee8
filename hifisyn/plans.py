"""The plan of a training, typed: plans.json, which a user may edit and which refuses what cannot work."""

import ast
import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from hifisyn.errors import UserError
from hifisyn.files import read_json, write_json

FORMAT = 1


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SlicePlan(_Part):
    """Which slices are cut from a volume, and how."""

    size: int = Field(256, ge=16, description="pixels along each side of a stored slice")
    crop: int = Field(216, ge=16, description="pixels along each side of what the networks see, in training and after")
    pixel_mm: float = Field(1.0, gt=0, description="side of a pixel; so large that every brain fits into the crop")
    per_case: int = Field(100, ge=1, description="axial slices a case, evenly spread over those that hold brain")
    min_brain: float = Field(
        0.02, ge=0, lt=1, description="share of the crop that brain must cover for a slice to count"
    )

    @model_validator(mode="after")
    def _crop_fits(self) -> "SlicePlan":
        if self.crop > self.size:
            raise ValueError(f"crop {self.crop} is larger than the slice ({self.size})")
        return self


class PreprocessingPlan(_Part):
    """How a raw scan becomes slices."""

    reference: str = Field("T1", description="modality to whose grid the others are registered")
    skull_strip: Literal["auto", "hd-bet", "deepbet", "mask", "bet", "synthstrip", "command", "none"] = Field(
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
                raise ValueError(f"skull_strip command wants a strip_command with {' and '.join(lacking)}")
        elif self.strip_command:
            raise ValueError(f"strip_command is for skull_strip command, skull_strip is {self.skull_strip}")
        return self


class MemoryPlan(_Part):
    """The Brain Memory Bank (HiFi-Syn section 3.2.1)."""

    slots: dict[str, Annotated[int, Field(ge=0)]] = Field(
        description="slots of each structure, by label name; empty: no structural slots"
    )
    global_slots: int = Field(ge=0, description="slots that every pixel may read")
    value_width: int = Field(128, ge=1, description="V: entries of a value")
    tau_r: float = Field(
        0.1, gt=0, description="temperature of the read (eq. 1); 1 is the paper's silence taken literally"
    )
    tau_u: float = Field(0.1, gt=0, description="temperature of the update weights (eq. 6)")
    rho: float = Field(0.99, ge=0, le=1, description="share of the old item that an update keeps (eq. 4, 5)")
    warm_up: bool = Field(True, description="rho grows as n/(n+1) at first, n updates of the slot")
    reseed_after: int = Field(
        500, ge=0, description="steps without a pixel after which a slot is seeded anew; 0: never"
    )
    p_unlabelled: float = Field(0.5, ge=0, le=1, description="share of training steps that read as at test time")
    test_read: Literal["all", "global"] = "all"

    @property
    def total(self) -> int:
        """T: structural and global slots together."""
        return sum(self.slots.values()) + self.global_slots


class NetworkPlan(_Part):
    """Sizes of the networks; the published ones are the defaults."""

    width: int = Field(64, ge=2, description="channels of the first convolution; content has width * 2**n_down")
    n_down: int = Field(2, ge=1, le=4, description="stride-2 convolutions of the content encoder")
    content_blocks: int = Field(3, ge=1, description="residual blocks of the content encoder and of the generator")
    attribute_code: int = Field(8, ge=1, description="entries of the global attribute code z^a")
    attribute_encoder: Literal["drit", "mguit"] = "drit"
    discriminator: Literal["single", "multiscale"] = "single"
    content_noise: float = Field(1.0, ge=0, description="std of the noise on content in training")
    init: Literal["normal", "he"] = Field("normal", description="he: for narrow networks, zero bias in E^a and D")


class LossPlan(_Part):
    """Weights and settings of the losses (eq. 7 to 17); a weight of 0 switches a loss off."""

    content: float = Field(1.0, ge=0, description="lambda_1, content adversarial")
    domain: float = Field(1.0, ge=0, description="lambda_2, domain adversarial")
    cycle: float = Field(10.0, ge=0, description="lambda_3, cross-cycle L1")
    reconstruction: float = Field(10.0, ge=0, description="lambda_4, self-reconstruction L1")
    pgd: float = Field(1.0, ge=0, description="lambda_5, pixel granularity discrimination")
    sgd: float = Field(2.0, ge=0, description="lambda_6, structure granularity discrimination")
    ggd: float = Field(1.0, ge=0, description="lambda_7, global granularity discrimination")
    ramp: int = Field(0, ge=0, description="iterations over which PGD, SGD and GGD grow from 0 to their weight")
    ramp_start: int = Field(0, ge=0, description="iteration at which the ramp begins")
    tau_1: float = Field(0.07, gt=0, description="temperature of PGD")
    tau_2: float = Field(0.2, gt=0, description="temperature of SGD")
    tau_3: float = Field(0.1, gt=0, description="temperature of GGD")
    anchors: int = Field(256, ge=1, description="anchor pixels an image in PGD")
    use_labels: bool = Field(True, description="PGD leaves pixels of the anchor's label out of the negatives")
    same_structure: Literal["push", "ignore"] = Field("push", description="same structure of other subjects in SGD")
    background_structure: bool = Field(True, description="background counts as a structure in SGD")
    weight_inside: bool = Field(False, description="rank weight inside the exponent, as eq. 11 is printed")


class TrainingPlan(_Part):
    """Optimisation and its length."""

    epochs: int = Field(200, ge=1)
    iterations: int = Field(250, ge=1, description="steps an epoch")
    batch_size: int = Field(2, ge=1, description="images of each modality in a step")
    lr: float = Field(1e-4, gt=0)
    lr_discriminator: float = Field(1e-4, gt=0)
    lr_content_discriminator: float = Field(4e-5, gt=0)
    betas: tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]] = (0.5, 0.999)
    weight_decay: float = Field(1e-4, ge=0)
    clip_content_discriminator: float = Field(5.0, gt=0)
    content_steps: int = Field(3, ge=1, description="d_iter: of so many steps all but the last move D^c only")
    decay_from: float = Field(0.5, ge=0, le=1, description="share of the run after which the rate falls linearly to 0")
    flip: bool = Field(True, description="mirror left and right at random")
    pairing: Literal["random", "position"] = Field(
        "random", description="slices that meet in a step: any, or of like height; never of one subject"
    )
    position_slack: int = Field(2, ge=0, description="slices that heights may differ by with pairing position")
    attribute_ema: float = Field(0.999, ge=0, lt=1, description="decay of the running mean of z^a that prediction uses")


class Plans(_Part):
    """All that a training needs to know about a data set and the device, and why."""

    format: Literal[1] = 1
    name: str = "plans"
    dataset: str
    fingerprint: str = Field("", description="digest of the data that the rules looked at")
    preset: Literal["recommended", "paper", "paper_literal"] = "recommended"
    inherits_from: str | None = None
    modalities: tuple[str, ...] = Field(min_length=1)
    labels: dict[str, int]
    intensity_scale: dict[str, float] = Field(
        default_factory=dict, description="scanner units at +1 by modality: median over training cases"
    )
    slices: SlicePlan = SlicePlan()
    preprocessing: PreprocessingPlan = PreprocessingPlan()
    memory: MemoryPlan
    networks: NetworkPlan = NetworkPlan()
    losses: LossPlan = LossPlan()
    training: TrainingPlan = TrainingPlan()
    method: dict[str, Any] = Field(
        default_factory=dict, description="settings that the method alone has; filled in when it trains"
    )
    device: dict[str, Any] = Field(default_factory=dict, description="what the sizes were chosen for")
    reasons: dict[str, str] = Field(default_factory=dict, description="why each rule chose as it did")

    @model_validator(mode="after")
    def _consistent(self) -> "Plans":
        unknown = sorted(set(self.memory.slots) - set(self.labels))
        if unknown:
            raise ValueError(f"memory.slots names {', '.join(unknown)}, labels has {', '.join(self.labels)}")
        if self.preprocessing.reference not in self.modalities:
            known = ", ".join(self.modalities)
            raise ValueError(f"preprocessing.reference is {self.preprocessing.reference}, modalities are {known}")
        stride = 2**self.networks.n_down
        if self.slices.crop % stride:
            raise ValueError(f"slices.crop {self.slices.crop} is no multiple of {stride} (2 ** networks.n_down)")
        if self.slices.crop // stride < 8:
            raise ValueError(
                f"slices.crop {self.slices.crop} leaves a content map below 8x8; enlarge it or lower n_down"
            )
        return self

    @property
    def content_size(self) -> int:
        """Side of the content map: 54 at the published size."""
        return self.slices.crop // 2**self.networks.n_down

    @property
    def content_width(self) -> int:
        """Channels of the content map and of a key: 256 at the published size."""
        return self.networks.width * 2**self.networks.n_down

    @property
    def total_iterations(self) -> int:
        """Steps of the whole run."""
        return self.training.epochs * self.training.iterations

    def save(self, path: Path) -> None:
        """Write plans.json atomically."""
        write_json(path, self.model_dump(mode="json"))

    @classmethod
    def load(cls, path: Path | str) -> "Plans":
        """Read and check a plans file; `inherits_from` names a plans file beside it whose values fill the gaps.

        Raises:
            UserError: the file is missing, no JSON, or holds a value that cannot work; the key and reason are named.
        """
        path = Path(path)
        return cls.checked(_with_parent(path, seen=()), origin=str(path))

    @classmethod
    def checked(cls, content: dict[str, Any], origin: str) -> "Plans":
        """Build plans from plain data, or say in one line what is wrong with them.

        Raises:
            UserError: a value is unknown, of the wrong type or cannot work.
        """
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
            raise UserError(f"{origin}: {explain(error.errors()[0], _keys())}{more}") from None

    def override(self, assignments: list[str]) -> "Plans":
        """Return plans with values replaced by `key=value` texts, such as `training.lr=1e-3` or `lr=1e-3`.

        A key without a dot is looked up in all parts and must be found exactly once.

        Raises:
            UserError: no such key, several such keys, or a value that cannot work.
        """
        content = self.model_dump(mode="json")
        for text in assignments:
            key, separator, value = text.partition("=")
            if not separator:
                raise UserError(f"--set: wanted key=value, found {text!r}")
            path = self._locate(key.strip(), content)
            part = content
            for step in path[:-1]:
                part = part[step]
            part[path[-1]] = _literal(value.strip())
        return Plans.checked(content, origin="--set")

    def _locate(self, key: str, content: dict[str, Any]) -> list[str]:
        parts = key.split(".")
        if len(parts) > 1 or key in content:
            part: Any = content
            for step in parts[:-1]:
                part = part.get(step) if isinstance(part, dict) else None
            known = isinstance(part, dict) and (parts[-1] in part or parts[:-1] == ["memory", "slots"])
            if known:
                return parts
        else:
            found = [[name, key] for name, part in content.items() if isinstance(part, dict) and key in part]
            found = [path for path in found if path[0] not in ("reasons", "labels", "device", "intensity_scale")]
            if len(found) == 1:
                return found[0]
            if found:
                choices = " or ".join(".".join(path) for path in found)
                raise UserError(f"--set: {key} is not unique; write {choices}")
        raise UserError(
            f"--set: wanted a key of the plans, found {key!r}; {_closest(parts[-1], [*_keys(), *content['method']])}"
        )


def paper_literal(plans: Plans) -> Plans:
    """Return the plans as the paper prints its equations, ambiguities taken literally.

        Read temperature 1, bank overwritten to 99 % a step, rank weight inside the exponent, values as wide as
        content, labels always read, PGD, SGD and GGD at their full weights from the first step. Sums stay means,
    without which training diverges.
    """
    return plans.model_copy(
        update={
            "preset": "paper_literal",
            "memory": plans.memory.model_copy(
                update={
                    "tau_r": 1.0,
                    "tau_u": 1.0,
                    "rho": 0.01,
                    "warm_up": False,
                    "p_unlabelled": 0.0,
                    "value_width": plans.content_width,
                }
            ),
            "losses": plans.losses.model_copy(
                update={"weight_inside": True, "pgd": 1.0, "sgd": 2.0, "ggd": 1.0, "ramp": 0, "ramp_start": 0}
            ),
        }
    )


def explain(error: Any, known: Sequence[str]) -> str:
    """Say in one line what pydantic found, where, and what to do.

    Args:
        error: one of `ValidationError.errors()`.
        known: the keys that a misspelt one may have meant.
    """
    where = ".".join(str(part) for part in error["loc"]) or "plans"
    if error["type"] == "extra_forbidden":
        return f"{where}: wanted a key of the plans, found an unknown one; {_closest(str(error['loc'][-1]), known)}"
    if error["type"] == "missing":
        return f"{where}: wanted a value, found none; add it"
    came = error["input"]
    found = "" if isinstance(came, dict) else f", found {came!r}"
    return f"{where}: {error['msg'].removeprefix('Value error, ')}{found}; edit the value"


def _keys() -> list[str]:
    parts: list[type[BaseModel]] = [
        Plans,
        SlicePlan,
        PreprocessingPlan,
        MemoryPlan,
        NetworkPlan,
        LossPlan,
        TrainingPlan,
    ]
    return [name for part in parts for name in part.model_fields]


def _closest(key: str, known: Sequence[str]) -> str:
    """Say which keys a misspelt one may have meant."""
    close = difflib.get_close_matches(key, known, n=3)
    return f"did you mean {' or '.join(close)}?" if close else "plans.json holds those there are"


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return {"true": True, "false": False}.get(text.lower(), text)


def _with_parent(path: Path, seen: tuple[Path, ...]) -> dict[str, Any]:
    content = read_json(path)
    if not isinstance(content, dict):
        raise UserError(f"{path}: wanted an object of plans, found {type(content).__name__}")
    parent = content.get("inherits_from")
    if not parent:
        return content
    if path in seen:
        raise UserError(f"{path}: inherits_from leads back to itself; remove it")
    return _merge(_with_parent(path.parent / f"{parent}.json", (*seen, path)), content)


def _merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        nested = isinstance(value, dict) and isinstance(merged.get(key), dict) and key != "slots"
        merged[key] = _merge(merged[key], value) if nested else value
    return merged
