"""HiFi-Syn's networks, memory and losses as a plan has them, one direction of two (HiFi-Syn Fig. 2)."""

from dataclasses import dataclass

from torch import nn

from hifisyn.figures.svg import Box, Drawing
from hifisyn.methods.hifisyn.settings import HiFiSynSettings
from hifisyn.methods.hifisyn.trainer import HiFiSyn
from hifisyn.plans import Plans
from hifisyn.settings import checked

WIDTH, HEIGHT = 720, 512
IMAGE, NETWORK, MAP, BANK, LOSS = "#ffffff", "#dbe9f6", "#fdf3d8", "#e3f1e0", "#fbe3dc"
RED = "#a33a1c"


@dataclass(frozen=True)
class NetworkSizes:
    """Parameters of the networks as they are trained, of all contrasts together."""

    content_encoder: int
    attribute_encoder: int
    generator: int
    image_discriminator: int
    content_discriminator: int

    @classmethod
    def of(cls, plans: Plans) -> "NetworkSizes":
        """Count them for the first two contrasts of a plan, without memory for them."""
        import torch

        with torch.device("meta"):
            networks = HiFiSyn(plans, plans.modalities[:2]).networks
        return cls(*(_count(getattr(networks, name)) for name in cls.__dataclass_fields__))


def framework_drawing(plans: Plans) -> str:
    """Return the drawing as SVG.

    Args:
        plans: of a HiFi-Syn with a bank.
    """
    settings = checked(HiFiSynSettings, plans.settings, within="settings")
    source, target = plans.modalities[:2]
    sizes = NetworkSizes.of(plans)
    crop, side = plans.slices.crop, plans.slices.crop // settings.networks.stride
    channels, values = settings.networks.content_width, settings.memory.value_width
    drawing = Drawing(WIDTH, HEIGHT, f"HiFi-Syn, {source} to {target}")

    image, other = Box(8, 150, 98, 54), Box(8, 376, 98, 54)
    encoder, attributes, again_attributes = Box(128, 112, 98, 54), Box(128, 190, 98, 54), Box(128, 376, 98, 54)
    content, dense, code = Box(252, 112, 98, 54), Box(252, 190, 98, 54), Box(252, 376, 98, 54)
    bank = Box(252, 278, 226, 66)
    generator, made = Box(496, 150, 90, 54), Box(614, 150, 98, 54)
    judge, again = Box(614, 236, 98, 54), Box(496, 20, 90, 54)
    second, content_judge = Box(252, 20, 98, 54), Box(380, 66, 90, 54)

    drawing.box(image, [f"{source} slice", f"{crop} x {crop}"], fill=IMAGE)
    drawing.box(other, [f"{target} slice", "other person"], fill=IMAGE)
    drawing.box(encoder, ["E^c", _millions(sizes.content_encoder)], fill=NETWORK)
    drawing.box(attributes, ["E^a", _millions(sizes.attribute_encoder)], fill=NETWORK)
    drawing.box(again_attributes, ["E^a", f"for {target}"], fill=NETWORK)
    drawing.box(content, ["content z^c", f"{channels} x {side} x {side}"], fill=MAP)
    drawing.box(dense, ["attributes A", f"{values} x {side} x {side}"], fill=MAP)
    drawing.box(code, ["code z^a", f"{settings.networks.attribute_code} numbers"], fill=MAP)
    slots = f"{settings.memory.total} slots, {settings.memory.global_slots} of them global"
    drawing.box(bank, ["Brain Memory Bank", slots, f"keys of {channels}, values of {values}"], fill=BANK)
    drawing.box(generator, [f"G, to {target}", _millions(sizes.generator)], fill=NETWORK)
    drawing.box(made, [f"synthetic {target}", f"{crop} x {crop}"], fill=IMAGE)
    drawing.box(judge, ["D", _millions(sizes.image_discriminator)], fill=NETWORK)
    drawing.box(again, ["E^c", f"for {target}"], fill=NETWORK)
    drawing.box(second, ["its content", f"{channels} x {side} x {side}"], fill=MAP)
    drawing.box(content_judge, ["D^c", _millions(sizes.content_discriminator)], fill=NETWORK)

    turn = image.right + 11
    for network in (encoder, attributes):
        y = network.middle[1]
        drawing.arrow((image.right, image.middle[1]), (turn, image.middle[1]), (turn, y), (network.left, y))
    for one, following in (
        (encoder, content),
        (attributes, dense),
        (other, again_attributes),
        (again_attributes, code),
        (generator, made),
    ):
        drawing.arrow((one.right, one.middle[1]), (following.left, following.middle[1]))
    y, turn = content.middle[1] - 4, content_judge.right + 12
    drawing.arrow((content.right, y), (turn, y), (turn, 168), (generator.left, 168))
    drawing.arrow((content.right, content.top + 4), (content_judge.left, content.top + 4))
    drawing.arrow((made.middle[0], made.bottom), (judge.middle[0], judge.top))
    drawing.arrow((made.middle[0], made.top), (made.middle[0], again.middle[1]), (again.right, again.middle[1]))
    drawing.arrow((again.left, again.middle[1]), (second.right, second.middle[1]))
    drawing.arrow((content.middle[0], content.top), (content.middle[0], second.bottom), colour=RED, both=True)
    drawing.words(content.middle[0] - 8, content.top - 14, _granularity(settings), bold=True, anchor="end", colour=RED)

    x = dense.middle[0]
    drawing.arrow((x, dense.bottom), (x, bank.top))
    drawing.words(x - 8, dense.bottom + 22, f"values {source}", anchor="end")
    x = content.right + 16
    drawing.arrow((content.right, content.middle[1] + 10), (x, content.middle[1] + 10), (x, bank.top))
    drawing.words(x + 6, 240, "queries", anchor="start")
    drawing.words(x + 6, 240 + 16, "and keys", anchor="start")
    x = again_attributes.middle[0]
    drawing.arrow((x, again_attributes.top), (x, bank.middle[1]), (bank.left, bank.middle[1]))
    drawing.words(x - 8, bank.middle[1] + 28, f"values {target}", anchor="end")
    x, end = bank.right - 20, generator.left + 24
    drawing.arrow((x, bank.top), (x, 226), (end, 226), (end, generator.bottom))
    drawing.words(x + 6, 244, "S, read by", anchor="start")
    drawing.words(x + 6, 260, "the queries", anchor="start")
    end = generator.right - 20
    drawing.arrow((code.right, code.middle[1]), (end, code.middle[1]), (end, generator.bottom))
    drawing.words(code.right + 8, code.middle[1] - 8, "in testing its running mean", anchor="start")
    drawing.words(code.right + 8, code.middle[1] + 20, "M: million parameters, both contrasts", anchor="start")
    _losses(drawing, settings)
    return drawing.text()


