"""The page of a cohort: the right cases first, for the right reason, in one file that is safe to open and to send."""

import base64
import csv
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from markupsafe import escape
from PIL import Image
from scipy import stats

from hifisyn.dataset import TISSUES, Case, Dataset
from hifisyn.json_files import read_object
from hifisyn.preprocessing.aligned import OF_RECORD, AlignedStore
from hifisyn.preprocessing.normalize import Intensity
from hifisyn.preprocessing.record import Grid, Record, Scan, matrix
from hifisyn.preprocessing.registration_checks import Checks
from hifisyn.preprocessing.steps import Stage, Status, Step, Tool
from hifisyn.quality import qc
from hifisyn.quality.measures import Measure
from hifisyn.quality.outliers import THRESHOLD, measure_spread, robust_z
from hifisyn.quality.page import MOST_PICTURES, MOST_ROWS
from hifisyn.slices import SliceStore
from hifisyn.volume import Volume
from tests.support.heads import grid, rigid

ODD = "<script>alert(\"x\")</script> & 'ä' #1?".replace("/", ":")
VOID = {"meta", "img", "input"}


def write_json(path, content):
    """Write as hifisyn.files does, without waiting for the disk."""
    path.write_text(json.dumps(content))


def record(rng, **changes):
    """A record as of a sound case, numbers scattered a little."""
    t1, t2 = (
        Grid(shape, matrix(affine))
        for shape, affine in (
            grid((200, 220, 60), (0.9, 0.9, 3.0), degrees=(3, 0, 0)),
            grid((250, 260, 50), (0.7, 0.7, 3.3), axes="LPS"),
        )
    )
    nmi = 1.02 + 0.001 * rng.standard_normal()
    checks = Checks(1.0, 0.98, 0.6 + 0.01 * rng.standard_normal(), 0.28, nmi, nmi + 0.05, 0.45)
    moved = matrix(rigid(rng.normal(0, 1, 3), rng.normal(0, 1, 3)))
    scans = {
        "T1": Scan(
            t1, bias_strength=0.1 + 0.01 * rng.standard_normal(), intensity=Intensity(0, 500 * rng.uniform(0.8, 1.2))
        ),
        "T2": Scan(t2, moved, checks, 0.1, True, Intensity(0, 900)),
    }
    whole = Record(
        "T1",
        scans,
        {Stage.SKULL_STRIP: Step(Status.RAN, Tool.DEEPBET), Stage.LABELS: Step(Status.GIVEN)},
        1420 + 90 * rng.standard_normal(),
        t1,
    )
    return replace(whole, **changes)


def cohort(folder, names, changes=None, *, slices=30, rng=None):
    """Write records, slice records, label volumes and pictures of cases; return the data set and the slice store."""
    rng = rng or np.random.default_rng(0)
    store = SliceStore(folder / "plans_2d")
    for part in ("aligned", "plans_2d", "fingerprint", "pictures"):
        (folder / part).mkdir(parents=True)
    Image.linear_gradient("L").resize((900, 600)).save(picture := io.BytesIO(), "png")
    for name in names:
        whole = record(rng)
        whole = changes[name](whole) if changes and name in changes else whole
        content = {"case": name, "key": "k", "labelled": True, **whole.as_json()}
        write_json(folder / f"aligned/{name}.json", content | {"slice_grid": None})
        write_json(
            store.folder / f"{name}.json",
            {"modalities": ["T1", "T2"], "slices": len(whole.slice_indices) or slices} | content,
        )
        volumes = {"background": 4000.0} | {t: float(rng.normal(500, 40)) for t in ("CSF", "GM", "WM")}
        measured = {"key": "k", OF_RECORD: AlignedStore(folder / "aligned").digest(name)}
        write_json(folder / f"fingerprint/{name}.json", measured | {"facts": {"labels_ml": volumes}})
        (folder / f"pictures/{name}.png").write_bytes(picture.getvalue())
    cases = {name: Case(name, name, {}) for name in names}
    return Dataset("IXI", ("T1", "T2"), dict(TISSUES), cases), store


