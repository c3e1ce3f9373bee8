"""The rows of documentation/methods/hifisyn_deviations.md: what the paper prints, and what each preset does.

What the presets do is read from their plans of full size. `python -m tests.support.deviations` writes the table again.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from hifisyn.methods.hifisyn.trainer import HiFiSyn
from hifisyn.planning import planner
from hifisyn.planning.size_rules import FULL_SIZE_DEVICE
from hifisyn.plans import Plans, Preset
from hifisyn.settings import flat
from tests.planning.test_planner import fingerprint

PAGE = Path(__file__).parents[2] / "documentation/methods/hifisyn_deviations.md"
BEGIN, END = "<!-- table -->\n", "<!-- end of table -->\n"
PRESETS: tuple[Preset, ...] = ("literal", "paper", "recommended")
HEAD = ("where", "the paper prints", "setting", *(f"`{preset}`" for preset in PRESETS), "why")
SAME = "the same"
PARTS = ("slices", "optimisation", "batches", "length", "settings")


@dataclass(frozen=True)
class Choice:
    """A decision between print and code.

    Attributes:
        where: section or equation.
        printed: what stands there.
        keys: of the plans, whose values the presets' columns show; none: a choice that no preset changes.
        done: what is done, where it is the same in all.
        why: the reason.
    """

    where: str
    printed: str
    keys: tuple[str, ...] = ()
    done: str = ""
    why: str = ""


M, L, N, D = "settings.memory.", "settings.losses.", "settings.networks.", "settings.content_discriminator."
A = "settings.additions."
CHOICES = (
    Choice(
        "eq. 1",
        "the denominator sums over N, the pixels",
        done="over the slots that a pixel may read",
        why="over pixels the weights of a read do not sum to 1, and S is T/N of a value, 0.7 % of it; N is taken for T",
    ),
    Choice("eq. 1", "no temperature", (f"{M}tau_r",), why="a cosine without one reads 20 slots almost evenly"),
    Choice("eq. 3", "no factor", (f"{M}scaled_read",), why="sqrt(V) gives the entries of a unit value a variance of 1"),
    Choice(
        "eq. 3, section 3.2.1",
        "the bank is read, then updated",
        (f"{M}translation_read",),
        why="values with this batch blended in give E^a a gradient through the translation",
    ),
    Choice(
        "eq. 3, 5",
        "the read-out is written back",
        done="the encoder's attributes at the pixels (MGUIT)",
        why="a read-out is made of the values; written back, no image would ever reach the bank",
    ),
    Choice(
        "section 3.2.1",
        "B is T x 256 and domain-agnostic",
        (f"{M}value_width",),
        why="attributes belong to a contrast: one table each, in all presets; half the width as in MGUIT",
    ),
    Choice(
        "eq. 4",
        "the sums of both contrasts are added to one old key",
        (f"{M}update_sums",),
        why="each of unit norm and their mean, so that no contrast and no number of pixels outweighs",
    ),
    Choice(
        "eq. 4, 5",
        "the old item weighs alpha_p = 0.01; the text says gradual",
        (f"{M}rho", f"{M}warm_up"),
        why="alpha_p as the rate of the update, and less of the first items",
    ),
    Choice("eq. 4, 5", "norm bars that make a number", done="vectors are L2-normalised", why="an item is a vector"),
    Choice(
        "eq. 6",
        "u is a softmax over all pixels",
        (f"{M}update_pixels",),
        why="every slot then receives nearly the same sum; fig. 3 assigns pixels",
    ),
    Choice("eq. 6", "no temperature", (f"{M}tau_u",), why="as for the read"),
    Choice(
        "section 3.2.1",
        "how items begin is not said",
        (f"{M}reseed_after",),
        why="the query of a random pixel of the class; a slot that no pixel chooses begins anew",
    ),
    Choice(
        "section 3.2.1",
        "IXI 20 slots (2, 2, 3, 3 and 10 global), BraTS 38",
        (f"{M}slots", f"{M}global_slots"),
        why="BraTS: 3 each for oedema, necrosis and enhancing tumour, and 19 global",
    ),
    Choice(
        "fig. 3, eq. 3",
        "labels restrict the read in training; in testing there are none",
        (f"{M}p_unlabelled", f"{M}test_read"),
        why="a share of the steps reads as in testing, so that G meets what it will be given",
    ),
    Choice(
        "eq. 7",
        "only images of other people are pushed away",
        (f"{L}pixel_negatives",),
        why="other places of the own image as negatives make the loss one of place",
    ),
    Choice(
        "eq. 7",
        "all pixels, of all images",
        (f"{L}anchors", f"{L}other_pixels"),
        why="a sample of them, for time and memory",
    ),
    Choice(
        "eq. 7, tables 5, 6",
        "no label in the equation; the tables feed the label map to this loss",
        (f"{L}use_labels",),
        why="half of all pixels are the same background: most negatives would be false",
    ),
    Choice(
        "eq. 7",
        "a sum over N pixels; several positives although the text says the same pixel",
        done="a mean; one positive",
        why="see the runs below for the sum",
    ),
    Choice(
        "eq. 8",
        "masked maps of full size",
        (f"{L}region",),
        why="those of two structures of an image are orthogonal by construction: negatives without information",
    ),
    Choice(
        "eq. 9", "a sum over pixels", (f"{L}difference",), why="by which the largest structure, background, ranks first"
    ),
    Choice(
        "eq. 10",
        "w_s falls with the rank; direction and start are not said",
        (f"{L}alpha_s",),
        why="largest difference first, from rank 0, in all",
    ),
    Choice(
        "eq. 11",
        "w_s inside the exponent of the numerator",
        (f"{L}weight_inside",),
        why="its minimum is at p+ = w_s: easy pairs are pushed apart",
    ),
    Choice(
        "eq. 11",
        "the same structure of other people is a negative; which structures",
        (f"{L}same_structure", f"{L}background_structure"),
        why="as printed; background is a label; structures of fewer than 4 content pixels do not count",
    ),
    Choice(
        "eq. 12",
        "the entire content; Omega_s; N not said",
        done="flattened; Omega_g; the images of a step",
        why="instance normalisation leaves nothing in a pooled mean",
    ),
    Choice(
        "eq. 14",
        "z^a or the read-out",
        done="the own attributes, read through the slots of the batch, and the code z^a beside them",
        why="a dense map would leak the image",
    ),
    Choice(
        "eq. 15",
        "both labels for each z, no parentheses",
        done="E^c aims at 1/2 as printed; D^c learns which contrast it sees (DRIT++)",
        why="D^c with the printed target would answer 1/2 always, and E^c learn nothing of it",
    ),
    Choice(
        "eq. 16, 17",
        "no parentheses; E^a under the minimum",
        done="binary cross-entropy on logits, non-saturating for G (DRIT++)",
        why="keeps the gradient alive",
    ),
    Choice(
        "eq. 17",
        "lambda_1 to lambda_4 are not given",
        (f"{L}content", f"{L}domain", f"{L}cycle", f"{L}reconstruction"),
        why="DRIT++'s",
    ),
    Choice(
        "eq. 17",
        "lambda_5 to lambda_7 are 1, 2, 1",
        (f"{L}pgd", f"{L}sgd", f"{L}ggd", f"{L}ramp_start", f"{L}ramp"),
        why="in runs under 10,000 steps `recommended` takes a tenth of them, after half of the run",
    ),
    Choice(
        "eq. 7, 11, 12", "tau_1 to tau_3 are not given", (f"{L}tau_1", f"{L}tau_2", f"{L}tau_3"), why="of their sources"
    ),
    Choice(
        "all losses",
        "sums over pixels, structures and images",
        done="means, summed over the two contrasts",
        why="weights then hold at every size",
    ),
    Choice(
        "section 4.2",
        "Adam, 1e-4",
        ("optimisation.lr", "optimisation.lr_discriminator", f"{D}lr", "optimisation.decay_from"),
        why="DRIT++'s code has D^c at 4e-5 and a linear decay from the middle",
    ),
    Choice("section 4.2", "nothing more of Adam", ("optimisation.betas", "optimisation.weight_decay"), why="DRIT++'s"),
    Choice("section 4.2", "no clipping", (f"{D}clip",), why="DRIT++'s code clips the gradient of D^c"),
    Choice(
        "section 4.2",
        "nothing of steps that move D^c alone",
        (f"{D}steps",),
        why="DRIT++'s d_iter: two of three steps move D^c alone, so 1,500,000 steps are 500,000 updates of G",
    ),
    Choice(
        "section 4.2",
        "batch 2",
        ("optimisation.batch_size",),
        why="of each contrast, all encoded; DRIT++ encodes one of two",
    ),
    Choice(
        "training",
        "no length",
        ("length.epochs", "length.iterations"),
        why="MGUIT's 500,000 updates of all networks, nnU-Net's 250,000; `--length` takes that of another work",
    ),
    Choice(
        "training",
        "256 x 256 images, a content of 54 x 54",
        ("slices.size", "slices.crop"),
        why="54 is a quarter of 216: a crop, at random in training (DRIT++), in the middle after",
    ),
    Choice(
        "section 4.1",
        "100 axial slices a subject",
        ("slices.per_case", "slices.pixel_mm", "slices.min_brain"),
        why="evenly spread over the brain",
    ),
    Choice("training", "nothing of mirroring", ("batches.flip",), why="DRIT++ mirrors"),
    Choice(
        "training",
        "unpaired images",
        ("batches.pairing", "batches.position_slack", "batches.shares"),
        why="of different people, at any height",
    ),
    Choice(
        "networks",
        "nothing of noise on content",
        (f"{N}content_noise",),
        why="DRIT++ adds it; here on what G and D^c see alone, never on queries and contrasts",
    ),
    Choice(
        "networks",
        "E^c, E^a, G as in DRIT++, content of 256 channels",
        (f"{N}width", f"{N}n_down", f"{N}content_blocks", f"{N}attribute_code", f"{N}attribute_encoder", f"{N}init"),
        why="E^a has a dense output beside the code",
    ),
    Choice(
        "networks",
        "D: 3x3 convolutions, 64 to 1024 channels",
        (f"{N}discriminator",),
        why="stride 2, reflection, no norm, one scale; strides and padding are not printed",
    ),
    Choice(
        "networks, eq. 16",
        "nothing of up-sampling, nor of a norm in D",
        (f"{N}upsampling", f"{N}spectral_norm", f"{A}adversarial", f"{A}r1"),
        why="3x3 transposed convolutions and cross entropy as in DRIT++; the others are ours, to be asked for",
    ),
    Choice(
        "training",
        "no simulation and no teacher",
        (f"{A}simulated", f"{A}teacher", f"{A}tissue"),
        why="ours, to be asked for; the first weighs nothing while `batches.shares` has no simulated batches",
    ),
    Choice("networks", "no number of parameters", ("parameters",), why="counted; one D a contrast"),
    Choice(
        "eq. 13, testing",
        "z^a of the target is not said",
        ("settings.attribute_ema",),
        why="a running mean over the training images of the target",
    ),
    Choice(
        "training",
        "no averaged weights",
        ("optimisation.average",),
        why="they make better images, most early in a run",
    ),
    Choice(
        "training",
        "two contrasts",
        done="two or more: each step draws two",
        why="one table of values a contrast; D^c has a logit each, E^c aims at the uniform distribution",
    ),
    Choice(
        "section 4.1.2",
        "IXI registered, although training is unpaired",
        done="pairs serve evaluation alone",
        why="training never meets two slices of one person",
    ),
)


def planned(preset: Preset) -> Plans:
    """Return the plan of a preset at full size, for a cohort like IXI."""
    return planner.plan(fingerprint(), FULL_SIZE_DEVICE, HiFiSyn, preset=preset)


def values(plans: Plans) -> dict[str, Any]:
    """Return what a plan says of a training, by key; foreign slots are no choice."""
    content = plans.model_dump(mode="json", include=set(PARTS))
    slots = content["settings"]["memory"].pop("slots")
    found = flat(content) | {f"{M}slots": slots}
    return {key: value for key, value in found.items() if key != f"{M}foreign"}


def parameters(plans: Plans) -> int:
    """Return the number of trained parameters, without memory for them."""
    with torch.device("meta"):
        trainer = HiFiSyn(plans, ("T1", "T2"))
    return sum(p.numel() for group in trainer.groups() for p in trainer.parameters(group))


def table() -> str:
    """Return the table of the page."""
    plans = {preset: planned(preset) for preset in PRESETS}
    known = {preset: values(p) | {"parameters": f"{parameters(p):,}"} for preset, p in plans.items()}
    lines = [_line(HEAD), _line(["---"] * len(HEAD))]
    return "\n".join([*lines, *(_line(_cells(choice, known)) for choice in CHOICES)]) + "\n"


def write() -> None:
    """Put the table into the page."""
    before, rest = PAGE.read_text().split(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}{table()}{END}{rest.split(END)[1]}")


def _cells(choice: Choice, known: Mapping[Preset, Mapping[str, Any]]) -> Iterator[str]:
    yield from (choice.where, choice.printed)
    if not choice.keys:
        yield from ("", choice.done, SAME, SAME)
    else:
        yield ", ".join(f"`{key.removeprefix('settings.')}`" for key in choice.keys)
        yield from (", ".join(_text(known[preset][key]) for key in choice.keys) for preset in PRESETS)
    yield choice.why


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return " ".join(f"{name} {_text(each)}" for name, each in value.items())
    if isinstance(value, list):
        return "(" + " ".join(map(_text, value)) + ")"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _line(cells: Any) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    write()
