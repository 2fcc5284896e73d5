"""What was measured in this session: effects by neuron, quadrant and signs, and the one that is being measured."""

from __future__ import annotations

import shlex
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from indexer.addresses import NeuronAddress
from indexer.live.effect.result import Effect

from .tried import LiveOptions

CONTEXTS = 8
"""Contexts of each kind that are measured."""

_KEPT = 64


@dataclass(frozen=True, slots=True)
class Wanted:
    """A row of the screen: a neuron in a quadrant, post set to zero."""

    neuron: NeuronAddress
    quadrant: str
    signs: str

    def arguments(self) -> dict[str, Any]:
        """What the process is asked."""
        asked = {"neuron": str(self.neuron), "quadrant": self.quadrant, "signs": self.signs}
        return {**asked, "to": "zero", "contexts": CONTEXTS}

    def command(self, path: str, options: LiveOptions) -> str:
        """The shell command that measures the same."""
        words = ["gluscope", "effect", str(self.neuron), "-q", self.quadrant, "--controls", "0"]
        words += ["--signs", self.signs] if self.signs != "aligned" else []
        words += ["--model", options.model] if options.model else []
        words += ["--device", options.device] if options.device else []
        return shlex.join([*words, "--db", path])


class Effects:
    """The effects that the screen shows."""

    def __init__(self) -> None:
        self.found: OrderedDict[Wanted, Effect] = OrderedDict()
        self.problems: dict[Wanted, str] = {}
        self.measuring: Wanted | None = None
        self.said = ""  # how far that is

    def begin(self, wanted: Wanted) -> None:
        """An effect is being measured."""
        self.measuring, self.said = wanted, ""
        self.problems.pop(wanted, None)

    def take(self, wanted: Wanted, row: Effect) -> None:
        """It was measured. ValueError if this is the effect of something else."""
        if (row.neuron, row.quadrant) != (str(wanted.neuron), wanted.quadrant):
            raise ValueError("the effect is not the one that was asked for")
        self.found[wanted] = row
        while len(self.found) > _KEPT:
            self.found.popitem(last=False)
        self.give_up()

    def fail(self, why: str) -> None:
        """It could not be measured."""
        if self.measuring is not None:
            self.problems[self.measuring] = why
        self.give_up()

    def give_up(self) -> None:
        """Nothing is being measured any longer."""
        self.measuring, self.said = None, ""
