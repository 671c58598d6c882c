"""What is counted, as a scraper reads it."""

from prometheus_client.parser import text_string_to_metric_families

from aggregator.metrics import Metrics, Present

PRESENT = Present(
    sources={"ok": 40, "failing": 2},
    records=1234,
    store_bytes=5_000_000,
    under_way=3,
    ticked_at=1_767_225_600.5,
    ready=True,
    config_good=False,
    incidents=2,
)


def samples(metrics: Metrics, present: Present = PRESENT) -> dict[str, float]:
    """Return by name and labels what a scraper reads."""
    text = metrics.exposed(present).decode()
    return {
        sample.name + "".join(f"{{{key}={value}}}" for key, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_polls_are_counted_by_what_they_came_to() -> None:
    metrics = Metrics()
    metrics.polled("updated", 0.3, size=9_000, new=3, updated=1)
    metrics.polled("updated", 0.3, size=1_000, new=1)
    metrics.polled("timeout", 31.0)

    told = samples(metrics)

    assert told["aggregator_polls_total{result=updated}"] == 2
    assert told["aggregator_polls_total{result=timeout}"] == 1
    assert told["aggregator_entries_total{change=new}"] == 4
    assert told["aggregator_entries_total{change=updated}"] == 1
    assert told["aggregator_received_bytes_total"] == 10_000


def test_the_buckets_of_durations_hold_all_that_is_shorter() -> None:
    metrics = Metrics()
    for seconds in (0.05, 0.3, 31.0):
        metrics.polled("updated", seconds)

    told = samples(metrics)

    assert told["aggregator_poll_seconds_bucket{le=0.05}"] == 1
    assert told["aggregator_poll_seconds_bucket{le=0.5}"] == 2
    assert told["aggregator_poll_seconds_bucket{le=30.0}"] == 2
    assert told["aggregator_poll_seconds_bucket{le=+Inf}"] == 3
    assert told["aggregator_poll_seconds_count"] == 3
    assert round(told["aggregator_poll_seconds_sum"], 6) == 31.35


def test_a_visitor_cannot_make_up_labels() -> None:
    metrics = Metrics()
    metrics.answered("feed", 200)
    metrics.answered("feed", 304)
    for number in range(500):
        metrics.answered(f"/made-up/{number}", 400 + number % 100)

    told = {name: value for name, value in samples(metrics).items() if name.startswith("aggregator_http")}

    assert told == {
        "aggregator_http_requests_total{route=feed}{status=2xx}": 1,
        "aggregator_http_requests_total{route=feed}{status=304}": 1,
        "aggregator_http_requests_total{route=other}{status=4xx}": 500,
    }


def test_what_is_so_now_is_told_with_it() -> None:
    told = samples(Metrics())

    assert told["aggregator_sources{state=ok}"] == 40
    assert told["aggregator_records"] == 1234
    assert told["aggregator_polls_under_way"] == 3
    assert told["aggregator_ready"] == 1
    assert told["aggregator_config_good"] == 0
    assert told["aggregator_last_tick_timestamp_seconds"] == 1_767_225_600.5
    assert "process_open_fds" in told


def test_a_scheduler_that_has_not_started_has_no_last_tick() -> None:
    present = Present({}, 0, 0, 0, None, ready=False, config_good=True, incidents=0)

    assert "aggregator_last_tick_timestamp_seconds" not in samples(Metrics(), present)
