"""The unit, the image and the compose file: what they promise, judged by systemd and, where there is one, an engine."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]
UNITS = ("aggregator.service", "aggregator-poll.service", "aggregator-poll.timer")
UNIT = ROOT / "deploy" / UNITS[0]


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a program that must end within a minute."""
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def units(tmp_path: Path, require: Callable[[str, bool], None]) -> list[Path]:
    """The units with a program that is there on this machine."""
    require("systemd-analyze", shutil.which("systemd-analyze") is not None)
    for name in UNITS:
        text = (UNIT.parent / name).read_text().replace("/opt/aggregator/.venv/bin/aggregator", sys.executable)
        (tmp_path / name).write_text(text)
    return [tmp_path / name for name in UNITS]


def test_systemd_finds_no_fault_in_the_units(units: list[Path]) -> None:
    verified = run("systemd-analyze", "verify", "--man=no", *map(str, units))

    assert (verified.returncode, verified.stderr) == (0, "")


@pytest.mark.parametrize("place", [0, 1])
def test_systemd_takes_the_units_for_little_exposed(units: list[Path], place: int) -> None:
    judged = run("systemd-analyze", "security", "--offline=true", "--no-pager", str(units[place]))

    score = re.search(r"Overall exposure level for \S+: (\d+\.\d+)", judged.stdout)
    assert score is not None
    assert float(score[1]) <= 1.5


def test_the_unit_asks_for_no_restart_where_a_person_is_wanted() -> None:
    said = dict(line.split("=", 1) for line in UNIT.read_text().splitlines() if "=" in line and line[0] not in "#[")

    assert said["RestartPreventExitStatus"] == "2 3 4"
    assert (said["Type"], said["WatchdogSec"]) == ("notify", "60")


def test_who_polls_by_the_clock_may_do_no_more_than_the_daemon() -> None:
    daemon, polls = ((UNIT.parent / name).read_text().splitlines() for name in UNITS[:2])
    begins = daemon.index("# What it may do: connect to the network, write its data. Nothing else.")

    assert polls[-(daemon.index("[Install]") - begins - 1) :] == daemon[begins : daemon.index("[Install]") - 1]


# --- the container ----------------------------------------------------------------------------------------------


def instructions() -> list[tuple[str, str]]:
    """Return the words and what follows them in the Dockerfile, continued lines joined."""
    text = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(word, rest) for word, _, rest in (line.strip().partition(" ") for line in lines)]


def compose() -> dict[str, Any]:
    """Return the one service of compose.yaml."""
    read = YAML(typ="safe").load((ROOT / "compose.yaml").read_text())
    (service,) = read["services"].values()
    return dict(service)


def test_the_image_runs_as_nobody_in_particular_with_one_volume_and_a_check() -> None:
    last = [word for word, _ in instructions()].index("FROM", 1)
    said = dict(instructions()[last:])

    assert said["USER"] == "10001:10001"
    assert said["VOLUME"] == "/data"
    assert "/healthz" in said["HEALTHCHECK"]
    assert said["STOPSIGNAL"] == "SIGTERM"


def test_the_image_is_built_of_nothing_but_the_product() -> None:
    copied = [rest.split()[:-1] for word, rest in instructions() if word == "COPY"]
    sources = {one for some in copied for one in some if not one.startswith("--") and not one.startswith("/")}

    assert sources == {"pyproject.toml", "README.md", "LICENSE", "aggregator", "storage"}
    assert not any(word == "ADD" or "curl" in rest or "apt-get" in rest for word, rest in instructions())


def test_the_service_may_write_its_volume_and_nothing_else() -> None:
    service = compose()

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["volumes"] == ["data:/data", "./feeds.yaml:/etc/aggregator/feeds.yaml:ro"]
    assert service["ports"] == ["127.0.0.1:8080:8080"]
    assert service["user"] == dict(instructions())["USER"]


@pytest.mark.timeout(600)
def test_an_engine_builds_the_image() -> None:
    """Where no engine answers there is nothing to build with: the tests above read the same files."""
    engine = shutil.which("docker") or shutil.which("podman")
    if engine is None or run(engine, "info", "--format", "{{.ServerVersion}}").returncode != 0:
        assert ("FROM", "python:3.11-slim") in instructions()
        return
    built = subprocess.run([engine, "build", "-q", str(ROOT)], capture_output=True, text=True, timeout=580, check=False)
    assert built.returncode == 0, built.stderr
