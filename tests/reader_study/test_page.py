"""The page in a real browser, as a reader uses it: keys, mouse, interruption, export; and the way back to ranks."""

import json
import math

import numpy as np
import pandas as pd
import pytest

from hifisyn.cli.reader_study import main
from hifisyn.reader_study import key as keys
from tests.support.browser import needs_browser, opened
from tests.support.reader_study_toys import TITLES, study_roots

pytestmark = needs_browser
CASES = 3


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    home = tmp_path_factory.mktemp("study")
    roots = study_roots(home, cases=CASES)
    places = ["--preprocessed", str(roots.preprocessed), "--results", str(roots.results)]
    options = ["--source", "T1", "--target", "FLAIR", "--repeats", "0", "-o", str(home / "study")]
    assert main(["make", "-d", "TOY", *places, *options]) == 0
    return home / "study"


def begin(page, name="AB", years="7"):
    """Begin by keyboard alone, once the page has the keyboard."""
    page.wait_for_function("document.hasFocus() && document.activeElement.id === 'name'")
    page.keyboard.type(name)
    assert page.locator("#name").input_value() == name
    page.keyboard.press("Tab")
    page.keyboard.type(years)
    page.keyboard.press("Enter")


def reload(page, *readers):
    """Reload once the browser's storage process knows what the page saved; wait until the page lists its readers."""
    page.wait_for_timeout(200)
    page.reload()
    page.wait_for_function("count => document.querySelectorAll('#saved button').length === count", arg=len(readers))
    listed = page.locator("#saved button").all_text_contents()
    assert all(any(f"Continue as {reader}:" in line for line in listed) for reader in readers)


def press(page, *keys_pressed):
    for one in keys_pressed:
        page.keyboard.press(one)


def shown_ranks(page):
    return page.locator(".rank").all_text_contents()


def where(page):
    return page.locator("#position").text_content()


def transforms(page):
    """Return place and size of each image inside its frame, in shares of the frame."""
    return page.evaluate(
        """() => [...document.querySelectorAll(".tile img:first-child")].map(image => {
        const a = image.getBoundingClientRect(), b = image.parentElement.getBoundingClientRect();
        return [(a.left - b.left) / b.width, (a.top - b.top) / b.height, a.width / b.width];
    })"""
    )


def exported(page, folder, act):
    with page.expect_download() as waiting:
        act()
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path


@pytest.mark.slow
def test_a_reader_goes_through_the_study_by_keyboard(study, tmp_path):
    clicked = {
        ("001", "structure"): "112", ("001", "diagnostic"): "321", ("002", "structure"): "222",
        ("002", "diagnostic"): "213", ("003", "structure"): "131", ("003", "diagnostic"): "123",
    }  # fmt: skip
    with opened(study / "study.html") as page:
        begin(page)
        assert where(page) == f"Case 1 of {CASES}, question 1 of 2: FLAIR generated from T1"
        assert page.locator("#question").text_content() == "Structural preservation"
        for number, ranks in enumerate(clicked.values()):
            press(page, *ranks)
            assert shown_ranks(page) == list(ranks)
            assert page.locator("#done").text_content() == f"{number + 1} of 6 rankings done"
            if number == 2:
                press(page, "c")
                page.keyboard.type("n p 3 enter?")  # letters and digits of a comment are no commands
                press(page, "Escape")
            press(page, "Enter")
        assert page.locator("#thanks").text_content() == "All cases are done. Thank you."
        file = exported(page, tmp_path, lambda: press(page, "Enter"))
    content = json.loads(file.read_text())
    key = keys.read_key(study / "key" / "key.json")
    assert content["study"] == key.study
    assert content["reader"] == {"name": "AB", "years": 7}
    assert content["complete"] is True
    assert content["unfinished"] == []
    assert content["trials"]["002"]["comment"] == "n p 3 enter?"
    for (trial, question), ranks in clicked.items():
        expected = {f"{trial}{letter}": int(rank) for letter, rank in zip("ABC", ranks, strict=True)}
        assert content["trials"][trial]["ranks"][question] == expected
        assert 0 < content["trials"][trial]["seconds"][question] < 60

    assert main(["analyse", str(study), str(file), "-o", str(tmp_path / "out")]) == 0
    table = pd.read_csv(tmp_path / "out" / "ranks.csv", dtype={"trial": str}).set_index("image")
    averaged = {"112": [1.5, 1.5, 3.0], "131": [1.5, 3.0, 1.5], "222": [2.0, 2.0, 2.0]}
    for (trial, question), ranks in clicked.items():
        rows = table[(table["trial"] == trial) & (table["question"] == question)]
        assert rows["rank"].tolist() == averaged.get(ranks, [float(rank) for rank in ranks])
        titles = [key.candidates[model].title for model in key.trials[trial].images.values()]
        assert rows["model"].tolist() == titles
        assert set(titles) == set(TITLES)


