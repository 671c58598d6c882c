"""Laws of reading feeds.yaml: whatever the text, it is settings or `ConfigError`, and what was written comes back."""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.config import ConfigError, Fault, keys, load, template
from aggregator.config.durations import duration, short
from aggregator.config.ids import given as given_id
from aggregator.config.ids import slug, suffixed

FOLDER = Path(tempfile.mkdtemp(prefix="config-laws-"))
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
WORDS = sorted({key.rpartition(".")[2] for key in keys()} | {"group", "filters", "<<", "x", ""})
PIECES = """
1 5 30m 1s no auto false null ~ ${V} ${W} ${ $${ ${V:-d} ${V:?m} https://a.example/f http://127.0.0.1:9/ a: a.example 'q "q [x {x
&a *a !!int !x | > - ? : # % @ ` 新媒体 {url} https://p.example/?{url} clean \\ \\t 127.0.0.1:80
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


@given(
    st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("version", "server", "storage", "polling", "defaults", "sources"), VALUES)
    )
)
@settings(max_examples=200, deadline=None)
def test_any_value_under_a_known_key_is_loaded_or_told(value: dict[str, object]) -> None:
    told_or_loaded(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"), {"V": "x"})


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
