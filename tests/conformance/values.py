"""What passes between the cases, the sockets and the judges: requests as they came, answers, verdicts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from enum import StrEnum
from typing import Protocol

Headers = tuple[tuple[bytes, bytes], ...]
"""Names and values as they stand on the wire, in order."""

MINUTE = 60.0
"""Seconds of a minute where time is not scaled."""


class Verdict(StrEnum):
    """What a case came to."""

    KEPT = "kept"
    BROKEN = "broken"
    NOT_SEEN = "not seen"
    """The client did not ask what would tell."""
    NEEDS_TIME = "needs time"
    """It takes hours of the client's own clock, and there were none."""
    NOT_APPLICABLE = "not applicable"
    """The client does not do what the case is about, and need not."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, and in one line what was seen."""

    verdict: Verdict
    seen: str


class Wire(Protocol):
    """The publisher's end of one connection, for answers that are more than bytes."""

    async def send(self, data: bytes) -> None:
        """Send all of it; raises HungUp where the client has left."""

    async def pause(self, seconds: float) -> None:
        """Wait; raises HungUp as soon as the client leaves."""

    def note(self, words: str) -> None:
        """Keep words about this answer for its judge."""


class HungUp(Exception):  # noqa: N818 - what the client did, not what went wrong
    """The client has closed its end."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the publisher does with one request."""

    status: int = 200
    headers: Headers = ()
    body: bytes = b""
    """Sent with its length, and the connection closed."""
    play: Callable[[Wire], Awaitable[None]] | None = None
    """In place of all that: bytes and pauses as they come."""
    good: bool = True
    """Whether a reader has reason to keep the validators: a whole answer with a feed in it, or a 304."""
    wait: float = 0.0
    """Seconds, from the request on, for which the publisher is to be left alone after this."""
    within: float = 0.0
    """Seconds after which a reader that still lives has asked again; 0: nothing is said about it."""
    whole_host: bool = False
    """Whether `wait` holds for everything on this host."""

    def header(self, name: bytes) -> bytes | None:
        """Return the value of the header; None where there is none."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


@dataclass(slots=True)
class Asked:
    """A request as it came, and what became of its answer."""

    at: float
    """Seconds since the program began."""
    host: str
    """The label of the host that was asked: `23`, `23.other`; see `Site`."""
    path: str
    """The target as written, query included."""
    headers: Headers = ()
    method: str = "GET"
    secure: bool = False
    turn: int = 0
    """Which poll by hand it belongs to; 0 where nobody marked any."""
    nth: int = 0
    """How many requests for this host and path came before."""
    now: datetime = datetime(2026, 3, 2, 12, tzinfo=UTC)
    """The wall clock."""
    minute: float = MINUTE
    """Seconds that stand for a minute."""
    first: float = 0.0
    """When this host and path were first asked, as `at`."""
    url: Callable[..., str] = lambda _host, path, **_: path
    """From a host's label and a path (and `secure=True`) to a URL."""
    answer: Answer | None = None
    until: float | None = None
    """When the answer was over; None while it lasts."""
    sent: int = 0
    lag: float = 0.0
    """By how many seconds `at` may be late, as this program was busy."""
    left: bool = False
    """Whether the client hung up before the answer's end."""
    notes: list[str] = field(default_factory=list)

    def header(self, name: str) -> bytes | None:
        """Return the value of the header, bytes as they came; None where it was not sent."""
        wanted = name.lower().encode()
        return next((value for key, value in self.headers if key.lower() == wanted), None)

    def seconds(self, minutes: float) -> int:
        """Return so many minutes as the whole seconds that HTTP can say, scaled; one at least."""
        return max(1, round(minutes * self.minute))

    def date(self, minutes: float, *, off: float = 0.0) -> bytes:
        """Return the date so many scaled minutes ahead of a clock that goes wrong by `off` scaled minutes."""
        ahead = self.seconds(minutes) if minutes else 0
        at = self.now + timedelta(seconds=ahead + off * self.minute)
        return format_datetime(at.replace(microsecond=0), usegmt=True).encode()


@dataclass(frozen=True, slots=True)
class Knock:
    """A connection on which no request came: a handshake that failed, or nothing at all."""

    at: float
    host: str
    until: float
    why: str


Play = Callable[[Asked], Answer]


@dataclass(frozen=True, slots=True)
class Site:
    """
    One address of a case: a feed of the list, or a place that a feed leads to.

    `host` is the label of the host that it lies on: the number of the case alone, or with a word behind a dot where
    a case needs several. Hosts of different labels differ to every client.
    """

    path: str
    play: Play
    host: str = ""
    listed: bool = True
    secure: bool = False
    times: int = 1
    """How often it stands in the list."""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a judge sees: the requests at the case's hosts, in their order, and what the run was like."""

    asked: tuple[Asked, ...]
    knocks: tuple[Knock, ...] = ()
    minute: float = MINUTE
    by_hand: bool = False
    turns: int = 0
    """How many polls by hand there were."""
    until: float = 0.0
    """When the run ended, as `Asked.at`."""
    sites: tuple[Site, ...] = ()
    floor: float = 60.0
    """Minutes between two polls that the client was told to keep."""

    def at(self, path: str, host: str | None = None) -> tuple[Asked, ...]:
        """Return the requests for a path, on the host where one is named."""
        return tuple(one for one in self.asked if one.path == path and host in (None, one.host))

    def by_place(self) -> dict[tuple[str, str], list[Asked]]:
        """Return the requests by host and path."""
        places: dict[tuple[str, str], list[Asked]] = {}
        for one in self.asked:
            places.setdefault((one.host, one.path), []).append(one)
        return places

    def attempts(self, asked: Iterable[Asked]) -> list[list[Asked]]:
        """Part requests into polls: by their marks where it went by hand, else where ten minutes lie between two."""
        parts: list[list[Asked]] = []
        for one in asked:
            last = parts[-1][-1] if parts else None
            together = last and (one.turn == last.turn if self.by_hand else one.at - last.at < 10 * self.minute)
            if together:
                parts[-1].append(one)
            else:
                parts.append([one])
        return parts

    def only(self, *hosts: str) -> Seen:
        """Return the same for some hosts alone."""
        return replace(
            self,
            asked=tuple(one for one in self.asked if one.host in hosts),
            knocks=tuple(one for one in self.knocks if one.host in hosts),
        )


Judge = Callable[[Seen], Judgement]


@dataclass(frozen=True, slots=True)
class Case:
    """One behaviour of a publisher, and what is to be seen of a reader that meets it."""

    id: str
    title: str
    """What a reader does that keeps it, in one line."""
    sites: tuple[Site, ...]
    judge: Judge
