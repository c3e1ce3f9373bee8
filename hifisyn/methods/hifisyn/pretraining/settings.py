"""The settings of a pre-training on simulated heads; written beside the run."""

from pydantic import Field

from hifisyn.base.contrasts import TARGETS, TISSUES
from hifisyn.base.settings import RunSettings, SimulationSettings
from hifisyn.methods.hifisyn.settings import HiFiSynNetworkSettings, HiFiSynSettings, MemorySettings
from hifisyn.networks.blocks import Upsampling
from hifisyn.plans import Plans, PreprocessingPlan, SlicePlan

LABELS = {"background": 0} | {tissue: value for value, tissue in enumerate(TISSUES, 1)}
SLOTS = {"background": 2, "CSF": 2, "GM": 3, "WM": 3, "lesion": 3}


class PretrainSettings(RunSettings):
    """A pre-training of HiFi-Syn.

    Attributes:
        steps: of the optimizer.
        width: channels of the first convolution.
        n_down: stride-2 convolutions between image and content.
        content_blocks: residual blocks of the content encoder and of the generator.
        value_width: entries of a value of the bank.
        global_slots: slots that every pixel may read.
        upsampling: of the generator.
        batch_size: slices a step, each in all contrasts.
        told: share of the steps whose translations read values and code of the wanted image; else stored ones.
        p_unlabelled: share of the steps that read as at test time.
        reconstruction: weight of the reconstruction; that of the translation is 1.
        content: weight of the distance between the contents of a slice's contrasts.
        lesioned: share of slices that are drawn by how much of them is lesion.
        gamma: standard deviation of the logarithm of an exponent of brightness, as other windows have it.
        gain: standard deviation of the logarithm of a factor.
        noise: standard deviation.
        margin: most pixels around the brain on each side.
        simulation: the heads.
    """

    steps: int = Field(6000, ge=1)
    width: int = Field(12, ge=2, le=1024)
    average_decay: float = Field(0.998, ge=0, lt=1)
    every: int = Field(250, ge=1)
    n_down: int = Field(2, ge=1, le=4)
    content_blocks: int = Field(3, ge=1, le=1000)
    value_width: int = Field(16, ge=1, le=1000)
    global_slots: int = Field(13, ge=0)
    upsampling: Upsampling = "4x4"
    batch_size: int = Field(4, ge=2)
    told: float = Field(0.5, ge=0, le=1)
    p_unlabelled: float = Field(0.5, ge=0, le=1)
    reconstruction: float = Field(0.3, ge=0)
    content: float = Field(0.3, ge=0)
    lesioned: float = Field(0.3, ge=0, le=1)
    gamma: float = Field(0.25, ge=0)
    gain: float = Field(0.1, ge=0)
    noise: float = Field(0.02, ge=0)
    margin: int = Field(24, ge=0)
    simulation: SimulationSettings = SimulationSettings()

    def plans(self) -> Plans:
        """Return the plans of the networks, as a training that starts from them needs them."""
        networks = HiFiSynNetworkSettings(
            width=self.width,
            n_down=self.n_down,
            content_blocks=self.content_blocks,
            content_noise=0.0,
            init="he",
            upsampling=self.upsampling,
        )
        memory = MemorySettings(
            slots=SLOTS,
            global_slots=self.global_slots,
            value_width=self.value_width,
            p_unlabelled=self.p_unlabelled,
        )
        size = self.simulation.size
        return Plans(
            dataset="simulated_heads",
            modalities=TARGETS,
            labels=LABELS,
            slices=SlicePlan(size=size, crop=size),
            preprocessing=PreprocessingPlan(reference=TARGETS[0]),
            method="HiFiSyn",
            settings=HiFiSynSettings(networks=networks, memory=memory).model_dump(mode="json"),
        )
