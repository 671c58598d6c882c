"""A line of the log is one line, whatever a publisher put into what it tells."""

from __future__ import annotations

import io
import json
import logging
import sys

import pytest

from aggregator.logs import say, set_up

HOSTILE = "a\r\nb\x1b[2Jc\x7fd\x85e\x9bf\u2028g\u202eh\u2066i\u200fj\ud800k"
"""Line ends, what terminals obey, marks of direction, and half a character."""


@pytest.fixture
def log() -> logging.Logger:
    return logging.getLogger("aggregator.test_logs")


def lines(log: logging.Logger, form: str, **fields: object) -> str:
    """Return what is written of an event with these fields, its message hostile too."""
    root, written = logging.getLogger(), io.StringIO()
    before = root.handlers[:], root.level
    try:
        set_up(form=form, stream=written)
        say(log, logging.WARNING, f"failed {HOSTILE}", **fields)
    finally:
        root.handlers[:], _ = before
        root.setLevel(before[1])
    return written.getvalue()


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_line_holds_nothing_that_is_not_seen(log: logging.Logger, form: str) -> None:
    said = lines(log, form, detail=HOSTILE)

    assert said.endswith("\n")
    assert [c for c in said[:-1] if not c.isprintable()] == []


def test_a_line_of_json_keeps_what_it_was_told(log: logging.Logger) -> None:
    said = json.loads(lines(log, "json", detail=HOSTILE))

    assert (said["event"], said["detail"]) == (f"failed {HOSTILE}", HOSTILE)


@pytest.mark.parametrize("form", ["text", "json"])
def test_what_an_exception_quotes_begins_no_line_of_the_log(log: logging.Logger, form: str) -> None:
    root, written = logging.getLogger(), io.StringIO()
    before = root.handlers[:], root.level
    try:
        set_up(form=form, stream=written)
        raise ValueError(f"{HOSTILE}\n2026-01-31T12:00:00Z info updated source=forged")
    except ValueError:
        log.exception("a fault")
    finally:
        root.handlers[:], _ = before
        root.setLevel(before[1])

    first, *others = written.getvalue().removesuffix("\n").split("\n")
    assert "a fault" in first
    assert [line for line in others if not line.startswith("    ")] == []
    assert [line for line in (first, *others) if not line.isprintable()] == []
    assert "forged" in written.getvalue()


def test_the_log_goes_to_stderr() -> None:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    try:
        set_up()

        (handler,) = root.handlers
        assert isinstance(handler, logging.StreamHandler)
        assert handler.stream is sys.stderr
    finally:
        root.handlers[:], _ = before
        root.setLevel(before[1])
