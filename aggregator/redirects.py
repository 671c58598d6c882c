"""Tell when a permanent redirect is proven, so that a source is asked at its new address (rules 35 to 37)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import SplitResult, urlsplit

from aggregator.model import Hop
from storage.states import PollState

PROOF_POLLS = 3
PROOF_TIME = timedelta(hours=48)
MOVED_TOGETHER = timedelta(hours=24)
TOO_MANY_TOGETHER = 2
"""Other sources that may move to one host in a day; more look like a captive portal."""

NOBODY_MOVED: Mapping[str, int] = {}


def followed(state: PollState, hops: Sequence[Hop], now: datetime, moved_hosts: Mapping[str, int]) -> PollState:
    """
    Return the state with what the redirects of an answered poll prove.

    `hops` led from the polled URL to a document that was a feed (a 304 or an equal body is one). `moved_hosts`
    tells how many other sources move to a host in the same day, see `moving_hosts`. Only permanent hops count, and
    only up to the first that is none; an upgrade to https on the same host and path needs no further proof.
    """
    permanent = _permanent(hops)
    if permanent and _is_upgrade(permanent[0]):
        upgraded = permanent[0].target
        state = replace(state, effective_url=upgraded, redirect_since=state.redirect_since or now)
        permanent = permanent[1:]
    if not permanent:
        since = state.redirect_since if state.effective_url else None
        if (state.redirect_target, state.redirect_seen, state.redirect_since) == (None, 0, since):
            return state
        return replace(state, redirect_target=None, redirect_seen=0, redirect_since=since)

    target = permanent[-1].target
    again = state.redirect_target == target and state.redirect_since is not None
    since = state.redirect_since if again and state.redirect_since else now
    seen = state.redirect_seen + 1 if again else 1
    state = replace(state, redirect_target=target, redirect_seen=seen, redirect_since=since)
    crowded = moved_hosts.get(_host(target), 0) > TOO_MANY_TOGETHER
    if seen < PROOF_POLLS or now - since < PROOF_TIME or crowded:
        return state
    return replace(state, effective_url=target, redirect_target=None, redirect_seen=0)


def moving_hosts(state: PollState, others: Iterable[PollState]) -> dict[str, int]:
    """
    Return how many other sources began to move to each host within a day of this one's move.

    `others` may hold the source itself; it is not counted.
    """
    began = state.redirect_since
    if began is None:
        return {}
    together = Counter(
        _host(other.redirect_target or other.effective_url or "")
        for other in others
        if other.source.id != state.source.id
        and other.redirect_since is not None
        and abs(other.redirect_since - began) <= MOVED_TOGETHER
    )
    together.pop("", None)
    return dict(together)


def _permanent(hops: Sequence[Hop]) -> tuple[Hop, ...]:
    """Return the hops up to the first that is not permanent or leaves https."""
    for at, hop in enumerate(hops):
        leaves_https = hop.url.lower().startswith("https:") and not hop.target.lower().startswith("https:")
        if hop.status not in (301, 308) or leaves_https:
            return tuple(hops[:at])
    return tuple(hops)


def _is_upgrade(hop: Hop) -> bool:
    """Return whether the hop changes http to https and nothing else, written or unwritten default ports aside."""
    old, new = _split(hop.url), _split(hop.target)
    if old is None or new is None or (old.scheme, new.scheme) != ("http", "https"):
        return False
    ports = (old.port or 80, new.port or 443)
    same_place = (old.hostname, old.path or "/", old.query) == (new.hostname, new.path or "/", new.query)
    return same_place and (ports == (80, 443) or ports[0] == ports[1])


def _host(url: str) -> str:
    split = _split(url)
    return (split.hostname or "") if split else ""


def _split(url: str) -> SplitResult | None:
    try:
        split = urlsplit(url)
        split.port  # noqa: B018 # a port that is no number raises only when it is looked at
    except ValueError:
        return None
    return split
