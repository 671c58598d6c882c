"""What was seen, as a table: each case with its verdict, and in one line why."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from .cases import number_of
from .server import Publisher
from .values import Case, Judgement, Seen, Verdict


@dataclass(frozen=True, slots=True)
class Row:
    """A case and what it came to."""

    case: Case
    judgement: Judgement


def score(publisher: Publisher, cases: tuple[Case, ...], *, floor: float = 60.0) -> list[Row]:
    """Judge every case by what came so far; `floor` is in minutes."""
    until = publisher.now()
    rows = []
    for case in cases:
        number = 0 if case.id == "all" else int(case.id[1:])
        seen = Seen(
            tuple(one for one in publisher.asked if not number or number_of(one.host) == number),
            tuple(one for one in publisher.knocks if number and number_of(one.host or "0") == number),
            publisher.minute,
            publisher.by_hand,
            publisher.turns,
            until,
            tuple(site for site in case.sites if publisher.serves(site)),
            floor,
        )
        rows.append(Row(case, case.judge(seen)))
    return rows


def as_json(publisher: Publisher, rows: list[Row]) -> dict[str, object]:
    """Return the score as one object: how it was run, how many came to what, and every case."""
    return {
        "by_hand": publisher.by_hand,
        "polls": publisher.turns,
        "minute": publisher.minute,
        "seconds": round(publisher.now(), 1),
        "requests": len(publisher.asked),
        "counts": {verdict.value: count for verdict, count in counts(rows).items()},
        "cases": [
            {
                "id": row.case.id,
                "title": row.case.title,
                "verdict": row.judgement.verdict.value,
                "seen": row.judgement.seen,
            }
            for row in rows
        ],
    }


def counts(rows: list[Row]) -> dict[Verdict, int]:
    """Return how many cases came to each verdict."""
    counted = Counter(row.judgement.verdict for row in rows)
    return {verdict: counted[verdict] for verdict in Verdict}


def as_table(publisher: Publisher, rows: list[Row]) -> str:
    """Return the score as a table in Markdown, with a line on the run above it."""
    how = f"polled by hand, {publisher.turns} polls" if publisher.by_hand else "polled by the client's own clock"
    scale = "" if publisher.minute == 60 else f", a minute in {publisher.minute:g} s"
    lines = [
        f"{how}{scale}; {len(publisher.asked)} requests in {publisher.now():.0f} s",
        ", ".join(f"{count} {verdict.value}" for verdict, count in counts(rows).items() if count),
        "",
        "| case | verdict | seen | what keeps it |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {row.case.id} | {row.judgement.verdict.value} | {row.judgement.seen} | {row.case.title} |" for row in rows
    ]
    return "\n".join(lines) + "\n"
