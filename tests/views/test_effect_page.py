"""The page of an effect in the explorer."""

from __future__ import annotations

import pytest

from gluscope_tui.colour.depth import Depth
from gluscope_tui.colour.ramp import ramp
from gluscope_tui.colour.style import PLAIN
from gluscope_tui.views.contexts import Look
from gluscope_tui.views.effect_page import PageLook, page
from indexer.live.effect.result import Effect, Interval, Measured

LOOK = PageLook(Look("post", 0.0, ramp(Depth.PLAIN)), PLAIN, PLAIN)


@pytest.mark.parametrize("width", [80, 120])
def test_numbers_of_both_kinds_of_contexts_are_whole_and_stay_apart(width: int) -> None:
    small = Interval(-3.8312e-5, -2.44e-4, 7.1e-5)
    measured = Measured(156, 8, 8, small, small, small, small, top1_changed=0.0, post_change=-0.179)
    row = Effect("L24N140", "++", "zero", "aligned", "random", measured, measured)
    lines = ["".join(text for text, _ in line) for line in page(row, width, LOOK)]
    (found,) = [line for line in lines if line.startswith("next nll, there")]
    assert " ".join(found.split()) == "next nll, there " + " ".join(["-3.83e-5 [-2.4e-4, +7.1e-5]"] * 2)
