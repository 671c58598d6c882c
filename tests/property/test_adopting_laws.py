"""Laws of keeping ids: no id twice, and no source whose URL is known gets another."""

from __future__ import annotations

from collections import Counter
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from aggregator.config.adopting import Here, kept
from storage.states import Earlier

URLS = [f"https://{host}.example/f{query}" for host in "abcdef" for query in ("", "?c=1", "?c=2")]
NAMES = st.sampled_from(["", "", "", "One", "Two"])
IDS = st.sampled_from(["a-example-f", "b-example-f", "mine", "own", "x", "y", "z"])
BEFORE = st.lists(
    st.builds(Earlier, IDS | st.from_regex("[a-f]-example-f", fullmatch=True), st.sampled_from(URLS), NAMES, st.booleans()),
    max_size=8,
    unique_by=lambda one: one.id,
)  # fmt: skip


def here(id_: str | None, url: str, name: str, hole: bool) -> Here:
    return Here(None, "", "", name) if hole else Here(id_, url, url, name)


NOW = st.lists(
    st.builds(
        here, st.none() | st.none() | IDS, st.sampled_from(URLS), NAMES, st.sampled_from([False, False, False, True])
    ),
    max_size=8,
    unique_by=lambda one: one.id or one.url or object(),
)


@given(NOW, BEFORE, st.booleans())
def test_no_id_is_given_twice_nor_one_that_is_written(now: list[Here], before: list[Earlier], whole: bool) -> None:
    found = kept(now, before, whole=whole)

    given_ = [*found.values(), *(one.id for one in now if one.id is not None)]
    assert [one for one, count in Counter(given_).items() if count > 1] == []
    assert set(found.values()) <= {one.id for one in before}
    assert all(now[index].id is None and now[index].url for index in found)


@given(NOW, BEFORE, st.booleans())
def test_a_source_whose_url_is_known_has_an_id_of_that_url(now: list[Here], before: list[Earlier], whole: bool) -> None:
    found = kept(now, before, whole=whole)

    written = {one.id for one in now if one.id is not None}
    for index, one in enumerate(now):
        ids = [old.id for old in before if old.url == one.url and old.id not in written]
        if one.id is None and ids:
            assert found[index] in ids


@given(NOW, BEFORE)
def test_the_next_load_gives_the_same_ids(now: list[Here], before: list[Earlier]) -> None:
    found = kept(now, before)
    taken = {*found.values(), *(one.id for one in now if one.id)}
    ids = {index: one.id or found.get(index) or f"new{index}" for index, one in enumerate(now) if one.url}

    after = [Earlier(ids[index], one.url, one.name) for index, one in enumerate(now) if one.url]
    after += [one._replace(placed=False) for one in before if one.id not in taken]

    assert kept(now, after) == {index: one for index, one in ids.items() if now[index].id is None}


@given(st.lists(st.sampled_from(URLS), min_size=1, max_size=8, unique=True), st.randoms(use_true_random=False))
def test_whatever_the_order_ids_follow_urls(urls: list[str], dice: Random) -> None:
    before = [Earlier(f"id{number}", url, "") for number, url in enumerate(urls)]
    moved = list(urls)
    dice.shuffle(moved)

    found = kept([Here(None, url, url, "") for url in moved], before)

    assert [found[index] for index in range(len(moved))] == [f"id{urls.index(url)}" for url in moved]
