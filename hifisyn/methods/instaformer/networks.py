"""The networks of InstaFormer as the plan sizes them."""

from torch import nn

from hifisyn.methods.instaformer.blur_patchgan import BlurPatchGAN
from hifisyn.methods.instaformer.generator import InstaFormerGenerator, side_with_whole_patches
from hifisyn.methods.instaformer.nce_heads import NCEHeads
from hifisyn.methods.instaformer.settings import InstaFormerSettings
from hifisyn.networks.by_modality import ByModality
from hifisyn.networks.running_code import RunningCode
from hifisyn.plans import Plans

HEAD_WIDTH = 4


class InstaFormerNetworks(nn.Module):
    """Each model's generator, contrastive heads and discriminator, called by its target, and the mean styles.

    Args:
        plans: of the training.
        settings: InstaFormer's own.
        domains: the two contrasts.

    Attributes:
        side: pixels along each side of what the networks see.
        heads: of PatchNCE; none where its weight is 0.
        box_heads: of PatchNCE in boxes; none where these are not compared.
    """

    heads: ByModality[NCEHeads] | None
    box_heads: ByModality[NCEHeads] | None

    def __init__(self, plans: Plans, settings: InstaFormerSettings, domains: tuple[str, ...]) -> None:
        super().__init__()
        sizes, code = settings.networks, settings.networks.attribute_code
        width, n_down = sizes.width, sizes.n_down
        self.side = side = side_with_whole_patches(plans.slices.crop, n_down)
        layers, boxes = settings.layers, settings.boxes > 0
        self.generator = ByModality(
            domains, lambda: InstaFormerGenerator(side, width, n_down, code, layers, boxes=boxes)
        )
        compared = (1, *(width * 2**k for k in range(1, n_down + 1)))
        self.heads = ByModality(domains, lambda: NCEHeads(compared, HEAD_WIDTH * width)) if settings.nce > 0 else None
        content = (sizes.content_width,)
        self.box_heads = ByModality(domains, lambda: NCEHeads(content, width)) if settings.with_box_nce else None
        self.discriminator = ByModality(domains, lambda: BlurPatchGAN(side, width, settings.norm))
        self.mean_style = RunningCode(domains, code, settings.attribute_ema)
