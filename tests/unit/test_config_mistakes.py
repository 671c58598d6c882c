"""Mistakes in feeds.yaml, each with its place, a sentence that mends it, and where one can be guessed what was meant."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aggregator.config import ConfigError, Fault, load, render


def faults_of(folder: Path, text: str | bytes, **environ: str) -> tuple[Fault, ...]:
    path = folder / "feeds.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(ConfigError) as caught:
        load(path, environ)
    return caught.value.faults


# What is wrong, the file, line:column, a part of the sentence, what was probably meant.
MISTAKES: list[tuple[str, str, str, str, str | None]] = [
    ("a number without a unit", "defaults:\n  every: 5\n", "2:10", 'every: "5" has no unit; write "5m"', None),
    ("a unit in words", "defaults:\n  at_most: 6 hours\n", "2:12", 'write "6h"', None),
    ("a sum of durations", "sources:\n- {url: https://a.example/f, every: 1h30m}\n", "2:37", 'write "90m"', None),
    ("half an hour", "defaults: {at_least: 0.5h}\n", "1:22", 'write "30m"', None),
    ("a Chinese unit", "defaults: {every: 30分钟}\n", "1:19", 'write "30m"', None),
    ("an ISO duration", "defaults: {every: PT30M}\n", "1:19", 'write "30m"', None),
    ("a word for a duration", "defaults: {every: often}\n", "1:19", "45s, 30m, 6h, 1d", None),
    ("a negative duration", "polling: {host_delay: -1s}\n", "1:23", "is negative", None),
    ("no rest at all", "defaults: {every: 0s}\n", "1:19", "never rest", None),
    ("a timeout of an hour", "defaults: {timeout: 1h}\n", "1:21", "between 1s and 10m", None),
    ("a publisher asked each minute", "sources:\n- {url: https://a.example/f, every: 1m}\n", "2:37", '"1m" is less than 15m', None),
    ("defaults too eager", "defaults: {at_least: 1s}\nsources: [https://a.example/f]\n", "1:22", 'source "a.example/f" is at one', None),
    ("crossed bounds", "defaults: {at_most: 30m}\nsources: [https://a.example/f]\n", "1:21", "at_least (1h by default)", None),
    ("an unknown key", "server:\n  lisen: 127.0.0.1:80\n", "2:3", 'server: unknown key "lisen"', "listen"),
    ("an unknown key of a source", "sources:\n- ulr: https://a.example/f\n", "2:3", "unknown key", "url"),
    ("a hyphen for an underscore", "polling:\n  host-delay: 1s\n", "2:3", "unknown key", "host_delay"),
    ("another program's word", "feeds:\n- https://a.example/f\n", "1:1", "unknown key", "sources"),
    ("a title for a name", "sources:\n- {url: https://a.example/f, title: A}\n", "2:30", "unknown key", "name"),
    ("a key in the wrong place", "version: 1\nhost_delay: 1s\n", "2:1", "belongs under polling", None),
    ("nothing like a key", "zebra: 1\n", "1:1", "known here: version, server", None),
    ("a key twice", "server: {}\nversion: 1\nserver: {}\n", "3:1", "first set in line 1", None),
    ("a key of a source twice", "sources:\n- url: https://a.example/f\n  url: https://b.example/f\n", "3:3", "first set in line 2", None),
    ("a tab", "server:\n\tlisten: 127.0.0.1:80\n", "2:1", "a tab stands here", None),
    ("no space after the dash", "sources:\n  -https://a.example/f\n", "2:3", "a dash wants a space", None),
    ("no space after a later dash", "sources:\n- https://a.example/f\n-https://b.example/f\n", "3:1", "a dash wants a space", None),
    ("no space after the colon", "sources:\n- url:https://a.example/f\n", "2:3", "lacks a space after `url:`", "https://a.example/f"),
    ("an open quote", "server:\n  title: 'a\n", "2:10", "never closed", None),
    ("a comma forgotten", '{"server": {"title": "a"\n"listen": "127.0.0.1:80"}}\n', "2:1", "a comma or `}` is missing", None),
    ("an open bracket", "server: {title: a\n", "1:9", "`{` is not closed", None),
    ("a colon in plain text", "server:\n  title: a: b\n", "2:11", "text that holds `: ` goes in quotes", None),
    ("a crooked indent", "server:\n  title: a\n   listen: b\n", "3:10", "indented as its neighbours", None),
    ("a key under a bare URL", "sources:\n- https://a.example/f\n  name: A\n", "3:7", "begins with `- url: `", None),
    ("text after a bracket", "server:\n  listen: [::1]:8080\n", "2:16", "the whole text in quotes", None),
    ("a merge key", "server: &a {title: x}\nstorage:\n  <<: *a\n", "3:3", "`<<` (a merge key)", None),
    ("an alias to nothing", "server: *a\n", "1:9", "an anchor that is not there", None),
    ("an alias in itself", "sources: &a [*a]\n", "1:14", "stands inside what it refers to", None),
    ("a second document", "version: 1\n---\nversion: 1\n", "2:1", "a second document", None),
    ("a list for a file", "- https://a.example/f\n", "1:1", "put `sources:` above it", None),
    ("text for a file", "https://a.example/f\n", "1:1", "the file is plain text", None),
    ("a tag", "server: !!python/object:os.system {}\n", "1:9", "is not understood here", None),
    ("a list for a key", "? [a, b]\n: 1\n", "1:3", "a key must be a word", None),
    ("a list for text", "server: {title: [a]}\n", "1:17", "a list stands here", None),
    ("a mapping for a list", "sources:\n  url: https://a.example/f\n", "2:3", "each item begins with `- `", None),
    ("text for a list", "storage: {record_fields: link}\n", "1:26", "[link]", None),
    ("text for a mapping", "server: 127.0.0.1:8080\n", "1:9", "a mapping of keys is meant", None),
    ("a list for a source", "sources:\n- [https://a.example/f]\n", "2:3", "a URL, or a mapping with `url`", None),
    ("an empty dash", "sources:\n- \n- https://a.example/f\n", "2:2", "nothing stands after the dash", None),
    ("a source without URL", "sources:\n- name: A\n", "2:3", 'source "A": lacks its `url`', None),
    ("a source with an empty URL", "sources:\n- {name: A, url: }\n", "2:3", 'source "A": lacks its `url`', None),
    ("a URL without scheme", "sources:\n- www.a.example/feed\n", "2:3", "has no scheme", "https://www.a.example/feed"),
    ("a host and port without scheme", "sources: ['127.0.0.1:1200/a']\n", "1:11", "has no scheme", "https://127.0.0.1:1200/a"),
    ("a URL with a space", "sources:\n- https://a.example/my feed\n", "2:3", "has a space", "https://a.example/my%20feed"),
    ("two URLs on a line", "sources:\n- https://a.example/f https://b.example/f\n", "2:3", "two URLs", "https://a.example/f"),
    ("a misspelt scheme", "sources: ['htps://a.example/f']\n", "1:11", "is no URL", "https://a.example/f"),
    ("one slash", "sources: ['https:/a.example/f']\n", "1:11", "is no URL", "https://a.example/f"),
    ("a feed: URL", "sources: ['feed:https://a.example/f']\n", "1:11", "feed: is not fetched", "https://a.example/f"),
    ("an ftp URL", "sources: ['ftp://a.example/f']\n", "1:11", "only http and https are", None),
    ("RSSHub without a base", "sources: ['rsshub:/woshipm/latest']\n", "1:11", "there is no RSSHub to ask", None),
    ("a URL without host", "sources: ['https:///f']\n", "1:11", "has no host", None),
    ("a URL with a bad port", "sources: ['https://a.example:99999/f']\n", "1:11", "1 to 65535", None),
    ("a URL with a broken address", "sources: ['http://[::1/f']\n", "1:11", "is no URL", None),
    ("a password in a URL", "sources: ['https://me:pw@a.example/f']\n", "1:11", "user name or password", None),
    ("a zero-width space", 'sources: ["https://a.example/\\u200bf"]\n', "1:11", "cannot be seen", None),
    ("the same URL twice", "sources:\n- https://a.example/f\n- https://a.example/f\n", "3:3", "stands in line 2 already", None),
    ("the same id twice", "sources:\n- {url: https://a.example/f, id: a}\n- {url: https://b.example/f, id: a}\n", "3:34", "the source in line 2 too", None),
    ("an id in capitals", "sources: [{url: https://a.example/f, id: My Feed}]\n", "1:42", "is no id", "my-feed"),
    ("an id too long", f"sources: [{{url: https://a.example/f, id: {'a' * 65}}}]\n", "1:42", "at most 64", "a" * 64),
    ("an empty category", "defaults: {category: ''}\n", "1:22", "is empty", None),
    ("a name of two lines", 'sources: [{url: https://a.example/f, name: "a\\nb"}]\n', "1:44", "a line break", None),
    ("images: true", "defaults: {images: true}\n", "1:20", "names no proxy", None),
    ("images: no", "defaults: {images: no}\n", "1:20", "is text in YAML 1.2", "false"),
    ("images without a place", "defaults: {images: 'https://p.example/'}\n", "1:20", "has no {url} in it", None),
    ("images with another place", "defaults: {images: 'https://p.example/{url}{w}'}\n", "1:20", "{w} is not known", None),
    ("a wrong choice", "defaults: {record_body: verbatin}\n", "1:25", "clean or verbatim", "verbatim"),
    ("a wrong scope", "defaults: {images_scope: https}\n", "1:26", "http or all", "http"),
    ("a wrong record field", "storage: {record_fields: [links]}\n", "1:27", "is not known here", "link"),
    ("an author's place misspelt", "defaults: {author: '{entrie}'}\n", "1:20", "{site} and {entry}", "{entry}"),
    ("a later version", "version: 2\n", "1:10", "it reads 1", None),
    ("a number in words", "polling: {concurrency: many}\n", "1:24", "a whole number from 1 to 1000", None),
    ("a number too large", "polling: {concurrency: 100000}\n", "1:24", "is not a whole number from 1", None),
    ("keep as a number", "defaults: {keep: 365}\n", "1:18", "a mapping of keys is meant", None),
    ("keep nothing", "defaults: {keep: {entries: 0}}\n", "1:28", "from 1 to", None),
    ("a port alone", "server: {listen: 8080}\n", "1:18", "write 127.0.0.1:8080", None),
    ("a colon and port", "server: {listen: ':8080'}\n", "1:18", "write 127.0.0.1:8080", None),
    ("a port beyond the last", "server: {listen: '127.0.0.1:65536'}\n", "1:18", "or 0 for a free one", None),
    ("a host alone", "server: {listen: localhost}\n", "1:18", "has no port", "localhost:8080"),
    ("a v6 address without brackets", "server: {listen: '::1:80'}\n", "1:18", "brackets", "[::1:80]:8080"),
    ("a relative base_url", "server: {base_url: news.example.org}\n", "1:20", "has no scheme", "https://news.example.org"),
    ("a base_url with a query", "server: {base_url: 'https://a.example/?x'}\n", "1:20", "? or #", None),
    ("a range of addresses", "polling: {allow_private: [10.0.0.0/8]}\n", "1:27", "is a range", None),
    ("a URL for an address", "polling: {allow_private: ['http://10.0.0.1:1200']}\n", "1:27", "is a URL", "10.0.0.1:1200"),
    ("an address without port", "polling: {allow_private: [127.0.0.1]}\n", "1:27", "has no port", "127.0.0.1:1200"),
    ("a user agent that no header holds", "polling: {user_agent: 聚合}\n", "1:23", "ASCII", None),
    ("no port that could be asked", "polling: {allow_private: ['127.0.0.1:0']}\n", "1:27", "from 1 to 65535", None),
    ("records among the data", "storage: {path: ./d, records: ./d}\n", "1:31", "one of their own", None),
    ("a variable without a name", "server: {title: '${}'}\n", "1:17", "$${ for a plain ${", None),
    ("a variable never closed", "sources: ['https://a.example/${X']\n", "1:11", "is no variable", None),
    ("a missing variable of the server", "server: {title: '${TITLE}'}\n", "1:17", "TITLE is not set", None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "place", "sentence", "suggestion"), [row[1:] for row in MISTAKES], ids=[row[0] for row in MISTAKES]
)
def test_a_mistake_is_told_with_its_place_and_the_way_out(
    tmp_path: Path, text: str, place: str, sentence: str, suggestion: str | None
) -> None:
    fault = next(fault for fault in faults_of(tmp_path, text) if f"{fault.line}:{fault.column}" == place)

    assert sentence in fault.message
    assert fault.suggestion == suggestion
    assert fault.excerpt


def test_a_mistake_is_told_once(tmp_path: Path) -> None:
    for what, text, *_ in MISTAKES:
        faults = faults_of(tmp_path, text)

        assert len(faults) == 1, what


def test_one_url_many_times_is_told_for_each(tmp_path: Path) -> None:
    faults = faults_of(tmp_path, "sources:\n" + "- https://a.example/f\n" * 9)

    assert [fault.line for fault in faults] == [3, 4, 5, 6, 7, 8, 9, 10]


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = """\
version: 1
server: {lisen: 127.0.0.1:80}
defaults: {every: 5}
sources:
  - ftp://a.example/f
  - {url: https://b.example/f, id: b}
  - {url: https://c.example/f, id: b}
  - {url: https://d.example/f, every: 1m}
"""

    faults = faults_of(tmp_path, text)

    assert [(fault.line, fault.column) for fault in faults] == [(2, 10), (3, 19), (5, 5), (7, 36)]


def test_a_fault_reads_as_place_line_caret_and_what_was_meant(tmp_path: Path) -> None:
    fault = faults_of(tmp_path, "version: 1\nserver:\n  lisen: 127.0.0.1:8080\n")[0]

    assert render(fault).splitlines() == [
        f'{tmp_path}/feeds.yaml:3:3: server: unknown key "lisen"',
        "    3 |   lisen: 127.0.0.1:8080",
        "      |   ^",
        '      did you mean "listen"?',
    ]


def test_the_text_of_the_error_holds_every_fault(tmp_path: Path) -> None:
    (tmp_path / "feeds.yaml").write_text("polling: {concurrency: x, per_host: y}\n")

    with pytest.raises(ConfigError, match=r"(?s)concurrency.*per_host"):
        load(tmp_path / "feeds.yaml", {})


def test_a_flood_of_faults_is_cut_in_the_text_alone(tmp_path: Path) -> None:
    (tmp_path / "feeds.yaml").write_text("sources:\n" + "- x\n" * 60)

    with pytest.raises(ConfigError, match=r"\.\.\. and 10 more") as caught:
        load(tmp_path / "feeds.yaml", {})

    assert len(caught.value.faults) == 60


def test_the_caret_stands_under_the_place_in_wide_characters_too(tmp_path: Path) -> None:
    fault = faults_of(tmp_path, "defaults: {category: 新媒体, every: 5}\n")[0]

    assert fault.column == 34
    assert fault.caret == " " * 36 + "^"


def test_a_long_line_is_shown_in_part(tmp_path: Path) -> None:
    sources = ", ".join(f'"https://a{n}.example/f"' for n in range(500))
    fault = faults_of(tmp_path, f'{{"sources": [{sources}, "x"]}}')[0]

    assert len(fault.excerpt) < 120
    assert fault.excerpt[fault.caret.index("^") :].startswith('"x"]')


def test_a_missing_file_is_told_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: there is no such file; `aggregator init` writes one"):
        load(tmp_path / "nowhere.yaml", {})


@pytest.mark.parametrize("text", ["sources: [{include: ./pipe}]", "sources: [{opml: ./pipe}]", None])
def test_a_pipe_that_nobody_writes_to_is_told_and_not_waited_for(tmp_path: Path, text: str | None) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "feeds.yaml").write_text(text or "")

    with pytest.raises(ConfigError, match="it is a pipe or a device; a plain file is meant"):
        load(tmp_path / ("feeds.yaml" if text else "pipe"), {})


def test_a_file_without_end_is_not_read_to_it(tmp_path: Path) -> None:
    path = tmp_path / "feeds.yaml"
    with path.open("wb") as file:
        file.truncate(33 << 20)

    with pytest.raises(ConfigError, match="it is larger than 32 MB"):
        load(path, {})


def test_a_nul_is_told_with_its_place(tmp_path: Path) -> None:
    fault = faults_of(tmp_path, "version: 1\nsources: [\0]\n")[0]

    assert (fault.line, fault.column, fault.message) == (2, 11, "a control character (U+0000) stands here")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="this is a folder"):
        load(tmp_path, {})


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n", "---\n", "~\n", "\ufeff"])
def test_an_empty_file_is_told_with_the_way_out(tmp_path: Path, text: str) -> None:
    assert "`aggregator init` writes one" in faults_of(tmp_path, text)[0].message


def test_bytes_that_are_not_utf_8_are_told_with_their_place(tmp_path: Path) -> None:
    fault = faults_of(tmp_path, "version: 1\nserver: {title: 早".encode() + "报".encode("gbk") + b"}\n")[0]

    assert (fault.line, fault.column) == (2, 18)
    assert "0xb1 is not UTF-8" in fault.message


def test_utf_16_is_named(tmp_path: Path) -> None:
    assert "UTF-16" in faults_of(tmp_path, "version: 1\n".encode("utf-16"))[0].message


def test_a_control_character_is_told_with_its_place(tmp_path: Path) -> None:
    fault = faults_of(tmp_path, "version: 1\nserver: {title: a\x07b}\n")[0]

    assert (fault.line, fault.column, fault.message) == (2, 18, "a control character (U+0007) stands here")


def test_aliases_that_blow_up_are_refused_at_once(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]

    assert "blow up to more than 100,000 values" in faults_of(tmp_path, "\n".join(lines))[0].message


def test_a_nest_without_end_is_refused(tmp_path: Path) -> None:
    assert "nested more than 40 deep" in faults_of(tmp_path, "sources: " + "[" * 5000)[0].message


def test_a_value_of_a_variable_is_never_shown(tmp_path: Path) -> None:
    text = """\
server: {listen: '${V}', base_url: '${V}', title: ['${V}']}
storage: {record_fields: ['${V}'], record_style: '${V}'}
polling: {concurrency: '${V}', host_delay: '${V}', allow_private: ['${V}'], user_agent: 'ü${V}'}
defaults: {images: '${V}', record_body: '${V}', every: '${V}', keep: {days: '${V}'}}
sources:
  - ${V}
  - {url: '${V}', id: '${V}'}
  - {url: 'https://a.example/${V}', id: 'x${V}', every: '${V}', author: '{${V}}'}
"""
    (tmp_path / "feeds.yaml").write_text(text)

    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "feeds.yaml", {"V": "hunter2 secret"})

    assert len(caught.value.faults) >= 18
    assert "hunter2" not in str(caught.value)
    assert not any("hunter2" in repr(fault) for fault in caught.value.faults)


def test_a_faulty_source_hides_no_fault_of_the_others(tmp_path: Path) -> None:
    text = """\
polling: {concurrency: x}
sources:
  - {url: https://a.example/f, id: a}
  - {url: broken, id: q}
  - {url: https://c.example/f, id: a}
"""

    assert [(fault.line, fault.column) for fault in faults_of(tmp_path, text)] == [(1, 24), (4, 11), (5, 36)]


def test_a_missing_variable_outside_of_sources_is_a_fault_and_says_how_to_mend_it(tmp_path: Path) -> None:
    faults = faults_of(tmp_path, "server: {access_token: '${TOKEN:?set TOKEN}'}\npolling: {allow_private: ['${P}']}\n")

    assert [fault.message for fault in faults] == [
        "${TOKEN:?set TOKEN}: the environment variable TOKEN is not set: set TOKEN",
        "${P}: the environment variable P is not set",
    ]


def test_a_duplicate_id_out_of_a_variable_is_not_shown(tmp_path: Path) -> None:
    text = "sources:\n- {url: https://a.example/f, id: '${V}'}\n- {url: https://b.example/f, id: '${V}'}\n"

    fault = faults_of(tmp_path, text, V="hunter2")[0]

    assert fault.message.startswith('source "${V}": id: "${V}" is the id of the source in line 2 too')
