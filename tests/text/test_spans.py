"""Promises of lines: exact widths, the peak in its column, every token in its place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from gluscope_tui.text.pieces import pieces
from gluscope_tui.text.spans import PADDING, Line, concordance, text_of, wrap

from ..support import hostile

sides = st.integers(0, 30)
words = st.lists(st.from_regex(r" ?[a-z]{1,6}", fullmatch=True), min_size=1, max_size=12)


def start_of(line: Line, token: int) -> int | None:
    """The column in which a token's cells begin."""
    cells = 0
    for span in line:
        if span.belongs_to(token):
            return cells
        cells += span.width
    return None


@given(hostile.tokens, st.data(), sides, sides, st.booleans(), st.booleans())
def test_a_line_has_exactly_the_cells_asked_for(
    tokens: list[str], data: st.DataObject, before: int, after: int, ascii_only: bool, marked: bool
) -> None:
    peak = data.draw(st.integers(0, len(tokens) - 1))
    marks = ("<", ">") if marked else None
    line = concordance(tokens, peak, before, after, ascii_only=ascii_only, marks=marks)
    assert sum(span.width for span in line) == before + after
    assert all(cell_len(span.text) == span.width for span in line)
    assert cell_len(text_of(line)) == before + after
    assert hostile.harmful(text_of(line)) == []


@given(hostile.tokens, st.data(), st.integers(0, 30))
def test_the_peak_starts_in_its_column(tokens: list[str], data: st.DataObject, before: int) -> None:
    peak = data.draw(st.integers(0, len(tokens) - 1))
    line = concordance(tokens, peak, before, 40)
    if any(tokens):  # otherwise there is nothing to show
        assert start_of(line, peak) == before
    marked = concordance(tokens, peak, before + 1, 40, marks=("«", "»"))
    if any(tokens):
        assert start_of(marked, peak) == before
        assert next(span.text[0] for span in marked if span.belongs_to(peak)) == "«"


@pytest.mark.slow
@given(words, st.data(), sides, sides)
def test_plain_text_is_a_slice_of_the_text_around_the_peak(
    tokens: list[str], data: st.DataObject, before: int, after: int
) -> None:
    peak = data.draw(st.integers(0, len(tokens) - 1))
    start = len("".join(tokens[:peak]))
    padded = " " * before + "".join(tokens) + " " * after
    assert text_of(concordance(tokens, peak, before, after)) == padded[start : start + before + after]


@given(hostile.tokens, st.data())
def test_spans_follow_the_tokens(tokens: list[str], data: st.DataObject) -> None:
    peak = data.draw(st.integers(0, len(tokens) - 1))
    shown = [span for span in concordance(tokens, peak, 500, 500) if span.token != PADDING]
    places = [(span.token, span.last) for span in shown]
    assert places == sorted(places)
    if any(tokens):
        assert {token for span in shown for token in span.tokens} == set(range(len(tokens)))
    assert text_of(shown) == "".join(piece.text for piece in pieces(tokens, peak))


@pytest.mark.parametrize("tokens", [["a", " ", " ", ""], ["a", " ", " ", "\u0301"], ["", "0\x1f", " ", ""]])
def test_a_peak_at_the_end_shares_no_run_of_blanks(tokens: list[str]) -> None:
    peak = len(tokens) - 1
    shared = [span for span in concordance(tokens, peak, 500, 500) if span.belongs_to(peak)]
    assert [[tokens[token] for token in span.tokens] for span in shared] == [tokens[-2:]]


@given(hostile.tokens, st.data())
def test_the_peak_shares_no_cell_unless_it_is_part_of_a_character(tokens: list[str], data: st.DataObject) -> None:
    peak = data.draw(st.integers(0, len(tokens) - 1))
    shared = [span for span in concordance(tokens, peak, 500, 500) if span.belongs_to(peak) and span.token != span.last]
    for span in shared:
        later = [tokens[token] for token in span.tokens][1:]
        assert all(not token or cell_len(token[0]) == 0 for token in later) or not tokens[span.token]


