"""The scripted world with real sockets in place of its script: publishers on loopback play hosts of the world."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from aggregator.model import Polling, Source
from aggregator.network import Network
from aggregator.sockets import Stream, dial
from plugins.asking import FAR_AWAY
from plugins.publisher import Publisher
from plugins.simulator import World, source


@dataclass
class Wired(World):
    """
    A world whose every name is looked up, checked, dialled and spoken to, over real sockets.

    Names resolve to a public address unless `addresses` says otherwise; whoever dials a public address is connected
    with this machine instead, and loopback addresses are dialled as they are.
    """

    addresses: dict[str, list[str]] = field(default_factory=dict)
    broken: dict[str, OSError] = field(default_factory=dict)
    """Names that do not resolve, and why."""
    allowed: frozenset[str] = frozenset()
    """`allow_private`."""
    dialled: list[tuple[str, ...]] = field(default_factory=list)
    """The addresses of each connection that was asked for."""
    tls: ssl.SSLContext | None = None
    """Whom to trust; None: the bundled authorities."""

    def network(self) -> Network:
        """Return what the corridor asks through: sockets."""
        return Network(resolver=self._resolve, dialler=self._dial, ssl_context=self.tls)

    def gaps_of_polls(self) -> list[timedelta]:
        """Return the times between the polls."""
        return [
            later.state.last_attempt_at - earlier.state.last_attempt_at
            for earlier, later in pairwise(self.outcomes)
            if later.state.last_attempt_at and earlier.state.last_attempt_at
        ]

    async def _resolve(self, host: str, port: int) -> Sequence[str]:
        if host in self.broken:
            raise self.broken[host]
        return self.addresses.get(host, [FAR_AWAY])

    async def _dial(self, addresses: Sequence[str], port: int) -> Stream:
        self.dialled.append(tuple(addresses))
        return await dial(["127.0.0.1" if one == FAR_AWAY else one for one in addresses], port)


@pytest.fixture
def wired(tmp_path: Path) -> Iterator[Callable[..., Wired]]:
    """Make wired worlds of the given sources; one host is asked by as many at once as like."""
    made: list[Wired] = []

    def make(*sources: Source, **how: object) -> Wired:
        allowed = how.get("allowed", frozenset())
        polling = Polling(host_delay=timedelta(), per_host=100, allow_private=allowed)  # type: ignore[arg-type]  # as above
        made.append(Wired(tmp_path / str(len(made)), sources, polling, **how))  # type: ignore[arg-type]  # its fields
        return made[-1]

    yield make
    for one in made:
        one.store.close()


def at(publisher: Publisher, name: str = "a", path: str = "/feed", **settings: object) -> Source:
    """Return a source at the publisher, which plays the host `<name>.example`; `url` says it whole."""
    url = settings.pop("url", publisher.url(path, f"{name}.example"))
    return source(name, url, **settings)  # type: ignore[arg-type]  # a URL is text
