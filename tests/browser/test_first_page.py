"""The first page and the feeds as a person sees them, in real Chromium."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import uvicorn
from unit import feed_rules_samples as samples

from aggregator import indexing
from aggregator.health import Facts
from aggregator.model import Polling, Server, Settings, Storage
from aggregator.web import create_app
from storage.record import Element, Enclosure

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """The address of a server over a few entries, Chinese and English, one of them hostile."""
    rows = samples.numbered(60)
    rows[0] = replace(rows[0], title="城市骑行地图更新", language="zh-CN", html="<p>沿河新增三条路线。</p>")
    rows[1] = replace(rows[1], title="<img src=x onerror=document.title='bitten'>", html="<p>&lt;script&gt;</p>")
    rows[2] = replace(rows[2], title="word" * 60)
    rows[3] = replace(
        rows[3],
        summary="Noon, with music.",
        enclosures=(Enclosure("https://paper.example/3.mp3", "audio/mpeg", 12),),
        podcast=(Element("itunes:title", "Entry 5"), Element("itunes:episode", "3")),
    )
    store = samples.a_store(tmp_path, *rows)
    indexing.bring_up_to_date(store)
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    base = f"http://127.0.0.1:{bound.getsockname()[1]}/"
    settings = Settings(
        path=tmp_path / "feeds.yaml",
        server=Server(base_url=base, title="All the papers"),
        storage=Storage(path=tmp_path),
        polling=Polling(),
        sources=(),
    )
    app = create_app(store, lambda: settings, lambda: Facts(polls=False), lambda: samples.NOW)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
    thread.start()
    deadline = time.monotonic() + 10
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.01)
    yield base
    app.leave()
    server.should_exit = True
    thread.join(10)
    store.close()


@pytest.fixture(scope="module")
def browser(require) -> Iterator[object]:
    """Chromium without a window."""
    require("Chromium", CHROMIUM is not None)
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.mark.parametrize("width", [320, 360, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_first_page_fits_its_window_and_runs_nothing(browser, site, width, scheme):
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    said = []
    page.on("console", lambda message: said.append(message.text))

    page.goto(site)

    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.title() == "All the papers"
    assert page.locator(".entry").count() == 50
    assert page.locator("h3").nth(1).inner_text() == "<img src=x onerror=document.title='bitten'>"
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == ("rgb(251, 250, 248)" if scheme == "light" else "rgb(24, 24, 23)")
    assert said == []


def test_older_entries_are_one_step_away(browser, site):
    page = browser.new_page()
    page.goto(site)

    page.get_by_role("link", name="Older").click()

    assert page.locator(".entry").count() == 10
    assert page.locator("h3").first.inner_text() == "Entry 50"


SHOWN = """
[...document.querySelectorAll('entry > *, item > *')]
    .filter(one => getComputedStyle(one).display !== 'none' && one.getBoundingClientRect().height > 0)
    .map(one => [one.nodeName, one.textContent.trim(), getComputedStyle(one, '::before').content])
"""


@pytest.mark.parametrize("ending", ["atom", "rss"])
@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_feed_is_readable_in_a_browser(browser, site, ending, width, scheme):
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    said = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(f"{site}feed.{ending}")

    shown = page.evaluate(SHOWN)

    seen = page.evaluate("document.documentElement.innerText || document.documentElement.textContent")
    assert "This is a feed." in seen
    assert {name for name, _, _ in shown} == {
        "atom": {"title", "published", "source", "summary", "link"},
        "rss": {"title", "pubDate", "source", "description", "enclosure"},
    }[ending]
    texts = [text for name, text, _ in shown if name in ("title", "summary", "description")]
    assert texts.count("Entry 5") == 1
    assert "Noon, with music." in texts
    assert not [text for text in texts if "</p>" in text]
    assert [mark for name, _, mark in shown if name in ("link", "enclosure")] == ['"Attached: audio/mpeg"']
    ground = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert ground == ("rgb(251, 250, 248)" if scheme == "light" else "rgb(24, 24, 23)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert said == []


def test_the_explanation_in_a_feed_leads_to_the_page(browser, site):
    page = browser.new_page()
    page.goto(f"{site}feed.atom")

    page.locator("a").click()

    page.wait_for_url(site)
