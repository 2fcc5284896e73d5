"""A neuron as `gluscope show` prints it on a terminal: header, table, legend, contexts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from indexer.database.read.sampled import Magnitudes
from indexer.database.records import Example, NeuronRecord, QuadrantRecord
from indexer.quadrants import QUADRANTS, Quadrant

from ..colour.depth import Depth
from ..colour.legend import legend
from ..colour.ramp import Ramp, ramp
from ..colour.style import PLAIN, Style, StyledLine
from ..text.cells import column, flow
from . import turns, wiring
from .contexts import Fragment, Look, colour_of, context_line, context_lines, neuron_scale, split_width
from .density import Ink
from .neuron import header, table
from .numbers import counted, frequency, full_count, signed
from .sample import PLOT_ROWS, place_beside, plot, width_of
from .weights import block

_BOLD = Style(bold=True)
_VALUE_CELLS = 8  # +1.23e-5
_MARKS = ("«", "»")
_NARROWEST = 8  # cells of text, however narrow the terminal
PERCENTILES_FROM = 100
"""Width from which a context's value is followed by its percentile."""


@dataclass(frozen=True, slots=True)
class Page:
    """How wide, with which colours, and whether contexts are one line each or whole."""

    width: int
    depth: Depth
    light: bool = False
    wrap: bool = False
    quadrants: frozenset[Quadrant] = frozenset(QUADRANTS)  # those that are shown; the scale is always the neuron's
    wiring: bool = False  # which neurons feed it and which it feeds, if the record has it
    plot: bool = False  # the density of gate and in, and quantiles, if the record has a sample


def neuron(record: NeuronRecord, page: Page) -> Iterator[StyledLine]:
    """The lines of one neuron; all examples of the record are shown.

    Without any escape sequence the peaks stand between « and », otherwise they are bold and underlined.
    """
    bold = PLAIN if page.depth is Depth.PLAIN else _BOLD
    name = record.neuron.name
    yield from _named(name, header(record, page.width), bold)
    yield ()
    shown = [quadrant for name, quadrant in record.quadrants.items() if name in page.quadrants]
    for line in table(shown, record.tokens_counted, page.width):
        yield ((line, PLAIN),)
    yield ()
    if record.weights is not None:
        yield from (((line, PLAIN),) for line in block(record.weights, page.width))
        yield ()
    if page.wiring:
        yield from (((line, PLAIN),) for line in wiring.of_record(record, page.width))
        yield ()
    colours = ramp(page.depth, light=page.light)
    if page.plot and record.sample is not None:
        yield from plot(record.sample, page.width, PLOT_ROWS, Ink(colours, strong=bold), page.quadrants)
        yield ()
    places = None if record.sample is None or page.width < PERCENTILES_FROM else Magnitudes(record.sample)
    rankings = list(dict.fromkeys(name for quadrant in shown for name in quadrant.examples))
    for ranking in rankings:
        look = _look(record, ranking, colours, page)
        if look.maximum > 0 and page.depth is not Depth.PLAIN:
            yield from _broken(_legend(look), page.width)
            yield ()
        for quadrant in shown:
            yield from _pane(record, quadrant, ranking, look, page, bold, places)


def _look(record: NeuronRecord, ranking: str, colours: Ramp, page: Page) -> Look:
    quantity = colour_of(ranking)
    return Look(
        quantity,
        neuron_scale(record, quantity),
        colours,
        marks=_MARKS if page.depth is Depth.PLAIN else None,
    )


def _named(name: str, lines: list[str], style: Style) -> Iterator[StyledLine]:
    """Lines; the first begins with a name in its own style."""
    yield ((name, style), (lines[0].removeprefix(name), PLAIN))
    yield from (((line, PLAIN),) for line in lines[1:])


def _broken(line: StyledLine, width: int) -> Iterator[StyledLine]:
    """A line, broken between styles if it is longer than `width` cells."""
    part: StyledLine = ()
    for text, style in line:
        if part and width_of((*part, (text, style))) > width:
            yield part
            text, part = text.lstrip(" "), ()
        part = (*part, (text, style))
    yield part


def _legend(look: Look) -> StyledLine:
    low, high = signed(-look.maximum), signed(look.maximum)
    scale = legend(f"{look.quantity} {low}", high, look.ramp)
    return (*scale, ("  scale: neuron", PLAIN))


def _pane(
    record: NeuronRecord,
    quadrant: QuadrantRecord,
    ranking: str,
    look: Look,
    page: Page,
    bold: Style,
    places: Magnitudes | None,
) -> Iterator[StyledLine]:
    examples = quadrant.examples.get(ranking)
    if examples is None:
        return
    total = record.tokens_counted
    name = quadrant.quadrant.value
    if not quadrant.count:
        parts = [f"{name} never: 0 of {full_count(total)}"]
    else:
        parts = [f"{name} by {ranking}", frequency(quadrant.count, total), counted(quadrant.count, "token")]
    yield from _named(name, flow(parts, page.width), bold)
    percentiles = _percentiles(quadrant, examples, look.quantity, places)
    for example, after, said in zip(examples, percentiles, turns.column(examples), strict=True):
        yield from _context(example, quadrant, look, page, f"{after}{said} " if said else after)
    yield ()


def _percentiles(
    quadrant: QuadrantRecord, examples: Sequence[Example], quantity: str, places: Magnitudes | None
) -> list[str]:
    """The percentile of each context's value; "" for all if every value is larger than all sampled ones."""
    if places is None:
        return [""] * len(examples)
    found = [places.place(quadrant.quadrant, quantity, example.value) for example in examples]
    words = [place_beside(place) for place in found]
    width = max(map(len, words), default=0)
    return [f"{word:<{width}} " if width else "" for word in words]


def _context(example: Example, quadrant: QuadrantRecord, look: Look, page: Page, after: str) -> Iterator[StyledLine]:
    value = f"{column(signed(example.value), _VALUE_CELLS)} {after}"
    room = max(page.width - len(value), _NARROWEST)
    if not page.wrap:
        yield _styled(value, context_line(example, quadrant.quadrant, *split_width(room), look))
        return
    for line in context_lines(example, quadrant.quadrant, room, look):
        yield _styled(value, line)
        value = " " * len(value)


def _styled(value: str, fragments: tuple[Fragment, ...]) -> StyledLine:
    return ((value, PLAIN), *((fragment.text, fragment.style) for fragment in fragments))


def painted(line: StyledLine) -> str:
    """The line with its escape sequences, without invisible blanks at its end."""
    runs: list[tuple[str, Style]] = []
    for text, style in line:
        if runs and runs[-1][1] == style:
            runs[-1] = (runs[-1][0] + text, style)
        else:
            runs.append((text, style))
    if runs and runs[-1][1] == PLAIN:
        runs[-1] = (runs[-1][0].rstrip(" "), PLAIN)
    return "".join(style.paint(text) for text, style in runs)
