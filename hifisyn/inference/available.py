"""The models that a run may use: folders that the user names or all below the results, and the base model."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hifisyn.base.contrasts import NAMED, TARGETS
from hifisyn.inference.base.inputs import names_base, refused, spelled
from hifisyn.inference.models import Model, find_models, read_model
from hifisyn.inference.translations import known_modalities, spelling_of
from hifisyn.paths import Roots


@dataclass(frozen=True)
class Available:
    """What may generate.

    Attributes:
        models: trained ones.
        base: whether the base model does what none of them does.
        named: the user named them, so that there may be more.
    """

    models: list[Model]
    base: bool
    named: bool

    @property
    def only_base(self) -> bool:
        """Whether the user asked for the base model alone."""
        return self.named and self.base and not self.models

    @classmethod
    def of(cls, models: Sequence[Path | str], results: Path | str | None = None) -> "Available":
        """Read the models that the user names, else all below the results with the base model behind them.

        Args:
            models: folders, and "base" for the base model.
            results: root of the results, where `models` is empty.

        Raises:
            UserError: a folder is no model folder.
        """
        if not models:
            return cls(find_models(Roots.resolve(results=results).results), base=True, named=False)
        folders = [model for model in models if not names_base(model)]
        return cls([read_model(folder) for folder in folders], base=len(folders) < len(models), named=True)

    def source(self, contrast: str) -> str:
        """Return a contrast to start from as the models spell it; the base model takes one of any name.

        Raises:
            UserError: no model translates it.
        """
        known = spelled(contrast, [*known_modalities(self.models), *(NAMED if self.base else ())])
        if known is None and not self.base:
            return spelling_of(contrast, self.models)
        return known or contrast

    def target(self, contrast: str) -> str:
        """Return a contrast to generate as the models spell it.

        Raises:
            UserError: no model generates it.
        """
        if not self.base:
            return spelling_of(contrast, self.models)
        others = known_modalities(self.models)
        known = spelled(contrast, [*others, *TARGETS])
        if known is None:
            raise refused(contrast, others)
        return known
