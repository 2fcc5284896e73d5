"""The comparison of two neurons as lines: statistics, cosines, tokens, contexts in pairs, shared contexts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, zip_longest

from indexer.database.records import Example, NeuronRecord, TokenScore
from indexer.quadrants import QUADRANTS, Quadrant

from ..colour.ramp import Ramp
from ..colour.style import PLAIN, Style, StyledLine
from ..text.cells import cell_len, column, fit, flow, shorten
from .compare import CORRELATED, Compared, PairCosine, SharedContext, shared_tokens
from .compare_table import blocks
from .contexts import Look, colour_of, context_line, neuron_scale, split_width
from .neuron import tokens_of
from .numbers import frequency, full_count, signed
from .weights import class_of, cosines_of
from .writes import in_a_row

TWO_COLUMNS_FROM = 100
"""Width from which the two neurons stand side by side."""
_VALUE_CELLS = 9
_DISTANCE_CELLS = 12
_LABEL_CELLS = 24


def _same(style: Style) -> Style:
    return style


@dataclass(frozen=True, slots=True)
class CompareLook:
    """How a comparison is drawn. `contexts`: how many of each quadrant; `token`: the style of a token on the screen."""

    ramp: Ramp
    contexts: int = 3
    text: Style = PLAIN
    faint: Style = PLAIN
    strong: Style = PLAIN
    divider: str = " │ "
    ascii_only: bool = False
    marks: tuple[str, str] | None = None  # around a peak, where bold and underline can't be seen
    beside_from: int = TWO_COLUMNS_FROM  # the width, where a part of the screen is not the comparison's
    more: str = ""  # how to get the cosines between two neurons that the index doesn't have
    token: Callable[[Style], Style] = field(default=_same, compare=False)


def compare_lines(compared: Compared, width: int, look: CompareLook) -> list[StyledLine]:
    """All lines, each of at most `width` cells (40 or more)."""
    page = _Page(compared, width, look)
    parts = (page.heads(), page.statistics(), page.between(), page.tokens(), page.contexts(), page.shared())
    found: list[StyledLine] = []
    for part in parts:
        lines = list(part)
        found += [(), *lines] if found and lines else lines
    return [_cut(line, width) for line in found]


def _cut(line: StyledLine, width: int) -> StyledLine:
    """The line without what lies beyond `width` cells."""
    kept = []
    for text, style in line:
        cells = cell_len(text)
        kept.append((text if cells <= width else fit(text, max(0, width)), style))
        width -= cells
    return tuple(part for part in kept if part[0])


class _Page:
    """The parts of a comparison."""

    def __init__(self, compared: Compared, width: int, look: CompareLook) -> None:
        self._compared, self._width, self._look = compared, width, look
        self._two = width >= look.beside_from
        self._half = (width - len(look.divider)) // 2 if self._two else width
        self._quantity = colour_of(compared.ranking)
        self._names = [shorten(name, 40, ascii_only=look.ascii_only) for name in compared.names]

    def heads(self) -> Iterator[StyledLine]:
        """Name, class and cosines of each; what makes two indexes hard to compare."""
        yield from self._beside(*(list(self._head(side)) for side in range(2)))
        if self._compared.flipped_in_one:
            yield from self._flowed(
                "alignment flips the neuron in one of the two only: + and - of in stand for opposite directions. "
                "Raw signs compare them as the models have them.",
                self._look.strong,
            )

        for remark in self._compared.remarks:
            yield from self._flowed(remark, self._look.strong)

    def _head(self, side: int) -> Iterator[StyledLine]:
        record, look = self._compared.records[side], self._look
        yield ((fit(self._names[side], self._half), look.strong),)
        tokens = {one.tokens_counted for one in self._compared.records}
        if not self._compared.same_index or len(tokens) > 1:  # experts count the tokens that reach them
            model = () if self._compared.same_index else (shorten(record.model, 40, ascii_only=look.ascii_only),)
            yield from (((line, look.text),) for line in flow((*model, tokens_of(record)), self._half))
        if record.weights is None:
            yield (("no weights in this index", look.faint),)
            return
        yield ((shorten(class_of(record.weights), self._half), look.text),)
        yield from (((line, look.faint),) for line in flow(cosines_of(record.weights), self._half))

    def statistics(self) -> Iterator[StyledLine]:
        """A row a quadrant: the two frequencies, their difference, the means and the extremes of the quantity."""
        look = self._look
        for block in blocks(self._compared, self._width, ascii_only=look.ascii_only):
            yield from (((f"    {head}", look.faint),) for head in block.heads)
            yield from (((f" {name} ", look.strong), (words, look.text)) for name, words in block.rows)

    def between(self) -> Iterator[StyledLine]:
        """The cosines between the two, and how their values go together in the sample."""
        compared = self._compared
        more = [self._look.more] if self._look.more and compared.exact is None else []
        if compared.cosines:
            alike = [one for one in compared.cosines if one.one == one.other]
            yield from self._labelled("between", [*(self._cosine(one) for one in alike), *more])
            feeding = [one for one in compared.cosines if one.one != one.other]
            if feeding:
                writer, reader = self._names if feeding[0].one == "out" else self._names[::-1]
                arrow = "->" if self._look.ascii_only else "→"
                yield from self._labelled(
                    "feeds", [f"{writer} {arrow} {reader}", *(self._cosine(_written(one)) for one in feeding)]
                )
        elif compared.same_index:
            yield from self._labelled("between", ["no cosines: the index has no weights", *more])
        together = [(name, compared.correlation(name)) for name in CORRELATED]
        found = [f"{name} {value:+.3f}" for name, value in together if value is not None]
        if found:
            of = f"Pearson at the {full_count(compared.sampled)} sampled positions"
            yield from self._labelled("together", [*found, f"({of})"])

    def _cosine(self, one: PairCosine) -> str:
        return cosine_words(one, ascii_only=self._look.ascii_only)

    def tokens(self) -> Iterator[StyledLine]:
        """The tokens that both promote or suppress, those that only one does, and those on which they disagree."""
        one, other = (record.weights for record in self._compared.records)
        if one is None or other is None:
            return
        for both, verb, first, second in (
            ("both promote", "promotes", one.promotes, other.promotes),
            ("both suppress", "suppresses", one.suppresses, other.suppresses),
        ):
            found = shared_tokens(first, second)
            yield self._row_of_tokens(both, found.both, self._width)
            yield from self._beside(
                [
                    self._row_of_tokens(
                        f"only this one {verb}" if self._two else f"only {self._names[0]} {verb}", found.one
                    )
                ],
                [
                    self._row_of_tokens(
                        f"only this one {verb}" if self._two else f"only {self._names[1]} {verb}", found.other
                    )
                ],
            )
        opposed = [
            *shared_tokens(one.promotes, other.suppresses).both,
            *shared_tokens(one.suppresses, other.promotes).both,
        ]
        if opposed:
            yield self._row_of_tokens("opposed", opposed, self._width)

    def contexts(self) -> Iterator[StyledLine]:
        """The best contexts of each quadrant in pairs."""
        compared = self._compared
        for quadrant in QUADRANTS:
            if quadrant not in compared.one.quadrants:
                continue
            sides = [list(self._contexts_of(side, quadrant)) for side in range(2)]
            if any(len(lines) > 1 for lines in sides):
                yield from self._beside(*sides)

    def _contexts_of(self, side: int, quadrant: Quadrant) -> Iterator[StyledLine]:
        record, look = self._compared.records[side], self._look
        stats = record.quadrants[quadrant]
        often = frequency(stats.count, record.tokens_counted)
        name = "" if self._two else f"  {self._names[side]}"
        yield ((f"{quadrant} {often} by {self._compared.ranking}{name}", look.strong),)
        examples = self._compared.examples(quadrant)[side][: look.contexts]
        if not examples:
            yield (("  no context", look.faint),)
        for example in examples:
            head = f"{column(signed(example.value), _VALUE_CELLS)} "
            yield ((head, look.text), *self._tokens_of(record, example, quadrant, self._half - len(head)))

    def shared(self) -> Iterator[StyledLine]:
        """The contexts in which both peak."""
        compared = self._compared
        if compared.not_shared:
            yield from self._flowed(f"contexts are not compared: {compared.not_shared}", self._look.faint)
            return
        count = len(compared.shared)
        more = f", the first {self._look.contexts}" if count > self._look.contexts > 0 else ""
        how = "drawn for both" if compared.ranking == "random" else "that both peak in"
        words = f"{'1 context' if count == 1 else f'{full_count(count)} contexts'} {how}, by {compared.ranking}"
        yield ((f"{words}{more}", self._look.strong),)
        for pair in compared.shared[: self._look.contexts]:
            yield self._shared_line(pair)

    def _shared_line(self, pair: SharedContext) -> StyledLine:
        values = " ".join(
            f"{column(signed(example.value), _VALUE_CELLS - 1)} {quadrant}"
            for example, quadrant in ((pair.one, pair.one_quadrant), (pair.other, pair.other_quadrant))
        )
        head = f"{values} {fit(distance_words(pair.distance), _DISTANCE_CELLS)} "
        second = pair.one.peak + pair.distance
        room = max(8, self._width - cell_len(head))
        line = self._tokens_of(self._compared.one, pair.one, pair.one_quadrant, room, second)
        return ((head, self._look.text), *line)

    def _tokens_of(
        self, record: NeuronRecord, example: Example, quadrant: Quadrant, room: int, second: int | None = None
    ) -> StyledLine:
        """A context in a line of `room` cells; the token `second` is underlined too."""
        look = self._look
        scale = neuron_scale(record, self._quantity)
        shown = Look(self._quantity, scale, look.ramp, ascii_only=look.ascii_only, marks=look.marks)
        line = []
        for piece in context_line(example, quadrant, *split_width(max(8, room)), shown):
            style = look.token(piece.style)
            here = second is not None and piece.token <= second <= piece.last
            line.append((piece.text, replace(style, underline=True) if here and look.marks is None else style))
        return tuple(line)

    # layout

    def _beside(self, left: Sequence[StyledLine], right: Sequence[StyledLine]) -> Iterator[StyledLine]:
        """Two blocks of lines side by side if there is room, otherwise one above the other."""
        if not self._two:
            yield from chain(left, right)
            return
        for one, other in zip_longest(left, right, fillvalue=()):
            used = sum(cell_len(text) for text, _ in one)
            yield (
                *one,
                (" " * max(0, self._half - used), self._look.text),
                (self._look.divider, self._look.faint),
                *other,
            )

    def _row_of_tokens(self, label: str, scores: Sequence[TokenScore], width: int = 0) -> StyledLine:
        head = fit(shorten(label, _LABEL_CELLS, ascii_only=self._look.ascii_only), _LABEL_CELLS) + " "
        room = max(8, (width or self._half) - len(head))
        words = in_a_row((score.text for score in scores), room, ascii_only=self._look.ascii_only)
        return ((head, self._look.faint), (words or "none", self._look.text if words else self._look.faint))

    def _labelled(self, label: str, parts: Sequence[str]) -> Iterator[StyledLine]:
        head = fit(label, 10)
        for line in flow(parts, max(20, self._width - 10)):
            yield ((head, self._look.faint), (line, self._look.text))
            head = " " * 10

    def _flowed(self, text: str, style: Style) -> Iterator[StyledLine]:
        yield from (((line, style),) for line in flow([text], self._width))


def _written(one: PairCosine) -> PairCosine:
    """The cosine with the vector that is written first, as in `L3N4 -> L12N5`."""
    return one if one.one == "out" else replace(one, one=one.other, other=one.one)


def cosine_words(one: PairCosine, *, ascii_only: bool = False) -> str:
    """`cos(in, in) +0.412`, `cos(out, out) within ±0.183`, or that the index doesn't have it."""
    name = f"cos({one.one}, {one.other})"
    if one.cosine is not None:
        return f"{name} {one.cosine:+.3f}"
    if one.at_most is not None:
        return f"{name} within {'+-' if ascii_only else '±'}{one.at_most:.3f}"
    return f"{name} not in the index"


def distance_words(distance: int) -> str:
    """`same token`, or how many tokens the second peak comes after or before the first."""
    return "same token" if not distance else f"{abs(distance)} {'later' if distance > 0 else 'earlier'}"
