"""Say what went wrong in the form of the path: problem+json on JSON paths, a short page on HTML ones, plain text on feeds."""

from __future__ import annotations

import json
from enum import Enum
from http import HTTPStatus
from urllib.parse import quote

from aggregator.web.answer import Answer
from aggregator.web.pages import PAGE_HEADERS, error_page


class Form(Enum):
    """How a path speaks of errors."""

    FEED = "feed"
    JSON = "json"
    PAGE = "page"


_JSON_ENDS = ("/status.json", "/sources.json")
_TEXT = ("/feed", "/entry/", "/opml", "/static/")
_TEXT_ENDS = (".atom", ".rss", ".md", ".txt", ".ico")


def form_of(path: str) -> Form:
    """Return the form in which the path speaks; a JSON Feed is a feed."""
    if path == "/api" or path.startswith("/api/"):
        return Form.JSON
    if path.endswith(".json") and (path.endswith(_JSON_ENDS) or path.startswith("/entry/")):
        return Form.JSON
    if path.startswith("/entry/") and "." not in path:
        return Form.PAGE
    if path.startswith(_TEXT) or path.endswith(_TEXT_ENDS) or path in ("/healthz", "/readyz", "/metrics", "/events"):
        return Form.FEED
    if path.startswith("/source/") and path.endswith(".json"):
        return Form.FEED
    return Form.JSON if path.endswith(".json") else Form.PAGE


def error(
    path: str, status: int, detail: str, headers: dict[str, str] | None = None, *, prefix: str = "", home: str = ""
) -> Answer:
    """Return the answer that says in a sentence what is wrong; kept by no cache. A page of it leads to `home`."""
    title = HTTPStatus(status).phrase
    more = [(name.lower().encode(), value.encode("latin-1")) for name, value in (headers or {}).items()]
    more += [(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]
    match form_of(path):
        case Form.FEED:
            body = f"{status} {title}: {detail}\n".encode()
            kind = [(b"content-type", b"text/plain; charset=utf-8"), (b"access-control-allow-origin", b"*")]
        case Form.JSON:
            instance = quote(prefix + path, safe="/:@!$&'()*+,;=~")
            problem = {"type": "about:blank", "title": title, "status": status, "detail": detail, "instance": instance}
            body = json.dumps(problem, ensure_ascii=False).encode() + b"\n"
            kind = [(b"content-type", b"application/problem+json"), (b"access-control-allow-origin", b"*")]
        case Form.PAGE:
            body = error_page(status, title, detail, prefix, home or f"{prefix}/")
            kind = [header for header in PAGE_HEADERS if header[0] != b"x-content-type-options"]
    return Answer(status, [*kind, *more], body)
