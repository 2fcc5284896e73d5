"""Promises of coloured contexts: own quadrant only, one scale, the peak marked by more than colour."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gluscope_tui.colour.depth import Depth
from gluscope_tui.colour.ramp import ramp
from gluscope_tui.colour.style import PLAIN
from gluscope_tui.views.contexts import (
    Look,
    colour_of,
    context_line,
    context_lines,
    levels,
    lies_in,
    neuron_scale,
    pane_scale,
    split_width,
)
from indexer.quadrants import QUADRANTS, Quadrant

from ..support.view_records import FRANCE, neuron

LOOK = Look("post", 8.0, ramp(Depth.ANSI256))


def test_only_tokens_of_the_quadrant_shown_have_a_level() -> None:
    assert levels(FRANCE, Quadrant.PP, LOOK) == (0, 2, 0, 5, 0, 1, 0, 0)  # 1/8, 1, 1/32 and 1/400 of the scale
    assert levels(FRANCE, Quadrant.NP, LOOK) == (0, 0, -1, 0, 0, 0, 0, 0)
    assert levels(FRANCE, Quadrant.PN, LOOK) == (0, 0, 0, 0, -1, 0, 0, 0)
    assert levels(FRANCE, Quadrant.NN, LOOK) == (0,) * 8
    assert levels(FRANCE, Quadrant.NN, replace(LOOK, own_only=False)) == (0, 2, -1, 5, -1, 1, 0, 0)


def test_a_token_lies_in_one_quadrant_at_most() -> None:
    for token in range(len(FRANCE.tokens)):
        own = [quadrant.value for quadrant in QUADRANTS if lies_in(FRANCE, token, quadrant)]
        assert own == [[], ["++"], ["-+"], ["++"], ["+-"], ["++"], ["++"], []][token]


def test_the_peak_is_bold_and_underlined_and_nothing_else_is() -> None:
    line = context_line(FRANCE, Quadrant.PP, 12, 12, LOOK)
    marked = [fragment for fragment in line if fragment.style.bold or fragment.style.underline]
    assert [fragment.text for fragment in marked] == [" France"]
    assert marked[0].style == ramp(Depth.ANSI256).positive[-1].marked()
    assert sum(fragment.width for fragment in line[: line.index(marked[0])]) == 12


def test_a_line_shows_text_styles_and_tokens() -> None:
    line = context_line(FRANCE, Quadrant.PP, 14, 14, LOOK)
    steps = ramp(Depth.ANSI256).positive
    assert [(part.text, part.style, part.token, part.last) for part in line] == [
        ("   ", PLAIN, -1, -1),
        ("<s>", PLAIN, 0, 0),
        (" city", steps[1], 1, 1),
        (" of", PLAIN, 2, 2),
        (" France", steps[4].marked(), 3, 3),
        ("␛", PLAIN, 4, 4),
        ("日", steps[0], 5, 6),
        (" is", PLAIN, 7, 7),
        (" ", PLAIN, -1, -1),
    ]
    assert sum(part.width for part in line) == 28


def test_cells_that_tokens_share_take_the_strongest_colour() -> None:
    louder = replace(FRANCE, post=(*FRANCE.post[:6], 6.0, 0.0))
    line = context_line(louder, Quadrant.PP, 14, 14, LOOK)
    assert next(part.style for part in line if part.text == "日") == ramp(Depth.ANSI256).positive[4]


def test_marks_stand_for_attributes_if_there_are_none() -> None:
    look = Look("post", 8.0, ramp(Depth.PLAIN), marks=("«", "»"))
    line = context_line(FRANCE, Quadrant.PP, 12, 12, look)
    assert "".join(part.text for part in line) == "<s> city of« France»␛日 "
    assert {part.style for part in line} == {PLAIN}


@pytest.mark.parametrize("width", [8, 20, 33])
def test_whole_contexts_have_lines_of_one_width(width: int) -> None:
    lines = context_lines(FRANCE, Quadrant.PP, width, LOOK)
    assert {sum(part.width for part in line) for line in lines} == {width}
    shown = "".join(part.text for line in lines for part in line if part.token >= 0)
    assert shown == "<s> city of France␛日 is"


def test_scales() -> None:
    record = neuron()
    assert neuron_scale(record, "post") == 8.0
    assert neuron_scale(record, "gate") == 2.0
    assert pane_scale(record.quadrants[Quadrant.NP], "post") == 0.25
    assert pane_scale(record.quadrants[Quadrant.NN], "post") == 0.0
    assert [colour_of(name) for name in ("post", "gate", "in", "act", "random")] == [
        "post",
        "gate",
        "in",
        "act",
        "post",
    ]


def test_the_peak_stands_at_62_percent() -> None:
    assert split_width(100) == (62, 38)
    assert split_width(0) == (0, 0)
