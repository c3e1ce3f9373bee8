import math

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.signal import convolve2d
from scipy.stats import pearsonr
from skimage.metrics import normalized_root_mse, peak_signal_noise_ratio, structural_similarity

from hifisyn.metrics.image import correlation, finite_mean, ms_ssim, nmse, psnr, ssim, std_ratio


@pytest.fixture
def pair():
    rng = np.random.default_rng(0)
    truth = rng.uniform(-1, 1, (3, 24, 20)).astype(np.float32)
    return (0.8 * truth + 0.1 * rng.standard_normal(truth.shape)).astype(np.float32), truth


@pytest.fixture
def mask():
    rows, columns = np.mgrid[:24, :20]
    disc = (rows - 12) ** 2 + (columns - 9) ** 2 < 49
    return np.stack([disc, disc & (rows > 10), disc & (columns < 9)])


def reference_ssim_map(x, y, data_range):
    """SSIM by the formulas of Wang et al., one window at a time, borders mirrored."""
    offsets = np.arange(-5, 6)
    weight = np.exp(-(offsets[:, None] ** 2 + offsets[None] ** 2) / (2 * 1.5**2))
    weight /= weight.sum()
    x, y = (np.pad(a.astype(np.float64), 5, mode="symmetric") for a in (x, y))
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    out = np.empty((x.shape[0] - 10, x.shape[1] - 10))
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            u, v = x[i : i + 11, j : j + 11], y[i : i + 11, j : j + 11]
            mu, mv = (weight * u).sum(), (weight * v).sum()
            vu, vv, vuv = ((weight * p).sum() - m for p, m in ((u * u, mu * mu), (v * v, mv * mv), (u * v, mu * mv)))
            out[i, j] = (2 * mu * mv + c1) * (2 * vuv + c2) / ((mu**2 + mv**2 + c1) * (vu + vv + c2))
    return out


def reference_ms_ssim(x, y, data_range, weights):
    """MS-SSIM of two slices by the formulas of Wang, Simoncelli and Bovik; windows that lie in the image only."""
    offsets = np.arange(-5, 6)
    window = np.exp(-(offsets[:, None] ** 2 + offsets[None] ** 2) / (2 * 1.5**2))
    window /= window.sum()
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2

    def local(image):
        return convolve2d(image, window, mode="valid")

    value = 1.0
    for scale, weight in enumerate(weights):
        mx, my = local(x), local(y)
        vx, vy, vxy = local(x * x) - mx**2, local(y * y) - my**2, local(x * y) - mx * my
        term = (2 * vxy + c2) / (vx + vy + c2)
        if scale == len(weights) - 1:
            term = term * (2 * mx * my + c1) / (mx**2 + my**2 + c1)
        value *= max(term.mean(), 0) ** weight
        h, w = x.shape[0] // 2, x.shape[1] // 2
        x, y = (
            np.array([[z[2 * i : 2 * i + 2, 2 * j : 2 * j + 2].mean() for j in range(w)] for i in range(h)])
            for z in (x, y)
        )
    return value


def test_psnr_agrees_with_scikit_image_slice_by_slice(pair):
    a, b = pair
    expected = [
        peak_signal_noise_ratio(t.astype(float), s.astype(float), data_range=2) for s, t in zip(*pair, strict=True)
    ]
    np.testing.assert_allclose(psnr(a, b), expected, rtol=1e-12)


def test_psnr_in_a_mask_counts_its_pixels_only(pair, mask):
    a, b = pair
    for k in range(3):
        errors = [(float(a[k, i, j]) - float(b[k, i, j])) ** 2 for i, j in np.argwhere(mask[k])]
        expected = 10 * math.log10(4 / (math.fsum(errors) / len(errors)))
        assert psnr(a, b, mask=mask)[k] == pytest.approx(expected, rel=1e-12)


def test_psnr_gains_what_the_data_range_says(pair):
    a, b = pair
    np.testing.assert_allclose(psnr(a, b, data_range=20.0) - psnr(a, b, data_range=2.0), 20, rtol=1e-12)


def test_psnr_of_equal_slices_is_infinite_and_left_out_of_the_mean(pair):
    a, b = pair[0].copy(), pair[1]
    a[1] = b[1]
    values = psnr(a, b)
    assert np.isinf(values[1])
    assert finite_mean(values) == pytest.approx((values[0] + values[2]) / 2)


def test_ssim_agrees_with_the_formulas_of_wang(pair, mask):
    a, b = pair
    for k in range(3):
        full = reference_ssim_map(a[k].astype(float) + 1, b[k].astype(float) + 1, 2.0)
        assert ssim(a, b)[k] == pytest.approx(full[5:-5, 5:-5].mean(), abs=1e-9)
        assert ssim(a, b, mask=mask)[k] == pytest.approx(full[mask[k]].mean(), abs=1e-9)


