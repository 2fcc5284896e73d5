"""The cosines between two neurons that the model's weights gave in this session. No process."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from indexer.addresses import NeuronAddress

_KEPT = 1024
_ALIKE = [("gate", "gate"), ("in", "in"), ("out", "out")]
_FEEDS: tuple[list[tuple[str, str]], ...] = ([], [("out", "gate"), ("out", "in")], [("gate", "out"), ("in", "out")])


@dataclass(frozen=True, slots=True)
class Two:
    """Two neurons of an index."""

    one: NeuronAddress
    other: NeuronAddress

    def arguments(self) -> dict[str, Any]:
        """What the process is asked."""
        return {"one": str(self.one), "other": str(self.other)}


class Between:
    """The cosines that the comparison shows, by pair, and the pair that is being asked about."""

    def __init__(self) -> None:
        self.found: OrderedDict[Two, Mapping[tuple[str, str], float | None]] = OrderedDict()  # raw signs
        self.model = ""  # where the model is, if that is known
        self.asking: Two | None = None
        self.said = ""  # how far that is
        self.problem = ""  # why the last question failed
        self.by_hand = False
        """Whether the next pair waits for the key, because an earlier one failed or was given up."""

    def begin(self, two: Two) -> None:
        """A pair is being asked about."""
        self.asking, self.said, self.problem = two, "", ""

    def take(self, two: Two, answer: Mapping[str, Any]) -> None:
        """Its cosines came. KeyError, TypeError or ValueError if this is no answer about the pair."""
        if (answer["one"], answer["other"]) != (str(two.one), str(two.other)):
            raise ValueError("the cosines are not those of the neurons that were asked for")
        raw = {(str(one), str(other)): cosine for one, other, cosine in answer["cosines"]}
        pairs = list(raw)
        if pairs[:3] != _ALIKE or pairs[3:] not in _FEEDS or not all(map(_is_cosine, raw.values())):
            raise ValueError("these are not the cosines of two neurons")
        self.found[two] = raw
        while len(self.found) > _KEPT:
            self.found.popitem(last=False)
        self.model = str(answer.get("model") or "")
        self.asking = None

    def fail(self, why: str) -> None:
        """They could not be had."""
        self.problem = why
        self.asking, self.by_hand = None, True


def _is_cosine(value: Any) -> bool:
    return value is None or (type(value) is float and math.isfinite(value) and abs(value) <= 1.0 + 1e-6)
