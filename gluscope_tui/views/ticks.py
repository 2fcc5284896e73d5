"""Round numbers along an axis, as many as have room: 0, 1, 2 and 5 times powers of ten."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

_STEPS = (1.0, 2.0, 5.0)
_MOST = 200
"""The most multiples of a step that are looked at."""


def label(value: float) -> str:
    """A round number: 0, 0.5, -20, 1000, 2e+5."""
    return f"{value + 0.0:g}"


def linear_candidates(low: float, high: float) -> list[list[float]]:
    """The round numbers between two values, ever more of them: multiples of ever smaller steps."""
    if not high > low:
        return [[low]]
    exponent = math.ceil(math.log10(high - low))
    found = []
    for power in range(exponent, exponent - 4, -1):
        for factor in reversed(_STEPS):
            step = factor * 10.0**power
            first, last = math.ceil(low / step), math.floor(high / step)
            if 0 < last - first + 1 <= _MOST:
                found.append([float(f"{number * step:.12g}") for number in range(first, last + 1)])
    return found


def wide_candidates(low: float, high: float, least: float) -> list[float]:
    """Round numbers for an axis over many powers of ten, the most welcome first: 0, then 1, 5 and 2 times a power.

    `least`: the smallest magnitude that is told apart from 0.
    """
    far = max(abs(low), abs(high))
    found = [0.0]
    if far > 0 and least > 0:
        powers = range(math.floor(math.log10(far)), math.floor(math.log10(min(least, far))) - 1, -1)
        for factor in (1.0, 5.0, 2.0):
            for power in powers:
                value = float(f"{factor * 10.0**power:.12g}")
                found += [value, -value]
    return [value for value in found if low <= value <= high]


def chosen(candidates: Iterable[float], slot: Callable[[float], int], room: Callable[[float], int]) -> dict[int, float]:
    """The candidates that fit, by their slot: each keeps `room` slots around its own free of those before it."""
    taken: dict[int, float] = {}
    spans: list[tuple[int, int]] = []
    for value in candidates:
        at, half = slot(value), room(value)
        if all(at + half < start or end < at - half for start, end in spans):
            taken[at] = value
            spans.append((at - half, at + half))
    return dict(sorted(taken.items()))


def chosen_linear(
    low: float, high: float, slot: Callable[[float], int], room: Callable[[float], int]
) -> dict[int, float]:
    """The multiples of the smallest step of which all fit, by their slot."""
    best: dict[int, float] = {}
    for candidates in linear_candidates(low, high):
        found = chosen(candidates, slot, room)
        if len(found) < len(candidates) and best:
            break
        if len(found) > len(best):
            best = found
    return best


def below(ticks: dict[int, float], width: int, fixed: Sequence[tuple[int, str]] = ()) -> str:
    """A line of `width` cells with each number centred at its slot, and texts at fixed places that go before."""
    line = [" "] * width
    for start, text in [*fixed, *((at - len(label(value)) // 2, label(value)) for at, value in ticks.items())]:
        start = min(max(start, 0), max(0, width - len(text)))
        place = slice(start, start + len(text))
        around = line[max(0, start - 1) : start + len(text) + 1]
        if set(around) <= {" "} and start + len(text) <= width:
            line[place] = list(text)
    return "".join(line)
