"""`python -m bench.fetching`: what a fetch costs beside httpx's own client, one after the other in one run, on loopback."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection
from statistics import median

import httpx

from aggregator.fetch import fetch
from aggregator.model import Source
from aggregator.network import Network
from storage.states import Validators

ROUNDS, REQUESTS, CONCURRENCY = 3, 2000, 32
UNCHANGED = b'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\nCache-Control: max-age=60\r\nServer: bench\r\n\r\n'
WHOLE = b"HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nContent-Length: 34000\r\n\r\n" + b"x" * 34_000
AGENT = "feed-aggregator/bench"


class Publisher(asyncio.Protocol):
    """Answers 304 where it is asked conditionally, and 34 KB where not; closes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin a connection."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.data = b""

    def data_received(self, data: bytes) -> None:
        """Answer once the request is whole."""
        self.data += data
        if self.data.endswith(b"\r\n\r\n"):
            self.transport.write(UNCHANGED if b"\r\nIf-None-Match:" in self.data else WHOLE)
            self.transport.close()


def publish(said: Connection) -> None:
    """Serve until the process is ended."""

    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(Publisher, "127.0.0.1", 0, backlog=1024)
        said.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())


async def cost(one: Callable[[], Awaitable[object]]) -> tuple[float, float]:
    """Return processor milliseconds of this process a request, and requests a second."""
    left = iter(range(REQUESTS))

    async def worker() -> None:
        for _ in left:
            await one()

    await one()
    wall, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(worker() for _ in range(CONCURRENCY)))
    return (time.process_time() - cpu) * 1000 / REQUESTS, REQUESTS / (time.perf_counter() - wall)


async def table(port: int) -> None:
    """Print the medians."""
    url = f"http://127.0.0.1:{port}/feed"
    source, network = Source("bench", url, "bench"), Network(frozenset({f"127.0.0.1:{port}"}))
    client = httpx.AsyncClient(trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))
    known, unknown = Validators(etag=b'"a"', url=url), Validators()
    conditional = {"If-None-Match": '"a"', "Connection": "close"}
    work: dict[str, Callable[[], Awaitable[object]]] = {
        "304, httpx.AsyncClient": lambda: client.get(url, headers=conditional),
        "304, fetch": lambda: fetch(network, source, url, known, user_agent=AGENT),
        "200 of 34 KB, httpx.AsyncClient": lambda: client.get(url, headers={"Connection": "close"}),
        "200 of 34 KB, fetch": lambda: fetch(network, source, url, unknown, user_agent=AGENT),
    }
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in work}
    for _ in range(ROUNDS):
        for name, one in work.items():
            found[name].append(await cost(one))
    await client.aclose()
    for name, rounds in found.items():
        milliseconds, rate = median(row[0] for row in rounds), median(row[1] for row in rounds)
        print(f"{name:34} {milliseconds:6.3f} ms CPU  {rate:6.0f} requests/s")


def main() -> None:
    """Measure against a publisher in a process of its own."""
    ours, theirs = multiprocessing.Pipe()
    publisher = multiprocessing.Process(target=publish, args=(theirs,), daemon=True)
    publisher.start()
    try:
        asyncio.run(table(ours.recv()))
    finally:
        publisher.kill()


if __name__ == "__main__":
    main()
