"""Maps the three real folders at the root to their import names; everything else is in pyproject.toml."""

from setuptools import setup

setup(
    packages=[
        "hifisyn",
        "hifisyn.cli",
        "hifisyn.dataset_conversion",
        "hifisyn.downstream",
        "hifisyn.engine",
        "hifisyn.evaluation",
        "hifisyn.experiments",
        "hifisyn.figures",
        "hifisyn.inference",
        "hifisyn.losses",
        "hifisyn.methods",
        "hifisyn.networks",
        "hifisyn.planning",
        "hifisyn.postprocessing",
        "hifisyn.preprocessing",
        "hifisyn.reader_study",
        "hifisyn.report",
        "hifisyn.training",
    ],
    package_dir={
        "hifisyn.dataset_conversion": "dataset_conversion",
        "hifisyn.postprocessing": "postprocessing",
        "hifisyn.preprocessing": "preprocessing",
    },
)
