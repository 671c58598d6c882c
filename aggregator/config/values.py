"""From nodes to the plain values that the schema judges, variables filled in."""

from __future__ import annotations

from collections.abc import Mapping

from aggregator.config.document import ListNode, MapNode, Node, TextNode
from aggregator.config.environment import BadPlaceholderError, MissingVariableError, fill
from aggregator.config.faults import Report

_GONE = object()
"""A value whose variable is missing; it was told of, so that its place may be left empty."""


class Values:
    """Makes values of the nodes of one file; faults of placeholders go into the report."""

    def __init__(self, environ: Mapping[str, str], report: Report) -> None:
        self._environ = environ
        self._report = report
        self._missing: list[tuple[TextNode, str]] = []

    def part(self, node: Node) -> object:
        """Return the value of a part that every source depends on: a missing variable is a fault."""
        self._missing.clear()
        value = self._value(node)
        for at, sentence in self._missing:
            self._report.add(at.line, at.column, f"{at.text}: {sentence}")
        return None if value is _GONE else value

    def source(self, node: Node) -> tuple[object, str | None]:
        """Return the value of a source and None; else the sentence on what it lacks, `""` where that was told already."""
        self._missing.clear()
        told = len(self._report.faults)
        value = self._value(node)
        if len(self._report.faults) > told:
            return None, ""
        return value, self._missing[0][1] if self._missing else None

    def _value(self, node: Node) -> object:
        """Return text, None, a list or a dict; all scalars are text as written, for the schema to judge."""
        if isinstance(node, TextNode):
            return self._text(node)
        if isinstance(node, MapNode):
            found = ((key, self._value(value)) for key, (_, value) in node.entries.items())
            return {key: value for key, value in found if value is not _GONE}
        items = [self._value(item) for item in node.items]
        # A list with a gap is left out whole: its other items must keep their places.
        return _GONE if any(item is _GONE for item in items) else items

    def _text(self, node: TextNode) -> object:
        if node.null:
            return None
        if "${" not in node.text:
            return node.text
        try:
            return fill(node.text, self._environ)
        except MissingVariableError as missing:
            self._missing.append((node, str(missing)))
        except BadPlaceholderError as bad:
            self._report.add(node.line, node.column, str(bad))
        return _GONE


def written(node: Node) -> str:
    """Return the URL of a source, or its shorthand, as it stands in the file, `""` where it has none."""
    if isinstance(node, MapNode):
        for key, scheme in (("url", ""), ("rsshub", "rsshub:")):
            value = node.entries[key][1] if key in node.entries else None
            if isinstance(value, TextNode) and not value.null:
                return value.text if value.text.startswith(scheme) else f"{scheme}{value.text}"
        return ""
    return "" if isinstance(node, ListNode) else node.text
