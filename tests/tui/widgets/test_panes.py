"""The rows that the parts of the screens draw."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.strip import Strip

import indexer
from gluscope_tui.colour.contrast import VGA, XTERM, ratio
from gluscope_tui.colour.depth import Depth
from gluscope_tui.colour.ramp import ramp
from gluscope_tui.colour.themes import THEMES
from gluscope_tui.tui.drawing.contexts import context_rows, value_columns
from gluscope_tui.tui.drawing.find import found_tokens
from gluscope_tui.tui.drawing.palette import Palette, palette
from gluscope_tui.tui.drawing.titles import bar, end, title
from gluscope_tui.tui.session.typing_line import Typing
from gluscope_tui.tui.session.view import Cursor
from gluscope_tui.tui.widgets.header import Header, HeaderLine
from gluscope_tui.tui.widgets.inspector import Inspected, Inspector
from gluscope_tui.tui.widgets.legend import Legend, Scale
from gluscope_tui.tui.widgets.lines import Lines, Picture
from gluscope_tui.tui.widgets.pane import Pane, PanePicture
from gluscope_tui.tui.widgets.prompt import Prompt
from gluscope_tui.tui.widgets.source_line import SourceLine, SourceOfContext
from gluscope_tui.tui.widgets.tabs import TabRow, Tabs
from gluscope_tui.tui.widgets.token_table import TableOfContext, TokenTable
from gluscope_tui.views.contexts import Look, neuron_scale, split_width
from gluscope_tui.views.numbers import signed
from indexer.addresses import parse_neuron
from indexer.database.records import Example, NeuronRecord, QuadrantRecord, Quantities
from indexer.quadrants import QUADRANTS, Quadrant
from tests.support.index_fixture import make_index

TRUE = palette(Depth.TRUE)
NOTHING = Quantities(None, None, None, None)


def example(tokens: tuple[str, ...], peak: int, post: tuple[float | None, ...], quadrant: Quadrant) -> Example:
    """A context whose tokens all lie in the quadrant, except those without a value."""
    gate = tuple(None if value is None else 2.0 * quadrant.gate_sign for value in post)
    in_ = tuple(None if value is None else 1.5 * quadrant.in_sign for value in post)
    value = post[peak] or 0.0
    return Example("post", 0, value, 5, 0, peak, "s", peak, "".join(tokens), tokens, gate, in_, post, post)


def record(examples: tuple[Example, ...], count: int, quadrant: Quadrant = Quadrant.PP) -> QuadrantRecord:
    largest = max((abs(e.value) for e in examples), default=0.0)
    extreme = Quantities(2.0, 1.5, largest, largest) if count else NOTHING
    mean = Quantities(0.5, 0.25, 0.1234, 0.1234) if count else NOTHING
    return QuadrantRecord(quadrant, count, count / 100_000, mean, extreme, {"post": examples})


def picture(stats: QuadrantRecord, **more: object) -> PanePicture:
    look = Look("post", stats.extreme.post or 1.0, TRUE.ramp)
    shown = PanePicture(stats, 100_000, "post", 16, look, Cursor(), focused=True)
    return replace(shown, **more)  # type: ignore[arg-type]  # fields by name


def rows_of(widget: Lines[Picture], shown: Picture, width: int, height: int) -> list[str]:
    return [strip.text for strip in widget.draw(shown, width, height)]


def pane_rows(shown: PanePicture, width: int = 39, height: int = 10, colours: Palette = TRUE) -> list[str]:
    return [strip.text for strip in Pane(shown.record.quadrant, colours).draw(shown, width, height)]


FRANCE = example(
    (" and", " largest", " city", " of", " France", " is", " Paris"), 4, (0.1,) * 4 + (7.7, 0.2, 0.3), Quadrant.PP
)
BORDERS = example(
    (" in", " the", " south", " of", " France", ",", " not"), 4, (0.1,) * 4 + (7.4, 0.2, 0.3), Quadrant.PP
)


def test_every_peak_of_a_pane_starts_in_the_same_column() -> None:
    rows = pane_rows(picture(record((FRANCE, BORDERS), 14_021)))
    assert rows[1].startswith("▸+7.70 ")
    assert rows[2].startswith(" +7.40 ")
    assert rows[1].index("[France]") == rows[2].index(" France") == 7 + split_width(32)[0]


def test_the_title_gives_frequency_count_mean_and_extreme_and_grows_with_the_room() -> None:
    stats = record((FRANCE,), 12_400)
    assert title(stats, 100_000, "post", 39) == "++ ▃ 12.4%  post mean +0.123 max +7.70"
    assert title(stats, 100_000, "post", 44) == "++ ▃ 12.4% 12,400 post mean +0.123 max +7.70"
    assert title(stats, 100_000, "post", 43) == "++ ▃ 12.4% 12.4k post mean +0.123 max +7.70"
    assert title(stats, 100_000, "post", 48) == "++ gate+ in+ ▃ 12.4%  post mean +0.123 max +7.70"
    assert title(stats, 100_000, "post", 50, faint="V") == "++ gate+ in+ ▃ 12.4% 12.4k post max +7.70 faint: V"
    assert title(stats, 100_000, "post", 80) == "++ gate+ in+  ▃ 12.4%  12,400 tokens  post mean +0.123 max +7.70"
    assert title(record((FRANCE,), 3), 100_000, "post", 39) == "++ ▁ 3/100k  post mean +0.123 max +7.70"
    assert title(stats, 100_000, "gate", 80).endswith("gate mean +0.500 max +2.00")
    assert title(record((), 0), 113_108, "post", 39) == "++ never  0 of 113,108"


@pytest.mark.slow
@given(st.integers(1, 120), st.integers(0, 10**9), st.sampled_from(["", "V"]))
def test_a_title_is_never_wider_than_its_pane(width: int, count: int, faint: str) -> None:
    words = title(record((FRANCE,), count), 10**9, "post", width, faint=faint)
    assert len(words) <= width


def test_an_empty_pane_says_so() -> None:
    rows = pane_rows(picture(record((), 0, Quadrant.NN)))
    assert "never  0 of 100,000" in rows[0]
    assert rows[1].strip() == "no counted token had gate - and in -"


def test_the_line_after_the_last_context_counts_them() -> None:
    few = record((FRANCE, replace(BORDERS, document=6)), 2)
    assert end(few, "post", 16) == "end · 2 tokens, 2 sequences, all shown"
    assert end(record((FRANCE,), 9_400), "post", 1) == "end · 9,400 tokens, 1 context kept"
    assert end(record((FRANCE,), 9_400), "post", 16) == "end · 9,400 tokens, 1 different context, all shown"
    drawn = replace(few, count=9_400, examples={"random": (FRANCE,) * 8})
    assert end(drawn, "random", 16) == "end · 9,400 tokens, 8 contexts drawn"
    assert pane_rows(picture(few), 42)[3].strip() == "end · 2 tokens, 2 sequences, all shown"
    assert pane_rows(picture(few))[3].strip() == "2 tokens, 2 sequences, all shown"


def test_only_tokens_of_the_panes_quadrant_have_a_background() -> None:
    mixed = replace(FRANCE, in_=(1.5, 1.5, 1.5, -1.5, 1.5, None, 1.5))
    own = context_rows(mixed, Quadrant.PP, 60, Look("post", 7.7, TRUE.ramp), TRUE)[0]
    ground = TRUE.text.bg
    coloured = "".join(text for text, style in own.parts if style.bg != ground)
    assert " of" not in coloured
    assert " is" not in coloured
    assert " France" in coloured
    every = context_rows(mixed, Quadrant.PP, 60, Look("post", 7.7, TRUE.ramp, own_only=False), TRUE)[0]
    assert " of" in "".join(text for text, style in every.parts if style.bg != ground)


def test_peak_cursor_and_matches_are_marked_without_colour() -> None:
    bare = palette(Depth.NONE)
    look = Look("post", 1000.0, ramp(Depth.NONE))  # too faint for any level
    row = context_rows(FRANCE, Quadrant.PP, 60, look, bare, cursor=1, find="city")[0]
    styles = dict(row.parts)
    assert (styles[" France"].bold, styles[" France"].underline) == (True, True)
    assert (styles["[largest"].underline, styles["[largest"].bold) == (True, False)
    assert styles["]city"].underline
    assert styles["]city"].reverse
    assert styles[" of"] == bare.faint


def test_brackets_close_after_the_last_token_where_the_line_has_room() -> None:
    look = Look("post", 8.0, TRUE.ramp)
    texts = [
        "".join(text for text, _ in context_rows(FRANCE, Quadrant.PP, 60, look, TRUE, wrap=wrap, cursor=6)[0].parts)
        for wrap in (False, True)
    ]
    assert all("is[Paris] " in text and len(text) == 60 for text in texts)


@pytest.mark.parametrize("depth", list(Depth))
def test_a_cursor_changes_no_colour(depth: Depth) -> None:
    colours = palette(depth)
    look = Look("post", 7.7, colours.ramp)
    bare, under = (context_rows(FRANCE, Quadrant.PP, 60, look, colours, cursor=cursor)[0] for cursor in (None, 4))
    assert [replace(style, underline=False) for _, style in bare.parts] == [
        replace(style, underline=False) for _, style in under.parts
    ]
    assert "".join(text for text, _ in under.parts) == "".join(text for text, _ in bare.parts).replace(
        " France is", "[France]is"
    )


def faint_text(strip: Strip) -> str:
    return "".join(part.text for part in strip if part.style == TRUE.faint.rich())


def test_a_rarely_visited_pane_is_dimmed() -> None:
    for count, dimmed in ((99, True), (100, False)):  # of 100,000
        shown = picture(record((FRANCE, BORDERS), count), focused=False, writes=(" a",))
        title_row, writes, _, context, *_ = Pane(Quadrant.PP, TRUE).draw(shown, 50, 10)
        assert ("++" in faint_text(title_row)) == dimmed
        assert ("a" in faint_text(writes)) == ("7.40" in faint_text(context)) == dimmed


def test_promoted_tokens_are_under_the_title_with_the_sign_in_its_colour() -> None:
    for quadrant, value, words in ((Quadrant.PP, 7.7, "+out"), (Quadrant.PN, -7.7, "-out")):
        there = replace(record((FRANCE,), 500, quadrant), extreme=Quantities(2.0, 1.5, value, value))
        row = Pane(quadrant, TRUE).draw(picture(there, writes=(" Paris",)), 60, 10)[1]
        assert row.text.startswith(f"  writes {words}: Paris")
        assert {part.text: part.style for part in row}[words] == TRUE.ramp.style(value, TRUE.ramp.steps).rich()


def test_a_wide_pane_starts_with_the_ranked_value_then_post_gate_and_in_under_headings() -> None:
    gated = replace(FRANCE, value=2.0)
    assert value_columns((FRANCE,), "post", wide=True) == (" post  gate    in", ["+7.70 +2.00 +1.50"])
    assert value_columns((gated,), "gate", wide=True) == (" gate  post    in", ["+2.00 +7.70 +1.50"])
    assert value_columns((FRANCE,), "act", wide=True) == ("  act  post  gate    in", ["+7.70 +7.70 +2.00 +1.50"])
    wide = pane_rows(picture(record((FRANCE,), 1)), width=58)
    assert wide[1].startswith("  post  gate    in ")
    assert wide[2].startswith("▸+7.70 +2.00 +1.50 ")
    assert "+2.00" not in " ".join(pane_rows(picture(record((FRANCE,), 1)), width=57))


def test_the_focused_title_is_in_reverse_and_takes_the_same_cells() -> None:
    stats = record((FRANCE,), 5)
    one = Pane(Quadrant.PP, TRUE).draw(picture(stats), 39, 10)[0]
    other = Pane(Quadrant.PP, TRUE).draw(picture(stats, focused=False), 39, 10)[0]
    assert one.text == other.text
    assert any(segment.style is not None and segment.style.reverse for segment in one)
    assert not any(segment.style is not None and segment.style.reverse for segment in other)


def test_a_pane_scrolls_to_its_cursor_and_shows_the_end_with_the_last() -> None:
    contexts = tuple(replace(FRANCE, rank=n, value=20.0 - n, document=n) for n in range(16))
    pane = Pane(Quadrant.PP, TRUE)
    stats = record(contexts, 16)
    first = [strip.text for strip in pane.draw(picture(stats), 39, 10)]
    assert (first[1][1:6], first[8][1:6]) == ("+20.0", "+13.0")
    down = [strip.text for strip in pane.draw(picture(stats, cursor=Cursor(9)), 39, 10)]
    assert (down[1][1:6], down[8][:6]) == ("+18.0", "▸+11.0")
    back = [strip.text for strip in pane.draw(picture(stats, cursor=Cursor(5)), 39, 10)]
    assert back[1][1:6] == "+18.0"
    last = [strip.text for strip in pane.draw(picture(stats, cursor=Cursor(15)), 39, 10)]
    assert last[7].startswith("▸+5.00")
    assert "16 sequences, all shown" in last[8]


@settings(deadline=None)
@given(st.integers(1, 90), st.integers(1, 14), st.booleans(), st.booleans(), st.integers(0, 3), st.booleans())
def test_a_pane_of_any_size_keeps_every_row_at_its_width(
    width: int, height: int, wrap: bool, titled: bool, at: int, ascii_only: bool
) -> None:
    hostile = example(
        ("\x1b[31m", "日本", "\n\n", "e\u0301", "👩\u200d👩", "\u202eab", "[/x]"), 1, (1.0,) * 7, Quadrant.PP
    )
    colours = palette(Depth.ANSI256, ascii_only=ascii_only)
    look = Look("post", 7.7, colours.ramp, ascii_only=ascii_only)
    stats = record((FRANCE, hostile, BORDERS), 3)
    shown = picture(stats, look=look, wrap=wrap, titled=titled, cursor=Cursor(at), edge="tee" if width > 1 else "")
    for row in pane_rows(shown, width, height, colours)[:height]:
        assert cell_len(row) == width
        assert row.isprintable()
        assert row.isascii() or not ascii_only


def test_the_cells_of_a_row_lead_back_to_its_tokens() -> None:
    row = context_rows(FRANCE, Quadrant.PP, 40, Look("post", 7.7, TRUE.ramp), TRUE)[0]
    text = "".join(part for part, _ in row.parts)
    assert row.token_at(text.index("France")) == 4
    assert row.token_at(text.index("Paris")) == 6
    assert row.token_at(39) is None or text[39] != " "


@given(st.lists(st.text(max_size=4), max_size=8), st.text(min_size=1, max_size=3))
def test_finding_marks_the_tokens_that_share_an_occurrence(tokens: list[str], wanted: str) -> None:
    text = "".join(tokens)
    owner = [number for number, token in enumerate(tokens) for _ in token]
    folded = text.lower() if wanted == wanted.lower() and len(text.lower()) == len(text) else text
    expected = {
        owner[place + offset]
        for place in range(len(text) - len(wanted) + 1)
        if folded[place : place + len(wanted)] == wanted
        for offset in range(len(wanted))
    }
    assert found_tokens(tuple(tokens), wanted) == expected


def header(**more: object) -> Header:
    where = "346/1536 in layer, by index"
    looks = ("aligned", True, "post", "post")
    shown = Header("small.db", "SmolLM2-135M", "L12N345", False, *looks, where, 113_108, rw_class="weakening")
    return replace(shown, **more)  # type: ignore[arg-type]  # fields by name


def test_the_header_shows_everything_if_there_is_room_and_always_the_address() -> None:
    line = rows_of(HeaderLine(TRUE), header(), 100, 1)[0]
    for words in (
        "SmolLM2-135M",
        "L12N345 ",
        "aligned ⇄",
        "rank post",
        "346/1536",
        "in layer, by index",
        "113,108 tokens",
    ):
        assert words in line
    assert "L12N345…" in rows_of(HeaderLine(TRUE), header(stale=True), 40, 1)[0]
    warned = header(warnings=("index unfinished", "BOS counted"), colour="gate")
    line = rows_of(HeaderLine(TRUE), warned, 120, 1)[0]
    for words in ("index unfinished", "BOS counted", "colour gate"):
        assert words in line


def test_the_line_that_is_both_begins_with_the_index_too() -> None:
    assert rows_of(HeaderLine(TRUE), header(), 120, 1)[0].startswith(" small.db  SmolLM2-135M  L12N345 ")
    narrow = rows_of(HeaderLine(TRUE), header(), 80, 1)[0]
    assert narrow.startswith(" small.db  SmolLM2-135M  L12N345 ")
    assert "346/1536" in narrow


@given(st.integers(1, 150), st.text(max_size=40))
def test_a_header_fits_any_width_whatever_the_model_is_called(width: int, model: str) -> None:
    for height in (1, 2):
        for line in rows_of(HeaderLine(TRUE), header(model=model, file=model, note=model), width, height):
            assert cell_len(line) == width
            assert line.isprintable()


def test_the_first_line_shows_the_index_and_the_second_the_neuron() -> None:
    cosines = ("cos(gate, in) +0.1", "cos(in, out) -0.2", "cos(gate, out) +0.3")
    marked = header(note="says France", cosines=cosines)
    first, second = rows_of(HeaderLine(TRUE), marked, 150, 2)
    assert first.split("  ")[0] == " small.db"
    for words in ("SmolLM2-135M", "113,108 tokens", "346/1536 in layer, by index"):
        assert words in first
    assert (
        "  SmolLM2-135M-Instr…  113k tokens  346/1536 in layer, by index"
        in rows_of(HeaderLine(TRUE), replace(marked, model="SmolLM2-135M-Instruct.Q4_1"), 72, 2)[0]
    )
    assert second.startswith(" L12N345   ★ says France  weakening  cos(gate, in) +0.1  cos(in, out) -0.2")
    assert second.rstrip().endswith("aligned ⇄  rank post")
    strong = HeaderLine(TRUE).draw(marked, 150, 2)[1]
    bold = "".join(part.text for part in strong if part.style is not None and part.style.bold)
    assert "weakening" in bold
    assert "rank post" not in bold
    narrow = rows_of(HeaderLine(TRUE), marked, 40, 2)[1]
    assert narrow.startswith(" L12N345 ")
    assert "★" in narrow


def test_the_inspector_shows_the_token_under_the_cursor() -> None:
    line = rows_of(Inspector(TRUE), Inspected(FRANCE, Quadrant.PP, 3), 100, 1)[0]
    for words in ("▸++ #1", "doc 5 pos 3", "« of»", "gate≈+2.00", "in≈+1.50", "post≈+0.100"):
        assert words in line
    unknown = replace(FRANCE, gate=(None,) * 7, in_=(None,) * 7, act=(None,) * 7, post=(None,) * 7)
    assert "not counted" in rows_of(Inspector(TRUE), Inspected(unknown, Quadrant.PP, 3), 80, 1)[0]


def test_a_value_without_the_mark_is_exactly_the_computed_value(tmp_path: Path) -> None:
    truth = make_index(tmp_path / "small.db", layers=1, width=6, documents=20)
    marked = {"equal": 0, "off": 0}
    with indexer.open(truth.path) as index:
        contexts = index.neuron("L0N4", signs="raw", rankings=("post",)).quadrants[Quadrant.PP].examples["post"]
    for context in contexts:
        number = next(s.number for s in truth.sequences if (s.document, s.part) == (context.document, context.part))
        computed = truth.values["L0"][number][:, context.position - context.peak :, 4]
        for token in range(len(context.tokens)):
            if context.gate[token] is None:
                continue
            line = rows_of(Inspector(TRUE), Inspected(context, Quadrant.PP, token), 120, 1)[0]
            for place, name in enumerate(("gate", "in", "act", "post")):
                said = re.search(rf" {name}([ ≈])(\S+)", line)
                assert said is not None
                same = said[2] == signed(float(computed[place, token]) + 0.0)
                assert same or said[1] == "≈"
                if said[1] == "≈":
                    assert token != context.peak
                    marked["equal" if same else "off"] += 1
    assert marked["off"] > 100


def test_the_table_and_source_of_an_open_context_mark_rounded_values() -> None:
    for glyphs, mark in ((TRUE, "≈"), (palette(Depth.TRUE, ascii_only=True), "~")):
        shown = TableOfContext(FRANCE, Quadrant.PP, Look("post", 8.0, TRUE.ramp), 3, 0)
        assert rows_of(TokenTable(glyphs), shown, 60, 4)[0].split()[-4:] == [
            f"{mark}{name}" for name in ("post", "gate", "in", "act")
        ]
        source = SourceOfContext("L1N2", Quadrant.PP, "post", FRANCE, 3, "")
        assert f"{mark} but for the peak" in rows_of(SourceLine(glyphs), source, 120, 2)[1]
        assert "values kept" in rows_of(SourceLine(glyphs), source, 80, 2)[1]
        far = replace(source, example=replace(FRANCE, document=123, source="texts/assignment.txt"))
        assert "document 123" in rows_of(SourceLine(glyphs), far, 60, 2)[1]
        assert "assignment.txt" in rows_of(SourceLine(glyphs), far, 60, 2)[1]  # rather than what is kept


def test_the_legend_prints_the_ends_and_whose_scale_it_is() -> None:
    look = Look("gate", 3.5, TRUE.ramp)
    line = rows_of(Legend(TRUE), Scale(look, "neuron", Quadrant.PN), 80, 1)[0]
    assert "gate -3.50" in line
    assert "+3.50" in line
    assert "scale: neuron (V)" in line
    assert "own quadrant only (a)" in line
    line = rows_of(Legend(TRUE), Scale(replace(look, own_only=False), "pane", Quadrant.PN), 80, 1)[0]
    assert "scale: pane +-" in line
    assert "all tokens" in line


def test_the_tab_row_names_all_four_and_brackets_the_focused() -> None:
    stats = {
        q: record((FRANCE,) if q is not Quadrant.NN else (), n, q)
        for q, n in zip(QUADRANTS, (12_400, 8_310, 3, 0), strict=True)
    }
    whole = NeuronRecord(parse_neuron("L1N2"), "m", "aligned", False, 100_000, 100_000, 0, stats)
    line = rows_of(TabRow(TRUE), Tabs(whole, Quadrant.PP, "post", ""), 60, 1)[0]
    assert line.startswith(" [++ ▃ 12.4%] +- 8.31% -+ 3/100k -- never  ")
    wide = rows_of(TabRow(TRUE), Tabs(whole, Quadrant.PP, "post", ""), 100, 1)[0]
    assert wide.rstrip().endswith("-- never  gate+ in+  12,400 tokens  post mean +0.123 max +7.70")
    assert "-- never  gate+ in+ post mean" in rows_of(TabRow(TRUE), Tabs(whole, Quadrant.PP, "post", ""), 80, 1)[0]
    assert "post max +7.70" in line
    assert neuron_scale(whole, "post") == 7.7


def test_bars_show_small_shares_and_a_blank_for_none() -> None:
    glyphs = TRUE.glyphs.bars
    assert [bar(share, glyphs) for share in (0.0, 1e-6, 0.25, 1.0)] == [" ", "▁", "▄", "█"]


def test_a_prompt_shows_cursor_and_error() -> None:
    shown = Typing("go.to", "go to", "99999", 5, "there is no L1N99999")
    strip = Prompt(TRUE).draw(shown, 60, 1)[0]
    assert strip.text.startswith(" go to: 99999   there is no L1N99999")
    assert [segment.text for segment in strip if segment.style is not None and segment.style.reverse] == [" "]


@given(st.lists(st.sampled_from(["a", "é", "日", "left", "right", "home", "end", "backspace", "delete"])))
def test_typing_edits_like_a_line_of_text(keys: list[str]) -> None:
    typing, text, at = Typing("go.to", "go to"), "", 0
    for key in keys:
        typing = typing.press(key, key if len(key) == 1 else None)
        if len(key) == 1:
            text, at = text[:at] + key + text[at:], at + 1
        elif key == "backspace" and at:
            text, at = text[: at - 1] + text[at:], at - 1
        elif key == "delete":
            text = text[:at] + text[at + 1 :]
        else:
            at = {"left": max(0, at - 1), "right": min(len(text), at + 1), "home": 0, "end": len(text)}.get(key, at)
    assert (typing.text, typing.at) == (text, at)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("depth", [Depth.TRUE, Depth.ANSI256, Depth.ANSI16])
def test_every_role_is_readable_on_its_background(depth: Depth, theme: str) -> None:
    colours = palette(depth, theme=THEMES[theme])
    roles = (colours.text, colours.faint, colours.strong, colours.title, colours.warning, colours.match)
    for style in (*roles, *colours.ramp.positive, *colours.ramp.negative):
        assert style.fg is not None
        assert style.bg is not None
        for terminal in (XTERM, VGA):
            assert ratio(style.fg, style.bg, terminal) >= 4.5, (style, depth, theme)


@pytest.mark.slow
def test_contexts_of_a_real_file_are_drawn_without_a_control_character(hostile_index: Path) -> None:
    with indexer.open(hostile_index) as index:
        for number in range(0, 40, 3):
            neuron = index.neuron(f"L2N{number}")
            for quadrant in QUADRANTS:
                for row in pane_rows(picture(neuron.quadrants[quadrant], total=neuron.tokens_counted), 47, 18):
                    assert row.isprintable()
                    assert cell_len(row) == 47


def test_a_tall_pane_shows_what_is_read_and_the_context_whole() -> None:
    reads = (("gate+", (" north", " south")), ("in+", (" of", " in")))
    shown = picture(record((FRANCE, BORDERS), 14_021), reads=reads, cursor=Cursor(1))
    rows = pane_rows(shown, 30, 14)
    place = next(number for number, row in enumerate(rows) if "gate+ reads: north south" in row)
    assert "in+ reads: of in" in rows[place + 1]
    assert " ".join(row[2:] for row in rows[place + 3 :]).split() == ["in", "the", "south", "of[France,", "not"]
    short = pane_rows(shown, 30, 7)
    assert "gate+ reads" in short[-3]
    assert not any("gate+" in row for row in pane_rows(shown, 30, 5))
    pane = Pane(Quadrant.PP, TRUE)
    pane.draw(shown, 30, 14)
    context, first, row = pane._targets[place + 3]
    assert (context, row.token_at(4 - first)) == (1, 0)
