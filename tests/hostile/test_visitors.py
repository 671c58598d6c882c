"""A visitor who means no good: other hosts, other files, half requests, many connections, dear questions."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from hostile.watching import family, pss, timed
from plugins.daemons import Running, rss
from plugins.served_corpus import Home, Shelf

pytestmark = pytest.mark.timeout(120)
BASE = "https://news.example.org/"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    shelf = Shelf({"/a": rss(*map(str, range(60)), title="<b>产品</b>")})
    home = Home(tmp_path_factory.mktemp("visited") / "home", shelf, {"a": "/a"})
    try:
        assert home.run("poll", "--all").returncode == 0
        command = [sys.executable, "-m", "aggregator", "-c", str(home.config), "serve"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=home.folder)
        with Running(process) as one:
            assert one.base
            yield one
            assert process.poll() is None
            assert "Traceback" not in "".join(one.log)
    finally:
        shelf.close()


def place(running: Running) -> tuple[str, int]:
    host, _, port = running.base.removeprefix("http://").rstrip("/").rpartition(":")
    return host, int(port)


def said(running: Running, raw: bytes, seconds: float = 10) -> bytes:
    """Send the bytes; return all that comes until the server hangs up or falls silent."""
    got = b""
    with socket.create_connection(place(running), timeout=seconds) as sock, contextlib.suppress(OSError):
        sock.sendall(raw)
        while piece := sock.recv(65536):
            got += piece
    return got


def get(target: str, *headers: str) -> bytes:
    return "\r\n".join([f"GET {target} HTTP/1.1", "Host: x", "Connection: close", *headers, "", ""]).encode(
        "utf-8", "surrogateescape"
    )


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0


@pytest.mark.parametrize(
    "path", ["/", "/feed.atom", "/feed.rss", "/feed.json", "/sources.json", "/opml", "/robots.txt", "/view/none"]
)
@pytest.mark.parametrize(
    "headers",
    [
        ("Host: evil.example",), ("Host: evil.example:81", "X-Forwarded-Host: evil.example"), ("Host: x", "Forwarded: host=evil.example;proto=gopher"),
        ("Host: x", "X-Forwarded-Proto: javascript", "X-Forwarded-Prefix: //evil.example"), ("Host: x", "X-Original-URL: /evil.example", "X-Rewrite-URL: /evil.example"), ("Host: x", "Origin: https://evil.example", "Referer: https://evil.example/"),
        ('Host: "><script>evil.example</script>',), ("Host: evil.example\t",),
    ],
)  # fmt: skip
def test_no_header_of_a_visitor_gets_into_an_answer(running: Running, path: str, headers: tuple[str, ...]) -> None:
    answer = said(running, "\r\n".join([f"GET {path} HTTP/1.1", *headers, "Connection: close", "", ""]).encode())

    assert status(answer) in {200, 400, 404}
    assert b"evil.example" not in answer
    assert b"Access-Control-Allow-Origin: https://evil" not in answer


def test_an_absolute_target_names_no_other_host(running: Running) -> None:
    answer = said(
        running, b"GET http://evil.example/feed.atom HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
    )

    assert status(answer) == 404
    assert b"content-type: text/plain" in answer


CLIMBS = [
    "/static/../../feeds.yaml", "/static/x/../../../feeds.yaml", "/static/%2e%2e/%2e%2e/feeds.yaml", "/static/x/%2e%2e%2f%2e%2e%2ffeeds.yaml", "/static/x/..%5c..%5cfeeds.yaml", "/static//etc/passwd", "/static/x//etc/passwd", "/static/x/%2fetc%2fpasswd",
    "/static/x/site.css%00.js", "/static/x/....//....//etc/passwd", "/static/x/..;/feeds.yaml", "/static/x/%c0%ae%c0%ae/feeds.yaml", "/static/x/%252e%252e%252ffeeds.yaml", "/static/x/__init__.py", "/static/%00/%00", "//etc/passwd", "/../feeds.yaml", "/./././../data/aggregator.db",
    "/entry/../../feeds.yaml.md", "/entry/..%2f..%2ffeeds.md", "/entry/%2fetc%2fpasswd.md", "/entry/%00.md", "/entry/a'%20OR%201=1--.md", "/entry/*.md", "/entry/%25.md", "/entry/" + "a" * 3000 + ".md", "/entry/%f0%9f%98%80.md", "/entry/%ff%fe.md",
    "/source/../../feeds.atom", "/source/..%2f..%2fx.atom", "/source/a'%22%3E%3Cscript%3E/status", "/source/%00/status", "/source/" + "b" * 3000 + ".rss", "/source/a%0d%0aX-Injected:1.atom", "/view/../../x", "/view/%3Cscript%3Ealert(1)%3C/script%3E", "/feed/..%2f..%2fx.atom", "/feed/%00.json", "/feed/%3Cscript%3E.atom",
    "/feed/archive/../../x/0-1.atom", "/feed/archive/x/-1-99999999999999999999.atom", "/api/v1/../../feeds.yaml", "/data/aggregator.db", "/feeds.yaml", "/.git/config", "/.env", "/proc/self/environ", "/server-status",
]  # fmt: skip


@pytest.mark.parametrize("path", CLIMBS)
def test_no_path_leads_to_a_file(running: Running, path: str) -> None:
    answer = said(running, get(path))

    assert status(answer) in {301, 302, 307, 308, 400, 404, 410, 414}, answer[:300]
    assert b"root:" not in answer
    assert b"version" not in answer.partition(b"\r\n\r\n")[2][:40]
    assert b"<script>" not in answer or b"content-type: text/plain" in answer
    assert b"\r\nX-Injected" not in answer


DEAR = [
    "/?q=" + "a%20" * 2000, "/?q=" + "%22" * 500, "/?q=" + "(" * 3000, "/?q=" + "a*%20OR%20" * 300, "/?q=NEAR(" + "a%20" * 300 + ",100)", "/?q=%00", "/?q=%ff%fe", "/?q=" + "%E4%BA%A7" * 1000, "/?q='%20OR%201=1;--", "/?q=a:b:c%20^x%20-y%20+z",
    "/?page=99999999999999999999", "/?page=-1", "/?page=1e9", "/?before=99999999999999999999", "/?before=%00", "/?limit=1000000", "/feed.atom?limit=99999999999999999999999", "/feed.atom?limit=-5", "/feed.atom?limit=abc", "/feed.atom?limit=%E5%85%AD", "/feed.json?limit=1&limit=2&limit=3",
    "/?source=" + "a" * 5000, "/?source=a&source=b", "/?category=%3Cscript%3E", "/?" + "&".join(f"x{n}=1" for n in range(3000)), "/feed.atom?q=" + "%28" * 1000, "/sources.json?x=" + "y" * 20_000, "/api/v1/entries?limit=999999999&q=" + "a*" * 500, "/api/v1/entries?after=%00&before=%ff",
]  # fmt: skip


@pytest.mark.parametrize("target", DEAR, ids=range(len(DEAR)))
def test_no_question_is_dear(running: Running, target: str) -> None:
    began = time.monotonic()

    answer = said(running, get(target))

    assert status(answer) in {200, 301, 302, 303, 307, 308, 400, 404, 414, 422, 431, 0}, answer[:300]
    assert b"Traceback" not in answer
    assert time.monotonic() - began < 3


METHODS = [
    "POST",
    "PUT",
    "DELETE",
    "PATCH",
    "OPTIONS",
    "TRACE",
    "CONNECT",
    "PROPFIND",
    "PURGE",
    "BREW",
    "get",
    "G" * 5000,
]


@pytest.mark.parametrize("method", METHODS)
def test_nothing_but_reading_is_done(running: Running, method: str) -> None:
    for path in ("/", "/feed.atom", "/sources.json", "/opml"):
        answer = said(
            running,
            f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nConnection: close\r\n\r\na=b".encode(),
        )

        assert status(answer) in {400, 404, 405, 501, 0}, answer[:200]


RAW = [
    b"\x00" * 10_000, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 100, b"GET / HTTP/9.9\r\n\r\n", b"GET /\r\n\r\n", b"GET  / HTTP/1.1\r\n\r\n", b"\r\n" * 5000, b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 50_000, b"GET / HTTP/1.1\r\nX: " + b"y" * 500_000,
    b"GET /" + b"a" * 500_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /evil HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n", b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nRange: bytes=" + b"0-1," * 5000 + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nIf-None-Match: " + b'"a",' * 5000 + b"\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nAccept-Language: " + b"a;q=0," * 5000 + b"\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nCookie: " + b"a=b;" * 5000 + b"\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 99999999\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nIf-Modified-Since: " + b"9" * 9000 + b"\r\n\r\n",
]  # fmt: skip


@pytest.mark.parametrize("raw", RAW, ids=range(len(RAW)))
def test_no_request_whatever_it_is_disturbs_the_next(running: Running, raw: bytes) -> None:
    said(running, raw, 0.3)

    assert running.get("/healthz")[0] == 200


def test_requests_on_end_are_answered_in_their_order(running: Running) -> None:
    answer = said(running, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 200 + get("/robots.txt"))

    assert answer.count(b"HTTP/1.1 200") == 201
    assert answer.rfind(b"User-agent") > answer.rfind(b"HTTP/1.1 200")


def test_a_crowd_that_says_nothing_keeps_nobody_out(running: Running) -> None:
    crowd = []
    before = pss(running.process.pid)
    for number in range(200):
        sock = socket.create_connection(place(running), timeout=5)
        sock.sendall([b"", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ", b"GET"][number % 3])
        crowd.append(sock)
    began = time.monotonic()

    answer = running.get("/feed.atom")

    took = time.monotonic() - began
    for sock in crowd:
        sock.close()
    assert answer[0] == 200
    assert took < 3
    assert sum(pss(pid) for pid in family(running.process.pid)) < before + 60


def test_readers_who_never_read_hold_no_copies(running: Running) -> None:
    before = pss(running.process.pid)
    crowd = []
    for _ in range(100):
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        sock.connect(place(running))
        sock.sendall(b"GET /feed.atom HTTP/1.1\r\nHost: x\r\n\r\n" * 20)
        crowd.append(sock)
    time.sleep(0.5)

    served = timed(f"{running.base}feed.atom")

    grown = pss(running.process.pid) - before
    for sock in crowd:
        sock.close()
    assert served < 3
    assert grown < 60


def test_many_askers_at_once_are_all_answered(running: Running) -> None:
    answers: list[int] = []

    def ask() -> None:
        paths = ("/", "/feed.atom", "/?q=title", "/feed.json?limit=500", "/sources.json")
        answers.extend(running.get(path)[0] for path in paths)

    askers = [threading.Thread(target=ask) for _ in range(20)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join(60)

    assert answers == [200] * 100


def test_links_are_those_of_feeds_yaml_alone(running: Running) -> None:
    feed = json.loads(running.get("/feed.json", Host="evil.example")[2])

    assert feed["feed_url"].startswith(BASE)
