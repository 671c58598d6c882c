"""Lists of sources that lie on the web (`opml:` with a URL): asked for now and then, what they said is kept in the store."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import timedelta

from aggregator import clock
from aggregator.fetch import fetch
from aggregator.freshness import fresh_for
from aggregator.hosts import redact
from aggregator.logs import say
from aggregator.model import NotModified, Source
from aggregator.network import Network
from aggregator.opml import OpmlError, read
from aggregator.outcomes import PollError
from storage.contract import Store, StoreError
from storage.states import ListState

log = logging.getLogger(__name__)

EVERY = timedelta(hours=6)
"""Between two requests for a list: who adds a feed to a list of links does not wait for it by the minute."""
AT_MOST = timedelta(hours=48)
AGAIN = timedelta(hours=1)
"""After the first failure; doubles to a day."""


def stored_lists(store: Store) -> Mapping[str, bytes]:
    """Return by URL the newest document of each list that could be read."""
    return {state.url: state.body for state in store.lists() if state.body is not None}


async def refresh(store: Store, network: Network, urls: Collection[str], user_agent: str) -> bool:
    """
    Ask for those of the lists whose time has come; return whether one of them says something else than before.

    What cannot be fetched or read leaves what it said before in force, and is told in the log once.
    """
    try:
        known = {state.url: state for state in await asyncio.to_thread(store.lists)}
    except StoreError as error:
        log.error("the lists of sources are not asked for, as the store cannot be read: %s", error)
        return False
    changed = False
    for url in urls:
        now = clock.now()
        before = known.get(url) or ListState(url, next_at=now)
        # A time further ahead than any that we set is of a clock that was wrong.
        if now < before.next_at <= now + AT_MOST:
            continue
        after = await _asked(before, network, user_agent)
        try:
            await asyncio.to_thread(store.save_list, after)
        except StoreError as error:
            log.error("what the list %s says cannot be kept: %s", redact(url), error)
            return changed
        changed |= after.body != before.body
        _tell(before, after)
    return changed


async def _asked(before: ListState, network: Network, user_agent: str) -> ListState:
    """Return the list's state after one request for it."""
    source = Source(id="list", url=before.url, name=before.url)
    now = clock.now()
    try:
        answer = await fetch(network, source, before.url, before.validators, user_agent=user_agent)
        if isinstance(answer, NotModified):
            body = before.body
        else:
            await asyncio.to_thread(read, answer.body, answer.headers.get("content-type"))
            body = answer.body
    except (PollError, OpmlError) as error:
        said = error.detail if isinstance(error, PollError) else str(error)
        wait = min(AGAIN * 2 ** min(before.failures, 5), timedelta(days=1))
        return replace(before, asked_at=now, next_at=now + wait, failures=before.failures + 1, fault=said)
    fresh = fresh_for(answer.headers, now) or timedelta()
    return ListState(before.url, now + min(max(EVERY, fresh), AT_MOST), answer.validators, body, now, now)


def _tell(before: ListState, after: ListState) -> None:
    url = redact(after.url)
    if after.fault and after.fault != before.fault:
        log.warning("the list of sources %s: %s; what it said before stays in force", url, after.fault)
    elif not after.fault:
        say(log, logging.INFO, "list", url=url, next=f"{after.next_at:%Y-%m-%dT%H:%M:%SZ}")
