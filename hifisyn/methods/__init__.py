"""Translation methods, one paper a file; importing the package registers them."""

from hifisyn.methods.hifisyn import HiFiSyn

__all__ = ["HiFiSyn"]
