"""Five readers subscribe to one server through rounds of churn: nobody sees anything twice, again, or not at all."""

from __future__ import annotations

import json
import os
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from plugins.churn.clients import Client, Feedparser, Look, Newsboat, Parsing, Sfeed, missing
from plugins.churn.product import Product
from plugins.churn.truth import Row, Shown, Truth
from plugins.churn.world import World
from plugins.daemons import Running
from plugins.node import Parsers
from plugins.ports import free_port
from plugins.served_corpus import Home

pytestmark = pytest.mark.timeout(900)
LONG = os.environ.get("LONG") == "1"
ROUNDS = 50
SEEDS = [1, 2, 3, 4] if LONG else [1]
SELDOM = 5
"""newsboat takes a third of a second a feed: it reloads each so many rounds, and whenever the server was not there."""
STEP = timedelta(hours=3, minutes=50)
FEEDS = ("feed", "feed/desk", "source/tea")
ENDINGS = {
    "feedsmith": ("json", "atom", "rss"),
    "rss-parser": ("rss", "rss", "atom"),
    "feedparser": ("atom", "atom", "atom"),
    "sfeed": ("atom", "rss", "rss"),
    "newsboat": ("rss", "atom", "rss"),
}
"""In which form each reader has each feed; in the long run it has all that it can read."""
Start = Callable[..., Running]

RESTARTED, MOVED, KILLED, REBUILT = {9, 27, 44}, {15, 35}, {20, 21, 22}, {12, 31, 46}
"""Rounds in which the server is started anew, on another port, killed with -9, or its database lost."""
LAST_KILL = max(KILLED)
OTHERS = [
    "edit", "vanish", "return_", "reorder", "migrate", "secure", "fail", "silence", "rename", "move", "edit_view", "add",
    "remove", "shuffle", "filters", "story", "story",
]  # fmt: skip


@dataclass
class Subscription:
    """One reader's one feed, and what stood in it whenever the reader looked."""

    client: Client
    feed: str
    path: str
    kept: dict[str, Shown] = field(default_factory=dict)
    """By uid, as last seen."""
    edited: set[str] = field(default_factory=set)
    """Articles that sfeed, which tells them by title and link too, keeps several lines of."""

    def breaches(self, look: Look, rows: list[Row]) -> list[str]:
        """Return what is wrong with what the reader has now."""
        expected = [Truth.shown(row) for row in rows]
        found = []
        if look.shown is not None and look.shown != expected:
            found.append(f"shows {_difference(look.shown, expected)}")
        before = dict(self.kept)
        self.kept |= {one.uid: one for one in expected}
        by_lines = isinstance(self.client, Sfeed)
        self.edited |= {uid for uid, one in self.kept.items() if uid in before and _line(before[uid]) != _line(one)}
        counted = Counter(one.uid for one in look.kept)
        twice = {uid for uid, number in counted.items() if number > 1 and not (by_lines and uid in self.edited)}
        ids = defaultdict(set)
        for one in look.kept:
            ids[one.uid].add(one.id)
        twice |= {uid for uid, known in ids.items() if len(known) > 1}
        found += [f"has twice {sorted(twice)}"] if twice else []
        again = {
            one.uid
            for one in look.news
            if one.uid in before and not (by_lines and _line(one) != _line(before[one.uid]))
        }
        found += [f"sees again {sorted(again)}"] if again else []
        missed = self.kept.keys() - counted.keys()
        found += [f"missed {sorted(missed)}"] if missed else []
        same = KEPT.get(self.client.name, lambda one: one)
        kept = set(map(same, look.kept))
        stale = {uid for uid, one in self.kept.items() if same(one) not in kept} - missed - twice
        found += (
            [f"keeps otherwise {_difference([o for o in look.kept if o.uid in stale], [self.kept[u] for u in stale])}"]
            if stale
            else []
        )
        strange = counted.keys() - self.kept.keys()
        self.kept |= {one.uid: one for one in look.kept if one.uid in strange}  # once said
        return found + ([f"has what never stood there {sorted(strange)}"] if strange else [])


KEPT: dict[str, Callable[[Shown], object]] = {
    "sfeed": lambda one: (one.id, *_line(one)),  # it keeps the line that it has, whatever else is another
    "newsboat": lambda one: replace(one, dated=0),  # it keeps the date that it saw first
}
"""What a reader takes over of an entry that it knows."""


def _line(one: Shown) -> tuple[str, str]:
    return one.title, one.link


def _difference(found: list[Shown], expected: list[Shown]) -> str:
    if Counter(found) == Counter(expected):
        return f"another order: {[one.uid for one in found]} for {[one.uid for one in expected]}"
    there = {one.uid: one for one in found}
    wanted = {one.uid: one for one in expected}
    more, less = sorted(there.keys() - wanted.keys()), sorted(wanted.keys() - there.keys())
    both = [(there[uid], wanted[uid]) for uid in sorted(there.keys() & wanted.keys()) if there[uid] != wanted[uid]]
    told = [
        f"{is_.uid}: {a!r} for {b!r}"
        for is_, must in both
        for a, b in zip(_said(is_), _said(must), strict=True)
        if a != b
    ]
    return f"{len(found)} for {len(expected)}; more {more}, less {less}; {told[:6]}"


def _said(one: Shown) -> tuple[object, ...]:
    return one.id, one.title, one.link, one.body, one.dated, one.enclosure


