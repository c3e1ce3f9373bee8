"""hifisyn_downstream_eval: are synthetic scans as good as real ones for what comes after?"""

import argparse
from pathlib import Path

from hifisyn.cli.entry import command
from hifisyn.cli.evaluate import close
from hifisyn.dataset import MODALITIES

EPILOG = """examples:
  hifisyn_downstream_eval synth/ truth/ -o tissue/                     Dice of the tissues, synthetic against real T1
  hifisyn_downstream_eval synth/ truth/ -o tissue/ --labels labels/    and both against exact labels

Files pair by name: synth/IXI012_T1.nii.gz, truth/IXI012_T1.nii.gz, labels/IXI012.nii.gz (CSF 1, GM 2, WM 3). The
brain mask is synth/IXI012_T1_brain.nii.gz, which hifisyn_predict writes. Exit code 1: some cases failed, 2: all;
they are listed.
"""


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    p = argparse.ArgumentParser(
        "hifisyn_downstream_eval",
        description="Segment synthetic and real scans with the same tool and compare the results.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("synth", type=Path, help="folder of synthetic volumes CASE_T1.nii.gz and their masks")
    p.add_argument("truth", type=Path, help="folder of real scans of the same names")
    p.add_argument("-o", "--output", type=Path, help="folder for tables, maps and pictures (default: inside SYNTH)")
    p.add_argument("--task", choices=("tissue",), default="tissue", help="tissue: CSF, GM and WM (default)")
    p.add_argument("--modality", default="T1", choices=MODALITIES, help="contrast of the scans (default: T1)")
    p.add_argument("--tool", default="auto", choices=("auto", "fast", "atropos"), help="auto: FAST where installed")
    p.add_argument("--labels", type=Path, help="folder of exact tissue maps CASE.nii.gz")
    p.add_argument("--masks", type=Path, help="folder of brain masks (default: those beside the synthetic volumes)")
    p.add_argument("--register", action="store_true", help="register real scans that lie on another grid")
    p.add_argument("--overwrite", action="store_true", help="replace an earlier evaluation")
    return p


@command
def main(arguments: list[str] | None = None) -> int:
    """Run the command; 0: all done, 1: some cases failed, 2: all failed."""
    options = parser().parse_args(arguments)
    from hifisyn.evaluation import downstream_tissue as task
    from hifisyn.evaluation import output_files

    output = options.output or options.synth / "downstream_tissue"
    done = task.evaluate(
        options.synth,
        options.truth,
        output,
        modality=options.modality,
        masks=options.masks,
        labels=options.labels,
        tool=options.tool,
        register=options.register,
        overwrite=options.overwrite,
    )
    if not done.dataset.empty:
        print(output_files.mean_and_spread(done.dataset, [task.COMPARISON, "cases"], task.MEASURES, task.TITLES))
        print(f"tables, maps and pictures: {output}")
    return close(done.failures, done=not done.dataset.empty)
