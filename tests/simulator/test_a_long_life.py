"""Weeks of a hundred sources whose publishers do as they like, with stops, crashes and reloads: what must always hold."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import inf
from pathlib import Path
from random import Random
from typing import Any, cast

import httpx
import pytest

from aggregator.fallbacks import addresses
from aggregator.hosts import host_key
from aggregator.model import Polling, Source
from aggregator.outcomes import FailureKind, PollError
from plugins.simulator import DAY, HOUR, MINUTE, Asked, World, item, moves, ok, rss, says, source
from storage.contract import StoreError
from storage.sqlite import SqliteStore

DAYS = 4
"""More of them, and other seeds, find more: two weeks take a minute."""
DELAY = timedelta(seconds=3)
PER_HOST = 2
SECRET = "key-of-"
LONGEST = 24 * HOUR + 15 * MINUTE
"""What a poll may put the next one off by: a day's backoff and its jitter; nobody here asks for more."""
LATE = 20 * MINUTE
"""How much later it may come: the spreading after a start, and the turns of the others on its host."""


class Mortal:
    """A store that a crash takes away: whatever is written to it then is lost."""

    def __init__(self, store: SqliteStore) -> None:
        self.inner = store
        self.dead = False

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.inner, name)
        if not callable(found):
            return found

        def call(*args: object, **named: object) -> object:
            if self.dead:
                raise StoreError("the process was killed")
            return found(*args, **named)

        return call


