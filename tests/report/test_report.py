"""The report of two small models: a page by itself, a viewer of the slices on disk, tables that hold the means."""

import os
import re
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

from hifisyn.cli.report import main
from hifisyn.evaluation import synthetic_slices
from hifisyn.report.viewer import colours
from hifisyn.slices import SliceStore
from tests.quality.test_qc import Page
from tests.support.browser import FLAGS, needs_browser, opened, program
from tests.support.report_toys import (
    MODELS,
    fold_folder,
    train_and_evaluate,
    without_pictures,
    write_dataset,
    write_tasks,
)

PANELS = ("source", "synthetic", "target", "error")
CENTRES = """([kind, high]) => {
  const canvas = document.querySelector(`[data-kind="${kind}"] canvas`), block = canvas.height / high, found = [];
  const copy = Object.assign(document.createElement("canvas"), { width: canvas.width, height: canvas.height });
  const context = copy.getContext("2d", { willReadFrequently: true });
  context.drawImage(canvas, 0, 0);
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  for (let y = Math.floor(block / 2); y < canvas.height; y += block)
    for (let x = Math.floor(block / 2); x < canvas.width; x += block)
      found.push(...data.slice(4 * (y * canvas.width + x), 4 * (y * canvas.width + x) + 3));
  return [canvas.width / block, found];
}"""


@pytest.fixture(scope="module")
def roots(tmp_path_factory):
    roots = write_dataset(tmp_path_factory.mktemp("report"))
    with pytest.MonkeyPatch.context() as patch:
        without_pictures(patch)
        train_and_evaluate(roots)
    write_tasks(roots)
    return roots


def run(roots, *words):
    where = ["--preprocessed", str(roots.preprocessed), "--results", str(roots.results)]
    return main(["-d", "TOY", *where, *words])


@pytest.fixture(scope="module")
def report(roots):
    assert run(roots, "--no-figures") == 0
    return roots.results / "TOY" / "report" / "report.html"


class Stored:
    """The slices on disk, cut to the brain as the viewer says it does, as greys."""

    def __init__(self, roots, case):
        self.store, self.roots, self.case = SliceStore(roots.preprocessed / "TOY" / "plans_2d"), roots, case
        rows, columns = (np.flatnonzero(self.store.brain(case).any(axis=axes)) for axes in ((0, 2), (0, 1)))
        last = self.store.brain(case).shape[1]
        self.box = tuple(slice(max(a[0] - 3, 0), min(a[-1] + 4, last)) for a in (rows, columns))

    def real(self, modality, place):
        return grey(self.store.image(self.case, modality)[place][self.box])

    def synthetic(self, seed, direction, place):
        folder = fold_folder(self.roots, seed) / "evaluation_test"
        return grey(synthetic_slices.read(folder, self.case, *direction)[place][self.box])


def grey(values):
    return np.floor((np.clip(values, -1, 1) + 1) / 2 * 255 + 0.5).astype(int)


def drawn(page, kind, shape):
    """Return what a panel shows, one colour a pixel of the slice, read back from the middle of its block."""
    wide, data = page.evaluate(CENTRES, [kind, shape[0]])
    assert wide == shape[1]
    return np.array(data).reshape(*shape, 3)


def number(pattern, words):
    found = re.search(pattern, words)
    assert found, words
    return float(found[1])


def place_of(page):
    return int(number(r"slice (\d+)", page.locator('[data-part="status"]').inner_text()))


def shows(page, roots, direction=("T1", "T2"), seed=0):
    """See that all panels show the slices on disk at the place that the page names; return that place."""
    case = page.locator('[data-part="case"] option:checked').inner_text()
    stored, place = Stored(roots, case), place_of(page)
    source, synthetic, target = (
        stored.real(direction[0], place),
        stored.synthetic(seed, direction, place),
        stored.real(direction[1], place),
    )
    for kind, expected in (("source", source), ("synthetic", synthetic), ("target", target)):
        np.testing.assert_array_equal(drawn(page, kind, expected.shape), np.stack([expected] * 3, -1), kind)
    largest = number(r'"largest": ([\d.]+)', page.locator("#viewer-settings").inner_text())
    index = np.minimum(np.floor(np.abs(synthetic - target) / (largest / 2 * 255) * 255 + 0.5), 255).astype(int)
    np.testing.assert_array_equal(drawn(page, "error", index.shape), colours()[index])
    assert len(np.unique(index)) > 5
    return place


def reads(page, selector, pattern):
    """Wait until an element says something; the page's policy forbids waiting for a script."""
    from playwright.sync_api import expect

    expect(page.locator(selector)).to_have_text(re.compile(pattern))


