"""Pictures of whole screens, for what no assertion checks. An intended change: pytest tests/tui --snapshot-update."""

from __future__ import annotations

from typing import Any

import pytest
from textual.pilot import Pilot

from gluscope_tui.colour.depth import Depth
from tests.support.walking import AppMaker, settled

SCREENS: dict[str, tuple[tuple[int, int], str, tuple[str, ...], dict[str, Any]]] = {
    "home-80x24": ((80, 24), "L1N5", (), {}),
    "home-120x40": ((120, 40), "L1N5", (), {}),
    "home-60x20": ((60, 20), "L1N5", ("3",), {}),
    "home-40x10": ((40, 10), "L1N5", (), {}),
    "light": ((80, 24), "L1N5", (), {"theme": "light"}),
    "no-colour": ((80, 24), "L1N5", ("down", "right"), {"depth": Depth.NONE}),
    "256-colours": ((80, 24), "L1N5", (), {"depth": Depth.ANSI256}),
    "16-colours": ((80, 24), "L1N5", (), {"depth": Depth.ANSI16}),
    "ascii": ((80, 24), "L1N5", (), {"ascii_only": True}),
    "empty-quadrants": ((80, 24), "L1N1", ("2",), {}),
    "dead-neuron": ((80, 24), "L1N2", (), {}),
    "zoomed": ((120, 40), "L1N5", ("z",), {}),
    "wrapped": ((120, 40), "L1N5", ("w", "V", "a"), {}),
    "density": ((80, 24), "L1N5", ("d",), {}),
    "go-to-error": ((80, 24), "L1N5", ("g", "9", "9", "enter"), {}),
    "find": ((80, 24), "L1N5", ("slash", "t", "h", "e", "enter"), {}),
    "open-context-80x24": ((80, 24), "L1N5", ("enter",), {}),
    "open-context-120x40": ((120, 40), "L1N5", ("enter", "J", "j"), {}),
    "neurons": ((80, 24), "L1N5", ("L", "l", "s", "j"), {}),
    "palette": ((80, 24), "L1N5", ("colon", "m", "a", "r", "k"), {}),
}


@pytest.mark.parametrize("name", SCREENS)
def test_the_screen_looks_as_before(name: str, explorer_app: AppMaker, snap_compare: Any) -> None:
    size, neuron, keys, looks = SCREENS[name]

    async def walk(pilot: Pilot[None]) -> None:
        await settled(pilot)
        await pilot.press(*keys)
        await settled(pilot)

    assert snap_compare(explorer_app(neuron, **looks), terminal_size=size, run_before=walk)


def test_there_are_at_most_twenty() -> None:
    assert len(SCREENS) <= 20
