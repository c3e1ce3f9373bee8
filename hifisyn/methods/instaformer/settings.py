"""What InstaFormer alone has."""

from pydantic import Field

from hifisyn.methods.instaformer.blur_patchgan import Norm
from hifisyn.methods.instaformer.transformer import DEEP
from hifisyn.settings import Settings
from hifisyn.training.sizes import NetworkSettings


class InstaFormerNetworkSettings(NetworkSettings):
    """Sizes of the networks."""

    attribute_code: int = Field(8, ge=1, description="entries of a style")


class InstaFormerSettings(Settings):
    """The published values are the defaults."""

    networks: InstaFormerNetworkSettings = InstaFormerNetworkSettings()
    reconstruction: float = Field(10.0, gt=0, description="L1 of an image from its own content and style")
    style: float = Field(10.0, ge=0, description="L1 between the styles of an image and of its reconstruction")
    nce: float = Field(2.0, ge=0, description="PatchNCE between a translation and its source")
    box_nce: float = Field(2.0, ge=0, description="the same inside boxes; needs labels")
    tau: float = Field(0.07, gt=0, description="temperature of both")
    positions: int = Field(256, ge=2, description="positions that PatchNCE draws in each image and layer")
    foreground: bool = Field(False, description="draw positions where the image is not background; else anywhere")
    boxes: int = Field(20, ge=0, description="structures an image, the largest; 0: no box tokens and no box_nce")
    layers: int = Field(DEEP, ge=1, le=1000, description="layers of the transformer")
    norm: Norm = Field("batch", description="norm of the discriminator; instance: where batches of 1 or 2 disturb it")
    attribute_ema: float = Field(0.999, ge=0, lt=1, description="decay of the mean style")

    @property
    def with_box_nce(self) -> bool:
        """Whether boxes are compared."""
        return self.box_nce > 0 and self.boxes > 0
