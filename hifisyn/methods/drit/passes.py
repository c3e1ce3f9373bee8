"""The passes of DRIT++ through its networks: images to contents and codes, to images, and back.

Every dict is keyed by the contrast of the real image.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.func import functional_call

from hifisyn.directions import directions
from hifisyn.methods.content_noise import with_noise
from hifisyn.methods.drit.networks import DRITNetworks


@dataclass(frozen=True)
class Encoded:
    """What the encoders say about the images of one contrast.

    Attributes:
        content: z^c with noise, (N, C, h, w).
        mean: of the distribution of z^a, (N, code).
        log_variance: of the same.
        code: z^a noise from it.
    """

    content: Tensor
    mean: Tensor
    log_variance: Tensor
    code: Tensor


@dataclass(frozen=True)
class Rendered:
    """What G renders of the encoded images.

    Attributes:
        reconstruction: from its own content and code.
        fake: its translation, with the code of the target's images.
        cycle: the translation, translated back with the code that it carries away.
        codes: random codes (N, code), the same for both directions.
        random: translations with each of them.
    """

    reconstruction: dict[str, Tensor]
    fake: dict[str, Tensor]
    cycle: dict[str, Tensor]
    codes: list[Tensor]
    random: list[dict[str, Tensor]]


class Passes:
    """The networks, and how images go through them.

    Args:
        networks: of the method.
        content_noise: standard deviation of the noise on content in training.
    """

    def __init__(self, networks: DRITNetworks, content_noise: float) -> None:
        self.networks, self.content_noise = networks, content_noise

    def content(self, image: Tensor, contrast: str, rng: torch.Generator) -> Tensor:
        """Return z^c of images (N, 1, H, W) as in training, with noise."""
        return with_noise(self.networks.content_encoder(image, contrast), self.content_noise, rng)

    def encode(self, images: Mapping[str, Tensor], rng: torch.Generator) -> dict[str, Encoded]:
        """Return content and a noise code of images."""
        return {m: self._encode(image, m, rng) for m, image in images.items()}

    def render(self, encoded: Mapping[str, Encoded], random_codes: int, rng: torch.Generator) -> Rendered:
        """Reconstruct, translate with encoded and with random codes, translate back."""
        generator, both = self.networks.generator, directions(tuple(encoded))
        shape = next(iter(encoded.values())).code.shape
        codes = [torch.randn(shape, generator=rng, device=rng.device) for _ in range(random_codes)]
        reconstruction, fake = {}, {}
        random: list[dict[str, Tensor]] = [{} for _ in codes]
        for source, target in both:
            trunk = generator.shared(encoded[source].content)
            reconstruction[source] = generator.render(trunk, None, encoded[source].code, source)
            fake[source] = generator.render(trunk, None, encoded[target].code, target)
            for translations, code in zip(random, codes, strict=True):
                translations[source] = generator.render(trunk, None, code, target)
        reencoded = {source: self._encode(fake[source], target, rng) for source, target in both}
        cycle = {s: generator(reencoded[s].content, None, reencoded[t].code, s) for s, t in both}
        return Rendered(reconstruction, fake, cycle, codes, random)

    def mean_by_fixed_encoder(self, image: Tensor, contrast: str) -> Tensor:
        """Return the mean code (N, code) of images; the gradient reaches the images, but not the encoder."""
        encoder = self.networks.attribute_encoder
        fixed = {name: p.detach() for name, p in encoder.named_parameters()}
        code: Tensor = functional_call(encoder, fixed, (image, contrast))[1]
        return code

    def _encode(self, image: Tensor, contrast: str, rng: torch.Generator) -> Encoded:
        mean, log_variance = self.networks.attribute_encoder.distribution(image, contrast)
        noise = torch.randn(mean.shape, generator=rng, device=rng.device)
        code = mean + (log_variance.float() / 2).exp() * noise
        return Encoded(self.content(image, contrast, rng), mean, log_variance, code)
