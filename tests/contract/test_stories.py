"""Which records a store tells to be one story, under which id it is shown, and what becomes of it as they come and go."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from time import perf_counter

import pytest

from plugins.telling import NOON, record, sources, tell, told
from storage.contract import Store
from storage.record import Record
from storage.sqlite import SqliteStore
from storage.values import Archived, RecordQuery


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(SqliteStore.open(tmp_path)) as store:
        store.sync_sources(sources("paper", "gazette", "planet"), NOON)
        yield store


def ids(store: Store) -> dict[str, str]:
    """Return by source the id under which a merged feed shows its record."""
    return {one.source_id: one.story_id or one.public_id for one in store.page(RecordQuery()).records}


PAPER, GAZETTE, PLANET = (record(source, "harbour") for source in ("paper", "gazette", "planet"))


# --- what is a story --------------------------------------------------------------------------------------------


def test_records_of_two_sources_with_one_link_are_one_story_in_the_order_of_feeds_yaml(store: Store) -> None:
    tell(store, GAZETTE)

    tell(store, record("paper", "harbour", "http://www.blog.example/2026/harbour/?utm_source=rss"))

    assert told(store) == {"gazette harbour": ["paper harbour"], "paper harbour": ["gazette harbour"]}
    assert [one.source_id for one in store.stories([GAZETTE.key])[GAZETTE.key]] == ["paper", "gazette"]


def test_records_of_two_sources_with_one_id_are_one_story_where_it_is_a_uri(store: Store) -> None:
    tell(store, record("paper", "a", None, guid="tag:blog.example,2026:7"), record("paper", "b", None, guid="12"))

    tell(store, record("planet", "a", None, guid="tag:blog.example,2026:7"), record("planet", "b", None, guid="12"))

    assert told(store) == {"paper a": ["planet a"], "planet a": ["paper a"]}


def test_a_record_that_shares_a_name_with_each_of_two_makes_them_all_one_story(store: Store) -> None:
    tell(store, record("paper", "a", "https://blog.example/2026/a"))
    tell(store, record("gazette", "b", None, guid="tag:blog.example,2026:b"))

    tell(store, record("planet", "c", "https://blog.example/2026/a", guid="tag:blog.example,2026:b"))

    assert told(store) == {
        "paper a": ["gazette b", "planet c"],
        "gazette b": ["paper a", "planet c"],
        "planet c": ["paper a", "gazette b"],
    }


def test_a_record_that_is_alone_has_no_story(store: Store) -> None:
    tell(store, PAPER)

    assert store.stories([PAPER.key, "unknown"]) == {}


def test_a_name_that_one_source_has_twice_says_nothing(store: Store) -> None:
    tell(store, PAPER)
    tell(store, GAZETTE)

    tell(store, record("planet", "one"), record("planet", "two"))

    assert told(store) == {}


def test_a_story_in_which_one_source_would_stand_twice_is_none(store: Store) -> None:
    tell(
        store, record("paper", "a", "https://blog.example/2026/a"), record("paper", "b", "https://blog.example/2026/b")
    )
    tell(store, record("planet", "a", "https://blog.example/2026/a"))

    tell(store, record("gazette", "both", "https://blog.example/2026/a", guid="https://blog.example/2026/b"))

    assert told(store) == {}


def test_a_link_that_changes_leaves_one_story_and_joins_another(store: Store) -> None:
    tell(store, PAPER)
    tell(store, record("gazette", "other", "https://blog.example/2026/other"))
    tell(store, PLANET)

    tell(store, updated=[replace(PLANET, link="https://blog.example/2026/other", digest="new")])

    assert told(store) == {"gazette other": ["planet harbour"], "planet harbour": ["gazette other"]}


def test_a_name_says_something_again_when_the_second_record_of_a_source_has_gone(store: Store) -> None:
    tell(store, PAPER)
    tell(store, GAZETTE, record("gazette", "again"))

    tell(store, updated=[GAZETTE], listed=False)
    store.prune(NOON + timedelta(days=31))

    assert told(store) == {"paper harbour": ["gazette harbour"], "gazette harbour": ["paper harbour"]}


def test_a_story_ends_when_a_source_is_purged(store: Store) -> None:
    tell(store, PAPER)
    tell(store, GAZETTE)

    store.purge("paper")

    assert told(store) == {}


def test_records_from_an_archive_join_their_stories(store: Store) -> None:
    tell(store, PAPER)

    store.restore([Archived(replace(GAZETTE, arrival=9))], [], NOON)

    assert told(store) == {"paper harbour": ["gazette harbour"], "gazette harbour": ["paper harbour"]}


def test_hidden_records_and_backlog_are_told_with_the_others(store: Store) -> None:
    tell(store, PAPER)
    tell(store, replace(GAZETTE, backlog=True))
    tell(store, PLANET)

    store.mark_hidden({PAPER.key: "the operator's wish"})

    assert [one.source_id for one in store.stories([PLANET.key])[PLANET.key]] == ["paper", "gazette", "planet"]


def test_records_of_removed_sources_come_last(store: Store) -> None:
    tell(store, PAPER)
    tell(store, GAZETTE)
    tell(store, PLANET)

    store.sync_sources(sources("planet", "gazette"), NOON)

    assert [one.source_id for one in store.stories([PLANET.key])[PLANET.key]] == ["planet", "gazette", "paper"]


def test_the_order_of_feeds_yaml_is_a_change_of_what_is_shown(store: Store) -> None:
    tell(store, PAPER)
    tell(store, GAZETTE)
    before = store.revision()

    store.sync_sources(sources("gazette", "paper", "planet"), NOON)

    assert store.revision() > before


# --- under which id it is shown ---------------------------------------------------------------------------------


def test_who_joins_a_story_takes_on_the_id_under_which_it_was_shown(store: Store) -> None:
    tell(store, GAZETTE)
    tell(store, PLANET)

    tell(store, PAPER)

    assert ids(store) == {"gazette": GAZETTE.public_id, "planet": GAZETTE.public_id, "paper": GAZETTE.public_id}


def test_the_id_of_a_story_outlives_the_record_that_gave_it(store: Store) -> None:
    tell(store, GAZETTE)
    tell(store, PAPER)

    store.purge("gazette")

    assert ids(store) == {"paper": GAZETTE.public_id}


def test_a_record_whose_story_ends_goes_by_its_own_id_while_the_other_is_there(store: Store) -> None:
    tell(store, GAZETTE)
    tell(store, PAPER)

    tell(store, updated=[replace(GAZETTE, link="https://blog.example/2026/other", digest="new")])

    assert ids(store) == {"gazette": GAZETTE.public_id, "paper": PAPER.public_id}
    assert store.get(PAPER.key).story_id == GAZETTE.public_id  # type: ignore[union-attr]  # it is stored


def test_of_two_whose_story_ended_and_whose_ids_owner_is_gone_one_keeps_the_id(store: Store) -> None:
    tell(store, GAZETTE)
    tell(store, PAPER)
    tell(store, PLANET)
    store.purge("gazette")

    tell(store, updated=[replace(PLANET, link="https://blog.example/2026/other", digest="new")])

    assert ids(store) == {"paper": GAZETTE.public_id, "planet": PLANET.public_id}


def test_a_record_that_comes_under_the_id_of_an_ended_story_takes_it_back(store: Store) -> None:
    tell(store, GAZETTE)
    tell(store, PAPER)
    store.purge("gazette")

    tell(store, record("planet", "other", None, public_id=GAZETTE.public_id))

    assert ids(store) == {"paper": PAPER.public_id, "planet": GAZETTE.public_id}


def test_stories_that_become_one_by_an_edit_keep_the_ids_that_were_shown(store: Store) -> None:
    tell(store, GAZETTE)
    tell(store, record("paper", "harbour", "https://blog.example/2026/typo"))

    tell(store, updated=[replace(PAPER, digest="new")])

    assert told(store)["paper harbour"] == ["gazette harbour"]
    assert ids(store) == {"gazette": GAZETTE.public_id, "paper": PAPER.public_id}


def test_a_record_comes_back_from_its_archive_under_the_id_that_it_had(store: Store) -> None:
    was_shown = replace(PAPER, arrival=7, story_id="tag:gone.example,2026:1")
    was_alone = replace(GAZETTE, arrival=8)

    store.restore([Archived(was_shown), Archived(was_alone)], [], NOON)

    assert ids(store) == {"paper": "tag:gone.example,2026:1", "gazette": GAZETTE.public_id}


def test_a_record_of_an_archive_that_was_never_shown_takes_on_the_id_of_its_story(store: Store) -> None:
    tell(store, GAZETTE)

    store.restore([Archived(PAPER)], [], NOON)

    assert ids(store) == {"gazette": GAZETTE.public_id, "paper": GAZETTE.public_id}


# --- how much there is to do ------------------------------------------------------------------------------------


def many(store: Store, number: int) -> list[Record]:
    names = [f"s{place:02}" for place in range(number)]
    store.sync_sources(sources(*names), NOON)
    return [record(name, "harbour") for name in names]


def test_a_story_has_64_records_at_most_and_what_more_sources_link_to_is_none(store: Store) -> None:
    *first, last, _ = many(store, 66)
    for one in first[:-1]:
        tell(store, one)
    tell(store, first[-1])
    before = len(store.stories([first[0].key])[first[0].key])

    tell(store, last)

    assert before == 64
    assert told(store) == {}


def test_what_hangs_together_with_too_many_is_no_story_until_it_is_cut_apart(store: Store) -> None:
    names = [f"s{place:02}" for place in range(70)]
    store.sync_sources(sources(*names), NOON)
    chain = [
        record(name, "link", f"https://blog.example/a/{place}", guid=f"https://blog.example/a/{place + 1}")
        for place, name in enumerate(names)
    ]
    for one in chain:
        tell(store, one)
    together = told(store)

    store.purge("s35")

    assert together == {}
    assert [len(others) + 1 for others in told(store).values()] == [35] * 35 + [34] * 34


def test_a_link_that_hundreds_have_costs_nothing_when_one_more_comes(store: Store) -> None:
    tell(store, *(record("paper", f"{place}") for place in range(400)))
    tell(store, GAZETTE)

    began = perf_counter()
    for place in range(20):
        tell(store, record("planet", f"{place}"))
    took = perf_counter() - began

    assert told(store) == {}
    assert took < 2
