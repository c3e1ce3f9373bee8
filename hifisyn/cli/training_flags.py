"""The flags that all commands share that train: how long, on what machine, and where things lie."""

import argparse


def add_plan(group: argparse._ArgumentGroup) -> None:
    """Add which plans are followed, and what is changed in them."""
    group.add_argument("--plans", "-p", default="plans", help="name of the plans file; default: plans")
    group.add_argument("--epochs", type=int, help="instead of the plan's")
    group.add_argument("--iterations", type=int, help="steps an epoch, instead of the plan's")
    group.add_argument("--set", nargs="+", action="extend", default=[], metavar="KEY=VALUE", help="change the plans")


def add_machine(group: argparse._ArgumentGroup) -> None:
    """Add what changes nothing of what is learned."""
    group.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 or mps; default: auto")
    group.add_argument("--precision", default="auto", choices=("auto", "fp32", "bf16"), help="auto: bf16 on CUDA")
    group.add_argument("--workers", type=int, help="reading processes; default: 0 on a CPU, else up to 3")
    group.add_argument("--force-long", action="store_true", help="train even if it will take days")


def add_roots(parser: argparse.ArgumentParser) -> None:
    """Add the three roots."""
    where = parser.add_argument_group("where")
    where.add_argument("--raw", metavar="ROOT", help="raw data sets; default: hifisyn_raw")
    where.add_argument("--preprocessed", metavar="ROOT", help="preprocessed data sets; default: hifisyn_preprocessed")
    where.add_argument("--results", metavar="ROOT", help="models; default: hifisyn_results")


def assignments(given: argparse.Namespace) -> tuple[str, ...]:
    """Return the `key=value` texts that `add_plan`'s flags ask for, but for --epochs."""
    each = [] if given.iterations is None else [f"length.iterations={given.iterations}"]
    return (*given.set, *each)
