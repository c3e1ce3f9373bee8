"""The rows of a benchmark: every method as it is, in the order of the paper's Table 1, HiFi-Syn last."""

from collections.abc import Iterable

from hifisyn.errors import UserError
from hifisyn.experiments.rows import Row
from hifisyn.training.registry import method_name, names, trainer_class

REFERENCE = "HiFiSyn"
WORDS = {
    "CycleGAN": "two generators that undo each other (2017)",
    "GC-CycleGAN": "CycleGAN with gradient consistency (2018)",
    "SC-CycleGAN": "CycleGAN with MIND structure descriptors (2020)",
    "COSMOS": "CycleGAN with a segmentation head, needs labels (2022)",
    "AttentionGAN": "CycleGAN with attention masks (2021)",
    "MUNIT": "content and style codes, AdaIN (2018)",
    "DRIT++": "content and attributes, content discriminator (2020)",
    "RegGAN": "a registration network corrects the target (2021)",
    "UVCGAN": "U-Net with a vision transformer, pre-trained (2023)",
    "StarGAN-v2": "one generator, mapping network and style encoder (2020)",
    "MGUIT": "class-aware key-value memory (2021)",
    "InstaFormer": "transformer on content tokens, contrastive (2022)",
    REFERENCE: "Brain Memory Bank and discrimination at three grains (2024)",
}


def method_rows(words: Iterable[str] = ()) -> tuple[Row, ...]:
    """Return a row for each method that is named, or for every registered one, in the order of `WORDS`.

    Args:
        words: names in the registry in any case, or package.module:Class.

    Raises:
        UserError: there is no such method; or one is named twice.
    """
    known = {name.lower(): name for name in names()}
    wanted = [known.get(word.lower(), word) for word in words] or names()
    for name in wanted:
        trainer_class(name)
    called = [method_name(name) for name in wanted]
    if len(set(called)) < len(called):
        twice = next(name for name in called if called.count(name) > 1)
        raise UserError(f"--methods: wanted every method once, found {twice} twice; name it once")
    order = list(WORDS)
    wanted.sort(key=lambda name: order.index(name) if name in order else len(order))
    return tuple(Row(n.lower(), method_name(n), WORDS.get(n, "a method from elsewhere"), None, (), n) for n in wanted)