def test_ssim_agrees_with_scikit_image(pair):
    settings = {"data_range": 2.0, "gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    a, b = (stack.astype(float) + 1 for stack in pair)
    expected = [structural_similarity(s, t, **settings) for s, t in zip(a, b, strict=True)]
    np.testing.assert_allclose(ssim(*pair), expected, rtol=1e-12)


def test_ssim_is_not_fooled_by_an_inverted_contrast(pair):
    assert (ssim(-pair[1], pair[1]) < 0).all()
    np.testing.assert_allclose(ssim(pair[0] + 1, pair[1] + 1, low=0.0), ssim(*pair), atol=1e-6)


WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


@pytest.mark.parametrize(("shape", "scales"), [((176, 181), 5), ((175, 176), 4), ((45, 60), 3), ((21, 30), 1)])
def test_ms_ssim_agrees_with_the_formulas_of_wang(shape, scales):
    rng = np.random.default_rng(0)
    y = gaussian_filter(rng.standard_normal((2, *shape)), (0, 2, 2)) * 3
    x = gaussian_filter(y, (0, 1, 1)) + 0.1 * rng.standard_normal(y.shape)
    a, b = x.clip(-1, 1), y.clip(-1, 1)
    weights = np.array(WEIGHTS[:scales]) / sum(WEIGHTS[:scales])
    expected = [reference_ms_ssim(s + 1, t + 1, 2.0, weights) for s, t in zip(a, b, strict=True)]
    np.testing.assert_allclose(ms_ssim(a, b), expected, rtol=1e-9)
    assert (ms_ssim(a, b) > 0.1).all()


def test_ms_ssim_of_one_scale_is_ssim(pair):
    settings = {"data_range": 2.0, "gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    a, b = (stack[:, :20].astype(float) for stack in pair)
    expected = [structural_similarity(s + 1, t + 1, **settings) for s, t in zip(a, b, strict=True)]
    np.testing.assert_allclose(ms_ssim(a, b), expected, atol=1e-9)


def test_ms_ssim_of_equals_is_one_and_of_an_inverted_contrast_nought(pair):
    np.testing.assert_allclose(ms_ssim(pair[1], pair[1]), 1, atol=1e-12)
    assert (ms_ssim(-pair[1], pair[1]) == 0).all()
    with pytest.raises(ValueError, match="win_size"):
        ms_ssim(np.zeros((10, 30)), np.zeros((10, 30)))


def test_nmse_agrees_with_scikit_image(pair, mask):
    a, b = (stack.astype(float) for stack in pair)
    expected = [normalized_root_mse(t + 1, s + 1, normalization="euclidean") ** 2 for s, t in zip(a, b, strict=True)]
    np.testing.assert_allclose(nmse(*pair), expected, rtol=1e-9)
    for k in range(3):
        inside = normalized_root_mse(b[k][mask[k]] + 1, a[k][mask[k]] + 1, normalization="euclidean") ** 2
        assert nmse(a, b, mask)[k] == pytest.approx(inside, rel=1e-9)


def test_background_adds_nothing_to_nmse(pair, mask):
    a, b = (np.where(mask, stack, -1) for stack in pair)
    np.testing.assert_allclose(nmse(a, b), nmse(a, b, mask), rtol=1e-12)
    np.testing.assert_allclose(nmse(np.full(b.shape, -1), b), 1, rtol=1e-12)
    assert np.isnan(nmse(a[0], np.full(b[0].shape, -1)))
    np.testing.assert_allclose(nmse(pair[0] + 1, pair[1] + 1, low=0.0), nmse(*pair), rtol=1e-5)


def test_ssim_refuses_slices_below_its_window():
    with pytest.raises(ValueError, match="win_size"):
        ssim(np.zeros((10, 10)), np.zeros((10, 10)))


def test_correlation_and_ratio_agree_with_scipy_in_the_mask(pair, mask):
    a, b = pair
    for k in range(3):
        x, y = a[k][mask[k]].astype(float), b[k][mask[k]].astype(float)
        assert correlation(a, b, mask)[k] == pytest.approx(pearsonr(x, y).statistic, rel=1e-10)
        assert std_ratio(a, b, mask)[k] == pytest.approx(np.std(x) / np.std(y), rel=1e-12)


def test_an_inverted_contrast_has_correlation_minus_one(pair):
    np.testing.assert_allclose(correlation(-3 * pair[1] + 1, pair[1]), -1, atol=1e-12)


def test_a_constant_says_nothing(pair):
    constant = np.full(pair[1].shape, 0.3)
    assert np.array_equal(correlation(constant, pair[1]), np.zeros(3))
    np.testing.assert_allclose(std_ratio(constant, pair[1]), 0, atol=1e-15)
    assert np.isnan(std_ratio(pair[1], constant)).all()


@pytest.mark.parametrize("measure", [psnr, ssim, nmse, correlation, std_ratio])
def test_a_slice_alone_gives_the_value_it_has_in_a_stack(measure, pair, mask):
    a, b = pair
    alone = measure(a[1], b[1], mask=mask[1])
    assert alone.shape == ()
    assert measure(a, b, mask=mask)[1] == alone


@pytest.mark.parametrize("measure", [psnr, ssim, nmse, correlation, std_ratio])
def test_an_empty_mask_gives_nan_for_its_slice_only(measure, pair, mask):
    mask[2] = False
    assert list(np.isnan(measure(*pair, mask=mask))) == [False, False, True]


@pytest.mark.parametrize("measure", [psnr, ssim, nmse, correlation, std_ratio])
def test_shapes_must_agree(measure, pair, mask):
    with pytest.raises(ValueError, match="of one shape"):
        measure(pair[0], pair[1][:2])
    with pytest.raises(ValueError, match="one shape"):
        measure(*pair, mask=mask[0])


def test_the_mean_of_nothing_and_of_equals():
    assert math.isnan(finite_mean(np.array([np.nan])))
    assert finite_mean(np.array([np.inf, np.nan])) == math.inf
