"""The effect of one quadrant as a page: its measures, tokens measured and expected side by side, contexts marked."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from indexer.database.records import Example
from indexer.live.effect.result import Effect, Marked, Measured
from indexer.quadrants import Quadrant

from ..colour.legend import legend
from ..colour.scale import thresholds
from ..colour.style import Style, StyledLine
from ..text.cells import column, fit, flow, shorten
from .contexts import Look, context_line, split_width
from .effect import interval_text, place_text, share_text
from .numbers import counted, full_count, signed
from .writes import bare

TOKENS_SHOWN = 8
_VALUE_CELLS = 8
_NARROWEST = 8
_BEFORE, _AFTER = 48, 32
"""Tokens around the largest change that a line may show."""


@dataclass(frozen=True, slots=True)
class PageLook:
    """How the page is drawn. `look` colours the contexts; its maximum is set by the page."""

    look: Look
    text: Style
    strong: Style
    token: Callable[[Style], Style] = lambda style: style  # what a token's style becomes on the screen's ground


def page(row: Effect, width: int, look: PageLook) -> list[StyledLine]:
    """The lines of the page, in `width` cells."""
    made: list[StyledLine] = []
    place = place_text(row)
    among = f"place {place} among neurons alike, by |nll|" if place else ""
    heading = f"{row.neuron} {row.quadrant}: post set to {row.to}, {_where(row.quadrant)}"
    made += [((line, look.strong),) for line in flow([heading, *([among] if among else [])], width)]
    made.append(())
    made += [((line, look.text),) for line in _measures(row, width)]
    if not row.main.positions:
        return [*made, (), (("it is never there in these contexts", look.text),)]
    made += [(), *_tokens(row, width, look)]
    if row.marked:
        made += [(), *_contexts(row, width, look)]
    return made


def _where(quadrant: str) -> str:
    return "in every quadrant" if quadrant == "all" else f"where gate is {quadrant[0]} and in {quadrant[1]}"


def _measures(row: Effect, width: int) -> Iterator[str]:
    """A measure a line, in nats: on the main text, and on extreme contexts beside it."""
    half = max(20, (width - _LABEL) // 2)
    heads = [row.over, *(["extremes"] if row.extremes is not None else [])]
    yield _aside("", [_HEADS.get(head, head) for head in heads], half)
    for label, tell in _LINES:
        found = [row.main, *([row.extremes] if row.extremes is not None else [])]
        yield _aside(label, [tell(one) for one in found], half)


_LABEL = 21
_HEADS = {"random": "random contexts", "extremes": "extreme contexts", "text": "the text", "prompt": "the prompt"}


def _aside(label: str, cells: Sequence[str], half: int) -> str:
    return (fit(label, _LABEL) + "".join(f"{fit(cell, half - 1)} " for cell in cells)).rstrip()


def _positions(found: Measured) -> str:
    if not found.positions:
        return f"never, in {counted(found.sequences, 'sequence')}"
    return f"{full_count(found.positions)} in {full_count(found.visited)} of {counted(found.sequences, 'sequence')}"


_LINES = (
    ("tokens altered", _positions),
    ("next nll, there", lambda found: interval_text(found.nll_at)),
    ("next nll, overall", lambda found: interval_text(found.nll_all)),
    ("kl there", lambda found: interval_text(found.kl_at)),
    ("entropy there", lambda found: interval_text(found.entropy_at)),
    ("first choice changes", lambda found: share_text(found.top1_changed)),
    ("post changes by", lambda found: signed(found.post_change)),
)
"""Label and text of each line of measures."""


def _tokens(row: Effect, width: int, look: PageLook) -> Iterator[StyledLine]:
    """The tokens that rise and fall most: measured, with the change of log-probability, beside those by the weights."""
    ascii_only = look.look.ascii_only
    measured = [
        [f"{signed(one.change)} {bare(one.token, ascii_only=ascii_only)}" for one in each[:TOKENS_SHOWN]]
        for each in (row.main.raised, row.main.lowered)
    ]
    expected = [
        [bare(one, ascii_only=ascii_only) for one in each[:TOKENS_SHOWN]]
        for each in (row.expected_raised, row.expected_lowered)
    ]
    columns = [measured[0], expected[0], measured[1], expected[1]]
    cells = max(_NARROWEST, width // 4)
    heads = ("raised, measured", "by the weights", "lowered, measured", "by the weights")
    yield (("".join(_cell(head, cells) for head in heads).rstrip(), look.strong),)
    for line in range(max(map(len, columns))):
        texts = [one[line] if line < len(one) else "" for one in columns]
        yield (("".join(_cell(text, cells, ascii_only=ascii_only) for text in texts).rstrip(), look.text),)


def _cell(text: str, cells: int, *, ascii_only: bool = False) -> str:
    return fit(shorten(text, cells - 2, ascii_only=ascii_only), cells)


def _contexts(row: Effect, width: int, look: PageLook) -> Iterator[StyledLine]:
    """A line for each sequence, around its largest change: the altered tokens coloured by what became of the next."""
    largest = max((abs(value) for one in row.marked for value in _own(one) if value is not None), default=0.0)
    shade = Look(
        "post", largest, look.look.ramp, own_only=False, ascii_only=look.look.ascii_only, marks=look.look.marks
    )
    yield (("altered tokens, by the change of the next token's nll", look.strong),)
    scale = legend(
        f"likelier {signed(-largest)}", f"{signed(largest)} less likely", shade.ramp, ascii_only=shade.ascii_only
    )
    yield tuple((text, style if style.bg is not None or style.fg is not None else look.text) for text, style in scale)
    faintest = largest * thresholds(shade.ramp.steps)[0]  # an altered token has some colour, however small its change
    ranked = sorted(row.marked, key=lambda one: -max((abs(value or 0.0) for value in _own(one)), default=0.0))
    before, after = split_width(max(width - _VALUE_CELLS - 1, _NARROWEST))
    for one in ranked:
        example = around(one, faintest)
        if example is not None:
            value = column(signed(example.value), _VALUE_CELLS) + " "
            line = context_line(example, Quadrant.PP, before, after, shade)
            yield ((value, look.text), *((part.text, look.token(part.style)) for part in line))


def _own(marked: Marked) -> tuple[float | None, ...]:
    """The changes at altered positions only."""
    return tuple(value if altered else None for value, altered in zip(marked.change, marked.altered, strict=True))


def around(marked: Marked, faintest: float = 0.0) -> Example | None:
    """The window around a sequence's largest change, with the changes as the quantity post; None without one.

    Smaller changes than `faintest` are raised to it.
    """
    own = _own(marked)
    known = [place for place, value in enumerate(own) if value is not None]
    if not known:
        return None
    peak = max(known, key=lambda place: abs(own[place] or 0.0))
    start, stop = max(0, peak - _BEFORE), min(len(own), peak + _AFTER)
    none = (None,) * (stop - start)
    tokens = marked.tokens[start:stop]
    return Example(
        ranking="random",
        rank=0,
        value=own[peak] or 0.0,
        document=marked.document or 0,
        part=marked.part or 0,
        position=peak,
        source="",
        peak=peak - start,
        text="".join(tokens),
        tokens=tokens,
        gate=none,
        in_=none,
        act=none,
        post=tuple(None if value is None else _at_least(value, faintest) for value in own[start:stop]),
    )


def _at_least(value: float, magnitude: float) -> float:
    return math.copysign(max(abs(value), magnitude), value)
