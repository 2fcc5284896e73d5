"""Colours: readable on every cell, further from the background for stronger values, chosen by clear rules."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.color import ColorType

from gluscope_tui.colour.contrast import VGA, XTERM, Rgb, luminance, rgb, text_on
from gluscope_tui.colour.depth import CHOICES, Depth, detect, light_background
from gluscope_tui.colour.legend import legend
from gluscope_tui.colour.ramp import ramp
from gluscope_tui.colour.scale import level, thresholds
from gluscope_tui.colour.style import PLAIN, Style
from indexer.errors import GluscopeError
from tests.support.colours import COLOURED, shown

STEPS = {Depth.TRUE: 16, Depth.ANSI256: 5, Depth.ANSI16: 3, Depth.NONE: 3, Depth.PLAIN: 3}


def wcag(one: Rgb, other: Rgb) -> float:
    """Contrast from the definition in WCAG 2, written out."""

    def light(colour: Rgb) -> float:
        parts = [c / 255 / 12.92 if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    high, low = max(light(one), light(other)), min(light(one), light(other))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("palette", [XTERM, VGA])
@pytest.mark.parametrize("light", [False, True])
@pytest.mark.parametrize("depth", COLOURED)
def test_text_is_readable_on_every_cell(depth: Depth, light: bool, palette: tuple[Rgb, ...]) -> None:
    styles = ramp(depth, light=light)
    for style in (*styles.positive, *styles.negative):
        assert wcag(shown(style.fg, palette), shown(style.bg, palette)) >= 4.5


@pytest.mark.parametrize("palette", [XTERM, VGA])
@pytest.mark.parametrize("light", [False, True])
@pytest.mark.parametrize("depth", COLOURED)
def test_a_stronger_value_is_further_from_the_background(depth: Depth, light: bool, palette: tuple[Rgb, ...]) -> None:
    background = (255, 255, 255) if light else (0, 0, 0)
    styles = ramp(depth, light=light)
    for side in (styles.positive, styles.negative):
        assert len(side) == STEPS[depth]
        distances = [wcag(shown(style.bg, palette), background) for style in side]
        assert all(weaker < stronger for weaker, stronger in itertools.pairwise(distances))


@pytest.mark.parametrize("light", [False, True])
@pytest.mark.parametrize("depth", COLOURED)
def test_positive_is_warm_and_negative_cold(depth: Depth, light: bool) -> None:
    styles = ramp(depth, light=light)
    for positive, negative in zip(styles.positive, styles.negative, strict=True):
        warm, cold = (
            shown(style.fg if shown(style.bg, XTERM) in ((0, 0, 0), (255, 255, 255)) else style.bg, XTERM)
            for style in (positive, negative)
        )
        assert warm[0] - warm[2] > cold[0] - cold[2]
        assert warm[0] >= warm[2]
        assert cold[2] >= cold[0]


def test_without_colour_only_attributes_remain() -> None:
    styles = ramp(Depth.NONE)
    assert all(style.fg is None and style.bg is None for style in (*styles.positive, *styles.negative))
    assert len(set(styles.positive)) == 3
    plain = ramp(Depth.PLAIN)
    assert {*plain.positive, *plain.negative} == {PLAIN}
    assert PLAIN.paint("x") == "x"


@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_black_or_white_is_readable_on_any_colour(background: Rgb) -> None:
    chosen = text_on(background, (0, 0, 0), (255, 255, 255))
    assert isinstance(chosen, tuple)
    assert wcag(chosen, background) >= 4.58


@pytest.mark.parametrize("number", range(16, 256))
def test_the_fixed_palette_matches_terminals(number: int) -> None:
    assert rgb(number) == shown(number, XTERM)


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0, 0), (0.019, 0), (0.02, 1), (0.08, 2), (0.2, 3), (0.44, 3), (0.45, 4), (0.74, 4), (0.75, 5), (1, 5), (1.5, 5)],
)
def test_five_steps_begin_at_the_thresholds_of_the_table(share: float, expected: int) -> None:
    assert level(share, 1.0, 5) == expected
    assert level(-share * 8, 8.0, 5) == expected


def test_sixteen_steps_are_the_square_root_rounded() -> None:
    for thousandth in range(1001):
        share = thousandth / 1000
        assert level(share, 1.0, 16) == int(16 * share**0.5 + 0.5)


@pytest.mark.parametrize("steps", [3, 5, 16])
def test_levels_grow_with_the_value(steps: int) -> None:
    found = [level(share / 500, 1.0, steps) for share in range(501)]
    assert found == sorted(found)
    assert set(found) == set(range(steps + 1))
    assert len(thresholds(steps)) == steps


def test_no_value_and_no_scale_give_no_level() -> None:
    assert level(None, 1.0, 5) == 0
    assert level(1.0, 0.0, 5) == 0
    assert ramp(Depth.TRUE).style(0.0, 0) == PLAIN


XTERM_256 = {"TERM": "xterm-256color"}


@pytest.mark.parametrize(
    ("option", "config", "environment", "terminal", "depth"),
    [
        ("true", "16", {"TERM": "dumb", "NO_COLOR": "1"}, False, Depth.TRUE),
        ("256", None, {}, True, Depth.ANSI256),
        ("16", None, XTERM_256, True, Depth.ANSI16),
        ("never", None, {"COLORTERM": "truecolor", **XTERM_256}, True, Depth.PLAIN),
        ("none", None, XTERM_256, True, Depth.NONE),
        ("always", None, {"NO_COLOR": "1", **XTERM_256}, False, Depth.ANSI256),
        ("always", None, {"TERM": "dumb"}, False, Depth.ANSI256),
        ("auto", "16", {"NO_COLOR": "1", **XTERM_256}, True, Depth.ANSI16),
        (None, "auto", {"NO_COLOR": "1", "COLORTERM": "truecolor", **XTERM_256}, True, Depth.NONE),
        (None, None, {"NO_COLOR": "", **XTERM_256}, True, Depth.ANSI256),
        (None, None, {"COLORTERM": "truecolor", "TERM": "screen"}, True, Depth.TRUE),
        (None, None, {"COLORTERM": "24bit", "TERM": "xterm"}, True, Depth.TRUE),
        (None, None, {"TERM": "xterm-kitty"}, True, Depth.TRUE),
        (None, None, {"TERM": "alacritty"}, True, Depth.TRUE),
        (None, None, {"TERM": "xterm-direct"}, True, Depth.TRUE),
        (None, None, {"TERM": "screen"}, True, Depth.ANSI16),
        (None, None, {"TERM": "tmux-256color"}, True, Depth.ANSI256),
        (None, None, {"TERM": "dumb", "COLORTERM": "truecolor"}, True, Depth.PLAIN),
        (None, None, {}, True, Depth.PLAIN),
        (None, None, {"COLORTERM": "truecolor", **XTERM_256}, False, Depth.PLAIN),
    ],
)
def test_the_depth_follows_the_rules_in_their_order(
    option: str | None, config: str | None, environment: dict[str, str], terminal: bool, depth: Depth
) -> None:
    found = detect(option, config, environment=environment, terminal=terminal)
    assert found.depth is depth
    assert found.why


def test_an_unknown_choice_of_colour_is_refused() -> None:
    with pytest.raises(GluscopeError, match="the configuration: unknown choice of colour 'blue'"):
        detect(None, "blue", environment={})
    assert "auto" in CHOICES


def test_the_terminal_says_whether_its_background_is_light() -> None:
    assert light_background({"COLORFGBG": "0;15"})
    assert light_background({"COLORFGBG": "0;default;7"})
    assert not light_background({"COLORFGBG": "15;0"})
    assert not light_background({"COLORFGBG": "0;8"})
    assert not light_background({})


def test_styles_become_escape_sequences_and_rich_styles() -> None:
    style = Style((1, 2, 3), 214).marked()
    assert style.sgr == "1;4;38;2;1;2;3;48;5;214"
    assert style.paint("x") == "\x1b[1;4;38;2;1;2;3;48;5;214mx\x1b[0m"
    assert Style(3, 12).sgr == "33;104"
    rich = style.rich()
    assert (rich.bold, rich.underline, rich.reverse) == (True, True, None)
    assert rich.color is not None
    assert rich.color.triplet == (1, 2, 3)
    assert rich.bgcolor is not None
    assert (rich.bgcolor.type, rich.bgcolor.number) == (ColorType.EIGHT_BIT, 214)


@pytest.mark.parametrize("depth", list(Depth))
def test_the_legend_prints_both_ends_and_both_ramps(depth: Depth) -> None:
    colours = ramp(depth)
    text = "".join(part for part, _ in legend("post -7.70", "+7.70", colours))
    filled = [style.bg is not None for style in colours.positive]
    bars = "".join(" " if any(filled) else bar for bar in "▁▂▃▄▅▆"[: min(colours.steps, 6)])
    assert text == f"post -7.70 {bars[::-1]} 0 {bars} +7.70"
    assert legend("a", "b", colours)[1][1] == colours.negative[-1]
    assert legend("a", "b", colours)[-2][1] == colours.positive[-1]
    assert "".join(part for part, _ in legend("a", "b", colours, ascii_only=True)).isascii()


def test_luminance_of_the_ends() -> None:
    assert luminance((0, 0, 0)) == 0
    assert luminance((255, 255, 255)) == pytest.approx(1)
    assert luminance(9, VGA) != luminance(9, XTERM)