@dataclass
class Life(World):
    """A world whose answers take their time, and which takes down whatever breaks a promise."""

    dice: Random = field(default_factory=Random)
    broken: list[str] = field(default_factory=list)
    ended: list[Asked] = field(default_factory=list)
    slow: list[tuple[float, asyncio.Event]] = field(default_factory=list)
    running: Counter[str] = field(default_factory=Counter)
    most_running: Counter[str] = field(default_factory=Counter)
    started: dict[str, float] = field(default_factory=dict)
    """By host: when it was asked last."""
    asked_at: dict[str, float] = field(default_factory=dict)
    """By URL."""
    not_before: dict[str, float] = field(default_factory=lambda: defaultdict(lambda: -inf))
    """By host and by URL: until when its publisher wants to be left alone."""
    owners: dict[str, Source] = field(default_factory=dict)
    """By URL, those aside that archives lead to."""
    due: dict[str, datetime] = field(default_factory=dict)
    """By source: when its next poll may be expected, the waits of its host aside."""
    held: dict[str, datetime] = field(default_factory=dict)
    """By host: until when it was to be left alone last."""
    heard: int = 0
    told: list[tuple[float, str, float]] = field(default_factory=list)
    """What was asked for of late: when, for what, and until when it was to be left alone before."""

    def restart(self, *sources: Source) -> None:
        self.store = cast("SqliteStore", Mortal(getattr(self.store, "inner", self.store)))
        super().restart(*sources)
        self._hear()
        self.due = {one.id: max(self.now, self.due.get(one.id, self.now)) for one in self.sources}

    def promise(self, name: str, seconds: float) -> None:
        self.told.append((self.ticks, name, self.not_before[name]))
        self.not_before[name] = max(self.not_before[name], self.ticks + seconds)

    def wrong(self, said: str) -> None:
        self.broken.append(f"{self.ticks / 3600:.3f} h: {said}")

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        url, host = str(request.url), host_key(str(request.url))
        self._judge(url, host, request.headers)
        self.started[host] = self.asked_at[url] = self.ticks
        self.running[host] += 1
        self.most_running[host] = max(self.most_running[host], self.running[host])
        try:
            if self.dice.random() < 0.04:
                over = asyncio.Event()
                self.slow.append((self.ticks + self.dice.uniform(0.5, 29), over))
                await over.wait()
            return await super()._answer(request)
        finally:
            self.running[host] -= 1

    def _judge(self, url: str, host: str, headers: httpx.Headers) -> None:
        if self.running[host] >= PER_HOST:
            self.wrong(f"{url} is asked while {self.running[host]} are under way there")
        if self.ticks - self.started.get(host, -inf) < DELAY.total_seconds() - 0.01:
            self.wrong(f"{url} is asked {self.ticks - self.started[host]} s after another start there")
        for name in (host, url):
            if self.ticks < self.not_before[name] - 0.01:
                self.wrong(f"{url} is asked {self.not_before[name] - self.ticks:.0f} s too early for {name}")
        tag = headers.get("If-None-Match")
        if tag is not None and not tag.startswith(f'"{url} '):
            self.wrong(f"{url} is shown the tag {tag}")
        if ("A-IM" in headers) != (tag is not None):
            self.wrong(f"{url} is offered what it has no tag for")
        if (key := headers.get("X-Api-Key")) and not url.startswith(f"https://{key.removeprefix(SECRET)}.example/"):
            self.wrong(f"{url} is shown {key}")
        if owner := self.owners.get(url):
            apart = self.ticks - self.asked_at.get(url, -inf)
            if apart < (owner.every or owner.at_least).total_seconds() - 0.01:
                self.wrong(f"{url} is asked again after {apart / 60:.1f} min")
            self._judge_attempt(owner.id, url)

    def _judge_attempt(self, name: str, url: str) -> None:
        inner: SqliteStore = cast("Mortal", self.store).inner
        state = next(iter(inner.states(only=[name])))
        if state.lease_until is None or state.last_attempt_at is None:
            self.wrong(f"{url} is asked, and nothing of it is on disk")
        elif not state.lease_until > self.now >= state.last_attempt_at:
            self.wrong(f"{url} is asked at {self.now}, beyond its lease from {state.last_attempt_at}")

    # --- time ---

    async def live(self, span: timedelta) -> None:
        until, idle = self.ticks + span.total_seconds(), 0
        while self.ticks < until:
            asked = len(self.log)
            await self.tick()
            await self._until_all_wait()
            due = self.store.next_due_at(self.now)
            wait = 240.0 if due is None else min(240.0, max(1.0, (due - self.now).total_seconds()))
            if self.poller.under_way or (due is not None and due <= self.now):
                # Due, and for a while not asked: its host is to be left alone.
                idle = 0 if self.poller.under_way or len(self.log) > asked else idle + 1
                wait = 2.0 if idle < 3 else 60.0
            self.ticks, self.now = self.ticks + wait, self.now + timedelta(seconds=wait)
            self._wake_up()
            self._judge_waits()

    def _hear(self) -> None:
        for outcome in self.outcomes[self.heard :]:
            state = outcome.state
            if state.next_poll_at - self.now > LONGEST:
                self.wrong(f"{state.source.id} is put off until {state.next_poll_at}: {state.next_reason}")
            self.due[state.source.id] = state.next_poll_at
        self.heard = len(self.outcomes)

    def _judge_waits(self) -> None:
        """See that nobody is put off for longer than was asked for, nor forgotten when the time has come."""
        self._hear()
        self.held |= {one.host: one.not_before for one in self.store.hosts() if one.not_before is not None}
        late = [name for name, due in self.due.items() if self.now - due > LATE]
        for state in self.store.states(only=late) if late else ():
            # What a start spread, or a crash broke off, was put off without a poll.
            until = max(self.held.get(state.at_host or state.source.host, state.next_poll_at), state.next_poll_at)
            if self.due[state.source.id] < until <= self.now + LONGEST:
                self.due[state.source.id] = until
            elif state.lease_until is None:
                self.wrong(f"{state.source.id} was due at {self.due[state.source.id]} and was not asked")

    def _wake_up(self) -> None:
        for one in [one for one in self.slow if one[0] <= self.ticks]:
            self.slow.remove(one)
            one[1].set()

    async def _until_all_wait(self) -> None:
        idle = -1
        while (waiting := self.poller.waiting) != idle or self.poller.under_way > waiting + len(self.slow):
            while self.poller.under_way > self.poller.waiting + len(self.slow):
                await asyncio.wait(tuple(self.poller._tasks), timeout=0.0005, return_when=asyncio.FIRST_COMPLETED)
                await asyncio.sleep(0)
            idle = self.poller.waiting
            if idle:
                await self.tick()

    async def stop(self) -> None:
        """Stop in good order, what is under way within its grace or not."""
        stopping = asyncio.create_task(self.poller.stop(grace=0.02))
        while not stopping.done():
            if self.dice.random() < 0.5:
                self.ticks, self.now = self.ticks + 30, self.now + timedelta(seconds=30)
                self._wake_up()
            await asyncio.sleep(0.005)
        await stopping
        self.slow.clear()

    async def crash(self) -> None:
        """End without a word; the store is opened anew."""
        mortal = cast("Mortal", self.store)
        mortal.dead = True
        # Nobody knows any more what an answer said that came last and was not saved.
        for at, name, before in reversed(self.told):
            if self.ticks - at < 10 * 60:
                self.not_before[name] = before
        await self.stop()
        mortal.inner.close()
        self.store = SqliteStore.open(self.folder)


