"""How records of the original system may differ from ours, item by item, and nothing else may."""

from __future__ import annotations

import re

OURS, PICTURE, DATE, QUOTES, NEWLINE = "_ in the title", "random picture", "date", "quotes", "written newline"

DIFFERENCES: dict[str, set[str]] = {
    "e4-199it-34277792709.md": {PICTURE, QUOTES},
    "e4-199it-34379630015.md": {OURS, PICTURE, QUOTES},
    "e4-bangumi-13814333588.md": {QUOTES},
    "e4-cnbeta-34907097928.md": {QUOTES},
    "e4-cnbeta-34090487176.md": set(),
    "e4-cnbeta-34708118071.md": {OURS},
    "e4-dockone-35041131833.md": {DATE, PICTURE},
    "e4-eventernote-18947225733.md": {DATE, PICTURE},
    "e4-eventernote-18912416134.md": {DATE, PICTURE},
    "e4-ithome-34734751144.md": set(),
    "e4-jinse-34849355873.md": {PICTURE},
    "e4-jinse-34716598398.md": {DATE, PICTURE},
    "e4-jinse-35234222050.md": {PICTURE},
    "e4-jinse-18494279310.md": {DATE, PICTURE},
    "e4-jinse-35587159352.md": {PICTURE},
    "e4-manong-34066401351.md": {DATE, PICTURE},
    "e4-manong-34066030563.md": {DATE, NEWLINE, PICTURE},
    "e4-manong-34076048897.md": {DATE, PICTURE},
    "e4-manong-34066147052.md": {DATE, PICTURE},
    "e4-oschina-34150304292.md": {NEWLINE, PICTURE},
    "seed.md": set(),
    "e4-zaker-35323340431.md": set(),
    "e4-zaker-34261898254.md": set(),
    "e4-zhihu-34255143672.md": {PICTURE},
    "e4-zhihu-34507275082.md": {PICTURE},
}


def stripped(text: str) -> str:
    """Return the file without white space at the two ends of its body."""
    text = re.sub(r"(<div> {3}\n)\s+", r"\1", text, count=1)
    return re.sub(r"\s*\n</div>\n {12}$", "\n</div>", text)


def differences(golden: str, ours: str, first_seen: str) -> set[str]:
    """
    Return which of the named differences there are; fail on any other.

    `first_seen` is what stands for the date of an item without one.
    """
    head, body = golden.split("\n---\n\n", 1)
    our_head, our_body = ours.split("\n---\n\n", 1)
    found = set() if body == our_body else {NEWLINE}
    assert our_body.replace("\n&#10;", "\n\n").replace("&#10;", "\n") == body
    for line, our_line in zip(head.split("\n"), our_head.split("\n"), strict=True):
        found |= {difference(line, our_line, first_seen)} if line != our_line else set()
    return found


def difference(line: str, ours: str, first_seen: str) -> str:
    key = line.partition(":")[0] if ": " in line else "-"
    value, our_value = plain(line, key), plain(ours, key)
    if value == our_value:
        return QUOTES
    if key == "title":
        assert re.sub(r"[:/\\?*“”<>|\[\]]", "_", our_value) == value
        return OURS
    if key in {"headimg", "thumbnail"}:
        assert value.startswith("https://picsum.photos/")
        assert our_value == ""
        return PICTURE
    assert key == "date"
    assert value == "Invalid Date" or re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", value)
    assert our_value == first_seen
    return DATE


def plain(line: str, key: str) -> str:
    value = line.removeprefix(f"{key}:").removeprefix(" - ").strip()
    if value[:1] == value[-1:] == '"':
        return value[1:-1]
    return value[1:-1].replace("''", "'") if value[:1] == value[-1:] == "'" else value
