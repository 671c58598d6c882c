"""Log lines for the operator: one line an event, `key=value` or JSON, controls escaped."""

from __future__ import annotations

import codecs
import json
import logging
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TextIO

_FIELDS = "fields"

_UNSEEN = re.compile("[\x7f-\x9f\ud800-\udfff\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
"""What JSON leaves as it is, and a terminal obeys, breaks a line at, or turns round our words by."""


_ESCAPE = codecs.getencoder("unicode_escape")
"""Found now: where no more files may be opened it cannot be, and that is to be told too."""


def say(log: logging.Logger, level: int, message: str, **fields: object) -> None:
    """Log a message with fields; those that are None are left out."""
    log.log(level, message, extra={_FIELDS: {key: value for key, value in fields.items() if value is not None}})


def escaped(text: str) -> str:
    """Return the text on one line, controls and line separators written as escapes."""
    return "".join(c if c.isprintable() else _ESCAPE(c)[0].decode("ascii") for c in text)


class TextLines(logging.Formatter):
    """`2026-01-31T12:00:00Z info polled source=woshipm new=3`; a traceback follows on lines of its own."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        at = datetime.fromtimestamp(record.created, UTC)
        words = [f"{at:%Y-%m-%dT%H:%M:%SZ}", record.levelname.lower(), escaped(record.getMessage())]
        words += [f"{key}={_value(value)}" for key, value in getattr(record, _FIELDS, {}).items()]
        line = " ".join(words)
        return "\n".join([line, *self._traceback(record)])

    def _traceback(self, record: logging.LogRecord) -> Iterator[str]:
        """Yield the lines of the traceback, indented: what an exception quotes may look like a line of ours."""
        told = self.formatException(record.exc_info) if record.exc_info else ""
        yield from (f"    {escaped(line)}" for line in told.splitlines())


class JsonLines(logging.Formatter):
    """One JSON object a line: `at`, `level`, `event`, the fields, `traceback` where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        at = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, object] = {
            "at": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        line.update(getattr(record, _FIELDS, {}))
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return _UNSEEN.sub(lambda c: f"\\u{ord(c[0]):04x}", json.dumps(line, ensure_ascii=False, default=str))


def _value(value: object) -> str:
    text = escaped(str(value))
    return json.dumps(text, ensure_ascii=False) if not text or any(c in text for c in ' "=') else text


def set_up(*, verbosity: int = 0, form: str = "text", stream: TextIO | None = None) -> None:
    """
    Send our log lines to `stream` (stderr).

    `verbosity`: below 0 warnings only, 0 what an operator wants to read, above 0 debugging too.
    Libraries speak up from warnings on.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else TextLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    ours = logging.WARNING if verbosity < 0 else logging.DEBUG if verbosity > 0 else logging.INFO
    for package in ("aggregator", "storage"):
        logging.getLogger(package).setLevel(ours)