class Churn:
    """A world, a product and its readers, round after round."""

    def __init__(self, home: Home, clients: list[Client], start: Start, seed: int) -> None:
        end_of_kills = datetime.now(UTC)
        self.world = World(seed, end_of_kills - STEP * min(KILLED))
        self.truth = Truth()
        self.product = Product(home, self.world)
        self.start, self.clients = start, clients
        self.subscriptions = [
            Subscription(client, feed, f"{feed}.{ending}")
            for client in clients
            for feed, chosen in zip(FEEDS, ENDINGS[client.name], strict=True)
            for ending in (client.endings if LONG else (chosen,))
        ]
        self.breaches: dict[str, list[str]] = {}
        """By round and what was wrong, in which readers and feeds."""
        self.spent: Counter[str] = Counter()
        self.looks: Counter[str] = Counter()
        self.running: Running | None = None

    def round(self, number: int) -> None:
        """Let things happen, poll, and let the readers look."""
        world = self.world
        world.begin(datetime.now(UTC) if number in KILLED else world.now + STEP)
        if number > 1:
            world.new()
            # A daemon that is running asks who failed an hour later.
            for name in world.random.sample([name for name in OTHERS if name != "fail" or number not in KILLED], 4):
                getattr(world, name)()
        began = time.monotonic()
        if number in KILLED:
            self._killed(number)
        else:
            self._polled(number)
        self.spent["polling"] += time.monotonic() - began
        print(f"round {number}: {'; '.join(world.told)}")
        rows = self._rows()
        eager = LONG or number % SELDOM == 0 or number in RESTARTED | MOVED | KILLED | REBUILT
        for one in self.subscriptions:
            if eager or one.client.name != "newsboat":
                self._look(number, one, rows[one.feed])

    def _rows(self) -> dict[str, list[Row]]:
        return {
            "feed": self.truth.merged(),
            "feed/desk": self.truth.view(self.world.view),
            "source/tea": self.truth.source("tea"),
        }

    def _polled(self, number: int) -> None:
        product, world = self.product, self.world
        if self.running is not None:
            self.running.stop()
            self.running = None
        elif number in RESTARTED | MOVED | REBUILT:
            product.close()
        if number in RESTARTED:
            self._hide()
        if number in MOVED:
            product.port = free_port()
            world.told.append("the port is another one")
        if number in REBUILT:
            product.rebuild()
            self.truth.rebuilt()
            world.told.append("the database is built anew from the record files")
        if number in {1, LAST_KILL + 1} | RESTARTED | MOVED | REBUILT:
            product.open()
            world.told.append("the server starts")
        product.poll()
        self.truth.polled(world, number)

    def _hide(self) -> None:
        told = Counter(uid for _, uid in self.truth.rows)
        free = [one for one in self.truth.merged() if told[one.uid] == 1 and one.source not in self.world.busy]
        row = self.world.random.choice([self.truth.rows[one.source, one.uid] for one in free])
        self.product.hide(row.id or "")
        row.hidden = True
        self.world.settled.add(row.source)
        self.world.told.append(f"the operator hides {row.uid}")

    def _killed(self, number: int) -> None:
        """Have a daemon killed while it takes it all in, and another one go on."""
        if self.running is None:
            self.product.close()
        else:
            self.running.process.kill()
            self.running.process.wait(10)
        self.product.write()
        self.truth.polled(self.world, number)
        asked = len(self.product.home.shelf.paths)
        first = self.start()
        first.until(lambda: len(self.product.home.shelf.paths) >= asked + self.world.random.randrange(4))
        first.process.kill()
        first.process.wait(10)
        self.running = self.start()
        # What a view finds it finds a moment later; what never comes right is told by the readers.
        until = time.monotonic() + 10
        self.running.until(lambda: self._serves_all() or time.monotonic() > until)
        self.world.told.append("a daemon is killed")

    def _serves_all(self) -> bool:
        assert self.running
        for path, rows in self._rows().items():
            items = json.loads(self.running.get(f"/{path}.json")[2])["items"]
            shown = [(item["title"], item["url"], item["content_html"]) for item in items]
            if shown != [(row.title, row.link, row.body) for row in rows]:
                return False
        return True

    def _look(self, number: int, one: Subscription, rows: list[Row]) -> None:
        began = time.monotonic()
        look = one.client.look(self.product.base, one.path)
        self.spent[one.client.name] += time.monotonic() - began
        self.looks[one.client.name] += 1
        self.truth.learn(rows, {shown.uid: shown for shown in look.kept})
        for what in one.breaches(look, rows):
            told = f"round {number}: {what}"
            self.breaches.setdefault(told, []).append(f"{one.client.name} {one.path}")


@pytest.mark.parametrize("seed", SEEDS)
def test_fifty_rounds_of_churn_show_each_reader_every_article_once_and_never_again(
    home: Home, daemon: Start, parsers: Parsers, require: Callable[[str, bool], None], tmp_path: Path, seed: int
) -> None:
    require(missing() or "newsboat", missing() is None)
    clients: list[Client] = [
        Parsing("feedsmith", parsers),
        Parsing("rss-parser", parsers),
        Feedparser(),
        Sfeed(tmp_path / "sfeed"),
        Newsboat(tmp_path / "newsboat"),
    ]
    churn = Churn(home, clients, daemon, seed)

    for number in range(1, ROUNDS + 1):
        churn.round(number)
        if len(churn.breaches) > 5:
            break
    churn.product.close()

    print(dict(churn.spent), dict(churn.looks), len(churn.truth.rows))
    print(Counter((one.agent.split("/")[0], one.status) for one in churn.product.answered))
    assert {one.last_modified for one in churn.product.answered} == {
        ""
    }  # a constant one hides from newsboat what is new
    conditional = {one.agent.partition("/")[0] for one in churn.product.answered if one.status == 304}
    assert conditional <= {"node", "feedparser", "newsboat"}
    if churn.breaches:
        pytest.fail(
            "\n".join(f"{what}\n    in {', '.join(where)}" for what, where in churn.breaches.items()), pytrace=False
        )
