"""Undoes content-codings in pieces of bounded size, so that a bomb is seen before it is held."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator

PIECE = 64 * 1024
"""No piece is larger, however far the data expand."""
MEMBERS = 10_000
"""Gzip members in one body; each costs us some work even where it is empty."""

_GZIP_MAGIC = b"\x1f\x8b"
_GZIP, _ZLIB, _RAW = 31, 15, -15
"""Window sizes as zlib takes them: they also say which header is expected."""
_TELLING = 16
_TEXT = re.compile(rb"\xff\xfe|\xfe\xff|(?:\xef\xbb\xbf)?\s*(?:<\?xml|<!|<[a-zA-Z][a-zA-Z:]{2}|\{\s*\"|\[\s*\{)")
_REFUSED = frozenset({"br", "zstd", "compress", "x-compress", "dcb", "dcz"})
_GZIP_NAMES = frozenset({"gzip", "x-gzip"})


class CodingError(Exception):
    """The content-coding is one that was not offered, or its data are damaged; the message says which."""


class Inflater:
    """
    Decodes one body by its Content-Encoding: gzip, x-gzip, deflate (zlib or raw), or what its first bytes show.

    Data that begin with gzip's magic are gzip whatever the header says; data under `gzip` or an unknown coding that
    do not are plain. br, zstd, compress and stacked codings were not offered and raise CodingError.
    docs/etiquette.md, rule 53.
    """

    def __init__(self, content_encoding: str) -> None:
        names = [name for part in content_encoding.lower().split(",") if (name := part.strip()) not in {"", "identity"}]
        if len(names) > 1:
            raise CodingError(f"the body is coded {len(names)} times over, which was not offered")
        self._name = names[0] if names else ""
        if self._name in _REFUSED:
            raise CodingError(f"the body is coded as {self._name}, which was not offered")
        self._first = b""
        self._decoder: _Plain | _Members | _Deflate | None = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what the data decode to, in pieces of at most 64 KiB; to be exhausted before the next call."""
        if self._decoder is None:
            self._first += data
            if len(self._first) < len(_GZIP_MAGIC):
                return
            self._decoder = self._chosen(self._first)
            data, self._first = self._first, b""
        yield from self._decoder.feed(data)

    def finish(self) -> Iterator[bytes]:
        """Yield what was kept back until the end was known."""
        if self._decoder is None:
            self._decoder = _Plain()
            yield from self._decoder.feed(self._first)
        yield from self._decoder.finish()

    @property
    def complete(self) -> bool:
        """True where the data came to the end that their coding marks; plain data have none."""
        return self._decoder is None or self._decoder.complete

    @property
    def name(self) -> str:
        """What the data are coded as, for messages."""
        return "gzip" if isinstance(self._decoder, _Members) else self._name or "plain"

    def _chosen(self, first: bytes) -> _Plain | _Members | _Deflate:
        if first.startswith(_GZIP_MAGIC):
            return _Members()
        if self._name == "deflate":
            return _Deflate()
        return _Plain()


class _Plain:
    """Bytes that are what they are."""

    complete = True

    def feed(self, data: bytes) -> Iterator[bytes]:
        for start in range(0, len(data), PIECE):
            yield data[start : start + PIECE]

    def finish(self) -> Iterator[bytes]:
        return iter(())


class _Members:
    """Gzip: one member after the other (RFC 1952 section 2.2); what follows the last one is padding."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(_GZIP)
        self._count = 1
        self._after = b""
        self._over = False

    @property
    def complete(self) -> bool:
        return self._member.eof

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data and not self._over:
            if self._member.eof:
                data = self._next_member(data)
                continue
            yield from _pieces(self._member, data, "gzip")
            data = self._member.unused_data if self._member.eof else b""

    def finish(self) -> Iterator[bytes]:
        return iter(())

    def _next_member(self, data: bytes) -> bytes:
        data, self._after = self._after + data, b""
        if len(data) < len(_GZIP_MAGIC):
            self._after = data
            return b""
        if not data.startswith(_GZIP_MAGIC):
            self._over = True
            return b""
        self._count += 1
        if self._count > MEMBERS:
            raise CodingError(f"the gzip data have more than {MEMBERS} members")
        self._member = zlib.decompressobj(_GZIP)
        return data


class _Deflate:
    """What servers send as `deflate`: zlib as specified (RFC 9110 section 8.4.1.2), raw deflate, or nothing of either."""

    def __init__(self) -> None:
        self._first: bytes | None = b""  # kept until there is enough to choose by
        self._stream: zlib._Decompress | None = None  # None: plain

    @property
    def complete(self) -> bool:
        return self._stream is None or self._stream.eof

    def feed(self, data: bytes) -> Iterator[bytes]:
        if self._first is not None:
            self._first += data
            if len(self._first) < _TELLING:
                return
            data = self._choose()
        yield from self._decoded(data)

    def finish(self) -> Iterator[bytes]:
        if self._first is not None:
            yield from self._decoded(self._choose())

    def _choose(self) -> bytes:
        """Choose a stream by the first bytes, and return them."""
        first, self._first = self._first or b"", None
        if _looks_like_text(first):
            return first
        if first[0] & 0x0F == 8 and int.from_bytes(first[:2], "big") % 31 == 0:  # RFC 1950 section 2.2
            self._stream = zlib.decompressobj(_ZLIB)
        else:
            self._stream = zlib.decompressobj(_RAW)
        return first

    def _decoded(self, data: bytes) -> Iterator[bytes]:
        if self._stream is None:
            yield from _Plain().feed(data)
        elif not self._stream.eof:
            yield from _pieces(self._stream, data, "deflate")


def _pieces(stream: zlib._Decompress, data: bytes, name: str) -> Iterator[bytes]:
    """Yield what the data inflate to, in pieces of at most PIECE bytes, until they are used up or the stream ends."""
    while True:
        try:
            piece = stream.decompress(data, PIECE)
        except zlib.error as error:
            raise CodingError(f"the {name} data are damaged") from error
        if piece:
            yield piece
        data = stream.unconsumed_tail
        if stream.eof or not (data or len(piece) == PIECE):  # a full piece may leave more inside zlib
            return


def _looks_like_text(data: bytes) -> bool:
    """Return whether the data begin as an XML, HTML or JSON document does; no deflate stream of use looks so."""
    return _TEXT.match(data) is not None
