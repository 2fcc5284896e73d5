"""Promises of the only module that makes text safe."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from rich.cells import cell_len

from gluscope_tui.text.cells import column, fit, shorten
from gluscope_tui.text.clean import clean

from ..support.hostile import SNIPPETS, characters, harmful, texts


@given(texts)
@example("".join(SNIPPETS))
def test_nothing_harmful_comes_out(text: str) -> None:
    for shown in (clean(text), clean(text, ascii_only=True)):
        assert harmful(shown) == []
        assert shown.isprintable()
    assert clean(text, ascii_only=True).isascii()


@given(characters)
def test_every_character_stays_visible(character: str) -> None:
    shown = clean(character)
    assert shown
    if cell_len(shown) == 0:  # a mark that stands on the character before it, shown as it is
        assert shown == character


@given(texts, texts)
def test_cleaning_parts_is_cleaning_the_whole(one: str, other: str) -> None:
    assert clean(one + other) == clean(one) + clean(other)


@given(texts)
def test_widths_of_characters_add_up(text: str) -> None:
    shown = clean(text)
    assert cell_len(shown) == sum(cell_len(character) for character in shown)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain [text]\\", "plain [text]\\"),
        ("a\nb\tc", "a↵b→c"),
        ("\x1b]52;c;x\x07", "␛]52;c;x␇"),
        ("\x00\r\x7f", "␀␍␡"),
        ("\x9b\x85", "⟨9B⟩⟨85⟩"),
        ("\u202eab\u2069", "⟨202E⟩ab⟨2069⟩"),
        ("👩\u200d🔬", "👩⟨200D⟩🔬"),
        ("❤\ufe0f", "❤⟨FE0F⟩"),
        ("\U000e0041", "⟨E0041⟩"),
        ("\ud800", "\ufffd"),
        ("\xa0x\u3000", "␣x␣"),
        ("\u2028", "⟨2028⟩"),
        ("日本 e\u0301 🙂", "日本 e\u0301 🙂"),
    ],
)
def test_stand_ins_match_the_manual(text: str, shown: str) -> None:
    assert clean(text) == shown


def test_ascii_only_names_what_ascii_lacks() -> None:
    assert clean("é\n\t日\x1b~", ascii_only=True) == "<E9>\\n\\t<65E5><1B>~"


def test_a_name_is_shortened_to_the_cells_there_are() -> None:
    assert shorten("日本語日本語", 7) == "日本語…"
    assert shorten("model", 5) == "model"
    assert shorten("\x1bmodel", 4) == "␛mo…"
    assert shorten("model", 4, ascii_only=True) == "m..."
    assert fit("日本", 3) == "日 "
    assert column("12", 4) == "  12"
