"""The search index follows the store in steps that leave room for other work."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from unit import feed_rules_samples as samples

from aggregator.indexing import BATCH, bring_up_to_date


def test_a_batch_is_indexed_even_while_there_is_other_work_and_the_rest_afterwards(tmp_path: Path) -> None:
    with closing(samples.a_store(tmp_path, *samples.numbered(BATCH + 10))) as store:
        assert bring_up_to_date(store, lambda: False) == BATCH
        assert bring_up_to_date(store) == 10
        assert bring_up_to_date(store) == 0


def test_it_gives_way_before_each_record(tmp_path: Path) -> None:
    gave = []
    with closing(samples.a_store(tmp_path, *samples.numbered(3))) as store:
        bring_up_to_date(store, give_way=lambda: gave.append(1))

    assert len(gave) == 3
