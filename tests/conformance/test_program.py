"""The program as somebody else runs it: its list, its score, its log, over real sockets and with nothing but Python."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
Start = Callable[..., tuple[subprocess.Popen[str], str]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts the program; returns its process and its own address."""
    started: list[subprocess.Popen[str]] = []

    def run(*arguments: str) -> tuple[subprocess.Popen[str], str]:
        command = [sys.executable, "-m", "tests.conformance", "--serve", *arguments]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stderr is not None
        return process, process.stderr.readline().split(" ")[0]

    yield run
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=10)


def get(url: str, **headers: str) -> tuple[int, str]:
    asked = urllib.request.Request(url, headers={name.replace("_", "-"): value for name, value in headers.items()})
    try:
        with urllib.request.urlopen(asked, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as answer:
        with answer:
            return answer.code, ""


def test_it_judges_what_came_and_says_so_when_it_is_stopped(start: Start) -> None:
    process, base = start("--case", "S01", "--case", "S13", "--json")
    (feed, *others) = get(f"{base}urls")[1].split()
    get(f"{base}round")
    first = get(feed)[0]
    get(f"{base}round")
    again = get(feed, If_None_Match='"a"')[0]

    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=20)[0]

    score = json.loads(said.partition("\n\n")[2])
    verdicts = {case["id"]: (case["verdict"], case["seen"]) for case in score["cases"]}
    assert (first, again) == (200, 304)
    assert len(others) == 2
    assert verdicts == {
        "S01": ("kept", "asked twice, each with what had been given"),
        "S13": ("not seen", "never asked"),
    }
    assert (score["by_hand"], score["polls"], score["requests"]) == (True, 2, 2)
    assert process.returncode == 0


def test_a_client_without_validators_is_told_so_and_the_exit_code_says_it_too(start: Start) -> None:
    process, base = start("--case", "S01")
    feed = get(f"{base}urls")[1].strip()
    for _ in range(3):
        get(f"{base}round")
        get(feed)

    table = get(f"{base}score")[1]
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=20)[0]

    assert "| S01 | broken | asked 3 times, If-None-Match missing on 2 |" in table
    assert "| S01 | broken |" in said
    assert process.returncode == 1


def test_time_can_be_scaled_and_ends_by_itself(start: Start) -> None:
    process, base = start("--case", "S25", "--minute", "10ms", "--seconds", "4")
    with_words, without = get(f"{base}urls")[1].split()
    get(with_words)
    get(without)

    said = process.communicate(timeout=20)[0]

    assert "a minute in 0.01 s" in said
    assert "| S25 | needs time |" not in said
    assert process.returncode == 0


def test_every_request_is_written_down_with_its_headers(start: Start, tmp_path: Path) -> None:
    process, base = start("--case", "S01", "--log", str(tmp_path / "log"))
    get(get(f"{base}urls")[1].strip(), X_Odd="caf\u00e9")

    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)

    (line,) = map(json.loads, (tmp_path / "log").read_text().splitlines())
    assert line["url"].endswith("/feed")
    assert (line["method"], line["status"]) == ("GET", 200)
    assert ["X-Odd", "caf\u00e9"] in line["headers"]


@pytest.mark.parametrize("form", ["urls", "opml", "newsboat", "sfeed", "feeds.yaml"])
def test_the_list_comes_in_the_form_that_a_reader_takes(start: Start, form: str) -> None:
    process, base = start("--case", "S02", "--as", form)

    served = get(f"{base}{form}")[1]
    process.send_signal(signal.SIGTERM)
    printed = process.communicate(timeout=20)[0]

    assert served.count("/weak") == 1
    assert printed.startswith(served.rstrip("\n"))


def test_hosts_are_ports_where_there_is_one_address(start: Start) -> None:
    _, base = start("--one-address", "--case", "S35", "--case", "S31")
    feeds = get(f"{base}urls")[1].split()

    statuses = [get(feed)[0] for feed in feeds]

    assert len({feed.split("/")[2] for feed in feeds}) == 4
    assert {feed.split("/")[2].partition(":")[0] for feed in feeds} == {"127.0.0.1"}
    assert statuses == [401, 403, 403, 200, 200, 200]


def test_the_first_page_names_every_case_and_its_addresses(start: Start) -> None:
    _, base = start()

    page = get(base)[1]

    assert page.count("<dt>S") == 72
    assert page.count("<a href='http") > 90
