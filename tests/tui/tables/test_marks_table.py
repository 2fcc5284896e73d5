"""The table of marks keeps its rows: thousands of marks are not sorted anew for each row that is drawn."""

from __future__ import annotations

from collections.abc import Callable

from gluscope_tui.kept.marks import Mark
from gluscope_tui.tui.tables.marks import MarksTable
from indexer.addresses import parse_neuron


def test_rows_are_ordered_once_until_something_changes() -> None:
    table = MarksTable()
    marks = [Mark(parse_neuron(f"L{layer}N{index}"), f"note {index}") for index in range(3) for layer in range(2)]
    table.put(marks)
    changes: tuple[Callable[[], None], ...] = (
        lambda: table.put(reversed(marks)),
        table.sort,
        table.sort,
        table.reverse,
        lambda: table.filter("1"),
        lambda: table.filter(""),
        lambda: table.put(marks[:3]),
    )
    for change in changes:
        before = table.rows
        assert table.rows is before
        change()
        assert table.rows != before
    assert [str(mark.neuron) for mark in table.rows] == ["L0N0", "L0N1", "L1N0"]
