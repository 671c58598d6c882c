"""What is shown of a record where the formats want words that it may lack: title, writers, excerpt, categories."""

from __future__ import annotations

import re

from lxml import etree

from aggregator.render.characters import markup, plain
from storage.record import Record

EXCERPT = 280
"""Characters of an excerpt, at most."""
_TITLE = 80
# Characters of HTML that are read for the words at its beginning, so that a body of a megabyte is not parsed for a
# line: mostly the first number is enough, and pictures with long addresses stand before the words in some.
_READ = (1500, 12_000)
_SPACES = re.compile(r"\s+")
_OUTSIDE_TEXT = {"script", "style", "template", "rp"}


def shown_title(record: Record) -> str:
    """Return the title, or the first words of an entry that has none: Atom must have a title and readers a line to click."""
    return (
        plain(record.title)
        or _cut(plain(record.summary) or _beginning(record.html, _TITLE), _TITLE)
        or _last_resort(record)
    )


def _last_resort(record: Record) -> str:
    return plain(record.link or "") or plain(record.categories[1]) or record.key


def writers_of(record: Record) -> tuple[str, ...]:
    """Return who wrote it: the publisher's word, else the record's author line. Never empty, as Atom demands an author."""
    named = tuple(dict.fromkeys(name for name in map(plain, record.writers) if name))
    return named or (plain(record.author) or plain(record.categories[1]) or record.source_id,)


def categories_of(record: Record) -> tuple[str, ...]:
    """Return the category that the operator filed it under, then the publisher's tags, each once."""
    return tuple(dict.fromkeys(word for word in map(plain, (record.categories[0], *record.tags)) if word))


def excerpt(record: Record) -> str:
    """Return the publisher's summary, else the beginning of the body, as plain text; may be empty."""
    return plain(record.summary) or _cut(_beginning(record.html, EXCERPT), EXCERPT)


def _beginning(html: str, wanted: int) -> str:
    """Return the first words of the HTML, more than `wanted` characters of them if there are as many near its start."""
    text = ""
    for read in _READ:
        text = text_of(html[:read])
        if len(text) > wanted or len(html) <= read:
            break
    return text


def text_of(html: str) -> str:
    """Return the HTML's text on one line; may be empty. A piece of HTML that was cut anywhere will do."""
    beginning = markup(html)
    if "<" not in beginning and "&" not in beginning:
        return _SPACES.sub(" ", beginning).strip()
    root = etree.fromstring(f"<div>{beginning}</div>", etree.HTMLParser())
    words = (part for part in _texts(root) if part.strip())
    return plain(_SPACES.sub(" ", " ".join(words)))  # again: a character reference such as &#1; has become one


def _texts(root: etree._Element) -> list[str]:
    parts = []
    for event, node in etree.iterwalk(root, events=("start", "end", "comment")):
        if event == "start" and node.tag not in _OUTSIDE_TEXT:
            parts.append(node.text or "")
        if event != "start" and node is not root:
            parts.append(node.tail or "")
    return parts


def _cut(text: str, limit: int) -> str:
    """Return at most `limit` characters, at a space where there is one near."""
    if len(text) <= limit:
        return text
    head = text[: limit - 1]
    words = head.rpartition(" ")[0]
    return (words if len(words) > limit // 2 else head).rstrip() + "…"
