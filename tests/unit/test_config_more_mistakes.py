"""Mistakes in groups, lists, shorthands, log-ins, filters, views and included files: each with its place and the way out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from aggregator.config import ConfigError, Fault, load

A = "https://a.example/f"
OPML = '<opml version="2.0"><body><outline type="rss" text="A" xmlUrl="https://a.example/f"/></body></opml>'


def faults_of(folder: Path, files: Mapping[str, str], **environ: str) -> tuple[Fault, ...]:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(folder / "feeds.yaml", environ)
    return caught.value.faults


def source(rest: str) -> str:
    return f"sources:\n- url: {A}\n  {rest}\n"


def rule(text: str) -> str:
    return f"defaults:\n  filters:\n  - {text}\nsources: [{A}]\n"


def view(text: str) -> str:
    return f"sources: [{{url: {A}, id: one, category: 新闻, tags: [eng]}}]\nviews:\n  mine:\n    {text}\n"


# What is wrong, feeds.yaml, line:column, a part of the sentence, what was probably meant.
MISTAKES: list[tuple[str, str, str, str, str | None]] = [
    # items
    ("url and rsshub", source("rsshub: /a/b"), "3:3", "`url` and `rsshub` stand together", None),
    ("url and opml", source("opml: ./a.opml"), "3:3", "`url` and `opml` stand together; an item is one of", None),
    ("group and include", "sources:\n- group: A\n  include: b.yaml\n", "3:3", "`group` and `include` stand together", None),
    ("a source with sources", source("sources: []"), "3:3", "`url` and `sources` stand together", None),
    ("sources without a group", f"sources:\n- sources: [{A}]\n", "2:3", "`- group: Name`", None),
    ("a group without sources", "sources:\n- group: A\n", "2:3", 'group "A": has no `sources`', None),
    ("a group with empty sources", "sources:\n- group: A\n  sources:\n", "2:3", "has no `sources`", None),
    ("a group of text", "sources:\n- group: A\n  sources: none\n", "3:12", "[none]", None),
    ("a group by other words", f"sources:\n- name: A\n  feeds: [{A}]\n", "3:3", "unknown key", "sources"),
    ("an include in the first column", "include: a.yaml\n", "1:1", "it belongs under sources", None),
    ("a group that is a list", "sources:\n- group: [A]\n  sources: []\n", "2:10", "a list stands here", None),
    ("a group with an id", f"sources:\n- group: A\n  id: a\n  sources: [{A}]\n", "3:3", "it belongs under sources", None),
    ("a misspelt key of a group", f"sources:\n- group: A\n  categroy: b\n  sources: [{A}]\n", "3:3", "unknown key", "category"),
    ("a group misspelt over sources", f"sources:\n- grup: A\n  sources: [{A}]\n", "2:3", "unknown key", "group"),
    ("a group misspelt", "sources:\n- gruop: A\n  tags: [b]\n", "2:3", "unknown key", "group"),
    ("a mistake deep in groups", "sources:\n- group: A\n  sources:\n  - group: B\n    sources:\n    - {url: https://a.example/f, every: 5}\n", "6:41", 'write "5m"', None),
    ("a publisher asked each minute by a group", f"sources:\n- group: A\n  every: 1m\n  sources: [{A}]\n", "3:10", "is less than 15m", None),
    # a shorthand of RSSHub
    ("no base", "sources:\n- rsshub: /a/b\n", "2:11", "`rsshub: {base: ", None),
    ("a base without scheme", "rsshub: {base: rsshub.app}\n", "1:16", "has no scheme", "https://rsshub.app"),
    ("a second base of another kind", "rsshub:\n  base: [https://a.example, ftp://b.example]\n", "2:29", "ftp: is not fetched", None),
    ("a URL for a route", "rsshub: {base: https://r.example}\nsources:\n- rsshub: https://rsshub.app/a/b\n", "3:11", "the route alone", "/a/b"),
    ("a route without slash", "rsshub: {base: https://r.example}\nsources:\n- rsshub: a/b\n", "3:11", "no / at its beginning", "/a/b"),
    ("no route", "rsshub: {base: https://r.example}\nsources:\n- 'rsshub:'\n", "3:3", "names no route", None),
    ("rsshub as text", "rsshub: https://rsshub.app\n", "1:9", "a mapping of keys is meant", None),
    ("a base by another name", "rsshub: {url: https://rsshub.app}\n", "1:10", "unknown key", "base"),
    # fallbacks
    ("a fallback equal to url", source(f"fallback: [{A}]"), "3:14", "is the same as its `url`", None),
    ("a fallback twice", source("fallback: [https://b.example/, https://B.example]"), "3:34", "is the same as its fallback number 1", None),
    ("a fallback as text", source("fallback: https://b.example/f"), "3:13", "[https://b.example/f]", None),
    ("a fallback with a space", source("fallback: ['https://b.example/a b']"), "3:14", "has a space", "https://b.example/a%20b"),
    # requests
    ("a bad size", source("max_body: 10"), "3:13", 'has no unit; write "10MB"', None),
    ("a size with a space", source("max_download: 10 mb"), "3:17", 'write "10MB"', None),
    ("a negative size", source("max_body: -1MB"), "3:13", "is negative", None),
    ("a size too large", source("max_body: 1GB"), "3:13", "between 1KB and 64MB", None),
    ("a size in words", source("max_body: large"), "3:13", "512KB, 10MB", None),
    ("no as text", source("enabled: no"), "3:12", "is text in YAML 1.2", "false"),
    ("on as text", source("tls_verify: on"), "3:15", "is text in YAML 1.2", "true"),
    ("neither true nor false", source("enabled: maybe"), "3:12", "neither true nor false", None),
    ("tags as text", source("tags: eng"), "3:9", "[eng]", None),
    ("a tag that is a mapping", source("tags: [{a: b}]"), "3:10", "a mapping of keys stands here", None),
    ("headers as a list", source("headers: [X-A]"), "3:12", "{Name: value}", None),
    ("a header with a space", source("headers: {X Key: a}"), "3:13", "no name of a header", "X-Key"),
    ("a header of ours", source("headers: {If-None-Match: a}"), "3:13", "cannot be set here", None),
    ("a user agent among headers", source("headers: {User-Agent: a}"), "3:13", "write `user_agent:`", None),
    ("a header of two lines", source('headers: {X-A: "a\\nb"}'), "3:18", "a line break", None),
    ("a header beyond ASCII", source("headers: {X-A: 早}"), "3:18", "ASCII", None),
    ("a header with a list", source("headers: {X-A: [a]}"), "3:18", "a list stands here", None),
    ("auth twice", source("auth: {username: a, password: b, bearer: c}"), "3:9", "logs in one way", None),
    ("a password alone", source("auth: {password: b}"), "3:9", "no `username`", None),
    ("auth without anything", source("auth: {}"), "3:9", "is empty", None),
    ("auth by another name", source("auth: {user: a, password: b}"), "3:10", "unknown key", "username"),
    ("a colon in a user name", source("auth: {username: 'a:b', password: c}"), "3:20", "a colon", None),
    ("auth and Authorization", source("auth: {bearer: a}\n  headers: {authorization: b}"), "2:3", "take one out", None),
    ("a cookie with a semicolon", source("cookies: {a: 'b; c=d'}"), "3:16", "one cookie a line", None),
    ("a cookie's name with a space", source("cookies: {a b: c}"), "3:13", "no name of a cookie", None),
    ("a proxy without scheme", source("proxy: 127.0.0.1:1080"), "3:10", "has no scheme", "http://127.0.0.1:1080"),
    ("a proxy of an old kind", source("proxy: socks4://127.0.0.1:1080"), "3:10", "no kind of proxy", "socks5://..."),
    ("a proxy without port", source("proxy: http://127.0.0.1"), "3:10", "has no port", None),
    ("a user agent of its own that no header holds", source("user_agent: 早"), "3:15", "ASCII", None),
    ("freshness without unit", source("max_freshness: 48"), "3:18", "has no unit", None),
    ("a Retry-After of nothing", source("max_retry_after: 0s"), "3:20", "is not between 1m", None),
    # filters
    ("a filter with two keys", rule("{drop: {title: a}, keep: {title: b}}"), "3:5", "has 2 keys (drop and keep); a rule has one", None),
    ("a filter as text", rule("drop"), "3:5", "a mapping of keys is meant", None),
    ("filters that are no list", "defaults: {filters: {drop: {title: a}}}\n", "1:21", "each item begins with `- `", None),
    ("a condition beside its rule", rule("{drop: , title: a}"), "3:5", "it belongs into it: drop: {title: ...}", None),
    ("a condition without a rule", rule("title: a"), "3:5", "it belongs into it: drop: {title: ...}", None),
    ("an unknown filter", rule("block: {title: a}"), "3:5", "unknown key", "drop"),
    ("an unknown field", rule("drop: {titel: a}"), "3:12", "unknown key", "title"),
    ("a field of nothing", rule("drop: {}"), "3:11", "would hold for every entry", None),
    ("a rule that says nothing", rule("drop:"), "3:5", "drop: says nothing", None),
    ("text for conditions", rule("drop: sponsored"), "3:11", "a mapping of keys is meant", None),
    ("an invalid pattern", rule("drop: {title: '(a'}"), "3:19", "no regular expression", None),
    ("a lookahead", rule("drop: {title: '^(?!a)'}"), "3:19", "looks around itself", None),
    ("a back reference", rule("drop: {title: '(a)\\1'}"), "3:19", "refers back", None),
    ("an empty pattern", rule("drop: {title: ''}"), "3:19", "matches everything", None),
    ("an empty list of words", rule("keep: {text: []}"), "3:18", "an empty list", None),
    ("an empty word", rule("keep: {text: [a, '']}"), "3:18", "is empty", None),
    ("an invalid selector", rule("remove: ['..a']"), "3:14", "no CSS selector", None),
    ("a selector that is no list", rule("remove: .a"), "3:13", "[.a]", None),
    ("a limit in words", rule("limit: few"), "3:12", "a whole number", None),
    ("a limit of nothing", rule("limit: 0"), "3:12", "a whole number from 1", None),
    ("a replacement without its place", rule("replace: {pattern: a, with: b}"), "3:14", "lacks its `in`", None),
    ("a replacement elsewhere", rule("replace: {in: link, pattern: a, with: b}"), "3:19", "title or body", None),
    ("a group that the pattern has not", rule("replace: {in: title, pattern: a, with: '\\2'}"), "3:44", "the pattern has none", None),
    ("unique in a source", rule("unique: title"), "3:5", "in views alone", None),
    ("older in a source", rule("drop: {older: 30d}"), "3:11", "in views alone", None),
    # views
    ("views as a list", "views: [a]\n", "1:8", "the name of each view", None),
    ("a view as text", "views: {mine: all}\n", "1:15", "a mapping of keys is meant", None),
    ("a view in capitals", "views: {My View: {}}\n", "1:9", "stands in its address", "my-view"),
    ("a view called all", "views: {all: {}}\n", "1:9", "needs no view", None),
    ("a view with an ending", "views: {mine.atom: {}}\n", "1:9", "in every format", "mine"),
    ("an unknown source", view("sources: [ones]"), "4:15", 'no source has the id "ones"', "one"),
    ("an unknown category", view("categories: [新聞]"), "4:18", "no source has the category", None),
    ("an unknown tag", view("tags: [engg]"), "4:12", "no source has the tag", "eng"),
    ("too many entries", view("entries: 1000"), "4:14", "from 1 to 500", None),
    ("a wrong content", view("content: ful"), "4:14", "full, summary or none", "full"),
    ("an unknown key of a view", view("qurey: a"), "4:5", 'view "mine": unknown key', "query"),
    ("a limit in a view", view("filters: [{limit: 3}]"), "4:15", "`entries: 20`", None),
    ("an age without unit", view("filters: [{drop: {older: 30}}]"), "4:30", "has no unit", None),
    ("unique by something else", view("filters: [{unique: guid}]"), "4:24", "title or link", None),
    ("a date for text", view("sources: 2021-09-30"), "4:14", "[2021-09-30]", None),
    # lists and included files
    ("a list that is not there", "sources:\n- opml: ./none.opml\n", "2:9", "there is no such file", None),
    ("a list that is none", "sources:\n- opml: ./feeds.yaml\n", "2:9", "it is no OPML", None),
    ("a list that is a folder", "sources:\n- opml: .\n", "2:9", "this is a folder", None),
    ("a list from elsewhere", "sources:\n- opml: ftp://a.example/a.opml\n", "2:9", "only http and https", None),
    ("a file that is not there", "sources:\n- include: none.yaml\n", "2:12", "there is no such file", None),
    ("a file from the network", "sources:\n- include: https://a.example/feeds.yaml\n", "2:12", "a file on this machine", None),
    ("a file that includes itself", "sources:\n- include: feeds.yaml\n", "2:12", "without end: feeds.yaml > feeds.yaml", None),
    ("a home that nobody has", "sources:\n- include: ~nobody-of-this-name/a.yaml\n", "2:12", "a home folder that is not known", None),
    ("a data folder in a home that nobody has", "storage: {path: ~nobody-of-this-name/a}\n", "1:17", "a home folder", None),
    ("a socket in a home that nobody has", "server: {listen: 'unix:~nobody-of-this-name/a'}\n", "1:18", "a home folder", None),
    ("a name that no disk holds", f"sources:\n- include: {'a' * 300}\n", "2:12", "cannot be read", None),
    ("a list whose name no disk holds", f"sources:\n- opml: {'a' * 300}\n", "2:9", "cannot be read", None),
    ("a folder", "sources:\n- include: .\n", "2:12", "name the files in it", "./*.yaml"),
    ("a missing variable of a view", "views: {a: {title: '${T}'}}\n", "1:20", "T is not set", None),
    ("a missing variable of the key", "rsshub: {base: https://r.example, key: '${K}'}\n", "1:40", "K is not set", None),
    ("a variable that makes no size", "defaults: {max_body: '${SIZE}'}\n", "1:22", "what ${SIZE} stands for", None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "place", "sentence", "suggestion"), [row[1:] for row in MISTAKES], ids=[row[0] for row in MISTAKES]
)
def test_a_mistake_is_told_once_with_its_place_and_the_way_out(
    tmp_path: Path, text: str, place: str, sentence: str, suggestion: str | None
) -> None:
    faults = faults_of(tmp_path, {"feeds.yaml": text}, SIZE="10")

    assert [f"{fault.line}:{fault.column}" for fault in faults] == [place]
    assert sentence in faults[0].message
    assert faults[0].suggestion == suggestion
    assert faults[0].excerpt


# What is wrong, the included file, file:line:column, a part of the sentence.
INCLUDED: list[tuple[str, str, str, str]] = [
    ("a bad unit", "- {url: https://b.example/f, every: 5}\n", "more/b.yaml:1:37", 'write "5m"'),
    ("a tab", "-\thttps://b.example/f\n\t- x\n", "more/b.yaml:1:2", "a tab stands here"),
    ("another key", "sources: []\ndefaults: {}\n", "more/b.yaml:2:1", '"defaults" is not taken here'),
    ("plain text", "https://b.example/f\n", "more/b.yaml:1:1", "an included file is a list of sources"),
    ("a URL that stands above it", f"- {A}\n", "more/b.yaml:1:3", "stands in feeds.yaml, line 2, already"),
    ("an id that stands above it", "- {url: https://b.example/f, id: a}\n", "more/b.yaml:1:34", "the source in feeds.yaml, line 3, too"),
    ("a loop", "sources:\n- include: ../feeds.yaml\n", "more/b.yaml:2:12", "feeds.yaml > b.yaml > feeds.yaml"),
    ("a view", "views: {}\n", "more/b.yaml:1:1", '"views" is not taken here'),
    ("a control character", "- https://b.example/\x07f\n", "more/b.yaml:1:21", "a control character"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "place", "sentence"), [row[1:] for row in INCLUDED], ids=[row[0] for row in INCLUDED])
def test_a_mistake_in_an_included_file_is_told_with_that_files_name(
    tmp_path: Path, text: str, place: str, sentence: str
) -> None:
    main = f"sources:\n- {A}\n- {{url: https://c.example/f, id: a}}\n- include: more/*.yaml\n"

    faults = faults_of(tmp_path, {"feeds.yaml": main, "more/b.yaml": text})

    assert [f"{fault.file}:{fault.line}:{fault.column}" for fault in faults] == [f"{tmp_path}/{place}"]
    assert sentence in faults[0].message
    assert faults[0].excerpt


def test_a_link_that_leads_to_itself_is_told(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").symlink_to(tmp_path / "b.yaml")

    faults = faults_of(tmp_path, {"feeds.yaml": "sources:\n- include: b.yaml\n"})

    assert [(fault.line, "cannot be read" in fault.message) for fault in faults] == [(2, True)]


def test_a_file_that_is_included_twice_is_told(tmp_path: Path) -> None:
    main = "sources:\n- include: b.yaml\n- include: '*b.yaml'\n"

    faults = faults_of(tmp_path, {"feeds.yaml": main, "b.yaml": f"- {A}\n"})

    assert [(fault.line, fault.message) for fault in faults] == [
        (3, 'include "*b.yaml": b.yaml is included already, by feeds.yaml:2')
    ]


def test_faults_of_several_files_are_told_at_once_file_by_file(tmp_path: Path) -> None:
    files = {
        "feeds.yaml": "sources:\n- include: b.yaml\n- include: c.yaml\n- x\nviews: {A: {}}\n",
        "b.yaml": "- {url: https://b.example/f, every: 5}\n- y\n",
        "c.yaml": "zebra: 1\n",
    }

    faults = faults_of(tmp_path, files)

    assert [(Path(fault.file).name, fault.line) for fault in faults] == [
        ("feeds.yaml", 4), ("feeds.yaml", 5), ("b.yaml", 1), ("b.yaml", 2), ("c.yaml", 1)
    ]  # fmt: skip


def test_a_fault_of_a_group_hides_none_of_its_sources(tmp_path: Path) -> None:
    text = "sources:\n- group: A\n  every: 5\n  sources:\n  - {url: https://b.example/f, timeout: 6}\n  - x\n"

    faults = faults_of(tmp_path, {"feeds.yaml": text})

    assert [fault.line for fault in faults] == [3, 5, 6]


def test_a_view_of_a_faulty_source_is_no_second_fault(tmp_path: Path) -> None:
    text = (
        f"sources:\n- {{url: {A}, id: one, category: x, every: 5}}\nviews: {{a: {{sources: [one], categories: [x]}}}}\n"
    )

    assert [fault.line for fault in faults_of(tmp_path, {"feeds.yaml": text})] == [2]


@pytest.mark.parametrize("item", ["include: none.yaml", "opml: none.opml", "include: broken.yaml"])
def test_a_view_of_what_a_broken_file_would_bring_is_no_second_fault(tmp_path: Path, item: str) -> None:
    text = f"sources:\n- {item}\nviews: {{a: {{sources: [one], categories: [x]}}}}\n"

    faults = faults_of(tmp_path, {"feeds.yaml": text, "broken.yaml": "zebra: 1\n"})

    assert len(faults) == 1


def test_nothing_secret_is_shown_of_log_ins_headers_and_proxies(tmp_path: Path) -> None:
    text = """\
