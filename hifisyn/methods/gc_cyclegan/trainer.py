"""GC-CycleGAN: CycleGAN whose translations keep the edges of the input (gradient consistency).

Hiasa et al., "Cross-modality image synthesis from unpaired data using CycleGAN: Effects of gradient consistency loss
and training data size", SASHIMI 2018, arXiv 1803.06629. Networks, schedule and all other losses are CycleGAN's.

Differs from the paper:
- Gradients are absolute, as in the first author's published library. The formula is usually printed with signed
  ones; between T1 and T2 most edges turn their sign, and those would punish the right contrast.
- Weights are 10 (cycle) and 1 (gradient) with CycleGAN's identity loss, so that one loss alone parts the two methods.
  As far as we know the paper has 3 and 0.3 without identity, which we could not check; the ratio is the same.
- An image without any edge has a loss of 1 and no gradient; the formula alone would divide by epsilon.
- Batch, crop and length are those of the plans, which all methods share.
"""

from torch import Tensor

from hifisyn.losses.total import total
from hifisyn.methods.cyclegan.networks import CycleGANNetworks
from hifisyn.methods.cyclegan.trainer import Cycle, CycleGAN
from hifisyn.methods.gc_cyclegan.gradient_correlation import gradient_loss
from hifisyn.methods.gc_cyclegan.settings import GCCycleGANSettings
from hifisyn.networks.resnet import ResnetGenerator
from hifisyn.training.batch import Batch


class GCCycleGAN(CycleGAN):
    """CycleGAN with the gradient consistency loss, in both directions."""

    TITLE = "GC-CycleGAN"
    YEAR = 2018
    CITATION = (
        "Hiasa Y, Otake Y, Takao M, et al. Cross-modality image synthesis from unpaired data using CycleGAN: effects "
        "of gradient consistency loss and training data size. SASHIMI 2018."
    )
    SUMMARY = "CycleGAN with gradient consistency"
    SETTINGS = GCCycleGANSettings
    settings: GCCycleGANSettings
    networks: CycleGANNetworks[ResnetGenerator]

    def objective(self, batch: Batch, cycle: Cycle) -> dict[str, Tensor]:
        """Return CycleGAN's losses of the generators and, summed over both directions, that of gradients."""
        losses, weight = super().objective(batch, cycle), self.settings
        if weight.gradient > 0:
            apart = [gradient_loss(batch.images[m], cycle.fake[m], weight.kind) for m in self.domains]
            losses["gradient"] = weight.gradient * total(apart)
        return losses
