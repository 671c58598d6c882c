"""The whole corpus of real feeds behind a loopback publisher, polled once by the real command: fixture `polled_corpus`."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest


def manifest(corpus: Path, kind: str) -> list[dict[str, Any]]:
    """Return the corpus's rows of a kind."""
    rows = map(json.loads, (corpus / "MANIFEST.jsonl").read_text(encoding="utf-8").splitlines())
    return [row for row in rows if row["kind"] == kind]


class Shelf:
    """Serves bytes by path, with an ETag of their content; what it serves may be exchanged between polls."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = dict(files)
        self.statuses: list[int] = []
        self.paths: list[str] = []
        shelf = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = shelf.files.get(unquote(self.path))
                tag = f'"{hashlib.sha256(body or b"").hexdigest()[:16]}"'
                status = 404 if body is None else 304 if self.headers.get("If-None-Match") == tag else 200
                sent = body if status == 200 and body else b""
                shelf.statuses.append(status)
                shelf.paths.append(unquote(self.path))
                self.send_response(status)
                self.send_header("ETag", tag)
                self.send_header("Content-Type", "application/xml")
                self.send_header("Content-Length", str(len(sent)))
                self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(sent)

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    @property
    def host(self) -> str:
        """`127.0.0.1:port`."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """Serve no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@dataclass
class Home:
    """A folder with a feeds.yaml, and the command run on it as a user runs it."""

    folder: Path
    shelf: Shelf
    sources: dict[str, str]
    """Path on the shelf by source id."""
    more: dict[str, Any] = field(default_factory=dict)
    """Keys of a source by its id, beyond id and url."""
    settings: dict[str, Any] = field(default_factory=dict)
    """Top-level parts of feeds.yaml, in place of ours."""

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.write()

    @property
    def config(self) -> Path:
        return self.folder / "feeds.yaml"

    @property
    def records(self) -> Path:
        return self.folder / "records"

    def write(self) -> None:
        """Write feeds.yaml; JSON is YAML."""
        document = {
            "version": 1,
            "server": {"listen": "127.0.0.1:0", "base_url": "https://news.example.org/", "title": "T"},
            "storage": {"path": "./data", "records": "./records"},
            "polling": {"concurrency": 32, "per_host": 32, "host_delay": "0s", "allow_private": [self.shelf.host]},
            "defaults": {"keep": {"entries": 100000, "days": 100000}},
            "sources": [
                {"id": id_, "url": f"http://{self.shelf.host}{path}"} | self.more.get(id_, {})
                for id_, path in self.sources.items()
            ],
        } | self.settings
        self.config.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")

    def run(self, *args: str, within: float = 300) -> subprocess.CompletedProcess[str]:
        """Run `aggregator -c feeds.yaml ARGS` to its end."""
        command = [sys.executable, "-m", "aggregator", "-c", str(self.config), *args]
        return subprocess.run(command, check=False, capture_output=True, text=True, timeout=within, cwd=self.folder)

    def entries(self) -> list[dict[str, Any]]:
        """Return every record as `export jsonl` writes it."""
        done = self.run("export", "jsonl")
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def health(self) -> list[dict[str, Any]]:
        """Return every source as `list --json` writes it."""
        return [dict(source) for source in json.loads(self.run("list", "--json").stdout)]

    def tree(self) -> dict[str, bytes]:
        """Return every record file's bytes by its path."""
        return {str(path.relative_to(self.records)): path.read_bytes() for path in sorted(self.records.rglob("*.md"))}


@dataclass
class PolledCorpus:
    """The corpus after one `poll --all`."""

    home: Home
    rows: dict[str, dict[str, Any]]
    """The MANIFEST's row by source id."""
    first: subprocess.CompletedProcess[str]


@pytest.fixture(scope="session")
def polled_corpus(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PolledCorpus]:
    """Every feed of the corpus as a source of its own, polled once."""
    rows = {f"s{number}": row for number, row in enumerate(manifest(corpus, "feed"))}
    paths = {id_: f"/{row['file']}" for id_, row in rows.items()}
    shelf = Shelf({paths[id_]: (corpus / row["file"]).read_bytes() for id_, row in rows.items()})
    try:
        categories = {id_: {"category": "c", "site": id_, "feed": "f"} for id_ in rows}
        home = Home(tmp_path_factory.mktemp("corpus"), shelf, paths, categories)
        yield PolledCorpus(home, rows, home.run("poll", "--all"))
    finally:
        shelf.close()
