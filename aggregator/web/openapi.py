"""The OpenAPI 3.1 document of the API, made of the table that requests are read by."""

from __future__ import annotations

import json

from aggregator import __version__
from aggregator.web.described import SCHEMAS, Schema
from aggregator.web.operations import OPERATIONS, Operation, Parameter
from aggregator.web.site import Site

_PROBLEMS = {
    400: "A parameter that cannot be read",
    401: "The token is missing or wrong",
    404: "There is no such thing; a near name is suggested",
    405: "Neither GET nor HEAD",
    410: "The view was taken out of feeds.yaml",
    503: "The store cannot be read just now",
}
_KEPT = {"type": "string", "description": "Strong, of the bytes; send it back in If-None-Match"}
_LINK = {"type": "string", "description": '`<...>; rel="next"` where there is more (RFC 8288)'}


def document(site: Site) -> bytes:
    """Return the document as JSON; the same site has the same bytes."""
    told: Schema = {
        "openapi": "3.1.0",
        "info": {
            "title": f"{site.title}: API",
            "version": __version__,
            "summary": "What is stored, read-only",
            "description": _SAID,
        },
        "servers": [{"url": site.base.rstrip("/")}],
        "paths": {one.path: {"get": _operation(one, private=bool(site.token))} for one in OPERATIONS},
        "components": {"schemas": dict(SCHEMAS), "responses": {str(code): _problem(code) for code in _PROBLEMS}},
    }
    if site.token:
        told["components"]["securitySchemes"] = {
            "bearer": {"type": "http", "scheme": "bearer"},
            "query": {"type": "apiKey", "in": "query", "name": "token"},
        }
        told["security"] = [{"bearer": []}, {"query": []}]
    return json.dumps(told, ensure_ascii=False, indent=1).encode() + b"\n"


_SAID = (
    "GET and HEAD. Lists come in pages: ask for `next`, or give its `cursor`, until it is null. "
    "ETag and If-None-Match spare what did not change. Errors are problem+json (RFC 9457)."
)


def _operation(one: Operation, *, private: bool) -> Schema:
    views = any(parameter.name == "view" for parameter in one.parameters)
    codes = [400, *([401] if private else []), 404, 405, *([410] if views else []), 503]
    headers = {"ETag": {"schema": _KEPT}} | ({"Link": {"schema": _LINK}} if one.links else {})
    answer = {
        "description": one.said,
        "headers": headers,
        "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{one.answer}"}}},
    }
    parameters = [_parameter(parameter, "query") for parameter in one.parameters]
    parameters += [_parameter(one.place, "path")] if one.place else []
    return {
        "operationId": one.name,
        "summary": one.said,
        **({"parameters": parameters} if parameters else {}),
        "responses": {
            "200": answer,
            "304": {"description": "The client has these bytes"},
            **{str(code): {"$ref": f"#/components/responses/{code}"} for code in codes},
        },
    }


def _parameter(one: Parameter, place: str) -> Schema:
    schema = {key: value for key, value in one.schema.items() if key not in ("description", "examples")}
    examples = [value for value in one.schema["examples"] if value != ""]
    return {
        "name": one.name,
        "in": place,
        "description": one.schema["description"] + ("; may be repeated, any of them will do" if one.many else ""),
        "schema": {"type": "array", "items": schema} if one.many else schema,
        **({"required": True} if place == "path" else {}),
        **({"example": examples if one.many else examples[0]} if examples else {}),
    }


def _problem(code: int) -> Schema:
    return {
        "description": _PROBLEMS[code],
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/problem"}}},
    }
