"""The JSON schema of feeds.yaml, made of the model: what editors complete and check against while one writes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Any

from aggregator.config import schema
from aggregator.config.durations import short
from aggregator.config.parts import Part

DIALECT = "https://json-schema.org/draft/2020-12/schema"
SHIPPED = Path(__file__).with_name("feeds.schema.json")
"""The text as it comes with the package; the one at the top of the project, for editors, is the same."""


def document() -> str:
    """Return the schema as text: draft 2020-12, a newline at the end."""
    made = schema.Document.model_json_schema()
    parts = {part.__name__: part for part in _parts()}
    for name, shape in made.pop("$defs").items():
        made.setdefault("$defs", {})[name] = _mended(shape, parts[name])
    made = _mended(made, schema.Document)
    head = {"$schema": DIALECT, "title": "feeds.yaml"}
    return json.dumps({**head, **_without_titles(made)}, ensure_ascii=False, indent=1) + "\n"


def write(top: Path) -> None:
    """Write the schema into the package, and to the top of the project."""
    for path in (SHIPPED, top / SHIPPED.name):
        path.write_text(document(), encoding="utf-8")


def _parts() -> Iterator[type[Part]]:
    """Yield every model below the document."""
    waiting: list[type[Part]] = [schema.Document]
    seen: set[type[Part]] = set()
    while waiting:
        part = waiting.pop()
        if part in seen:
            continue
        seen.add(part)
        yield part
        for field in part.model_fields.values():
            waiting.extend(schema.parts_in(field.annotation))


def _mended(shape: dict[str, Any], part: type[Part]) -> dict[str, Any]:
    """Return a mapping's schema with defaults as the file writes them; a key may stand without a value, unless it must."""
    shown = {field.alias or key: field.default for key, field in part.model_fields.items()}
    properties = {}
    for key, property_ in shape.get("properties", {}).items():
        one = {name: value for name, value in property_.items() if name != "default"}
        described = one.pop("description", None)
        if key not in shape.get("required", ()) and {"type": "null"} not in one.get("anyOf", ()):
            one = {"anyOf": [one, {"type": "null"}]}
        default = _written(shown[key])
        properties[key] = {
            **({"description": described} if described else {}),
            **one,
            **({"default": default} if default is not None else {}),
        }
    return {**shape, "properties": properties}


def _written(default: object) -> object:
    """Return a default as feeds.yaml would hold it; None where it is nothing to show."""
    if isinstance(default, timedelta):
        return short(default)
    if isinstance(default, Enum):
        return str(default.value)
    return default if isinstance(default, int | str) and default != "" else None


def _without_titles(value: Any) -> Any:
    """Return the schema without the titles that pydantic makes of the names of keys."""
    if isinstance(value, dict):
        return {
            key: _without_titles(one) for key, one in value.items() if not (key == "title" and isinstance(one, str))
        }
    return [_without_titles(one) for one in value] if isinstance(value, list) else value
