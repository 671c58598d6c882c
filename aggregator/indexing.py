"""Bring the search index up to date with the store: the plain text of what is new or was edited."""

from __future__ import annotations

import logging
from collections.abc import Callable

from aggregator.plain import text_of_clean
from storage.contract import Store, StoreError
from storage.record import Record
from storage.values import Searchable

log = logging.getLogger(__name__)

BATCH = 50
"""Records indexed in one transaction: entries of a megabyte each must find room, and the next poll waits to be saved."""

MOST = 200_000
"""Characters of a body that search looks through: a book, which is not an entry."""


def bring_up_to_date(
    store: Store, go_on: Callable[[], bool] = lambda: True, give_way: Callable[[], None] = lambda: None
) -> int:
    """
    Index what waits for it, a batch at least and then for as long as `go_on` says; return how many records.

    `give_way` is called before each record, and may wait.
    Where the store cannot be written the next pass goes on from there.
    """
    done = 0
    try:
        while waiting := store.unsearched(BATCH):
            texts = []
            for one in waiting:
                give_way()
                texts.append(searchable(one.record, one.change))
            store.index(texts)
            done += len(waiting)
            if not go_on():
                break
    except StoreError as error:
        log.error("the search index cannot be brought up to date: %s", error)
    return done


def searchable(record: Record, change: int) -> Searchable:
    """Return the texts by which a record is found: title, who wrote it, and what a reader sees of the body."""
    author = " ".join((record.author, *record.writers))
    return Searchable(record.key, change, record.title, author, body_text(record))


def body_text(record: Record) -> str:
    """Return what a reader sees of the body, one line; the summary where there is no body."""
    return text_of_clean(record.html)[:MOST] or record.summary
