"""The first things that somebody types: help, a wrong word, `init`, `check`, a command before anything was polled."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from aggregator.cli import SECTIONS, run

COMMANDS = [name for section in SECTIONS.values() for name in section]
SOUND = "sources:\n  - https://site.example/feed.xml\n"


def aggregator(*args: str, at: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a folder, as a user who has nothing set up there."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("AGGREGATOR", "XDG", "NO_COLOR"))}
    return subprocess.run(
        [sys.executable, "-m", "aggregator", *args],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        cwd=at,
        env=kept | {"HOME": str(at / "nobody")} | environ,
    )


def test_the_help_names_every_command_and_what_the_exit_codes_mean(tmp_path):
    shown = aggregator("--help", at=tmp_path)

    assert shown.returncode == 0
    assert [name for name in COMMANDS if f"\n  {name} " not in shown.stdout] == []
    assert "storage unusable or locked" in shown.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(tmp_path, name):
    shown = aggregator(name, "--help", at=tmp_path)

    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.startswith(f"Usage: aggregator {name}")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        pytest.param(["lst"], "There is no command 'lst'. Did you mean 'list'?", id="a slip"),
        pytest.param(["weather"], "There is no command 'weather'. `aggregator --help` lists them.", id="another word"),
        pytest.param(["poll", "--fource"], "No such option '--fource'", id="an option"),
        pytest.param(["export", "xml"], "'xml' is not one of 'jsonl', 'records'", id="a form"),
        pytest.param(["preview"], "Missing argument 'URL'", id="an argument that is missing"),
        pytest.param(["export", "records"], "needs -o FOLDER", id="records without a folder"),
        pytest.param(["export", "jsonl", "--since", "7 days"], 'write "7d"', id="a duration in words"),
        pytest.param(["demo", "--port", "99999"], "99999 is not in the range", id="a port that there is not"),
    ],
)
def test_wrong_usage_leaves_with_2_and_a_sentence(tmp_path, args, said):
    left = aggregator(*args, at=tmp_path)

    assert left.returncode == 2
    assert said in left.stderr
    assert left.stdout == ""


def test_init_writes_a_feeds_yaml_that_is_sound(tmp_path):
    made = aggregator("init", at=tmp_path)

    assert made.returncode == 0
    assert "next: `aggregator run`" in made.stdout
    assert aggregator("check", at=tmp_path).returncode == 0


def test_init_writes_over_nothing(tmp_path):
    (tmp_path / "feeds.yaml").write_text("mine")

    left = aggregator("init", at=tmp_path)

    assert left.returncode == 1
    assert "feeds.yaml exists; nothing was written" in left.stderr
    assert (tmp_path / "feeds.yaml").read_text() == "mine"


def test_init_follows_no_link_that_leads_nowhere(tmp_path):
    (tmp_path / "feeds.yaml").symlink_to(tmp_path / "elsewhere.yaml")

    assert aggregator("init", at=tmp_path).returncode == 1
    assert not (tmp_path / "elsewhere.yaml").exists()


def test_init_writes_where_it_is_told(tmp_path):
    aggregator("-c", "deep/own.yaml", "init", at=tmp_path)

    assert aggregator("check", at=tmp_path, AGGREGATOR_CONFIG="deep/own.yaml").returncode == 0


def test_init_in_a_new_folder_heeds_no_file_elsewhere(tmp_path):
    there = tmp_path / "xdg" / "aggregator" / "feeds.yaml"
    there.parent.mkdir(parents=True)
    there.write_text(SOUND)

    made = aggregator("init", at=tmp_path, XDG_CONFIG_HOME=str(tmp_path / "xdg"))

    assert made.returncode == 0
    assert (tmp_path / "feeds.yaml").exists()


def test_a_feeds_yaml_in_the_users_own_folder_is_found(tmp_path):
    there = tmp_path / "xdg" / "aggregator" / "feeds.yaml"
    there.parent.mkdir(parents=True)
    there.write_text(SOUND)

    told = aggregator("check", at=tmp_path, XDG_CONFIG_HOME=str(tmp_path / "xdg"))

    assert told.stdout == f"{there} is sound: 1 source\n"


def test_check_tells_all_faults_at_once_each_with_its_place(tmp_path):
    (tmp_path / "feeds.yaml").write_text(
        "version: 1\nsources:\n  - url: https://site.example/feed.xml\n    every: 5\n  - {url: 'ftp://x.example/'}\n"
    )

    told = aggregator("check", at=tmp_path)

    assert told.returncode == 3
    assert "feeds.yaml:4:12: " in told.stderr
    assert 'write "5m"' in told.stderr
    assert "feeds.yaml:5:11: " in told.stderr
    assert told.stdout == ""


def test_check_warns_of_a_source_set_aside_and_leaves_with_1(tmp_path):
    (tmp_path / "feeds.yaml").write_text(SOUND + "  - https://members.example/rss?key=${MEMBERS_KEY}\n")

    told = aggregator("check", at=tmp_path)

    assert told.returncode == 1
    assert "MEMBERS_KEY" in told.stderr
    assert told.stdout.endswith("feeds.yaml can be used, with the warnings above: 1 source\n")


def test_without_a_feeds_yaml_every_command_points_to_init(tmp_path):
    for name in ("run", "check", "list", "poll", "serve", "status"):
        left = aggregator(name, at=tmp_path)

        assert left.returncode == 3
        assert "feeds.yaml: there is no such file; `aggregator init` writes one" in left.stderr


@pytest.mark.parametrize("args", [["serve"], ["export", "jsonl"]], ids=" ".join)
def test_before_the_first_poll_there_is_nothing_to_read_and_that_is_said(tmp_path, args):
    (tmp_path / "feeds.yaml").write_text(SOUND)

    left = aggregator(*args, at=tmp_path)

    assert left.returncode == 4
    assert "holds no store yet: `aggregator run` or `aggregator poll` makes it" in left.stderr
    assert not (tmp_path / "data").exists()


def test_before_the_first_poll_list_and_status_tell_what_comes(tmp_path):
    (tmp_path / "feeds.yaml").write_text(SOUND)

    listed, status = aggregator("list", at=tmp_path), aggregator("status", at=tmp_path)

    assert listed.stdout == (
        "ok        site-example-feed-xml  0 entries  https://site.example/feed.xml\n          not polled yet\n"
    )
    assert status.stdout == (
        f"1 source: 1 ok; 0 entries in {tmp_path}/data\n"
        "nothing was polled yet: `aggregator run` polls and serves, `aggregator poll` polls once\n"
    )
    assert (listed.returncode, status.returncode) == (0, 0)


def test_a_data_folder_that_cannot_be_used_leaves_with_4(tmp_path):
    (tmp_path / "feeds.yaml").write_text(SOUND)
    (tmp_path / "a-file").write_text("")

    left = aggregator("--data", "a-file/data", "poll", at=tmp_path)

    assert left.returncode == 4
    assert "a-file" in left.stderr
    assert "Traceback" not in left.stderr


def test_a_fault_of_ours_is_a_sentence_and_a_traceback_only_where_asked_for():
    @click.command()
    @click.option("-v", is_flag=True)
    def faulty(v: bool) -> None:
        raise LookupError("no such shelf")

    quiet, loud = io.StringIO(), io.StringIO()

    assert (run(faulty, [], quiet), run(faulty, ["-v"], loud)) == (1, 1)
    assert quiet.getvalue() == (
        "a fault of this program: LookupError: no such shelf; `aggregator -v ...` shows where\n"
    )
    assert "Traceback" in loud.getvalue()
