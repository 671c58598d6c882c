"""The files that pages and feeds name: styles under an address that changes with their bytes, the icon, robots.txt."""

from __future__ import annotations

import hashlib
from importlib.resources import files

from aggregator.web.answer import Representation, represent

_TYPES = {"css": b"text/css; charset=utf-8", "ico": b"image/x-icon", "js": b"text/javascript; charset=utf-8"}


def _read() -> dict[str, bytes]:
    folder = files("aggregator.web") / "static"
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir(), key=lambda file: file.name)}


_FILES = _read()

HASH = hashlib.sha256(b"\0".join(part for name, body in _FILES.items() for part in (name.encode(), body))).hexdigest()[
    :12
]
"""Digest of all files: their addresses hold it, so that a browser may keep them for ever."""

ASSETS: dict[str, tuple[bytes, Representation]] = {
    name: (_TYPES[name.rpartition(".")[2]], represent(body)) for name, body in _FILES.items()
}
"""Media type and representation by file name."""


def static_path(name: str, prefix: str) -> str:
    """Return the path at which the file is served."""
    return f"{prefix}/static/{HASH}/{name}"


def robots(*, private: bool) -> bytes:
    """Return robots.txt: whole texts belong to their publishers' pages; a server with a token wants no crawler at all."""
    return b"User-agent: *\nDisallow: " + (b"/" if private else b"/entry/") + b"\n"