@pytest.mark.slow
def test_progress_is_there_after_a_reload(study):
    with opened(study / "study.html") as page:
        begin(page)
        press(page, "1", "1", "2", "Enter", "3")
        reload(page, "AB")
        assert page.locator("#saved button").text_content() == "Continue as AB: 1 of 6 rankings done"
        page.locator("#saved button").focus()
        press(page, "Enter")
        assert where(page).startswith("Case 1 of 3, question 2 of 2")
        assert shown_ranks(page) == ["3", "–", "–"]
        press(page, "p")
        assert shown_ranks(page) == ["1", "1", "2"]
        # The same name, in capitals or not, goes on too; another reader begins from scratch.
        reload(page, "AB")
        begin(page, "ab")
        assert shown_ranks(page) == ["1", "1", "2"]
        reload(page, "AB")
        begin(page, "CD")
        assert shown_ranks(page) == ["–", "–", "–"]


@pytest.mark.slow
def test_zoom_and_window_hold_for_all_images(study):
    with opened(study / "study.html") as page:
        begin(page)
        assert np.allclose(transforms(page), [[0, 0, 1]] * 4, atol=0.01)
        box = page.locator(".candidate .frame").nth(1).bounding_box()
        page.mouse.move(box["x"] + 0.75 * box["width"], box["y"] + 0.25 * box["height"])
        page.mouse.wheel(0, -500)
        page.wait_for_function("view.zoom > 1.5")
        zoom = math.e
        # What lay under the pointer stays there: 0.75 = x + 0.75 zoom.
        assert np.allclose(transforms(page), [[0.75 * (1 - zoom), 0.25 * (1 - zoom), zoom]] * 4, atol=0.01)
        page.mouse.down()
        page.mouse.move(box["x"] + 0.85 * box["width"], box["y"] + 0.15 * box["height"])
        page.mouse.up()
        moved = [0.75 * (1 - zoom) + 0.1, 0.25 * (1 - zoom) - 0.1, zoom]
        assert np.allclose(transforms(page), [moved] * 4, atol=0.01)
        assert shown_ranks(page) == ["–", "–", "–"]
        press(page, "Shift+ArrowRight")
        assert np.allclose(transforms(page), [[moved[0] - 0.1, *moved[1:]]] * 4, atol=0.01)

        page.mouse.down(button="right")
        page.mouse.move(box["x"] + 0.65 * box["width"], box["y"] + 0.25 * box["height"])
        page.mouse.up(button="right")
        assert page.locator("#value-window").text_content() == "70 %"
        assert page.locator("#value-level").text_content() == "60 %"
        slope, intercept = (
            float(page.locator("#window feFuncG").get_attribute(name)) for name in ("slope", "intercept")
        )
        # A window of 70 % around 60 %: 25 % becomes black and 95 % white.
        assert slope * 0.25 + intercept == pytest.approx(0)
        assert slope * 0.95 + intercept == pytest.approx(1)
        filters = page.evaluate("[...document.querySelectorAll('.tile img')].map(i => getComputedStyle(i).filter)")
        assert set(filters) == {'url("#window")'}
        press(page, "r")
        assert np.allclose(transforms(page), [[0, 0, 1]] * 4, atol=0.01)
        assert page.locator("#value-window").text_content() == "100 %"

        sources = "[...document.querySelectorAll('.candidate img + img')].map(i => getComputedStyle(i).visibility)"
        page.keyboard.down("s")  # held: the source in place of every image
        assert page.evaluate(sources) == ["visible"] * 3
        page.keyboard.up("s")
        assert page.evaluate(sources) == ["hidden"] * 3


