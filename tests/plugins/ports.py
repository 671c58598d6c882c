"""Ports that stay free for a test which listens there more than once, or only later."""

from __future__ import annotations

import contextlib
import os
import socket
from itertools import count

FIRST, EACH = 20_000, 1_000
"""Below the ports that the system lends to connections (32768 and up by default): nobody is given one meanwhile."""

_next = count(FIRST + EACH * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")))


def free_port() -> int:
    """Return a port of 127.0.0.1 at which nothing listens, another one at each call and in each worker of the tests."""
    for port in _next:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port
    raise AssertionError("ports are without end")
