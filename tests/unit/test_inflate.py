"""Content-codings are undone in bounded pieces, by what the bytes are rather than by what the header says."""

from __future__ import annotations

import gzip
import zlib

import pytest

from aggregator.inflate import MEMBERS, PIECE, CodingError, Inflater

TEXT = "<?xml version='1.0'?><rss><channel><title>早读 & late</title></channel></rss>".encode() * 40


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def decode(coding: str, *chunks: bytes) -> tuple[bytes, bool]:
    inflater = Inflater(coding)
    pieces = [piece for chunk in chunks for piece in inflater.feed(chunk)]
    pieces += inflater.finish()
    return b"".join(pieces), inflater.complete


@pytest.mark.parametrize(
    ("coding", "data"),
    [
        pytest.param("", TEXT, id="no coding, plain"),
        pytest.param("identity", TEXT, id="identity"),
        pytest.param("gzip", gzip.compress(TEXT), id="gzip"),
        pytest.param("GZip", gzip.compress(TEXT), id="gzip in odd case"),
        pytest.param("x-gzip", gzip.compress(TEXT), id="x-gzip"),
        pytest.param("gzip, identity", gzip.compress(TEXT), id="gzip and identity"),
        pytest.param("deflate", zlib.compress(TEXT), id="zlib deflate"),
        pytest.param("deflate", raw_deflate(TEXT), id="raw deflate"),
        pytest.param("gzip", TEXT, id="gzip said, plain sent"),
        pytest.param("deflate", TEXT, id="deflate said, plain sent"),
        pytest.param("deflate", b"\xef\xbb\xbf" + TEXT, id="deflate said, plain sent with a BOM"),
        pytest.param("deflate", gzip.compress(TEXT), id="deflate said, gzip sent"),
        pytest.param("utf-8", TEXT, id="a charset for a coding"),
        pytest.param("utf-8", gzip.compress(TEXT), id="a charset for a coding, gzip sent"),
        pytest.param("", gzip.compress(TEXT), id="nothing said, gzip sent"),
        pytest.param("gzip", gzip.compress(TEXT[:99]) + gzip.compress(TEXT[99:]), id="two members"),
        pytest.param("gzip", gzip.compress(TEXT) + b"\0" * 512, id="padding after gzip"),
        pytest.param("deflate", zlib.compress(TEXT) + b"\r\n", id="padding after deflate"),
    ],
)
@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_a_body_is_decoded_however_it_is_cut(coding: str, data: bytes, size: int) -> None:
    chunks = [data[start : start + size] for start in range(0, len(data), size)]

    body, complete = decode(coding, *chunks)

    assert body.removeprefix(b"\xef\xbb\xbf") == TEXT
    assert complete


@pytest.mark.parametrize(
    "coding", ["br", "zstd", "compress", "x-compress", "dcb", "gzip, gzip", "br, gzip", "gzip,gzip,gzip"]
)
def test_a_coding_that_was_not_offered_is_refused_unread(coding: str) -> None:
    with pytest.raises(CodingError, match="not offered"):
        Inflater(coding)


@pytest.mark.parametrize(
    ("coding", "data"),
    [
        pytest.param("gzip", gzip.compress(TEXT), id="gzip"),
        pytest.param("gzip", gzip.compress(TEXT) * 2, id="second member"),
        pytest.param("deflate", zlib.compress(TEXT), id="zlib"),
        pytest.param("deflate", raw_deflate(TEXT), id="raw deflate"),
    ],
)
@pytest.mark.parametrize("missing", [1, 5, 60])
def test_data_that_end_early_are_told_from_whole_ones(coding: str, data: bytes, missing: int) -> None:
    body, complete = decode(coding, data[:-missing])

    assert not complete
    assert (TEXT * 2).startswith(body)


def test_damaged_data_are_an_error() -> None:
    good = bytearray(gzip.compress(TEXT))
    good[-8:-4] = b"\0\0\0\0"

    with pytest.raises(CodingError, match="the gzip data are damaged"):
        decode("gzip", bytes(good))


def test_noise_under_deflate_is_an_error() -> None:
    with pytest.raises(CodingError, match="the deflate data are damaged"):
        decode("deflate", b"\xf7\xfe\xfd\xfc" * 10)


def test_a_bomb_comes_in_small_pieces() -> None:
    bomb = gzip.compress(b"\0" * 20_000_000)
    inflater = Inflater("gzip")

    pieces = [len(piece) for piece in inflater.feed(bomb)]

    assert max(pieces) <= PIECE
    assert sum(pieces) == 20_000_000


def test_a_flood_of_empty_members_is_given_up() -> None:
    flood = gzip.compress(b"") * (MEMBERS + 1)

    with pytest.raises(CodingError, match="more than 10000 members"):
        decode("gzip", flood)


def test_an_empty_body_is_empty_and_whole() -> None:
    assert decode("gzip") == (b"", True)
    assert decode("gzip", b"\x1f") == (b"\x1f", True)