def _granularity(settings: HiFiSynSettings) -> str:
    """Return the losses that compare contents before and after, those that are on."""
    losses = {"PGD": settings.losses.pgd, "SGD": settings.losses.sgd, "GGD": settings.losses.ggd}
    return ", ".join(name for name, weight in losses.items() if weight > 0)


def _losses(drawing: Drawing, settings: HiFiSynSettings) -> None:
    """Write the weights of the losses (eq. 17), those that are on."""
    losses = settings.losses
    weights = {
        "content (D^c)": losses.content,
        "domain (D)": losses.domain,
        "cycle (and back)": losses.cycle,
        "reconstruction": losses.reconstruction,
        "PGD, pixels": losses.pgd,
        "SGD, structures": losses.sgd,
        "GGD, images": losses.ggd,
    }
    on = [f"{weight:g} x {name}" for name, weight in weights.items() if weight > 0]
    drawing.box(Box(8, 444, 704, 60), fill=LOSS)
    drawing.words(18, 463, "Loss (eq. 17), summed over both contrasts:", bold=True, anchor="start")
    drawing.words(18, 480, " + ".join(on[:4]) + " +" * (len(on) > 4), anchor="start")
    drawing.words(18, 496, " + ".join(on[4:]), anchor="start")


def _millions(count: int) -> str:
    """Return a number of parameters in words.

    >>> _millions(9_005_568)
    '9.0 M'
    """
    return f"{count / 1e6:.1f} M"


def _count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())
