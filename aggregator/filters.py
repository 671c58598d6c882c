"""
What the rules of `filters` do to records: which rule hides one, and what the others make of it on output.

Nothing is lost by a wrong rule: what is hidden is stored, and what is replaced or removed is so on output alone.
Every rule takes time linear in the record, and what comes out is as clean as what went in (docs/security.md).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from hashlib import sha256
from html import escape

from aggregator import pictures
from aggregator.clean import LONGEST, clean
from aggregator.markup import TOKEN
from aggregator.model import Condition, Filter, FilterKind, Settings
from aggregator.patterns import found, replaced, without, without_long_accents
from aggregator.plain import line, shortened, text_of_clean
from storage.markup import unescape
from storage.record import Record

LONGEST_TITLE = 1_000

HIDING = frozenset((FilterKind.DROP, FilterKind.KEEP, FilterKind.LIMIT))
CHANGING = frozenset((FilterKind.REPLACE, FilterKind.REMOVE))


def digest_of(filters: Iterable[Filter], kinds: frozenset[FilterKind]) -> str:
    """Return what tells these rules of the kinds from others, in their order; empty where there are none."""
    chosen = [rule for rule in filters if rule.kind in kinds]
    return sha256(repr(chosen).encode("utf-8", "surrogatepass")).hexdigest()[:16] if chosen else ""


# --- what hides -------------------------------------------------------------------------------------------------


def judge(record: Record, filters: Iterable[Filter], newest: datetime | None = None) -> str | None:
    """
    Return the first `drop` or `keep` rule that hides the record, as written; None where none does.

    `newest` is the newest arrival of a view, from which `older` counts back; without it nothing is older.
    """
    said = _Said(record)
    for rule in filters:
        if _hides(said, rule, newest):
            return rule.written
    return None


def verdicts(records: Sequence[Record], filters: Sequence[Filter]) -> dict[str, str | None]:
    """
    Return by key the rule that hides each record of one poll, None where none does.

    The rules act in order: `limit` leaves the newest of those that the rules before it left.
    """
    hidden: dict[str, str | None] = {record.key: None for record in records}
    left = [_Said(record) for record in records]
    for rule in filters:
        if rule.kind is FilterKind.LIMIT:
            left.sort(key=lambda said: (said.record.published, -said.record.position, said.record.key), reverse=True)
            gone = left[rule.newest :]
        else:
            gone = [said for said in left if _hides(said, rule, None)]
        for said in gone:
            hidden[said.record.key] = rule.written
        left = [said for said in left if hidden[said.record.key] is None]
    return hidden


def _hides(said: _Said, rule: Filter, newest: datetime | None) -> bool:
    if rule.kind not in (FilterKind.DROP, FilterKind.KEEP):
        return False
    held = all(_holds(said, condition, newest) for condition in rule.conditions)
    return held is (rule.kind is FilterKind.DROP)


def _holds(said: _Said, condition: Condition, newest: datetime | None) -> bool:
    if condition.older is not None:
        return newest is not None and newest - said.record.published > condition.older
    if condition.pattern is not None:
        return any(found(condition.pattern, value) for value in said.values(condition.field))
    words = [folded(word) for word in condition.words]
    return any(word in value for value in said.folded_values(condition.field) for word in words)


def folded(text: str) -> str:
    """Return the text with case and width made one (NFKC, case folding): what words are looked for in."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", without_long_accents(text)).casefold())


