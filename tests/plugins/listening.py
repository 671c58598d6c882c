"""What publishers and proxies of the tests have in common: a port, and a thread for each connection to it."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable


class Listening:
    """Serves each connection by `_talk`, over TLS where `tls` says how, until it is closed."""

    tls: ssl.SSLContext | None
    connections = 0
    """How many there have been."""

    def listen(self, listener: socket.socket, longest: float) -> None:
        """Serve what comes to the socket; a connection that is silent for `longest` seconds is given up."""
        self._listener, self._longest = listener, longest
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []
        self.port: int = listener.getsockname()[1]
        self._start(self._accept)

    def close(self) -> None:
        """End every connection and wait for the threads."""
        self._stopped.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(5)

    def _start(self, run: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=run, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._stopped.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._start(self._serve, sock)

    def _serve(self, sock: socket.socket) -> None:
        sock.settimeout(self._longest)
        with contextlib.suppress(OSError), sock:
            if self.tls is not None:
                sock = self.tls.wrap_socket(sock, server_side=True)
            with sock:
                self._talk(sock)

    def _talk(self, sock: socket.socket) -> None:
        raise NotImplementedError
