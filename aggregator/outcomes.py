"""What a poll came to: the kinds of failure, and the values that go on to reconciling, scheduling and saving."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from aggregator.model import Fetched, Hop, NotModified, Reading


class FailureKind(StrEnum):
    """Why a poll brought nothing: the word that store, log, metric, page and docs all use."""

    DNS = "dns"
    """The host name does not resolve."""
    CONNECT = "connect"
    """No connection, or one closed before it answered."""
    TLS = "tls"
    """The certificate or the handshake is not sound."""
    TIMEOUT = "timeout"
    """The total deadline passed, or the answer dripped."""
    PROTOCOL = "protocol"
    """The answer is not HTTP as it should be (coding, status, headers)."""
    REFUSED_ADDRESS = "refused-address"
    """The host lies in a private network that `allow_private` does not name, or the URL is no http(s) one."""
    REDIRECT = "redirect"
    """A redirect without a usable target, or more than five."""
    REDIRECT_LOOP = "redirect-loop"
    AUTH = "auth"
    """401 or 407."""
    BLOCKED = "blocked"
    """403 or 451, or a challenge page."""
    NOT_FOUND = "not-found"
    GONE = "gone"
    RATE_LIMITED = "rate-limited"
    CLIENT_ERROR = "client-error"
    """Another 4xx."""
    SERVER_ERROR = "server-error"
    """5xx."""
    TOO_LARGE = "too-large"
    EMPTY = "empty"
    NOT_A_FEED = "not-a-feed"
    PARSE = "parse"
    """It says that it is a feed, and cannot be read as one."""
    PARSE_LIMIT = "parse-limit"
    """Reading it took more time or memory than a feed may take; the worker was ended."""
    INTERRUPTED = "interrupted"
    """We stopped or crashed during the poll; not the publisher's fault, not counted."""
    OFFLINE = "offline"
    """No host can be reached at all; not counted."""
    STORAGE = "storage"
    """The outcome could not be saved."""
    INTERNAL = "internal"
    """A fault of this program; the log has the traceback."""


class PollError(Exception):
    """Raised by a stage of the corridor: the kind, and a sentence with what was seen."""

    def __init__(
        self,
        kind: FailureKind,
        detail: str,
        *,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
        hops: tuple[Hop, ...] = (),
    ) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind
        self.detail = detail
        self.status = status
        self.headers: Mapping[str, str] = headers or {}
        self.hops = hops

    def __reduce__(self) -> tuple[object, ...]:
        """Keep the fields when the error crosses a process border."""
        return _poll_error, (self.kind, self.detail, self.status, dict(self.headers), self.hops)


def _poll_error(
    kind: FailureKind, detail: str, status: int | None, headers: Mapping[str, str], hops: tuple[Hop, ...]
) -> PollError:
    return PollError(kind, detail, status=status, headers=headers, hops=hops)


@dataclass(frozen=True, slots=True)
class Updated:
    """A body was read: its entries are to be reconciled and saved."""

    fetched: Fetched
    reading: Reading
    new: tuple[datetime, ...] = ()
    """The ingest instants of the entries that are new, first import not counted."""
    gap: bool = False
    """True where entries may have gone by between two polls (rule 76)."""
    refused: Failed | None = None
    """What a page before the document was refused with; it holds for the host as any refusal does (rule 45)."""


@dataclass(frozen=True, slots=True)
class Unchanged:
    """A 304, or a body with the stored digest."""

    answer: NotModified | Fetched


@dataclass(frozen=True, slots=True)
class Failed:
    """The poll brought nothing; what is stored stays."""

    kind: FailureKind
    detail: str
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    hops: tuple[Hop, ...] = ()


PollResult = Updated | Unchanged | Failed


@dataclass(frozen=True, slots=True)
class Missed:
    """An address of a source that was asked in vain, or could not be."""

    address: str
    """As feeds.yaml has it."""
    url: str
    """What was asked: the address, or where it moved for good."""
    failure: Failed

    @property
    def end(self) -> str:
        """The URL that failed, after redirects."""
        return self.failure.hops[-1].target if self.failure.hops else self.url


@dataclass(frozen=True, slots=True)
class Journey:
    """What became of one poll of a source: its result, and the addresses that failed before it was had."""

    result: PollResult
    address: str | None
    """The address that answered, as feeds.yaml has it; None where none did."""
    missed: tuple[Missed, ...] = ()
    """In the order asked; where nothing answered, all that were."""
