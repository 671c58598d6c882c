"""A small publisher on loopback: RSS 2.0, Atom, JSON Feed, GBK, one slow, one failing, one that keeps growing."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from xml.sax.saxutils import escape

from aggregator.demo.texts import NEWEST, NOTEBOOK, PRODUCT, SLOW, TEA, TICKER, WALKS, Piece

EVERY = timedelta(seconds=7)
"""How often the growing feed gains an entry."""

SLOW_BY = 3.0
"""Seconds that the slow feed takes to answer."""

MOST = 40
"""Entries that the growing feed lists at once."""


class Publisher:
    """Serves the demo's feeds on a free port of 127.0.0.1, in a thread of its own."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._began = now().replace(microsecond=0)
        self._stopping = threading.Event()
        self._feeds: dict[str, tuple[str, Callable[[], bytes]]] = {
            "/product.xml": ("application/rss+xml", lambda: self._rss("产品小记", self._of_late(PRODUCT))),
            "/notebook.atom": (
                "application/atom+xml",
                lambda: self._atom("An engineer's notebook", self._of_late(NOTEBOOK)),
            ),
            "/walks.json": ("application/feed+json", lambda: self._json("Sound walks", self._of_late(WALKS))),
            "/tea.xml": ("application/rss+xml; charset=gbk", lambda: self._rss("茶与器", self._of_late(TEA), "gbk")),
            "/slow.xml": ("application/rss+xml", self._slow),
            "/ticker.xml": ("application/rss+xml", lambda: self._rss("Every few seconds", self._ticker())),
        }
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)

    @property
    def address(self) -> str:
        """`127.0.0.1:port`."""
        host, port = self._server.server_address[:2]
        return f"{host!s}:{port}"

    @property
    def base(self) -> str:
        """The URL of the site, with a `/` at its end."""
        return f"http://{self.address}/"

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def stop(self) -> None:
        """Serve no more; who waits for the slow feed is let go."""
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    # --- the feeds ---

    def _of_late(self, pieces: tuple[Piece, ...]) -> tuple[Piece, ...]:
        """Return the texts with the newest of all dated yesterday, so that the demo looks as a server of today does."""
        later = timedelta(days=(self._began.date() - NEWEST.date()).days - 1)
        return tuple(replace(piece, day=piece.day + later) for piece in pieces)

    def _slow(self) -> bytes:
        self._stopping.wait(SLOW_BY)
        return self._rss("Slow, but sound", self._of_late(SLOW))

    def _ticker(self) -> tuple[Piece, ...]:
        count = 1 + int((self._now() - self._began) / EVERY)
        pieces = []
        for number in range(max(0, count - MOST), count):
            title, html = TICKER[number % len(TICKER)]
            day = self._began + number * EVERY
            pieces.append(Piece(f"tick-{number}", f"{title} ({number + 1})", html, day, "The built-in publisher"))
        return tuple(reversed(pieces))

    def _rss(self, title: str, pieces: tuple[Piece, ...], encoding: str = "utf-8") -> bytes:
        items = "".join(
            f"<item><title>{escape(piece.title)}</title><link>{self.base}{piece.slug}</link>"
            f'<guid isPermaLink="false">{piece.slug}@demo.example</guid>'
            f"<description>{escape(piece.html.replace('{base}', self.base))}</description>"
            f"<pubDate>{format_datetime(piece.day, usegmt=True)}</pubDate></item>"
            for piece in pieces
        )
        return (
            f'<?xml version="1.0" encoding="{encoding}"?><rss version="2.0"><channel><title>{escape(title)}</title>'
            f"<link>{self.base}</link><description>{escape(title)}</description>{items}</channel></rss>"
        ).encode(encoding)

    def _atom(self, title: str, pieces: tuple[Piece, ...]) -> bytes:
        entries = "".join(
            f"<entry><id>tag:demo.example,2026:{piece.slug}</id><title>{escape(piece.title)}</title>"
            f'<link href="{self.base}{piece.slug}"/><author><name>{escape(piece.writer)}</name></author>'
            f"<published>{piece.day.isoformat()}</published><updated>{piece.day.isoformat()}</updated>"
            f'<content type="html">{escape(piece.html.replace("{base}", self.base))}</content></entry>'
            for piece in pieces
        )
        return (
            '<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom">'
            f"<title>{escape(title)}</title><id>tag:demo.example,2026:notebook</id>"
            f'<link href="{self.base}"/><updated>{pieces[0].day.isoformat()}</updated>{entries}</feed>'
        ).encode()

    def _json(self, title: str, pieces: tuple[Piece, ...]) -> bytes:
        items = [
            {
                "id": f"tag:demo.example,2026:{piece.slug}",
                "url": f"{self.base}{piece.slug}",
                "title": piece.title,
                "content_html": piece.html,
                "date_published": piece.day.isoformat(),
                "attachments": [
                    {
                        "url": f"{self.base}sounds/{piece.slug}.mp3",
                        "mime_type": "audio/mpeg",
                        "size_in_bytes": 4_800_000,
                        "duration_in_seconds": 240,
                    }
                ],
            }
            for piece in pieces
        ]
        feed = {
            "version": "https://jsonfeed.org/version/1.1",
            "title": title,
            "home_page_url": self.base,
            "items": items,
        }
        return json.dumps(feed, ensure_ascii=False).encode()

    # --- HTTP ---

    def _answer(self, path: str, asked_tag: str | None) -> tuple[int, dict[str, str], bytes]:
        if path.startswith("/pictures/"):
            return 200, {"Content-Type": "image/svg+xml"}, _picture(path)
        if path == "/failing.xml":
            return 500, {"Content-Type": "text/plain"}, b"this feed fails, so that you see how that looks\n"
        if path not in self._feeds:
            return 404, {"Content-Type": "text/plain"}, b"the built-in publisher has feeds only\n"
        media_type, write = self._feeds[path]
        body = write()
        tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        headers = {"Content-Type": media_type, "ETag": tag}
        return (304, headers, b"") if asked_tag == tag else (200, headers, body)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        answer = self._answer

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                status, headers, body = answer(self.path, self.headers.get("If-None-Match"))
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body)), "Connection": "close"}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                """Say nothing: the daemon's own log tells of each poll."""

        return Handler


