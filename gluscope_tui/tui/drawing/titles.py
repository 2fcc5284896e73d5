"""The title of a pane (frequency, count, mean, extreme), and the line after its last context."""

from __future__ import annotations

import math

from indexer.database.records import QuadrantRecord

from ...views.contexts import colour_of
from ...views.numbers import counted, frequency, full_count, short_count, signed
from ...views.quadrant import in_words, kept
from .layout import WORDS_FROM
from .painting import first_that_fits

BARS = " ▁▂▃▄▅▆▇█"


def title(record: QuadrantRecord, total: int, ranking: str, width: int, *, faint: str = "", bars: str = BARS) -> str:
    """The title of a pane in at most `width` cells, fuller from 50 cells: quadrant, frequency with its bar, count, and
    the mean and largest value of the ranked quantity. `faint`: the key that changes the scale, if every value is too
    small for a colour of it."""
    name = record.quadrant.value
    if not record.count:
        return first_that_fits((f"{name} never  0 of {full_count(total)}", f"{name} never"), width)
    often = f"{bar(record.count / total, bars)} {frequency(record.count, total)}"
    quantity = colour_of(ranking)
    mean, largest = f" mean {signed(record.mean[quantity])}", f" max {signed(record.extreme[quantity])}"
    counts = [] if "/" in often else [f" {full_count(record.count)}", f" {short_count(record.count)}"]
    heads = [f"{name} {often}{count}" for count in (*counts, "")]
    worded = [f"{name} {in_words(record.quadrant)} {often}{count}" for count in (*counts, "")]
    roomy = f"{name} {in_words(record.quadrant)}  {often}  {counted(record.count, 'token')}"
    notes = (f"  too faint: {faint}", f" faint: {faint}") if faint else ("",)
    found = []
    for group in ([[roomy, *worded]] if width >= WORDS_FROM - 2 else []) + [heads]:
        found += [f"{h}{gap}{quantity}{mean}{largest}{note}" for h in group for gap in ("  ", " ") for note in notes]
        found += [f"{h}{gap}{quantity}{largest}{note}" for h in group for gap in ("  ", " ") for note in notes]
    return first_that_fits((*found, heads[-1] + notes[0], heads[-1]), width)


def numbers(record: QuadrantRecord, ranking: str, width: int, *, faint: str = "") -> str:
    """The words of a quadrant, its count, mean and largest value, as many as fit in `width` cells; "" if no token is in
    it."""
    if not record.count:
        return ""
    quantity = colour_of(ranking)
    mean, largest = f"mean {signed(record.mean[quantity])}", f"max {signed(record.extreme[quantity])}"
    note = f"  too faint: {faint}" if faint else ""
    values = (f"{quantity} {mean} {largest}{note}", f"{quantity} {largest}{note}", f"{quantity} {largest}", "")
    counts, words = (counted(record.count, "token"), full_count(record.count)), in_words(record.quadrant)
    heads = (*(f"{words}  {count} " for count in counts), words, *(f"{count} " for count in counts))
    return first_that_fits((*(f"{head} {values[0]}" for head in heads), *values), width)


def bar(share: float, glyphs: str = BARS) -> str:
    """The glyph for a share of 0 to 1, by its square root: blank for 0, at least the first step for anything above."""
    if share <= 0:
        return glyphs[0]
    return glyphs[min(len(glyphs) - 1, max(1, math.ceil(math.sqrt(share) * (len(glyphs) - 1))))]


def end(record: QuadrantRecord, ranking: str, top_k: int, width: int = 1000, dot: str = " · ") -> str:
    """The line after the last context, in at most `width` cells: how many tokens and sequences there were, and whether
    all are shown. The number of sequences is known only if every token is shown."""
    tokens, what = counted(record.count, "token"), kept(record, ranking, top_k)
    return first_that_fits((f"end{dot}{tokens}, {what}", f"{tokens}, {what}", what), width)
