"""The card of a neuron: class, cosines and their bands of chance, tokens written and read, lists of other neurons."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from indexer.database.records import NeuronWeights, TokenScore
from indexer.quadrants import Quadrant

from ..colour.style import PLAIN, Style, StyledLine
from ..text.cells import cell_len, shorten
from ..text.clean import clean
from .neuron_lists import Strip, neuron_lists, strip_lines, told
from .numbers import signed
from .table import percent
from .weights import class_of, roles_in_words
from .writes import visible

_LABEL = 15


@dataclass(frozen=True, slots=True)
class CardLook:
    """How a card is drawn. `writes`, `reads`: the most rows that each list of tokens may take; `cursor`: stands before
    the chosen neuron."""

    writes: int = 1
    reads: int = 1
    text: Style = PLAIN
    faint: Style = PLAIN
    strong: Style = PLAIN
    cursor: str = "▸"
    ascii_only: bool = False
    no_wiring: str = ""  # the reason, if there is none


def card(
    weights: NeuronWeights,
    width: int,
    look: CardLook,
    chosen: tuple[int, int] | None = None,
    entropies: Mapping[Quadrant, float | None] | None = None,
) -> list[StyledLine]:
    """The card in lines of at most `width` cells. `chosen`: list and place in it of the neuron that is marked.

    `entropies`: of what the examples of each quadrant peak on, in bits.
    """
    return [
        _class(weights, width, look),
        *_cosines(weights, look),
        *_facts(weights, entropies, width, look),
        *_tokens("promotes", weights.promotes, width, look.writes, look),
        *_tokens("suppresses", weights.suppresses, width, look.writes, look),
        *_tokens("gate reads", weights.reads_gate.nearest, width, look.reads, look),
        *_tokens("  against", weights.reads_gate.farthest, width, look.reads, look),
        *_tokens("in reads", weights.reads_in.nearest, width, look.reads, look),
        *_tokens("  against", weights.reads_in.farthest, width, look.reads, look),
        *_lists(weights, width, look, chosen),
    ]


def list_rows(height: int, facts: int = 0) -> tuple[int, int]:
    """The most rows for each list of tokens written and read, so that the whole card has `height` rows.

    `facts`: how many lines of `facts_of` it has.
    """
    spare = height - 14 - facts  # class, cosines, lists of 8 neurons between heads and a line about one
    reads = max(1, spare // 6)
    return max(reads, min(4, (spare - 4 * reads) // 2)), reads


def missing(reason: str, path: str | None, width: int, look: CardLook) -> list[StyledLine]:
    """The text shown if the index lacks a neuron's weights: the reason, and how to add them.

    `path`: the index that --weights-only adds them to; None if it can't.
    """
    cause = reason.partition("; gluscope index ")[0]  # an old index names the command too, without its own file
    lines = [f"the weights are not in this index: {cause}"]
    if path is not None:
        lines += ["", "this adds them:", f"  gluscope index --weights-only MODEL --db {shlex.quote(path)}"]
    wrapped = [
        part
        for line in lines
        for part in textwrap.wrap(clean(line, ascii_only=look.ascii_only), max(width - 2, 8), subsequent_indent="  ")
        or [""]
    ]
    return [((f" {line}", look.text),) for line in wrapped]


def _class(weights: NeuronWeights, width: int, look: CardLook) -> StyledLine:
    """The class, and the quadrants in which it predicts and suppresses, if it does."""
    told = f" {class_of(weights)}"
    roles = roles_in_words(weights.vocabulary)
    rest = shorten(f"   {roles}", max(width - len(told), 0), ascii_only=look.ascii_only) if roles else ""
    return ((told, look.strong), (rest, look.text))


def _cosines(weights: NeuronWeights, look: CardLook) -> Iterator[StyledLine]:
    """The three cosines, each with the magnitude that chance reaches, and the norms; a line each pair of numbers."""
    bands = weights.bands
    rows = (
        ("gate, in", weights.cos_gate_in, bands.gate_in, "gate", weights.norm_gate),
        ("in, out", weights.cos_in_out, bands.in_out, "in", weights.norm_in),
        ("gate, out", weights.cos_gate_out, bands.gate_out, "out", weights.norm_out),
    )
    within = "+-" if look.ascii_only else "±"
    for pair, cosine, band, name, norm in rows:
        chance = "" if band is None else f"chance {within}{band:.3f}"
        yield (
            (f" {f'cos({pair})':<{_LABEL}}", look.faint),
            (f"{signed(cosine):>8}  ", look.text),
            (f"{chance:<15}", look.faint),
            (f"  norm {name:<5}", look.faint),
            (signed(norm).removeprefix("+"), look.text),
        )


def facts_of(weights: NeuronWeights, entropies: Mapping[Quadrant, float | None] | None) -> list[tuple[str, list[str]]]:
    """What an index of today says besides, as labels and words: the spread of scores, and the entropy of peaks."""
    found = []
    spread = weights.vocabulary
    if spread is not None and spread.std is not None:
        words = [f"std {signed(spread.std).removeprefix('+')}", f"skew {signed(spread.skew)}"]
        words.append(f"kurtosis {signed(spread.kurtosis).removeprefix('+')}")
        if spread.null_share is not None:
            words.append(f"null share {percent(spread.null_share)}")
        found.append(("vocabulary", words))
    known = {quadrant: bits for quadrant, bits in (entropies or {}).items() if bits is not None}
    if known:
        found.append(("peak entropy", [f"{quadrant.value} {bits:.2f}" for quadrant, bits in known.items()] + ["bits"]))
    return found


def _facts(
    weights: NeuronWeights, entropies: Mapping[Quadrant, float | None] | None, width: int, look: CardLook
) -> Iterator[StyledLine]:
    for label, words in facts_of(weights, entropies):
        text = shorten("  ".join(words), max(width - _LABEL - 2, 8), ascii_only=look.ascii_only)
        yield ((f" {label:<{_LABEL}}", look.faint), (text, look.text))


def _tokens(label: str, scores: Sequence[TokenScore], width: int, most: int, look: CardLook) -> Iterator[StyledLine]:
    """A list of tokens with their scores, in at most `most` rows; what doesn't fit is left out."""
    if not scores:
        yield ((f" {label:<{_LABEL}}", look.faint), ("not known", look.faint))
        return
    room = max(width - _LABEL - 2, 8)
    rows: list[list[tuple[str, Style]]] = [[]]
    used = 0
    for score in scores:
        word = shorten(visible(score.text, ascii_only=look.ascii_only), min(room - 8, 24), ascii_only=look.ascii_only)
        number = signed(score.score)
        cells = cell_len(word) + 1 + len(number)
        if used and used + 2 + cells > room:
            if len(rows) == most:
                break
            rows.append([])
            used = 0
        if used:
            rows[-1].append(("  ", look.text))
            used += 2
        rows[-1] += [(word, look.text), (f" {number}", look.faint)]
        used += cells
    for row in rows:
        yield ((f" {label:<{_LABEL}}", look.faint), *row)
        label = ""


def _lists(weights: NeuronWeights, width: int, look: CardLook, chosen: tuple[int, int] | None) -> Iterator[StyledLine]:
    """The lists of other neurons side by side, and under them what the chosen one does, or why there is no wiring."""
    lists = neuron_lists(weights)
    if not any(one.neurons for one in lists):
        yield ((f" {'nearest':<{_LABEL}}", look.faint), ("not known", look.faint))
        return
    column, place = chosen or (0, -1)
    strip = Strip(lists, width, column, place)
    yield from strip_lines(strip, look.text, look.faint, look.strong, look.cursor)
    if weights.wiring is None:
        cause, _, command = clean(look.no_wiring, ascii_only=look.ascii_only).partition("; gluscope index ")
        told_why = f"gluscope index {command}" if command else cause
        words = shorten(f"no wiring: {told_why}", max(width - 2, 8), ascii_only=look.ascii_only)
    else:
        words = told(strip, ascii_only=look.ascii_only)
    yield ((f" {words}", look.faint if weights.wiring is None else look.text),)
