"""Bodies over real sockets: codings, truncation, drips. Bombs and endless ones: tests/simulator/test_wire.py."""

from __future__ import annotations

import gzip
import time
import zlib

import pytest

from aggregator.download import Limits
from aggregator.outcomes import FailureKind
from plugins.asking import asked_whole, refusal
from plugins.publisher import Asked, Publisher, Wire, chunked, reply
from storage.states import Validators

FEED = "<?xml version='1.0'?><rss><channel><title>早读</title></channel></rss>".encode() * 50
NOTHING_KNOWN = Validators()


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    ("coding", "data"),
    [
        pytest.param("gzip", gzip.compress(FEED), id="gzip"),
        pytest.param("x-gzip", gzip.compress(FEED), id="x-gzip"),
        pytest.param("deflate", zlib.compress(FEED), id="zlib"),
        pytest.param("deflate", raw_deflate(FEED), id="raw deflate"),
        pytest.param("gzip", FEED, id="gzip said, plain sent"),
        pytest.param("utf-8", FEED, id="an unknown coding"),
        pytest.param("identity", gzip.compress(FEED), id="gzip sent, not said"),
    ],
)
def test_a_body_is_decoded_with_one_request(publisher: Publisher, coding: str, data: bytes) -> None:
    answer = asked_whole(publisher.plays("/feed", reply("200 OK", data, f"Content-Encoding: {coding}")))

    assert answer.body == FEED
    assert answer.truncated is None
    assert len(publisher.asked) == 1


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "gzip, gzip, gzip, gzip, gzip"])
def test_a_coding_that_was_not_offered_is_an_error(publisher: Publisher, coding: str) -> None:
    error = refusal(publisher.plays("/feed", reply("200 OK", FEED, f"Content-Encoding: {coding}")))

    assert error.kind is FailureKind.PROTOCOL
    assert "not offered" in error.detail
    assert len(publisher.asked) == 1


def test_a_chunked_body_is_read(publisher: Publisher) -> None:
    head = reply("200 OK", b"", "Transfer-Encoding: chunked", length=False)

    assert asked_whole(publisher.plays("/feed", head + chunked(FEED[:10], FEED[10:]))).body == FEED


def test_a_body_without_a_length_ends_with_the_connection(publisher: Publisher) -> None:
    answer = asked_whole(publisher.plays("/feed", b"HTTP/1.0 200 OK\r\nServer: old\r\n\r\n" + FEED))

    assert answer.body == FEED
    assert answer.truncated is None


def test_an_early_hint_is_passed_over(publisher: Publisher) -> None:
    hint = b"HTTP/1.1 103 Early Hints\r\nLink: </s.css>\r\n\r\n"

    assert asked_whole(publisher.plays("/feed", hint + reply("200 OK", FEED))).body == FEED


PACKED = gzip.compress(FEED)
CHUNKS = reply("200 OK", b"", "Transfer-Encoding: chunked", 'ETag: "new"', length=False)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        pytest.param(reply("200 OK", FEED, 'ETag: "new"')[:-100], "the connection ended within the body", id="length"),
        pytest.param(CHUNKS + chunked(FEED, last=False), "the connection ended within the body", id="no last chunk"),
        pytest.param(CHUNKS + chunked(FEED)[:-100], "the connection ended within the body", id="within a chunk"),
        pytest.param(
            reply("200 OK", PACKED[:-30], 'ETag: "new"', "Content-Encoding: gzip"), "the gzip data end early", id="gzip"
        ),
        pytest.param(
            reply("200 OK", PACKED, 'ETag: "new"', "Content-Encoding: gzip")[:-30],
            "the connection ended within the body",
            id="gzip and length",
        ),
    ],
)
def test_a_body_that_ends_early_is_told_and_keeps_the_old_validators(
    publisher: Publisher, answer: bytes, words: str
) -> None:
    url = publisher.plays("/feed", answer)
    old = Validators(b'"old"', b"yesterday", b"digest", url)

    fetched = asked_whole(url, old)

    assert fetched.truncated is not None
    assert words in fetched.truncated
    assert fetched.validators == old
    assert FEED.startswith(fetched.body)
    assert len(fetched.body) > 100


def test_a_reset_within_the_body_is_a_truncation(publisher: Publisher) -> None:
    def cut(wire: Wire, asked: Asked) -> None:
        wire.send(reply("200 OK", b"", "Content-Length: 9000", length=False) + FEED)
        wire.stopped.wait(0.2)  # what was sent is to arrive before the reset
        wire.reset()

    fetched = asked_whole(publisher.plays("/feed", cut))

    assert fetched.body == FEED
    assert fetched.truncated is not None


