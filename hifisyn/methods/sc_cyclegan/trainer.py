"""SC-CycleGAN: CycleGAN whose translations keep the structure of the input, as MIND describes it.

Yang et al., "Unsupervised MR-to-CT synthesis using structure-constrained CycleGAN", IEEE TMI 39(12), 2020; workshop
version "Unpaired brain MR-to-CT synthesis using a structure-constrained CycleGAN", DLMIA 2018, arXiv 1809.04536.
Losses, weights and the choice of slices are those of the authors' published settings of the workshop version.

Differs from the paper:
- Networks are CycleGAN's as in the other methods here. The authors' lack biases, have an affine in each instance norm
  and pad strided layers unevenly.
- What the journal version adds (spectral norm, self-attention) is off by default; its placement could not be checked.
  `variant=tmi` is our reading of it: see `hifisyn.networks.self_attention`.
- Slices that meet differ in height by 5 at most in either direction; published is an offset from -5 to 4, and
  none within 5 slices of an end, where the height is cut off here.
- Batch, crop and length are those of the plans, which all methods share.
"""

from typing import ClassVar, Literal

from pydantic import Field
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from hifisyn.losses.mind import EPSILON, structure_loss
from hifisyn.losses.total import total
from hifisyn.methods.cyclegan import Cycle, CycleGAN, CycleGANSettings
from hifisyn.methods.scene import BACKGROUND
from hifisyn.networks.resnet import ResnetGenerator
from hifisyn.networks.self_attention import SelfAttention
from hifisyn.training.contract import DISCRIMINATOR, Batch
from hifisyn.training.registry import register


class SCCycleGANSettings(CycleGANSettings):
    """CycleGAN's with other defaults, and those of the structure loss."""

    identity: float = Field(0.0, ge=0, description="lambda_idt, identity L1, as a share of the cycle weight")
    pool: int = Field(0, ge=0, description="earlier translations that a discriminator sees again")
    structure: float = Field(5.0, ge=0, description="lambda, L1 of the MIND descriptors of input and translation")
    epsilon: float = Field(EPSILON, gt=0, description="least local variance of MIND; larger forgives background noise")
    mind_mask: bool = Field(False, description="compare MIND only where it sees the brain of the input")
    variant: Literal["official", "tmi"] = Field(
        "official", description="tmi: self-attention in generators, spectral norm in discriminators; our reading"
    )


@register("SC-CycleGAN")
class SCCycleGAN(CycleGAN):
    """CycleGAN with the structure loss, in both directions."""

    SETTINGS = SCCycleGANSettings
    PUBLISHED: ClassVar = {**CycleGAN.PUBLISHED, "decay_from": 1.0, "pairing": "position", "position_slack": 5}
    settings: SCCycleGANSettings

    def build_networks(self) -> dict[str, nn.Module]:
        """Return CycleGAN's networks and what the variant adds."""
        networks = super().build_networks()
        if self.settings.variant == "tmi":
            # After the weights are drawn: what spectral_norm leaves in their place cannot be drawn anew.
            for module in list(networks[DISCRIMINATOR].modules()):
                if isinstance(module, nn.Conv2d):
                    spectral_norm(module)
        return networks

    def build_generator(self) -> nn.Module:
        """Return one generator, whose weights are drawn afterwards."""
        width, n_down = self.plans.networks.width, self.plans.networks.n_down
        generator = ResnetGenerator(width, n_down, self.settings.blocks)
        if self.settings.variant == "tmi":
            generator.encoder.append(SelfAttention(width * 2**n_down))
        return generator

    def objective(self, batch: Batch, made: Cycle) -> dict[str, Tensor]:
        """Return CycleGAN's losses of the generators and, summed over both directions, that of structure."""
        losses, weight = super().objective(batch, made), self.settings
        if weight.structure > 0:
            ways = [self._structure(batch.images[m], made.fake[m]) for m in self.pair]
            losses["structure"] = weight.structure * total(ways)
        return losses

    def _structure(self, image: Tensor, translation: Tensor) -> Tensor:
        brain = image > BACKGROUND if self.settings.mind_mask else None
        return structure_loss(image, translation, brain, self.settings.epsilon)
