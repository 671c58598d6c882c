"""The OpenAPI document holds: requests made of it, sound and unsound, get the answers that it promises."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from unit import feed_rules_samples as samples
from unit.test_web_feeds import ask, settings_in

from aggregator.health import Facts
from aggregator.model import Source, View
from aggregator.web import create_app
from aggregator.web.operations import OPERATIONS, Operation

ROUNDS = 2000 if os.environ.get("LONG") == "1" else 40
NOW = samples.NOW


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Serve a few entries of two sources, and a view."""
    folder: Path = tmp_path_factory.mktemp("served")
    other = samples.a_record(
        key="bbbbbbbbbbbbbbbb", source_id="gazette", identity="g", alias="g", public_id="https://gazette.example/g",
        title="产品 <b>&amp;", link=None, guid=None, language=None, html="", image="https://gazette.example/a.png",
    )  # fmt: skip
    states = [samples.a_state("paper"), samples.a_state("gazette")]
    store = samples.a_store(folder, *samples.numbered(5), other, states=states)
    sources = tuple(Source(id_, f"https://{id_}.example/feed", id_, at) for at, id_ in enumerate(("paper", "gazette")))
    plain = settings_in(folder, base_url="http://localhost/")
    served = replace(plain, sources=sources, views=(View("bridges", "Bridges", categories=("Press",)),))
    yield create_app(store, lambda: served, lambda: Facts(last_tick_at=NOW), lambda: NOW)
    store.close()


CASES = [
    (one, mode) for one in OPERATIONS for mode in GenerationMode if one.parameters or mode is GenerationMode.POSITIVE
]
"""Nothing unsound can be asked where there is nothing to ask; any text may be a name in a path."""


@pytest.mark.parametrize(("operation", "mode"), CASES, ids=[f"{one.name}-{mode}" for one, mode in CASES])
def test_what_is_asked_gets_what_is_promised(app: Any, operation: Operation, mode: GenerationMode) -> None:
    schema = schemathesis.openapi.from_dict(ask(app, "/api/v1/openapi.json").json())
    described = schema[operation.path]["GET"]
    cursor = ask(app, f"{operation.path}?limit=1").json().get("cursor")
    answered = set()

    @settings(
        max_examples=ROUNDS, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(case=described.as_strategy(generation_mode=mode))
    def hold(case: Any) -> None:
        if mode is GenerationMode.POSITIVE:
            make_sound(case.query, cursor)
        answer = case.call(app=app)
        case.validate_response(answer)
        answered.add(answer.status_code)

    hold()

    assert answered <= ({200, 404} if mode is GenerationMode.POSITIVE else {200, 400, 404, 405})
    assert (400 in answered) is (mode is GenerationMode.NEGATIVE)


def make_sound(query: dict[str, Any], cursor: str) -> None:
    """See to what a schema cannot say: a cursor comes from a page, and a view has its own choice."""
    query.update({name: cursor for name in ("before", "after") if name in query})
    if "view" in query:
        for name in ("category", "source", "tag"):
            query.pop(name, None)
