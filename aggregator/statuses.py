"""What an HTTP status means: the kind of failure, and the words of the standard for it."""

from __future__ import annotations

from http import HTTPStatus

from aggregator.outcomes import FailureKind

_KINDS = {
    401: FailureKind.AUTH,
    407: FailureKind.AUTH,
    403: FailureKind.BLOCKED,
    451: FailureKind.BLOCKED,
    404: FailureKind.NOT_FOUND,
    410: FailureKind.GONE,
    429: FailureKind.RATE_LIMITED,
}


def kind_of(status: int) -> FailureKind:
    """Return what a status says that brings no feed; docs/etiquette.md, rules 40 to 48."""
    if status in _KINDS:
        return _KINDS[status]
    if status in {204, 205}:
        return FailureKind.EMPTY
    if 400 <= status < 500:
        return FailureKind.CLIENT_ERROR
    return FailureKind.SERVER_ERROR if 500 <= status < 600 else FailureKind.PROTOCOL


def words_of(status: int) -> str:
    """Return the status with the words of the standard, not the publisher's."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"status {status}"
