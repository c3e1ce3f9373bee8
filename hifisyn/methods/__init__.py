"""Translation methods, one paper a file; importing the package registers them."""

from hifisyn.methods.attentiongan import AttentionGAN
from hifisyn.methods.cosmos import COSMOS
from hifisyn.methods.cyclegan import CycleGAN
from hifisyn.methods.drit import DRIT
from hifisyn.methods.gc_cyclegan import GCCycleGAN
from hifisyn.methods.hifisyn import HiFiSyn
from hifisyn.methods.instaformer import InstaFormer
from hifisyn.methods.mguit import MGUIT
from hifisyn.methods.munit import MUNIT
from hifisyn.methods.reggan import RegGAN
from hifisyn.methods.sc_cyclegan import SCCycleGAN
from hifisyn.methods.stargan_v2 import StarGANv2
from hifisyn.methods.uvcgan import UVCGAN

__all__ = [
    "COSMOS",
    "DRIT",
    "MGUIT",
    "MUNIT",
    "UVCGAN",
    "AttentionGAN",
    "CycleGAN",
    "GCCycleGAN",
    "HiFiSyn",
    "InstaFormer",
    "RegGAN",
    "SCCycleGAN",
    "StarGANv2",
]
