"""
A thousand feeds on loopback, of our own texts in the shape of real ones: RSS and Atom, a third of it Chinese.

As in the median of 316 real feeds an entry has ten elements and a body of eight tags, and a feed 30 KB; as in a third of them,
a third has a summary beside the body.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import sys
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from xml.sax.saxutils import escape

FEEDS = 1000
ENTRIES = 20
CHANGED = 10
NEW = 2
BEGAN = datetime(2026, 3, 1, tzinfo=UTC)

WORDS = [
    "a",
    "quiet",
    "harbour",
    "keeps",
    "its",
    "lights",
    "low",
    "while",
    "the",
    "ferries",
    "wait",
    "for",
    "the",
    "tide",
    "to",
    "turn",
    "and",
    "somebody",
    "counts",
    "crates",
    "by",
    "hand",
    "because",
    "the",
    "scale",
    "broke",
    "in",
    "spring",
    "and",
    "nobody",
    "found",
    "the",
    "part",
    "that",
    "would",
    "make",
    "it",
    "weigh",
    "again",
]
HANZI = "产品经理在清晨写下第一行需求然后喝茶看云等待用户回来把同一件事做完并说一声谢谢城市数据设计研究方法团队时间"


class Farm:
    """Writes every feed's bytes; a generation later, ten feeds have two new entries each."""

    def __init__(self) -> None:
        self.generation = 0
        self._kept: dict[tuple[int, int], tuple[bytes, bytes]] = {}

    def answer(self, path: str, asked_tag: bytes | None) -> bytes:
        """Return the whole HTTP answer for a feed's path, `/f/17.xml`."""
        number = int(path.removeprefix("/f/").removesuffix(".xml"))
        generation = self.generation if number < CHANGED else 0
        tag, body = self._feed(number, generation)
        if asked_tag == tag:
            return b"HTTP/1.1 304 Not Modified\r\nETag: " + tag + b"\r\nConnection: close\r\n\r\n"
        return (
            b"HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nETag: "
            + tag
            + f"\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
            + body
        )

    def _feed(self, number: int, generation: int) -> tuple[bytes, bytes]:
        if (number, generation) not in self._kept:
            body = feed_bytes(number, ENTRIES + NEW * generation)
            self._kept[number, generation] = f'"{hashlib.sha256(body).hexdigest()[:20]}"'.encode(), body
        return self._kept[number, generation]


def feed_bytes(number: int, entries: int) -> bytes:
    """Return the feed, newest entry first, never more than twenty at once."""
    write = _atom if number % 3 == 0 else _rss
    listed = range(entries - 1, max(-1, entries - ENTRIES - 1), -1)
    return write(number, [_entry(number, n) for n in listed]).encode()


@dataclass(frozen=True, slots=True)
class Item:
    """An entry, before it is written as RSS or Atom."""

    title: str
    link: str
    summary: str
    html: str
    tags: tuple[str, str]
    at: datetime


def _entry(number: int, n: int) -> Item:
    dice = random.Random(number * 1000 + n)
    chinese = number % 3 == 1

    def sentence(size: int) -> str:
        if chinese:
            return "".join(dice.choice(HANZI) for _ in range(size)) + "。"
        return " ".join(dice.choice(WORDS) for _ in range(size // 2)).capitalize() + "."

    picture = f'<p><img src="https://img.example/{number}/{n}.jpg" alt="" width="640"></p>' if n % 3 == 0 else ""
    link = f"<a href='https://site{number}.example/{n}'>{sentence(6)}</a>"
    html = (
        f"{picture}<p>{sentence(160)} {link}</p><p>{sentence(100)} <strong>{sentence(6)}</strong><br>{sentence(60)}</p>"
        f"<ul><li>{sentence(10)}</li><li>{sentence(10)}</li></ul>"
    )
    return Item(
        title=sentence(14),
        link=f"https://site{number}.example/entry/{n}?from=rss&n={n}",
        summary=sentence(30) if number % 6 < 2 else "",
        html=html,
        tags=(sentence(2), sentence(4)),
        at=BEGAN - timedelta(days=number % 7) + timedelta(hours=n),
    )


def _rss(number: int, entries: list[Item]) -> str:
    items = "".join(
        f"<item><title>{escape(e.title)}</title><link>{escape(e.link)}</link><dc:creator><![CDATA[N. N.]]></dc:creator>"
        f"<guid isPermaLink='false'>{number}-{escape(e.link)}</guid>"
        f"<pubDate>{format_datetime(e.at, usegmt=True)}</pubDate><comments>{escape(e.link)}#respond</comments>"
        + "".join(f"<category><![CDATA[{tag}]]></category>" for tag in e.tags)
        + (f"<description>{escape(e.summary)}</description>" if e.summary else "")
        + (f"<content:encoded><![CDATA[{e.html}]]></content:encoded>" if e.summary else "")
        + ("" if e.summary else f"<description>{escape(e.html)}</description>")
        + "</item>"
        for e in entries
    )
    return (
        "<?xml version='1.0' encoding='utf-8'?><rss version='2.0' xmlns:dc='http://purl.org/dc/elements/1.1/' "
        "xmlns:content='http://purl.org/rss/1.0/modules/content/'><channel>"
        f"<title>Site {number}</title><link>https://site{number}.example/</link><description>d</description>{items}</channel></rss>"
    )


def _atom(number: int, entries: list[Item]) -> str:
    items = "".join(
        f"<entry><id>https://site{number}.example/id/{e.at:%Y%m%d%H}</id><title>{escape(e.title)}</title><link href='{escape(e.link)}'/>"
        f"<published>{e.at.isoformat()}</published><updated>{e.at.isoformat()}</updated><author><name>N. N.</name></author>"
        + "".join(f"<category term='{tag}'/>" for tag in e.tags)
        + (f"<summary>{escape(e.summary)}</summary>" if e.summary else "")
        + f"<content type='html'>{escape(e.html)}</content></entry>"
        for e in entries
    )
    return (
        "<?xml version='1.0' encoding='utf-8'?><feed xmlns='http://www.w3.org/2005/Atom'>"
        f"<id>https://site{number}.example/</id><title>Site {number}</title><updated>{entries[0].at.isoformat()}</updated>{items}</feed>"
    )


async def serve() -> None:
    """Serve on a free port of 127.0.0.1, which is printed first; `/generation/1` sets the generation."""
    farm = Farm()
    for number in range(FEEDS):  # written before anybody is measured
        for generation in (0, 1) if number < CHANGED else (0,):
            farm.generation = generation
            farm.answer(f"/f/{number}.xml", None)
    farm.generation = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            lines = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
            path = lines[0].split()[1].decode()
            tag = next(
                (line.split(b":", 1)[1].strip() for line in lines if line.lower().startswith(b"if-none-match:")), None
            )
            if path.startswith("/generation/"):
                farm.generation = int(path.rpartition("/")[2])
                writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
            else:
                writer.write(farm.answer(path, tag))
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # who is measured may leave when it likes
        finally:
            writer.close()

    threading.Thread(target=_end_with_stdin, daemon=True).start()
    server = await asyncio.start_server(handle, "127.0.0.1", 0, backlog=256)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


def _end_with_stdin() -> None:
    """End when whoever started us has ended, however that came."""
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    sys.exit(asyncio.run(serve()))
