"""`import opml` and `export opml`: what comes in, what goes out, and that the one undoes the other."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from plugins.daemons import rss
from plugins.served_corpus import Home, Shelf

LIST = """<?xml version="1.0"?><opml version="2.0"><head><title>Mine</title></head><body>
<outline text="新媒体"><outline text="A &amp; B" type="rss" xmlUrl="https://a.example/feed"/></outline>
<outline text="B" xmlUrl="https://www.b.example/feed/"/>
<outline text="Local" xmlUrl="file:///etc/passwd"/>
<outline text="Thief" xmlUrl="https://t.example/?k=${HOME}"/>
<outline text="Odd" xmlUrl="https://u:p@o.example/"/>
</body></opml>
"""


@pytest.fixture
def mine(home: Home) -> Home:
    home.config.write_text("# mine\nsources:\n  - https://b.example/feed   # b\n\n# end\n")
    (home.folder / "list.opml").write_text(LIST)
    return home


def test_what_is_new_is_added_and_the_rest_is_told(mine: Home) -> None:
    done = mine.run("import", "opml", "list.opml")

    assert done.returncode == 0
    assert mine.config.read_text() == (
        "# mine\nsources:\n  - https://b.example/feed   # b\n"
        "  - name: A & B\n    url: https://a.example/feed\n    category: 新媒体\n\n# end\n"
    )
    assert done.stdout == (
        "feeds.yaml:4\n+   - name: A & B\n+     url: https://a.example/feed\n+     category: 新媒体\n"
        "1 source added, 1 already there, 3 skipped or changed\n"
    )
    assert done.stderr.splitlines() == [
        'list.opml: line 4: "Local": file: is not fetched, only http and https are',
        'list.opml: line 5: "Thief" names a variable of your environment; `--variables` takes it in, if the list is yours',
        'list.opml: line 6: "Odd": url: carries a user name or password, which would show in logs and pages; write `auth: {username: ..., password: ...}` beside it',
    ]


def test_a_dry_run_writes_nothing(mine: Home) -> None:
    text = mine.config.read_text()

    done = mine.run("import", "opml", "list.opml", "--dry-run")

    assert (done.returncode, mine.config.read_text()) == (0, text)
    assert done.stdout.endswith("1 source would be added, 1 already there, 3 skipped or changed\n")


def test_json_tells_the_same(mine: Home) -> None:
    told = json.loads(mine.run("import", "opml", "list.opml", "--json").stdout)

    assert list(told) == ["added", "would_add", "already", "skipped", "degraded", "file", "line"]
    assert told["added"] == [{"id": "a-example-feed", "url": "https://a.example/feed", "name": "A & B"}]
    assert told["already"] == [{"url": "https://www.b.example/feed/", "id": "b-example-feed"}]
    assert len(told["skipped"]) == 3


def test_group_and_category_may_be_given(mine: Home) -> None:
    mine.run("import", "opml", "list.opml", "--group", "Imported", "--category", "All")

    assert "  - group: Imported\n    sources:\n      - name: A & B\n" in mine.config.read_text()
    assert "        category: All\n" in mine.config.read_text()


def test_a_second_import_adds_nothing(mine: Home) -> None:
    mine.run("import", "opml", "list.opml")
    text = mine.config.read_text()

    again = mine.run("import", "opml", "list.opml")

    assert (again.returncode, mine.config.read_text()) == (0, text)
    assert again.stdout == "0 sources added, 2 already there, 3 skipped or changed\n"


def test_a_list_may_come_by_stdin_and_be_broken(mine: Home) -> None:
    broken = b'<opml><body><outline text="Q & A" xmlUrl="https://q.example/?a=1&b=2">'
    command = [sys.executable, "-m", "aggregator", "-c", str(mine.config), "import", "opml", "-"]

    done = subprocess.run(command, input=broken, capture_output=True, timeout=60, check=False)

    assert done.returncode == 0
    assert b"it is not well-formed XML (not well-formed (invalid token), line 1); it was read tag by tag" in done.stderr
    assert "    url: https://q.example/?a=1&b=2\n" in mine.config.read_text()


@pytest.mark.parametrize(
    ("text", "sentence"), [("<html>", "it is a web page"), ("", "it is no OPML"), ("<rss/>", "it is a feed itself")]
)
def test_what_is_no_list_is_told(mine: Home, text: str, sentence: str) -> None:
    (mine.folder / "list.opml").write_text(text)

    left = mine.run("import", "opml", "list.opml")

    assert left.returncode == 1
    assert left.stderr.startswith(f"list.opml: {sentence}")


def test_a_setting_that_does_not_fit_is_left_out(mine: Home) -> None:
    (mine.folder / "list.opml").write_text(
        '<opml xmlns:g="urn:feed-aggregator:opml"><body>'
        '<outline text="A" xmlUrl="https://a.example/" g:every="5" g:nonsense="1" g:id="b-example-feed" g:site="S"/></body></opml>'
    )

    done = mine.run("import", "opml", "list.opml")

    assert "  - name: A\n    url: https://a.example/\n    site: S\n" in mine.config.read_text()
    assert 'every: "5" has no unit; write "5m" (s, m, h, d: seconds to days); the key is left out' in done.stderr
    assert '"A": nonsense: is no key of a source; the key is left out' in done.stderr
    assert 'the id "b-example-feed" is taken' in done.stderr


# --- and back ---

RICH = """\
polling: {allow_private: ["127.0.0.1:1200"]}
defaults:
  at_least: 2h
  tags: [all]
  keep: {days: 30}
