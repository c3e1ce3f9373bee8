"""The converters that the command offers. A new one is a file beside this one, and a line here."""

from hifisyn.dataset_conversion import open_ms, phantom
from hifisyn.dataset_conversion.converter import Converter

CONVERTERS: dict[str, Converter] = {c.name: c for c in (open_ms.CONVERTER, phantom.CONVERTER)}
