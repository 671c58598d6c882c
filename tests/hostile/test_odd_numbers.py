"""Numbers of publishers and of lists that are too long, too large or none: no fault, and nothing that cannot be read again."""

from __future__ import annotations

import pytest

from aggregator.model import Fetched
from aggregator.opml import read
from aggregator.parse import parse
from storage.states import Validators

NINES = "9" * 5000
"""Python makes no number of more than 4,300 digits."""


def sizes(*said: str) -> list[int | None]:
    """Return the lengths of attachments that say these sizes, as they stand in the document."""
    attached = ",".join(f'{{"url": "https://a.example/{at}", "size_in_bytes": {one}}}' for at, one in enumerate(said))
    body = f'{{"version": "https://jsonfeed.org/version/1.1", "title": "t", "items": [{{"id": "1", "attachments": [{attached}]}}]}}'
    (entry,) = parse(Fetched("https://a.example/", 200, {}, body.encode(), Validators())).entries
    return [enclosure.length for enclosure in entry.enclosures]


@pytest.mark.parametrize(
    "said", ["-1", "1e400", "-0.0", "1e-400", NINES, f"1e{NINES}", '"9" ', "null", "true", "1e999999999"]
)
def test_what_is_no_size_of_an_attachment_is_left_out(said: str) -> None:
    assert sizes(said, "1234") in ([None, 1234], [9, 1234])


@pytest.mark.parametrize("said", ["999999999999999999e9", "9223372036854775808", "1000000000000000000"])
def test_no_attachment_is_larger_than_a_record_file_can_say(said: str) -> None:
    assert sizes(said, "9e9") == [None, 9_000_000_000]


def test_a_place_that_is_no_number_leaves_a_list_in_its_order() -> None:
    outlines = "".join(
        f'<outline xmlUrl="https://a.example/{at}" a:position="{place}"/>' for at, place in enumerate(["2", NINES, "1"])
    )

    listing = read(f'<opml xmlns:a="urn:feed-aggregator:opml"><body>{outlines}</body></opml>'.encode())

    assert [one.url[-1] for one in listing.feeds] == ["0", "1", "2"]
