"""lemon24/reader, driven as its documentation says: add the feeds once, then update them with ten workers."""

from __future__ import annotations

import sys

from reader import make_reader


def main(work: str, port: str, count: str) -> None:
    """`add` the feeds, `update` them, or do `nothing`."""
    reader = make_reader("reader.sqlite")
    if work == "add":
        for number in range(int(count)):
            reader.add_feed(f"http://127.0.0.1:{port}/f/{number}.xml", exist_ok=True)
    elif work == "update":
        reader.update_feeds(scheduled=False, workers=10)
    print(reader.get_entry_counts().total)


if __name__ == "__main__":
    main(*sys.argv[1:])
