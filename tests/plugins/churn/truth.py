"""What stands in each feed, told from what happened in the world and what docs/http.md promises: no code of the product."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from plugins.churn.world import AD, Article, Subscribed, ViewRules, World

FIRST = 20
"""Entries of a new source that stand in merged feeds."""
WINDOW = timedelta(hours=48)
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, order=True)
class Shown:
    """An entry as a reader has it."""

    uid: str
    id: str
    title: str
    link: str
    body: str
    dated: int
    """Seconds since 1970."""
    enclosure: str


@dataclass
class Row:
    """An article as it came through one source; what the publisher says of it as it was last read."""

    uid: str
    source: str
    round: int
    """When it arrived."""
    first_seen: datetime
    place: int
    backlog: bool
    date: datetime | None
    """None: when it was first seen, as the first reader saw it."""
    id: str | None
    """None: minted, as the first reader saw it."""
    title: str = ""
    link: str = ""
    body: str = ""
    enclosure: str = ""
    ad: bool = False
    topic: str = ""
    hidden: bool = False
    """By the operator."""
    filed: bool = False
    """Whether it has a record file: what a rule hid from the beginning has none."""
    nominal: datetime = LONG_AGO
    """The date where nobody has seen it yet."""
    leader: Row | None = None
    """The first of its story, under whose id it is shown; None: its own."""

    def says(self, article: Article) -> None:
        """Take over what the publisher says now."""
        self.title, self.link, self.body = article.title, article.link, article.body
        self.enclosure, self.ad, self.topic = article.enclosure, article.ad, article.topic


class Truth:
    """What has come through which source, and in which feed it stands."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], Row] = {}
        """By source and uid."""
        self.filtered: set[str] = set()
        self.order: list[str] = []
        """Sources of feeds.yaml."""
        self.tagged: dict[str, set[str]] = {}

    def polled(self, world: World, number: int) -> None:
        """Take in what every source listed in this round."""
        self.order = [one.id for one in world.subscribed]
        # Of a source that was removed, what its last rules hid stays hidden.
        for one in world.subscribed:
            (self.filtered.add if "filters" in one.more else self.filtered.discard)(one.id)
            self.tagged[one.id] = set(one.more.get("tags", []))
            if not (one.publisher.down or one.publisher.empty):
                self._read(one, world, number)
        for row in self.rows.values():
            row.filed = row.filed or self._stands(row)

    def rebuilt(self) -> None:
        """The store is what the record files hold: what has none, and nobody saw, comes anew if it is listed still."""
        self.rows = {key: row for key, row in self.rows.items() if row.filed}

    def _read(self, one: Subscribed, world: World, number: int) -> None:
        first = not any(source == one.id for source, _ in self.rows)
        for place, article in enumerate(one.publisher.listed):
            if (row := self.rows.get((one.id, article.uid))) is None:
                # A guid that is a URI is the id, for ever; ours are sound.
                own = article.guid if article.guid and ":" in article.guid else None
                backlog = first and place >= FIRST
                row = Row(article.uid, one.id, number, world.now, place, backlog, article.date, own)
                world.read.add(article.uid)
                row.nominal = article.date or world.now - timedelta(seconds=place if first else 0)
                self.rows[one.id, article.uid] = row
            row.says(article)

    # --- feeds ---

    def merged(self) -> list[Row]:
        """Return the rows of the merged feed, in its order."""
        return self._cut([row for row in self.rows.values() if self._shows(row)], 50, WINDOW, stories=True)

    def source(self, name: str) -> list[Row]:
        """Return those of a source's own feed."""
        return self._cut([row for row in self.rows.values() if row.source == name and self._stands(row)], 50, WINDOW)

    def view(self, rules: ViewRules) -> list[Row]:
        """Return those of a view."""
        chosen = set(rules.sources)
        if rules.tags:
            chosen |= {name for name in self.order if self.tagged[name] & set(rules.tags)}
        within = [row for row in self.rows.values() if not chosen or row.source in chosen]
        rows = [row for row in within if self._shows(row) and (not rules.query or rules.query == row.topic)]
        rows = [row for row in rows if not (rules.drop == AD and row.ad)]
        return self._cut(rows, rules.entries, timedelta(hours=rules.hours), rules.per_source, stories=True)

    def _stands(self, row: Row) -> bool:
        return not row.hidden and not (row.ad and row.source in self.filtered)

    def _shows(self, row: Row) -> bool:
        return self._stands(row) and not row.backlog

    def _told(self, rows: list[Row]) -> list[Row]:
        """Return each story once: from the source that stands first in feeds.yaml, under the id of whatever came first."""
        stories: dict[str, list[Row]] = defaultdict(list)
        for row in rows:
            stories[row.uid].append(row)
        shown = [min(story, key=self._preference) for story in stories.values()]
        leaders: dict[str, Row] = {}
        for row in self.rows.values():
            leaders[row.uid] = min(leaders.get(row.uid, row), row, key=lambda one: one.round)
        return [replace(row, leader=leaders[row.uid]) for row in shown]

    def _preference(self, row: Row) -> tuple[bool, int, int]:
        there = row.source in self.order
        return not there, self.order.index(row.source) if there else 0, row.round

    def _cut(
        self, rows: list[Row], entries: int, window: timedelta, per_source: int | None = None, *, stories: bool = False
    ) -> list[Row]:
        since = max((row.first_seen for row in rows if not row.backlog), default=LONG_AGO) - window
        counted: Counter[str] = Counter()
        kept = []
        for row in sorted(self._told(rows) if stories else rows, key=_order):
            counted[row.source] += 1
            if per_source is None or counted[row.source] <= per_source:
                kept.append(row)
        return [
            row for place, row in enumerate(kept) if place < entries or (row.first_seen >= since and not row.backlog)
        ]

    # --- what only readers can tell ---

    def learn(self, rows: list[Row], seen: dict[str, Shown]) -> None:
        """Note the ids and dates that the product made up, from the first reader that has them; they never change."""
        for row in rows:
            own = self.rows[row.source, row.uid]
            named = row.leader or own
            if (shown := seen.get(row.uid)) is not None:
                named.id = named.id or shown.id
                own.date = row.date = own.date or datetime.fromtimestamp(shown.dated, UTC)

    @staticmethod
    def shown(row: Row) -> Shown:
        """Return the row as a reader must show it."""
        dated = int(row.date.timestamp()) if row.date else 0
        return Shown(row.uid, (row.leader or row).id or "", row.title, row.link, row.body, dated, row.enclosure)


def _order(row: Row) -> tuple[float, int, int]:
    """Newest first; ties by arrival, then the publisher's order."""
    return -(row.date or row.nominal).timestamp(), -row.round, row.place
