"""The table of `gluscope effect` in narrow terminals."""

from __future__ import annotations

from gluscope_tui.views.effect import lines
from indexer.live.effect.result import Controls, Effect, Interval, Measured


def rows(*neurons: str, controls: bool) -> list[Effect]:
    spread = Interval(0.0123, 0.0081, 0.017)
    measured = Measured(1234, 8, 8, spread, spread, spread, spread, 0.25)
    alike = Controls(8, 3, (), ()) if controls else None
    return [
        Effect(neuron, label, "zero", "aligned", "text", measured, controls=alike)
        for neuron in neurons
        for label in ("++", "+-", "all")
    ]


def table(found: list[Effect], width: int) -> tuple[list[str], list[str]]:
    made, without_room = lines(found, width)
    return ["".join(text for text, _ in line) for line in made][: 2 + len(found)], without_room


def test_rows_of_several_neurons_say_whose_they_are_in_every_width() -> None:
    found = rows("L20N868", "L20N869", controls=True)
    for width in (200, 80, 60, 50):
        shown, without_room = table(found, width)
        assert [line.split()[:2] for line in shown[2:]] == [[row.neuron, row.quadrant] for row in found]
        assert max(map(len, shown)) <= width
        headed = "place" in shown[1]
        assert headed == ("place" not in without_room) == (width == 200)


def test_a_single_neuron_gives_its_column_up_and_an_empty_column_is_not_missed() -> None:
    full = rows("L20N868", controls=True)
    wide = max(map(len, table(full, 200)[0]))
    assert table(full, wide - 1)[1] == ["neuron"]
    several = rows("L20N868", "L20N869", controls=False)
    wide = max(map(len, table(several, 200)[0]))
    shown, without_room = table(several, wide - 1)
    assert (max(map(len, shown)), without_room) == (wide - len("  place"), [])
    assert table(several, wide - len("  place") - 1)[1] == ["entropy"]
