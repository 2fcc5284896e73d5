"""Turns the packed examples of a neuron into records, decoding each requested peak once."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from ...errors import GluscopeError
from ...quadrants import Quadrant
from ...ranking import RANKINGS
from ..format.schema import LARGEST_TEXT
from ..format.sinks import Sinks
from ..format.turns import roles_in
from ..records import Example
from .inflate import DamagedValue
from .spans import REACH
from .texts import StoredSequence, Texts
from .unpacking import PackedExamples

Values = tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class _Context:
    """The decoded window of a peak, shared by all its examples."""

    tokens: tuple[str, ...]
    text: str
    peak: int
    lanes: tuple[Values, Values, Values, Values]  # gate, in, act, post
    roles: tuple[str | None, ...] | None
    sink: bool


def known_rankings(asked: Iterable[str] | None, kept: tuple[str, ...]) -> tuple[str, ...]:
    """The rankings asked for; None: all that the index has `kept`. GluscopeError for one that it hasn't."""
    if asked is None:
        return kept
    names = tuple(asked)
    for ranking in names:
        if ranking not in RANKINGS:
            raise GluscopeError(f"unknown ranking {ranking!a}", f"use one of {', '.join(kept)}")
        if ranking not in kept:
            raise GluscopeError(
                f"this index keeps no ranking by {ranking}",
                f"use one of {', '.join(kept)}, or index again with --rank-by",
            )
    return names


def chosen(
    packed: PackedExamples, rankings: Collection[str], quadrants: Collection[Quadrant], limit: int | None
) -> dict[tuple[str, Quadrant], tuple[int, ...]]:
    """The requested lists, as places of peaks, best first."""
    return {
        (ranking, quadrant): peaks[:limit]
        for (ranking, quadrant), peaks in packed.lists.items()
        if ranking in rankings and quadrant in quadrants
    }


def decode(
    packed: PackedExamples,
    lists: dict[tuple[str, Quadrant], tuple[int, ...]],
    texts: Texts,
    activation: str,
    sinks: Sinks | None = None,
) -> dict[tuple[str, Quadrant], tuple[Example, ...]]:
    """The examples of some lists, with raw signs."""
    peaks = sorted({peak for list_ in lists.values() for peak in list_})
    sequences = texts.sequences(packed.sequences[peak] for peak in peaks)
    windows = (_window(packed, peak, sequences[packed.sequences[peak]], margin=REACH) for peak in peaks)
    texts.load(set().union(*windows))
    turns = texts.turns(sequences)
    contexts = {}
    room = LARGEST_TEXT
    for peak in peaks:
        sequence = sequences[packed.sequences[peak]]
        context = _context(packed, peak, sequence, texts, activation)
        start = packed.positions[peak] - context.peak
        said = turns.get(sequence.number)
        contexts[peak] = replace(
            context,
            roles=None if said is None else roles_in(said, start, start + len(context.tokens)),
            sink=sinks is not None and sinks.holds(sequence.tokens, packed.positions[peak]),
        )
        room -= len(contexts[peak].text)
        if room < 0:
            raise DamagedValue("its contexts are longer than contexts are")
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


def _context(packed: PackedExamples, peak: int, sequence: StoredSequence, texts: Texts, activation: str) -> _Context:
    position = packed.positions[peak]
    if position >= len(sequence.tokens):
        raise DamagedValue(f"a peak lies at {position} of {len(sequence.tokens)} tokens")
    start = max(0, position - packed.before)
    stop = min(len(sequence.tokens), position + packed.after + 1)
    first = start - (position - packed.before)  # slots before it lie outside the sequence
    slots = slice(first, first + stop - start)
    lanes = packed.window(peak, activation, slots)
    place = position - start
    for lane, exact in zip(lanes, packed.values, strict=True):
        lane[place] = exact[peak] + 0.0  # no negative zero
    gate, in_, act, post = map(tuple, lanes)
    tokens = texts.window(sequence.tokens, start, stop)
    return _Context(tokens, "".join(tokens), place, (gate, in_, act, post), None, sink=False)


def _example(
    packed: PackedExamples, ranking: str, rank: int, peak: int, context: _Context, sequence: StoredSequence
) -> Example:
    gate, in_, act, post = context.lanes
    return Example(
        ranking=ranking,
        rank=rank,
        value=RANKINGS[ranking].value([exact[peak] for exact in packed.values]),
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
        roles=context.roles,
        sink=context.sink,
    )