def _picture(path: str) -> bytes:
    """Return a drawing whose colours follow from its address."""
    hue = int(hashlib.sha256(path.encode()).hexdigest()[:4], 16) % 360
    bars = "".join(
        f'<rect x="{60 + 180 * i}" y="{60 + 30 * i}" width="150" height="{220 - 40 * i}" rx="16" '
        f'fill="hsl({(hue + 40 * i) % 360} 60% {62 - 8 * i}%)"/>'
        for i in range(3)
    )
    ground = f'<rect width="640" height="320" fill="hsl({hue} 45% 92%)"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 320">{ground}{bars}</svg>'.encode()


def feeds_yaml(publisher: Publisher, listen: str) -> str:
    """Return the feeds.yaml of the demo; its intervals are seconds, as a publisher on loopback minds none."""
    base = publisher.base
    return f"""\
version: 1
server:
  listen: {listen}
  title: 合并订阅 · the demo's merged feed
storage:
  path: ./data
  records: ./data/records
polling:
  per_host: 8
  host_delay: 0s
  allow_private: ["{publisher.address}"]
defaults:
  every: 5s
sources:
  - {{id: product, name: 产品小记, url: "{base}product.xml", category: 新媒体, site: 产品小记, feed: 最新文章}}
  - {{id: notebook, name: An engineer's notebook, url: "{base}notebook.atom", category: Engineering, feed: Notes}}
  - {{id: walks, name: Sound walks, url: "{base}walks.json", category: Podcasts, feed: Walks}}
  - {{id: tea, name: 茶与器, url: "{base}tea.xml", category: 生活, site: 茶与器, feed: 随笔}}
  - {{id: ticker, name: Every few seconds, url: "{base}ticker.xml", category: Demo, feed: Ticker}}
  - {{id: slow, name: "Slow, but sound", url: "{base}slow.xml", category: Demo, feed: Slow}}
  - {{id: failing, name: A feed that fails, url: "{base}failing.xml", category: Demo, feed: Failing}}
"""
