"""Turns the packed examples of a neuron into records, decoding each peak that is asked for once."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from ..quadrants import QUANTITIES, Quadrant
from .activations import Twin
from .records import Example
from .spans import REACH
from .texts import StoredSequence, Texts
from .unpacking import DamagedValue, PackedExamples

Values = tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class _Context:
    """A peak's window, decoded: what all its examples share."""

    tokens: tuple[str, ...]
    text: str
    peak: int
    lanes: tuple[Values, Values, Values, Values]  # gate, in, act, post


def chosen(
    packed: PackedExamples, rankings: Collection[str], quadrants: Collection[Quadrant], limit: int | None
) -> dict[tuple[str, Quadrant], tuple[int, ...]]:
    """The lists asked for, as places of peaks, best first."""
    return {
        (ranking, quadrant): peaks[:limit]
        for (ranking, quadrant), peaks in packed.lists.items()
        if ranking in rankings and quadrant in quadrants
    }


def decode(
    packed: PackedExamples, lists: dict[tuple[str, Quadrant], tuple[int, ...]], texts: Texts, twin: Twin | None
) -> dict[tuple[str, Quadrant], tuple[Example, ...]]:
    """The examples of some lists, with raw signs."""
    peaks = sorted({peak for list_ in lists.values() for peak in list_})
    sequences = texts.sequences(packed.sequences[peak] for peak in peaks)
    texts.load(
        token for peak in peaks for token in _window(packed, peak, sequences[packed.sequences[peak]], margin=REACH)
    )
    contexts = {peak: _context(packed, peak, sequences[packed.sequences[peak]], texts, twin) for peak in peaks}
    return {
        (ranking, quadrant): tuple(
            _example(packed, ranking, rank, peak, contexts[peak], sequences[packed.sequences[peak]])
            for rank, peak in enumerate(list_)
        )
        for (ranking, quadrant), list_ in lists.items()
    }


def _window(packed: PackedExamples, peak: int, sequence: StoredSequence, margin: int = 0) -> list[int]:
    position = packed.positions[peak]
    return sequence.tokens[max(0, position - packed.before - margin) : position + packed.after + 1 + margin].tolist()


def _context(packed: PackedExamples, peak: int, sequence: StoredSequence, texts: Texts, twin: Twin | None) -> _Context:
    position = packed.positions[peak]
    if position >= len(sequence.tokens):
        raise DamagedValue(f"a peak lies at {position} of {len(sequence.tokens)} tokens")
    start = max(0, position - packed.before)
    stop = min(len(sequence.tokens), position + packed.after + 1)
    first = start - (position - packed.before)  # slots before it lie outside the sequence
    slots = slice(first, first + stop - start)
    gate, in_, post, *stored = (packed.lane(lane, peak)[slots] for lane in range(len(packed.scales)))
    if stored:
        act = stored[0]
    elif twin is not None:
        act = [None if value is None else twin(value) + 0.0 for value in gate]
    else:
        act = [None] * len(gate)
    place = position - start
    lanes = (gate, in_, act, post)
    for lane, exact in zip(lanes, packed.values, strict=True):
        lane[place] = exact[peak] + 0.0  # no negative zero
    tokens = texts.window(sequence.tokens, start, stop)
    return _Context(tokens, "".join(tokens), place, (tuple(gate), tuple(in_), tuple(act), tuple(post)))


def _example(
    packed: PackedExamples, ranking: str, rank: int, peak: int, context: _Context, sequence: StoredSequence
) -> Example:
    gate, in_, act, post = context.lanes
    quantity = QUANTITIES.index("post" if ranking == "random" else ranking)
    return Example(
        ranking=ranking,
        rank=rank,
        value=packed.values[quantity][peak] + 0.0,
        document=sequence.document,
        part=sequence.part,
        position=packed.positions[peak],
        source=sequence.source,
        peak=context.peak,
        text=context.text,
        tokens=context.tokens,
        gate=gate,
        in_=in_,
        act=act,
        post=post,
    )
