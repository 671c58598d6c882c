"""The limits of feeds.yaml: what a document, its reading and all bodies together may take."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from aggregator.config import ConfigError, Fault, load
from aggregator.model import Bounds, Polling, Settings
from aggregator.workers import WorkerLimits

A = "https://a.example/f"
MIB = 1024 * 1024


def settings_of(folder: Path, text: str) -> Settings:
    (folder / "feeds.yaml").write_text(text, encoding="utf-8")
    return load(folder / "feeds.yaml", {})


def fault_of(folder: Path, text: str) -> Fault:
    with pytest.raises(ConfigError) as caught:
        settings_of(folder, text)
    (fault,) = caught.value.faults
    return fault


# --- what arrives ---


def test_limits_go_down_from_defaults_through_groups_to_a_source(tmp_path: Path) -> None:
    text = f"""\
defaults: {{max_entries: 100, max_entry: 512KB, max_depth: 100}}
sources:
- url: {A}
- group: G
  max_entries: 3000
  max_attributes: 200
  sources:
  - https://b.example/f
  - {{url: https://c.example/f, max_entries: ~, max_depth: 500}}
"""

    assert [source.bounds for source in settings_of(tmp_path, text).sources] == [
        Bounds(entries=100, entry=512 * 1024, depth=100, attributes=64),
        Bounds(entries=3000, entry=512 * 1024, depth=100, attributes=200),
        Bounds(entries=2000, entry=512 * 1024, depth=500, attributes=200),
    ]


def test_limits_of_reading_arrive_and_go_to_the_workers(tmp_path: Path) -> None:
    text = "polling: {max_in_flight: 256MB, workers: 4, max_cpu: 20s, max_reading: 2m, max_memory: 1GB}\nsources: []"

    polling = settings_of(tmp_path, text).polling

    assert polling == Polling(
        max_in_flight=256 * MIB,
        workers=4,
        max_cpu=timedelta(seconds=20),
        max_reading=timedelta(minutes=2),
        max_memory=1024 * MIB,
    )
    assert WorkerLimits.of(polling) == WorkerLimits(
        cpu=timedelta(seconds=20), wall=timedelta(minutes=2), memory=1024 * MIB
    )


def test_nothing_said_is_as_it_was(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, f"sources: [{A}]")

    assert settings.sources[0].bounds == Bounds(entries=2000, entry=MIB, depth=256, attributes=64)
    assert (settings.polling.max_in_flight, settings.polling.workers) == (64 * MIB, 2)
    assert WorkerLimits.of(settings.polling) == WorkerLimits(timedelta(seconds=5), timedelta(seconds=30), 72 * MIB)


def test_all_bodies_together_have_room_for_the_largest_one(tmp_path: Path) -> None:
    text = f"sources: [{{url: {A}, max_body: 48MB}}]"

    assert settings_of(tmp_path, text).polling.max_in_flight == 96 * MIB
    assert settings_of(tmp_path, f"polling: {{max_in_flight: 100MB}}\n{text}").polling.max_in_flight == 100 * MIB


# --- mistakes ---


# feeds.yaml, line:column, a part of the sentence, what was probably meant.
MISTAKES: list[tuple[str, str, str, str | None]] = [
    (f"sources: [{A}]\ndefaults: {{max_entries: 0}}", "2:25", "max_entries: 0 is not a whole number from 1 to 20000", None),
    (f"sources: [{A}]\ndefaults: {{max_entries: all}}", "2:25", "is not a whole number from 1 to 20000", None),
    (f"sources:\n- url: {A}\n  max_entry: 17MB", "3:14", '"17MB" is not between 10KB and 16MB', None),
    (f"sources:\n- url: {A}\n  max_entry: 2", "3:14", '"2" has no unit; write "2MB"', None),
    (f"sources:\n- url: {A}\n  max_depth: 1000", "3:14", "1000 is not a whole number from 16 to 800", None),
    (f"sources:\n- url: {A}\n  max_attributes: 7", "3:19", "7 is not a whole number from 8 to 1000", None),
    (f"sources:\n- url: {A}\n  max_items: 7", "3:3", "unknown key", "max_entries"),
    ("polling: {max_entries: 7}", "1:11", "it belongs under defaults", None),
    ("polling: {workers: 17}", "1:20", "17 is not a whole number from 1 to 16", None),
    ("polling: {max_cpu: 0s}", "1:20", "0s is not between 1s and 5m", None),
    ("polling: {max_reading: 11m}", "1:24", "11m is not between 1s and 10m", None),
    ("polling: {max_memory: 16MB}", "1:23", '"16MB" is not between 32MB and 2GB', None),
    ("polling: {max_in_flight: 64}", "1:26", '"64" has no unit; write "64MB"', None),
    ("polling: {max_in_flight: 5GB}", "1:26", '"5GB" is not between 1MB and 4GB', None),
    ("polling: {max_cpu: 1m}", "1:20", "max_cpu (1m) is more than max_reading (30s by default); set both", None),
    ("polling: {max_reading: 4s}", "1:24", "max_cpu (5s by default) is more than max_reading (4s); set both", None),
    (
        f"polling: {{max_in_flight: 24MB}}\nsources: [{{url: {A}, id: a}}]",
        "1:26",
        '24MB is less than twice the max_body of source "a" (16MB), which could not be held',
        "32MB",
    ),
    (
        f"polling:\n  max_in_flight: 64MB\nsources: [{A}, {{url: https://b.example/f, id: b, max_body: 64MB, enabled: false}}]",
        "2:18",
        '64MB is less than twice the max_body of source "b" (64MB)',
        "128MB",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "place", "sentence", "meant"), MISTAKES)
def test_a_mistake_is_told_with_its_place_and_the_bounds(
    tmp_path: Path, text: str, place: str, sentence: str, meant: str | None
) -> None:
    fault = fault_of(tmp_path, text)

    assert f"{fault.line}:{fault.column}" == place
    assert sentence in fault.message
    assert fault.suggestion == meant
