"""The tokens that a neuron promotes in a quadrant, by the sign of post."""

from __future__ import annotations

from collections.abc import Iterable

from indexer.database.records import NeuronWeights, QuadrantRecord
from indexer.quadrants import Quadrant

from ..text.cells import cell_len, shorten
from ..text.clean import BLANK, clean


def output_sign(record: QuadrantRecord) -> int:
    """1 if the neuron writes along w_out in the quadrant, -1 if against it, 0 if it writes nothing.

    The sign of post, which is one and the same in a quadrant: every activation has one sign on each side of 0.
    """
    extreme = record.extreme.post
    return 0 if not extreme else 1 if extreme > 0 else -1


def promoted(record: QuadrantRecord, weights: NeuronWeights | None) -> tuple[str, ...]:
    """The tokens that the neuron promotes in the quadrant, most first: what w_out promotes where post is positive, what
    it suppresses where post is negative. Empty where nothing is written or the weights are not there."""
    sign = output_sign(record)
    if weights is None or not sign:
        return ()
    return tuple(score.text for score in (weights.promotes if sign > 0 else weights.suppresses))


def read(quadrant: Quadrant, weights: NeuronWeights | None) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The tokens that push gate and in into a quadrant, the nearest first: (`gate+`, tokens), (`in-`, tokens)."""
    if weights is None:
        return ()
    sides = (("gate", quadrant.gate_sign, weights.reads_gate), ("in", quadrant.in_sign, weights.reads_in))
    return tuple(
        (
            f"{name}{'+' if sign > 0 else '-'}",
            tuple(one.text for one in (reads.nearest if sign > 0 else reads.farthest)),
        )
        for name, sign, reads in sides
    )


def label(sign: int) -> str:
    """`writes +out:` or `writes -out:`."""
    return f"writes {'+' if sign > 0 else '-'}out:"


def bare(text: str, *, ascii_only: bool = False) -> str:
    """A token among others, cleaned: without the blank that begins a word; a token of blanks alone is a stand-in."""
    return clean(text.strip(" "), ascii_only=ascii_only) or ("_" if ascii_only else BLANK)


def visible(text: str, *, ascii_only: bool = False) -> str:
    """A token with its leading blanks visible: `␣Monday`."""
    word = text.lstrip(" ")
    return ("_" if ascii_only else BLANK) * (len(text) - len(word)) + clean(word, ascii_only=ascii_only)


def in_a_row(texts: Iterable[str], width: int, *, ascii_only: bool = False) -> str:
    """As many of the tokens as fit into `width` cells, each once, whole, but for the first, which is cut if need be."""
    line = ""
    for word in dict.fromkeys(bare(text, ascii_only=ascii_only) for text in texts):
        if not line:
            line = shorten(word, width, ascii_only=ascii_only)
        elif cell_len(line) + 1 + cell_len(word) <= width:
            line = f"{line} {word}"
        else:
            break
    return line