class _Said:
    """What a record says in each field that a rule may ask for, worked out once and only where it is asked for."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self._folded: dict[str, tuple[str, ...]] = {}

    def values(self, field: str) -> tuple[str, ...]:
        """Return the texts of the field; a rule holds where one of them matches."""
        match field:
            case "title":
                return (self.record.title,)
            case "text":
                return (self._text,)
            case "author":
                return self.record.writers
            case "tag":
                return self.record.tags
            case "link":
                return (self.record.link or "",)
        raise ValueError(f"a rule asks for {field!r}, which no entry has")

    def folded_values(self, field: str) -> tuple[str, ...]:
        """Return the texts of the field, case and width made one."""
        if field not in self._folded:
            self._folded[field] = tuple(folded(value) for value in self.values(field))
        return self._folded[field]

    @cached_property
    def _text(self) -> str:
        return f"{self.record.title}\n{text_of_clean(self.record.html)}"


# --- what changes on output -------------------------------------------------------------------------------------


def outward(settings: Settings, of_view: Sequence[Filter] = ()) -> Callable[[Record], Record]:
    """
    Return what makes of a record what is to be seen outside, by the rules of its source and then of a view.

    Ask it once for many records.
    """
    by_id = {source.id: (*source.filters, *of_view) for source in settings.sources if source.filters}
    return lambda record: shown(record, by_id.get(record.source_id, of_view))


def shown(record: Record, filters: Sequence[Filter]) -> Record:
    """
    Return the record as it is to be seen outside: `replace` and `remove` applied in order.

    A title that would become empty stays as it was. In a body, `replace` acts on the text between two tags, so a
    match never crosses one, and what takes its place is text too: markup in it is shown, not obeyed. A body whose
    text would outgrow the bound of all bodies stays as it was.
    """
    rules = [rule for rule in filters if rule.kind in CHANGING]
    if not rules:
        return record
    titles = [rule for rule in rules if rule.kind is FilterKind.REPLACE and rule.field == "title"]
    bodies = [rule for rule in rules if rule not in titles]
    record = _retitled(record, titles) if titles else record
    return _rebodied(record, bodies) if bodies else record


def _retitled(record: Record, rules: Iterable[Filter]) -> Record:
    title = record.title
    for rule in rules:
        changed = line(replaced(rule.pattern, rule.replacement, title, LONGEST_TITLE))
        title = shortened(changed, LONGEST_TITLE) if changed else title
    return record if title == record.title else replace(record, title=title)


def _rebodied(record: Record, rules: Sequence[Filter]) -> Record:
    removing = any(rule.kind is FilterKind.REMOVE for rule in rules)
    # The clean body has no classes any more; where a rule needs them, they are stored besides.
    before = record.marked_html if removing and record.marked_html is not None else record.html
    after = _changed(before, rules)
    html = record.html if after == before else clean(after, None, _longest(record.html)).strip()
    raw = None if record.raw_html is None else _changed(record.raw_html, rules)
    summary = record.summary
    for rule in rules:
        if rule.kind is FilterKind.REPLACE:
            summary = line(replaced(rule.pattern, rule.replacement, summary, LONGEST))
    if (html, raw, summary) == (record.html, record.raw_html, record.summary):
        return record
    return replace(record, html=html, raw_html=raw, summary=summary, image=_lead_image(record, html))


def _changed(html: str, rules: Iterable[Filter]) -> str:
    for rule in rules:
        if rule.kind is FilterKind.REMOVE:
            left = without(html, rule.selectors)
            html = html if left is None else left
        else:
            html = _with_texts_replaced(html, rule)
    return html


def _longest(html: str) -> int:
    """Return how long a body may become; one that was stored longer (`max_entry`) may stay so."""
    return max(LONGEST, len(html))


def _with_texts_replaced(html: str, rule: Filter) -> str:
    """Return the HTML with the rule done to the text between its tags; as it was where it would grow beyond the bound."""
    pieces, at, length, longest = list[str](), 0, 0, _longest(html)
    for token in TOKEN.finditer(html):
        pieces += (_replaced_text(html[at : token.start()], rule), token[0])
        at = token.end()
        length += len(pieces[-2]) + len(pieces[-1])
        if length > longest:
            return html
    result = "".join((*pieces, _replaced_text(html[at:], rule)))
    return result if len(result) <= longest else html


def _replaced_text(text: str, rule: Filter) -> str:
    if not text:
        return text
    plain = unescape(text) if "&" in text else text
    changed = replaced(rule.pattern, rule.replacement, plain, LONGEST)
    return text if changed == plain else escape(changed, quote=False)


def _lead_image(record: Record, html: str) -> str | None:
    """Return the lead image: the first of the new body where the old one's went with what a rule removed."""
    if record.image is None or record.image not in pictures.urls(record.html):
        return record.image
    return record.image if record.image in pictures.urls(html) else pictures.lead_image(html)
