import numpy as np
import pytest

from hifisyn.errors import UserError
from hifisyn.preprocessing.align import Aligned
from hifisyn.preprocessing.aligned import AlignedStore
from hifisyn.preprocessing.record import Grid, Record, Scan
from hifisyn.preprocessing.steps import Stage, Status, Step
from hifisyn.volume import Volume


def example():
    rng = np.random.default_rng(0)
    image = Volume(rng.random((5, 6, 7)).astype(np.float32), np.diag([1.0, 2, 3, 1]))
    brain = image.with_data((image.data > 0.5).astype(np.uint8))
    return Aligned(
        {"T1": image},
        brain,
        None,
        Record("T1", {"T1": Scan(Grid.of(image))}, {Stage.SKULL_STRIP: Step(Status.GIVEN)}, 3.5),
    )


def test_a_case_comes_back_as_it_was_written(tmp_path):
    store = AlignedStore(tmp_path)
    store.write("a", example(), key="k1")
    back = store.read("a")
    np.testing.assert_array_equal(back.images["T1"].data, example().images["T1"].data)
    np.testing.assert_array_equal(back.brain.data, example().brain.data)
    assert (back.label, back.record) == (None, example().record)
    assert (store.cases(), store.key("a"), store.record("a")["labelled"]) == (["a"], "k1", False)


def test_a_case_without_record_does_not_exist(tmp_path):
    store = AlignedStore(tmp_path)
    store.write("a", example())
    (tmp_path / "a.json").unlink()
    assert (store.cases(), store.key("a")) == ([], None)
    with pytest.raises(UserError, match=r"a is not aligned in .*; run hifisyn_plan_and_preprocess"):
        store.record("a")
