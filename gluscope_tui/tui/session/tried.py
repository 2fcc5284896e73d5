"""The state of a text of one's own: what was typed, how far its reading is, what the neurons do on it. No process."""

from __future__ import annotations

import shlex
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from indexer.addresses import NeuronAddress
from indexer.live.records import NeuronValues, Row, Target

MOST_ROWS = 200
"""Neurons in the table of those that stand out."""

_KEPT = 256  # neurons' values
_REMEMBERED = 100  # texts


@dataclass(frozen=True, slots=True)
class OwnText:
    """A text that the model has read."""

    text: str
    tokens: tuple[str, ...]
    counted: tuple[int, ...]  # positions that have values

    @classmethod
    def from_object(cls, found: Mapping[str, Any]) -> OwnText:
        """Read the answer of the process. KeyError, TypeError or ValueError if it can't be one."""
        tokens = tuple(map(str, found["tokens"]))
        counted = tuple(int(at) for at in found["counted"])
        if not tokens or not all(0 <= at < len(tokens) for at in counted):
            raise ValueError("the positions are not in the text")
        return cls(str(found["text"]), tokens, counted)


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """How the model is opened; None: as the index says."""

    model: str | None = None
    device: str | None = None


@dataclass(frozen=True, slots=True)
class Wished:
    """Which neurons stand out at a position."""

    text: str = ""
    position: int = 0
    sort: str = "percentile"
    where: str = ""
    signs: str = "aligned"

    def command(self, path: str, options: LiveOptions) -> str:
        """The shell command that prints the same."""
        words = ["gluscope", "prompt", "--at", str(self.position), "--sort", self.sort, "-n", str(MOST_ROWS)]
        words += ["--where", self.where] if self.where else []
        return prompt_command(words, self.text, self.signs, path, options)


def prompt_command(words: list[str], text: str, signs: str, path: str, options: LiveOptions) -> str:
    """A command that asks the model about a text."""
    words += ["--signs", signs] if signs != "aligned" else []
    words += ["--model", options.model] if options.model else []
    words += ["--device", options.device] if options.device else []
    return shlex.join([*words, "--db", path, "--", text])


@dataclass(frozen=True, slots=True)
class Standing:
    """The neurons that stand out at a position, and the token whose logit counts."""

    wished: Wished
    rows: tuple[Row, ...]
    target: Target | None


class Tried:
    """A text, the model's reading of it, and a cursor on its tokens."""

    def __init__(self) -> None:
        self.asked = ""  # the text that was typed last; "": none, and nothing is shown
        self.read: OwnText | None = None
        self.status = ""  # what is being done
        self.problem = ""  # why it was not done
        self.no_logit: str | None = None  # why neurons have no effects on logits
        self.at = 0
        self.history: list[str] = []
        self._recalled: int | None = None  # place in the history
        self._values: OrderedDict[tuple[NeuronAddress, str], NeuronValues] = OrderedDict()

    @property
    def shown(self) -> bool:
        """Whether there is anything to show."""
        return bool(self.asked)

    @property
    def no_table(self) -> str:
        """Why no neurons can stand out at the token under the cursor, or ""."""
        if self.shown and self.busy and not self.problem:
            return f"your text is still being read: {self.status}"
        if self.busy or self.read is None:
            return self.problem or "no text of your own is read: at home {live.try} asks for one"
        if self.at not in self.read.counted:
            return "this token is not counted: at home {live.next} and {live.previous} choose another"
        return ""

    @property
    def busy(self) -> bool:
        """Whether a text is still being read."""
        return self.read is None or self.read.text != self.asked

    def begin(self, text: str, status: str) -> None:
        """A text was typed; "" takes the one that is shown away."""
        self.asked, self.status, self.problem = text, status, ""
        self._recalled = None
        if text and self.history[-1:] != [text]:
            self.history = [*self.history, text][-_REMEMBERED:]
        if not text:
            self.read = None
            self._values.clear()

    def take(self, read: OwnText) -> None:
        """The text was read; the cursor is on its last counted token."""
        self.read, self.status, self.problem = read, "", ""
        self.at = read.counted[-1] if read.counted else len(read.tokens) - 1
        self._values.clear()

    def fail(self, problem: str) -> None:
        """It was not."""
        self.status, self.problem = "", problem

    def put(self, signs: str, values: NeuronValues) -> None:
        """What a neuron does on the text."""
        if self.read is None or len(values.post) != len(self.read.tokens):
            raise ValueError("the values are not those of the text")
        self._values[values.neuron, signs] = values
        while len(self._values) > _KEPT:
            self._values.popitem(last=False)

    def values(self, neuron: NeuronAddress, signs: str) -> NeuronValues | None:
        """What a neuron does on the text; None if it isn't known yet."""
        return self._values.get((neuron, signs))

    def move(self, by: int) -> str:
        """Move the cursor. Returns why it can't, or ""."""
        if self.read is None:
            return "no text of your own is read: {live.try} asks for one"
        there = min(max(self.at + by, 0), len(self.read.tokens) - 1)
        if there == self.at:
            return f"this is the {'last' if by > 0 else 'first'} token of your text"
        self.at = there
        return ""

    def recall(self, by: int) -> str | None:
        """An earlier text (by < 0) or a later one; None if there is none."""
        place = (len(self.history) if self._recalled is None else self._recalled) + by
        if not 0 <= place < len(self.history):
            return None
        self._recalled = place
        return self.history[place]
