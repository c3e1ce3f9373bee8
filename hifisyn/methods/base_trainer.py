"""What Paired and Adapted share: the base model's network for their contrasts, moved as the base model was trained."""

from abc import abstractmethod

import torch
from torch import nn

from hifisyn.base.rates import one_cycle
from hifisyn.errors import UserError
from hifisyn.methods.base_weights import shipped_weights
from hifisyn.methods.named_network import NamedNetwork
from hifisyn.plans import Plans
from hifisyn.training.contract import GENERATOR, BaseWeights, Trainer


class OneNetwork(nn.Module):
    """One network for all directions.

    Args:
        generator: the network.
    """

    def __init__(self, generator: NamedNetwork) -> None:
        super().__init__()
        self.generator = generator


class BaseNetworkTrainer(Trainer):
    """A method whose one network is the base model's: AdamW, one cycle of the rate, the gradient clipped."""

    networks: OneNetwork

    @property
    @abstractmethod
    def largest_gradient(self) -> float:
        """Largest norm of the gradient."""

    @classmethod
    def check(cls, plans: Plans) -> None:
        """Refuse a rate that never falls.

        Raises:
            UserError: `decay_from` is 1.
        """
        if plans.optimisation.decay_from >= 1:
            raise UserError(
                "optimisation.decay_from must be below 1, where the rate of the one cycle is highest",
                got=plans.optimisation.decay_from,
                hint="edit the value",
            )

    @classmethod
    def base_weights(cls) -> BaseWeights:
        """Return the base model's weights.

        Raises:
            FileError: they are not there.
        """
        return shipped_weights()

    def groups(self) -> dict[str, tuple[nn.Module, ...]]:
        """Return the network."""
        return {GENERATOR: (self.networks.generator,)}

    def rate_share(self, group: str, iteration: int) -> float:
        """Return the share of one cycle: up until `decay_from` of the run, then down."""
        plans = self.plans
        return one_cycle(iteration, plans.length.total, plans.optimisation.decay_from)

    def clips(self) -> dict[str, float]:
        """Return the largest norm of the gradient."""
        return {GENERATOR: self.largest_gradient}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Return AdamW, as the base model is trained by."""
        plan = self.plans.optimisation
        rate = self.learning_rates()[GENERATOR]
        parameters = self.parameters(GENERATOR)
        return {GENERATOR: torch.optim.AdamW(parameters, lr=rate, betas=plan.betas, weight_decay=plan.weight_decay)}
