"""L_GGD, global granularity discrimination (HiFi-Syn eq. 12).

Differs from the paper:
- How the "entire content" becomes a vector is not said. It is flattened: pooling would not do, since the instance norm
  at the end of every residual branch fixes the spatial mean of content.
- The printed positive set is that of the structures (Omega_s); it is read as Omega_g. N is the images of the step.
- Another slice or modality of the same person is neither positive nor negative.
"""

import torch
from torch import Tensor

from hifisyn.losses.contents import Contents, information_nce, unit


def global_loss(contents: Contents, tau_3: float = 0.1) -> Tensor:
    """Return L_GGD of each image, (M,): mean over both roles of original and translation; 0 without another person.

    Args:
        contents: the M images of the step.
        tau_3: temperature.
    """
    with torch.autocast(contents.original.device.type, enabled=False):
        contents = contents.in_float32()
        original, translated = unit(contents.original.flatten(1), 1), unit(contents.translated.flatten(1), 1)
        logits = torch.cat([original, translated]) @ torch.cat([original, translated]).t() / tau_3  # (2M, 2M)
        positive = (original * translated).sum(dim=1) / tau_3
        counted = contents.others().repeat(2, 2)
        return information_nce(positive.repeat(2), logits, counted).view(2, -1).mean(dim=0)
