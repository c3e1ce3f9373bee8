"""SC-CycleGAN: CycleGAN whose translations keep the structure of the input, as MIND describes it.

Yang et al., "Unsupervised MR-to-CT synthesis using structure-constrained CycleGAN", IEEE TMI 39(12), 2020; workshop
version "Unpaired brain MR-to-CT synthesis using a structure-constrained CycleGAN", DLMIA 2018, arXiv 1809.04536.
Losses, weights and the choice of slices are those of the authors' published settings of the workshop version.

Differs from the paper:
- Networks are CycleGAN's as in the other methods here. The authors' lack biases, have an affine in each instance norm
  and pad strided layers unevenly.
- What the journal version adds (spectral norm, self-attention) is off by default; its placement could not be checked.
  `variant=tmi` is our reading of it: see `hifisyn.methods.sc_cyclegan.self_attention`.
- Slices that meet differ in height by 5 at most in either direction; published is an offset from -5 to 4, and
  none within 5 slices of an end, where the height is cut off here.
- Batch, crop and length are those of the plans, which all methods share.
"""

from typing import ClassVar

from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from hifisyn.intensities import OUTSIDE
from hifisyn.losses.total import total
from hifisyn.methods.cyclegan.networks import CycleGANNetworks
from hifisyn.methods.cyclegan.trainer import Cycle, CycleGAN
from hifisyn.methods.sc_cyclegan.mind import structure_loss
from hifisyn.methods.sc_cyclegan.self_attention import SelfAttention
from hifisyn.methods.sc_cyclegan.settings import SCCycleGANSettings
from hifisyn.networks.resnet import ResnetGenerator
from hifisyn.training.batch import Batch


class SCCycleGAN(CycleGAN):
    """CycleGAN with the structure loss, in both directions."""

    TITLE = "SC-CycleGAN"
    YEAR = 2020
    CITATION = (
        "Yang H, Sun J, Carass A, et al. Unsupervised MR-to-CT synthesis using structure-constrained CycleGAN. IEEE "
        "Trans Med Imaging 39, 4249-4261, 2020."
    )
    SUMMARY = "CycleGAN with MIND structure descriptors"
    SETTINGS = SCCycleGANSettings
    PUBLISHED: ClassVar = {**CycleGAN.PUBLISHED, "decay_from": 1.0, "pairing": "position", "position_slack": 5}
    settings: SCCycleGANSettings
    networks: CycleGANNetworks[ResnetGenerator]

    def build_networks(self) -> CycleGANNetworks[ResnetGenerator]:
        """Return CycleGAN's networks and what the variant adds."""
        networks: CycleGANNetworks[ResnetGenerator] = super().build_networks()
        if self.settings.variant == "tmi":
            # After the weights are drawn: what spectral_norm leaves in their place cannot be drawn again.
            for module in list(networks.discriminator.modules()):
                if isinstance(module, nn.Conv2d):
                    spectral_norm(module)
        return networks

    def build_generator(self) -> ResnetGenerator:
        """Return one generator, whose weights are drawn afterwards."""
        sizes = self.settings.networks
        generator = ResnetGenerator(sizes.width, sizes.n_down, self.settings.blocks)
        if self.settings.variant == "tmi":
            generator.encoder.append(SelfAttention(sizes.content_width))
        return generator

    def objective(self, batch: Batch, cycle: Cycle) -> dict[str, Tensor]:
        """Return CycleGAN's losses of the generators and, summed over both directions, that of structure."""
        losses, weight = super().objective(batch, cycle), self.settings
        if weight.structure > 0:
            apart = [self._structure(batch.images[m], cycle.fake[m]) for m in self.domains]
            losses["structure"] = weight.structure * total(apart)
        return losses

    def _structure(self, image: Tensor, translation: Tensor) -> Tensor:
        brain = image > OUTSIDE if self.settings.mind_mask else None
        return structure_loss(image, translation, brain, self.settings.epsilon)
