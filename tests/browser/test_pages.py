"""Every page of the demo as people meet it, in real Chromium: fits, says nothing to the console, judged by axe-core."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from plugins.daemons import Running
from plugins.node import INSTALLED, installed

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SCREENSHOTS = INSTALLED / "pages"

PAGES = {
    "river": "",
    "older": "?limit=3",
    "search": "?q=queue",
    "nothing": "?q=nowhere",
    "source": "source/product",
    "category": "?category=Demo",
    "entry": "entry/{key}",
    "episode": "source/walks",
    "sources": "sources",
    "failing": "sources?state=failing",
    "failing-source": "source/failing/status",
    "status": "source/product/status",
    "about": "about",
    "error": "nothing-here",
}

JUDGED = {("light", 360), ("dark", 1280)}
"""Colours depend on the one, places on the other: each is judged once, to save time."""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The demo on a free port, once all its sources were polled."""
    folder = tmp_path_factory.mktemp("demo")
    process = subprocess.Popen(
        [sys.executable, "-m", "aggregator", "-q", "demo", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "TMPDIR": str(folder)},
    )
    with Running(process) as running:
        running.until(lambda: all(one["last_attempt_at"] for one in json.loads(running.get("/sources.json")[2])))
        yield running


@pytest.fixture(scope="module")
def browser(require: Callable[[str, bool], None]) -> Iterator[Any]:
    """Chromium without a window."""
    require("Chromium", CHROMIUM is not None)
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def axe(require: Callable[[str, bool], None]) -> str:
    """What judges pages for those who do not see or point."""
    require("npm", shutil.which("npm") is not None)
    package = installed(Path(__file__).parent / "axe") / "node_modules" / "axe-core"
    return (package / "axe.min.js").read_text(encoding="utf-8")


def violations(page: Any) -> list[str]:
    """Return what axe-core finds, its advice on good practice too, and where."""
    found = page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found]


def key_of_an_entry(demo: Running) -> str:
    return str(json.loads(demo.get("/api/v1/entries?source=product")[2])["entries"][0]["key"])


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_its_window_and_is_sound_for_everybody(demo, browser, axe, width, scheme) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    faults: list[str] = []
    page.on("console", lambda message: faults.append(f"{page.url}: {message.text}"))
    page.on("pageerror", lambda error: faults.append(f"{page.url}: {error}"))
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)

    for name, path in PAGES.items():
        page.goto(demo.base + path.format(key=key_of_an_entry(demo)))
        page.locator("details").evaluate_all("all => all.slice(-3).forEach(one => { one.open = true })")
        if page.evaluate("document.documentElement.scrollWidth") > width:
            faults.append(f"{name} is wider than {width}")
        if (scheme, width) in JUDGED:
            page.evaluate(axe)
            faults += [f"{name}: {one}" for one in violations(page)]
        page.screenshot(path=SCREENSHOTS / f"{name}-{width}-{scheme}.png", full_page=True)
    page.close()

    not_found = "Failed to load resource: the server responded with a status of 404"
    assert [fault for fault in faults if not_found not in fault] == []
    assert [fault for fault in faults if not_found in fault and "nothing-here" not in fault] == []


def test_what_is_new_comes_by_itself_and_takes_nothing_away(demo, browser) -> None:
    page = browser.new_page()
    page.goto(demo.base)
    newest = page.locator(".entry h3").first.inner_text()

    page.wait_for_function("was => document.querySelector('.entry h3').innerText !== was", arg=newest, timeout=20_000)
    page.locator(".entry .read summary").first.click()
    kept = page.locator(".entry h3").first.inner_text()
    page.get_by_role("link", name="Show what is new").wait_for(timeout=20_000)

    assert page.locator(".entry h3").first.inner_text() == kept
    assert page.locator(".entry details[open] .body").first.is_visible()
    page.close()


def test_without_scripts_all_of_it_can_be_reached_by_keyboard(demo, browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(demo.base)

    page.keyboard.press("Tab")
    assert page.locator(":focus").inner_text() == "To the content"
    page.get_by_role("link", name="Sources", exact=True).press("Enter")
    page.get_by_role("link", name="failing 1").press("Enter")
    page.get_by_role("link", name="A feed that fails", exact=True).press("Enter")

    assert page.url == f"{demo.base}source/failing/status"
    assert "aggregator poll failing" in page.locator("main").inner_text()
    context.close()