@dataclass
class Publisher:
    """One URL: what it says changes when it likes; mostly it is well."""

    life: Life
    url: str
    wild: float
    to: str | None = None
    moved: int = 302
    pages: int = 0
    version: int = 0
    shown: int = 12

    def __call__(self, asked: Asked) -> httpx.Response | PollError:
        dice, life, url, host = self.life.dice, self.life, self.url, host_key(self.url)
        if dice.random() < self.wild:
            return self._fails(dice.randrange(10), host)
        if self.to is not None:
            return moves(self.moved, self.to)
        if dice.random() < 0.4:
            self.version += dice.choice([1, 1, 2, 30])
        tag, headers = f'"{url} {self.version}"', {}
        if dice.random() < 0.9:
            headers["ETag"] = tag
        if dice.random() < 0.15:
            seconds = dice.choice([60, 7200, 40_000])
            headers["Cache-Control"] = f"max-age={seconds}"
            life.promise(url, seconds)
        if asked.raw("If-None-Match") == tag.encode():
            return says(304, headers)
        return ok(self._document(), headers)

    def _fails(self, which: int, host: str) -> httpx.Response | PollError:
        seconds = self.life.dice.choice([30, 5000, 20_000])
        match which:
            case 0:
                self.life.promise(host, seconds)
                return says(429, {"Retry-After": str(seconds)})
            case 1:
                self.life.promise(host, 4 * 3600)
                return says(429)
            case 2 | 3:
                self.life.promise(self.url, seconds)
                return says(503, {"Retry-After": str(seconds)})
            case 4:
                return PollError(FailureKind.TIMEOUT, "nothing within 30 s")
            case 5:
                return PollError(FailureKind.DNS, "no such name")
            case 6:
                return ok(b"<!doctype html><title>Closed</title>")
            case 7:
                return says(404)
            case 8:
                return ok(self._document()[:-30])
        return says(500)

    def _document(self) -> bytes:
        items = [item(f"{self.url}#{n}") for n in range(self.version, max(-1, self.version - self.shown), -1)]
        link = f"<atom:link xmlns:atom='http://www.w3.org/2005/Atom' rel='prev-archive' href='{self.url}/1'/>"
        return rss(*items, extra=link if self.pages else "")


def page(life: Life, url: str, nth: int) -> Callable[[Asked], httpx.Response]:
    """An older page, of which the last has nothing that anybody knows."""
    link = f"<atom:link xmlns:atom='http://www.w3.org/2005/Atom' rel='prev-archive' href='{url}/{nth + 1}'/>"

    def answer(_: Asked) -> httpx.Response:
        if life.dice.random() < 0.1:
            life.promise(host_key(url), 5000)
            return says(429, {"Retry-After": "5000"})
        return ok(rss(item(f"{url}#old{nth}-{life.dice.random()}"), extra=link))

    return answer


