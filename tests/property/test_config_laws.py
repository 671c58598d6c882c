"""Laws of reading feeds.yaml: whatever the text, it is settings or `ConfigError`, and what was written comes back."""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aggregator.config import ConfigError, Fault, keys, load, template
from aggregator.config.durations import duration, short
from aggregator.config.ids import given as given_id
from aggregator.config.ids import slug, suffixed
from aggregator.config.parts import Part
from aggregator.config.schema import Document, parts_in

FOLDER = Path(tempfile.mkdtemp(prefix="config-laws-"))
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
WORDS = sorted({key.rpartition(".")[2] for key in keys()} | {"<<", "x", ""})
PIECES = """
1 5 30m 1s no auto false null ~ ${V} ${W} ${ $${ ${V:-d} ${V:?m} https://a.example/f http://127.0.0.1:9/ a: a.example 'q "q [x {x
&a *a !!int !x | > - ? : # % @ ` 新媒体 {url} https://p.example/?{url} clean \\ \\t 127.0.0.1:80
rsshub:/a/b rsshub: /a/b 10MB 512KB -1KB 1.5MB ./a.opml feeds.yaml * *.yaml .. / socks5://h:1 http://u:p@h:1 (?!a) (a \\1 [a-z]+ .c ..c
title body older unique 30d X-A Host https://l.example/o.opml true True {site} \ud800 \x85
"""
SCALARS = st.sampled_from(PIECES.split()) | st.text(max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=5), inner, max_size=5)
    ),
    max_leaves=20,
)
LINES = st.lists(
    st.tuples(st.integers(0, 6), st.sampled_from(["", "- ", "-", "? "]), st.sampled_from(WORDS), st.sampled_from([": ", ":", " "]), SCALARS),
    max_size=12,
)  # fmt: skip


def told_or_loaded(data: bytes, environ: dict[str, str]) -> None:
    path = FOLDER / "feeds.yaml"
    path.write_bytes(data)

    told = faults(path, environ)

    assert all(fault.message and "\n" not in fault.excerpt + fault.caret for fault in told)


def faults(path: Path, environ: dict[str, str]) -> tuple[Fault, ...]:
    try:
        load(path, environ)
    except ConfigError as error:
        return error.faults if str(error) else ()
    return ()


@given(VALUES)
@settings(max_examples=200, deadline=None)
def test_any_value_as_json_is_loaded_or_told(value: object) -> None:
    told_or_loaded(json.dumps(value).encode(), {"V": "x"})


SECTIONS = ("version", "server", "storage", "polling", "defaults", "rsshub", "sources", "views")


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(SECTIONS, VALUES)))
@settings(max_examples=200, deadline=None)
def test_any_value_under_a_known_key_is_loaded_or_told(value: dict[str, object]) -> None:
    told_or_loaded(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"), {"V": "x"})


def of_part(part: type[Part], depth: int) -> st.SearchStrategy[object]:
    """Return values that nearly fit a mapping of feeds.yaml: its own keys, now and then another, and values of their kinds."""
    values = {key: of_field(field.annotation, depth) for key, field in fields_of(part).items()}
    some = st.lists(st.sampled_from(sorted(values)), max_size=4, unique=True)
    made = some.flatmap(lambda chosen: st.fixed_dictionaries({key: values[key] for key in chosen}))
    return made | st.builds(lambda one, key, value: {**one, key: value}, made, st.sampled_from(WORDS), SCALARS)


def fields_of(part: type[Part]) -> dict[str, Any]:
    return {field.alias or key: field for key, field in part.model_fields.items()}


def of_field(annotation: object, depth: int) -> st.SearchStrategy[object]:
    parts = list(parts_in(annotation))
    if not parts or not depth:
        return SCALARS | st.lists(SCALARS, max_size=2) | st.dictionaries(st.sampled_from(WORDS), SCALARS, max_size=2)
    inner = st.one_of([of_part(part, depth - 1) for part in parts])
    return (
        inner
        | st.lists(inner | SCALARS, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "mine", "all"]), inner, max_size=2)
    )


