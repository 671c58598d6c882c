"""Feeds, pages and codings that the cases send, made of the standard library alone."""

from __future__ import annotations

import gzip
import json
import struct
import zlib
from collections.abc import Iterator

from .values import Answer, Headers

XML = (b"Content-Type", b"application/rss+xml; charset=utf-8")


def rss(*guids: object, extra: str = "", inside: str = "") -> bytes:
    """Return an RSS document with a plain item for each guid; `extra` stands in the channel, `inside` in each item."""
    items = "".join(
        f"<item><title>Title {guid}</title><link>https://site.example/{guid}</link>"
        f"<guid isPermaLink='false'>{guid}</guid><description>Text of {guid}.</description>"
        f"<pubDate>Sun, 01 Mar 2026 00:00:00 GMT</pubDate>{inside}</item>"
        for guid in guids
    )
    names = "xmlns:sy='http://purl.org/rss/1.0/modules/syndication/' xmlns:atom='http://www.w3.org/2005/Atom'"
    head = f"<title>A feed of the suite</title><link>https://site.example/</link><description>d</description>{extra}"
    return f"<?xml version='1.0' encoding='utf-8'?><rss version='2.0' {names}><channel>{head}{items}</channel></rss>".encode()


def json_feed(*ids: object, **more: object) -> bytes:
    """Return a JSON Feed with a plain item for each id."""
    items = [{"id": str(id_), "title": f"Title {id_}", "content_text": f"Text of {id_}."} for id_ in ids]
    whole = {"version": "https://jsonfeed.org/version/1.1", "title": "A feed of the suite", "items": items, **more}
    return json.dumps(whole).encode()


def page(title: str, head: str = "") -> bytes:
    """Return an HTML page."""
    return f"<!doctype html><html><head><title>{title}</title>{head}</head><body><p>{title}</p></body></html>".encode()


def ok(body: bytes | None = None, *headers: tuple[bytes, bytes], wait: float = 0, within: float = 0) -> Answer:
    """Return a 200 with a feed; `wait` and `within` as in Answer."""
    own = () if any(name.lower() == b"content-type" for name, _ in headers) else (XML,)
    return Answer(200, (*own, *headers), rss("1", "2") if body is None else body, wait=wait, within=within)


def says(
    status: int, *headers: tuple[bytes, bytes], wait: float = 0, within: float = 0, whole_host: bool = False
) -> Answer:
    """Return an answer without a feed; a 304 is a good one."""
    good = status == 304
    return Answer(status, headers, b"", good=good, wait=wait, within=within, whole_host=whole_host)


def moves(status: int, to: str | bytes) -> Answer:
    """Return a redirect."""
    where = to if isinstance(to, bytes) else to.encode()
    return Answer(status, ((b"Location", where),), good=False)


def etag(value: str | bytes) -> tuple[bytes, bytes]:
    """Return the header; text is put between quotes."""
    return b"ETag", value if isinstance(value, bytes) else f'"{value}"'.encode()


def modified(value: bytes) -> tuple[bytes, bytes]:
    """Return the header, whatever it says."""
    return b"Last-Modified", value


def head(status: str, headers: Headers) -> bytes:
    """Return the first bytes of an answer, up to the empty line; `status` is `200 OK` or the like."""
    lines = [b"HTTP/1.1 " + status.encode(), *(name + b": " + value for name, value in headers)]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def gzipped(body: bytes) -> bytes:
    """Return the body in gzip."""
    return gzip.compress(body, mtime=0)


def raw_deflate(body: bytes) -> bytes:
    """Return the body as deflate without the zlib frame, as some servers send it."""
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


def brotli_stored(body: bytes) -> bytes:
    """Return the body as one uncompressed meta-block of brotli (RFC 7932, section 9.2), of at most 65,536 bytes."""
    # WBITS 16 is one bit 0; ISLAST 0; MNIBBLES 0 (four); MLEN - 1 in 16 bits; ISUNCOMPRESSED 1; then byte-aligned.
    bits = (len(body) - 1) << 4 | 1 << 20
    return bits.to_bytes(3, "little") + body + b"\x03"


def zstd_stored(body: bytes) -> bytes:
    """Return the body as one raw block of Zstandard (RFC 8878), of at most 128 KB."""
    # Frame header: single segment, content size in four bytes; block header: last, raw, its size.
    frame = b"\x28\xb5\x2f\xfd" + b"\xa0" + struct.pack("<I", len(body))
    return frame + (len(body) << 3 | 1).to_bytes(3, "little") + body


def swelling(parts: int, wbits: int) -> Iterator[bytes]:
    """Give a compressed feed piece by piece, each a kilobyte that unpacks to a megabyte of blanks."""
    packer = zlib.compressobj(9, wbits=wbits)
    yield packer.compress(rss("bomb").removesuffix(b"</channel></rss>")) + packer.flush(zlib.Z_SYNC_FLUSH)
    blanks = b" " * 1024 * 1024
    for _ in range(parts):
        yield packer.compress(blanks) + packer.flush(zlib.Z_SYNC_FLUSH)
    yield packer.compress(b"</channel></rss>") + packer.flush()
