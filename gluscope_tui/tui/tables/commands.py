"""Shell commands that print just some rows of a table. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from indexer.addresses import NeuronAddress

from ...kept.marks import Key, Mark

MOST_NAMED = 150
"""The most neurons that a condition may name: expressions have a limit."""


def showing(keys: Sequence[Key], path: str, signs: str = "aligned") -> str:
    """A command that shows neurons, each in its quadrant if it has one."""
    names = [Mark(neuron, quadrant=quadrant).name for neuron, quadrant in keys]
    own = ["--signs", signs] if signs != "aligned" else []
    if not any(quadrant for _, quadrant in keys):
        return shlex.join(["gluscope", "show", *names, *own, "--db", path])
    return f"printf '%s\\n' {shlex.join(names)} | {shlex.join(['gluscope', 'show', '-', *own, '--db', path])}"


def only(neurons: Sequence[NeuronAddress]) -> str:
    """A condition that only these neurons meet."""
    return f"neuron in ({', '.join(repr(str(neuron)) for neuron in neurons)})"
