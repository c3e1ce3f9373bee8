"""Maps the three real folders at the root to their import names; everything else is in pyproject.toml."""

from setuptools import find_packages, setup

setup(
    packages=find_packages(include=["hifisyn*"]),
    package_dir={
        "hifisyn.dataset_conversion": "dataset_conversion",
        "hifisyn.postprocessing": "postprocessing",
        "hifisyn.preprocessing": "preprocessing",
    },
)
