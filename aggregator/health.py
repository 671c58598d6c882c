"""Say how each source and the daemon itself are, from what is stored of polling: a word, a reason, a way out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, TypeAlias
from urllib.parse import quote, urlsplit, urlunsplit

from aggregator.gaps import halvings, is_recent
from aggregator.manners import unusual
from aggregator.model import Source
from aggregator.outcomes import FailureKind
from aggregator.shapes import instant
from aggregator.silence import LEAST, awake, habit, most_rest, silent_for
from storage.states import PollState, Rest

Row: TypeAlias = dict[str, str | int | None]

LATE = timedelta(minutes=10)
"""A poll this long after its time says that nothing polls: a tick is a second, a wait for a host some minutes."""

TICK_LATE = timedelta(seconds=60)
"""A scheduler that ticks every second and has not for this long stands still."""

ASKED = 400
"""Sources that are looked at, evenly spread, to tell a holiday."""

_SECRET = re.compile(
    r"(?i)([?&;](?:[^=&;]*(?:key|token|secret|password|passwd|auth|signature|credentials?)|code|pwd|pass|sig|sid)=)[^&;]*"
)
LONG = 6
"""Characters of a secret that is hidden wherever it stands; a shorter one may be part of any word."""


class State(StrEnum):
    """How a source is, in one word."""

    OK = "ok"
    LATE = "late"
    SILENT = "silent"
    DEGRADED = "degraded"
    FAILING = "failing"
    BLOCKED = "blocked"
    GONE = "gone"
    MOVED = "moved"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class Health:
    """How a source is: the word, why in plain words, and since when; None where no instant is known."""

    state: State
    reason: str
    since: datetime | None = None


WEEK = timedelta(days=7)
NOT_MODIFIED = 304
LOST = timedelta(days=14)
"""A document that is not found for this long may be gone for good (rule 43)."""

PAUSED = Health(State.PAUSED, "`enabled: false` in feeds.yaml: nothing polls it until that line goes")


class Weather(NamedTuple):
    """What is so with all sources at once, and no fault of a single one."""

    offline: bool = False
    """The daemon waits for the network."""
    holiday: bool = False
    """So many sources rest that it is a holiday."""


def weather_of(sources: Sequence[PollState], now: datetime) -> Weather:
    """Return what is so with all sources at once."""
    waits = [
        (awake(source.ingest_times[-1], _asked_last(source, now), known.resting), known.patience)
        for source in sources[:: max(1, len(sources) // ASKED)]
        if source.ingest_times and (known := habit(source.ingest_times, source.active_days))
    ]
    return Weather(no_network(sources, now), most_rest([one for one in waits if one[1] < WEEK]))


def no_network(sources: Iterable[PollState], now: datetime) -> bool:
    """
    Return whether the daemon waits for the network: the host that it tries each minute could not be reached just now.

    Then the others' times may pass, and nothing is wrong with them.
    """
    return any(
        source.failure_kind == FailureKind.OFFLINE
        and source.last_attempt_at is not None
        and now - source.last_attempt_at < LATE
        for source in sources
    )


def health_of(
    source: PollState, now: datetime, written: Source | None = None, *, weather: Weather | None = None
) -> Health:
    """
    Return how the source is. Of several words the one that wants a hand most is said.

    `weather` is what `weather_of` says of all sources; None where they are not at hand.

    `written` is the source of feeds.yaml: what it does unlike others (no verified certificate, another user agent)
    stands in the reason.
    """
    around = weather or Weather(offline=source.failure_kind == FailureKind.OFFLINE)
    secrets = written.secrets if written else ()
    health = (
        _trouble(source, now, offline=around.offline)
        or _oddity(source, now, secrets, holiday=around.holiday)
        or _fine(source, now, offline=around.offline)
    )
    noted = "; ".join([health.reason, *(unusual(written) if written else ())])
    return health if noted == health.reason else Health(health.state, noted, health.since)


def _trouble(source: PollState, now: datetime, *, offline: bool) -> Health | None:
    """Return what keeps the source from being polled or read, if anything does."""
    again = f"`aggregator poll {source.source.id}` tries it again"
    if source.stopped == "finished":
        return Health(State.GONE, f"the publisher says that this feed has ended; {again}", source.last_attempt_at)
    if source.stopped:
        since = source.failing_since or source.last_attempt_at
        return Health(State.GONE, f"the publisher says that it is gone; {again}", since)
    if source.failures and source.failure_kind:
        refused = source.failure_kind in (FailureKind.BLOCKED, FailureKind.AUTH)
        times = "once" if source.failures == 1 else f"{source.failures} times in a row"
        reason = f"{source.failure_detail or source.failure_kind} ({source.failure_kind}, {times}){_dead(source, now)}"
        return Health(State.BLOCKED if refused else State.FAILING, reason, source.failing_since)
    if source.lease_until is None and now - source.next_poll_at > LATE and not offline:
        return Health(
            State.LATE, "its time has passed; nothing polls (is `aggregator run` running?)", source.next_poll_at
        )
    return None


def _dead(source: PollState, now: datetime) -> str:
    if (
        source.failure_kind != FailureKind.NOT_FOUND
        or source.failing_since is None
        or now - source.failing_since < LOST
    ):
        return ""
    return f"; dead? not found for {roughly(now - source.failing_since)}: look where the feed went, or remove it"


def _oddity(source: PollState, now: datetime, secrets: Sequence[str], *, holiday: bool) -> Health | None:
    """Return what is odd about a source that is polled and read."""
    if source.degraded:
        return Health(State.DEGRADED, source.degraded, source.last_success_at)
    if source.profile and source.profile.turned and source.profile.turned_at:
        return Health(State.DEGRADED, f"it turned: {source.profile.turned}", source.profile.turned_at)
    if source.address:
        rest = source.first_rest
        return Health(
            State.DEGRADED, _by_fallback(public_url(source.address, secrets), rest), rest.since if rest else None
        )
    if is_recent(source, now):
        return Health(State.DEGRADED, _gap(source, now), source.gap_at)
    if source.effective_url and source.effective_url != source.source.url:
        reason = f"it answers at another address for good; write into feeds.yaml: {suggestion(source, secrets)}"
        return Health(State.MOVED, reason, source.redirect_since)
    return _silence(source, _asked_last(source, now), holiday=holiday)


def _asked_last(source: PollState, now: datetime) -> datetime:
    """Return when the source last answered: that it brought nothing while nobody asked is no silence of its own."""
    return min(now, source.last_success_at or now)


def _silence(source: PollState, asked_last: datetime, *, holiday: bool) -> Health | None:
    if not source.ingest_times or asked_last - source.ingest_times[-1] < LEAST:
        return None
    if (broken := silent_for(source.ingest_times, source.active_days, asked_last, holiday=holiday)) is None:
        return None
    quiet, known = broken
    rests = " on the days that it does not rest" if known.resting else ""
    same = "answers that nothing changed" if source.last_status == NOT_MODIFIED else "lists the same entries"
    usual = f"nine of ten of its pauses were under {roughly(known.pause)}{rests}"
    reason = f"nothing new for {roughly(quiet)}; {usual}; it {same}"
    return Health(State.SILENT, reason, source.ingest_times[-1])


def _by_fallback(address: str, first: Rest | None) -> str:
    """Return which address answers, why the first does not, and when it is tried again."""
    served = f"served by its fallback {address}"
    if first is None:
        return served
    again = f"is tried again at {_minute(first.until)}" if first.until else "is gone, and tried again by hand only"
    return f"{served}; the first address fails since {_minute(first.since)} ({first.kind}: {first.detail}), {again}"


def _minute(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _gap(source: PollState, now: datetime) -> str:
    """Return what is known of the entries that went by between two polls (rule 76), and what is done about it."""
    mend = "a smaller `at_least` or `every` would help"
    if halvings(source, now):
        mend = "it is asked more often for a while"
    return f"gap: nothing that it listed was known; {source.gap_note}; {mend}"


def _fine(source: PollState, now: datetime, *, offline: bool) -> Health:
    if source.failure_kind == FailureKind.OFFLINE:
        return Health(State.OK, f"offline: {source.failure_detail}; it is asked when a host answers again")
    if offline and now - source.next_poll_at > LATE:
        return Health(State.OK, "offline: no host could be reached; it is asked when a host answers again")
    if source.last_success_at is None:
        return Health(State.OK, "not polled yet")
    answer = "the last answer was whole" if source.last_status != 304 else "the last answer was: not modified"
    return Health(State.OK, answer, None)


def suggestion(source: PollState, secrets: Sequence[str] = ()) -> str | None:
    """Return the line that belongs into feeds.yaml where a permanent redirect has proved itself; None where none has."""
    if not source.effective_url or source.effective_url == source.source.url:
        return None
    return f"url: {public_url(source.effective_url, secrets)}"


def source_rows(
    sources: Sequence[PollState],
    counts: Mapping[str, int],
    now: datetime,
    written: Sequence[Source] = (),
    paused: Sequence[Source] = (),
    *,
    weather: Weather | None = None,
) -> list[Row]:
    """
    Return the sources as `list --json` and `/sources.json` show them, in the order given, or of `written` if paused.

    Instants are RFC 3339 in UTC, `every` is written as in feeds.yaml, URLs are free of secrets.
    `moved_to` is where a permanent redirect leads, proven or not; `in_use` is the address that is polled.
    `written` are the sources of feeds.yaml; `paused` those that are not polled, which have no state. `weather` is what
    `weather_of` says of all sources, where these are not all.
    """
    known = {source.id: source for source in written}
    weather = weather_of(sources, now) if weather is None else weather
    placed = [
        (one.source.position, _row(one, counts.get(one.source.id, 0), now, known.get(one.source.id), weather=weather))
        for one in sources
    ]
    # A stable sort: sources of one position stay in the order given.
    placed += [(source.position, paused_row(source, counts.get(source.id, 0))) for source in paused]
    return [row for _, row in (sorted(placed, key=lambda one: one[0]) if paused else placed)]


def source_row_of(source: PollState, entries: int, now: datetime, written: Source | None = None) -> Row:
    """Return one source in the shape of `source_rows`."""
    return _row(source, entries, now, written)


def paused_row(source: Source, entries: int) -> Row:
    """Return a source that is not polled in the shape of `source_rows`."""
    row: Row = dict.fromkeys(ROW)
    url = public_url(source.url, source.secrets)
    told: Row = {"id": source.id, "name": source.name, "url": url, "state": str(PAUSED.state), "reason": PAUSED.reason}
    return row | told | {"failures": 0, "next_reason": "paused", "entries": entries, "in_use": url}


ROW = (
    "id", "name", "url", "state", "kind", "reason", "since", "failures", "last_attempt_at", "last_success_at",
    "last_new_at", "next_poll_at", "next_reason", "every", "entries", "moved_to", "in_use",
)  # fmt: skip
"""The keys of a source's row, in order; programs hold us to them."""