def peopled(folder: Path, seed: int) -> Life:
    """Return a world of a hundred sources of all kinds."""
    dice = Random(seed)
    sources: list[Source] = []
    led: dict[str, tuple[str, int]] = {}
    for n in range(100):
        name, settings = f"s{n}", {}
        url = f"https://s{n}.example/feed"
        if n < 25:
            url = f"https://hub{n % 2}.example/{n}"
        elif n < 40:
            led[url] = f"https://hub{n % 2}.example/led{n}", dice.choice([301, 302])
        elif n < 50:
            settings["fallback"] = (
                f"https://{dice.choice(['hub0', f's{n}'])}.example/mirror{n}",
                f"https://t{n}.example/",
            )
            if n % 2:
                led[url] = settings["fallback"][1], 302
        elif n < 56:
            url = f"https://s{n - n % 2}.example/feed"  # two sources, one address
        elif n < 62:
            settings["headers"] = (("X-Api-Key", f"{SECRET}{name}"),)
            settings["fallback"] = (f"https://hub1.example/mirror{n}",)
            led[url] = f"https://u{n}.example/", 302
        if n % 3 == 0:
            settings["every"] = dice.choice([2, 6, 12]) * HOUR
        settings["at_least"] = dice.choice([3, 6, 12]) * HOUR
        sources.append(source(name, url, **settings))
    for n in (50, 52, 54):  # a floor is a source's own, and an address has one
        sources[n + 1] = replace(sources[n], id=f"s{n + 1}", name=f"s{n + 1}")
    polling = Polling(host_delay=DELAY, per_host=PER_HOST, concurrency=12)
    life = Life(folder, tuple(sources), polling, jitter=dice.random, dice=dice)
    for one in sources:
        for url in addresses(one):
            to, status = led.get(url, (None, 0))
            for at in filter(None, (url, to)):
                life.owners.setdefault(at, one)
                wild = dice.choice([0.0, 0.02, 0.1, 0.5])
                made = Publisher(
                    life, at, wild, to if at == url else None, status, pages=one.position % 2 or dice.randrange(2)
                )
                life.sites.setdefault(at, made)
                for nth in range(1, 6):
                    life.sites.setdefault(f"{at}/{nth}", page(life, at, nth))
    return life


async def _stopped(life: Life) -> None:
    await life.stop()
    life.restart()


async def _crashed(life: Life) -> None:
    await life.crash()
    life.restart()


async def _away(life: Life) -> None:
    await life.stop()
    life.turn(life.now + DAY / 2)
    life.restart()


async def _reloaded(life: Life) -> None:
    life.poller.use(
        replace(life.settings, polling=replace(life.polling, concurrency=life.dice.choice([1, 5, 12]))),
        "feed-aggregator/1",
    )


@pytest.mark.parametrize("seed", [1])
async def test_no_promise_is_broken_in_days_of_whatever_publishers_do(tmp_path: Path, seed: int) -> None:
    """S01, S23, S52, S53: floors, turns, waits, validators and leases hold, and nobody is forgotten."""
    life = peopled(tmp_path, seed)

    for _ in range(DAYS):
        await life.live(DAY * life.dice.uniform(0.8, 1.2))
        await life.dice.choice([_stopped, _crashed, _away, _reloaded])(life)
    await life.live(DAY)
    await life.stop()

    assert life.broken == []
    assert len(life.outcomes) > 1000
    assert [state.source.id for state in life.store.states() if state.lease_until is not None] == []
    assert (life.poller.under_way, life.poller.waiting, life.poller._turns.running) == (0, 0, 0)
    life.store.close()
