"""The layout of the home screen at every size."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gluscope_tui.tui.drawing.layout import Layout, Rectangle, home_layout, top_to_show
from indexer.quadrants import QUADRANTS, Quadrant


def rows_of_contexts(pane: Rectangle, layout: Layout) -> int:
    """The rows of a pane, without its title and its `writes` line."""
    return pane.height - (2 if layout.kind == "grid" else 1)


@pytest.mark.parametrize(
    ("size", "rows"), [((80, 23), [8, 8, 7, 7]), ((80, 24), [8, 8, 7, 7]), ((120, 40), [16, 16, 15, 15])]
)
def test_each_of_the_four_panes_shows_the_promised_contexts(size: tuple[int, int], rows: list[int]) -> None:
    layout = home_layout(*size, Quadrant.PP)
    assert layout.kind == "grid"
    assert [rows_of_contexts(layout.panes[quadrant], layout) for quadrant in QUADRANTS] == rows


def test_sixty_by_twenty_is_one_pane_of_fourteen_contexts_under_a_tab_row() -> None:
    layout = home_layout(60, 20, Quadrant.NP)
    assert (layout.kind, list(layout.panes)) == ("single", [Quadrant.NP])
    assert layout.parts["tabs"] == Rectangle(0, 1, 60, 1)
    assert rows_of_contexts(layout.panes[Quadrant.NP], layout) == 14


@pytest.mark.parametrize(
    ("size", "kind"),
    [
        ((72, 18), "grid"),
        ((71, 18), "single"),
        ((72, 17), "single"),
        ((40, 10), "single"),
        ((39, 10), "small"),
        ((40, 9), "small"),
        ((1, 1), "small"),
    ],
)
def test_the_borders_between_the_kinds_of_layout(size: tuple[int, int], kind: str) -> None:
    assert home_layout(*size, Quadrant.PP).kind == kind


def test_legend_and_hints_go_first_under_sixteen_rows() -> None:
    assert {"legend", "hints"} <= set(home_layout(80, 16, Quadrant.PP).parts)
    low = set(home_layout(80, 15, Quadrant.PP).parts)
    assert "inspector" in low
    assert not {"legend", "hints"} & low


def test_the_list_is_beside_the_panes_from_110_columns_and_replaces_them_below() -> None:
    assert "list" in home_layout(110, 30, Quadrant.PP).parts
    assert "list" not in home_layout(109, 30, Quadrant.PP).parts
    narrow = home_layout(109, 30, Quadrant.PP, in_list=True)
    assert (narrow.kind, narrow.panes) == ("list", {})
    assert narrow.parts["list"] == Rectangle(0, 2, 109, 25)


@pytest.mark.parametrize(("height", "heads"), [(10, 1), (23, 1), (24, 2), (60, 2)])
def test_from_24_rows_the_header_has_a_line_for_the_index_and_one_for_the_neuron(height: int, heads: int) -> None:
    assert home_layout(80, height, Quadrant.PP).parts["header"] == Rectangle(0, 0, 80, heads)


@given(st.integers(1, 300), st.integers(1, 100), st.sampled_from(QUADRANTS), st.booleans(), st.booleans())
def test_at_any_size_the_parts_cover_every_cell_once(
    width: int, height: int, focused: Quadrant, zoomed: bool, in_list: bool
) -> None:
    layout = home_layout(width, height, focused, zoomed=zoomed, in_list=in_list)
    seen = [0] * (width * height)
    for part in [*layout.parts.values(), *layout.panes.values()]:
        assert min(part.width, part.height) >= 1
        for y in range(part.y, part.y + part.height):
            for x in range(part.x, part.x + part.width):
                seen[y * width + x] += 1
    assert seen == [1] * len(seen)


@given(st.integers(0, 60), st.integers(0, 50), st.integers(0, 5), st.integers(1, 30), st.integers(0, 50))
def test_scrolling_keeps_the_cursor_in_sight_and_never_passes_the_end(
    top: int, first: int, more: int, rows: int, rest: int
) -> None:
    last, total = first + more, first + more + 1 + rest
    new = top_to_show(top, first, last, rows, total)
    assert 0 <= new <= max(0, total - rows)
    assert new <= first < new + rows
    if more < rows:
        assert last < new + rows
