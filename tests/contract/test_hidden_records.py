"""What every store promises of hidden records: marks, who is shown again, files, bodies kept for rules."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from unit.feed_rules_samples import NOW, a_state, add, numbered

from storage.contract import Store
from storage.sqlite import SqliteStore
from storage.states import HostState
from storage.values import Changes, Poll, RecordFile, RecordQuery

RULE = "drop: {title: Entry}"


@pytest.fixture(params=[pytest.param(SqliteStore.open, id="sqlite")])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with closing(request.param(tmp_path)) as store:
        yield store


def titles(store: Store) -> list[str]:
    return [record.title for record in store.page(RecordQuery()).records]


def test_a_marked_record_stands_in_no_page_and_is_stored(store: Store) -> None:
    first, second = numbered(2)
    add(store, first, second, states=[a_state()])

    changed = store.mark_hidden({first.key: RULE})

    stored = store.get(first.key)
    assert changed == 1
    assert titles(store) == ["Entry 1"]
    assert stored is not None
    assert stored.hidden == RULE


def test_a_record_that_is_shown_again_has_its_own_place_and_arrival(store: Store) -> None:
    records = numbered(3)
    add(store, *records, states=[a_state()])
    before, arrival = store.get(records[1].key), store.newest_arrival()
    store.mark_hidden({records[1].key: RULE})

    store.mark_hidden({records[1].key: None})

    assert store.get(records[1].key) == before
    assert titles(store) == ["Entry 0", "Entry 1", "Entry 2"]
    assert store.newest_arrival() == arrival


def test_what_is_hidden_is_not_the_newest_arrival(store: Store) -> None:
    old, young = numbered(2)
    add(store, old, replace(young, first_seen=old.first_seen + timedelta(days=1)), states=[a_state()])

    store.mark_hidden({young.key: RULE})

    assert store.newest_arrival() == old.first_seen


def test_marks_that_change_raise_the_revision_and_others_do_not(store: Store) -> None:
    record = numbered(1)[0]
    add(store, record, states=[a_state()])
    first = store.revision()

    store.mark_hidden({record.key: None, "no such key": RULE})
    store.mark_hidden({}, {"paper": "rules"})
    same = store.revision()
    store.mark_hidden({record.key: RULE})

    assert same == first
    assert store.revision() == first + 1


def test_by_what_a_source_was_judged_is_remembered(store: Store) -> None:
    add(store, states=[a_state(), a_state("other")])

    store.mark_hidden({}, {"paper": "rules"})

    assert dict(store.judged()) == {"paper": "rules", "other": ""}


def test_all_records_of_a_source_are_read_hidden_ones_and_backlog_too(store: Store) -> None:
    records = [*numbered(2), *numbered(3, backlog=True)[2:]]
    add(store, *records, states=[a_state()])
    store.mark_hidden({records[0].key: RULE})

    assert [record.title for record in store.records_of("paper")] == ["Entry 0", "Entry 1", "Entry 2"]
    assert list(store.records_of("nobody")) == []


def test_records_are_found_by_why_they_are_hidden(store: Store) -> None:
    records = numbered(3)
    add(store, *records, states=[a_state()])
    store.mark_hidden({records[2].key: "one", records[0].key: "one", records[1].key: "two"})

    assert sorted(store.hidden_for("one")) == sorted([records[0].key, records[2].key])


def test_a_file_that_is_there_is_to_say_that_its_record_was_hidden(store: Store) -> None:
    record = numbered(1)[0]
    add(store, record, states=[a_state()])
    file = RecordFile(record.key, "a/b/c.md", "0" * 64)
    store.wrote_files([file])

    store.mark_hidden({record.key: RULE})

    assert [(one.hidden, written) for one, written in store.unwritten()] == [(RULE, file)]


def test_a_hidden_record_has_no_file_written_until_it_is_shown_again(store: Store) -> None:
    record = numbered(1)[0]
    add(store, record, states=[a_state()])
    store.mark_hidden({record.key: RULE})
    hidden = store.unwritten()

    store.mark_hidden({record.key: None})

    assert hidden == []
    assert [one.key for one, _ in store.unwritten()] == [record.key]


def test_a_file_is_known_by_its_record_and_forgotten(store: Store) -> None:
    record = numbered(1)[0]
    add(store, record, states=[a_state()])
    store.unwritten()
    file = RecordFile(record.key, "a/b.md", "d", "c")
    store.wrote_files([file])
    known = store.file_of(record.key)

    store.forget_file(record.key)

    assert known == file
    assert store.file_of(record.key) is None


def test_the_files_of_one_source_are_written_again(store: Store) -> None:
    mine = numbered(1)[0]
    other = replace(mine, source_id="other", key="b" * 16, public_id="urn:other")
    add(store, mine, other, states=[a_state(), a_state("other")])
    store.wrote_files([RecordFile(record.key, f"{record.key}.md", "d") for record, _ in store.unwritten()])

    store.forget_files("other")

    assert [record.key for record, _ in store.unwritten()] == ["b" * 16]


def test_a_body_for_rules_is_kept_where_none_was_and_its_file_is_written_again(store: Store) -> None:
    bare, marked = numbered(2)
    add(store, bare, replace(marked, marked_html="<p id=a>"), states=[a_state()])
    store.wrote_files([RecordFile(record.key, f"{record.key}.md", "d") for record, _ in store.unwritten()])
    changes = Changes(marked=((bare.key, "<p id=b>"), (marked.key, "<p id=c>"), ("no such key", "<p>")))

    store.save_polls([Poll(a_state(), HostState("paper.example"), changes)], NOW)

    kept = {record.title: record.marked_html for record in store.records_of("paper")}
    assert kept == {"Entry 0": "<p id=b>", "Entry 1": "<p id=a>"}
    assert [record.key for record, _ in store.unwritten()] == [bare.key]


def test_a_page_goes_on_after_any_record(store: Store) -> None:
    records = numbered(4)
    add(store, *records, states=[a_state()])
    stored = store.get(records[1].key)
    assert stored is not None

    rest = store.page(RecordQuery(before=store.after(stored)))

    assert [record.title for record in rest.records] == ["Entry 2", "Entry 3"]


def test_what_is_removed_while_hidden_does_not_come_back(store: Store) -> None:
    record = numbered(1)[0]
    add(store, record, states=[a_state()])
    store.mark_hidden({record.key: RULE})
    store.save_polls([Poll(a_state(), HostState("paper.example"), Changes(listed=frozenset()))], NOW)

    removed = store.prune(NOW + timedelta(days=400))

    known = store.known("paper", [record.identity], [record.alias], [])
    assert removed == 1
    assert record.identity in known.tombstones