def _row(
    source: PollState, entries: int, now: datetime, written: Source | None, *, weather: Weather | None = None
) -> Row:
    health = health_of(source, now, written, weather=weather)
    secrets = written.secrets if written else ()
    moved_to = source.effective_url or source.redirect_target
    url, used = source.source.url, source.address or source.effective_url or source.source.url
    shown = public_url(url, secrets)
    return {
        "id": source.source.id,
        "name": source.source.name,
        "url": shown,
        "state": str(health.state),
        "kind": source.failure_kind,
        "reason": health.reason,
        "since": _instant(health.since),
        "failures": source.failures,
        "last_attempt_at": _instant(source.last_attempt_at),
        "last_success_at": _instant(source.last_success_at),
        "last_new_at": _instant(source.last_new_at),
        "next_poll_at": None if source.stopped else instant(source.next_poll_at),
        "next_reason": source.next_reason,
        "every": None if source.every is None else duration(source.every),
        "entries": entries,
        "moved_to": public_url(moved_to, secrets) if moved_to and moved_to != url else None,
        "in_use": shown if used == url else public_url(used, secrets),
    }


def _instant(at: datetime | None) -> str | None:
    return None if at is None else instant(at)


def duration(span: timedelta) -> str:
    """Return the span as feeds.yaml writes one: in the coarsest unit of which it is a whole number, `90m` and not `1.5h`."""
    seconds = max(0, round(span.total_seconds()))
    units = (("d", 86400), ("h", 3600), ("m", 60))
    return next((f"{seconds // size}{unit}" for unit, size in units if seconds and seconds % size == 0), f"{seconds}s")