def test_headers_alone_are_no_body(publisher: Publisher) -> None:
    error = refusal(publisher.plays("/feed", reply("200 OK", b"", "Content-Length: 900", length=False)))

    assert error.kind is FailureKind.CONNECT
    assert error.status == 200


@pytest.mark.parametrize(
    "answer",
    [reply("200 OK"), reply("200 OK", b" \r\n\t "), reply("204 No Content", length=False), reply("205 Reset Content")],
)
def test_an_empty_answer_is_an_error(publisher: Publisher, answer: bytes) -> None:
    assert refusal(publisher.plays("/feed", answer)).kind is FailureKind.EMPTY


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n", id="another protocol"),
        pytest.param(b"<html>hello</html>", id="no head"),
        pytest.param(b"HTTP/1.1 two hundred\r\n\r\n", id="no status"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", id="two lengths"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello", id="negative length"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n", id="no chunk size"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000 + b"\r\n\r\n", id="a header of 200 KB"),
        pytest.param(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 20_000, id="a flood of hints"),
        pytest.param(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", id="an upgrade"),
        pytest.param(b"HTTP/1.1 200 OK\r\nServer: x", id="half a head"),
    ],
)
def test_what_is_not_http_is_an_error(publisher: Publisher, answer: bytes) -> None:
    error = refusal(publisher.plays("/feed", answer))

    assert error.kind is FailureKind.PROTOCOL
    assert len(error.detail) < 250
    assert "b'" not in error.detail


def test_damaged_gzip_is_an_error(publisher: Publisher) -> None:
    damaged = bytearray(PACKED)
    damaged[40:60] = b"\0" * 20

    error = refusal(publisher.plays("/feed", reply("200 OK", bytes(damaged), "Content-Encoding: gzip")))

    assert error.kind is FailureKind.PROTOCOL


def test_a_length_over_the_limit_is_refused_before_the_body(publisher: Publisher) -> None:
    def announce(wire: Wire, asked: Asked) -> None:
        wire.send(reply("200 OK", b"", "Content-Length: 11000000", "Retry-After: 60", length=False))
        wire.silence()

    error = refusal(publisher.plays("/feed", announce))

    assert error.kind is FailureKind.TOO_LARGE
    assert error.detail == "the body says that it has 10.5 MiB; at most 10 MiB are read (max_download)"
    assert error.headers["retry-after"] == "60"


def test_a_bomb_in_many_crumbs_does_not_hold_the_processor(publisher: Publisher) -> None:
    head = reply("200 OK", b"", "Transfer-Encoding: chunked", length=False)
    url = publisher.plays("/feed", head + b"1\r\nx\r\n" * 200_000)
    started = time.process_time()

    error = refusal(url)

    assert error.kind is FailureKind.PROTOCOL
    assert time.process_time() - started < 5


def test_a_drip_is_given_up_long_before_its_end(publisher: Publisher) -> None:
    def drip(wire: Wire, asked: Asked) -> None:
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        wire.drip(b"x" * 1000, every=0.02)

    error = refusal(publisher.plays("/feed", drip), limits=Limits(patience=0.3))

    assert error.kind is FailureKind.TIMEOUT
    assert error.detail.startswith("the body drips")


def test_a_slow_body_that_keeps_the_pace_is_read(publisher: Publisher) -> None:
    def slow(wire: Wire, asked: Asked) -> None:
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n")
        for _ in range(10):
            wire.send(b"x" * 50)
            wire.stopped.wait(0.03)

    assert len(asked_whole(publisher.plays("/feed", slow), limits=Limits(patience=0.1)).body) == 500


@pytest.mark.parametrize(
    "start",
    [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n<rss"],
    ids=["head", "headers", "body"],
)
def test_silence_ends_with_the_attempt(publisher: Publisher, start: bytes) -> None:
    def silent(wire: Wire, asked: Asked) -> None:
        wire.send(start)
        wire.silence()

    error = refusal(publisher.plays("/feed", silent), seconds=0.3)
    publisher.close()

    assert error.kind is FailureKind.TIMEOUT
    assert error.detail == "no complete answer within 0.3 s"


def test_headers_that_drip_end_with_the_attempt(publisher: Publisher) -> None:
    def drip(wire: Wire, asked: Asked) -> None:
        wire.drip(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000, every=0.02)

    error = refusal(publisher.plays("/feed", drip), seconds=0.5)

    assert error.kind is FailureKind.TIMEOUT
