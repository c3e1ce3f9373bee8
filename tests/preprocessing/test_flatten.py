import numpy as np

from hifisyn.preprocessing.flatten import flatten
from hifisyn.volume import Volume
from tests.support.heads import grid, scan

SHAPE, AFFINE = grid((58, 70, 44), (3, 3, 3.5))


def test_a_receive_field_is_gone_and_tissues_stay_apart():
    head, brain = scan(SHAPE, AFFINE, "T1", noise=2)
    x, _y, z = np.meshgrid(*[np.linspace(-1, 1, n) for n in SHAPE], indexing="ij")
    field = np.exp(0.8 * x - 0.5 * z)
    inside = brain.data > 0
    plain, shaded = (flatten(Volume(head.data * f, AFFINE)).data[inside] for f in (1, field.astype(np.float32)))
    assert np.corrcoef(head.data[inside], head.data[inside] * field[inside])[0, 1] < 0.8
    assert np.corrcoef(plain, shaded)[0, 1] > 0.9
    assert np.corrcoef(plain, head.data[inside])[0, 1] > 0.95


def test_offset_scale_and_hot_voxels_change_little():
    head, brain = scan(SHAPE, AFFINE, "T2", noise=2)
    hot = head.data.copy()
    hot.flat[np.random.default_rng(0).choice(hot.size, hot.size // 10_000, replace=False)] = 32767
    inside = brain.data > 0
    plain = flatten(head).data[inside]
    for data in (head.data + 1024, head.data * 1e-6, hot):
        assert np.median(np.abs(flatten(Volume(data, AFFINE)).data[inside] - plain)) < 0.02


def test_what_has_no_contrast_comes_back():
    even = Volume(np.full((9, 9, 9), 7.0, np.float32), np.eye(4))
    assert flatten(even) is even