def ready(page):
    from playwright.sync_api import expect

    expect(page.locator('[data-part="stage"]')).to_have_attribute("aria-busy", "false")


@pytest.mark.slow
@needs_browser
def test_all_panels_show_the_stored_slices_and_move_together(roots, report):
    with opened(report) as page:
        ready(page)
        first = shows(page, roots)
        page.locator('[data-part="stage"]').focus()
        page.keyboard.press("ArrowRight")
        assert shows(page, roots) == first + 1
        page.keyboard.press("Home")
        assert shows(page, roots) == 0
        page.locator('[data-kind="target"] canvas').hover()
        page.mouse.wheel(0, 100)
        reads(page, '[data-part="status"]', "^slice 1")
        page.mouse.move(0, 0)
        assert shows(page, roots) == 1
        page.locator('[data-part="slice"]').fill("4")
        assert shows(page, roots) == 4


@pytest.mark.slow
@needs_browser
def test_menus_change_subject_direction_and_model(roots, report):
    with opened(report) as page:
        ready(page)
        title = page.locator('[data-kind="source"] .title')
        page.locator('[data-part="model"]').select_option(MODELS[1])
        ready(page)
        shows(page, roots, seed=1)
        page.locator('[data-part="direction"]').select_option("T2 to T1")
        reads(page, '[data-kind="source"] .title', "T2$")
        shows(page, roots, ("T2", "T1"), seed=1)
        page.locator('[data-part="case"]').select_option(index=2)
        ready(page)
        shows(page, roots, ("T2", "T1"), seed=1)
        assert title.inner_text() == "Source: T2"
        rows = page.locator("tr[data-case]:visible")
        assert {row.split("\t")[2] for row in rows.all_inner_texts()} == {"T2 to T1"}
        assert rows.count() == 6


@pytest.mark.slow
@needs_browser
def test_pointing_reads_the_same_place_in_all_panels_and_zoom_enlarges_it(roots, report):
    with opened(report) as page:
        ready(page)
        case = page.locator('[data-part="case"] option:checked').inner_text()
        stored, place = Stored(roots, case), place_of(page)
        source, target = stored.real("T1", place), stored.real("T2", place)
        height, width = source.shape
        canvas = page.locator('[data-kind="target"] canvas')
        canvas.scroll_into_view_if_needed()
        frame = canvas.bounding_box()
        column, row = width // 2 + 2, height // 2 - 3
        page.mouse.move(
            frame["x"] + (column + 0.5) / width * frame["width"], frame["y"] + (row + 0.5) / height * frame["height"]
        )
        values = [page.locator(f'[data-kind="{kind}"] .value').inner_text().replace("−", "-") for kind in PANELS]
        assert float(values[0]) == pytest.approx(2 * source[row, column] / 255 - 1, abs=6e-4)
        assert float(values[2]) == pytest.approx(2 * target[row, column] / 255 - 1, abs=6e-4)
        assert float(values[3].split()[0]) == pytest.approx(float(values[1]) - float(values[2]), abs=2e-3)
        assert values[3].endswith(f"at column {column}, row {row}")
        page.mouse.move(0, 0)
        before = drawn(page, "target", source.shape)
        page.locator('[data-part="stage"]').focus()
        for _ in range(3):
            page.keyboard.press("+")
        assert not np.array_equal(drawn(page, "target", source.shape), before)
        page.locator('[data-part="window"]').fill("1")
        page.keyboard.press("0")
        page.locator('[data-part="reset"]').click()
        np.testing.assert_array_equal(drawn(page, "target", source.shape), before)


@pytest.mark.slow
@needs_browser
def test_the_methods_are_copied_as_they_stand(report):
    with opened(report) as page:
        ready(page)
        page.locator("[data-copies]").click()
        reads(page, "[data-copies]", "^Copied$")
        page.evaluate("document.body.prepend(Object.assign(document.createElement('textarea'), { id: 'pasted' }))")
        page.locator("#pasted").focus()
        page.keyboard.press("Control+V")
        pasted, shown = page.locator("#pasted").input_value(), page.locator("#methods-text").inner_text()
        assert pasted.split() == shown.split()
        assert "held-out test subjects" in pasted


@pytest.mark.slow
@needs_browser
def test_without_script_all_but_the_viewer_can_be_read(report):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program(), args=list(FLAGS))
        page = browser.new_context(java_script_enabled=False, viewport={"width": 700, "height": 900}).new_page()
        page.goto(report.resolve().as_uri())
        text = page.locator("body").inner_text()
        browser.close()
    assert "The viewer needs JavaScript" in text
    assert "Numbers of the subject" in text
    assert "Wilcoxon" in text
    assert "Slice " not in text


