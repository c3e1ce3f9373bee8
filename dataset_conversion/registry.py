"""The converters that the command offers. A new one is a file beside this one, and a line here."""

from hifisyn.dataset_conversion import bids, brats, folder, ixi, nnunet, open_ms, phantom, tcga_lgg, ukb
from hifisyn.dataset_conversion.converter import Converter

MODULES = (bids, brats, folder, ixi, nnunet, open_ms, phantom, tcga_lgg, ukb)

CONVERTERS: dict[str, Converter] = {module.CONVERTER.name: module.CONVERTER for module in MODULES}
