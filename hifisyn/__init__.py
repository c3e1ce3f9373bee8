"""hifisyn: from raw brain scans to trustworthy synthetic MR contrasts."""

__version__ = "0.1.0"
