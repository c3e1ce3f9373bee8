"""The page of a study of detection in a real browser: by keyboard, by clicks, interrupted, and back to a table."""

# mypy: no-check-untyped-defs
import json

import pandas as pd
import pytest

from hifisyn.cli.reader_study import main
from hifisyn.reader_study.detection_key import mask_of, read_detection_key
from tests.reader_study.test_page import begin, exported, press, reload, where
from tests.support.browser import needs_browser, opened
from tests.support.reader_study_toys import MODELS, study_roots

pytestmark = needs_browser


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    home = tmp_path_factory.mktemp("study")
    roots = study_roots(home, cases=2)
    places = ["--preprocessed", str(roots.preprocessed), "--results", str(roots.results)]
    options = ["--source", "T1", "--target", "FLAIR", "--model", MODELS[1], "-o", str(home / "study")]
    assert main(["make", "-d", "TOY", "--design", "detection", *places, *options]) == 0
    return home / "study"


def said(page):
    return page.locator("#said").text_content()


def cross(page):
    """Return where the cross is, in shares of the frame; none where it is hidden."""
    return page.evaluate(
        """() => {
        const cross = document.querySelector(".cross"), a = cross.getBoundingClientRect();
        const b = cross.parentElement.getBoundingClientRect();
        const x = a.left + a.width / 2 - b.left, y = a.top + a.height / 2 - b.top;
        return cross.hidden ? null : [x / b.width, y / b.height];
    }"""
    )


@pytest.mark.slow
def test_a_reader_answers_by_keyboard_alone(study, tmp_path):
    with opened(study / "study.html") as page:
        begin(page)
        assert where(page) == "Image 1 of 8: FLAIR"
        press(page, "Enter")
        assert "Say whether there is a lesion" in page.locator("#reading .status").text_content()
        press(page, "y", "Enter")
        assert where(page).startswith("Image 1 of 8")
        assert "Say where" in page.locator("#reading .status").text_content()
        assert cross(page) is None
        press(page, *["ArrowRight"] * 6, "ArrowUp")
        assert cross(page) == pytest.approx([0.6, 0.48], abs=0.005)
        assert said(page) == "A lesion, where the cross is."
        assert page.locator("#yes").get_attribute("aria-pressed") == "true"
        press(page, "Enter", "n")
        assert said(page) == "No lesion."
        press(page, "y", "ArrowDown", "n")
        assert cross(page) is None  # who says no after all has no place
        press(page, "Enter", "c")
        page.keyboard.type("n y enter")  # letters of a comment are no answers
        press(page, "Escape", "Shift+N", "p")
        assert said(page) == "No answer yet."
        reload(page, "AB")
        page.locator("#saved button").click()
        assert where(page).startswith("Image 3 of 8")
        assert page.locator("#comment").input_value() == "n y enter"
        press(page, "Backspace", *["n", "Enter"] * 6)
        assert page.locator("#thanks").text_content() == "All cases are done. Thank you."
        file = exported(page, tmp_path, lambda: press(page, "Enter"))
    content = json.loads(file.read_text())
    first = content["trials"]["001"]
    assert (first["lesion"], first["at"]) == (True, pytest.approx([0.6, 0.48]))
    assert 0 < first["seconds"] < 60
    assert [content["trials"][f"{n:03d}"]["lesion"] for n in range(2, 9)] == [False] * 7
    assert content["complete"] is True
    assert main(["analyse", str(study), str(file), "-o", str(tmp_path / "out")]) == 0


@pytest.mark.slow
def test_a_click_lands_on_the_pixel_that_it_points_at_zoomed_or_not(study, tmp_path):
    key = read_detection_key(study / "key" / "key.json")
    with opened(study / "study.html") as page:
        begin(page, name="CD")
        for number, trial in enumerate(key.trials.values()):
            page.wait_for_function(f"document.querySelector('#position').textContent.startsWith('Image {number + 1} ')")
            if not trial.lesion:
                press(page, "n", "Enter")
                continue
            row, first, last = trial.lesion[len(trial.lesion) // 2]
            at = ((first + last + 1) / 2 / trial.side, (row + 0.5) / trial.side)
            if number % 2:
                press(page, "+", "+", "Shift+ArrowLeft")
            x, y, zoom = page.evaluate("[view.x, view.y, view.zoom]")
            box = page.locator(".frame").bounding_box()
            page.mouse.click(
                box["x"] + (x + at[0] * zoom) * box["width"], box["y"] + (y + at[1] * zoom) * box["height"]
            )
            assert cross(page) == pytest.approx([x + at[0] * zoom, y + at[1] * zoom], abs=0.01)
            press(page, "Enter")
        file = exported(page, tmp_path, lambda: page.locator("#end-export").click())
    for name, answer in json.loads(file.read_text())["trials"].items():
        trial = key.trials[name]
        assert answer["lesion"] == bool(trial.lesion)
        if answer["lesion"]:
            column, row = (int(share * trial.side) for share in answer["at"])
            assert mask_of(trial.lesion, trial.side)[row, column]
    assert main(["analyse", str(study), str(file), "-o", str(tmp_path / "out")]) == 0
    rates = pd.read_csv(tmp_path / "out" / "detection.csv")
    assert set(rates["rate"]) == {1.0}


@pytest.mark.slow
def test_dragging_a_zoomed_image_moves_it_and_answers_nothing(study, tmp_path):
    with opened(study / "study.html") as page:
        begin(page, name="EF")
        press(page, "+", "+", "+")
        box = page.locator(".frame").bounding_box()
        page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])
        page.mouse.down()
        page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.5 * box["height"], steps=3)
        page.mouse.up()
        assert page.evaluate("view.x") > -0.5
        assert said(page) == "No answer yet."
        press(page, "ArrowUp")  # the first arrow: the middle of what is shown
        assert cross(page) == pytest.approx([0.5, 0.5], abs=0.01)
        press(page, "e")
        assert page.locator("#ask-title").text_content() == "7 of 8 cases are not finished."
        file = exported(page, tmp_path, lambda: page.locator("#ask-yes").click())
        page.locator("#reading .leave").click()
        page.locator("#file").set_input_files(file)
        page.wait_for_selector("#ask[open]")
        press(page, "Tab")
        page.locator("#ask-yes").click()
        assert said(page) == "A lesion, where the cross is."
    assert main(["analyse", str(study), str(file), "-o", str(tmp_path / "out")]) == 1
