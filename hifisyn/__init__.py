"""hifisyn: from raw brain scans to trustworthy synthetic MR contrasts.

The front door for Python. Each name is imported when it is first used, so that `import hifisyn` costs nothing:

>>> from hifisyn import Dataset, Plans, Predictor, Volume
>>> Volume.__module__
'hifisyn.volume'
"""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hifisyn.api.evaluate import evaluate
    from hifisyn.api.predict import predict
    from hifisyn.api.train import train
    from hifisyn.dataset import Dataset
    from hifisyn.errors import UserError
    from hifisyn.inference.predictor import Predictor
    from hifisyn.plans import Plans
    from hifisyn.volume import Volume

__version__ = "0.1.0"
__all__ = ["Dataset", "Plans", "Predictor", "UserError", "Volume", "__version__", "evaluate", "predict", "train"]

_MODULES = {
    "Dataset": "hifisyn.dataset",
    "Plans": "hifisyn.plans",
    "Predictor": "hifisyn.inference.predictor",
    "UserError": "hifisyn.errors",
    "Volume": "hifisyn.volume",
    "evaluate": "hifisyn.api.evaluate",
    "predict": "hifisyn.api.predict",
    "train": "hifisyn.api.train",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'hifisyn' has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _check_links(package: Path) -> None:
    """See that the links to the folders at the root of a checkout are links; without them Git writes text files.

    Raises:
        ImportError: one is a file.
    """
    for room in ("dataset_conversion", "postprocessing", "preprocessing"):
        if (package / room).is_file():
            raise ImportError(
                f"{package / room} must be a link to the folder {room} (got a text file); turn on developer mode on "
                "Windows, then run: git config core.symlinks true && git checkout -- hifisyn"
            )


_check_links(Path(__file__).parent)
