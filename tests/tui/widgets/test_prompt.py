"""The line of a prompt: the visible part of a text longer than the terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gluscope_tui.colour.depth import Depth
from gluscope_tui.text.cells import cell_len
from gluscope_tui.text.clean import clean
from gluscope_tui.tui.drawing.palette import palette
from gluscope_tui.tui.session.typing_line import Typing
from gluscope_tui.tui.widgets import prompt
from gluscope_tui.tui.widgets.prompt import Prompt

LOOKS = palette(Depth.TRUE)


def shown(text: str, at: int, width: int) -> tuple[str, str, str]:
    """The text before, under and after the cursor."""
    line = Prompt(LOOKS).line(Typing("go.to", "go to", text, at), width)
    before, under, after = (part for part, _ in line[1:4])
    return before, under, after


@given(st.text(max_size=200), st.data(), st.integers(10, 120))
def test_the_text_before_the_cursor_is_cut_at_its_start_by_as_little_as_needed(
    text: str, data: st.DataObject, width: int
) -> None:
    at = data.draw(st.integers(0, len(text)))
    before, under, _ = shown(text, at, width)
    whole, room = clean(text[:at]), max(4, width - len(" go to: "))
    assert whole.endswith(before)
    assert cell_len(before) < room
    assert under == (clean(text[at : at + 1]) or " ")
    if before != whole and whole.isascii():
        assert len(before) == room - 1


def test_a_long_pasted_text_costs_no_more_than_its_visible_part(monkeypatch: pytest.MonkeyPatch) -> None:
    handled: list[int] = []

    def counted(text: str, *, ascii_only: bool = False) -> str:
        handled.append(len(text))
        return clean(text, ascii_only=ascii_only)

    def measured(text: str) -> int:
        handled.append(len(text))
        return cell_len(text)

    monkeypatch.setattr(prompt, "clean", counted)
    monkeypatch.setattr(prompt, "cell_len", measured)
    before, under, after = shown("x" * 10_000 + "y" + "z" * 10_000, 10_000, 80)
    assert (set(before), under, set(after)) == ({"x"}, "y", {"z"})
    assert sum(handled) < 80 * 80
