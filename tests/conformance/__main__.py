"""`python -m tests.conformance`: the publisher side alone, for any reader; prints a list of feeds, and at the end the score."""

from __future__ import annotations

import argparse
import asyncio
import html
import json
import re
import shutil
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TextIO

from .authority import Certificates
from .cases import CASES, NOT_FROM_HERE
from .lists import FORMS, Listed
from .score import Row, as_json, as_table, score
from .server import Publisher
from .values import Asked, Case, Verdict


def main(arguments: list[str] | None = None) -> int:
    """Serve until a signal or `--seconds`, print the score; return 1 where a case is broken."""
    options = _parser().parse_args(arguments)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="conformance-")))
        log = stack.enter_context(options.log.open("w", encoding="utf-8")) if options.log else None
        return asyncio.run(_run(options, folder, log))


async def _run(options: argparse.Namespace, folder: Path, log: TextIO | None) -> int:
    cases = tuple(case for case in CASES if not options.case or case.id in options.case)
    publisher = Publisher(cases, minute=options.minute, by_hand=options.by_hand)
    home = publisher.listen(options.port, one_address=options.one_address)
    authority = certify(publisher, folder)
    stop = asyncio.Event()
    desk = Desk(publisher, cases, authority, options.floor)
    publisher.control = desk.answer
    if log:
        publisher.on_asked = lambda asked: print(_line(asked), file=log, flush=True)
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    if options.seconds:
        asyncio.get_running_loop().call_later(options.seconds, stop.set)
    serving = asyncio.create_task(publisher.serve(stop))
    print(f"http://{home.authority}/ tells the rest; Ctrl-C ends it with the score", file=sys.stderr)
    print(FORMS[options.form](desk.feeds()), flush=True)
    await stop.wait()
    rows = desk.rows()
    print(json.dumps(as_json(publisher, rows), indent=1) if options.json else as_table(publisher, rows), flush=True)
    await serving
    return int(any(row.judgement.verdict is Verdict.BROKEN for row in rows))


def certify(publisher: Publisher, folder: Path) -> Path | None:
    """Make the certificates of all hosts; return the authority's file, None where there is no openssl program."""
    if shutil.which("openssl") is None:
        return None
    made = Certificates(folder)
    made.make()
    addresses = sorted({place.address for place in publisher.places.values()})
    contexts = {"": made.server(*addresses)}
    bad = {label: place.address for label, place in publisher.places.items() if label.startswith("51.")}
    if bad:
        contexts["51.expired"] = made.server(*addresses, days=-1)
        contexts["51.self"] = made.self_signed(bad["51.self"])
        contexts["51.name"] = made.server("other.example")
        contexts["51.old"] = made.server(*addresses)
        contexts["51.old"].set_ciphers("ALL:@SECLEVEL=0")
        outdate(contexts["51.old"])
    publisher.certify(contexts)
    return made.authority


def outdate(context: object) -> None:
    """Let the context speak TLS 1.0 and nothing newer."""
    import ssl
    import warnings

    assert isinstance(context, ssl.SSLContext)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # being outdated is what the case is about
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1


