"""A stand-in for the process that runs a model: `python -m tests.support.live_stand_in HOW INDEX`.

It answers the explorer's requests from nothing: values made of numbers and hashes. HOW: "well"; "slow": each answer
takes a moment; "mixed": answers come in a random order; "dies": it ends now and then, whatever was asked; "mute": it
never answers; "wild": it answers in wrong shapes and in no JSON.
"""

from __future__ import annotations

import json
import random
import sys
import threading
import time
from typing import Any

from indexer.addresses import parse_neuron
from indexer.quadrants import QUADRANTS

WILD: tuple[Any, ...] = (
    None,
    7,
    [],
    {},
    {"tokens": []},
    {"rows": [{}]},
    {"cosines": [["gate"]]},
    {"neuron": "x", "quadrant": ["+"]},
    "text",
)


def value(neuron: str, position: int, lane: int) -> float:
    """A number that a test can compute too; never 0."""
    address = parse_neuron(neuron)
    return random.Random(f"{address.name} {position} {lane}").choice((-1, 1)) * (0.1 + address.index % 7 + position / 8)


def tokens_of(text: str) -> list[str]:
    """BOS, then a token a character."""
    return ["<s>", *text]


def neuron_values(text: str, neuron: str) -> dict[str, Any]:
    """What a neuron does on a text."""
    lanes = {
        name: [None, *(value(neuron, at, lane) for at in range(1, len(tokens_of(text))))]
        for lane, name in enumerate(("gate", "in", "act", "post"))
    }
    quadrant = [
        None if gate is None or in_ is None else QUADRANTS[(0 if gate > 0 else 2) + (0 if in_ > 0 else 1)].value
        for gate, in_ in zip(lanes["gate"], lanes["in"], strict=True)
    ]
    return {"neuron": neuron, "quadrant": quadrant, **lanes}


def effect(message: dict[str, Any]) -> dict[str, Any]:
    """The effect of a quadrant, with hostile tokens."""
    found = {"mean": 0.0125, "low": 0.00625, "high": 0.025}
    measured = {
        **{"positions": 12, "sequences": 3, "visited": 2, "top1_changed": 0.25, "post_change": -0.5},
        **dict.fromkeys(("nll_at", "nll_all", "kl_at", "entropy_at"), found),
        "raised": [{"id": 1, "token": " up\x1b[31m", "change": 0.5}],
        "lowered": [{"id": 2, "token": " down", "change": -0.25}],
    }
    tokens = ["<s>", " the", " cat", "\x1b]52;c;aGk=\x07", " sat"]
    marked = {"document": 0, "part": 0, "tokens": tokens, "altered": [False, True, False, True, True]}
    return {
        **{name: message[name] for name in ("neuron", "quadrant", "to", "signs")},
        **{"format": 1, "over": "random", **measured, "extremes": measured, "controls": None},
        "expected": {"raised": [" expected"], "lowered": []},
        "marked": [{**marked, "change": [None, 0.75, None, -0.5, None]}],
    }


def cosines(message: dict[str, Any]) -> dict[str, Any]:
    """Cosines under raw signs, from hashes of the names; those of feeding between two layers only."""
    one, other = (parse_neuron(message[name]) for name in ("one", "other"))
    pairs = [("gate", "gate"), ("in", "in"), ("out", "out")]
    if one.site.layer != other.site.layer:
        feeds = [("out", "gate"), ("out", "in")]
        pairs += feeds if one.site.layer < other.site.layer else [(reads, writes) for writes, reads in feeds]
    found = [[a, b, round(random.Random(f"{one} {a} {other} {b}").uniform(-1, 1), 3)] for a, b in pairs]
    return {"one": message["one"], "other": message["other"], "model": "/models/stand-in", "cosines": found}


class StandIn:
    """The text that it was given last, and its answers."""

    def __init__(self) -> None:
        self.text = ""

    def answer(self, message: dict[str, Any]) -> dict[str, Any]:
        do = message["do"]
        if do == "load":
            return {"model": "stand-in", "context": 512, "no_logit": None, "capped": False}
        if do == "prompt":
            self.text = message["text"]
            tokens = tokens_of(self.text)
            return {"text": self.text, "ids": [0] * len(tokens), "tokens": tokens, "counted": [*range(1, len(tokens))]}
        if do == "neuron":
            return neuron_values(self.text, message["neuron"])
        if do == "effect":
            return effect(message)
        if do == "cosines":
            return cosines(message)
        position = message["position"]
        rows = [self._row(f"L{layer}N{number}", position) for layer in range(4) for number in range(5)]
        return {"position": position, "target": {"id": 5, "token": " x\x1b"}, "notice": None, "rows": rows}

    def _row(self, neuron: str, position: int) -> dict[str, Any]:
        values = neuron_values(self.text, neuron)
        here = {name: values[name][position] for name in ("quadrant", "gate", "in", "act", "post")}
        told = {"percentile": 99.5, "sampled": 30, "beyond": False, "logit": 0.25}
        return {"neuron": neuron, "position": position, "token": tokens_of(self.text)[position], **here, **told}


def say(message: Any) -> None:
    sys.stdout.write(message if isinstance(message, str) else json.dumps(message) + "\n")
    sys.stdout.flush()


def serve(how: str, seed: int) -> None:
    """Until the input ends."""
    chance, stand_in = random.Random(seed), StandIn()
    for line in sys.stdin:
        message = json.loads(line)
        if message["do"] in ("cancel", "bye") or how == "mute":
            continue
        if how == "dies" and chance.random() < 0.1:
            sys.exit(3)
        if how == "wild" and chance.random() < 0.5:
            say(chance.choice(("nonsense\n", {"id": message["id"], "ok": chance.choice(WILD)}, {"ok": 1}, [1])))
            continue
        say({"id": message["id"], "progress": {"message": "thinking\x1b[31m", "done": 1, "total": 3}})
        answer = {"id": message["id"], "ok": stand_in.answer(message)}
        if how == "slow":
            time.sleep(0.05)
        if how == "mixed":
            threading.Timer(chance.random() / 10, say, [answer]).start()
        else:
            say(answer)


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0)
