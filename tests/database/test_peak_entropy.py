"""The entropy of what a quadrant's examples peak on, against counts of the texts between the marks."""

from __future__ import annotations

import math
import sqlite3
from collections import Counter
from pathlib import Path

import pytest

from gluscope_tui.views.text import around_peak
from indexer.database.bulk.add_search import add_search
from indexer.database.reader import Index
from indexer.database.records import Example
from indexer.errors import GluscopeError
from indexer.quadrants import QUADRANTS
from tests.support.index_fixture import make_index

NAMES = [f"peak_entropy_{quadrant.letters}" for quadrant in QUADRANTS]


def bits(examples: tuple[Example, ...]) -> float | None:
    """-sum p log2 p over the peaks' texts, without case and blanks around."""
    if not examples:
        return None
    peaks = [around_peak(example)[1] for example in examples]
    counts = Counter((peak.strip(" ") or peak).casefold() for peak in peaks)
    return -sum(n / len(peaks) * math.log2(n / len(peaks)) for n in counts.values()) + 0.0


@pytest.mark.slow
@pytest.mark.parametrize("signs", ["aligned", "raw"])
def test_columns_and_records_tell_the_entropy_of_the_examples_by_post(tmp_path: Path, signs: str) -> None:
    truth = make_index(tmp_path / "a.db", layers=2, width=12, documents=30)
    seen = set()
    with Index(truth.path) as index:
        for neuron, *found in index.rows(["neuron", *NAMES], signs=signs):
            record = index.neuron(neuron, signs=signs, rankings=("post",))
            for quadrant, value in zip(QUADRANTS, found, strict=True):
                own = record.quadrants[quadrant]
                want = bits(own.examples["post"])
                assert value == (None if want is None else pytest.approx(want, abs=1e-6))
                assert own.peak_entropy == value
                seen.add(want)
    assert None in seen
    assert len(seen) > 10


@pytest.mark.parametrize("empty", [False, True])
def test_an_index_without_them_says_how_to_add_them_and_gets_them(tmp_path: Path, empty: bool) -> None:
    truth = make_index(tmp_path / "a.db", layers=1, width=8, documents=10)
    with Index(truth.path) as index:
        want = list(index.rows(NAMES))
    with sqlite3.connect(truth.path) as connection:
        if empty:  # as --weights-only leaves it
            connection.execute("DELETE FROM peak_entropy")
        else:
            connection.execute("DROP VIEW neuron_raw")
            connection.execute("DROP VIEW neuron_aligned")
            connection.execute("DROP TABLE peak_entropy")
    with Index(truth.path) as index:
        assert NAMES[0] not in index.table.columns
        assert index.neuron("L0N4", rankings=()).quadrants[QUADRANTS[0]].peak_entropy is None
        with pytest.raises(GluscopeError, match=r"no peak_entropy_pp.*\nadd it: gluscope search --build"):
            index.rows(NAMES)
    add_search(truth.path)
    with Index(truth.path) as index:
        assert list(index.rows(NAMES)) == want
    with sqlite3.connect(truth.path) as connection:
        assert connection.execute(f"SELECT {', '.join(NAMES)} FROM neuron_aligned ORDER BY id").fetchall() == want


def test_an_index_without_examples_by_post_says_so(tmp_path: Path) -> None:
    truth = make_index(tmp_path / "a.db", layers=1, width=8, documents=10, rankings=("gate",))
    with Index(truth.path) as index, pytest.raises(GluscopeError, match="it keeps no examples by post"):
        index.rows(NAMES)
