"""The four panes of a page: statistics, bars, what is written, and the contexts."""

from __future__ import annotations

from dataclasses import dataclass

from indexer.database.read.sampled import Magnitudes
from indexer.database.records import Example, NeuronRecord, QuadrantRecord
from indexer.quadrants import QUANTITIES, Quantity
from indexer.ranking import RANKINGS

from ..contexts import Look
from ..numbers import frequency, full_count, signed
from ..quadrant import empty, in_words, kept
from ..sample import place_beside
from ..writes import bare, label, output_sign, promoted
from .contexts import Markup, markup
from .provenance import public

_WORDS = 8  # tokens written that a pane names


@dataclass(frozen=True, slots=True)
class Shown:
    """The contexts of a page: the ranking, how many of them the index keeps, and the most that were asked for."""

    ranking: str
    top_k: int
    limit: int | None


@dataclass(frozen=True, slots=True)
class Number:
    """A number of the table. `turns`: undoing a flip negates it."""

    text: str
    turns: bool


@dataclass(frozen=True, slots=True)
class Context:
    """A context: its value, where that lies in the sample, the source, and the tokens."""

    value: str
    place: str
    source: str
    markup: Markup


@dataclass(frozen=True, slots=True)
class Pane:
    """A quadrant of a page. `share` is a percentage for the bar."""

    name: str
    letters: str
    words: str
    count: str
    frequency: str
    share: str
    numbers: tuple[Number, ...]  # the means of the four quantities, then the extremes
    writes: str
    written: tuple[str, ...]
    contexts: tuple[Context, ...]
    placed: bool  # the contexts say where their values lie in the sample: not if all say the same
    end: str  # after the last context, or in place of one


def pane(quadrant: QuadrantRecord, record: NeuronRecord, shown: Shown, look: Look, places: Magnitudes | None) -> Pane:
    """The pane of a quadrant."""
    examples = quadrant.examples.get(shown.ranking, ())
    total, sign = record.tokens_counted, output_sign(quadrant)
    contexts = tuple(_context(example, quadrant, look, places) for example in examples)
    words = dict.fromkeys(bare(text) for text in promoted(quadrant, record.weights))
    return Pane(
        name=quadrant.quadrant.value,
        letters=quadrant.quadrant.letters,
        words=in_words(quadrant.quadrant),
        count=full_count(quadrant.count),
        frequency=frequency(quadrant.count, total),
        share=f"{100 * quadrant.count / total:.4g}" if total else "0",
        numbers=tuple(
            Number(signed(values[quantity]), quantity.negated_by_flip)
            for values in (quadrant.mean, quadrant.extreme)
            for quantity in QUANTITIES
        ),
        writes=label(sign) if sign and words else "",
        written=tuple(words)[:_WORDS],
        contexts=contexts,
        placed=len({context.place for context in contexts}) > 1,
        end=_end(quadrant, shown) if examples else empty(quadrant, shown.ranking),
    )


def value_turns(ranking: str) -> bool:
    """Whether undoing a flip negates the value of a ranking's contexts."""
    return RANKINGS[ranking].negated_by_flip


def quantity_turns(name: str) -> bool:
    """Whether undoing a flip negates a quantity."""
    return Quantity(name).negated_by_flip


def _context(example: Example, quadrant: QuadrantRecord, look: Look, places: Magnitudes | None) -> Context:
    place = None if places is None else places.place(quadrant.quadrant, look.quantity, example.value)
    part = f" part {example.part}" if example.part else ""
    return Context(
        value=signed(example.value),
        place=place_beside(place),
        source=f"document {example.document}{part}, token {example.position}, {public(example.source)}",
        markup=markup(example, quadrant.quadrant, look),
    )


def _end(quadrant: QuadrantRecord, shown: Shown) -> str:
    count = len(quadrant.examples[shown.ranking])
    if shown.limit == count and count < min(quadrant.count, RANKINGS[shown.ranking].k(shown.top_k)):
        return f"the first {full_count(count)}"
    return kept(quadrant, shown.ranking, shown.top_k)