def roughly(span: timedelta) -> str:
    """Return the span in one unit for people to read, `30d` for 721 hours."""
    units = (timedelta(days=1), timedelta(hours=1), timedelta(minutes=1))
    unit = next((unit for unit in units if span >= 2 * unit), timedelta(seconds=1))
    return duration((span // unit) * unit)


def public_url(url: str, secrets: Sequence[str] = ()) -> str:
    """
    Return the URL as it may be shown: no user information, `***` for the value of a parameter named like a secret.

    `secrets` are values of variables (`Source.secrets`); they are `***` in path and query too, short ones where they
    stand alone.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return url.partition("?")[0].rpartition("@")[2]
    netloc = parts.netloc.rpartition("@")[2]
    query = _SECRET.sub(r"\1***", f"?{parts.query}")[1:]
    path, query = _without(parts.path, secrets), _without(query, secrets)
    return urlunsplit((parts.scheme, netloc, path, query, ""))


def _without(text: str, secrets: Sequence[str]) -> str:
    for secret in sorted({form for one in secrets for form in (one, quote(one, safe=""))}, key=len, reverse=True):
        if len(secret) >= LONG:
            text = text.replace(secret, "***")
        else:
            text = re.sub(rf"(?<![^\W_]){re.escape(secret)}(?![^\W_])", "***", text)
    return text


# --- the daemon itself ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Facts:
    """What the daemon knows of itself that readiness is told from."""

    polls: bool = True
    """False where this process serves only."""
    last_tick_at: datetime | None = None
    """When the scheduler last looked for due sources; None: not yet."""
    config_fault: str | None = None
    """Why the newest feeds.yaml was not taken, `feeds.yaml:14:9: ...`; None where it was."""
    store_fault: str | None = None
    """Why the store cannot be written (no space left); None where it can."""


def unready(facts: Facts, now: datetime) -> list[str]:
    """Return why the daemon is not ready, a sentence each; nothing where it is."""
    reasons = [f"feeds.yaml: {facts.config_fault}"] if facts.config_fault else []
    if facts.store_fault:
        reasons.append(f"store: {facts.store_fault}")
    if facts.polls and facts.last_tick_at is None:
        reasons.append("scheduler: has not started yet")
    elif facts.polls and facts.last_tick_at and now - facts.last_tick_at > TICK_LATE:
        reasons.append(f"scheduler: has not ticked since {instant(facts.last_tick_at)}")
    return reasons
