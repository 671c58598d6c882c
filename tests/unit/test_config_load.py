"""What feeds.yaml says, as the rest of the program sees it."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from aggregator.config import keys, load, template
from aggregator.model import Backups, BodyStyle, Keep, Polling, RecordStyle, Server, Settings, Source, Storage
from storage.images import ImagePolicy

ROOT = Path(__file__).resolve().parents[2]


def settings_of(folder: Path, text: str, **environ: str) -> Settings:
    path = folder / "feeds.yaml"
    path.write_bytes(text.encode())
    return load(path, environ)


def one_source(folder: Path, text: str, **environ: str) -> Source:
    (source,) = settings_of(folder, text, **environ).sources
    return source


def test_a_url_alone_is_a_source_with_every_default(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, "sources:\n  - https://planet.example/rss20.xml\n")

    assert settings == Settings(
        path=tmp_path / "feeds.yaml",
        server=Server("127.0.0.1:8080", None, "Merged feed", ""),
        storage=Storage(path=tmp_path / "data", records=None, backups=Backups(timedelta(days=1), 7)),
        polling=Polling(),
        sources=(
            Source(
                id="planet-example-rss20-xml",
                url="https://planet.example/rss20.xml",
                name="planet.example/rss20.xml",
                place="feeds.yaml:2",
            ),
        ),
        watched=(str(tmp_path / "feeds.yaml"),),
    )


def test_every_key_arrives(tmp_path: Path) -> None:
    text = """\
version: 1
server:
  listen: "[::1]:9000"
  base_url: https://news.example.org/feeds
  title: 产品早读
  access_token: ${TOKEN}
storage:
  path: ./store
  records: /srv/records
  record_fields: [link, rss]
  record_style: portable
  backups: {every: 12h, keep: 3}
polling:
  user_agent: mine/1 (+{base_url})
  concurrency: 8
  per_host: 2
  host_delay: 0s
  allow_private: ["127.0.0.1:1200", RSSHUB.lan:80, "[0:0::1]:8"]
sources:
  - name: 最新文章
    id: woshipm-latest
    url: https://www.woshipm.example/feed
    category: 新媒体
    site: 人人
    feed: 最新
    author: '{entry} · {site}'
    images: 'https://proxy.example/?{url}'
    images_scope: all
    record_body: verbatim
    every: 2h
    at_least: 30m
    at_most: 2d
    timeout: 45s
    keep: {days: 10, entries: 20}
"""

    settings = settings_of(tmp_path, text, TOKEN="t0k")

    assert settings.server == Server("[::1]:9000", "https://news.example.org/feeds/", "产品早读", "t0k")
    assert settings.storage == Storage(
        path=tmp_path / "store",
        records=Path("/srv/records"),
        record_fields=("link", "rss"),
        record_style=RecordStyle.PORTABLE,
        backups=Backups(timedelta(hours=12), 3),
    )
    assert settings.polling == Polling(
        user_agent="mine/1 (+{base_url})",
        concurrency=8,
        per_host=2,
        host_delay=timedelta(0),
        allow_private=frozenset({"127.0.0.1:1200", "rsshub.lan:80", "[::1]:8"}),
    )
    assert settings.sources == (
        Source(
            id="woshipm-latest",
            url="https://www.woshipm.example/feed",
            name="最新文章",
            position=0,
            category="新媒体",
            site="人人",
            feed="最新",
            author="{entry} · {site}",
            images=ImagePolicy("https://proxy.example/?{url}", all_schemes=True),
            record_body=BodyStyle.VERBATIM,
            every=timedelta(hours=2),
            at_least=timedelta(minutes=30),
            at_most=timedelta(days=2),
            timeout=timedelta(seconds=45),
            keep=Keep(days=10, entries=20),
            place="feeds.yaml:20",
        ),
    )


def test_defaults_go_down_and_a_source_overrides_them(tmp_path: Path) -> None:
    text = """\
