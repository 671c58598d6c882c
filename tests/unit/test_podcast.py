"""What an episode says in the words of podcasts, from the feed to the record and back out of its file."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from unit import feed_rules_samples as samples
from unit.test_reconcile import SOURCE

from aggregator.importing import returning
from aggregator.model import Entry, Feed, Reading
from aggregator.parse.jsonfeed import read_json
from aggregator.parse.xmlfeed import read_xml
from aggregator.podcast import LONGEST_TEXT, MOST_ELEMENTS, usable, with_images
from aggregator.reconcile import MOST_UPDATES, reconcile
from plugins.records import known_entry
from storage.frontmatter import RecordForm, dumps
from storage.reading import loads
from storage.record import Element, podcast_digest
from storage.restoring import to_record
from storage.states import FeedInfo
from storage.values import Changes, Known

URL = "https://talk.example/feed"
RSS = (
    '<rss version="2.0" xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd" '
    'xmlns:podcast="https://podcastindex.org/namespace/1.0"><channel><title>Talk</title>'
    "<itunes:author>Host</itunes:author><itunes:explicit>yes</itunes:explicit>"
    '<podcast:person role="host">Not of the episode</podcast:person>'
    "<item><title>Seven</title><guid>7</guid>{}</item></channel></rss>"
)
ATOM = (
    '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:i="http://www.itunes.com/DTDs/PodCast-1.0.dtd" '
    'xmlns:p="https://github.com/Podcastindex-org/podcast-namespace/blob/main/docs/1.0.md"><title>Talk</title>'
    "<id>urn:x:1</id><entry><title>Seven</title><id>urn:x:7</id>{}</entry></feed>"
)


def only(feed: Feed) -> Entry:
    (entry,) = feed.entries
    return entry


def said(elements: str) -> tuple[Element, ...]:
    return only(read_xml(RSS.format(elements), URL, whole=True)).podcast


EPISODE = """
<itunes:title>The seventh</itunes:title><itunes:subtitle>A &amp;amp; B</itunes:subtitle><itunes:author>Ann</itunes:author>
<itunes:duration>3661</itunes:duration><itunes:explicit>no</itunes:explicit><itunes:image href="/7.jpg"/>
<itunes:episode>007</itunes:episode><itunes:season>2</itunes:season><itunes:episodeType>Full</itunes:episodeType>
<podcast:transcript url="/7.vtt" type="text/vtt" language="en"/>
<podcast:chapters url="/7.json" type="application/json+chapters"/>
<podcast:soundbite startTime="73.0" duration="60.0">Best of it</podcast:soundbite>
<podcast:person role="guest" href="https://bob.example/" img="ftp://x/">Bob</podcast:person>
<podcast:location geo="geo:1,2" osm="R1">Here</podcast:location>
<podcast:season name="Second">2</podcast:season><podcast:episode display="7a">7.5</podcast:episode>
<podcast:alternateEnclosure type="audio/opus" length="12" bitrate="64000"><podcast:source uri="/7.opus"/>
<podcast:source uri="ipfs://x"/><podcast:integrity type="sri" value="sha384-x"/></podcast:alternateEnclosure>
<podcast:value type="lightning"><podcast:valueRecipient address="a"/></podcast:value><itunes:block>yes</itunes:block>
"""
ELEMENTS = (
    Element("itunes:title", "The seventh"),
    Element("itunes:subtitle", "A &amp; B"),
    Element("itunes:author", "Ann"),
    Element("itunes:duration", "1:01:01"),
    Element("itunes:explicit", "false"),
    Element("itunes:image", "", (("href", "https://talk.example/7.jpg"),)),
    Element("itunes:episode", "7"),
    Element("itunes:season", "2"),
    Element("itunes:episodeType", "full"),
    Element(
        "podcast:transcript",
        "",
        (("url", "https://talk.example/7.vtt"), ("type", "text/vtt"), ("language", "en")),
    ),
    Element("podcast:chapters", "", (("url", "https://talk.example/7.json"), ("type", "application/json+chapters"))),
    Element("podcast:soundbite", "Best of it", (("startTime", "73.0"), ("duration", "60.0"))),
    Element("podcast:person", "Bob", (("role", "guest"), ("href", "https://bob.example/"))),
    Element("podcast:location", "Here", (("geo", "geo:1,2"), ("osm", "R1"))),
    Element("podcast:season", "2", (("name", "Second"),)),
    Element("podcast:episode", "7.5", (("display", "7a"),)),
    Element("podcast:alternateEnclosure", "", (("type", "audio/opus"), ("length", "12"), ("bitrate", "64000"))),
    Element("podcast:source", "", (("uri", "https://talk.example/7.opus"),)),
    Element("podcast:integrity", "", (("type", "sri"), ("value", "sha384-x"))),
)


def test_an_episode_is_read_from_rss_with_all_that_the_table_lets_through() -> None:
    assert said(EPISODE) == ELEMENTS


def test_atom_and_tag_soup_say_the_same_as_rss() -> None:
    atom = ATOM.format(EPISODE.replace("itunes:", "i:").replace("podcast:", "p:"))
    soup = RSS.format(EPISODE + "<description>1 < 2 & <3</description></p>")

    assert only(read_xml(atom, URL, whole=True)).podcast == ELEMENTS
    assert only(read_xml(soup, URL, whole=True)).podcast == ELEMENTS


def test_the_channel_s_own_words_are_not_those_of_its_episodes() -> None:
    assert said("") == ()


def test_the_duration_of_an_episode_is_that_of_its_enclosure() -> None:
    entry = only(
        read_xml(
            RSS.format(
                '<enclosure url="https://talk.example/7.mp3" type="audio/mpeg" length="1"/>'
                "<itunes:duration>1:02:03</itunes:duration>"
            ),
            URL,
            whole=True,
        )
    )

    assert entry.enclosures[0].duration == timedelta(hours=1, minutes=2, seconds=3)


def test_a_json_feed_that_says_them_as_ours_do_is_read() -> None:
    item = {
        "id": "7",
        "_podcast": [
            {"name": "itunes:episode", "text": "7"},
            {
                "name": "podcast:alternateEnclosure",
                "attributes": {"type": "audio/opus"},
                "elements": [{"name": "podcast:source", "attributes": {"uri": "/7.opus"}}],
            },
            {"name": "podcast:person", "text": ["Ann"]},
            "nonsense",
        ],
    }
    document = {"version": "https://jsonfeed.org/version/1.1", "title": "Talk", "items": [item]}

    assert only(read_json(json.dumps(document), URL)).podcast == (
        Element("itunes:episode", "7"),
        Element("podcast:alternateEnclosure", "", (("type", "audio/opus"),)),
        Element("podcast:source", "", (("uri", "https://talk.example/7.opus"),)),
    )


@pytest.mark.parametrize(
    "refused",
    [
        Element("itunes:explicit", "perhaps"),
        Element("itunes:episode", "0"),
        Element("itunes:episode", "seven"),
        Element("itunes:episodeType", "half"),
        Element("itunes:duration", "long"),
        Element("itunes:duration", "0"),
        Element("itunes:image", "", (("href", "javascript:alert(1)"),)),
        Element("itunes:author", " \x00 "),
        Element("itunes:block", "yes"),
        Element("podcast:transcript", "", (("url", "https://talk.example/7.vtt"),)),
        Element("podcast:chapters", "", (("url", "data:x"), ("type", "text/json"))),
        Element("podcast:person", "", (("role", "host"),)),
        Element("podcast:alternateEnclosure", "", (("type", "audio/opus"),)),
        Element("podcast:source", "", (("uri", "https://talk.example/7.opus"),)),
        Element("podcast:soundbite", "Hear", (("startTime", "NaN"), ("duration", "1e999"))),
        Element("podcast:socialInteract", "", (("protocol", "activitypub"), ("uri", "javascript:alert(1)"))),
        Element("media:rating", "adult"),
        Element("", "x"),
    ],
    ids=str,
)
def test_what_says_nothing_sound_is_dropped(refused: Element) -> None:
    assert usable([refused]) == ()


def test_a_number_that_is_none_goes_and_the_element_stays() -> None:
    file = Element("podcast:source", "", (("uri", "https://talk.example/7.opus"),))
    said = (("type", "audio/opus"), ("length", "9" * 20), ("bitrate", "x"), ("height", "1080"))
    sound = Element("podcast:alternateEnclosure", "", (("type", "audio/opus"), ("height", "1080")))

    assert usable([Element("podcast:alternateEnclosure", "", said), file]) == (sound, file)


def test_a_place_to_talk_needs_no_address_where_there_is_none() -> None:
    closed = Element("podcast:socialInteract", "", (("protocol", "disabled"),))

    assert usable([closed]) == (closed,)


def test_of_what_stands_once_the_first_is_kept() -> None:
    assert usable([Element("itunes:episode", "1"), Element("itunes:episode", "2")]) == (Element("itunes:episode", "1"),)


def test_a_file_does_not_move_into_another_alternate_enclosure() -> None:
    whole = Element("podcast:alternateEnclosure", "", (("type", "audio/opus"),))
    file = Element("podcast:source", "", (("uri", "https://talk.example/7.opus"),))
    broken = Element("podcast:alternateEnclosure")

    assert usable([whole, file, broken, file, whole, Element("itunes:episode", "1"), file]) == (
        whole,
        file,
        Element("itunes:episode", "1"),
    )


def test_texts_and_elements_are_bounded() -> None:
    kept = usable([Element("podcast:person", "Ann " * 1000)] * 1000)

    assert len(kept) == MOST_ELEMENTS
    assert max(len(one.text) for one in kept) <= LONGEST_TEXT + 1


def test_what_is_usable_stays_as_it_is() -> None:
    assert usable(ELEMENTS) == ELEMENTS


def test_pictures_go_the_way_that_the_operator_says_and_other_addresses_do_not() -> None:
    person = Element("podcast:person", "Bob", (("img", "https://bob.example/i.jpg"), ("href", "https://bob.example/")))

    shown = with_images((ELEMENTS[5], ELEMENTS[9], person), lambda url: f"https://i.example/?{url}")

    assert shown == (
        Element("itunes:image", "", (("href", "https://i.example/?https://talk.example/7.jpg"),)),
        ELEMENTS[9],
        Element(
            "podcast:person",
            "Bob",
            (("img", "https://i.example/?https://bob.example/i.jpg"), ("href", "https://bob.example/")),
        ),
    )


# --- the record -------------------------------------------------------------------------------------------------

RECORD = samples.a_record(podcast=ELEMENTS)
LATER = datetime(2026, 4, 1, tzinfo=UTC)


def known_as(podcast: tuple[Element, ...], *, updates: int = 0) -> Known:
    stored = replace(RECORD, podcast=podcast, updates=updates)
    return Known(entries=(known_entry(stored),), empty=False)


def again(podcast: tuple[Element, ...], known: Known) -> Changes:
    return reconcile(known, Reading(FeedInfo(), (replace(RECORD, podcast=podcast),)), SOURCE, LATER)


def test_its_file_gives_the_elements_back() -> None:
    text = dumps(RECORD, RecordForm(fields=("rss",)))

    found = to_record(loads(text, "a.md"))

    assert found.podcast == ELEMENTS
    assert returning(replace(found, key=RECORD.key)).podcast == ELEMENTS


def test_the_file_of_an_entry_without_them_does_not_speak_of_them() -> None:
    assert "podcast" not in dumps(samples.a_record(), RecordForm(fields=("rss",)))


def test_another_token_in_a_signed_address_is_no_change() -> None:
    signed = [Element("podcast:transcript", "", (("url", f"https://t.example/7.vtt?sig={n}"),)) for n in (1, 2)]

    assert podcast_digest((signed[0],)) == podcast_digest((signed[1],))
    assert podcast_digest(()) == ""
    assert podcast_digest(ELEMENTS) != podcast_digest(ELEMENTS[1:])


def test_a_transcript_that_comes_later_is_stored_without_making_the_entry_an_updated_one() -> None:
    changes = again(ELEMENTS, known_as(ELEMENTS[:3]))

    assert changes.updated == ()
    (kept,) = changes.rekeyed
    assert (kept.podcast, kept.updated, kept.updates) == (ELEMENTS, RECORD.updated, 1)


def test_an_entry_that_was_stored_before_elements_were_kept_gets_them_and_is_no_updated_one() -> None:
    (kept,) = again(ELEMENTS, known_as(())).rekeyed

    assert (kept.podcast, kept.updated, kept.published, kept.updates) == (
        ELEMENTS,
        RECORD.updated,
        RECORD.published,
        0,
    )


def test_the_same_elements_are_not_written_again() -> None:
    changes = again(ELEMENTS, known_as(ELEMENTS))

    assert (changes.updated, changes.rekeyed) == ((), ())


def test_elements_that_change_with_every_poll_are_noise_in_the_end() -> None:
    assert again(ELEMENTS, known_as(ELEMENTS[:3], updates=MOST_UPDATES)).rekeyed == ()
