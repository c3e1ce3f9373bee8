"""What HiFi-Syn and MGUIT take from DRIT++: D^c learns whose content it sees, in most steps alone (eq. 15)."""

from abc import abstractmethod
from collections.abc import Mapping

from pydantic import Field
from torch import Tensor

from hifisyn.losses import adversarial
from hifisyn.settings import Settings
from hifisyn.training.contract import Trainer

CONTENT_DISCRIMINATOR = "content_discriminator"


class ContentDiscriminatorSettings(Settings):
    """DRIT's values."""

    lr: float = Field(4e-5, gt=0, description="learning rate of D^c")
    clip: float = Field(5.0, ge=0, description="largest norm of its gradient; 0: any")
    steps: int = Field(3, ge=1, description="d_iter: of so many steps all but the last move D^c only")

    def moves_alone(self, iteration: int) -> bool:
        """Return whether a step moves D^c only.

        >>> [ContentDiscriminatorSettings().moves_alone(i) for i in range(4)]
        [True, True, False, True]
        """
        return (iteration + 1) % self.steps != 0


class ContentDiscriminatorTrainer(Trainer):
    """A method one of whose groups is D^c."""

    @property
    @abstractmethod
    def content_discriminator_plan(self) -> tuple[ContentDiscriminatorSettings, float]:
        """Settings of D^c, and the weight of the content adversarial loss; 0: D^c does not move."""

    @property
    def period(self) -> int:
        """Steps until D^c has moved alone so often as it does, and all networks once."""
        plan, weight = self.content_discriminator_plan
        return plan.steps if weight > 0 else 1

    def content_discriminator_loss(self, contents: Mapping[str, Tensor]) -> Tensor:
        """Return what D^c minimises of (detached) contents (N, C, h, w) by contrast, not yet weighted."""
        return adversarial.content_discriminator_loss(self._content_logits(contents), self.domains)

    def content_adversarial_loss(self, contents: Mapping[str, Tensor]) -> Tensor:
        """Return what E^c minimises of contents (N, C, h, w) by contrast, not yet weighted."""
        return adversarial.content_adversarial_loss(self._content_logits(contents), self.domains)

    def _content_logits(self, contents: Mapping[str, Tensor]) -> dict[str, Tensor]:
        (discriminator,) = self.groups()[CONTENT_DISCRIMINATOR]
        return {m: discriminator(content) for m, content in contents.items()}

    def learning_rates(self) -> dict[str, float]:
        """Return the initial rates; D^c has one of its own."""
        return super().learning_rates() | {CONTENT_DISCRIMINATOR: self.content_discriminator_plan[0].lr}

    def clips(self) -> dict[str, float]:
        """Return the largest gradient norm of D^c, where there is one."""
        clip = self.content_discriminator_plan[0].clip
        return {CONTENT_DISCRIMINATOR: clip} if clip > 0 else {}

    def moves_content_alone(self, iteration: int) -> bool:
        """Return whether a step moves D^c only."""
        plan, weight = self.content_discriminator_plan
        return weight > 0 and plan.moves_alone(iteration)
