"""A real browser without a window, for the pages that people will open."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def program() -> str | None:
    """Return the browser that HIFISYN_TEST_BROWSER names, else the first Chromium that is installed."""
    return os.environ.get("HIFISYN_TEST_BROWSER") or next(
        (found for name in NAMES if (found := shutil.which(name))), None
    )


needs_browser = pytest.mark.skipif(program() is None, reason="needs Chromium; or name one in HIFISYN_TEST_BROWSER")


@contextmanager
def opened(file: Path, *, width: int = 1280, height: int = 900) -> Iterator[Any]:
    """Yield a Playwright page that shows a file; afterwards see that nothing went wrong and nothing was fetched.

    Raises:
        AssertionError: the page wrote an error or a warning to its console, or asked for anything but the file itself.
    """
    from playwright.sync_api import sync_playwright

    complaints: list[str] = []
    requests: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program(), args=list(FLAGS))
        try:
            page = browser.new_context(viewport={"width": width, "height": height}, accept_downloads=True).new_page()
            page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("request", lambda request: requests.append(request.url))
            page.goto(file.resolve().as_uri())
            yield page
        finally:
            browser.close()
    outside = [url for url in requests if not url.startswith((file.resolve().as_uri(), "data:", "blob:"))]
    assert not complaints, f"the page complained: {complaints}"
    assert not outside, f"the page asked for {outside}"