@pytest.mark.slow
def test_the_page_is_one_file_that_runs_nothing_foreign(report):
    text = report.read_text()
    page = Page(text)
    kinds = [attributes.get("type") for attributes in page.all("script")]
    assert kinds == ["application/json"] * 4 + [None]
    for tag, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on")], tag
        assert str(attributes.get("src", "data:")).startswith("data:")
        assert str(attributes.get("href", "#")).startswith(("#", "figures/"))
    targets = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    assert {str(a["href"])[1:] for a in page.all("a") if str(a["href"]).startswith("#")} <= targets
    assert all(attributes.get("scope") for attributes in page.all("th"))


@pytest.mark.slow
def test_tables_hold_the_means_over_subjects(roots, report):
    tables = report.parent / "tables"
    assert {file.stem for file in tables.glob("*.csv")} == {file.stem for file in tables.glob("*.md")}
    found = pd.read_csv(tables / "image_quality_T1_to_T2_test.csv").set_index(["measure", "model"])["mean"]
    for seed, label in enumerate(MODELS):
        cases = pd.read_csv(fold_folder(roots, seed) / "evaluation_test" / "subjects.csv")
        own = cases[(cases["method"].str.endswith("Toy")) & (cases["direction"] == "T1 to T2")]
        assert found["psnr", label] == pytest.approx(own["psnr"].mean(), abs=1e-5)
        assert found["ssim_brain", label] == pytest.approx(own["ssim_brain"].mean(), abs=1e-5)
    assert found["psnr", "source itself"] != found["psnr", MODELS[0]]
    tissue = pd.read_csv(tables / "tissue.csv").set_index("measure")["mean"]
    truth = pd.read_csv(fold_folder(roots) / "downstream_test/tissue/T2_to_T1/subjects.csv")
    assert tissue["vs_WM"] == pytest.approx(truth["vs_WM"].mean())
    assert "**22.00 ± 1.00**" in (tables / "ablation_T1_T2_fold_0.md").read_text()


@pytest.mark.slow
def test_what_was_run_is_reported(roots, report):
    text = " ".join(Page(report.read_text()).words)
    summary = pd.read_json(fold_folder(roots) / "evaluation_test" / "summary.json", typ="series")
    for words in (
        summary["asked"]["weights"],
        "hifisyn_train TOY T1 T2 fold0",
        "length.iterations = 4",
        f"python {sys.version.split()[0]}",
        "There are 3 subjects only",
        "trained for 8 steps only",
        "deepbet 1.0.2",
        "3 subjects were held out",
    ):
        assert words in text, words
    assert "hifisyn_ablation" not in text


@pytest.mark.slow
def test_an_earlier_report_is_kept_and_old_tables_go(roots, report, capsys):
    assert run(roots) == 2
    assert "--overwrite" in capsys.readouterr().err
    (report.parent / "tables" / "old.csv").write_text("x")
    assert run(roots, "--no-figures", "--overwrite", "--subjects-number", "1", "--slices", "2") == 0
    assert not (report.parent / "tables" / "old.csv").exists()
    assert Page(report.read_text()).all("script")[1]["id"] == "case-0"
    assert len(Page(report.read_text()).all("script")) == 3
    assert run(roots, "--reference", "X", "-o", str(report.parent / "other.html")) == 2
    assert f"choose one of {MODELS[0]}, {MODELS[1]}" in capsys.readouterr().err
    assert run(roots, "--no-figures", "--overwrite", "--reference", MODELS[1]) == 0
    assert f"Tests are against {MODELS[1]}." in " ".join(Page(report.read_text()).words)


@pytest.mark.slow
def test_private_data_show_no_paths_and_are_for_their_owner(tmp_path, monkeypatch):
    roots = write_dataset(tmp_path / "participant_77", private=True)
    without_pictures(monkeypatch)
    train_and_evaluate(roots, seeds=(0,))
    assert run(roots, "--no-figures") == 0
    report = roots.results / "TOY" / "report" / "report.html"
    files = [report, *(report.parent / "tables").iterdir()]
    assert all("participant_77" not in file.read_text() and "/secret" not in file.read_text() for file in files)
    assert {os.stat(file).st_mode & 0o077 for file in files} == {0}
    assert "hifisyn_train TOY T1 T2 fold0" in report.read_text()


def test_help_answers_at_once_without_torch():
    begun = time.monotonic()
    code = "import sys, hifisyn.cli.report as r; assert 'torch' not in sys.modules; r.main(['-h'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "hifisyn_report -d IXI" in done.stdout
    assert time.monotonic() - begun < 5
