"""The passes of DRIT++ through its networks: images to contents and codes, to images, and back.

Every dict goes by the modality of the real image that a thing was made from.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call

from hifisyn.methods.hifisyn_networks import ATTRIBUTE_ENCODER, CONTENT_ENCODER, GENERATOR, RUNNING_CODE
from hifisyn.networks.attribute_encoder import AttributeEncoder
from hifisyn.networks.generator import Generator
from hifisyn.networks.running_code import RunningCode
from hifisyn.networks.typed import typed


@dataclass(frozen=True)
class Encoded:
    """What the encoders say about the images of one modality.

    Attributes:
        content: z^c with noise, (N, C, h, w).
        mean: of the distribution of z^a, (N, code).
        log_variance: of the same.
        code: z^a drawn from it.
    """

    content: Tensor
    mean: Tensor
    log_variance: Tensor
    code: Tensor


@dataclass(frozen=True)
class Rendered:
    """What G made of the encoded images.

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
        networks: those of DRIT.
        pair: the two modalities.
        content_noise: standard deviation of the noise on content in training.
    """

    def __init__(self, networks: nn.ModuleDict, pair: tuple[str, str], content_noise: float) -> None:
        self.networks, self.pair, self.content_noise = networks, pair, content_noise
        self.directions = (pair, pair[::-1])

    @property
    def running_code(self) -> RunningCode:
        """The mean code of each modality."""
        return typed(self.networks, RUNNING_CODE, RunningCode)

    def content(self, image: Tensor, modality: str, rng: torch.Generator) -> Tensor:
        """Return z^c of images (N, 1, H, W) as in training, with noise."""
        content = self.networks[CONTENT_ENCODER](image, modality)
        return content + self.content_noise * torch.randn(content.shape, generator=rng, device=rng.device).to(content)

    def encode(self, images: dict[str, Tensor], rng: torch.Generator) -> dict[str, Encoded]:
        """Return content and a drawn code of images."""
        return {m: self._encode(images[m], m, rng) for m in self.pair}

    def render(self, encoded: dict[str, Encoded], random_codes: int, rng: torch.Generator) -> Rendered:
        """Reconstruct, translate with encoded and with random codes, translate back."""
        shape = encoded[self.pair[0]].code.shape
        codes = [torch.randn(shape, generator=rng, device=rng.device) for _ in range(random_codes)]
        reconstruction, fake = {}, {}
        random: list[dict[str, Tensor]] = [{} for _ in codes]
        for source, target in self.directions:
            trunk = self._generator.shared(encoded[source].content)
            reconstruction[source] = self._generator.render(trunk, None, encoded[source].code, source)
            fake[source] = self._generator.render(trunk, None, encoded[target].code, target)
            for made, code in zip(random, codes, strict=True):
                made[source] = self._generator.render(trunk, None, code, target)
        again = {source: self._encode(fake[source], target, rng) for source, target in self.directions}
        cycle = {s: self._generator(again[s].content, None, again[t].code, s) for s, t in self.directions}
        return Rendered(reconstruction, fake, cycle, codes, random)

    def mean_by_fixed_encoder(self, image: Tensor, modality: str) -> Tensor:
        """Return the mean code (N, code) of images; the gradient reaches the images, but not the encoder."""
        fixed = {name: p.detach() for name, p in self._attribute_encoder.named_parameters()}
        return functional_call(self._attribute_encoder, fixed, (image, modality))[1]

    def translate(self, image: Tensor, source: str, target: str) -> Tensor:
        """Translate as in testing: no exemplar, no noise."""
        code = self.running_code(target).expand(len(image), -1)
        return self._generator(self.networks[CONTENT_ENCODER](image, source), None, code, target)

    def _encode(self, image: Tensor, modality: str, rng: torch.Generator) -> Encoded:
        mean, log_variance = self._attribute_encoder.distribution(image, modality)
        drawn = torch.randn(mean.shape, generator=rng, device=rng.device)
        code = mean + (log_variance.float() / 2).exp() * drawn
        return Encoded(self.content(image, modality, rng), mean, log_variance, code)

    @property
    def _attribute_encoder(self) -> AttributeEncoder:
        return typed(self.networks, ATTRIBUTE_ENCODER, AttributeEncoder)

    @property
    def _generator(self) -> Generator:
        return typed(self.networks, GENERATOR, Generator)
