"""Figure 7: real, HiFi-Syn and the best baseline in one picture, of a case that nobody picked."""

# mypy: no-check-untyped-defs
import numpy as np
import pandas as pd
import pytest

from hifisyn.directions import Direction
from hifisyn.downstream.maps import map_file, write_map
from hifisyn.downstream.tasks import DownstreamTask
from hifisyn.figures import overlays
from hifisyn.paths import ALIGNED
from hifisyn.preprocessing.aligned import AlignedStore
from hifisyn.report import side_by_side
from hifisyn.report.collect_tasks import Downstream
from hifisyn.report.side_by_side import chosen, draw_side_by_side
from tests.support.downstream_clinic import anatomy, write_case
from tests.support.report_facts import facts

CASES = {"x": 0.7, "y": 0.5, "z": 0.9}  # the middle one is x
OFFSETS = {"HiFiSyn": 0.0, "CycleGAN": -0.2, "MUNIT": -0.1, "Paired": 0.05}
DIRECTION = Direction("T2", "T1")


def entry(tmp_path, model, task=DownstreamTask.TISSUE):
    comparison = side_by_side.COMPARED[task]
    rows = [
        {"comparison": comparison, "case": case, "subject": case, "dice_WM": dice + OFFSETS[model]}
        for case, dice in CASES.items()
    ]
    folder = tmp_path / model / "downstream_test" / task / DIRECTION.key
    settings = {"settings": {"tool": "Atropos", "classes": ["WM"]}}
    return Downstream(model, task, DIRECTION, "test", folder, settings, pd.DataFrame(rows), ())


def test_the_middle_case_of_hifisyn_and_the_best_baseline_is_chosen(tmp_path):
    (one,) = chosen(DownstreamTask.TISSUE, [entry(tmp_path, model) for model in OFFSETS])
    assert [e.label for e in one.entries] == ["HiFiSyn", "MUNIT"]
    assert (one.case, one.cases) == ("x", 3)
    assert chosen(DownstreamTask.TISSUE, [entry(tmp_path, model) for model in ("HiFiSyn", "Paired")]) == []
    assert chosen(DownstreamTask.TISSUE, [entry(tmp_path, "MUNIT")]) == []


@pytest.fixture
def scored(tmp_path, monkeypatch):
    """Both models' scans and maps of case x on disk, and what is drawn; the map of MUNIT has no white matter."""
    store = AlignedStore(tmp_path / "IXI" / ALIGNED)
    write_case(store, "x", 3)
    real, labels = store.image("x", "T1"), anatomy(3)
    seen = []
    monkeypatch.setattr(side_by_side, "draw_overlays", lambda path, *args: seen.append(args))

    def results(task):
        entries = [entry(tmp_path, model, task) for model in ("HiFiSyn", "MUNIT")]
        for one in entries:
            (one.folder.parents[1] / "synthetic" / DIRECTION.key).mkdir(parents=True, exist_ok=True)
            real.save(one.folder.parents[1] / "synthetic" / DIRECTION.key / "x.nii.gz", overwrite=True)
            own = labels if task == DownstreamTask.TISSUE else (labels == 3).astype(np.uint8)
            write_map(one.folder, "x", "real", real, own)
            write_map(one.folder, "x", "synthetic", real, own * (one.label == "HiFiSyn"))
        return entries

    return results, seen


@pytest.mark.parametrize("task", [DownstreamTask.TISSUE, DownstreamTask.LESION])
def test_real_ours_and_baseline_stand_side_by_side(tmp_path, scored, task):
    results, seen = scored
    whole = facts(tmp_path, downstream=tuple(results(task)))
    (figure,) = draw_side_by_side(whole, tmp_path / "figures")
    columns, reference, names = seen[0]
    assert [column.name for column in columns] == ["real T1", "HiFiSyn", "MUNIT"]
    found = overlays.overlay_figure(columns, reference, names)
    texts = " ".join(text.get_text() for text in found.texts).replace("\n", " ")
    assert "1.00" in texts
    assert "0.00" in texts
    assert "Fig. 7" in figure.caption
    assert "middle one of 3 test cases" in figure.caption
    if task == DownstreamTask.TISSUE:
        assert reference is None
        assert "real T1, reference" not in texts
    else:
        assert names == {1: "WM"}
        assert reference.sum() == (anatomy(3) == 3).sum()


def test_results_without_maps_are_left_out_and_logged(tmp_path, scored, caplog):
    results, seen = scored
    entries = results(DownstreamTask.TISSUE)
    map_file(entries[1].folder, "x", "synthetic").unlink()
    caplog.set_level("INFO", logger="hifisyn.report")
    assert draw_side_by_side(facts(tmp_path, downstream=tuple(entries)), tmp_path / "figures") == []
    assert "tissue side by side, T2 to T1: left out" in caplog.messages[0]
    assert not seen
