"""What the rules of `filters` hide, and what the others make of a record on output."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from unit.feed_rules_samples import a_record

from aggregator.filters import CHANGING, HIDING, digest_of, judge, shown, verdicts
from aggregator.model import Condition, Filter, FilterKind

NEWEST = a_record().published + timedelta(days=40)


def drop(*conditions: Condition, written: str = "drop: ...") -> Filter:
    return Filter(FilterKind.DROP, written, conditions=conditions)


def keep(*conditions: Condition, written: str = "keep: ...") -> Filter:
    return Filter(FilterKind.KEEP, written, conditions=conditions)


def limit(newest: int) -> Filter:
    return Filter(FilterKind.LIMIT, f"limit: {newest}", newest=newest)


def put(pattern: str, with_: str, in_: str = "title") -> Filter:
    return Filter(FilterKind.REPLACE, "replace: ...", field=in_, pattern=pattern, replacement=with_)


def remove(*selectors: str) -> Filter:
    return Filter(FilterKind.REMOVE, "remove: ...", selectors=selectors)


HOLDS = {
    "a pattern is searched for in the title": Condition("title", pattern="bridge"),
    "a pattern tells case apart": Condition("title", pattern="^A bridge"),
    "a pattern may fold case": Condition("title", pattern="(?i)BRIDGE"),
    "text is the title too": Condition("text", pattern="bridge"),
    "text is the body without its tags": Condition("text", pattern="opens at noon"),
    "a word is found whatever its case": Condition("title", words=("BRIDGE",)),
    "a word is found whatever its width": Condition("title", words=("ｂｒｉｄｇｅ",)),
    "one of the words is enough": Condition("text", words=("nothing", "noon")),
    "a word is literal": Condition("link", words=("paper.example/1",)),
    "author is any of the writers": Condition("author", pattern="Writer$"),
    "tag is any of the tags": Condition("tag", words=("bridges",)),
    "link is the entry's address": Condition("link", pattern="^https://paper"),
    "older counts back from the newest arrival": Condition("age", older=timedelta(days=30)),
}
HOLDS_NOT = {
    "a pattern that tells case apart": Condition("title", pattern="BRIDGE"),
    "a dot in a word is a dot": Condition("link", words=("paperxexample",)),
    "a tag name in the body": Condition("text", words=("<p>",)),
    "a writer who is no writer": Condition("author", words=("Paper",)),
    "younger than older says": Condition("age", older=timedelta(days=60)),
}


@pytest.mark.parametrize("condition", HOLDS.values(), ids=HOLDS.keys())
def test_a_condition_holds(condition: Condition) -> None:
    assert judge(a_record(), [drop(condition)], NEWEST) == "drop: ..."
    assert judge(a_record(), [keep(condition)], NEWEST) is None


@pytest.mark.parametrize("condition", HOLDS_NOT.values(), ids=HOLDS_NOT.keys())
def test_a_condition_does_not_hold(condition: Condition) -> None:
    assert judge(a_record(), [drop(condition)], NEWEST) is None
    assert judge(a_record(), [keep(condition)], NEWEST) == "keep: ..."


def test_all_conditions_of_a_rule_must_hold() -> None:
    bridge, moon = Condition("title", words=("bridge",)), Condition("title", words=("moon",))

    assert judge(a_record(), [drop(bridge, moon)]) is None
    assert judge(a_record(), [keep(bridge, moon)]) == "keep: ..."


def test_several_keep_must_all_hold_and_the_first_that_does_not_is_the_reason() -> None:
    rules = [
        keep(Condition("title", words=("bridge",)), written="one"),
        keep(Condition("title", words=("x",)), written="two"),
    ]

    assert judge(a_record(), rules) == "two"


def test_nothing_is_older_without_a_newest_arrival() -> None:
    assert judge(a_record(), [drop(Condition("age", older=timedelta(days=1)))]) is None


def test_an_entry_without_writers_has_no_author_that_matches() -> None:
    assert judge(a_record(writers=()), [keep(Condition("author", pattern=""))]) == "keep: ..."


def numbered(number: int) -> list[str]:
    return [f"{n}" * 16 for n in range(number)]


def test_limit_leaves_the_newest_of_a_poll_in_the_publishers_order() -> None:
    first = a_record().published
    records = [
        a_record(key=key, published=first + timedelta(hours=n // 2), position=9 - n)
        for n, key in enumerate(numbered(6))
    ]

    hidden = verdicts(records, [limit(3)])

    assert [key[0] for key, reason in hidden.items() if reason is None] == ["3", "4", "5"]
    assert {reason for reason in hidden.values() if reason} == {"limit: 3"}


def test_limit_counts_what_the_rules_before_it_left() -> None:
    titles = ["ad", "one", "ad", "two", "three"]
    first = a_record().published
    records = [
        a_record(key=key, title=title, published=first - timedelta(hours=n))
        for n, (key, title) in enumerate(zip(numbered(5), titles, strict=True))
    ]

    hidden = verdicts(records, [drop(Condition("title", words=("ad",))), limit(2)])

    assert list(hidden.values()) == ["drop: ...", None, "drop: ...", None, "limit: 2"]


def test_without_rules_nothing_is_hidden() -> None:
    assert verdicts([a_record()], []) == {a_record().key: None}


# --- on output --------------------------------------------------------------------------------------------------


def test_a_record_without_rules_on_output_is_the_same() -> None:
    record = a_record()

    assert shown(record, [drop(Condition("title", words=("bridge",)))]) is record


def test_a_title_is_replaced_as_plain_text() -> None:
    record = shown(a_record(title="[Ad] A bridge"), [put(r"^\[Ad\] ", "<script>alert(1)</script> ")])

    assert record.title == "<script>alert(1)</script> A bridge"


def test_a_title_that_would_become_empty_stays() -> None:
    assert shown(a_record(), [put(".*", "")]).title == "A bridge opens"


def test_a_replacement_in_the_body_is_text_and_never_markup() -> None:
    record = shown(
        a_record(html="<p>It opens &amp; shuts</p>"), [put("opens &", "<script>alert(1)</script> &", "body")]
    )

    assert record.html == "<p>It &lt;script&gt;alert(1)&lt;/script&gt; &amp; shuts</p>"


def test_a_match_does_not_cross_a_tag_or_touch_an_attribute() -> None:
    html = '<p>one <b>two</b></p><a href="https://x.example/one" rel="noopener noreferrer nofollow">three</a>'

    assert shown(a_record(html=html), [put("one two|x.example", "", "body")]).html == html
    assert 'href="https://x.example/one"' in shown(a_record(html=html), [put("one", "1", "body")]).html


def test_the_summary_goes_with_the_body() -> None:
    assert shown(a_record(summary="noon it is"), [put("noon", "dusk", "body")]).summary == "dusk it is"


def test_what_a_selector_chooses_is_removed() -> None:
    html = '<p>Hi <img src="https://x.example/p.gif" width="1"></p><p>there</p>'

    assert shown(a_record(html=html), [remove('img[width="1"]')]).html == "<p>Hi </p><p>there</p>"


def test_a_class_is_known_from_the_body_that_is_kept_for_rules() -> None:
    record = a_record(
        html="<p>Hi</p><div>Share</div>",
        marked_html='<p onclick="x()">Hi</p><div class="share">Share</div><script>1</script>',
    )

    assert shown(record, [remove(".share")]).html == "<p>Hi</p>"


def test_a_body_in_which_nothing_is_chosen_keeps_every_character() -> None:
    record = a_record(html="<P>as <br/> it was</P>", marked_html='<p class="x">as <br> it was</p>')

    assert shown(record, [remove(".share")]).html == record.html


def test_a_selector_that_chooses_everything_leaves_an_empty_body() -> None:
    assert shown(a_record(), [remove("*")]).html == ""


def test_the_publishers_own_body_goes_through_the_rules_too() -> None:
    record = a_record(raw_html='<p class="x">noon</p><div class="share">Share</div>')

    assert shown(record, [remove(".share"), put("noon", "dusk", "body")]).raw_html == '<p class="x">dusk</p>'


def test_a_lead_image_that_was_removed_gives_way_to_the_next() -> None:
    html = '<img src="https://x.example/ad.png"><p><img src="https://x.example/real.png"></p>'
    record = a_record(html=html, image="https://x.example/ad.png")

    assert shown(record, [remove('img[src*="ad"]')]).image == "https://x.example/real.png"


def test_an_image_that_the_feed_names_stays() -> None:
    record = a_record(html='<img src="https://x.example/ad.png">', image="https://x.example/cover.png")

    assert shown(record, [remove("img")]).image == "https://x.example/cover.png"


def test_rules_are_told_apart_by_what_they_do() -> None:
    one, two = [drop(Condition("title", words=("a",))), put("a", "b")], [drop(Condition("title", words=("a",)))]

    assert digest_of(one, HIDING) == digest_of(two, HIDING) != ""
    assert digest_of(one, CHANGING) != digest_of(two, CHANGING) == ""
    assert digest_of([replace(two[0], written="another")], HIDING) != digest_of(two, HIDING)
