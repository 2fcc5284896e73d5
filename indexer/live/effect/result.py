"""What was measured of a neuron in a quadrant, as records and as JSON. No torch, so that the explorer can read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from ...errors import GluscopeError

FORMAT = 1

ALL = "all"
"""The four quadrants together."""

MEASURES = ("nll_at", "nll_all", "kl_at", "entropy_at")
"""The measures that have an interval, in nats."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over positions and its 95 % interval over sequences; None where a single sequence gives none."""

    mean: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class TokenChange:
    """A token, and the mean change of its log-probability over the altered positions."""

    id: int
    token: str
    change: float


@dataclass(frozen=True, slots=True)
class Controls:
    """The same measured for neurons alike. `place`: the neuron's own among them by |nll_at|, 1: the largest."""

    n: int
    place: int | None
    neurons: tuple[str, ...]
    nll_at: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Measured:
    """What an alteration changes in some sequences. Without an altered position everything is None or empty."""

    positions: int  # altered
    sequences: int  # read
    visited: int  # of those, with an altered position
    nll_at: Interval | None = None
    nll_all: Interval | None = None
    kl_at: Interval | None = None
    entropy_at: Interval | None = None
    top1_changed: float | None = None
    post_change: float | None = None  # mean of new - old post there, in the asked signs; None for several neurons
    raised: tuple[TokenChange, ...] = ()
    lowered: tuple[TokenChange, ...] = ()

    def measure(self, name: str) -> Interval | None:
        """One of MEASURES."""
        found: Interval | None = getattr(self, name)
        return found


@dataclass(frozen=True, slots=True)
class Marked:
    """A sequence with the change of each next token's negative log-likelihood: for pictures, not for statistics."""

    document: int | None
    part: int | None
    tokens: tuple[str, ...]
    altered: tuple[bool, ...]  # position
    change: tuple[float | None, ...]  # position: of the token after it; None for the last


@dataclass(frozen=True, slots=True)
class Effect:
    """A row: a neuron, or a set of neurons altered together, in one quadrant or in all."""

    neuron: str  # of a set: its addresses, joined by "+"
    quadrant: str  # one of QUADRANTS, or ALL
    to: str
    signs: str
    over: str  # what was read: random, extremes, text or prompt
    main: Measured
    extremes: Measured | None = None  # beside `random`
    controls: Controls | None = None
    expected_raised: tuple[str, ...] = ()  # by the weights alone
    expected_lowered: tuple[str, ...] = ()
    marked: tuple[Marked, ...] = field(default=(), compare=False)

    def as_json(self) -> dict[str, Any]:
        """The object that docs/formats.md describes."""
        return {
            "format": FORMAT,
            "neuron": self.neuron,
            "quadrant": self.quadrant,
            "to": self.to,
            "signs": self.signs,
            "over": self.over,
            **_measured(self.main),
            "expected": {"raised": list(self.expected_raised), "lowered": list(self.expected_lowered)},
            "controls": None if self.controls is None else _plain(asdict(self.controls)),
            "extremes": None if self.extremes is None else _measured(self.extremes),
        }


def _measured(found: Measured) -> dict[str, Any]:
    return {name: _plain(value) for name, value in asdict(found).items()}


def _plain(value: Any) -> Any:
    """Lists for tuples; numbers rounded to what float32 holds, without -0.0."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(each) for each in value]
    return float(f"{value:.7g}") + 0.0 if isinstance(value, float) else value


def from_json(found: Mapping[str, Any]) -> Effect:
    """Read the result of `as_json`. GluscopeError if it is anything else."""
    try:
        expected = found["expected"]
        return Effect(
            neuron=_text(found["neuron"]),
            quadrant=_text(found["quadrant"]),
            to=_text(found["to"]),
            signs=_text(found["signs"]),
            over=_text(found["over"]),
            main=_read_measured(found),
            extremes=None if found["extremes"] is None else _read_measured(found["extremes"]),
            controls=None if found["controls"] is None else _read_controls(found["controls"]),
            expected_raised=tuple(map(_text, expected["raised"])),
            expected_lowered=tuple(map(_text, expected["lowered"])),
            marked=tuple(map(_read_marked, found.get("marked", ()))),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise GluscopeError("a row is not what gluscope effect writes", "use another file, or begin anew") from error


def marked_json(marked: Sequence[Marked]) -> list[dict[str, Any]]:
    """The JSON of marked sequences, which `from_json` reads under the key `marked`."""
    return [_plain(asdict(one)) for one in marked]


def _read_measured(found: Mapping[str, Any]) -> Measured:
    return Measured(
        positions=_count(found["positions"]),
        sequences=_count(found["sequences"]),
        visited=_count(found["visited"]),
        nll_at=_read_interval(found["nll_at"]),
        nll_all=_read_interval(found["nll_all"]),
        kl_at=_read_interval(found["kl_at"]),
        entropy_at=_read_interval(found["entropy_at"]),
        top1_changed=_number(found["top1_changed"]),
        post_change=_number(found["post_change"]),
        raised=tuple(map(_read_token, found["raised"])),
        lowered=tuple(map(_read_token, found["lowered"])),
    )


def _read_interval(found: Mapping[str, Any] | None) -> Interval | None:
    if found is None:
        return None
    return Interval(_sure(found["mean"]), _number(found["low"]), _number(found["high"]))


def _read_token(found: Mapping[str, Any]) -> TokenChange:
    return TokenChange(_count(found["id"]), _text(found["token"]), _sure(found["change"]))


def _read_controls(found: Mapping[str, Any]) -> Controls:
    place = found["place"]
    return Controls(
        _count(found["n"]),
        None if place is None else _count(place),
        tuple(map(_text, found["neurons"])),
        tuple(map(_number, found["nll_at"])),
    )


def _read_marked(found: Mapping[str, Any]) -> Marked:
    document, part = found["document"], found["part"]
    return Marked(
        None if document is None else _count(document),
        None if part is None else _count(part),
        tuple(map(_text, found["tokens"])),
        tuple(bool(one) for one in found["altered"]),
        tuple(map(_number, found["change"])),
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise TypeError("not a count")
    return value


def _sure(value: Any) -> float:
    if type(value) not in (int, float):
        raise TypeError("not a number")
    return float(value)


def _number(value: Any) -> float | None:
    return None if value is None else _sure(value)