rsshub: {base: ['${V}'], key: "${V}"}
sources:
- url: https://a.example/f
  headers: {X-A: "${V}", Host: "${V}"}
  auth: {username: '${V}:', password: '${V}'}
  cookies: {a: '${V}'}
  proxy: http://me:${V}@127.0.0.1
  fallback: ['${V}']
  filters: [{drop: {title: '(${V}'}}, {remove: ['..${V}']}]
  max_body: ${V}
  tls_verify: ${V}
- {opml: '${V}'}
- {include: '${V}'}
- {group: '${V}', sources: '${V}'}
views: {a: {sources: ['${V}'], query: ['${V}']}}
"""

    faults = faults_of(tmp_path, {"feeds.yaml": text}, V="hunter2 \x85 secret")

    assert len(faults) >= 12
    assert not any("hunter2" in repr(fault) for fault in faults)


@pytest.mark.parametrize(
    "value", ["https://a.example/hunter2 b", "ftp://hunter2", "~hunter2/a", "https://hunter2@a.example/"]
)
@pytest.mark.parametrize("item", ["opml", "include", "url", "rsshub"])
def test_a_variable_that_stands_for_no_file_or_url_is_not_shown(tmp_path: Path, item: str, value: str) -> None:
    faults = faults_of(tmp_path, {"feeds.yaml": f"sources:\n- {item}: ${{V}}\n"}, V=value)

    assert not any("hunter2" in repr(fault) for fault in faults)


def test_a_literal_password_in_a_proxy_is_not_repeated_in_the_message(tmp_path: Path) -> None:
    fault = faults_of(tmp_path, {"feeds.yaml": source("proxy: http://me:hunter2@127.0.0.1")})[0]

    assert "hunter2" not in fault.message
