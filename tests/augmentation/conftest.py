"""A labelled cohort, a model whose answer is known, and the set that hifisyn_predict --augment makes of them."""

import pytest

from hifisyn.cli.predict import main
from hifisyn.inference import write as writing
from hifisyn.preprocessing import prepare, prepare_case
from hifisyn.preprocessing.steps import Status, Step
from tests.inference.conftest import base_is_a_toy, toy_base  # noqa: F401  # fixtures
from tests.support.labelled_cohort import write_cohort, write_inverse_model


@pytest.fixture(scope="package", autouse=True)
def quick():
    """Draw no picture, and look for no bias: there is none."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writing, "sheet", lambda path, *_, **__: path.write_bytes(b"a picture"))
        for module in (prepare, prepare_case):
            patch.setattr(module, "debias", lambda images, scans, *_: (images, scans, Step(Status.SKIPPED)))
        yield


@pytest.fixture(scope="package")
def raw(tmp_path_factory):
    return write_cohort(tmp_path_factory.mktemp("raw") / "MS")


@pytest.fixture(scope="package")
def model(tmp_path_factory):
    return write_inverse_model(tmp_path_factory.mktemp("home"))


def augment(raw, output, model, *more):
    words = ["-i", raw, "-o", output, "--augment", "--model", model, "--device", "cpu", *more]
    return main([str(word) for word in words])


@pytest.fixture(scope="package")
def made(raw, model, tmp_path_factory):
    """The set of T2, balanced by site."""
    output = tmp_path_factory.mktemp("nnUNet_raw") / "Dataset501_MS"
    assert augment(raw, output, model, "--target", "T2", "--balance", "site") == 0
    return output
