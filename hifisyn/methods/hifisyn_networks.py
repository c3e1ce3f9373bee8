"""The networks of HiFi-Syn as the plan sizes them."""

from torch import nn

from hifisyn.networks.attribute_encoder import AttributeEncoder
from hifisyn.networks.blocks import PREACTIVATION_SLOPE, SLOPE
from hifisyn.networks.content_discriminator import ContentDiscriminator
from hifisyn.networks.content_encoder import ContentEncoder
from hifisyn.networks.generator import Generator
from hifisyn.networks.image_discriminator import ImageDiscriminator
from hifisyn.networks.initialisation import he_init, normal_init
from hifisyn.networks.memory_bank import BrainMemoryBank
from hifisyn.networks.running_code import RunningCode
from hifisyn.plans import Plans

CONTENT_ENCODER, ATTRIBUTE_ENCODER, GENERATOR = "content_encoder", "attribute_encoder", "generator"
IMAGE_DISCRIMINATOR, CONTENT_DISCRIMINATOR = "image_discriminator", "content_discriminator"
MEMORY_BANK, RUNNING_CODE = "memory_bank", "running_code"


def build(plans: Plans, pair: tuple[str, str]) -> dict[str, nn.Module]:
    """Return E^c, E^a, G, D, D^c, the mean code and, if the plan has slots, the bank."""
    plan = plans.networks
    value_width = plans.memory.value_width if plans.memory.total else 0
    size = {"width": plan.width, "n_down": plan.n_down}
    attribute = {"code": plan.attribute_code, "value_width": value_width}
    networks: dict[str, nn.Module] = {
        CONTENT_ENCODER: ContentEncoder(pair, blocks=plan.content_blocks, **size),
        ATTRIBUTE_ENCODER: AttributeEncoder(pair, kind=plan.attribute_encoder, **size, **attribute),
        GENERATOR: Generator(pair, blocks=plan.content_blocks, **size, **attribute),
        IMAGE_DISCRIMINATOR: ImageDiscriminator(pair, plans.slices.crop, plan.width, plan.discriminator),
        CONTENT_DISCRIMINATOR: ContentDiscriminator(plans.content_width, plans.content_size),
    }
    for network in networks.values():
        normal_init(network, plan.width)
    if plan.init == "he":
        he_init(networks[ATTRIBUTE_ENCODER], PREACTIVATION_SLOPE)
        he_init(networks[IMAGE_DISCRIMINATOR], SLOPE)
    networks[RUNNING_CODE] = RunningCode(pair, plan.attribute_code, plans.training.attribute_ema)
    if value_width:
        networks[MEMORY_BANK] = _memory_bank(plans, pair)
    return networks


def _memory_bank(plans: Plans, pair: tuple[str, str]) -> BrainMemoryBank:
    plan = plans.memory
    return BrainMemoryBank(
        pair,
        {plans.labels[name]: count for name, count in plan.slots.items()},
        plan.global_slots,
        plans.content_width,
        plan.value_width,
        tau_r=plan.tau_r,
        tau_u=plan.tau_u,
        rho=plan.rho,
        warm_up=plan.warm_up,
        reseed_after=plan.reseed_after,
        test_read=plan.test_read,
    )
