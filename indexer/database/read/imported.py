"""The examples of an index that was made from another tool's data set: a text, and a value somewhere in it."""

from __future__ import annotations

from dataclasses import replace

from ...quadrants import QUANTITIES
from ...ranking import RANKINGS
from ..records import Example


def of_an_import(example: Example) -> Example:
    """The example with what the data set said: the text is one token and the peak, only the ranked value is known.

    Its sequence's part is the number of the list it came from, which is nothing to a reader.
    """
    known = RANKINGS[example.ranking].factors
    gate, in_, act, post = (
        example.values(name) if (name,) == known else (None,) * len(example.tokens) for name in QUANTITIES
    )
    return replace(example, part=0, gate=gate, in_=in_, act=act, post=post)
