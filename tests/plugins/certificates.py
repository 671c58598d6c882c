"""Certificates of an authority of the test's own, made by the openssl program, as the fixture `certificates`."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Certificates:
    """A folder with an authority, and what it has signed."""

    folder: Path

    def client(self) -> ssl.SSLContext:
        """Return a context that trusts the authority."""
        return ssl.create_default_context(cafile=self.folder / "authority.pem")

    def server(self, host: str = "127.0.0.1", days: int = 2) -> ssl.SSLContext:
        """Return a context with a certificate for the host (an address or a name), signed by the authority."""
        kind = "IP" if host.replace(".", "").isdigit() else "DNS"
        extension = self.folder / "san.cnf"
        extension.write_text(f"subjectAltName={kind}:{host}\n")
        self._openssl("req", "-new", *_KEY, "-keyout", "leaf.key", "-out", "leaf.csr", "-subj", "/CN=leaf")
        self._openssl(
            *("x509", "-req", "-in", "leaf.csr", "-CA", "authority.pem", "-CAkey", "authority.key"),
            *("-CAcreateserial", "-days", str(days), "-extfile", "san.cnf", "-out", "leaf.pem"),
        )
        return self._context("leaf")

    def self_signed(self) -> ssl.SSLContext:
        """Return a context with a certificate that nobody signed."""
        self._root("lonely", "/CN=lonely", "-addext", "subjectAltName=IP:127.0.0.1")
        return self._context("lonely")

    def make(self) -> None:
        """Make the authority."""
        self._root("authority", "/CN=authority")

    def _root(self, name: str, subject: str, *more: str) -> None:
        files = ("-keyout", f"{name}.key", "-out", f"{name}.pem")
        self._openssl("req", "-x509", "-new", *_KEY, *files, "-days", "2", "-subj", subject, *more)

    def _context(self, name: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        return context

    def _openssl(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True, timeout=60)


_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory, require: Callable[[str, bool], None]) -> Certificates:
    """An authority, and what it signs."""
    require("the openssl program", shutil.which("openssl") is not None)
    made = Certificates(tmp_path_factory.mktemp("certificates"))
    made.make()
    return made
