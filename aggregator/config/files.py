"""Reading the text of feeds.yaml and of the files that it includes; what cannot be read is told in a sentence."""

from __future__ import annotations

import errno
import os
import re
import stat
from pathlib import Path

from aggregator.config.document import ListNode, MapNode, Node, TextNode, compose
from aggregator.config.faults import LINE_BREAK, Report

MOST_BYTES = 32 << 20
"""A list of 36,000 sources has 3 MB, each with settings of its own 15 MB."""
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]")
_MORE: dict[type[Exception], str] = {
    FileNotFoundError: "; `aggregator init` writes one to start from",
    IsADirectoryError: ", such as feeds.yaml",
}


def text_of(path: Path, shown_as: str | None = None) -> str:
    """
    Return the file's text; raise `ConfigError` where it cannot be read or is not UTF-8.

    `shown_as` is the name of an included file; None: this is feeds.yaml itself.
    """
    name = shown_as or str(path)
    report = Report(name)
    try:
        data = octets(path, MOST_BYTES)
    except (OSError, ValueError) as error:
        report.refuse(unreadable(error) + ("" if shown_as else _MORE.get(type(error), "")))
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00" in data[:2]:
        report.refuse("the file is not UTF-8 (it looks like UTF-16); save it as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        report = Report(name, data.decode("utf-8-sig", "replace"))
        lines = LINE_BREAK.split(data[: error.start].decode("utf-8-sig"))
        what = f"the byte 0x{data[error.start]:02x} is not UTF-8; save the file as UTF-8"
        report.refuse(what, len(lines), len(lines[-1]) + 1)


def octets(path: Path, most: int) -> bytes:
    """Return the bytes of a file; raise `OSError` where it is none that can be read again and again, or has more than `most`."""
    kind = path.stat().st_mode
    if stat.S_ISDIR(kind):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(kind):
        # A named pipe that nobody writes to would hold the daemon for ever, a device may have no end.
        raise ValueError("it is a pipe or a device; a plain file is meant, as it is read more than once")
    with path.open("rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise ValueError(f"it is larger than {most >> 20} MB")
    return data


def unreadable(error: OSError | ValueError) -> str:
    """Return why a file could not be read, in a sentence."""
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, IsADirectoryError):
        return "this is a folder; name the file in it"
    return f"the file cannot be read: {getattr(error, 'strerror', None) or error}"


def root(report: Report) -> MapNode:
    """Return the mapping that feeds.yaml is; raise `ConfigError` where it is none."""
    node = _composed(report)
    if node is None:
        report.refuse("the file says nothing; `aggregator init` writes one to start from")
    if not isinstance(node, MapNode):
        what = "a list" if isinstance(node, ListNode) else "plain text"
        hint = "put `sources:` above it" if isinstance(node, ListNode) else "it begins with keys, such as `sources:`"
        report.refuse(f"the file is {what}; {hint}", node.line, node.column)
    return node


def included(path: Path, report: Report) -> tuple[Report, Node]:
    """Return the list that an included file holds, itself or under `sources`; raise `ConfigError` where it holds none."""
    report = Report(report.file, text_of(path, report.file))
    node = _composed(report)
    if node is None:
        return report, ListNode(1, 1)
    if isinstance(node, ListNode):
        return report, node
    if not isinstance(node, MapNode):
        report.refuse("plain text stands here; an included file is a list of sources", node.line, node.column)
    for key, (at, _) in node.entries.items():
        if key != "sources":
            shown = key[:60] if key.isprintable() else ascii(key[:60])
            report.add(
                at.line,
                at.column,
                f'"{shown}" is not taken here: an included file is a list of sources, or `sources` with one under it',
            )
    report.raise_any()
    return report, node.entries["sources"][1] if "sources" in node.entries else ListNode(1, 1)


def shown(path: Path, beside: Path) -> str:
    """Return how a file is called in messages: from the folder in which the file that names it is."""
    return (
        str(path) if beside.is_absolute() or not path.is_relative_to(Path.cwd()) else str(path.relative_to(Path.cwd()))
    )


def whole(path: Path) -> Path:
    """Return the path without symbolic links, as far as they lead somewhere."""
    return Path(os.path.realpath(path))  # Path.resolve raises where links lead in a circle


def is_there(path: Path) -> bool:
    """Return whether there is a file or folder; what cannot be looked at is none."""
    try:
        return path.exists()
    except OSError:
        return False


def is_folder(path: Path) -> bool:
    """Return whether this is a folder; what cannot be looked at is none."""
    try:
        return path.is_dir()
    except OSError:
        return False


def _composed(report: Report) -> Node | None:
    if found := _CONTROL.search(report.text):
        lines = LINE_BREAK.split(report.text[: found.start()])
        report.refuse(f"a control character (U+{ord(found[0]):04X}) stands here", len(lines), len(lines[-1]) + 1)
    node = compose(report.text, report)
    return None if isinstance(node, TextNode) and node.null else node
