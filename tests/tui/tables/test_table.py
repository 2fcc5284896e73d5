"""The table widget and its state: only visible rows are drawn and read, cells stay in their columns."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.strip import Strip

from gluscope_tui.colour.depth import Depth
from gluscope_tui.tui.drawing.palette import Palette, palette
from gluscope_tui.tui.session.current_list import CurrentList, NumberedNeurons
from gluscope_tui.tui.session.numbering import Numbering
from gluscope_tui.tui.tables.cells import headings, parts
from gluscope_tui.tui.tables.pages import PAGE, Pages, pages_of
from gluscope_tui.tui.tables.view import TableView
from gluscope_tui.tui.widgets.table import Cell, Heading, Table, TablePicture
from gluscope_tui.tui.widgets.table_title import TableTitle, TitleOfTable
from gluscope_tui.views.column_words import column_words
from gluscope_tui.views.table import level
from gluscope_tui.views.weights import short_class
from indexer.addresses import parse_neuron
from indexer.database.format.classes import CLASSES
from indexer.database.format.columns import COLUMNS, columns_in
from tests.support import hostile
from tests.support.sites import SITES, site

NUMBERING = Numbering(SITES)
NAMES = ("neuron", "frequency_pp", "frequency_pn", "cos_in_out", "extreme_post_nn", "layer")


def drawn(picture: TablePicture, width: int, height: int, looks: Palette | None = None) -> list[Strip]:
    return Table(looks or palette(Depth.TRUE)).draw(picture, width, height)


def texts(picture: TablePicture, width: int, height: int) -> list[str]:
    return [strip.text for strip in drawn(picture, width, height)]


def row(number: int) -> tuple[Cell, ...]:
    return (Cell(f"L0N{number}"), *(Cell(f"{number}{name[:2]}") for name in NAMES[1:]))


def picture(first: int = 0, rows: int = 5, place: int = 1, column: int | None = 1, **more: object) -> TablePicture:
    seen = tuple(row(number) for number in range(first, first + rows))
    return TablePicture(headings(NAMES, SITES), seen, first, place, column, **more)  # type: ignore[arg-type]


def test_values_are_under_their_headings_and_groups_are_named_once() -> None:
    lines = texts(picture(sorted_by="frequency_pn"), 80, 10)
    assert lines[0].split() == ["frequency", "cos", "extreme", "post"]
    assert lines[1].split() == ["neuron", "++", "↓+-", "in", "out", "--", "layer"]
    for head, value in (("++", "1fr"), ("out", "1co"), ("--", "1ex")):
        assert lines[1].index(head) + len(head) == lines[3].index(value) + len(value)
    assert lines[3].startswith("▸L0N1")
    assert lines[2].startswith(" L0N0")


def test_the_cursors_cell_is_bracketed_and_underlined_in_its_own_colours() -> None:
    for depth in (Depth.TRUE, Depth.NONE):
        looks = palette(depth)
        cells = (Cell("L0N1"), *(Cell("0.5", 2) for _ in NAMES[1:]))
        both = [drawn(replace(picture(rows=2, column=column), rows=(cells, cells)), 80, 10, looks) for column in (1, 2)]
        here, away = (next(part for part in strips[3] if "0.5" in part.text) for strips in both)
        assert here.style is not None
        assert away.style is not None
        assert (bool(here.style.underline), bool(away.style.underline)) == (True, False)
        assert (here.style.color, here.style.bgcolor) == (away.style.color, away.style.bgcolor)
        assert not any(part.style and part.style.reverse for strip in both[0][2:] for part in strip)
        assert re.search(r"\[ *0\.5\] ", both[0][3].text)
        assert both[0][2].text.count("[") == 0  # only in the cursor's row
        assert [part.text for part in both[0][1] if part.style and part.style.reverse] == ["      ++"]


def test_a_class_is_shortened_where_it_does_not_fit_and_whole_where_it_does() -> None:
    names = ("neuron", "rw_class")
    cell = Cell("atypical conditional strengthening", short=short_class("atypical conditional strengthening"))
    shown = TablePicture(headings(names, SITES), ((Cell("L0N1"), cell),))
    assert "atyp. cond. stren." in texts(shown, 40, 5)[2]
    assert "atypical conditional strengthening" in texts(shown, 60, 5)[2]
    before = ("neuron", "rw_class", "frequency_pp", "layer")  # as a condition on the class has it
    shown = TablePicture(headings(before, SITES), ((Cell("L0N1"), cell, Cell("6.38%"), Cell("12")),))
    for width, text in ((54, "atyp. cond. stren."), (64, "atypical conditional strengthening")):
        head, line = texts(shown, width, 5)[1:3]
        assert text in line
        assert head.index("++") + 2 == line.index("6.38%") + 5
        assert line.rstrip().endswith(" 12")
    for rw_class in CLASSES:
        for whole in (rw_class, f"atypical {rw_class}"):
            assert len(short_class(whole)) <= 18


def test_a_condition_is_whole_rather_than_the_words_of_a_column() -> None:
    where = "site = 'L12' and rw_class = 'conditional strengthening'"
    shown = TitleOfTable(
        "neurons", 0, 277, what=where, order="frequency_pn down", more="frequency_pn: share of tokens in +-"
    )
    title = TableTitle(palette(Depth.TRUE))
    words = ["".join(text for text, _ in title.line(shown, width)) for width in (60, 120, 140)]
    assert ["…" in line for line in words] == [True, False, False]
    assert [where in line for line in words] == [False, True, True]
    assert ["share of tokens" in line for line in words] == [False, False, True]


def test_the_columns_of_a_condition_come_first() -> None:
    assert columns_in("neuron > 'L1' and cos_gate_in < -0.5 and frequency_PP > 0.1") == [
        "neuron", "cos_gate_in", "frequency_pp",
    ]  # fmt: skip
    assert columns_in("rw_class = 'zero' or rw_class = \"layer\"") == ["rw_class"]
    assert all(column_words(name) for name in COLUMNS)


def test_the_first_column_stays_while_the_others_follow_the_cursor() -> None:
    table = Table(palette(Depth.TRUE))
    first = [strip.text for strip in table.draw(picture(column=1), 40, 5)]
    last = [strip.text for strip in table.draw(picture(column=5), 40, 5)]
    again = [strip.text for strip in table.draw(picture(column=1), 40, 5)]
    assert "++" in first[1]
    assert "layer" not in first[1]
    assert "layer" in last[1]
    assert "++" not in last[1]
    assert all("neuron" in lines[1] for lines in (first, last))
    assert again == first


def test_unread_rows_are_marked_and_an_empty_table_is_explained() -> None:
    waiting = TablePicture(headings(NAMES, SITES), (None, row(7)), 6, 6, 1)
    lines = texts(waiting, 80, 6)
    assert lines[2].split() == ["▸⋮"]
    assert "L0N7" in lines[3]
    assert "nothing is there" in texts(TablePicture(headings(NAMES, SITES), (), empty="nothing is there"), 80, 6)[2]


@given(
    width=st.integers(1, 130),
    column=st.integers(0, 3),
    cells=st.lists(hostile.texts, min_size=4, max_size=4),
    ascii_only=st.booleans(),
)
def test_any_text_in_any_width_gives_rows_of_exactly_that_width_without_control_characters(
    width: int, column: int, cells: list[str], ascii_only: bool
) -> None:
    heads = tuple(
        Heading(f"c{number}", "of a group", f"c{number}", number * 5 + 3, number % 2 == 0) for number in range(4)
    )
    shown = TablePicture(heads, (tuple(Cell(text, 3) for text in cells),), 0, 0, column, empty="none")
    for strip in drawn(shown, width, 4, palette(Depth.TRUE, ascii_only=ascii_only)):
        assert cell_len(strip.text) == width
        assert strip.text.isprintable()
        assert not ascii_only or strip.text.isascii()


def test_every_documented_column_has_a_heading_that_fits_it() -> None:
    assert parts("extreme_post_np") == ("extreme post", "-+")
    assert parts("cos_in_out") == ("cos", "in out")
    assert parts("layer") == ("", "layer")
    assert parts("frequency_gate_positive") == ("frequency", "gate positive")
    for heading in headings(tuple(COLUMNS), SITES):
        assert heading.width >= len(heading.lower) > 0
    assert headings(("neuron",), SITES)[0].width == len("L29N1535")


def test_shares_and_cosines_are_shaded_by_size_and_sign_and_nothing_else_is() -> None:
    assert [level("frequency_pp", share, 16) for share in (0.0, 1.0)] == [0, 16]
    assert 0 < level("frequency_pp", 0.05, 16) < level("frequency_pp", 0.5, 16) < 16
    assert level("cos_in_out", -0.5, 16) == -level("cos_in_out", 0.5, 16) < 0
    for name, value in (("extreme_post_pp", 7.0), ("cos_in_out", None), ("rw_class", "weakening")):
        assert level(name, value, 16) == 0
    assert level("cos_in_out", 1.0, 0) == 0


@given(total=st.integers(0, 500), rows=st.integers(1, 60), moves=st.lists(st.integers(-600, 600), max_size=12))
def test_the_cursor_stays_in_the_table_and_in_sight(total: int, rows: int, moves: list[int]) -> None:
    view, place = TableView(), 0
    for by in moves:
        view = view.move(by, total).seen(rows, total)
        place = max(0, min(total - 1, place + by))
        assert view.place == place
        assert view.top <= view.place < view.top + rows
        assert 0 <= view.top <= max(0, total - rows)


def test_only_pages_in_sight_and_beside_it_are_ever_read() -> None:
    """Ten million rows: the pages read cover the screen first, then one page after it and one before."""
    total, pages = 10_000_000, Pages()
    asked = []
    while (page := pages.missing(pages_of(5_000_000, 5_000_039), total)) is not None:
        asked.append(page)
        pages.put(pages.version, page, [(number,) for number in range(page * PAGE, (page + 1) * PAGE)])
    first, last = 5_000_000 // PAGE, 5_000_039 // PAGE
    assert asked == [*range(first, last + 1), last + 1, first - 1]
    assert pages.row(5_000_039) == (5_000_039,)
    assert pages.row(6_000_000) is None


def test_pages_of_another_query_are_not_kept_and_old_ones_are_forgotten() -> None:
    pages = Pages()
    before = pages.version
    pages.put(before, 0, [(1,)])
    pages.clear()
    pages.put(before, 0, [(2,)])
    assert pages.row(0) is None
    for page in range(100):
        pages.put(pages.version, page, [(page,)])
    assert pages.row(0) is None
    assert pages.row(99 * PAGE) == (99,)
    assert pages.row(99 * PAGE + 1) is None
    assert [pages.missing(pages_of(0, 0), 1), pages.missing(pages_of(0, PAGE - 1), 0)] == [0, None]


@given(st.lists(st.integers(0, 30 * 1536 - 1), min_size=1, max_size=40, unique=True), st.data())
def test_a_list_of_row_numbers_holds_their_neurons_in_that_order(numbers: list[int], data: st.DataObject) -> None:
    neurons = NumberedNeurons(numbers, NUMBERING)
    expected = [parse_neuron(f"L{number // 1536}N{number % 1536}") for number in numbers]
    assert list(neurons) == expected
    assert neurons[1:5] == expected[1:5]
    place = data.draw(st.integers(0, len(numbers) - 1))
    assert CurrentList("x", neurons).find(expected[place]) == CurrentList("x", neurons, place)
    outside = next(number for number in range(100) if number not in numbers)
    assert CurrentList("x", neurons).find(NUMBERING.address(outside)) is None
    assert CurrentList("x", neurons).find(parse_neuron("L31N0")) is None


def test_row_numbers_follow_the_sites_even_with_gaps() -> None:
    assert list(NUMBERING.all()) == list(range(30 * 1536))
    gapped = Numbering([site(0, 3), site(2, 3)])
    assert list(gapped.all()) == [0, 1, 2, 6, 7, 8]
    assert str(gapped.address(7)) == "L2N1"
    with pytest.raises(KeyError):
        gapped.number(parse_neuron("L2N3"))
