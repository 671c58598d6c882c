"""Tell the service manager how the daemon is: sd_notify(3), in a datagram; nothing where nobody asks."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

from aggregator import clock

_NEW_LINE = "\n"


class Notifier:
    """Tells systemd, or whatever set NOTIFY_SOCKET, that we are ready, alive, reloading, stopping."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        path = environment.get("NOTIFY_SOCKET", "")
        # An @ stands for the NUL of an abstract socket (unix(7)).
        self._address = f"\0{path[1:]}" if path.startswith("@") else path
        self._watched = bool(environment.get("WATCHDOG_USEC"))

    def ready(self, status: str) -> None:
        """Say that what has to be there is: the store is open, the socket listens."""
        self._say("READY=1", f"STATUS={status}")

    def alive(self) -> None:
        """Say that the scheduler ticks, where a watchdog waits to hear it (WatchdogSec=)."""
        if self._watched:
            self._say("WATCHDOG=1")

    def status(self, status: str) -> None:
        """Say how it goes, for the line of `systemctl status`: of a longer text the first line."""
        self._say(f"STATUS={status.partition(_NEW_LINE)[0]}")

    def reloading(self) -> None:
        """Say that feeds.yaml is read anew; `ready` ends it."""
        self._say("RELOADING=1", f"MONOTONIC_USEC={int(clock.monotonic() * 1_000_000)}")

    def stopping(self) -> None:
        """Say that we end by ourselves."""
        self._say("STOPPING=1")

    def _say(self, *lines: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as way:
                way.setblocking(False)
                way.sendto("\n".join(lines).encode(), self._address)
        except OSError:
            return  # the manager went away, or does not read: no reason to stop polling