@given(of_part(Document, 4))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_nearly_fits_the_model_is_loaded_or_told(value: object) -> None:
    (FOLDER / "a.opml").write_text('<opml><body><outline xmlUrl="https://o.example/f"/></body></opml>')

    told_or_loaded(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"), {"V": "x"})


WHOLE = {
    "server": {"listen": "127.0.0.1:8080", "title": "t"},
    "polling": {"allow_private": ["127.0.0.1:1200"]},
    "defaults": {"every": "2h", "tags": ["all"], "headers": {"X-A": "b"}, "keep": {"days": "3"}},
    "rsshub": {"base": ["http://127.0.0.1:1200", "https://hub.example"], "key": "${V}"},
    "sources": [
        "https://a.example/f",
        {"url": "https://b.example/f", "id": "b", "fallback": ["rsshub:/b", "https://c.example/f"], "enabled": "false"},
        {"rsshub": "/woshipm/latest", "auth": {"username": "me", "password": "${V}"}, "cookies": {"a": "b"}},
        {
            "group": "G",
            "category": "c",
            "tags": ["t"],
            "filters": [{"drop": {"title": "a|b"}}, {"replace": {"in": "title", "pattern": "(a)", "with": "\\1"}}],
            "sources": [{"url": "https://d.example/f", "max_body": "10MB"}, {"group": "H", "sources": ["rsshub:/h"]}],
        },
        {"opml": "a.opml", "proxy": "socks5://127.0.0.1:1080"},
        {"include": "more*.yaml"},
    ],
    "views": {"v": {"sources": ["b"], "categories": ["c"], "filters": [{"unique": "title"}, {"drop": {"older": "30d"}}]}},
}  # fmt: skip


def with_another(value: Any, draw: st.DrawFn) -> Any:
    """Return the value with something else at one place in it, or without it, or with one more beside it."""
    inner = isinstance(value, dict | list) and value and draw(st.integers(0, 3))
    if not inner:
        return draw(SCALARS | st.none() | VALUES)
    if isinstance(value, dict):
        key = draw(st.sampled_from(sorted(value)))
        kept = {one: value[one] for one in value if one != key}
        how = draw(st.integers(0, 5))
        if how == 0:
            return kept
        name = draw(st.sampled_from(WORDS)) if how == 1 else key
        return {**kept, name: value[key] if how == 1 else with_another(value[key], draw)}
    at = draw(st.integers(0, len(value) - 1))
    return [*value[:at], with_another(value[at], draw), *value[at + draw(st.integers(0, 1)) :]]


@st.composite
def damaged(draw: st.DrawFn) -> object:
    value: object = WHOLE
    for _ in range(draw(st.integers(1, 3))):
        value = with_another(value, draw)
    return value


@given(damaged())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_sound_file_with_something_else_in_it_is_loaded_or_told(value: object) -> None:
    (FOLDER / "a.opml").write_text('<opml><body><outline xmlUrl="https://o.example/f"/></body></opml>')
    (FOLDER / "more.yaml").write_text("- https://m.example/f\n")

    told_or_loaded(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"), {"V": "x"})


@given(st.lists(SCALARS, max_size=4), VALUES)
@settings(max_examples=100, deadline=None)
def test_an_included_file_of_any_content_is_taken_or_told(lines: list[str], value: object) -> None:
    (FOLDER / "more.yaml").write_bytes("\n".join(f"- {line}" for line in lines).encode("utf-8", "surrogatepass"))
    (FOLDER / "value.yaml").write_bytes(json.dumps(value).encode())

    told_or_loaded(b"sources: [{include: more.yaml}, {include: value.yaml}]", {})


@given(LINES)
@settings(max_examples=300, deadline=None)
def test_lines_that_look_like_yaml_are_loaded_or_told(lines: list[tuple[int, str, str, str, str]]) -> None:
    text = "\n".join(" " * indent + dash + key + colon + value for indent, dash, key, colon, value in lines)

    told_or_loaded(text.encode("utf-8", "surrogatepass"), {})


@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_loaded_or_told(data: bytes) -> None:
    told_or_loaded(data, {})


@given(st.integers(0, 2000), st.integers(1, 40), st.binary(max_size=4))
@settings(max_examples=200, deadline=None)
def test_a_damaged_starter_is_loaded_or_told(at: int, length: int, put: bytes) -> None:
    data = template().encode()

    told_or_loaded(data[:at] + put + data[at + length :], {})


@given(st.text(min_size=1, max_size=40).filter(str.strip))
@settings(max_examples=200, deadline=None)
def test_text_comes_back_as_it_was_written_or_is_told(text: str) -> None:
    path = FOLDER / "feeds.yaml"
    path.write_text(json.dumps({"sources": [{"url": "https://a.example/f", "name": text.replace("${", "$${")}]}))

    with suppress(ConfigError):
        assert load(path, {}).sources[0].name == text.strip()


@given(st.integers(0, 300_000_000))
def test_a_duration_is_read_as_it_is_shown(seconds: int) -> None:
    assert duration(short(timedelta(seconds=seconds))) == timedelta(seconds=seconds)


@given(st.text(max_size=200))
def test_a_slug_of_anything_is_an_id(url: str) -> None:
    assert given_id(slug(url)) == slug(url)
    assert given_id(suffixed(slug(url), url)) == suffixed(slug(url), url)
