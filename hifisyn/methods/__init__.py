"""Translation methods, one paper a file; importing the package registers them."""

from hifisyn.methods.cyclegan import CycleGAN
from hifisyn.methods.hifisyn import HiFiSyn

__all__ = ["CycleGAN", "HiFiSyn"]
