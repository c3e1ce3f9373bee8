"""What a pre-training of HiFi-Syn makes of real gliomas, before any training on them.

usage: python -m benchmarks.hifisyn_recipe.started NETWORKS SLICES [--tta]

Twice: with values and mean code of simulated heads; and with those of the other patients of the cohort, unpaired, from
their images and labels (`told`), by which no weight is changed. In the brain, PSNR / SSIM / correlation, mean over
slices, then over patients; with `--tta` also averaged over shifts and mirror.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import normalize

from benchmarks.base_model.cases import Case, read
from benchmarks.hifisyn_recipe.cohort import CONTRASTS, GROUP, LABELS
from benchmarks.hifisyn_recipe.measure import measure
from hifisyn.methods.content_masks import content_masks
from hifisyn.methods.hifisyn.trainer import HiFiSyn
from hifisyn.training.batch import Batch
from hifisyn.training.pretrained import Pretrained

Look = tuple[torch.Tensor, torch.Tensor, torch.Tensor]  # values (T, V), known (T,), mean code


def started(file: Path) -> HiFiSyn:
    """Return the networks of a file, for the contrasts of the cohort."""
    start = Pretrained.read(file)
    plans = start.plans.model_copy(update={"modalities": CONTRASTS, "labels": LABELS})
    trainer = HiFiSyn(plans, CONTRASTS)
    start.put_into(trainer.networks)
    return trainer.train(False)  # type: ignore[return-value]


@torch.inference_mode()
def look(trainer: HiFiSyn, case: Case, contrast: str) -> Look:
    """Return what the images of a patient say about values and code of a contrast."""
    bank, stride = trainer.passes.bank, trainer.settings.networks.stride
    assert bank is not None
    image = torch.from_numpy(case.images[contrast][case.middle])[:, None]
    label = torch.from_numpy(case.labels[case.middle].astype(np.int64))
    batch = Batch({contrast: image}, {contrast: label}, {contrast: torch.zeros(len(image), dtype=torch.int64)}, 0)
    dense, code = trainer.networks.attribute_encoder(image, contrast)
    assert dense is not None
    content = trainer.networks.content_encoder(image, contrast)
    sums = bank.sums(content, dense, content_masks(batch, stride).labels[contrast])
    return normalize(sums.value, dim=1), sums.present, code.mean(dim=0)


@torch.no_grad()
def tell(trainer: HiFiSyn, contrast: str, looks: Sequence[Look]) -> None:
    """Let bank and mean code be those of patients; a slot that none of them has stays."""
    bank = trainer.passes.bank
    assert bank is not None
    values = torch.stack([values * known[:, None] for values, known, _ in looks]).sum(dim=0)
    known = torch.stack([known for _, known, _ in looks]).any(dim=0)
    table = bank.tables[contrast]
    table.values.copy_(torch.where(known[:, None], normalize(values, dim=1), table.values))
    table.known |= known
    trainer.networks.running_code.codes[contrast].mean.copy_(torch.stack([code for *_, code in looks]).mean(dim=0))


def main() -> int:
    """Print a line a way and direction."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", type=Path)
    parser.add_argument("slices", type=Path)
    parser.add_argument("--tta", action="store_true", help="shifts and mirror too, nine times as long")
    given = parser.parse_args()
    torch.set_num_threads(1)
    cases = [read(file) for file in sorted(given.slices.glob(GROUP))]
    trainer = started(given.networks)
    looks = {contrast: [look(trainer, case, contrast) for case in cases] for contrast in CONTRASTS}
    rows: dict[str, list[dict[str, list[float]]]] = {}
    for told in (False, True):
        for tta in (False, True) if given.tta else (False,):
            name = f"{'told' if told else 'not told'}{', shifts and mirror' if tta else ''}"
            for place, case in enumerate(cases):
                if told:
                    for contrast in CONTRASTS:
                        tell(trainer, contrast, [*looks[contrast][:place], *looks[contrast][place + 1 :]])
                rows.setdefault(name, []).append(measure(trainer, [case], tta=tta))
    print(f"{given.networks}: {len(cases)} patients")
    for name, found in rows.items():
        for direction in found[0]:
            psnr, ssim, r = np.mean([one[direction] for one in found], axis=0)
            print(f"  {direction:12s} {name:32s} {psnr:5.1f} / {ssim:.3f} / {r:.3f}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