@pytest.mark.slow
def test_ranks_by_dragging_and_clicking(study):
    with opened(study / "study.html") as page:
        begin(page)
        drag(page, page.locator(".candidate").nth(2).locator(".frame"), rank=1)
        assert shown_ranks(page) == ["–", "–", "1"]
        drag(page, page.locator(".candidate").nth(0).locator("figcaption"), rank=1)
        assert shown_ranks(page) == ["1", "–", "1"]
        page.locator(".candidate").nth(1).locator(".frame").click()
        page.locator(".lane[data-rank='2']").click()
        assert shown_ranks(page) == ["1", "2", "1"]
        drag(page, page.locator(".chip", has_text="C"), rank=3)
        assert shown_ranks(page) == ["1", "2", "3"]
        drag(page, page.locator(".chip", has_text="B"), rank=0)
        assert shown_ranks(page) == ["1", "–", "3"]
        press(page, "4")
        assert page.locator("#reading .status").text_content() == "Ranks go from 1 to 3."
        page.locator("#next").click()
        assert page.locator("#reading .status").text_content().startswith("1 image has no rank yet")
        assert where(page).startswith("Case 1 of 3, question 1")
        press(page, *"nnnnnn")
        assert page.locator("#thanks").text_content() == "Not finished yet"
        assert page.locator("#open button").count() == 6
        page.locator("#open button", has_text="Case 2, diagnostic value").click()
        assert where(page).startswith("Case 2 of 3, question 2")


def drag(page, grip, rank):
    a, b = grip.bounding_box(), page.locator(f".lane[data-rank='{rank}']").bounding_box()
    page.mouse.move(a["x"] + 12, a["y"] + 12)
    page.mouse.down()
    page.mouse.move(b["x"] + b["width"] - 8, b["y"] + 8, steps=4)
    page.mouse.up()


@pytest.mark.slow
def test_a_partial_export_is_asked_for_marked_and_taken_up_again(study, tmp_path):
    with opened(study / "study.html") as page:
        begin(page)
        press(page, "2", "1", "2", "Enter", "1", "e")
        assert page.locator("#ask-title").text_content() == f"{CASES} of {CASES} cases are not finished."
        press(page, "Enter")  # "Go back" is chosen, so that a hasty Enter exports nothing
        assert not page.locator("#ask").is_visible()
        press(page, "e")
        file = exported(page, tmp_path, lambda: page.locator("#ask-yes").click())
    assert file.name.endswith("_AB_partial.json")
    content = json.loads(file.read_text())
    assert content["complete"] is False
    assert content["unfinished"] == ["001", "002", "003"]
    assert main(["analyse", str(study), str(file), "-o", str(tmp_path / "out")]) == 1

    with opened(study / "study.html") as page:  # another browser: nothing is kept in it
        assert not page.locator("#continue").is_visible()
        page.locator("#file").set_input_files(file)
        page.wait_for_selector("#grid img")
        assert where(page).startswith("Case 1 of 3, question 2")
        assert shown_ranks(page) == ["1", "–", "–"]
        press(page, "p")
        assert shown_ranks(page) == ["2", "1", "2"]
        press(page, "1")
        page.locator("#reading .leave").click()
        page.locator("#file").set_input_files(file)
        page.wait_for_selector("#ask[open]")
        assert "1 of 6" in page.locator("#ask-title").text_content()
        press(page, "Enter")
        page.locator("#saved button").click()
        assert shown_ranks(page) == ["1", "1", "2"]
        page.reload()
        strange = tmp_path / "strange.json"
        strange.write_text(json.dumps(content | {"study": "another"}))
        page.locator("#file").set_input_files(strange)
        page.wait_for_function("document.querySelector('#start .status').textContent !== ''")
        assert page.locator("#start .status").text_content() == "This file belongs to another study."


@pytest.mark.slow
def test_ten_images_and_more_take_two_digits(tmp_path):
    roots = study_roots(tmp_path, cases=2, models=[f"M{number}__plans__2d" for number in range(12)])
    places = ["--preprocessed", str(roots.preprocessed), "--results", str(roots.results)]
    main(["make", "-d", "TOY", *places, "--repeats", "0", "-o", str(tmp_path / "study")])
    with opened(tmp_path / "study" / "study.html", width=1500) as page:
        begin(page)
        press(page, "1", "2", "ArrowRight", "3", "ArrowRight", "1", "0")
        assert shown_ranks(page)[:4] == ["12", "3", "10", "–"]
        frames = [frame.bounding_box() for frame in page.locator(".frame").all()]
        assert all(box["y"] + box["height"] <= 900 - 140 and box["width"] > 140 for box in frames)
