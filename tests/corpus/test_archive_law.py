"""What real publishers wrote comes back from its file as it was stored, and is clean already."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from itertools import islice

from aggregator.clean import clean
from aggregator.importing import returning
from plugins.served_corpus import PolledCorpus
from storage.frontmatter import RecordForm, dumps
from storage.images import ImagePolicy
from storage.reading import loads
from storage.record import Record
from storage.restoring import to_record
from storage.sqlite import SqliteStore

FORM = RecordForm(("rss",), images=ImagePolicy("https://p.example/?{url}"))
EVERY = 23
"""Each so many-th of the corpus's records: reading a file takes some milliseconds."""


def test_a_record_comes_back_from_its_file_as_it_was_stored(polled_corpus: PolledCorpus) -> None:
    with closing(SqliteStore.open_readonly(polled_corpus.home.folder / "data")) as store:
        records = list(islice(store.records(), 0, None, EVERY))

    returned = {record.key: returned_of(record) for record in records}

    assert len(records) > 200
    # The number of a story is the store's own, and given anew.
    assert [record.key for record in records if returned[record.key] != replace(record, story=0)] == []
    assert [record.key for record in records if record.podcast] != []
    assert [
        record.key for record in records if clean(returned[record.key].html, None) != clean(record.html, None)
    ] == []


def returned_of(record: Record) -> Record:
    found = to_record(loads(dumps(record, FORM)))
    assert isinstance(found, Record)
    return returning(found)
