"""Every attack in every field of every format, followed from the publisher to every output there is."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import lxml.etree
import pytest
from selectolax.lexbor import LexborHTMLParser

from hostile.markup import ATTACKS, HONEST
from plugins.daemons import Running
from plugins.served_corpus import Home, Shelf
from storage.reading import loads

pytestmark = pytest.mark.timeout(180)

_spec = importlib.util.spec_from_file_location(
    "hostile_markup", Path(__file__).parents[1] / "unit" / "test_clean_hostile_markup.py"
)
assert _spec is not None
assert _spec.loader is not None
rules: Any = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(rules)

ATOM, CONTENT = "http://www.w3.org/2005/Atom", "{http://purl.org/rss/1.0/modules/content/}encoded"
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
FORMATS = ("rss", "cdata", "html", "text", "xhtml", "json", "words")


def xml(text: str) -> str:
    """Return the text as content of XML, what XML cannot hold left as it is."""
    return escape(text, quote=False)


def rss(form: str) -> str:
    items = []
    for number, attack in enumerate(ATTACKS):
        safe = _ILLEGAL.sub("", attack)
        body = xml(safe) if form == "rss" else f"<![CDATA[{safe.replace(']]>', ']]]]><![CDATA[>')}]]>"
        items.append(
            f"<item><guid isPermaLink='false'>{form}-{number} {xml(safe)}</guid><title>{xml(safe)}</title><author>{xml(safe)}</author>"
            f"<category>{xml(safe)}</category><link>{xml(safe)}</link><comments>{xml(safe)}</comments><description>{body}</description>"
            f"<enclosure url={quoteattr(safe)} type={quoteattr(safe)} length={quoteattr(safe)}/>"
            f"<itunes:author>{xml(safe)}</itunes:author><itunes:keywords>{xml(safe)}</itunes:keywords><itunes:image href={quoteattr(safe)}/>"
            f"<itunes:subtitle>{xml(safe)}</itunes:subtitle><itunes:duration>{xml(safe)}</itunes:duration>"
            f"<podcast:person href={quoteattr(safe)} role={quoteattr(safe)}>{xml(safe)}</podcast:person>"
            f"<podcast:transcript url={quoteattr(safe)} type={quoteattr(safe)}/><podcast:chapters url={quoteattr(safe)} type='x'/>"
            f"<media:thumbnail url={quoteattr(safe)}/></item>"
        )
    first = xml(_ILLEGAL.sub("", ATTACKS[0]))
    return (
        "<rss version='2.0' xmlns:itunes='http://www.itunes.com/dtds/podcast-1.0.dtd' xmlns:media='http://search.yahoo.com/mrss/'"
        " xmlns:podcast='https://podcastindex.org/namespace/1.0'>"
        f"<channel><title>{first}</title><link>{first}</link><language>{first}</language>{''.join(items)}</channel></rss>"
    )


def atom(form: str) -> str:
    entries = []
    for number, attack in enumerate(ATTACKS):
        safe = _ILLEGAL.sub("", attack)
        shown = (
            f"<div xmlns='http://www.w3.org/1999/xhtml'>{xml(safe)}<script>pwned()</script><svg onload='pwned()'/></div>"
            if form == "xhtml"
            else xml(safe)
        )
        entries.append(
            f"<entry><id>{form}-{number} {xml(safe)}</id><title type='{form}'>{shown}</title><author><name>{xml(safe)}</name><uri>{xml(safe)}</uri>"
            f"<email>{xml(safe)}</email></author><category term={quoteattr(safe)} label={quoteattr(safe)} scheme={quoteattr(safe)}/>"
            f"<link href={quoteattr(safe)}/><link rel='enclosure' href={quoteattr(safe)} type={quoteattr(safe)} title={quoteattr(safe)}/>"
            f"<summary type='{form}'>{shown}</summary><content type='{form}' xml:base={quoteattr(safe)} xml:lang={quoteattr(safe)}>{shown}</content></entry>"
        )
    return f"<feed xmlns='{ATOM}'><id>{form}</id><title type='html'>{xml(ATTACKS[0])}</title>{''.join(entries)}</feed>"


def json_feed(form: str) -> str:
    key = "content_text" if form == "words" else "content_html"
    items = [
        {
            "id": f"{form}-{number} {attack}", "title": attack, "url": attack, "external_url": attack, key: attack, "summary": attack,
            "image": attack, "banner_image": attack, "language": attack, "tags": [attack], "date_published": attack,
            "authors": [{"name": attack, "url": attack, "avatar": attack}],
            "attachments": [{"url": attack, "mime_type": attack, "title": attack, "size_in_bytes": attack, "duration_in_seconds": attack}],
        }
        for number, attack in enumerate(ATTACKS)
    ]  # fmt: skip
    return json.dumps(
        {
            "version": "https://jsonfeed.org/version/1.1",
            "title": ATTACKS[0],
            "home_page_url": ATTACKS[1],
            "items": items,
        }
    )


def honest() -> str:
    items = "".join(
        f"<item><guid>h{n}</guid><title>{n}</title><description>{xml(one)}</description></item>"
        for n, one in enumerate(HONEST)
    )
    return f"<rss version='2.0'><channel><title>Honest</title>{items}</channel></rss>"


@dataclass(frozen=True)
class Site:
    """A daemon that has polled everything."""

    home: Home
    running: Running
    records: list[dict[str, Any]]

    def text(self, path: str) -> str:
        """GET it."""
        status, _, body = self.running.get(path)
        assert status == 200, path
        return body.decode("utf-8")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = {"rss": rss, "cdata": rss, "html": atom, "text": atom, "xhtml": atom, "json": json_feed, "words": json_feed}
    shelf = Shelf({f"/{form}": make(form).encode() for form, make in made.items()} | {"/honest": honest().encode()})
    more = {"cdata": {"record_body": "verbatim"}}
    home = Home(
        tmp_path_factory.mktemp("markup") / "home", shelf, {form: f"/{form}" for form in (*FORMATS, "honest")}, more
    )
    document = json.loads(home.config.read_text()) | {
        "defaults": {"every": "1d", "keep": {"entries": 100_000, "days": 100_000}}
    }
    home.config.write_text(json.dumps(document))
    try:
        done = home.run("poll", "--all")
        assert done.returncode == 0, done.stderr
        command = [sys.executable, "-m", "aggregator", "-c", str(home.config), "serve"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=home.folder)
        with Running(process) as running:
            yield Site(home, running, home.entries())
    finally:
        shelf.close()


def faults(html: str) -> list[str]:
    """Name what two parsers find in clean HTML that no allow-list knows."""
    return [*rules.faults(rules.by_lexbor(html)), *rules.faults(rules.by_libxml2(html))]


def page_faults(page: str) -> list[str]:
    """Name what may act in a whole page of ours: all script is in files, no attribute acts, no address but the web's."""
    found = []
    tree = LexborHTMLParser(page)
    for node in tree.root.traverse(include_text=False) if tree.root else ():
        attributes = {name: value or "" for name, value in node.attributes.items()}
        # Our own drawings have a class, which what publishers write never has.
        drawing = node.tag == "svg" and attributes.get("class") == "bars"
        if node.tag in {"iframe", "object", "embed", "base", "svg", "math", "style", "frame", "template"} - (
            {"svg"} if drawing else set()
        ):
            found.append(f"<{node.tag}>")
        if node.tag == "script" and (node.text() or not attributes.get("src", "").startswith("/static/")):
            found.append("script")
        found += [
            f"{node.tag}@{name}" for name in attributes if name.startswith("on") or name in {"style", "srcdoc", "ping"}
        ]
        for name in ("href", "src", "action", "formaction", "poster"):
            if name in attributes and re.match(
                r"\s*(?!https?:|mailto:|tel:|feed:)[a-z][a-z0-9+.-]*:", attributes[name], re.IGNORECASE
            ):
                found.append(f"{node.tag}@{name}={attributes[name][:60]!r}")
    return found


