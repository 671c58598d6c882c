"""All cases that a publisher can judge, and why the others cannot be seen from there."""

from __future__ import annotations

from dataclasses import replace

from . import cases_asking, cases_bytes, cases_moves, cases_time
from .values import Case

_READER = "what became of the entries is seen in the reader alone"
NOT_FROM_HERE = {
    "S10": _READER,
    "S11": _READER,
    "S46": _READER,
    "S49": _READER,
    "S50": _READER,
    "S53": "the reader is to be killed",
    "S54": "the reader is to be started again",
    "S55": "the reader is to be stopped for two days",
    "S56": "a thousand feeds are to be started with",
    "S57": "the reader's clock is to be set",
    "S58": "the reader's network is to be cut",
    "S60": "the reader's list is to be edited",
    "S62": _READER,
    "S63": _READER,
    "S64": _READER,
    "S65": _READER,
    "S66": _READER,
    "S67": _READER,
    "S69": "WebSub stands apart",
}
"""The cases that this program does not judge, and why; tests of our own show them."""


def _order(case: Case) -> tuple[bool, str]:
    return case.id != "all", case.id


def _settled(case: Case) -> Case:
    """Return the case with every site's host named: where none is, it is the case's number."""
    sites = tuple(replace(site, host=site.host or case.id.removeprefix("S")) for site in case.sites)
    return replace(case, sites=sites)


_ALL = (*cases_asking.CASES, *cases_time.CASES, *cases_moves.CASES, *cases_bytes.CASES)
CASES: tuple[Case, ...] = tuple(map(_settled, sorted(_ALL, key=_order)))


def number_of(label: str) -> int:
    """Return the number of the case that a host's label belongs to."""
    return int(label.partition(".")[0])
