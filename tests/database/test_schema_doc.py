"""docs/schema.md describes every table and column there is, and its example queries give what they say."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indexer.database.format.schema import APPLICATION_ID, SCHEMA_VERSION
from indexer.database.read.provenance import REQUIRED
from indexer.quadrants import QUADRANTS, QUANTITIES
from indexer.ranking import RANKINGS
from tests.support.index_fixture import Truth, make_index

DOC = (Path(__file__).parents[2] / "docs" / "schema.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    return make_index(tmp_path_factory.mktemp("index") / "a.db", layers=3, width=20)


@pytest.fixture
def plain(truth: Truth) -> sqlite3.Connection:
    return sqlite3.connect(truth.path)


def _expanded(name: str) -> set[str]:
    names = {name}
    for mark, values in (("{quantity}", QUANTITIES), ("{quadrant}", [q.letters for q in QUADRANTS])):
        names = {one.replace(mark, value) for one in names for value in values}
    return names


def _documented() -> dict[str, set[str]]:
    """For each table or view that has a heading, the names in the first column of its first table."""
    found: dict[str, set[str]] = {}
    for section in re.split(r"^##+ ", DOC, flags=re.MULTILINE):
        tables = re.findall(r"`(\w+)`", section.partition("\n")[0])
        rows = re.search(r"\| column \| meaning \|\n\|---\|---\|\n((?:\|.*\n)+)", section)
        if rows is not None:
            cells = [line.split("|")[1] for line in rows[1].splitlines()]
            columns = {name for cell in cells for mark in re.findall(r"`([^`]+)`", cell) for name in _expanded(mark)}
            found.update(dict.fromkeys(tables, columns))
    return found


@pytest.mark.slow
def test_every_table_and_column_is_described(plain: sqlite3.Connection) -> None:
    tables = [
        row[0]
        for row in plain.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")
        if not row[0].startswith("words_")  # the full-text index's own
    ]
    actual = {table: {row[1] for row in plain.execute(f"PRAGMA table_info({table})")} for table in tables}
    assert _documented() == actual


def test_identity_codes_and_keys_are_described() -> None:
    assert f"0x{APPLICATION_ID:X}" in DOC
    assert f"the version of this schema, {SCHEMA_VERSION}." in DOC
    for ranking in RANKINGS.values():
        assert re.search(rf"\b{ranking.code} {ranking.name}\b", DOC)
    for key in REQUIRED:
        assert f"| `{key}` |" in DOC


def _queries() -> list[str]:
    return re.findall(r"```sql\n(.*?)```", DOC, flags=re.DOTALL)


def _signed(truth: Truth) -> list[dict[str, Any]]:
    """Counts and the values of post in -+, with aligned signs, by the definition."""
    found = []
    for site in truth.sites:
        assert site.flipped is not None
        values = [v[:, mask] for v, mask in zip(truth.values[site.address.name], truth.counted, strict=True)]
        every = np.concatenate(values, axis=1).astype(np.float64)  # quantity token neuron
        for index in range(site.width):
            gate, in_, _, post = every[:, :, index]
            if site.flipped[index]:
                in_, post = -in_, -post
            inside = (gate < 0) & (in_ > 0)
            counts = [int(((gate * q.gate_sign > 0) & (in_ * q.in_sign > 0)).sum()) for q in QUADRANTS]
            found.append(
                {
                    "neuron": f"{site.address}N{index}",
                    "layer": site.address.layer,
                    "counts": counts,
                    "tokens": len(gate),
                    "post": post[inside],
                    "open": (gate > 0).mean(),
                }
            )
    return found


@pytest.mark.slow
def test_the_first_query_lists_the_neurons_often_in_np(truth: Truth, plain: sqlite3.Connection) -> None:
    rows = plain.execute(_queries()[0]).fetchall()
    often = [one for one in _signed(truth) if one["counts"][2] / one["tokens"] > 0.2]
    expected = sorted(often, key=lambda one: float(min(one["post"])))[:10]
    assert len(often) > 10
    assert [row[0] for row in rows] == [one["neuron"] for one in expected]
    for (_, frequency, mean, extreme), one in zip(rows, expected, strict=True):
        assert frequency == one["counts"][2] / one["tokens"]
        assert mean == pytest.approx(one["post"].mean())
        assert extreme == min(one["post"])


def test_the_second_query_tells_how_often_gates_are_open(truth: Truth, plain: sqlite3.Connection) -> None:
    rows = plain.execute(_queries()[1]).fetchall()
    assert [row[0] for row in rows] == [0, 1, 2]
    for layer, gate_positive, empty in rows:
        own = [one for one in _signed(truth) if one["layer"] == layer]
        assert gate_positive == pytest.approx(np.mean([one["open"] for one in own]))
        assert empty == sum(0 in one["counts"] for one in own) > 0


def test_the_third_query_counts_the_sampled_positions_of_each_source(truth: Truth, plain: sqlite3.Connection) -> None:
    sources = [truth.sources[truth.sequences[sequence].document] for sequence, _ in truth.sample]
    expected = sorted(
        ((source, sources.count(source)) for source in set(sources)), key=lambda pair: (-pair[1], pair[0])
    )
    assert plain.execute(_queries()[2]).fetchall() == expected


def test_no_query_is_left_untested() -> None:
    assert len(_queries()) == 3
