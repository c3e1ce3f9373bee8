import json
from dataclasses import replace

import numpy as np

from hifisyn.preprocessing.normalize import Intensity
from hifisyn.preprocessing.record import Grid, Record, Scan, matrix, untrusted
from hifisyn.preprocessing.registration_checks import Checks, Verdict
from hifisyn.preprocessing.steps import Stage, Status, Step, Tool
from hifisyn.volume import Volume
from tests.support.heads import grid, rigid

SHAPE, AFFINE = grid((5, 6, 7), (0.9101558394709854, 1 / 3, 3), axes="PIR", degrees=(1, 2, 3))

CHECKS = Checks(1.0, 0.98, 0.6, 0.3, 1.02, 1.08, 0.45)


def test_a_record_comes_back_from_json_without_loss():
    own = Grid.of(Volume(np.zeros(SHAPE), AFFINE))
    scans = {
        "T1": Scan(own, intensity=Intensity(0.0, 812.3)),
        "T2": Scan(own, matrix(rigid((1, 2, 3), (4, 5, 6))), CHECKS, 0.2, True, replaced_voxels=17),
    }
    record = Record(
        "T1",
        scans,
        {Stage.BIAS: Step(Status.RAN, Tool.N4, "2.5", "on T2"), Stage.LABELS: Step(Status.GIVEN)},
        1340.5,
        own,
        (3, 4, 6),
        (2, 3, 4, 5, 6),
        0.01,
    )
    content = json.loads(json.dumps({"case": "a", "modalities": ["T1"], **record.as_json()}))
    assert Record.from_json(content) == record
    assert Record.from_json(json.loads(json.dumps(Record("T1", {}).as_json()))) == Record("T1", {})


def test_a_scan_says_how_many_voxels_reading_replaced():
    volume = Volume(np.zeros(SHAPE), AFFINE, replaced=3)
    assert Scan.of(volume) == Scan(Grid.of(volume), replaced_voxels=3)


def test_a_grid_places_voxels_as_its_volume_did():
    back = Grid.of(Volume(np.zeros(SHAPE), AFFINE)).volume()
    assert back.shape == SHAPE
    np.testing.assert_array_equal(back.affine, AFFINE)


def test_intensities_are_filled_in_by_modality():
    own = Grid.of(Volume(np.zeros(SHAPE), AFFINE))
    record = Record("T1", {"T1": Scan(own), "T2": Scan(own)}).with_intensity({"T2": Intensity(0, 5)})
    assert (record.scans["T1"].intensity, record.scans["T2"].intensity) == (None, Intensity(0, 5))


def test_what_is_not_trusted_is_found_in_a_record():
    own = Grid.of(Volume(np.zeros(SHAPE), AFFINE))
    scans = {
        "T1": Scan(own),
        "T2": Scan(own, checks=CHECKS),
        "FLAIR": Scan(own, checks=replace(CHECKS, edges_met=0.36, fit_away=0.65)),
        "T1ce": Scan(own, checks=replace(CHECKS, edges_met=0.3, fit_away=0.99)),
    }
    verdicts = [scan.verdict for scan in scans.values()]
    assert verdicts == [Verdict.TRUSTED, Verdict.TRUSTED, Verdict.DOUBTFUL, Verdict.FAILED]
    content = json.loads(json.dumps(Record("T1", scans).as_json()))
    assert untrusted(content) == {m: scans[m].checks for m in ("FLAIR", "T1ce")}