def test_runs_of_blanks_show_as_one_stand_in_with_their_length() -> None:
    assert text_of(concordance(["a    b\n\n  c\t\td"], 0, 0, 9)) == "a␣⁴b↵c→d "
    assert text_of(concordance(["a", "\n", "\n", "    ", " b", "   ", "c"], 0, 0, 8)) == "a↵ b␣³c "
    assert text_of(concordance(["a", " ", "b"], 0, 0, 3)) == "a b"
    assert text_of(concordance(["a", " " * 12, "b"], 0, 0, 6, ascii_only=True)) == "a_12b "


def test_a_blank_peak_has_a_cell_of_its_own() -> None:
    line = concordance(["a", "\n", "\n", "\n", "b"], 2, 3, 5)
    assert text_of(line) == " a↵↵↵b  "
    assert [span.text for span in line if span.belongs_to(2)] == ["↵"]


def test_later_parts_of_a_character_share_its_cell() -> None:
    line = concordance([" 日", "", "本"], 1, 2, 6)
    assert text_of(line) == "  日本  "
    assert [(span.text, span.token, span.last) for span in line] == [
        (" ", PADDING, PADDING), (" ", 0, 0), ("日", 0, 1), ("本", 2, 2), ("  ", PADDING, PADDING),
    ]  # fmt: skip
    combined = concordance(["e", "\u0301", "x"], 1, 0, 3)
    assert [(span.text, span.token, span.last) for span in combined][:2] == [("e\u0301", 0, 1), ("x", 2, 2)]


def test_a_wide_character_is_never_halved() -> None:
    assert text_of(concordance(["日本", "x", "語"], 1, 3, 2)) == " 本x "
    assert text_of(concordance(["ab⟨", "\u202e"], 1, 3, 4)) == "ab⟨    "


@given(hostile.tokens, st.integers(2, 20), st.data())
def test_wrapped_lines_hold_everything_in_exact_widths(tokens: list[str], width: int, data: st.DataObject) -> None:
    peak = data.draw(st.integers(0, len(tokens) - 1))
    lines = wrap(tokens, width, peak=peak)
    assert all(cell_len(text_of(line)) == width == sum(span.width for span in line) for line in lines)
    text = "".join(text_of([span for span in line if span.token != PADDING]) for line in lines)
    fitting = [piece.text if piece.sliceable or piece.width <= width else "?" * width for piece in pieces(tokens, peak)]
    assert text == "".join(fitting)


def test_wrapping_breaks_after_blanks() -> None:
    lines = wrap(["The", " capital", " of", " France", " is"], 9, peak=3, marks=("«", "»"))
    assert [text_of(line) for line in lines] == ["The      ", "capital  ", "of«      ", "France»  ", "is       "]


def test_code_looks_like_code_where_lines_are_as_written() -> None:
    code = ["def", " f(", "x):", "\n", "    ", "if", " x:", "\n\n", "\t", "return", "  ", "x"]
    lines = [text_of(line) for line in wrap(code, 12, peak=5, as_written=True)]
    assert lines == ["def f(x):↵  ", "    if x:↵  ", "↵           ", "→   return  ", "x           "]
    assert [text_of(line) for line in wrap(["a", "\t", "b"], 12, as_written=True)] == ["a→  b       "]
    assert [text_of(line) for line in wrap(["a\n", "b"], 6, ascii_only=True, as_written=True)] == ["a\\n   ", "b     "]


@given(st.lists(st.text(max_size=6), min_size=1, max_size=12), st.integers(1, 30))
def test_lines_as_written_have_an_exact_width_and_end_at_newlines(tokens: list[str], width: int) -> None:
    lines = wrap(tokens, width, as_written=True)
    assert all(cell_len(text_of(line)) == width == sum(span.width for span in line) for line in lines)
    if width >= 12:  # nothing is cut
        found = "".join(text_of(line).rstrip(" ") for line in lines)
        assert found.count("↵") == "".join(tokens).count("\n") + "".join(tokens).count("↵")
        assert all("↵" not in text_of(line).rstrip(" ")[:-1] for line in lines) or "↵" in "".join(tokens)


def test_no_width_gives_no_line() -> None:
    assert wrap(["a"], 0) == []
    assert concordance(["a"], 0, 0, 0) == ()
