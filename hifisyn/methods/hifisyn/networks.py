"""The networks of HiFi-Syn as the plan sizes them."""

from torch import nn

from hifisyn.methods.hifisyn.cohort_tissues import TissueStatistics
from hifisyn.methods.hifisyn.memory_bank import BrainMemoryBank
from hifisyn.methods.hifisyn.settings import HiFiSynSettings
from hifisyn.networks.attribute_encoder import AttributeEncoder
from hifisyn.networks.blocks import PREACTIVATION_SLOPE, SLOPE
from hifisyn.networks.by_modality import ByModality
from hifisyn.networks.content_discriminator import ContentDiscriminator
from hifisyn.networks.content_encoder import ContentEncoder
from hifisyn.networks.generator import Generator
from hifisyn.networks.image_discriminator import ImageDiscriminator
from hifisyn.networks.initialisation import he_init, normal_init, normalise_spectra
from hifisyn.networks.running_code import RunningCode
from hifisyn.plans import Plans


class HiFiSynNetworks(nn.Module):
    """E^c, E^a, G, D, D^c, the mean code; the bank, if the plan has slots; and how tissues look, if a loss asks for it.

    Args:
        plans: of the training.
        settings: HiFi-Syn's own.
        domains: the contrasts.
    """

    memory_bank: BrainMemoryBank | None
    tissues: ByModality[TissueStatistics] | None

    def __init__(self, plans: Plans, settings: HiFiSynSettings, domains: tuple[str, ...]) -> None:
        super().__init__()
        plan, crop = settings.networks, plans.slices.crop
        width, down, blocks, code = plan.width, plan.n_down, plan.content_blocks, plan.attribute_code
        values = settings.memory.value_width if settings.memory.total else 0
        self.content_encoder = ContentEncoder(domains, width, down, blocks)
        self.attribute_encoder = AttributeEncoder(domains, width, down, code, values, plan.attribute_encoder)
        self.generator = Generator(domains, width, down, blocks, code, values, plan.upsampling)
        self.image_discriminator = ImageDiscriminator(domains, crop, width, plan.discriminator)
        self.content_discriminator = ContentDiscriminator(domains, plan.content_width, crop // plan.stride)
        for network in self.children():
            normal_init(network, width)
        if plan.init == "he":
            he_init(self.attribute_encoder, PREACTIVATION_SLOPE)
            he_init(self.image_discriminator, SLOPE)
        if plan.spectral_norm:
            normalise_spectra(self.image_discriminator)
        self.running_code = RunningCode(domains, code, settings.attribute_ema)
        self.memory_bank = memory_bank(plans, settings, domains) if values else None
        self.tissues = ByModality(domains, TissueStatistics) if settings.additions.studies else None

    def without_discriminators(self) -> "HiFiSynNetworks":
        """Return these networks, left with those that synthesise images."""
        del self.image_discriminator, self.content_discriminator
        return self


def memory_bank(plans: Plans, settings: HiFiSynSettings, domains: tuple[str, ...]) -> BrainMemoryBank:
    """Return an empty bank with the slots of the plan."""
    plan = settings.memory
    return BrainMemoryBank(
        domains,
        plan.by_value(plans.labels),
        plan.global_slots,
        settings.networks.content_width,
        plan.value_width,
        tau_r=plan.tau_r,
        tau_u=plan.tau_u,
        rho=plan.rho,
        warm_up=plan.warm_up,
        reseed_after=plan.reseed_after,
        test_read=plan.test_read,
        scaled_read=plan.scaled_read,
        update_pixels=plan.update_pixels,
        update_sums=plan.update_sums,
    )