def test_the_collection_is_large() -> None:
    assert len(set(ATTACKS)) >= 90
    assert not set(ATTACKS) & set(rules.ATTACKS)


def test_every_entry_came_in(site: Site) -> None:
    by_source = {form: sum(record["source"] == form for record in site.records) for form in FORMATS}

    assert by_source == dict.fromkeys(FORMATS, len(ATTACKS))


def test_what_is_stored_is_clean(site: Site) -> None:
    for record in site.records:
        assert faults(record["html"]) == [], record["key"]
        for name in ("title", "author", "summary", "guid", "link", "image"):
            assert not _CONTROLS.search(str(record[name] or "")), (name, record[name])
        for text in (*record["writers"], *record["tags"], *record["categories"]):
            assert not _CONTROLS.search(str(text)), text
        addresses = [record["link"], record["image"], *(one["url"] for one in record["enclosures"])]
        assert all(re.match("https?://", one) for one in addresses if one), addresses


def test_record_files_say_what_is_stored_and_nothing_that_acts(site: Site) -> None:
    by_key = {record["key"][:12]: record for record in site.records}
    paths = list(site.home.records.rglob("*.md"))
    assert len(paths) == len(site.records)

    for path in paths:
        record = by_key[path.stem[-12:]]
        text = path.read_text(encoding="utf-8")
        read = loads(text, str(path))
        assert read.text("title") == record["title"]
        assert not _CONTROLS.search(text.replace("\n", "")), path
        if record["source"] != "cdata":
            assert faults(read.body) == [], path