class Desk:
    """What the program answers at its own address."""

    def __init__(self, publisher: Publisher, cases: tuple[Case, ...], authority: Path | None, floor: float) -> None:
        self._publisher, self._cases, self._authority, self._floor = publisher, cases, authority, floor

    def feeds(self) -> list[Listed]:
        """Return the feeds to be polled."""
        publisher = self._publisher
        own = f"http://{publisher.places[''].authority}"
        return [
            Listed(
                case,
                site,
                publisher.url(site.host, site.path, secure=site.secure),
                publisher.proxied_url(site.host, site.path),
                own,
            )
            for case in self._cases
            for site in case.sites
            for _ in range(site.times)
            if site.listed and publisher.serves(site)
        ]

    def rows(self) -> list[Row]:
        """Return the score so far."""
        return score(self._publisher, self._cases, floor=self._floor)

    async def answer(self, path: str) -> tuple[int, str, bytes]:
        """Answer a request at the program's own address."""
        name = path.strip("/")
        if name in FORMS:
            return (
                200,
                "text/x-opml" if name == "opml" else "text/plain; charset=utf-8",
                FORMS[name](self.feeds()).encode(),
            )
        match name:
            case "":
                return 200, "text/html; charset=utf-8", self._page().encode()
            case "round":
                return 200, "text/plain", f"poll {self._publisher.mark()}\n".encode()
            case "score":
                return 200, "text/plain; charset=utf-8", as_table(self._publisher, self.rows()).encode()
            case "score.json":
                return 200, "application/json", json.dumps(as_json(self._publisher, self.rows()), indent=1).encode()
            case "log":
                return 200, "application/x-ndjson", "".join(f"{_line(one)}\n" for one in self._publisher.asked).encode()
            case "authority.pem" if self._authority:
                return 200, "application/x-pem-file", await asyncio.to_thread(self._authority.read_bytes)
            case _:
                return 404, "text/plain", b"not here\n"

    def _page(self) -> str:
        feeds = self.feeds()
        items = "".join(
            f"<dt>{case.id}<dd>{html.escape(case.title)}"
            + "".join(
                f"<br><a href='{feed.url}'>{feed.url}</a> {feed.site.name}" for feed in feeds if feed.case is case
            )
            for case in self._cases
        )
        others = "".join(f"<dt>{id_}<dd>{html.escape(why)}" for id_, why in NOT_FROM_HERE.items())
        links = " ".join(
            f"<a href='/{name}'>{name}</a>" for name in (*FORMS, "round", "score", "score.json", "log", "authority.pem")
        )
        return (
            "<!doctype html><html lang=en><meta charset=utf-8><title>Conformance of feed readers</title>"
            f"<h1>How a reader treats publishers</h1><p>{links}<dl>{items}</dl><h2>Not judged from here</h2><dl>{others}</dl>"
        )


def _line(asked: Asked) -> str:
    """Return a request as one line of JSON; header bytes beyond ASCII as escapes of Latin-1."""
    headers = [[name.decode("latin-1"), value.decode("latin-1")] for name, value in asked.headers]
    return json.dumps(
        {
            "at": round(asked.at, 3),
            "time": asked.now.isoformat(),
            "poll": asked.turn,
            "url": asked.url(asked.host, asked.path, secure=asked.secure),
            "method": asked.method,
            "headers": headers,
            "status": asked.answer.status if asked.answer else None,
        }
    )


def _seconds(text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h)?", text)
    if not found or not float(found[1]):
        raise argparse.ArgumentTypeError(f"{text!r} is no duration; write 0.1s or 90s")
    return float(found[1]) * {"ms": 0.001, "s": 1, "m": 60, "h": 3600}[found[2] or "s"]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument("--serve", action="store_true", help="serve the cases (it does nothing else)")
    parser.add_argument("--as", dest="form", choices=FORMS, default="urls", help="the form of the list; urls")
    parser.add_argument(
        "--port", type=int, default=0, help="the port of every host where the machine has many addresses"
    )
    parser.add_argument(
        "--minute", type=_seconds, default=60.0, help="how long a minute of what the publisher says is: 0.1s"
    )
    parser.add_argument(
        "--floor", type=float, default=60.0, help="minutes between two polls that the client was told; 60"
    )
    parser.add_argument(
        "--one-address", action="store_true", help="every host a port of 127.0.0.1, as on other systems"
    )
    parser.add_argument("--by-hand", action="store_true", help="the client is polled by hand; GET /round says the same")
    parser.add_argument("--seconds", type=_seconds, help="end after so long")
    parser.add_argument("--case", action="append", help="only this case; may be repeated")
    parser.add_argument("--json", action="store_true", help="the score as JSON")
    parser.add_argument("--log", type=Path, help="write every request into this file, one JSON object a line")
    return parser


if __name__ == "__main__":
    sys.exit(main())
