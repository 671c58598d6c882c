"""`add`: from an address to lines in feeds.yaml, against publishers of many kinds."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from plugins.daemons import Running, rss
from plugins.publisher import Publisher, reply
from plugins.served_corpus import Home

HTML = "Content-Type: text/html; charset=utf-8"
RSS = "Content-Type: application/rss+xml"
LINK = '<link rel="alternate" type="application/rss+xml" title="All" href="{}">'
BEFORE = """\
# my feeds
polling: {{host_delay: 0s, allow_private: ["{host}"]}}
sources:
  # the first one
  - https://a.example/feed   # mine
  - group: News
    sources:
      - https://b.example/feed

# the end
"""


@pytest.fixture
def mine(home: Home, publisher: Publisher) -> Home:
    """A feeds.yaml as people write it, which lets the publisher be asked."""
    home.config.write_text(BEFORE.format(host=publisher.host), encoding="utf-8")
    return home


def page(*links: str, body: str = "") -> bytes:
    return f"<!doctype html><html><head><title>A site</title>{''.join(links)}</head><body>{body}</body></html>".encode()


def feed(publisher: Publisher, path: str = "/feed.xml", *guids: str, title: str = "A site of the tests") -> str:
    return publisher.plays(path, reply("200 OK", rss(*(guids or ("1", "2")), title=title), RSS))


def asked(publisher: Publisher) -> list[str]:
    return [one.target for one in publisher.asked]


def lines_added(home: Home, publisher: Publisher) -> list[str]:
    """Return the lines that came; every other one must be as it was."""
    before = BEFORE.format(host=publisher.host).splitlines()
    after = home.config.read_text(encoding="utf-8").splitlines()
    came = [line for line in after if line not in before]
    assert [line for line in after if line in before] == before
    return came


def test_the_address_of_a_feed_becomes_a_source(mine: Home, publisher: Publisher) -> None:
    url = feed(publisher)

    added = mine.run("add", url)

    assert (added.returncode, lines_added(mine, publisher)) == (0, ["  - name: A site of the tests", f"    url: {url}"])
    assert added.stdout == (
        "A site of the tests: RSS 2.0, 2 entries, the newest of 2026-03-01\n"
        f"   {url}\n"
        "   2026-03-01 10:59  Title 1\n"
        "   2026-03-01 10:58  Title 2\n"
        "feeds.yaml:9\n"
        "+   - name: A site of the tests\n"
        f"+     url: {url}\n"
    )
    assert "a running daemon takes it in within seconds" in added.stderr
    assert asked(publisher) == ["/feed.xml"]


@pytest.mark.parametrize(
    "head",
    [
        LINK.format("/feed.xml"),
        '<base href="/x/">' + LINK.format("../feed.xml"),
        '<link rel=feed href="feed.xml">',
        '<link rel="alternate" type="application/feed+json" href="/feed.xml">',
    ],
)
def test_the_address_of_a_page_leads_to_the_feed_that_it_names(mine: Home, publisher: Publisher, head: str) -> None:
    url = feed(publisher)
    site = publisher.plays("/", reply("200 OK", page(head), HTML))

    added = mine.run("add", site)

    assert (added.returncode, lines_added(mine, publisher)) == (0, ["  - name: A site of the tests", f"    url: {url}"])
    assert asked(publisher) == ["/", "/feed.xml"]


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (['Link: </feed.xml>; rel="alternate"; type="application/rss+xml"'], ""),
        ([], LINK.format("/feed.xml")),
        ([], '<p><a href="/feed.xml">RSS</a>'),
    ],
)
def test_headers_and_the_body_of_a_page_name_feeds_too(
    mine: Home, publisher: Publisher, headers: list[str], body: str
) -> None:
    url = feed(publisher)
    site = publisher.plays("/", reply("200 OK", page(body=body), HTML, *headers))

    mine.run("add", site)

    assert lines_added(mine, publisher)[1] == f"    url: {url}"


def test_a_json_feed_is_found(mine: Home, publisher: Publisher) -> None:
    document = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "散步",
        "items": [{"id": "1", "content_text": "x"}],
    }
    publisher.plays("/f.json", reply("200 OK", json.dumps(document).encode(), "Content-Type: application/feed+json"))
    site = publisher.plays(
        "/", reply("200 OK", page('<link rel="alternate" type="application/feed+json" href="f.json">'), HTML)
    )

    added = mine.run("add", site)

    assert "散步: JSON Feed 1.1, 1 entry" in added.stdout
    assert lines_added(mine, publisher)[0] == "  - name: 散步"


def test_options_say_what_is_written_and_where(mine: Home, publisher: Publisher) -> None:
    url = feed(publisher)

    added = mine.run(
        *("add", url, "--name", "Mine: 1", "--category", "新媒体", "--site", "S", "--feed", "F", "--group", "News"),
        *("--every", "2h", "--id", "mine", "--tag", "a", "--tag", "b, c"),
    )

    assert added.returncode == 0
    assert lines_added(mine, publisher) == [
        "      - name: 'Mine: 1'",
        "        id: mine",
        f"        url: {url}",
        "        category: 新媒体",
        "        site: S",
        "        feed: F",
        "        every: 2h",
        "        tags: [a, 'b, c']",
    ]


def test_an_option_that_does_not_fit_is_told_as_check_would(mine: Home, publisher: Publisher) -> None:
    added = mine.run("add", feed(publisher), "--every", "5")

    assert added.returncode == 1
    assert '"5" has no unit; write "5m"' in added.stderr
    assert lines_added(mine, publisher) == []


def test_a_dry_run_shows_and_writes_nothing(mine: Home, publisher: Publisher) -> None:
    added = mine.run("add", feed(publisher), "--dry-run")

    assert (added.returncode, lines_added(mine, publisher)) == (0, [])
    assert "+   - name: A site of the tests" in added.stdout


def test_no_variable_of_ours_is_put_into_what_a_publisher_wrote(mine: Home, publisher: Publisher) -> None:
    from aggregator.config import load

    feed(publisher, "/feed?k=${HOME}", title="All of ${PATH}")
    site = publisher.plays("/", reply("200 OK", page(LINK.format("/feed?k=${HOME}")), HTML))

    added = mine.run("add", site)

    source = load(mine.config, {"HOME": "/secret", "PATH": "/secret"}).sources[-1]
    assert added.returncode == 0, added.stderr
    assert (source.name, source.url) == ("All of ${PATH}", publisher.url("/feed?k=${HOME}"))


# --- several ---


@pytest.fixture
def several(mine: Home, publisher: Publisher) -> str:
    """A page with a main feed, one of comments, and one that is gone."""
    feed(publisher, "/main", title="Main")
    feed(publisher, "/comments", "3", title="Comments")
    links = [LINK.format(path) for path in ("/main", "/gone", "/comments")]
    return publisher.plays("/", reply("200 OK", page(*links), HTML))


def test_several_feeds_are_listed_and_none_is_taken(mine: Home, publisher: Publisher, several: str) -> None:
    added = mine.run("add", several)

    assert (added.returncode, lines_added(mine, publisher)) == (1, [])
    assert added.stdout == (
        "1  Main: RSS 2.0, 2 entries, the newest of 2026-03-01\n"
        f"   {publisher.url('/main')}\n"
        "2  Comments: RSS 2.0, 1 entry, the newest of 2026-03-01\n"
        f"   {publisher.url('/comments')}\n"
    )
    assert added.stderr == "the page names several feeds; `--pick N` takes one\n"


@pytest.mark.parametrize(
    ("options", "name"), [(["--pick", "2"], "Comments"), (["--yes"], "Main"), (["--pick", "1"], "Main")]
)
def test_one_of_several_is_taken_where_it_is_named(
    mine: Home, publisher: Publisher, several: str, options: list[str], name: str
) -> None:
    added = mine.run("add", several, *options)

    assert added.returncode == 0
    assert lines_added(mine, publisher)[0] == f"  - name: {name}"


def test_a_number_beyond_the_last_is_wrong_usage(mine: Home, several: str) -> None:
    left = mine.run("add", several, "--pick", "9")

    assert left.returncode == 2
    assert "there are 2 feeds" in left.stderr


def test_on_a_terminal_it_asks_which(mine: Home, publisher: Publisher, several: str, tmp_path: Path) -> None:
    program = (
        "import pty, sys\n"
        "def answer(fd):\n"
        "    import os\n"
        "    data = os.read(fd, 4096)\n"
        "    if b'Which' in data: os.write(fd, b'2\\n')\n"
        "    return data\n"
        f"sys.exit(pty.spawn([sys.executable, '-m', 'aggregator', '-c', {str(mine.config)!r}, 'add', {several!r}], answer) >> 8)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, timeout=60, stdin=subprocess.DEVNULL, check=False
    )

    assert done.returncode == 0, done.stdout
    assert lines_added(mine, publisher)[0] == "  - name: Comments"


def test_no_more_than_five_candidates_are_asked_for(mine: Home, publisher: Publisher) -> None:
    links = [LINK.format(f"/{number}") for number in range(9)]
    site = publisher.plays("/", reply("200 OK", page(*links), HTML))

    mine.run("add", site)

    assert len(asked(publisher)) == 6


def test_two_addresses_of_one_feed_are_one(mine: Home, publisher: Publisher) -> None:
    url = feed(publisher)
    publisher.plays("/old", reply("301 Moved Permanently", b"", f"Location: {url}"))
    site = publisher.plays("/", reply("200 OK", page(LINK.format("/old"), LINK.format("/feed.xml")), HTML))

    added = mine.run("add", site)

    assert (added.returncode, lines_added(mine, publisher)[1]) == (0, f"    url: {url}")


@pytest.mark.parametrize(("status", "kept"), [("301 Moved Permanently", False), ("302 Found", True)])
def test_where_a_feed_has_moved_for_good_its_new_address_is_written(
    mine: Home, publisher: Publisher, status: str, kept: bool
) -> None:
    url = feed(publisher)
    old = publisher.plays("/old", reply(status, b"", f"Location: {url}"))

    mine.run("add", old)

    assert lines_added(mine, publisher)[1] == f"    url: {old if kept else url}"


# --- there already ---


@pytest.mark.parametrize(
    "form",
    [
        "https://a.example/feed",
        "http://a.example/feed",
        "https://www.a.example/feed/",
        "a.example/feed",
        "feed://a.example/feed#x",
    ],
)
def test_what_is_there_already_is_told_in_any_form_and_asked_nobody(
    mine: Home, publisher: Publisher, form: str
) -> None:
    added = mine.run("add", form)

    assert (added.returncode, lines_added(mine, publisher)) == (0, [])
    assert added.stdout == "feeds.yaml:5 has it already: a-example-feed, https://a.example/feed\n"


def test_a_page_whose_feed_is_there_already_adds_nothing(mine: Home, publisher: Publisher) -> None:
    url = feed(publisher)
    mine.run("add", url)
    text = mine.config.read_text()
    site = publisher.plays("/", reply("200 OK", page(LINK.format("/feed.xml")), HTML))

    added = mine.run("add", site)

    assert (added.returncode, mine.config.read_text()) == (0, text)
    assert "has it already" in added.stdout


# --- what is no feed ---


def test_a_page_without_a_feed_names_the_way_out(mine: Home, publisher: Publisher) -> None:
    site = publisher.plays("/", reply("200 OK", page(), HTML))

    left = mine.run("add", site)

    assert (left.returncode, left.stdout, lines_added(mine, publisher)) == (1, "", [])
    assert left.stderr == (
        f'{site}: it is a web page, titled "A site"; it names no feed\n'
        "`--guess` asks for /feed, /rss.xml, /atom.xml, /index.xml ...; or find the address of its feed in a browser\n"
    )
    assert asked(publisher) == ["/"]


def test_the_usual_places_are_asked_for_where_the_operator_says_so(mine: Home, publisher: Publisher) -> None:
    url = feed(publisher, "/atom.xml")
    site = publisher.plays("/blog/", reply("200 OK", page(), HTML))

    added = mine.run("add", site, "--guess")

    assert added.returncode == 0
    assert lines_added(mine, publisher)[1] == f"    url: {url}"
    assert asked(publisher) == ["/blog/", "/blog/feed", "/feed", "/rss.xml", "/atom.xml"]


def test_guesses_end_where_the_host_wants_to_be_left_alone(mine: Home, publisher: Publisher) -> None:
    site = publisher.plays("/", reply("200 OK", page(), HTML))
    publisher.plays("/feed", reply("429 Too Many Requests", b"", "Retry-After: 60"))

    left = mine.run("add", site, "--guess")

    assert left.returncode == 1
    assert asked(publisher) == ["/", "/feed"]
    assert "rate-limited" in left.stderr


def test_a_page_that_sends_browsers_on_says_where_to(mine: Home, publisher: Publisher) -> None:
    site = publisher.plays("/", reply("200 OK", page('<meta http-equiv="refresh" content="0;url=/en/">'), HTML))

    assert f"`aggregator add {publisher.url('/en/')}`" in mine.run("add", site).stderr


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (reply("404 Not Found"), "not-found: 404 Not Found; name the first page of the site"),
        (reply("403 Forbidden", page(), HTML), "it turns programs away"),
        (reply("401 Unauthorized"), "in feeds.yaml the source gets its `auth` or `headers`"),
        (reply("429 Too Many Requests"), "try again later"),
        (reply("500 Oops"), "try again later; `--no-check` adds the address of a feed as it is"),
        (reply("302 Found", b"", "Location: /"), "redirect-loop"),
        (reply("302 Found"), "does not say where"),
        (reply("302 Found", b"", "Location: http://127.0.0.1:9/"), "refused-address"),
        (reply("200 OK", b""), "empty"),
        (reply("200 OK", b"plain words"), "it is plain text; it names no feed"),
        (reply("200 OK", b"\x00\xff" * 99), "names no feed"),
        (reply("200 OK", b"<urlset><url/></urlset>"), "its root is <urlset>"),
        (b"nonsense\r\n\r\n", "protocol"),
    ],
)  # fmt: skip
def test_a_site_that_refuses_gives_a_sentence_with_a_way_out(
    mine: Home, publisher: Publisher, answer: bytes, sentence: str
) -> None:
    left = mine.run("add", publisher.plays("/", answer))

    assert (left.returncode, lines_added(mine, publisher)) == (1, [])
    assert sentence in left.stderr
    assert "Traceback" not in left.stderr
    assert "a fault of this program" not in left.stderr


@pytest.mark.parametrize(
    "url", ["", "ftp://a.example/", "/etc/passwd", "http://", "https://[::1", "a b", "javascript:alert(1)"]
)
def test_what_is_no_address_is_told(mine: Home, publisher: Publisher, url: str) -> None:
    left = mine.run("add", url)

    assert left.returncode in (1, 2)
    assert lines_added(mine, publisher) == []
    assert "Traceback" not in left.stderr
    assert "a fault of this program" not in left.stderr


def test_a_page_cannot_send_us_into_the_private_network(
    mine: Home, publisher: Publisher, other_publisher: Publisher
) -> None:
    hidden = feed(other_publisher)
    site = publisher.plays("/", reply("200 OK", page(LINK.format(hidden)), HTML))

    left = mine.run("add", site)

    assert left.returncode == 1
    assert "refused-address" in left.stderr
    assert other_publisher.asked == []


def test_a_private_host_that_polls_may_not_ask_is_told_of(home: Home, publisher: Publisher) -> None:
    home.config.write_text("sources: []\n")

    added = home.run("add", feed(publisher))

    assert added.returncode == 0
    assert f'is not asked until feeds.yaml says `polling: {{allow_private: ["{publisher.host}"]}}`' in added.stderr


def test_an_address_is_written_unseen_where_that_is_wished(mine: Home, publisher: Publisher) -> None:
    added = mine.run("add", "https://members.example/rss", "--no-check", "--every", "6h")

    assert added.returncode == 0
    assert lines_added(mine, publisher) == ["  - url: https://members.example/rss", "    every: 6h"]
    assert publisher.asked == []


def test_many_that_are_added_at_once_all_come_in(mine: Home) -> None:
    command = [sys.executable, "-m", "aggregator", "-c", str(mine.config), "add", "--no-check"]

    started = [subprocess.Popen([*command, f"https://{n}.example/"], stdout=subprocess.DEVNULL) for n in "uvwxyz"]

    assert [one.wait(60) for one in started] == [0] * 6
    text = mine.config.read_text()
    assert sorted(n for n in "uvwxyz" if f"  - https://{n}.example/\n" in text) == list("uvwxyz")
    assert text.startswith("# my feeds\n")
    assert text.endswith("\n\n# the end\n")


def test_without_a_feeds_yaml_it_says_what_writes_one(home: Home) -> None:
    home.config.unlink()

    left = home.run("add", "https://a.example/")

    assert left.returncode == 3
    assert "`aggregator init` writes one" in left.stderr


def test_a_broken_feeds_yaml_is_left_as_it_is(home: Home) -> None:
    home.config.write_text("sources: [\n")

    left = home.run("add", "https://a.example/")

    assert (left.returncode, home.config.read_text()) == (3, "sources: [\n")


def test_json_tells_what_was_found_and_written(mine: Home, publisher: Publisher) -> None:
    url = feed(publisher)

    added = json.loads(mine.run("add", url, "--json").stdout)
    again = json.loads(mine.run("add", url, "--json").stdout)

    assert list(added) == ["added", "would_add", "already", "file", "line", "lines", "feeds"]
    assert [source["url"] for source in added["added"]] == [url]
    assert (added["line"], added["lines"]) == (9, ["  - name: A site of the tests", f"    url: {url}"])
    assert added["feeds"] == [{"url": url, "title": "A site of the tests", "format": "rss20", "entries": 2}]
    assert [source["url"] for source in again["already"]] == [url]


def test_a_route_of_rsshub_is_added_as_a_route(home: Home, publisher: Publisher) -> None:
    home.config.write_text(
        f'polling: {{host_delay: 0s, allow_private: ["{publisher.host}"]}}\n'
        f"rsshub: {{base: 'http://{publisher.host}'}}\nsources:\n"
    )
    feed(publisher, "/a/b")

    added = home.run("add", "rsshub:/a/b")

    assert added.returncode == 0, added.stderr
    assert home.config.read_text().endswith("sources:\n  - name: A site of the tests\n    rsshub: /a/b\n")


def test_a_running_daemon_takes_it_in_by_itself(
    mine: Home, publisher: Publisher, daemon: Callable[..., Running]
) -> None:
    mine.config.write_text(
        f'server: {{listen: "127.0.0.1:0"}}\npolling: {{host_delay: 0s, allow_private: ["{publisher.host}"]}}\nsources:\n'
    )
    running = daemon()
    running.until(lambda: any("subscribe" in line for line in running.said))

    assert mine.run("add", feed(publisher)).returncode == 0

    running.until(lambda: sorted(running.titles()) == ["Title 1", "Title 2"])
