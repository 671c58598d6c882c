"""`python -m tests.conformance.peers`: run readers against the program, some polls by hand each, and print one table."""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 900
"""Seconds for one poll of one reader: slow answers one after the other take their time."""

_READER = """
import sys
from reader import make_reader
reader = make_reader("reader.sqlite")
for url in filter(None, open("feeds").read().splitlines()):
    reader.add_feed(url, exist_ok=True)
for feed in list(reader.get_feeds()):
    try:
        reader.update_feed(feed)
    except Exception as error:  # one feed after the other, as update_feeds stops at a fault that it did not expect
        print(feed.url, repr(error), file=sys.stderr)
"""
_NEWSBOAT_NAMES = "auto-reload no\n"
_SFEED = 'sfeedpath="$PWD/feeds.d"\n'
# As it stands in the program's README, "Set an ETag", word for word but for the folder that it makes first.
_SFEED_TAGS = r"""
mkdir -p "$HOME/.sfeed/etags/"
fetch() {
	etag="$HOME/.sfeed/etags/$(basename "$3")"
	curl \
		-L --max-redirs 0 -H "User-Agent:" -f -s -m 15 \
		--compressed \
		--etag-save "${etag}" --etag-compare "${etag}" \
		-z "${etag}" \
		"$2" 2>/dev/null
}
"""


@dataclass(frozen=True, slots=True)
class Peer:
    """A reader: the form of its list, what stands in its folder, and the command for one poll."""

    name: str
    form: str
    file: str
    command: tuple[str, ...]
    version: tuple[str, ...]
    files: tuple[tuple[str, str], ...] = ()
    before: str = ""
    """What stands before the list in its file."""


def peers(python: str) -> tuple[Peer, ...]:
    """Return the readers that are known; `python` is one that has lemon24/reader."""
    sfeed = ("sh", "-c", "sfeed_update ./sfeedrc")
    sfeed_version = (
        "sh",
        "-c",
        "dpkg-query -W -f '${Version}' sfeed; curl --version | cut -d' ' -f2 | sed 's/^/, curl /;1q'",
    )
    return (
        Peer(
            "feed-aggregator",
            "feeds.yaml",
            "feeds.yaml",
            (sys.executable, "-m", "aggregator", "-q", "poll", "--all"),
            (sys.executable, "-m", "aggregator", "--version"),
        ),
        Peer(
            "lemon24/reader",
            "urls",
            "feeds",
            (python, "poll.py"),
            (python, "-c", "import reader; print(reader.__version__)"),
            (("poll.py", _READER),),
        ),
        Peer(
            "newsboat",
            "newsboat",
            "urls",
            ("newsboat", "-q", "-u", "urls", "-c", "cache.db", "-C", "config", "-x", "reload"),
            ("newsboat", "--version"),
            (("config", _NEWSBOAT_NAMES),),
        ),
        Peer("sfeed", "sfeed", "sfeedrc", sfeed, sfeed_version, before=_SFEED),
        Peer("sfeed with tags", "sfeed", "sfeedrc", sfeed, sfeed_version, before=_SFEED + _SFEED_TAGS),
    )


def run(
    peer: Peer, polls: int, say: Callable[[str], None], edit: Callable[[str], str] = lambda text: text
) -> dict[str, object]:
    """Return the score of a reader after so many polls by hand; `edit` changes its list before the first."""
    command = [sys.executable, "-m", "tests.conformance", "--serve"]
    with tempfile.TemporaryDirectory(prefix="peer-") as folder:
        publisher = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            assert publisher.stderr is not None
            base = _base(publisher.stderr)
            home = Path(folder)
            (home / peer.file).write_text(peer.before + edit(_get(f"{base}{peer.form}")))
            for name, text in peer.files:
                (home / name).write_text(text)
            (home / "authority.pem").write_text(_get(f"{base}authority.pem"))
            for number in range(1, polls + 1):
                _get(f"{base}round")
                say(f"{peer.name}: poll {number} of {polls}")
                _poll(peer, home)
            return dict(json.loads(_get(f"{base}score.json")))
        finally:
            publisher.send_signal(signal.SIGINT)
            publisher.wait(30)
            if publisher.stderr:
                publisher.stderr.close()


def _poll(peer: Peer, home: Path) -> None:
    authority = str(home / "authority.pem")
    trust = {"REQUESTS_CA_BUNDLE": authority, "CURL_CA_BUNDLE": authority}
    environment = os.environ | trust | {"HOME": str(home), "TERM": "xterm", "PYTHONPATH": str(ROOT)}
    subprocess.run(
        peer.command, cwd=home, env=environment, timeout=LONGEST, check=False,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def _base(lines: IO[str]) -> str:
    found = re.search(r"http://\S+/", lines.readline())
    assert found, "the program said no address"
    return found[0]


def _get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return str(answer.read().decode())


def version(peer: Peer) -> str:
    """Return what the reader says of its version, in its shortest form."""
    said = subprocess.run(peer.version, capture_output=True, text=True, timeout=60, check=False).stdout
    return re.sub(r"^\D+", "", said.splitlines()[0]).partition(" - ")[0].strip() if said else "?"


def table(scores: dict[str, dict[str, object]]) -> str:
    """Return one row a case and one column a reader."""
    rows: dict[str, dict[str, str]] = {}
    titles: dict[str, str] = {}
    for name, score in scores.items():
        for case in score["cases"]:  # type: ignore[attr-defined]  # JSON, as `as_json` writes it
            rows.setdefault(case["id"], {})[name] = case["verdict"]
            titles[case["id"]] = case["title"]
    lines = [f"| case | what keeps it | {' | '.join(scores)} |", "|---|---|" + "---|" * len(scores)]
    short = {"needs time": "time", "not applicable": "-", "not seen": "unseen", "broken": "**no**", "kept": "yes"}
    for id_, row in rows.items():
        lines.append(f"| {id_} | {titles[id_]} | {' | '.join(short[row.get(name, 'not seen')] for name in scores)} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Run those that are here; say which are missing."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance.peers", description=__doc__)
    parser.add_argument("--polls", type=int, default=5, help="polls of each reader; 5")
    parser.add_argument("--python", default=sys.executable, help="an interpreter that has lemon24/reader installed")
    parser.add_argument("--only", action="append", help="only this reader; may be repeated")
    parser.add_argument("--json", type=Path, help="write the scores into this file too")
    options = parser.parse_args()
    scores: dict[str, dict[str, object]] = {}
    for peer in peers(options.python):
        if options.only and peer.name not in options.only:
            continue
        if ("sfeed" in peer.name and not shutil.which("sfeed_update")) or version(peer) == "?":
            print(f"{peer.name} is not here", file=sys.stderr)
            continue
        score = run(peer, options.polls, lambda words: print(words, file=sys.stderr))
        scores[f"{peer.name} {version(peer)}"] = score
    if options.json:
        options.json.write_text(json.dumps(scores, indent=1, ensure_ascii=False), encoding="utf-8")
    print(table(scores))
    return 0


if __name__ == "__main__":
    sys.exit(main())
