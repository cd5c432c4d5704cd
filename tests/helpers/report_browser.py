"""Headless Chromium for tests of the report, if there is one."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def chromium(playwright) -> str | None:
    """Path of a Chromium: of the system, or Playwright's own."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    own = playwright.chromium.executable_path
    return own if Path(own).exists() else None


@contextmanager
def browser() -> Iterator:
    """A running Chromium; the test is skipped where there is none."""
    api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    with api.sync_playwright() as playwright:
        path = chromium(playwright)
        if path is None:
            pytest.skip("no Chromium: install chromium or run `playwright install chromium`")
        running = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield running
        running.close()


class Page:
    """A page of a report, with everything that went wrong on it."""

    def __init__(self, running, index: Path, width: int = 1280, scheme: str = "light") -> None:
        self.address = index.resolve().as_uri()
        self.context = running.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
        self.page = self.context.new_page()
        self.problems: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self._note(message.type, message.text))
        self.page.on("pageerror", lambda error: self._note("error", str(error)))
        self.page.on("dialog", lambda dialog: (self._note("error", f"dialog {dialog.message}"), dialog.dismiss()))
        self.page.on("request", lambda request: self.requests.append(request.url))

    def _note(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.problems.append(text)

    def open(self, hash_: str = "") -> None:
        self.page.goto("about:blank")
        self.page.goto(self.address + hash_)
        self.settle()

    def settle(self) -> None:
        """Wait until the page that the address names is there, and its pictures are drawn."""
        self.page.wait_for_timeout(40)  # for the address to take effect
        self.page.wait_for_selector("main[aria-busy=false]")

    @property
    def hash(self) -> str:
        return self.page.evaluate("location.hash")

    def count(self) -> str:
        return self.page.locator(".count").inner_text()

    def ids(self) -> list[str]:
        """Ids in the gallery, in the order in which they are seen."""
        cells = self.page.locator(".cell").evaluate_all(
            "cells => cells.map(cell => [cell.at, cell.querySelector('.name').textContent])"
        )
        return [name for _, name in sorted(cells)]

    def pixels(self, selector: str):
        """RGBA values of a canvas, ``(h, w, 4)``."""
        found = self.page.locator(selector).first.evaluate(
            "canvas => { const copy = new OffscreenCanvas(canvas.width, canvas.height);"
            " const context = copy.getContext('2d', { willReadFrequently: true }); context.drawImage(canvas, 0, 0);"
            " const image = context.getImageData(0, 0, canvas.width, canvas.height);"
            " return [image.height, image.width, Array.from(image.data)]; }"
        )
        return np.array(found[2], dtype=np.uint8).reshape(found[0], found[1], 4)

    def close(self) -> None:
        self.context.close()


def choose(report: Page, name: str, value: str) -> None:
    """Choose a value of a control."""
    report.page.locator(f"select[name={name}]:visible").select_option(value)
    report.settle()
