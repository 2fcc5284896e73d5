"""What a model's neurons did on a text of one's own: rows of neurons and tokens, for people and for scripts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from indexer.database.read.sampled import Place
from indexer.live.records import Prompted, Row, Target

from ..colour.depth import Depth
from ..colour.style import PLAIN, Style, StyledLine
from ..text.cells import cell_len, column, fit
from ..text.clean import clean
from .columns import Columns
from .numbers import exact, float32, signed
from .sample import place_text

FIELDS = (
    *("neuron", "position", "token", "quadrant", "gate", "in", "act", "post"),
    *("percentile", "sampled", "beyond", "logit"),
)
_VALUES = ("gate", "in", "act", "post")
_TOKEN = 16  # cells
_BOLD = Style(bold=True)


def place_of(row: Row) -> Place | None:
    """Where a row's post lies in its sample; None if there is no percentile."""
    if row.percentile is None or row.sampled is None:
        return None
    return Place(row.percentile, row.sampled, row.beyond)


def fields(row: Row) -> tuple[str, ...]:
    """The values of FIELDS."""
    percentile = "" if row.percentile is None else f"{row.percentile:g}"
    sampled = "" if row.sampled is None else str(row.sampled)
    values = (exact(value) for value in (row.gate, row.in_, row.act, row.post))
    where = (row.neuron.name, str(row.position), clean(row.token), row.quadrant.value)
    return (*where, *values, percentile, sampled, "1" if row.beyond else "0", exact(row.logit))


def row_object(row: Row) -> dict[str, Any]:
    """The JSON of a row: values as float32; `beyond` only where it is so."""
    found = row.as_object()
    found |= {name: float32(found[name]) for name in (*_VALUES, "logit")}
    if not found.pop("beyond"):
        return found
    return found | {"beyond": True}


COLUMNS = Columns(FIELDS, fields, row_object)


def as_object(prompted: Prompted) -> dict[str, Any]:
    """The JSON of a text, as docs/formats.md says."""
    targets = [{"position": at, **_target(target)} for at, target in prompted.targets]
    only = {(target.id, target.token) for _, target in prompted.targets}
    found: dict[str, Any] = {
        "format": 1,
        "model": prompted.model,
        "signs": prompted.signs,
        "text": prompted.text,
        "ids": list(prompted.ids),
        "tokens": list(prompted.tokens),
        "target": _target(prompted.targets[0][1]) if len(only) == 1 else None,
        "targets": targets,
        "no_logit": prompted.no_logit,
        "rows": [row_object(row) for row in prompted.rows],
    }
    if prompted.neurons:
        found["neurons"] = [
            {name: [float32(one) for one in value] if name in _VALUES else value for name, value in one_object.items()}
            for one_object in (one.as_object() for one in prompted.neurons)
        ]
    return found


def _target(target: Target) -> dict[str, Any]:
    return {"id": target.id, "token": target.token}


def lines(
    prompted: Prompted, width: int, depth: Depth, *, named: bool = False, by_neuron: bool = False
) -> Iterator[StyledLine]:
    """A table for each position (or for each neuron, `by_neuron`) under a heading that names it. `named`: the text
    stands above."""
    bold = PLAIN if depth is Depth.PLAIN else _BOLD
    if named:
        yield ((fit(clean(prompted.text), width).rstrip(), PLAIN),)
    targets = dict(prompted.targets)
    for number, (key, group) in enumerate(
        groupby(prompted.rows, key=lambda row: row.neuron.name if by_neuron else row.position)
    ):
        if number:
            yield ()
        heading = str(key) if by_neuron else _heading(prompted, int(key), targets.get(int(key)))
        yield ((fit(heading, width).rstrip(), bold),)
        yield from _table(list(group), bold, by_neuron=by_neuron)


def _heading(prompted: Prompted, position: int, target: Target | None) -> str:
    token = f"position {position} «{clean(prompted.tokens[position])}»"
    return token if target is None else f"{token}, logit of «{clean(target.token)}»"


def _table(rows: Sequence[Row], bold: Style, *, by_neuron: bool) -> Iterator[StyledLine]:
    """The rows under their headings, in columns."""
    first = (("token", True),) if by_neuron else (("neuron", True),)
    heads = (*first, ("", True), *((name, False) for name in _VALUES), ("percentile", False), ("logit", False))
    cells = [_cells(row, by_neuron=by_neuron) for row in rows]
    widths = [max(cell_len(name), *(cell_len(row[at]) for row in cells)) for at, (name, _) in enumerate(heads)]
    for number, row in enumerate([[name for name, _ in heads], *cells]):
        texts = [
            fit(text, room) if left else column(text, room)
            for text, room, (_, left) in zip(row, widths, heads, strict=True)
        ]
        yield (("  ".join(texts).rstrip(), PLAIN if number else bold),)


def _cells(row: Row, *, by_neuron: bool) -> list[str]:
    token = fit(f"{row.position} {clean(row.token)}", _TOKEN).rstrip()
    values = [signed(value) for value in (row.gate, row.in_, row.act, row.post)]
    place = place_text(place_of(row)) or "-"
    return [token if by_neuron else row.neuron.name, row.quadrant.value, *values, place, signed(row.logit)]
