"""The socket and the connections of the HTTP side, over real sockets on loopback."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from aggregator.daemon.connections import Connection, connection
from aggregator.daemon.serving import ListenError, WebServer, listening, web_server
from aggregator.health import Facts
from aggregator.model import Polling, Server, Settings, Storage
from aggregator.web.answer import PIECE, Answer
from storage.sqlite import SqliteStore

LARGE = bytes(range(256)) * 80_000


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer as the product does, with more than any buffer of the system holds."""
    await Answer(200, [], LARGE if scope["path"] == "/large" else b"ok")(scope, receive, send)


@asynccontextmanager
async def serving(
    http: type[Connection] = Connection, server: WebServer | None = None
) -> AsyncIterator[tuple[str, int]]:
    bound = listening(Server(listen="127.0.0.1:0"))
    server = server or WebServer(uvicorn.Config(app, http=http, log_config=None, lifespan="off"))
    task = asyncio.create_task(server.serve(sockets=[bound]))
    try:
        yield bound.getsockname()[:2]
    finally:
        server.should_exit = server.force_exit = True
        await task


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Connection, "patience", 0.2)


async def ended(reader: asyncio.StreamReader) -> bytes:
    """Return what still comes until the server hangs up."""
    try:
        return await asyncio.wait_for(reader.read(), 5)
    except ConnectionResetError:
        return b""


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize(
    "said",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ", id="half a request"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\nx", id="a body without an end"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET", id="a request and a half"),
    ],
)
async def test_who_does_not_come_to_the_end_of_a_request_is_let_go(said: bytes) -> None:
    async with serving() as place:
        reader, writer = await asyncio.open_connection(*place)
        writer.write(said)

        await ended(reader)

        writer.close()


@pytest.mark.usefixtures("hasty")
async def test_who_does_not_read_the_answer_is_let_go() -> None:
    async with serving() as place:
        with socket.create_connection(place) as client:
            client.sendall(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
            await asyncio.sleep(1.0)
            client.settimeout(5)
            got = await asyncio.to_thread(_all_of, client)

    assert got < len(LARGE)


def _all_of(client: socket.socket) -> int:
    got = 0
    try:
        while piece := client.recv(1 << 20):
            got += len(piece)
    except ConnectionResetError:
        pass
    return got


@pytest.mark.usefixtures("hasty")
async def test_who_reads_on_gets_the_whole_answer_however_long_it_takes() -> None:
    async with serving() as place:
        reader, writer = await asyncio.open_connection(*place, limit=64 * 1024)
        writer.write(b"GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        got = bytearray()
        while piece := await asyncio.wait_for(reader.read(1 << 18), 5):
            got += piece
            await asyncio.sleep(0.005)
        writer.close()

    assert bytes(got) == LARGE


async def test_more_connections_than_there_is_room_for_are_sent_away() -> None:
    async with serving(connection(3)) as place:
        held = [await asyncio.open_connection(*place) for _ in range(3)]
        reader, writer = await asyncio.open_connection(*place)

        assert await ended(reader) == b""

        held[0][1].write(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert (await ended(held[0][0])).endswith(b"ok")
        for _, one in [*held, (reader, writer)]:
            one.close()


@pytest.mark.parametrize("length", [0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 2 * PIECE + 7])
async def test_an_answer_of_any_length_is_sent_whole(length: int) -> None:
    body = LARGE[:length]
    sent: list[bytes] = []
    more: list[bool] = []

    async def send(message: dict[str, object]) -> None:
        if message["type"] == "http.response.body":
            sent.append(message["body"])  # type: ignore[arg-type]  # ASGI's messages are dicts of anything
            more.append(bool(message.get("more_body", False)))

    await Answer(200, [], body)({"type": "http", "method": "GET"}, None, send)  # type: ignore[arg-type]  # not received from

    assert b"".join(sent) == body
    assert max(map(len, sent)) <= PIECE
    assert more == [True] * (len(sent) - 1) + [False]


async def test_who_listens_to_what_happens_leaves_room_for_others_where_few_are_let_in(tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path)
    settings = Settings(Path("feeds.yaml"), Server(), Storage(Path()), Polling(), ())
    server = web_server(store, lambda: settings, lambda: Facts(polls=False), most=12)
    answers, writers = [], []

    async with serving(server=server) as (host, port):
        for path in ["/events"] * 5 + ["/healthz"]:
            reader, writer = await asyncio.open_connection(host, port)
            writers.append(writer)
            writer.write(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            answers.append((await reader.readline())[9:12])
        for writer in writers:
            writer.close()
            await writer.wait_closed()
    store.close()

    assert answers == [b"200", b"200", b"200", b"503", b"503", b"200"]


async def test_fewer_visitors_are_let_in_once_more_is_polled_at_once(tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path)
    settings = Settings(Path("feeds.yaml"), Server(), Storage(Path()), Polling(), ())
    server = web_server(store, lambda: settings, lambda: Facts(polls=False), most=12)
    answers, writers = [], []

    async with serving(server=server) as (host, port):
        for most in (12, 12, 12, 4):
            server.let_in(most)
            reader, writer = await asyncio.open_connection(host, port)
            writers.append(writer)
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
            answers.append((await reader.readline())[9:12])
        for writer in writers:
            writer.close()
            await writer.wait_closed()
    store.close()

    assert answers == [b"200", b"200", b"200", b"503"]


def test_a_unix_socket_in_use_is_left_to_who_listens_there(tmp_path: Path) -> None:
    server = Server(listen=f"unix:{tmp_path}/a.sock")
    with listening(server):
        with pytest.raises(ListenError):
            listening(server)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(f"{tmp_path}/a.sock")


def test_a_unix_socket_that_a_killed_process_left_is_taken_over(tmp_path: Path) -> None:
    server = Server(listen=f"unix:{tmp_path}/a.sock")
    listening(server).close()

    with listening(server):
        assert (tmp_path / "a.sock").is_socket()