def rescan(name, **changes):
    """What changes one scan of a record."""
    return lambda whole: replace(whole, scans=whole.scans | {name: replace(whole.scans[name], **changes)})


def rows(folder):
    with (folder / "qc.tsv").open(newline="") as file:
        return {row["case"]: row for row in csv.DictReader(file, delimiter="\t")}


class Page(HTMLParser):
    """Elements and links of a page; fails where tags do not match."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.stack: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.stack == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag

    def handle_data(self, data):
        if not {"script", "style"} & set(self.stack):
            self.words.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


PLANTED = {
    "small": (lambda r: replace(r, brain_ml=812.0), r"brain 812 ml, cohort median 14\d\d \(MAD \d"),
    "apart": (
        rescan("T2", checks=Checks(1.0, 0.98, 0.4, 0.28, 1.02, 1.025, 0.45)),
        r"normalised mutual information of T2 1\.02|its gain by registration|edges that T2 meets 40%",
    ),
    "far": (rescan("T2", moving_to_fixed=matrix(rigid((0, 0, 0), (90, 0, 0)))), r"registration moved T2 90 mm"),
    "short": (lambda r: replace(r, slice_indices=tuple(range(4))), r"slices 4, cohort median 30 \(MAD 0\)"),
    "thick": (
        rescan("T1", original=Grid((200, 220, 30), matrix(np.diag([0.9, 0.9, 6.0, 1.0])))),
        r"coarsest side of a voxel, T1 6 mm, cohort median 3 \(MAD 0\)",
    ),
    "biased": (rescan("T1", bias_strength=0.9), r"bias field of T1 0\.9, cohort median 0\.\d+ \(MAD"),
    "bright": (rescan("T1", intensity=Intensity(0, 90000)), r"intensity at the top, T1 90000, cohort median"),
    "cropped": (lambda r: replace(r, outside_crop=0.2), r"brain outside the crop 20%, cohort median 0 \(MAD 0\)"),
}


def test_planted_outliers_come_first_for_the_right_reason(tmp_path):
    names = [f"sound{i:02d}" for i in range(40)] + list(PLANTED)
    dataset, store = cohort(tmp_path, names, {name: change for name, (change, _) in PLANTED.items()})
    page = Page(qc.write_cohort_page(tmp_path, dataset, {}, store).read_text())
    found = rows(tmp_path)
    order = sorted(found, key=lambda case: -float(found[case]["score"]))
    assert set(order[: len(PLANTED)]) == set(PLANTED)
    for name, (_, reason) in PLANTED.items():
        assert float(found[name]["score"]) > THRESHOLD
        assert re.match(reason, found[name]["why"]), found[name]["why"]
    text = "\n".join(page.words)
    places = [text.index(f"\n{name}\n") for name in order]
    assert places == sorted(places)


def test_registrations_that_are_not_trusted_come_first_whatever_their_score(tmp_path, caplog):
    doubtful, failed = (Checks(1.0, 0.98, 0.33, 0.28, 1.02, 1.07, away) for away in (0.6, 0.97))
    changes = PLANTED["small"][0], rescan("T2", checks=doubtful), rescan("T2", checks=failed)
    names = [f"sound{i:02d}" for i in range(20)]
    dataset, store = cohort(
        tmp_path, [*names, "small", "unsure", "wrong"], dict(zip(["small", "unsure", "wrong"], changes, strict=True))
    )
    page = Page(qc.write_cohort_page(tmp_path, dataset, {}, store).read_text())
    text = "\n".join(page.words)
    assert "Registrations that are not trusted: 2" in text
    assert "registrations that are not trusted: of 2 cases" in caplog.text
    cards = text[text.index("\nPictures\n") :]
    assert max(cards.index("\nunsure\n"), cards.index("\nwrong\n")) < cards.index("\nsmall\n") < cards.index("\nsound")
    assert "registration of T2: doubtful" in cards
    found = rows(tmp_path)
    assert {case: row["not_trusted"] for case, row in found.items() if row["not_trusted"] != "n/a"} == {
        "unsure": "T2 doubtful",
        "wrong": "T2 failed",
    }


@pytest.mark.parametrize("log", [False, True])
def test_robust_z_is_the_modified_z_score(log):
    values = np.random.default_rng(1).lognormal(5, 0.3, 201)
    measure = Measure("x", "x", "", lambda record, _: None, log=log)
    counted = np.log(values) if log else values
    deviation = stats.median_abs_deviation(counted)
    expected = stats.norm.ppf(0.75) * (counted - np.median(counted)) / deviation
    assert robust_z(measure, values, measure_spread(measure, values)) == pytest.approx(expected, rel=1e-4)


def test_a_case_can_be_an_outlier_where_most_agree_but_not_where_all_agree():
    measure = Measure("x", "x", "mm", lambda record, _: None)
    same = np.full(40, 3.0)
    assert not robust_z(measure, same, measure_spread(measure, same)).any()
    one = np.append(same, 6.0)
    z = robust_z(measure, one, measure_spread(measure, one))
    assert z[-1] == pytest.approx((6 - 3) / (1.2533 * 3 / 41))
    assert not z[:-1].any()
    two_sites = np.array([3.0] * 25 + [6.0] * 15)
    assert np.abs(robust_z(measure, two_sites, measure_spread(measure, two_sites))).max() < THRESHOLD


def test_rounding_errors_are_no_spread():
    measure = Measure("x", "x", "mm", lambda record, _: None, least=0.1)
    values = np.append(3 + 1e-7 * np.arange(40), [3.09, 3.2])
    z = robust_z(measure, values, measure_spread(measure, values))
    assert not z[:-1].any()
    assert z[-1] == pytest.approx(THRESHOLD * 2, rel=1e-3)


def test_the_harmless_side_small_differences_and_missing_numbers_do_not_count():
    values = np.append(np.linspace(9, 11, 40), [500, -500, np.nan])
    high = Measure("x", "x", "", lambda record, _: None, "high")
    small = Measure("x", "x", "", lambda record, _: None, "both", 600)
    z = robust_z(high, values, measure_spread(high, values))
    assert z[-3] > THRESHOLD
    assert (z[-2:] == 0).all()
    assert not robust_z(small, values, measure_spread(small, values)).any()


def test_a_small_cohort_is_shown_without_scores(tmp_path):
    changes = {"a": PLANTED["small"][0]}
    dataset, store = cohort(tmp_path, "abcd", changes)
    text = " ".join(Page(qc.write_cohort_page(tmp_path, dataset, {}, store).read_text()).words)
    assert "4 cases are too few to find outliers, which takes at least 5." in text
    assert {row["score"] for row in rows(tmp_path).values()} == {"n/a"}
    assert "cohort median" not in text


def test_nothing_at_all_is_a_page_too(tmp_path):
    dataset, store = cohort(tmp_path, [])
    text = qc.write_cohort_page(tmp_path, dataset, {"a": "gone"}, store).read_text()
    assert "gone" in " ".join(Page(text).words)
    assert list(rows(tmp_path)) == ["a"]


def test_the_table_holds_the_numbers_as_computed_from_the_records(tmp_path):
    dataset, store = cohort(tmp_path, "abcdef")
    qc.write_cohort_page(
        tmp_path,
        replace(dataset, cases={n: dataset.cases[n] for n in "abcde"}, test={"f": dataset.cases["f"]}),
        {},
        store,
    )
    found = rows(tmp_path)
    assert [found[name]["set"] for name in "af"] == ["train", "test"]
    for name in "abcdef":
        whole, row = Record.from_json(store.record(name)), found[name]
        t2 = whole.scans["T2"]
        assert t2.checks is not None
        middle = np.array(t2.original.affine) @ [*((np.array(t2.original.shape) - 1) / 2), 1]
        expected = {
            "brain_ml": whole.brain_ml,
            "slices": 30,
            "T2_nmi": t2.checks.nmi_after,
            "T2_nmi_gain": t2.checks.nmi_after - t2.checks.nmi_before,
            "T2_edges_pct": 100 * t2.checks.edges_met,
            "T2_fit_away_pct": 45,
            "T2_seen_pct": 100,
            "T2_moved_mm": np.linalg.norm(np.array(t2.moving_to_fixed) @ middle - middle),
            "T2_finest_mm": 0.7,
            "T2_coarsest_mm": 3.3,
            "T1_high": whole.scans["T1"].intensity.high if whole.scans["T1"].intensity else None,
            "T1_bias": whole.scans["T1"].bias_strength,
        }
        for key, value in expected.items():
            assert float(row[key]) == pytest.approx(value, rel=1e-5), key
        shares = [float(row[f"{tissue}_pct"]) for tissue in ("CSF", "GM", "WM")]
        volumes = [float(row[f"{tissue}_ml"]) for tissue in ("CSF", "GM", "WM")]
        assert shares == pytest.approx([100 * ml / sum(volumes) for ml in volumes], rel=1e-4)
        assert row["step_skull_strip"] == "deepbet"
        assert "T1_nmi" not in row


def test_label_volumes_are_measured_once_where_planning_did_not(tmp_path):
    dataset, store = cohort(tmp_path, "abcdef")
    data = np.zeros((10, 10, 10), np.uint8)
    data[:4], data[4:6], data[6] = 1, 2, 3
    Volume(data, np.diag([5.0, 5, 10, 1])).save(tmp_path / "aligned/c_label.nii.gz")
    (tmp_path / "fingerprint/c.json").unlink()
    qc.write_cohort_page(tmp_path, dataset, {}, store)
    assert [float(rows(tmp_path)["c"][f"{t}_ml"]) for t in ("CSF", "GM", "WM")] == [100, 50, 25]
    (tmp_path / "aligned/c_label.nii.gz").unlink()
    qc.write_cohort_page(tmp_path, dataset, {}, store)
    assert float(rows(tmp_path)["c"]["CSF_ml"]) == 100
    Volume(data * 0 + 1, np.diag([5.0, 5, 10, 1])).save(tmp_path / "aligned/c_label.nii.gz")
    write_json(tmp_path / "aligned/c.json", read_object(tmp_path / "aligned/c.json") | {"key": "another"})
    qc.write_cohort_page(tmp_path, dataset, {}, store)
    assert float(rows(tmp_path)["c"]["CSF_ml"]) == 250


def test_the_page_needs_nothing_from_elsewhere_and_runs_nothing_foreign(tmp_path):
    names = [ODD, *(f"case{i}" for i in range(8))]
    dataset, store = cohort(tmp_path, names, {ODD: PLANTED["small"][0]})
    reason = '<img src="http://x.org/y.png" onerror="alert(1)">'
    text = qc.write_cohort_page(tmp_path, replace(dataset, name="<b>IXI"), {"</script>": reason}, store).read_text()
    page = Page(text)
    assert page.all("script") == [{}]
    assert len(page.all("style")) == 1
    assert not page.all("link")
    assert not page.all("iframe")
    for tag, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on")], tag
        if "src" in attributes:
            assert str(attributes["src"]).startswith("data:image/jpeg;base64,")
        if "href" in attributes:
            assert re.fullmatch(r"qc\.tsv|pictures/[^/:]+\.png", str(attributes["href"]))
            assert (tmp_path / unquote(str(attributes["href"]))).exists()
    words = " ".join(page.words)
    assert ODD in words
    assert reason in words
    assert ODD in rows(tmp_path)
    assert not re.search("https?:", text.replace(str(escape(reason)), ""))


def test_cases_left_out_stand_at_the_top_with_their_reason(tmp_path):
    dataset, store = cohort(tmp_path, "abcdef")
    failures = {"f": "T2: 3 voxels are NaN", "z": "gone"}
    text = " ".join(Page(qc.write_cohort_page(tmp_path, dataset, failures, store).read_text()).words)
    assert text.index("T2: 3 voxels are NaN") < text.index("How outliers are found") < text.index("Pictures")
    found = rows(tmp_path)
    assert (found["f"]["left_out"], found["f"]["brain_ml"], found["a"]["left_out"]) == (
        "T2: 3 voxels are NaN",
        "n/a",
        "n/a",
    )
    assert found["z"]["set"] == "n/a"


def test_paths_of_a_private_data_set_are_not_shown(tmp_path):
    dataset, store = cohort(tmp_path, "abcdef")
    secret = Case("f", "f", {"T1": Path("/data/1234567_20252.zip/T1/T1.nii.gz")})
    dataset = replace(dataset, private=True, cases=dataset.cases | {"f": secret})
    text = qc.write_cohort_page(tmp_path, dataset, {"f": f"{secret.images['T1']}: must be an image"}, store).read_text()
    assert "1234567" not in text + (tmp_path / "qc.tsv").read_text()
    assert "f_T1: must be an image" in text
    assert {(tmp_path / name).stat().st_mode & 0o077 for name in ("qc.html", "qc.tsv")} == {0}


def test_pictures_of_the_first_cases_are_inside_and_all_shown_ones_are_linked(tmp_path):
    dataset, store = cohort(tmp_path, [f"c{i:03d}" for i in range(MOST_PICTURES + 5)])
    (tmp_path / "pictures/c007.png").unlink()
    (tmp_path / "pictures/c008.png").write_bytes(b"no picture")
    page = Page(qc.write_cohort_page(tmp_path, dataset, {}, store).read_text())
    images = page.all("img")
    assert MOST_PICTURES - 2 <= len(images) <= MOST_PICTURES
    for attributes in images:
        with Image.open(io.BytesIO(base64.b64decode(str(attributes["src"]).split(",")[1]))) as image:
            assert (image.format, image.size) == ("JPEG", (640, 427))
        assert str(attributes["alt"]).startswith("Picture of c")
    linked = {attributes["href"] for attributes in page.all("a")} - {"qc.tsv"}
    assert len(linked) == MOST_PICTURES + 4
    assert all(attributes.get("scope") for attributes in page.all("th"))
    assert all(attributes.get("aria-label") for attributes in page.all("svg"))


def test_a_large_cohort_keeps_the_page_small_and_the_table_whole(tmp_path):
    count = MOST_ROWS + 100
    rng = np.random.default_rng(0)
    dataset, store = cohort(tmp_path, ["c0"])
    content = store.record("c0")
    names = [f"c{i}" for i in range(count)]
    for name in names:
        write_json(
            store.folder / f"{name}.json", content | {"brain_ml": float(rng.normal(1400, 90)), "labelled": False}
        )
        (tmp_path / f"aligned/{name}.json").write_text("{}")
    dataset = replace(dataset, cases={name: Case(name, name, {}) for name in names})
    failures = {f"bad{i}": "broken" for i in range(count)}
    page = Page(qc.write_cohort_page(tmp_path, dataset, failures, store).read_text())
    assert len(rows(tmp_path)) == 2 * count
    assert sum(row["left_out"] == "broken" for row in rows(tmp_path).values()) == count
    assert len([a for a in page.all("th") if a.get("scope") == "row"]) < 2 * MOST_ROWS + 60
    assert f"The first {MOST_ROWS} of {count} cases" in " ".join(page.words)


def test_the_same_cases_give_the_same_page(tmp_path):
    dataset, store = cohort(tmp_path, "abcdef")
    first = qc.write_cohort_page(tmp_path, dataset, {}, store).read_bytes()
    assert qc.write_cohort_page(tmp_path, dataset, {}, store).read_bytes() == first
    assert qc.write_cohort_page(tmp_path, dataset, {}).read_bytes() != first
