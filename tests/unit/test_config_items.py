"""Groups, lists, included files, shorthands, views: what they come to in the rest of the program."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from aggregator.config import load
from aggregator.model import Condition, Content, Filter, FilterKind, Keep, Settings, Source, View
from storage.images import ImagePolicy, rewrite

OPML = """\
<opml version="2.0"><body>
<outline text="新闻"><outline text="科技"><outline type="rss" text="A" xmlUrl="https://a.example/f"/></outline></outline>
<outline type="rss" xmlUrl="https://b.example/f"/>
</body></opml>
"""


def settings_of(
    folder: Path,
    text: str,
    files: Mapping[str, str] | None = None,
    lists: Mapping[str, bytes] | None = None,
    **environ: str,
) -> Settings:
    for name, content in {**(files or {}), "feeds.yaml": text}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return load(folder / "feeds.yaml", environ, lists)


def sources_of(folder: Path, text: str, **environ: str) -> dict[str, Source]:
    return {source.id: source for source in settings_of(folder, text, **environ).sources}


# --- what goes down ---


def test_values_go_down_from_defaults_through_groups_to_the_source(tmp_path: Path) -> None:
    text = """\
defaults: {category: a, every: 1h, keep: {days: 1, entries: 2}, tags: [all]}
sources:
- group: Outer
  category: b
  keep: {days: 10}
  tags: [outer]
  sources:
  - group: Inner
    site: s
    tags: [inner, all]
    sources:
    - {url: https://a.example/f, id: deep, keep: {entries: 20}, tags: [own]}
  - {url: https://b.example/f, id: shallow, category: c}
- {url: https://c.example/f, id: outside}
"""

    found = sources_of(tmp_path, text)

    deep, shallow, outside = found["deep"], found["shallow"], found["outside"]
    assert (deep.category, deep.site, deep.every, deep.keep) == ("b", "s", timedelta(hours=1), Keep(10, 20))
    assert deep.tags == ("all", "outer", "inner", "own")
    assert deep.groups == ("Outer", "Inner")
    assert (shallow.category, shallow.site, shallow.keep, shallow.groups) == ("c", None, Keep(10, 2), ("Outer",))
    assert (outside.category, outside.keep, outside.tags, outside.groups) == ("a", Keep(1, 2), ("all",), ())
    assert [one.position for one in found.values()] == [0, 1, 2]


def test_the_name_of_a_group_sets_no_category(tmp_path: Path) -> None:
    text = "sources:\n- group: Engineering\n  sources: [{url: https://a.example/f, id: a}]\n"

    source = sources_of(tmp_path, text)["a"]

    assert (source.category, source.groups) == ("uncategorized", ("Engineering",))


def test_headers_and_cookies_merge_by_name_and_null_takes_one_out(tmp_path: Path) -> None:
    text = """\
defaults: {headers: {X-A: '1', X-B: '2', Accept: all}, cookies: {a: b, c: d}}
sources:
- {url: https://a.example/f, id: a, headers: {x-a: '3', X-B: ~}, cookies: {c: ~, e: f}}
- {url: https://b.example/f, id: b, headers: ~, cookies: ~}
"""

    found = sources_of(tmp_path, text)

    assert dict(found["a"].headers) == {"Accept": "all", "x-a": "3", "Cookie": "a=b; e=f"}
    assert found["b"].headers == ()


def test_filters_of_the_outer_part_come_first_and_null_begins_anew(tmp_path: Path) -> None:
    text = """\
defaults: {filters: [{drop: {title: a}}]}
sources:
- {url: https://a.example/f, id: a, filters: [{limit: 3}]}
- {url: https://b.example/f, id: b, filters: ~}
- group: G
  filters: ~
  sources: [{url: https://c.example/f, id: c, filters: [{limit: 4}]}]
"""

    found = sources_of(tmp_path, text)

    assert [rule.written for rule in found["a"].filters] == ["drop: {title: a}", "limit: 3"]
    assert found["b"].filters == ()
    assert [rule.written for rule in found["c"].filters] == ["limit: 4"]


def test_null_undoes_what_a_group_says(tmp_path: Path) -> None:
    text = """\
sources:
- group: G
  every: 2h
  proxy: socks5://127.0.0.1:1080
  auth: {bearer: x}
  max_body: 1MB
  tls_verify: false
  enabled: false
  sources:
  - {url: https://a.example/f, id: a, every: ~, proxy: ~, auth: ~, max_body: ~, tls_verify: ~, enabled: ~}
"""

    assert sources_of(tmp_path, text)["a"] == Source(
        id="a", url="https://a.example/f", name="a.example/f", groups=("G",), place="feeds.yaml:10"
    )


# --- requests ---


def test_every_key_of_a_request_arrives(tmp_path: Path) -> None:
    text = """\
sources:
- id: a
  url: https://a.example/f
  auth: {username: me, password: 'p:ü'}
  headers: {X-Key: "${KEY}"}
  cookies: {session: abc}
  user_agent: mine/1
  proxy: socks5://me:pw@127.0.0.1:1080
  tls_verify: false
  max_download: 512KB
  max_body: 2MB
  max_freshness: 6h
  max_retry_after: 2d
"""

    source = sources_of(tmp_path, text, KEY="k")["a"]

    assert source.headers == (("X-Key", "k"), ("Authorization", "Basic bWU6cDrDvA=="), ("Cookie", "session=abc"))
    assert (source.user_agent, source.proxy) == ("mine/1", "socks5://me:pw@127.0.0.1:1080")
    assert (source.tls_verify, source.max_download, source.max_body) == (False, 524288, 2097152)
    assert (source.max_freshness, source.max_retry_after) == (timedelta(hours=6), timedelta(days=2))
    assert "pw" not in repr(source)


def test_a_bearer_token_becomes_a_header_and_stands_above_an_inherited_one(tmp_path: Path) -> None:
    text = (
        "defaults: {headers: {authorization: old}}\nsources: [{url: https://a.example/f, id: a, auth: {bearer: t0k}}]\n"
    )

    assert sources_of(tmp_path, text)["a"].headers == (("Authorization", "Bearer t0k"),)


# --- RSSHub and fallbacks ---


def test_a_shorthand_is_asked_at_each_base_in_turn(tmp_path: Path) -> None:
    text = """\
rsshub: {base: [https://one.example/hub/, https://two.example], key: '${KEY:-}'}
sources: ['rsshub:/woshipm/latest', {rsshub: /a/b?limit=5, fallback: ['https://c.example/f', 'rsshub:/c']}]
"""

    first, second = settings_of(tmp_path, text, KEY="s3 cret").sources

    assert (first.id, first.name) == ("rsshub-woshipm-latest", "rsshub:/woshipm/latest")
    assert first.url == "https://one.example/hub/woshipm/latest?key=s3%20cret"
    assert first.fallback == ("https://two.example/woshipm/latest?key=s3%20cret",)
    assert second.url == "https://one.example/hub/a/b?limit=5&key=s3%20cret"
    assert second.fallback == (
        "https://two.example/a/b?limit=5&key=s3%20cret",
        "https://c.example/f",
        "https://one.example/hub/c?key=s3%20cret",
        "https://two.example/c?key=s3%20cret",
    )


def test_an_id_stays_when_the_base_changes(tmp_path: Path) -> None:
    before = settings_of(tmp_path, "rsshub: {base: https://one.example}\nsources: [{rsshub: /a/b}]").sources[0]
    after = settings_of(tmp_path, "rsshub: {base: https://two.example}\nsources: [{rsshub: /a/b}]").sources[0]

    assert before.id == after.id == "rsshub-a-b"
    assert before.url != after.url


def test_an_own_hub_may_be_asked_every_minute(tmp_path: Path) -> None:
    text = "rsshub: {base: http://127.0.0.1:1200}\nsources: [{rsshub: /a, id: a, every: 1m}]"

    assert sources_of(tmp_path, text)["a"].every == timedelta(minutes=1)


# --- paused ---


def test_a_source_that_is_not_enabled_is_known_and_not_among_those_that_are_polled(tmp_path: Path) -> None:
    text = """\
sources:
- {url: https://a.example/f, id: a, enabled: false}
- https://b.example/f
views: {v: {sources: [a]}}
"""

    settings = settings_of(tmp_path, text)

    assert [source.id for source in settings.sources] == ["b-example-f"]
    assert [(source.id, source.position) for source in settings.paused] == [("a", 0)]
    assert settings.warnings == ()


# --- files and lists ---


def test_an_included_file_is_a_list_or_sources_with_one_and_may_include_more(tmp_path: Path) -> None:
    files = {
        "more/a.yaml": "- https://a.example/f\n- include: deep/c.yaml\n",
        "more/b.yaml": "sources:\n- https://b.example/f\n",
        "more/deep/c.yaml": "- group: C\n  sources: [https://c.example/f]\n",
        "more/empty.yaml": "# nothing yet\n",
        "more/none.yaml": "sources:\n",
    }
    text = "sources:\n- https://first.example/f\n- {include: ./more/*.yaml, tags: [inc]}\n- https://last.example/f\n"

    settings = settings_of(tmp_path, text, files)

    assert [(source.id, source.place, source.tags) for source in settings.sources] == [
        ("first-example-f", "feeds.yaml:2", ()),
        ("a-example-f", "a.yaml:1", ("inc",)),
        ("c-example-f", "c.yaml:2", ("inc",)),
        ("b-example-f", "b.yaml:2", ("inc",)),
        ("last-example-f", "feeds.yaml:4", ()),
    ]
    assert set(settings.watched) == {
        f"{tmp_path}/{name}" for name in ("feeds.yaml", "more/*.yaml", *files) if name != ""
    }


def test_a_pattern_that_matches_nothing_is_said_and_watched(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, "sources:\n- include: feeds.d/*.yaml\n- https://a.example/f\n")

    assert settings.warnings == (f"{tmp_path}/feeds.yaml:2: include: no file matches feeds.d/*.yaml",)
    assert f"{tmp_path}/feeds.d/*.yaml" in settings.watched


def test_a_list_brings_its_feeds_with_folders_as_categories(tmp_path: Path) -> None:
    text = "sources:\n- {opml: a.opml, category: rest, every: 2h}\n"

    settings = settings_of(tmp_path, text, {"a.opml": OPML})

    assert [(one.id, one.name, one.category, one.groups, one.every) for one in settings.sources] == [
        ("a-example-f", "A", "科技", ("新闻", "科技"), timedelta(hours=2)),
        ("b-example-f", "b.example/f", "rest", (), timedelta(hours=2)),
    ]
    assert f"{tmp_path}/a.opml" in settings.watched


def test_a_feed_that_stands_in_feeds_yaml_too_is_taken_from_there_alone(tmp_path: Path) -> None:
    text = "sources:\n- {url: https://a.example/f, category: own}\n- opml: a.opml\n"

    settings = settings_of(tmp_path, text, {"a.opml": OPML})

    assert [(one.url, one.category) for one in settings.sources] == [
        ("https://a.example/f", "own"),
        ("https://b.example/f", "uncategorized"),
    ]
    assert settings.warnings == (f'{tmp_path}/feeds.yaml:3: source "A" is left out: line 2 has its URL already',)


def test_a_list_from_the_network_comes_from_what_is_kept_of_it(tmp_path: Path) -> None:
    url = "https://lists.example/a.opml"
    text = f"sources:\n- opml: {url}\nviews: {{v: {{categories: [科技]}}}}\n"

    first = settings_of(tmp_path, text)
    later = settings_of(tmp_path, text, lists={url: OPML.encode()})
    broken = settings_of(tmp_path, text, lists={url: b"<html><body>Gone</body></html>"})

    assert (first.sources, first.lists) == ((), (url,))
    assert first.warnings == (
        f'{tmp_path}/feeds.yaml:2: opml "{url}": was not fetched yet; its sources are taken in when it was',
    )
    assert [one.id for one in later.sources] == ["a-example-f", "b-example-f"]
    assert later.warnings == ()
    assert (broken.sources, len(broken.warnings)) == ((), 1)


def test_a_list_from_the_network_sets_nothing_that_could_do_harm(tmp_path: Path) -> None:
    url = "https://lists.example/a.opml"
    data = """\
<opml xmlns:a="urn:feed-aggregator:opml"><body>
<outline type="rss" text="A" xmlUrl="https://a.example/f" a:every="1s" a:record_body="verbatim" a:proxy="http://evil.example:1"
  a:tls_verify="false" a:category="x" a:headers='{"X-A": "b"}'/>
<outline type="rss" text="B" xmlUrl="https://b.example/${TOKEN}"/>
</body></opml>
"""

    settings = settings_of(tmp_path, f"sources:\n- opml: {url}\n", lists={url: data.encode()}, TOKEN="t0k")

    assert settings.sources == (
        Source(id="a-example-f", url="https://a.example/f", name="A", category="x", place="feeds.yaml:2"),
    )
    assert any(
        'its intervals are not taken: "1s" is less' in told or "1s is less" in told for told in settings.warnings
    )
    assert any("variables are not replaced in a list" in told for told in settings.warnings)


def test_a_list_of_ones_own_sets_what_feeds_yaml_would(tmp_path: Path) -> None:
    data = """\
<opml xmlns:a="urn:feed-aggregator:opml"><body>
<outline type="rss" text="A" xmlUrl="https://a.example/f" a:id="mine" a:every="3h" a:tags='["t"]' a:keep='{"days": 3}' a:nonsense="x"/>
</body></opml>
"""

    settings = settings_of(tmp_path, "sources:\n- opml: a.opml\n", {"a.opml": data})

    (source,) = settings.sources
    assert (source.id, source.every, source.tags, source.keep) == ("mine", timedelta(hours=3), ("t",), Keep(3, 5000))
    assert len(settings.warnings) == 1


def test_fallbacks_of_a_list_that_lead_nowhere_are_passed_over(tmp_path: Path) -> None:
    data = """\
<opml xmlns:a="urn:feed-aggregator:opml"><body>
<outline type="rss" text="A" xmlUrl="https://a.example/f" a:fallback='["https://a.example/f", "rsshub:/a", "https://b.example/f"]'/>
</body></opml>
"""

    settings = settings_of(tmp_path, "sources:\n- opml: a.opml\n", {"a.opml": data})

    assert settings.sources[0].fallback == ("https://b.example/f",)


# --- set aside ---


@pytest.mark.parametrize(
    ("item", "label"),
    [
        ("{url: https://m.example/f, id: m, headers: {X-A: '${KEY}'}}", 'source "m"'),
        (
            "{group: G, auth: {bearer: '${KEY}'}, sources: [{url: https://m.example/f, id: m, category: c}]}",
            'group "G"',
        ),
        ("{include: '${KEY}/*.yaml'}", 'include "${KEY}/*.yaml"'),
        ("{opml: '${KEY}'}", 'opml "${KEY}"'),
    ],
)
def test_what_lacks_a_variable_is_set_aside_alone(tmp_path: Path, item: str, label: str) -> None:
    settings = settings_of(tmp_path, f"sources:\n- {item}\n- https://a.example/f\n")

    assert [source.id for source in settings.sources] == ["a-example-f"]
    assert settings.warnings == (
        f"{tmp_path}/feeds.yaml:2: {label} is set aside: the environment variable KEY is not set",
    )


@pytest.mark.parametrize("item", ["{include: '${DIR}/*.yaml'}", "{opml: '${DIR}/a.opml'}"])
def test_a_view_may_name_what_a_file_that_is_set_aside_would_bring(tmp_path: Path, item: str) -> None:
    text = f"sources: [{item}]\nviews: {{v: {{sources: [m], tags: [t]}}}}"

    assert settings_of(tmp_path, text).views[0].sources == ("m",)


def test_a_view_may_name_a_source_that_is_set_aside(tmp_path: Path) -> None:
    text = """\
sources:
- {group: G, auth: {bearer: '${KEY}'}, sources: [{url: https://m.example/f, id: m, category: c, tags: [t]}]}
- https://a.example/f
views: {v: {sources: [m], categories: [c], tags: [t]}}
"""

    assert settings_of(tmp_path, text).views[0].sources == ("m",)


# --- filters and views ---


def test_every_kind_of_rule_arrives(tmp_path: Path) -> None:
    text = """\
sources:
- id: a
  url: https://a.example/f
  filters:
  - drop: {title: '(?i)ad|广告', author: [Bot]}
  - keep: {text: [python, 产品]}
  - replace: {in: title, pattern: '^\\[(.*?)\\] ', with: '\\1'}
  - remove: ['.share', 'img[width="1"]']
  - limit: 20
"""

    filters = sources_of(tmp_path, text)["a"].filters

    assert filters == (
        Filter(
            FilterKind.DROP,
            "drop: {title: '(?i)ad|广告', author: [Bot]}",
            (Condition("title", pattern="(?i)ad|广告"), Condition("author", words=("Bot",))),
        ),
        Filter(FilterKind.KEEP, "keep: {text: [python, 产品]}", (Condition("text", words=("python", "产品")),)),
        Filter(
            FilterKind.REPLACE,
            "replace: {in: title, pattern: '^\\[(.*?)\\] ', with: '\\1'}",
            field="title",
            pattern="^\\[(.*?)\\] ",
            replacement="\\1",
        ),
        Filter(FilterKind.REMOVE, "remove: [.share, 'img[width=\"1\"]']", selectors=(".share", 'img[width="1"]')),
        Filter(FilterKind.LIMIT, "limit: 20", newest=20),
    )


def test_every_key_of_a_view_arrives(tmp_path: Path) -> None:
    text = """\
sources: [{url: https://a.example/f, id: a, category: c, tags: [t]}]
views:
  product:
    title: 产品
    sources: [a]
    categories: [c]
    tags: [t]
    query: '大模型 -广告'
    entries: 100
    window: 12h
    per_source: 20
    content: summary
    images: 'https://p.example/?{url}'
    images_scope: all
    filters: [{drop: {older: 30d}}, {unique: title}]
  plain:
"""

    settings = settings_of(tmp_path, text)

    assert settings.views == (
        View(
            name="product",
            title="产品",
            sources=("a",),
            categories=("c",),
            entries=100,
            window=timedelta(hours=12),
            per_source=20,
            tags=("t",),
            query="大模型 -广告",
            content=Content.SUMMARY,
            images=ImagePolicy("https://p.example/?{url}", all_schemes=True),
            filters=(
                Filter(FilterKind.DROP, "drop: {older: 30d}", (Condition("age", older=timedelta(days=30)),)),
                Filter(FilterKind.UNIQUE, "unique: title", field="title"),
            ),
            place="feeds.yaml:3",
        ),
        View(name="plain", title="plain", place="feeds.yaml:16"),
    )


def test_a_view_without_a_proxy_of_images_shows_the_publishers_own(tmp_path: Path) -> None:
    text = "sources: [https://a.example/f]\nviews: {v: {images: false}}"

    (view,) = settings_of(tmp_path, text).views

    html = '<img src="http://a.example/1.png" srcset="https://a.example/2.png 2x">'
    assert view.images is not None
    assert rewrite(html, view.images) == html


def test_the_rule_is_shown_with_the_variable_and_not_its_value(tmp_path: Path) -> None:
    text = "sources: [{url: https://a.example/f, id: a, filters: [{drop: {title: '${WORD}'}}]}]"

    (rule,) = sources_of(tmp_path, text, WORD="hunter2")["a"].filters

    assert rule.written == "drop: {title: '${WORD}'}"
    assert rule.conditions == (Condition("title", pattern="hunter2"),)