defaults: {category: 编程, every: 2h, keep: {days: 10, entries: 20}, images: 'https://p.example/?{url}'}
sources:
  - https://a.example/f
  - {url: https://b.example/f, category: 科技, every: auto, keep: {days: 30}, images: false}
"""

    first, second = settings_of(tmp_path, text).sources

    assert (first.category, first.every, first.keep) == ("编程", timedelta(hours=2), Keep(10, 20))
    assert first.images == ImagePolicy("https://p.example/?{url}")
    assert (second.category, second.every, second.keep, second.images) == ("科技", None, Keep(30, 20), None)


def test_null_resets_what_the_defaults_say(tmp_path: Path) -> None:
    text = """\
defaults: {category: 编程, every: 2h, keep: {days: 10}, timeout: 5s, record_body: verbatim}
sources:
  - {url: https://a.example/f, category: null, every: ~, keep: , timeout: ~, record_body: ~}
"""

    source = one_source(tmp_path, text)

    assert source == Source(
        id="a-example-f", url="https://a.example/f", name="a.example/f", keep=Keep(365, 5000), place="feeds.yaml:3"
    )


@pytest.mark.parametrize(
    "written", ["no", "on", "2021", "12:30", "1e3", "0123", "2021-09-30", "true", "0x1F", ".5", "'null'"]
)
def test_text_stays_as_written_where_text_is_meant(tmp_path: Path, written: str) -> None:
    text = f"sources: [{{url: https://a.example/f, name: {written}, category: {written}, feed: {written}}}]"

    source = one_source(tmp_path, text)

    plain = written.strip("'")
    assert (source.name, source.category, source.feed) == (plain, plain, plain)


def test_a_number_as_an_id_is_text(tmp_path: Path) -> None:
    assert one_source(tmp_path, "sources: [{url: https://a.example/f, id: 2021}]").id == "2021"


def test_a_number_may_stand_in_quotes_or_come_from_a_variable(tmp_path: Path) -> None:
    polling = settings_of(tmp_path, "polling: {concurrency: '8', per_host: '${N:-3}'}\nsources: []").polling

    assert (polling.concurrency, polling.per_host) == (8, 3)


def test_sections_without_values_have_their_defaults(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, "server:\nstorage:\npolling:\ndefaults:\nsources:\n")

    assert settings.server == Server()
    assert settings.polling == Polling()
    assert settings.sources == ()
    assert "no source is listed" in settings.warnings[0]


# --- ids and names ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "slug"),
    [
        ("https://www.woshipm.com/feed", "woshipm-com-feed"),
        ("https://Example.org/", "example-org"),
        ("https://example.org/Blog/Atom.XML?key=secret#x", "example-org-blog-atom-xml"),
        ("http://127.0.0.1:1200/woshipm/latest", "127-0-0-1-1200-woshipm-latest"),
        ("https://例子.example/产品/feed", "xn-fsqu00a-example-feed"),
        ("https://example.org/" + "a" * 100, "example-org-" + "a" * 45),
    ],
)
def test_the_default_id_is_a_slug_of_host_and_path(tmp_path: Path, url: str, slug: str) -> None:
    assert one_source(tmp_path, f"sources: ['{url}']").id == slug


def test_sources_that_slug_alike_get_ids_that_do_not_depend_on_other_sources(tmp_path: Path) -> None:
    before = settings_of(tmp_path, "sources: ['https://a.example/f?x=1', 'https://a.example/f?x=2']").sources
    after = settings_of(
        tmp_path, "sources: ['https://a.example/f?x=1', 'https://b.example/', 'https://a.example/f?x=2']"
    ).sources

    assert [source.id for source in before] == ["a-example-f", "a-example-f-2720d0"]
    assert [source.id for source in after] == ["a-example-f", "b-example", "a-example-f-2720d0"]


def test_a_given_id_is_never_taken_by_a_slug(tmp_path: Path) -> None:
    text = "sources:\n- https://a.example/f\n- {url: https://b.example/f, id: a-example-f}\n"

    ids = [source.id for source in settings_of(tmp_path, text).sources]

    assert ids[1] == "a-example-f"
    assert ids[0].startswith("a-example-f-")


@pytest.mark.parametrize("given", ["s0", "x", "same-etag", "0", "a.b_c-d", "a" * 64])
def test_an_id_that_is_given_is_kept(tmp_path: Path, given: str) -> None:
    assert one_source(tmp_path, f"sources: [{{url: https://a.example/f, id: '{given}'}}]").id == given


def test_the_same_url_under_two_ids_is_allowed_and_said(tmp_path: Path) -> None:
    text = "sources:\n- {url: https://a.example/f, id: a}\n- {url: https://a.example/f, id: b}\n"

    settings = settings_of(tmp_path, text)

    assert [source.id for source in settings.sources] == ["a", "b"]
    assert settings.warnings == (f'{tmp_path}/feeds.yaml:3: source "b" has the URL of source "a" (line 2)',)


def test_urls_that_ask_for_the_same_are_both_kept_and_said(tmp_path: Path) -> None:
    text = "sources:\n- https://a.example/f\n- https://A.example:443/f#x\n"

    settings = settings_of(tmp_path, text)

    assert [source.id for source in settings.sources] == ["a-example-f", "a-example-443-f"]
    assert [warning.partition(": ")[2] for warning in settings.warnings] == [
        'source "A.example:443/f" has the URL of source "a.example/f" (line 2)'
    ]


def test_a_letter_beyond_ascii_in_a_host_passes(tmp_path: Path) -> None:
    assert one_source(tmp_path, "sources: [https://人人.example/产品]").url == "https://人人.example/产品"


# --- how often --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8000/f",
        "http://[::1]/f",
        "http://10.1.2.3/f",
        "http://192.168.0.9:1200/f",
        "http://localhost/f",
        "http://feeds.localhost:99/f",
        "http://rsshub.lan:1200/f",
        "http://RSSHub.lan:1200/f",
        "http://例子.lan/f",
    ],
)
def test_an_own_host_may_be_asked_every_second(tmp_path: Path, url: str) -> None:
    text = f"polling: {{allow_private: ['rsshub.lan:1200', '例子.lan:80']}}\nsources: [{{url: '{url}', every: 1s, at_least: 1s}}]"

    source = one_source(tmp_path, text)

    assert (source.every, source.at_least) == (timedelta(seconds=1), timedelta(seconds=1))


def test_a_publisher_may_be_asked_every_fifteen_minutes(tmp_path: Path) -> None:
    assert one_source(tmp_path, "sources: [{url: https://a.example/f, every: 15m}]").every == timedelta(minutes=15)


# --- the environment --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "environ", "title"),
    [
        ("${A}", {"A": "x"}, "x"),
        ("a${A}b${B}", {"A": "1", "B": "2"}, "a1b2"),
        ("${A:-d e}", {}, "d e"),
        ("${A:-d}", {"A": ""}, "d"),
        ("${A:-d}", {"A": "x"}, "x"),
        ("${A:?set A}", {"A": "x"}, "x"),
        ("$${A}", {}, "${A}"),
        ("$A $$ $", {"A": "x"}, "$A $$ $"),
        ("${A}", {"A": "${B}"}, "${B}"),
        ("${A}", {"A": "null"}, "null"),
        ("${A}", {"A": "a: [b"}, "a: [b"),
    ],
)
def test_a_variable_is_replaced_inside_its_string(
    tmp_path: Path, written: str, environ: dict[str, str], title: str
) -> None:
    assert settings_of(tmp_path, f"server: {{title: '{written}'}}\nsources: []", **environ).server.title == title


@pytest.mark.parametrize(
    ("written", "environ", "sentence"),
    [
        ("${KEY}", {}, "the environment variable KEY is not set"),
        ("${KEY:?set KEY to your token}", {}, "the environment variable KEY is not set: set KEY to your token"),
        ("${KEY:?set KEY}", {"KEY": ""}, "the environment variable KEY is empty: set KEY"),
    ],
)
def test_a_source_whose_variable_is_missing_is_set_aside_and_the_others_stay(
    tmp_path: Path, written: str, environ: dict[str, str], sentence: str
) -> None:
    text = f"sources:\n- {{id: m, url: 'https://m.example/{written}'}}\n- https://a.example/f\n"

    settings = settings_of(tmp_path, text, **environ)

    assert [source.id for source in settings.sources] == ["a-example-f"]
    assert settings.warnings == (f'{tmp_path}/feeds.yaml:2: source "m" is set aside: {sentence}',)


def test_nothing_secret_goes_into_an_id_or_a_name(tmp_path: Path) -> None:
    source = one_source(tmp_path, "sources: ['https://a.example/${KEY}/atom?token=${KEY}']", KEY="hunter2")

    assert source.url == "https://a.example/hunter2/atom?token=hunter2"
    assert (source.id, source.name) == ("a-example-atom", "a.example/…/atom")


# --- forms of the file ------------------------------------------------------------------------------------------

DOCUMENT = {
    "version": 1,
    "server": {"listen": "127.0.0.1:8080", "base_url": "https://news.example.org/", "title": 'T😀 "q" \\ /'},
    "polling": {"concurrency": 32, "per_host": 32, "host_delay": "0s", "allow_private": ["127.0.0.1:80"]},
    "defaults": {"at_least": "1s", "keep": {"entries": 100000, "days": 100000}, "images": False, "site": None},
    "sources": [{"id": "s0", "url": "http://127.0.0.1:80/f.xml", "every": "1s", "category": "产品"}],
}  # fmt: skip


@pytest.mark.parametrize(
    "options",
    [
        {"indent": 1, "ensure_ascii": False},
        {"indent": 1},
        {},
        {"separators": (",", ":")},
        {"indent": "\t"},
        {"indent": 4, "sort_keys": True},
    ],
    ids=["indented", "ascii", "one line", "no spaces", "tabs", "sorted"],
)
def test_a_json_dump_is_a_feeds_yaml(tmp_path: Path, options: dict[str, object]) -> None:
    settings = settings_of(tmp_path, json.dumps(DOCUMENT, **options))  # type: ignore[arg-type]

    assert settings.server.title == 'T😀 "q" \\ /'
    assert settings.sources[0].every == timedelta(seconds=1)
    assert settings.sources[0].keep == Keep(days=100000, entries=100000)
    assert settings.sources[0].category == "产品"


def test_crlf_and_a_byte_order_mark_change_nothing(tmp_path: Path) -> None:
    text = "version: 1\nserver:\n  title: 早报\nsources:\n  - https://a.example/f\n"

    plain = settings_of(tmp_path, text)
    windows = settings_of(tmp_path, "\ufeff" + text.replace("\n", "\r\n"))

    assert windows == plain


def test_an_anchor_may_be_used_again(tmp_path: Path) -> None:
    text = "defaults: {keep: &k {days: 3}}\nsources: [{url: https://a.example/f, keep: *k, category: 'x'}]"

    assert one_source(tmp_path, text).keep == Keep(days=3)


def test_a_path_stands_on_the_file_and_not_on_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "feeds.yaml").write_text("server: {listen: 'unix:run/http.sock'}\nsources: []\n")
    monkeypatch.chdir(tmp_path)

    settings = load(Path("etc/feeds.yaml"), {})

    assert settings.path == tmp_path / "etc" / "feeds.yaml"
    assert settings.storage.path == tmp_path / "etc" / "data"
    assert settings.server.listen == f"unix:{tmp_path}/etc/run/http.sock"


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "[::1]:0"])
def test_port_0_of_the_server_asks_for_a_free_one(tmp_path: Path, listen: str) -> None:
    (tmp_path / "feeds.yaml").write_text(f"server: {{listen: '{listen}'}}\nsources: []\n")

    assert load(tmp_path / "feeds.yaml", {}).server.listen == listen


# --- the starter, the keys, the cost of an import ---------------------------------------------------------------


def test_the_projects_own_list_is_the_starter() -> None:
    assert (ROOT / "feeds.yaml").read_text(encoding="utf-8") == template()


def test_the_starter_loads_without_a_warning(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, template())

    assert settings.warnings == ()
    assert settings.storage.records == tmp_path / "data" / "records"
    assert settings.sources[0].id == "woshipm-latest"
    assert settings.sources[0].url == "https://www.woshipm.com/feed"
    assert (settings.sources[0].category, settings.sources[0].site, settings.sources[0].feed) == (
        "新媒体",
        "人人都是产品经理",
        "最新文章",
    )


def test_what_the_starter_has_in_comments_loads_too(tmp_path: Path) -> None:
    lines = template().splitlines()
    server = [
        line.replace("# ", "", 1) for line in lines if line.lstrip().startswith(("# base_url:", "# access_token:"))
    ]
    images = [line.replace("# ", "", 1) for line in lines if line.lstrip().startswith("# images:")]
    polling = [line[2:] for line in lines if line.startswith(("# polling:", "#   "))]
    more = [line.replace("# - ", "- ", 1) for line in lines if line.startswith("  # - ")]
    text = ["server:", *server, *polling, "sources:", *more, "  - url: https://a.example/f", *images]

    settings = settings_of(tmp_path, "\n".join(text))

    assert len(server) + len(images) == 3
    assert settings.polling.allow_private == frozenset({"127.0.0.1:1200"})
    assert len(settings.sources) == len(more) + 1 == 6


def test_the_keys_are_named_with_their_place() -> None:
    assert {"version", "server.base_url", "polling.host_delay", "storage.backups.keep"} <= set(keys())
    assert {"defaults.keep.days", "sources", "sources.url"} <= set(keys())
    assert len(keys()) == len(set(keys()))


def test_every_key_stands_in_the_docs() -> None:
    text = (ROOT / "docs" / "feeds-yaml.md").read_text(encoding="utf-8")

    assert [key for key in keys() if f"`{key}`" not in text] == []


def test_the_examples_in_the_docs_load(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "feeds-yaml.md").read_text(encoding="utf-8")
    examples = [part.partition("```")[0] for part in text.split("```yaml\n")[1:]]

    for example in examples:
        assert settings_of(tmp_path, example, AGGREGATOR_TOKEN="t", MEMBERS_TOKEN="m").warnings in {
            (),
            (
                f"{tmp_path}/feeds.yaml: no source is listed; put a URL under `sources:`, such as `- https://planetpython.org/rss20.xml`",
            ),
        }
    assert len(examples) >= 3


def test_to_import_the_package_is_cheap() -> None:
    script = (
        "import sys, aggregator.config; print([m for m in ('pydantic', 'ruamel.yaml', 'httpx') if m in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)

    assert done.stdout.strip() == "[]"


def test_no_value_of_a_variable_stands_in_what_a_source_is_printed_as(tmp_path: Path) -> None:
    (tmp_path / "feeds.yaml").write_text(
        "sources: [{url: 'https://a.example/${KEY}', fallback: ['https://b.example/${KEY}']}]"
    )

    settings = load(tmp_path / "feeds.yaml", {"KEY": "hush-hush"})

    assert settings.sources[0].secrets == ("hush-hush", "hush-hush")
    assert "hush-hush" not in repr(settings)
