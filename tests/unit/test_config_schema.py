"""The JSON schema of feeds.yaml: what the model says, taken by another judge, and as it ships."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from aggregator.config import ConfigError, jsonschema, keys, load, schema, schema_json, template

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads(schema_json())


def complaints(text: str) -> list[str]:
    value = YAML(typ="safe", pure=True).load(text)
    return [f"{error.json_path}: {error.message[:200]}" for error in Draft202012Validator(SCHEMA).iter_errors(value)]


def examples() -> list[str]:
    paths = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    blocks = [
        block
        for path in paths
        for block in re.findall(r"^```yaml\n(.*?)^```$", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    ]
    return [block for block in blocks if re.search(r"^sources:", block, re.MULTILINE)]


def test_what_ships_is_what_the_model_says() -> None:
    made = jsonschema.document()

    assert schema_json() == made, "`make schema` writes it anew"
    assert (ROOT / "feeds.schema.json").read_text(encoding="utf-8") == made, "`make schema` writes it anew"


def test_it_is_a_schema_of_draft_2020_12() -> None:
    Draft202012Validator.check_schema(SCHEMA)

    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_our_own_feeds_yaml_and_the_starter_pass() -> None:
    assert complaints((ROOT / "feeds.yaml").read_text(encoding="utf-8")) == []
    assert complaints(template()) == []


def test_the_examples_of_the_documents_pass() -> None:
    found = examples()

    assert [complaints(example) for example in found] == [[]] * len(found)
    assert len(found) >= 5


SOUND = [
    "sources: []",
    "sources:\nviews:\n  everything:\n",
    "rsshub: {base: https://r.example}\nsources: ['${FEED}', rsshub:/a/b, http://a.example/f]",
    "sources: [{url: https://a.example/f, id: 2021, name: no, category: 2021, feed: true, every: auto, keep: }]",
    "sources: [{url: https://a.example/f, every: '${EVERY:-2h}', keep: {days: '${DAYS:-3}'}, tls_verify: '${V:-true}'}]",
    "polling: {concurrency: '8', host_delay: 0s}\nsources: []",
    "rsshub: {base: https://rsshub.example}\nsources: [{rsshub: /a/b}]",
    "rsshub: {base: [https://a.example, https://b.example], key: '${K:-}'}\nsources: []",
    "defaults: {images: false, proxy: false, max_body: 512KB, tags: [a, 1], headers: {X-A: b, X-B: null}}\nsources: []",
    "sources: [{group: A, tags: [x], sources: [{group: B, sources: [https://a.example/f]}]}]",
    "sources: [https://a.example/f]\nviews: {a: {filters: [{drop: {older: 30d}}, {unique: title}], images: false}}",
    "defaults: {filters: [{keep: {text: [a, 1], title: b}}, {replace: {in: body, pattern: a, with: ''}}, {limit: 3}]}",
    "sources: [{url: https://a.example/f, auth: {username: me, password: '${P:-}'}, cookies: {a: b}, enabled: false}]",
]


@pytest.mark.parametrize("text", SOUND)
def test_what_the_loader_takes_the_schema_takes(tmp_path: Path, text: str) -> None:
    (tmp_path / "feeds.yaml").write_text(text)

    load(tmp_path / "feeds.yaml", {"FEED": "https://c.example/f"})

    assert complaints(text) == []


WRONG = [
    "sauces: []",
    "sources: [{ulr: https://a.example/f}]",
    "sources: [{url: https://a.example/f, rsshub: /a}]",
    "sources: [{name: a}]",
    "sources: [www.a.example]",
    "sources: https://a.example/f",
    "sources: [{url: https://a.example/f, every: 5}]",
    "sources: [{url: https://a.example/f, every: 1h30m}]",
    "sources: [{url: https://a.example/f, id: My Feed}]",
    "sources: [{url: https://a.example/f, enabled: no}]",
    "sources: [{url: https://a.example/f, max_body: 10}]",
    "sources: [{url: https://a.example/f, keep: 365}]",
    "sources: [{url: https://a.example/f, record_body: raw}]",
    "sources: [{group: A, sources: [{name: b}]}]",
    "defaults: {filters: [{drop: {title: a}, keep: {title: b}}]}",
    "defaults: {filters: [{unique: title}]}",
    "defaults: {filters: [{drop: {older: 30d}}]}",
    "views: {a: {filters: [{limit: 3}]}}",
    "views: {a: {entries: 501}}",
    "polling: {concurrency: 0}",
    "version: 2",
]


@pytest.mark.parametrize("text", WRONG)
def test_what_the_loader_refuses_for_its_shape_the_schema_refuses(tmp_path: Path, text: str) -> None:
    (tmp_path / "feeds.yaml").write_text(text)

    with pytest.raises(ConfigError, match=r"feeds\.yaml:1:"):
        load(tmp_path / "feeds.yaml", {})
    assert complaints(text) != []


def test_every_key_says_what_it_is_for() -> None:
    silent = [
        f"{part.__name__}.{key}"
        for part in jsonschema._parts()
        for key, description in schema.known(part).items()
        if not description.endswith(".")
    ]

    assert silent == []


def properties_of(shape: Any) -> set[str]:
    if isinstance(shape, dict):
        own = set(shape.get("properties", {})) if isinstance(shape.get("properties"), dict) else set()
        return own.union(*map(properties_of, shape.values()))
    return set().union(*map(properties_of, shape)) if isinstance(shape, list) else set()


def test_every_key_stands_in_the_schema() -> None:
    assert {key.rpartition(".")[2] for key in keys()} <= properties_of(SCHEMA)


# --- the tables of docs/feeds-yaml.md ---


def rows() -> dict[str, list[str]]:
    """Return the cells of each key's row: default, example, mistake."""
    text = (ROOT / "docs" / "feeds-yaml.md").read_text(encoding="utf-8")
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        first, *rest = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))]
        if line.startswith("| `") and len(rest) == 3:
            for key in re.findall(r"`([^`]+)`", first):
                assert key not in found, f"{key} has two rows"
                found[key] = rest
    return found


