"""
`python -m bench.search [FOLDER] [RECORDS]`: newest pages and searches over a store of a million records.

The store is made once in the folder (build/big-store), by what the store itself does for twenty thousand records of 300
sources, copied in SQL; the index is built by its own triggers. Texts are of our own: 200 characters, most of it Chinese
whose words come as often as words do (Zipf), and some words placed by hand: 百万 in three records of ten, 年糕 in one of
a hundred, 罕见 in one of twenty thousand.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from statistics import median

from bench.store import rows
from storage.record import DateSource, Record, key_of
from storage.sqlite import SqliteStore
from storage.states import HostState, PollState
from storage.values import Changes, Poll, RecordQuery, Searchable

FOLDER = Path("build/big-store")
RECORDS = 1_000_000
BASE = 20_000
SOURCES = 300
ROUNDS = 7
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
STEP = timedelta(minutes=3)
"""Between two records: a million are six years."""
HANZI = "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实产品"
WORDS = ["AI", "GPT-4", "open", "source", "model", "data", "Café", "2026", "C++", "python", "review", "design"]


class Texts:
    """Makes texts of words that come as often as words do."""

    def __init__(self, seed: int = 1) -> None:
        self._dice = random.Random(seed)
        many = [chr(code) for code in range(0x4E00, 0x4E00 + 3000)]
        characters = [*HANZI, *self._dice.sample(many, len(many))]
        common = list(accumulate(1 / (place + 3) for place in range(len(characters))))
        made = ["".join(self._dice.choices(characters, cum_weights=common, k=n)) for n in (1, 2, 2, 2, 3, 4) * 800]
        self._words = [*WORDS, *made]
        self._weights = list(accumulate(1 / (place + 3) for place in range(len(self._words))))

    def text(self, number: int, words: int) -> str:
        """Return a text of so many words; the number decides which of the words placed by hand stand in it."""
        chosen = self._dice.choices(self._words, cum_weights=self._weights, k=words)
        chosen += ["百万"] * (number % 10 < 3) + ["年糕"] * (number % 100 == 7) + ["罕见"] * (number == 11)
        self._dice.shuffle(chosen)
        return "".join(f"{word}，" if place % 9 == 8 else word for place, word in enumerate(chosen))


def base(count: int) -> Iterator[Record]:
    """Yield records of 300 sources by turns, the oldest first."""
    texts = Texts()
    for number in range(count):
        source, at = f"s{number % SOURCES}", NOON + number * STEP
        yield Record(
            key=key_of(source, str(number)), public_id=f"tag:bench,2026:{number}", source_id=source,
            identity=str(number), alias=str(number), categories=(f"c{number % SOURCES % 10}", source, "f"),
            title=texts.text(number, 6), link=f"https://{source}.example/{number}", guid=None, author="Ann", writers=(),
            tags=(), published=at, updated=at, first_seen=at, date_source=DateSource.PUBLISHED, publisher_date=at,
            image=None, html=f"<p>{texts.text(number, 100)}</p>", summary="", enclosures=(), language=None, digest="d",
            cleaner=1,
        )  # fmt: skip


def make(folder: Path, count: int, first: int = BASE) -> dict[str, float]:
    """Make the store, `first` records by what the store does itself, and return what that cost."""
    shutil.rmtree(folder, ignore_errors=True)
    told: dict[str, float] = {}
    with closing(SqliteStore.open(folder)) as store:
        sources = [replace(row, tags=("eng",) if place % 2 else ("all",)) for place, row in enumerate(rows(SOURCES))]
        store.sync_sources(sources, NOON)
        records = list(base(min(first, count)))
        for start in range(0, len(records), SOURCES):
            part = records[start : start + SOURCES]
            polls = [
                Poll(PollState(row, NOON), HostState(row.host), Changes(new=(record,)))
                for row, record in zip(sources, part, strict=False)
            ]
            store.save_polls(polls, part[-1].first_seen)
        began, done = time.perf_counter(), 0
        while waiting := store.unsearched(50):
            store.index([Searchable(w.record.key, w.change, w.record.title, "Ann", w.record.html) for w in waiting])
            done += len(waiting)
        told["records indexed a second, 50 at once"] = done / (time.perf_counter() - began)
        began = time.perf_counter()
        copies = range(1, -(-count // len(records)))
        for copy in copies:
            store._engine.write(lambda connection, _, copy=copy: _copied(connection, copy, len(records)))  # noqa: SLF001 - no store is asked to copy
        if copies:
            told["seconds to copy them"] = time.perf_counter() - began
        store.checkpoint()
    return told


def _copied(connection: sqlite3.Connection, copy: int, count: int) -> None:
    """Enter the first records once more, later, with keys of their own."""
    later = int(copy * count * STEP.total_seconds()) * 1_000_000
    own = {
        "id": f"id + {copy * count}", "key": f"key || '-{copy}'", "public_id": f"public_id || '-{copy}'",
        "identity": f"identity || '-{copy}'", "alias": f"alias || '-{copy}'", "arrival": f"arrival + {copy * count}",
        "published": f"published + {later}", "updated": f"updated + {later}", "first_seen": f"first_seen + {later}",
    }  # fmt: skip
    for table in ("records", "bodies", "search_texts"):
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        taken = [own.get(column, column) if table == "records" or column == "id" else column for column in columns]
        text = f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(taken)} FROM {table} WHERE id <= {count}"
        connection.execute(text)
    connection.execute("UPDATE counters SET arrival = arrival + ?", (count,))


def questions(store: SqliteStore) -> dict[str, Callable[[], object]]:
    """Return what is measured, by name."""
    tagged = [f"s{number}" for number in range(SOURCES)]
    deep = None
    for _ in range(100):
        deep = store.page(RecordQuery(before=deep)).next

    def search(text: str, **more: object) -> Callable[[], object]:
        return lambda: store.page(RecordQuery(text=text, **more))  # type: ignore[arg-type] # fields of the query

    newest = store.newest_arrival()
    assert newest is not None
    return {
        "newest 50": lambda: store.page(RecordQuery()),
        "newest 50 of a category": lambda: store.page(RecordQuery(categories=["c3"])),
        "newest 50 of a source": lambda: store.page(RecordQuery(sources=["s7"])),
        "newest 50 of 300 sources (by tag)": lambda: store.page(RecordQuery(sources=tagged)),
        "page 100, by its cursor": lambda: store.page(RecordQuery(before=deep)),
        "what arrived within 48 hours": lambda: store.page(
            RecordQuery(arrived_since=newest - timedelta(hours=48), limit=500)
        ),
        "的: nearly all have it": search("的"),
        "百万: 3 of 10": search("百万"),
        "百万, page 20": search("百万", before=_deep(store, "百万", 20)),
        "年糕: 1 of 100": search("年糕"),
        "罕见: 1 of 20,000": search("罕见"),
        "不见于此处: nowhere": search("不见于此处"),
        "的不: two common characters": search("的不"),
        "所部: two common characters, seldom together": search("所部"),
        'phrase: "百万，的"': search('"百万 的"'),
        "AI 百万": search("AI 百万"),
        "百万 -AI": search("百万 -AI"),
        "-的: what nearly all have": search("-的"),
        "title:百万": search("title:百万"),
        "tag:eng 百万": search("tag:eng 百万"),
        "category:c7 年糕": search("category:c7 年糕"),
        "年糕 since 30 days": search("年糕 since:30d"),
        "one phrase of 1,000 common characters": search("的" * 1000),
        "64 phrases of common characters": search(" ".join("的不了在人有我他" [n % 8 :] + HANZI[n : n + 6] for n in range(64))),
        "newest arrival of 百万": lambda: store.newest_arrival(RecordQuery(text="百万")),
        "newest arrival of 罕见": lambda: store.newest_arrival(RecordQuery(text="罕见")),
    }  # fmt: skip


def _deep(store: SqliteStore, text: str, pages: int) -> str | None:
    before = None
    for _ in range(pages):
        before = store.page(RecordQuery(text=text, before=before)).next
    return before


def timed(work: Callable[[], object]) -> tuple[float, int]:
    """Return the median of the milliseconds it takes, and how many records it gives."""
    took, given = [], 0
    for _ in range(ROUNDS):
        began = time.perf_counter()
        result = work()
        took.append(1000 * (time.perf_counter() - began))
        given = len(getattr(result, "records", ()))
        if sum(took) > 20_000:
            break
    return median(took), given


def sizes(folder: Path) -> dict[str, float]:
    """Return megabytes by table, where SQLite can tell."""
    with closing(sqlite3.connect(f"file:{folder / 'aggregator.db'}?mode=ro", uri=True)) as connection:
        try:
            found = connection.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name").fetchall()
        except sqlite3.OperationalError:
            return {"all": (folder / "aggregator.db").stat().st_size / 1e6}
    told = {"records": 0.0, "bodies": 0.0, "texts for search": 0.0, "search index": 0.0}
    for name, size in found:
        part = "texts for search" if name == "search_texts" else "search index" if name.startswith("search_") else name
        if part in told:
            told[part] += size / 1e6
    return told


def main() -> None:
    """Print what each question takes."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    count = int(sys.argv[2]) if len(sys.argv) > 2 else RECORDS
    if not (folder / "aggregator.db").exists():
        for name, figure in make(folder, count).items():
            print(f"{name:44}{figure:12,.0f}", flush=True)
    for name, size in sizes(folder).items():
        print(f"{f'{name}, MB':44}{size:12,.0f}")
    with closing(SqliteStore.open_readonly(folder)) as store:
        for name, work in questions(store).items():
            took, given = timed(work)
            print(f"{name:44}{took:12.2f} ms{given:6}", flush=True)


if __name__ == "__main__":
    main()
