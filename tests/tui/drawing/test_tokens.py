"""Tokens that share a character: each is named, and no character is shown twice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gluscope_tui.tui.drawing.token_names import token_name
from gluscope_tui.tui.screens.context import widened
from indexer.database.records import SequenceRecord
from tests.support.view_records import example


@pytest.mark.parametrize(
    ("tokens", "at", "width", "ascii_only", "name"),
    [
        ((" the", "x"), 0, 24, False, (" the", True)),
        (("字", "", "y"), 1, 24, False, ("(rest of 字)", False)),
        ((" a字", "", ""), 2, 24, False, ("(rest of 字)", False)),
        (("字", ""), 1, 24, True, ("(rest of <5B57>)", False)),
        (("字", ""), 1, 6, False, ("(字)", False)),
        (("字", ""), 1, 3, False, ("(re", False)),
        (("", "x"), 0, 24, False, ("(rest)", False)),
        (("a\x1b", ""), 1, 24, False, ("(rest of ␛)", False)),
    ],
)
def test_a_token_without_text_of_its_own_is_named_after_its_character(
    tokens: tuple[str, ...], at: int, width: int, ascii_only: bool, name: tuple[str, bool]
) -> None:
    assert token_name(tokens, at, width, ascii_only=ascii_only) == name


def test_a_character_cut_by_the_windows_edge_is_shown_once() -> None:
    """The window begins inside 字, so it shows 字 at its first token; the sequence shows it at the token before."""
    values = (1.0, 2.0)
    window = replace(
        example(), tokens=("字", "b"), peak=1, position=3, text="字b", gate=values, in_=values, act=values, post=values
    )
    sequence = SequenceRecord(window.document, window.part, "source", "a字bc", ("a", "字", "", "b", "c"))
    whole = widened(window, sequence)
    assert "".join(whole.tokens) == whole.text == "a字bc"
    assert (whole.tokens[whole.peak], whole.gate) == ("b", (None, None, 1.0, 2.0, None))
