"""What is marked hidden: of a poll, of all that is stored when rules change, and by the operator."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from unit.feed_rules_samples import NOW, a_record, a_state, add, numbered

from aggregator.hiding import BY_OPERATOR, Hiding, Judged, bring_up_to_date, listed, put_on_list, stamp, take_off_list
from aggregator.model import Condition, Filter, FilterKind, Polling, Server, Settings, Source, Storage
from storage.record import Record, key_of
from storage.sqlite import SqliteStore
from storage.values import Changes, RecordQuery


def drop(word: str) -> Filter:
    return Filter(FilterKind.DROP, f"drop: {{title: [{word}]}}", conditions=(Condition("title", words=(word,)),))


LIMIT = Filter(FilterKind.LIMIT, "limit: 2", newest=2)
REMOVE = Filter(FilterKind.REMOVE, "remove: ['.ad']", selectors=(".ad",))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore.open(tmp_path)
    yield store
    store.close()


def settings(folder: Path, *filters: Filter, records: Path | None = None) -> Settings:
    source = Source(id="paper", url="https://paper.example/feed", name="paper", filters=filters)
    return Settings(folder / "feeds.yaml", Server(), Storage(folder, records), Polling(), (source,))


def hiding(folder: Path, *filters: Filter) -> Hiding:
    made = Hiding()
    made.use(settings(folder, *filters))
    return made


def shown(store: SqliteStore) -> list[str]:
    return [record.title for record in store.page(RecordQuery()).records]


# --- of a poll --------------------------------------------------------------------------------------------------


def test_a_new_entry_is_stored_with_the_rule_that_hides_it(tmp_path: Path) -> None:
    changes = hiding(tmp_path, drop("entry 1")).judged(Changes(new=tuple(numbered(3))), (), "paper")

    assert [record.hidden for record in changes.new] == [None, "drop: {title: [entry 1]}", None]


def test_the_rules_of_one_source_are_not_those_of_another(tmp_path: Path) -> None:
    changes = Changes(new=tuple(numbered(1)))

    assert hiding(tmp_path, drop("entry")).judged(changes, (), "other") is changes


def test_limit_counts_the_document_and_its_older_pages_apart(tmp_path: Path) -> None:
    records = numbered(6)
    changes = Changes(new=tuple(records), unlisted=frozenset(record.key for record in records[3:]))

    judged = hiding(tmp_path, LIMIT).judged(changes, (), "paper")

    assert [record.hidden for record in judged.new] == [None, None, "limit: 2", None, None, "limit: 2"]


def test_an_update_of_a_hidden_entry_is_judged_again(tmp_path: Path) -> None:
    edited = a_record(title="A bridge shuts", hidden="drop: {title: [opens]}")

    judged = hiding(tmp_path, drop("opens")).judged(Changes(updated=(edited,)), (), "paper")

    assert judged.updated[0].hidden is None


def test_an_update_is_judged_when_the_last_rule_is_gone(tmp_path: Path) -> None:
    judged = hiding(tmp_path).judged(Changes(updated=(a_record(hidden="drop: old"),)), (), "paper")

    assert judged.updated[0].hidden is None


def test_an_update_does_not_bring_back_what_a_limit_cut_off(tmp_path: Path) -> None:
    judged = hiding(tmp_path, LIMIT).judged(Changes(updated=(a_record(hidden="limit: 2"),)), (), "paper")

    assert judged.updated[0].hidden == "limit: 2"


@pytest.mark.parametrize("filters", [(), (drop("bridge"),)], ids=["without rules", "with a rule"])
def test_an_update_does_not_bring_back_what_the_operator_hides(tmp_path: Path, filters: tuple[Filter, ...]) -> None:
    edited = a_record(hidden=BY_OPERATOR)

    judged = hiding(tmp_path, *filters).judged(Changes(updated=(edited,), rekeyed=(edited,)), (), "paper")

    assert (judged.updated[0].hidden, judged.rekeyed[0].hidden) == (BY_OPERATOR, BY_OPERATOR)


def test_what_the_operator_hid_is_hidden_in_a_store_that_is_built_anew(tmp_path: Path) -> None:
    put_on_list(tmp_path, a_record())

    judged = hiding(tmp_path).judged(Changes(new=(a_record(),)), (), "paper")

    assert judged.new[0].hidden == BY_OPERATOR


def test_bodies_for_rules_go_along_for_what_is_stored_unchanged(tmp_path: Path) -> None:
    new, stored, bare = (replace(r, marked_html=m) for r, m in zip(numbered(3), ("<p>", "<b>", None), strict=True))

    judged = hiding(tmp_path, REMOVE).judged(Changes(new=(new,)), (new, stored, bare), "paper")

    assert judged.marked == ((stored.key, "<b>"),)


# --- of all that is stored --------------------------------------------------------------------------------------


def test_a_new_rule_hides_what_is_stored_and_a_removed_one_shows_it_again(store: SqliteStore, tmp_path: Path) -> None:
    add(store, *numbered(3), states=[a_state()])

    hidden = bring_up_to_date(store, settings(tmp_path, drop("entry 1")))
    left = shown(store)
    again = bring_up_to_date(store, settings(tmp_path))

    assert (hidden.changed, again.changed) == (1, 1)
    assert left == ["Entry 0", "Entry 2"]
    assert shown(store) == ["Entry 0", "Entry 1", "Entry 2"]


def test_the_reason_is_the_rule_that_hides_it_now(store: SqliteStore, tmp_path: Path) -> None:
    record = numbered(1)[0]
    add(store, record, states=[a_state()])
    bring_up_to_date(store, settings(tmp_path, drop("entry")))

    bring_up_to_date(store, settings(tmp_path, drop("0")))

    stored = store.get(record.key)
    assert stored is not None
    assert stored.hidden == "drop: {title: [0]}"


def test_rules_that_are_the_same_read_nothing_and_change_nothing(store: SqliteStore, tmp_path: Path) -> None:
    add(store, *numbered(3), states=[a_state()])
    bring_up_to_date(store, settings(tmp_path, drop("entry 1")))
    before = store.revision()

    assert bring_up_to_date(store, settings(tmp_path, drop("entry 1"))) == Judged()
    assert store.revision() == before


def test_limit_is_judged_again_poll_by_poll(store: SqliteStore, tmp_path: Path) -> None:
    records = numbered(6)
    add(store, *records[3:], states=[a_state()])
    add(store, *records[:3], states=[a_state()])

    bring_up_to_date(store, settings(tmp_path, LIMIT))

    assert shown(store) == ["Entry 0", "Entry 1", "Entry 3", "Entry 4"]


def test_a_thousand_marks_take_several_transactions_and_all_are_made(store: SqliteStore, tmp_path: Path) -> None:
    add(store, *numbered(1200), states=[a_state()])

    judged = bring_up_to_date(store, settings(tmp_path, drop("entry")))

    assert judged.changed == 1200
    assert shown(store) == []


def test_what_is_broken_off_is_done_the_next_time(store: SqliteStore, tmp_path: Path) -> None:
    add(store, *numbered(2), states=[a_state()])
    rules = settings(tmp_path, drop("entry"))

    stopped = bring_up_to_date(store, rules, lambda: False)
    done = bring_up_to_date(store, rules)

    assert (stopped.changed, done.changed) == (0, 2)


def test_files_are_written_again_when_what_rules_make_of_them_changes(store: SqliteStore, tmp_path: Path) -> None:
    record = numbered(1)[0]
    add(store, record, states=[a_state()])
    filed = settings(tmp_path, REMOVE, records=tmp_path / "records")
    bring_up_to_date(store, filed)
    store.wrote_files([])
    first = store.unwritten()

    bring_up_to_date(store, replace(filed, sources=(replace(filed.sources[0], filters=()),)))

    assert [one.key for one, _ in first] == [record.key]
    assert [one.key for one, _ in store.unwritten()] == [record.key]


def own_key(record: Record) -> Record:
    """Return the record under the key that it would be given today."""
    return replace(record, key=key_of(record.source_id, record.identity))


# --- the operator -----------------------------------------------------------------------------------------------


def test_what_the_operator_hides_stays_out_whatever_the_rules_say(store: SqliteStore, tmp_path: Path) -> None:
    records = numbered(2)
    add(store, *records, states=[a_state()])
    put_on_list(tmp_path, records[0])

    taken = bring_up_to_date(store, settings(tmp_path))
    bring_up_to_date(store, settings(tmp_path, drop("nothing")))
    bring_up_to_date(store, settings(tmp_path))

    assert taken == Judged(1, (records[0].key,))
    assert shown(store) == ["Entry 1"]


def test_what_is_off_the_list_is_shown_again_unless_a_rule_hides_it(store: SqliteStore, tmp_path: Path) -> None:
    records = numbered(2)
    add(store, *records, states=[a_state()])
    rules = settings(tmp_path, drop("entry 1"))
    for record in records:
        put_on_list(tmp_path, record)
    bring_up_to_date(store, rules)

    for record in records:
        take_off_list(tmp_path, record.key)
    bring_up_to_date(store, rules)

    assert shown(store) == ["Entry 0"]
    assert [record.hidden for record in store.records_of("paper")] == [None, "drop: {title: [entry 1]}"]


def test_the_list_is_a_file_that_a_person_can_read(tmp_path: Path) -> None:
    first, second = own_key(a_record(identity="1")), own_key(a_record(identity="2"))
    put_on_list(tmp_path, replace(first, title="A title\nin two lines"))
    put_on_list(tmp_path, replace(second, title=""))
    put_on_list(tmp_path, replace(first, title="again"))

    lines = (tmp_path / "hidden.txt").read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("# ")
    assert lines[1:] == [f"{first.key}  A title in two lines", second.key]
    assert listed(tmp_path) == [first.key, second.key]


def test_what_is_hidden_stays_so_in_a_store_built_anew_though_its_publisher_changed_its_id(tmp_path: Path) -> None:
    before = own_key(a_record(identity="1", hidden=BY_OPERATOR))
    put_on_list(tmp_path, before)
    migrated = replace(before, identity="v1-1", guid="v1-1")

    hiding(tmp_path).judged(Changes(rekeyed=(migrated,)), (), "paper")

    anew = own_key(replace(migrated, hidden=None))
    assert hiding(tmp_path).judged(Changes(new=(anew,)), (), "paper").new[0].hidden == BY_OPERATOR
    assert listed(tmp_path) == [before.key, anew.key]
    assert take_off_list(tmp_path, before.key) is True
    assert listed(tmp_path) == []


def test_what_was_given_another_id_before_it_was_hidden_is_named_by_both(tmp_path: Path) -> None:
    migrated = replace(own_key(a_record(identity="1")), identity="v1-1")

    put_on_list(tmp_path, migrated)

    assert listed(tmp_path) == [migrated.key, own_key(migrated).key]


def test_taking_off_the_list_leaves_every_other_line(tmp_path: Path) -> None:
    (tmp_path / "hidden.txt").write_text("# mine\n\naaaa  one\nbbbb two\n", encoding="utf-8")

    assert take_off_list(tmp_path, "aaaa") is True
    assert take_off_list(tmp_path, "aaaa") is False
    assert (tmp_path / "hidden.txt").read_text(encoding="utf-8") == "# mine\n\nbbbb two\n"


def test_without_a_list_nothing_is_on_it(tmp_path: Path) -> None:
    assert (listed(tmp_path), stamp(tmp_path), take_off_list(tmp_path, "a")) == ([], None, False)


def test_an_entry_of_a_later_poll_comes_under_its_own_limit(tmp_path: Path) -> None:
    first, later = numbered(1)[0], replace(numbered(2)[1], published=NOW - timedelta(days=300))

    judged = hiding(tmp_path, LIMIT).judged(Changes(new=(first, later)), (), "paper")

    assert [record.hidden for record in judged.new] == [None, None]