@pytest.mark.parametrize("source", ["/feed", *(f"/source/{form}" for form in FORMATS)])
def test_feeds_carry_nothing_that_acts(site: Site, source: str) -> None:
    paths = {ending: f"{source}.{ending}?limit=500" for ending in ("atom", "rss", "json")}

    atom_feed = lxml.etree.fromstring(site.text(paths["atom"]).encode())
    rss_feed = lxml.etree.fromstring(site.text(paths["rss"]).encode())
    items = json.loads(site.text(paths["json"]))["items"]

    bodies = [
        node.text or ""
        for node in atom_feed.iter(f"{{{ATOM}}}content", f"{{{ATOM}}}summary")
        if node.get("type") == "html"
    ]
    bodies += [node.text or "" for node in rss_feed.iter(CONTENT)]
    bodies += [item.get("content_html", "") for item in items]
    assert len(bodies) > len(ATTACKS)
    assert [fault for body in bodies for fault in faults(body)] == []
    assert {node.get("type") for node in atom_feed.iter(f"{{{ATOM}}}title")} <= {None, "text"}
    for feed in (atom_feed, rss_feed):
        assert not {node.tag for node in feed.iter() if isinstance(node.tag, str)} & {
            "script",
            "{http://www.w3.org/1999/xhtml}script",
        }
        for node in feed.iter():
            for name in ("href", "url", "src", "uri"):
                if node.get(name):
                    assert re.match("https?://", node.get(name)), node.get(name)
    assert len({node.text for node in atom_feed.iterfind(f"{{{ATOM}}}entry/{{{ATOM}}}id")}) == len(items)
    assert "forged" not in {node.text for node in (*atom_feed.iter(f"{{{ATOM}}}id"), *rss_feed.iter("guid"))}


def test_pages_hold_nothing_that_acts(site: Site) -> None:
    paths = [
        "/",
        *(f"/?source={form}" for form in FORMATS),
        *(f"/source/{form}{page}" for form in FORMATS for page in ("", "/status")),
        "/sources",
        "/about",
        *(f"/entry/{record['key']}" for record in site.records),
        "/?q=pwned",
        "/?q=%3Cscript%3Epwned()%3C/script%3E",
    ]

    for path in paths:
        page = site.text(path)
        assert page_faults(page) == [], path


def test_what_machines_read_is_whole(site: Site) -> None:
    assert len(json.loads(site.text("/sources.json"))) >= len(FORMATS)
    lxml.etree.fromstring(site.text("/opml").encode())
    for record in site.records[:: len(ATTACKS) // 3]:
        assert loads(site.text(f"/entry/{record['key']}.md"), "served").text("title") == record["title"]


@pytest.mark.parametrize(
    "command",
    [("list",), ("status",), ("search", "pwned"), ("search", "script"), ("export", "opml"), ("list", "--json")],
)
def test_a_terminal_is_shown_text(site: Site, command: tuple[str, ...]) -> None:
    done = site.home.run("--no-color", *command)

    assert done.returncode == 0, done.stderr
    assert not _CONTROLS.search(done.stdout.replace("\n", "")), command
    assert not _CONTROLS.search(done.stderr.replace("\n", ""))


def test_an_explanation_of_any_entry_is_text(site: Site) -> None:
    odd = [record for record in site.records if record["source"] == "json"][ATTACKS.index("\x1b]0;pwned\x07")]

    done = site.home.run("--no-color", "explain", odd["key"])

    assert done.returncode == 0, done.stderr
    assert not _CONTROLS.search(done.stdout.replace("\n", ""))


def test_honest_markup_passes_whole(site: Site) -> None:
    shown = {record["guid"]: record["html"] for record in site.records if record["source"] == "honest"}

    for number, written in enumerate(HONEST):
        kept = shown[f"h{number}"]
        assert [tag for tag, _ in rules.by_lexbor(kept)] == [tag for tag, _ in rules.by_lexbor(written)], written
        given, left = rules.by_lexbor(written), rules.by_lexbor(kept)
        assert all(set(said) <= set(there) for (_, said), (_, there) in zip(given, left, strict=True)), kept


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def test_a_browser_runs_nothing_and_asks_nobody(site: Site, require: Any) -> None:
    require("Chromium", CHROMIUM is not None)
    sync_api = pytest.importorskip("playwright.sync_api")
    base = site.running.base
    asked: list[tuple[str, str]] = []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.add_init_script("window.hits = []; window.pwned = () => window.hits.push(1)")
        dialogs: list[str] = []
        page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))

        def route(one: Any) -> None:
            if one.request.url.startswith(base):
                one.continue_()
                return
            asked.append((one.request.resource_type, one.request.url))
            one.abort()

        page.route("**/*", route)
        hits = []
        for path in ("", *(f"?source={form}" for form in FORMATS), "source/json/status", "feed.atom", "feed.rss"):
            page.goto(f"{base}{path}")
            page.mouse.move(200, 200)
            hits += page.evaluate("window.hits || []")
        # The bodies themselves, without the policy of our pages: what a subscriber's reader shows.
        bodies = "".join(record["html"] for record in site.records if record["source"] != "honest")
        page.goto("about:blank")
        page.set_content(f"<!doctype html><body>{bodies}")
        page.wait_for_timeout(300)
        hits += page.evaluate("window.hits || []")
        browser.close()

    assert hits == []
    assert dialogs == []
    assert {kind for kind, _ in asked} <= {"image", "media"}


def test_the_rules_find_what_is_wrong() -> None:
    assert page_faults("<p onclick=x><a href='javascript:x'>x</a><script>x</script>") == [
        "p@onclick",
        "a@href='javascript:x'",
        "script",
    ]
    assert faults("<script>x</script>")