def default_of(key: str) -> str:
    """Return the default that the model states in words or as a value; empty where it states none."""
    *path, name = key.split(".")
    part = schema.part_at(schema.Document, path) or schema.Document
    part = schema.SourcePart if part is schema.SourcePart and name in schema.SourcePart.model_fields else part
    field = next((one for key_, one in part.model_fields.items() if name in {one.alias, key_}), None)
    if field is None:
        return ""
    said = re.search(r"Default ([^:]+)\.$", field.description or "")
    return said[1] if said else str(jsonschema._written(field.default) or "")


def test_the_tables_have_a_row_for_each_key_and_for_nothing_else() -> None:
    listed = rows().keys() - {"${VAR}", "${VAR:-default}", "${VAR:?message}", "$${"}

    assert set(keys()) - listed == set()
    assert listed - set(keys()) == set()


def test_the_tables_state_the_defaults_of_the_model() -> None:
    stated = {key: (default_of(key), cells[0]) for key, cells in rows().items()}

    wrong = {key: both for key, both in stated.items() if both[0] and both[0] != both[1].strip("`")}
    assert wrong == {}
    assert sum(bool(default) for default, _ in stated.values()) > 25


def examples_of_rows() -> list[tuple[str, str]]:
    """Return each example of the tables that is a value by itself, with its key."""
    found = []
    for key, (_, example, _) in rows().items():
        section, _, name = key.partition(".")
        if section in {"server", "storage", "polling", "defaults", "rsshub", "views"} and name and "." not in name:
            values = re.findall(r"`([^`]+)`", example.partition("`: ")[0] + "`")
            found += [(key, one) for one in values if one != "{url_encoded}"]
    return found


@pytest.mark.parametrize(("key", "example"), examples_of_rows())
def test_the_examples_of_the_tables_load(tmp_path: Path, key: str, example: str) -> None:
    section, _, name = key.partition(".")
    entry = f"{name}: {example}"
    own = "{url: https://a.example/f, id: woshipm-latest, category: 新媒体, tags: [eng], at_most: 4d}"
    text = f"sources: [{own}]\n"
    text += f"views:\n  v:\n    {entry}\n" if section == "views" else f"{section}:\n  {entry}\n"
    (tmp_path / "feeds.yaml").write_text(text, encoding="utf-8")

    environ = dict.fromkeys(("KEY", "SESSION", "AGGREGATOR_TOKEN"), "x")

    settings = load(tmp_path / "feeds.yaml", environ)

    assert len((*settings.sources, *settings.paused)) == 1
    assert complaints(text) == []
