"""What is told of a text that a model has read, in plain Python: the records of `gluscope prompt` and the explorer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..addresses import NeuronAddress, parse_neuron
from ..quadrants import Quadrant

Lane = tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Target:
    """A token whose logit counts."""

    id: int
    token: str


@dataclass(frozen=True, slots=True)
class Row:
    """One neuron at one position, under the requested signs."""

    neuron: NeuronAddress
    position: int
    token: str
    quadrant: Quadrant
    gate: float
    in_: float
    act: float
    post: float
    percentile: float | None  # of |post|, in its quadrant's sample
    sampled: int | None  # how many it was compared with
    beyond: bool  # larger than all of them
    logit: float | None  # its direct effect on the target's logit

    def as_object(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "neuron": self.neuron.name,
            "position": self.position,
            "token": self.token,
            "quadrant": self.quadrant.value,
            "gate": self.gate,
            "in": self.in_,
            "act": self.act,
            "post": self.post,
            "percentile": self.percentile,
            "sampled": self.sampled,
            "beyond": self.beyond,
            "logit": self.logit,
        }

    @classmethod
    def from_object(cls, found: Mapping[str, Any]) -> Row:
        """Read the result of `as_object`. KeyError, TypeError or ValueError if it can't be one."""
        gate, in_, act, post = (float(found[name]) for name in ("gate", "in", "act", "post"))
        return cls(
            neuron=parse_neuron(str(found["neuron"])),
            position=int(found["position"]),
            token=str(found["token"]),
            quadrant=Quadrant(found["quadrant"]),
            gate=gate,
            in_=in_,
            act=act,
            post=post,
            percentile=_number(found["percentile"]),
            sampled=None if found["sampled"] is None else int(found["sampled"]),
            beyond=bool(found["beyond"]),
            logit=_number(found["logit"]),
        )


@dataclass(frozen=True, slots=True)
class NeuronValues:
    """One neuron's values along the tokens of a text, under the requested signs; None where it has none."""

    neuron: NeuronAddress
    quadrant: tuple[Quadrant | None, ...]
    gate: Lane
    in_: Lane
    act: Lane
    post: Lane

    def __getitem__(self, quantity: str) -> Lane:
        """The values of `gate`, `in`, `act` or `post`."""
        lane: Lane = getattr(self, "in_" if quantity == "in" else quantity)
        return lane

    def as_object(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "neuron": self.neuron.name,
            "quadrant": [None if one is None else one.value for one in self.quadrant],
            **{name: list(self[name]) for name in ("gate", "in", "act", "post")},
        }

    @classmethod
    def from_object(cls, found: Mapping[str, Any]) -> NeuronValues:
        """Read the result of `as_object`. KeyError, TypeError or ValueError if it can't be one."""
        gate, in_, act, post = (tuple(map(_number, found[name])) for name in ("gate", "in", "act", "post"))
        quadrant = tuple(None if one is None else Quadrant(one) for one in found["quadrant"])
        if {len(gate), len(in_), len(act), len(post)} != {len(quadrant)}:
            raise ValueError("the lists have different lengths")
        return cls(parse_neuron(str(found["neuron"])), quadrant, gate, in_, act, post)


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


@dataclass(frozen=True, slots=True)
class Prompted:
    """The answer to one question about one text."""

    model: str
    signs: str
    text: str
    ids: tuple[int, ...]
    tokens: tuple[str, ...]
    targets: tuple[tuple[int, Target], ...]  # position, and the token whose logit counts there
    no_logit: str | None  # why there are no logits
    rows: tuple[Row, ...]
    neurons: tuple[NeuronValues, ...] = ()
    notices: tuple[str, ...] = ()
