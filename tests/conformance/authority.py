"""Certificates of an authority that is made anew for every run, by the openssl program."""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Certificates:
    """A folder with an authority, and what it has signed."""

    folder: Path

    @property
    def authority(self) -> Path:
        """The file with the authority's own certificate, for whoever is to trust it."""
        return self.folder / "authority.pem"

    def client(self) -> ssl.SSLContext:
        """Return a context that trusts the authority."""
        return ssl.create_default_context(cafile=self.authority)

    def server(self, *hosts: str, days: int = 2) -> ssl.SSLContext:
        """Return a context with a certificate for the hosts (addresses or names; 127.0.0.1), signed by the authority."""
        names = (f"{'IP' if ':' in host or host.replace('.', '').isdigit() else 'DNS'}:{host}" for host in hosts)
        extension = self.folder / "san.cnf"
        extension.write_text(f"subjectAltName={','.join(names) or 'IP:127.0.0.1'}\n")
        self._openssl("req", "-new", *_KEY, "-keyout", "leaf.key", "-out", "leaf.csr", "-subj", "/CN=leaf")
        self._openssl(
            *("x509", "-req", "-in", "leaf.csr", "-CA", "authority.pem", "-CAkey", "authority.key"),
            *("-CAcreateserial", "-days", str(days), "-extfile", "san.cnf", "-out", "leaf.pem"),
        )
        return self._context("leaf")

    def self_signed(self, host: str = "127.0.0.1") -> ssl.SSLContext:
        """Return a context with a certificate that nobody signed."""
        self._root("lonely", "/CN=lonely", "-addext", f"subjectAltName=IP:{host}")
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