rsshub: {base: 'http://127.0.0.1:1200', key: '${RSSHUB_KEY:-secret-key}'}
sources:
  - https://a.example/feed
  - group: Engineering
    category: 编程
    tags: [eng]
    keep: {entries: 9}
    sources:
      - url: https://members.example.org/rss
        headers: {Authorization: "Bearer ${MEMBERS_TOKEN:-}", X-Key: "a ${K:-}"}
        fallback: [rsshub:/woshipm/latest, 'https://f.example/']
      - {rsshub: /woshipm/popular/daily, name: 热门 <1>, every: 2h}
  - {id: other, url: 'https://a.example/feed', enabled: false, images: 'https://p.example/?{url}', at_least: null}
  - name: "it's & \\"q\\" for $${5}"
    url: https://q.example/?key=${Q_KEY:-q}
    category: 编程
    author: '{entry}'
    record_body: verbatim
    filters:
      - drop: {title: '(?i)sponsored|广告'}
      - keep: {text: [python, 产品]}
      - replace: {in: title, pattern: '^\\[.*?\\] ', with: ''}
      - limit: 20
"""


def exported(home: Home, *options: str) -> str:
    done = home.run("export", "opml", *options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_export_import_export_gives_the_same_bytes(home: Home) -> None:
    home.config.write_text(RICH)
    first = exported(home)
    (home.folder / "mine.opml").write_text(first)
    home.config.write_text(
        "polling: {allow_private: ['127.0.0.1:1200']}\nrsshub: {base: 'http://127.0.0.1:1200'}\nsources:\n"
    )

    done = home.run("import", "opml", "mine.opml", "--variables")

    assert (done.returncode, done.stderr) == (0, "")
    assert exported(home) == first


def test_importing_an_export_gives_the_same_sources(home: Home) -> None:
    from dataclasses import replace

    from aggregator.config import load

    home.config.write_text(RICH)
    before = load(home.config, {})
    (home.folder / "mine.opml").write_text(exported(home))
    home.config.write_text(
        RICH.partition("defaults:")[0] + "rsshub: {base: 'http://127.0.0.1:1200', key: secret-key}\nsources: []\n"
    )

    home.run("import", "opml", "mine.opml", "--variables")

    after = load(home.config, {})
    assert [replace(one, place="", groups=()) for one in (*after.sources, *after.paused)] == [
        replace(one, place="", groups=()) for one in (*before.sources, *before.paused)
    ]


def test_an_export_shows_no_secret(home: Home) -> None:
    home.config.write_text(
        RICH
        + "  - {url: 'https://s.example/', auth: {username: me, password: hunter2}, proxy: 'http://u:hunter2@p:1'}\n"
        + "  - {url: 'https://t.example/', headers: {X: '${X:-hunter2}'}, proxy: 'socks5://p:1'}\n"
    )

    done = home.run("export", "opml")

    assert "secret-key" not in done.stdout
    assert "hunter2" not in done.stdout
    assert "Bearer ${MEMBERS_TOKEN:-}" in done.stdout
    assert "socks5://p:1" in done.stdout
    assert "s-example: without its auth, proxy, which may be secret; `--secrets` writes it" in done.stderr
    assert "t-example: without its headers, which may be secret" in done.stderr
    assert "hunter2" in exported(home, "--secrets")


def test_folders_are_categories(home: Home) -> None:
    home.config.write_text("sources:\n  - {url: 'https://a.example/', category: 新媒体}\n  - https://b.example/\n")

    assert '    <outline text="新媒体" title="新媒体">\n      <outline type="rss" text="a.example"' in exported(home)


def test_an_export_goes_to_a_file_whole(home: Home) -> None:
    home.config.write_text("sources: [https://a.example/]\n")

    assert home.run("export", "opml", "-o", "out.opml").stdout == ""
    assert (home.folder / "out.opml").read_text() == exported(home)


# --- feeds ---


@pytest.mark.parametrize(("form", "begins"), [("atom", b"<?xml"), ("rss", b"<?xml"), ("json", b'{"version":')])
def test_a_feed_is_exported_as_it_is_served(home: Home, shelf: Shelf, form: str, begins: bytes) -> None:
    shelf.files = {"/a.xml": rss("1", "2")}
    home.sources = {"a": "/a.xml"}
    home.settings = {"views": {"mine": {"title": "My view", "entries": 1, "window": "0s"}}}
    home.write()
    home.run("poll")

    whole, view, lately = (
        home.run("export", form, *more).stdout for more in ([], ["--view", "mine"], ["--since", "0s"])
    )

    assert whole.encode().startswith(begins)
    assert (whole.count("Title 1"), whole.count("Title 2")) > (0, 0)
    assert "My view" in view
    assert "Title 1" not in lately


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["opml", "--since", "1d"], "--since is of records"),
        (["jsonl", "--view", "x"], "--view is of feeds: atom, rss, json"),
        (["atom", "--view", "mien"], "has no view 'mien'; did you mean 'mine'?"),
        (["jsonl", "--secrets"], "--secrets is of the list of sources"),
    ],
)
def test_options_that_do_not_go_together_are_wrong_usage(home: Home, arguments: list[str], sentence: str) -> None:
    home.settings = {"views": {"mine": {"title": "My view"}}}
    home.write()

    left = home.run("export", *arguments)

    assert left.returncode == 2
    assert sentence in left.stderr
