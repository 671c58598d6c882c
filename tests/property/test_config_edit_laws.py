"""Laws of editing feeds.yaml: what is put in and taken out again leaves no trace, and nothing else ever changes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.config.changing import inserted, removed
from aggregator.config.document import MapNode, Node, TextNode, compose
from aggregator.config.faults import LINE_BREAK, ConfigError, Report

NEW = "https://new.example/feed"
ENTRIES = st.sampled_from(
    [
        {"url": NEW},
        {"url": NEW, "category": "新: 媒体", "every": "2h"},
        {"url": NEW, "keep": {"days": "30"}, "tags": ["a", "b, c"], "name": "it's # a"},
    ]
)
SOURCES = st.sampled_from(
    [
        ["https://a.example/"],
        ["'https://a.example/#x'   # a comment"],
        ["{url: 'https://a.example/', name: \"]} # '\"}"],
        ["{url: 'https://a.example/',", "  name: x}"],
        ["url: https://a.example/", "every: 2h"],
        ["url: https://a.example/", "", "# within", "every: 2h"],
        ["name: >-", "  folded", "  # text", "url: https://a.example/"],
        ["url: https://a.example/", "name: |", "  literal", "", "  - text"],
        ["url: https://a.example/", 'name: "quoted', '  over: lines"', "# after"],
        ["url: https://a.example/", "keep:", "  days: 3", "tags:", "- a", "- b"],
    ]
)
BETWEEN = st.lists(
    st.sampled_from(["", "# a comment", "  # a deeper one", "   ", "#- https://off.example/"]), max_size=3
)


@st.composite
def lists(draw: st.DrawFn, depth: int = 0) -> list[str]:
    """Draw the lines of a list of sources, its dashes in the first column."""
    gap = draw(st.sampled_from([2, 2, 2, 4]))
    lines: list[str] = []
    for _ in range(draw(st.integers(1, 4))):
        group = depth < 2 and draw(st.integers(0, 4)) == 0
        if group:
            name = draw(st.sampled_from(["G", "H"]))
            item = [
                f"group: {name}",
                "sources:",
                *shifted(draw(lists(depth=depth + 1)), draw(st.sampled_from([0, 2, 4]))),
            ]
        else:
            item = draw(SOURCES)
        lines += ["-".ljust(gap) + item[0], *shifted(item[1:], gap), *draw(BETWEEN)]
    return lines


def shifted(lines: Sequence[str], by: int) -> list[str]:
    return [" " * by + line if line else line for line in lines]


@st.composite
def documents(draw: st.DrawFn) -> str:
    """Draw a feeds.yaml: a block list among other keys, line ends and all."""
    head = draw(st.sampled_from([[], ["# feeds", "version: 1"], ["server:", "  title: x", ""]]))
    tail = draw(st.sampled_from([[], ["version: 1"], ["", "# views", "views:", "  v: {}"], ["# the end"]]))
    lines = shifted(draw(lists()), draw(st.sampled_from([0, 2, 4])))
    newline = draw(st.sampled_from(["\n", "\n", "\r\n"]))
    return newline.join([*head, "sources:", *lines, *tail]) + draw(st.sampled_from(["", newline]))


BRACKETS = st.builds(
    lambda head, items, comma, end, tail: head + "[" + items[0].join(items[1]) + comma + end + "]" + tail,
    st.sampled_from(["sources: ", "version: 1\nsources: ", "sources:\n  "]),
    st.tuples(
        st.sampled_from([", ", ",", ",\n  ", " ,\n  ", ", # a ]\n  "]),
        st.lists(
            st.sampled_from(
                ["https://a.example/", "'it''s ], {'", "{url: https://b.example/, tags: [a, 'b]']}", '"\\"]"']
            ),
            min_size=1,
            max_size=4,
        ),
    ),
    st.sampled_from(["", ",", " , "]),
    st.sampled_from(["", " ", "\n", "   # last ]\n"]),
    st.sampled_from(["", "\n", "  # c\nversion: 1\n"]),
)


def is_new(node: Node) -> bool:
    url = node.entries["url"][1] if isinstance(node, MapNode) and "url" in node.entries else node
    return isinstance(url, TextNode) and url.text == NEW


def sound(text: str) -> bool:
    with suppress(ConfigError):
        report = Report("feeds.yaml", text)
        compose(text, report)
        return not report.faults
    return False


@settings(max_examples=400, deadline=None)
@given(documents(), ENTRIES, st.sampled_from([None, None, "G", "H", "New"]))
def test_what_is_put_in_and_taken_out_leaves_no_trace(text: str, entry: dict[str, object], group: str | None) -> None:
    if not sound(text) or text.count(f"group: {group}") > 1:
        return
    added = inserted(text, [entry], group)

    assert removed(added.text, lambda nodes: next(filter(is_new, nodes))).text == text


@settings(max_examples=400, deadline=None)
@given(documents(), ENTRIES)
def test_adding_only_adds_lines(text: str, entry: dict[str, object]) -> None:
    if not sound(text):
        return
    added = inserted(text, [entry])

    before, after = text.splitlines(), added.text.splitlines()
    assert after == [*before[: added.at - 1], *added.lines, *before[added.at - 1 :]]


@settings(max_examples=400, deadline=None)
@given(documents(), st.integers(0, 20))
def test_removing_only_removes_lines(text: str, which: int) -> None:
    if not sound(text):
        return
    gone = removed(text, lambda nodes: nodes[which % len(nodes)])

    before, after = LINE_BREAK.split(text), LINE_BREAK.split(gone.text)
    assert after == before[: gone.at - 1] + before[gone.at - 1 + len(gone.lines) :]


@settings(max_examples=400, deadline=None)
@given(BRACKETS, ENTRIES)
def test_brackets_are_left_as_they_were_too(text: str, entry: dict[str, object]) -> None:
    if not sound(text):
        return
    added = inserted(text, [entry])

    assert removed(added.text, lambda nodes: next(filter(is_new, nodes))).text == text
