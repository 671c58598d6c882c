"""Numbers of publishers and of lists that are too long, too large or none: no fault, and nothing that cannot be read again."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aggregator import intake
from aggregator.clean import clean
from aggregator.model import Fetched, Source
from aggregator.opml import read
from aggregator.parse import parse
from storage.markup import unescape
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


# --- character references ---------------------------------------------------------------------------------------

REFERENCES = [f"&#{NINES};", f"&#{NINES}", f"&#x{'f' * 5000};", f"&#{'0' * 5000}65;", "&#99999999;", "&#xd800;", "&#0;"]
FIELDS = ["title", "link", "guid", "author", "category", "description", "language", "pubDate", "comments"]
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def written(inner: str, channel: str = "") -> bytes:
    return f"<rss version='2.0'><channel>{channel}<item>{inner}</item></channel></rss>".encode()


@pytest.mark.parametrize("reference", REFERENCES, ids=lambda text: text[:8] + text[-4:])
@pytest.mark.parametrize(
    "form", ["{}", "<![CDATA[<p title='{}'>{}</p><img src='https://a.example/{}' alt='{}'><b>{}]]>"]
)
@pytest.mark.parametrize("field", FIELDS)
def test_a_character_reference_of_any_length_is_one_character_or_none(field: str, form: str, reference: str) -> None:
    text = form.replace("{}", reference if "CDATA" in form else reference.replace("&", "&amp;"))
    source = Source(id="a", url="https://a.example/feed", name="A")
    body = written(f"<title>t</title><{field}>{text}</{field}>", f"<title>{text}</title>")

    [record] = intake.read(source, Fetched(source.url, 200, {}, body, Validators()), NOON).records

    assert NINES not in record.title + record.html + "".join(record.tags)
    assert clean(record.html, source.url) == record.html


@pytest.mark.parametrize(
    ("written", "meant"),
    [(f"&#{NINES};", "\ufffd"), (f"&#{'0' * 5000}65;b", "Ab"), (f"&#{'0' * 5000};", "\ufffd"), ("&#65;&amp;&#x42", "A&B"), ("plain", "plain")],
)  # fmt: skip
def test_a_reference_means_what_it_means_in_a_browser_however_long_it_is(written: str, meant: str) -> None:
    assert unescape(written) == meant


def test_nobody_but_one_place_undoes_references_with_pythons_own() -> None:
    """It raises where a reference is longer than Python makes numbers of."""
    own = Path(intake.__file__).parent.parent
    using = {
        str(path.relative_to(own))
        for room in ("aggregator", "storage")
        for path in (own / room).rglob("*.py")
        if re.search(r"from html import .*unescape|html\.unescape", path.read_text(encoding="utf-8"))
    }

    assert using == {"aggregator/fetch.py", "storage/markup.py"}  # the first of 500 characters at most
