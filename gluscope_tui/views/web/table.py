"""The table of the neurons that have pages: `index.html`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from indexer import __version__
from indexer.database.records import NeuronRecord
from indexer.quadrants import QUADRANTS

from ...text.clean import clean
from ..numbers import frequency, signed
from ..weights import class_of
from ..writes import bare
from .assets import Assets, assets
from .page import Asked
from .provenance import Provenance, provenance
from .rendering import render

_WORDS = 5


@dataclass(frozen=True, slots=True)
class Cell:
    """A number as text, and as what the column is sorted by: "" where there is none."""

    text: str
    value: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A neuron's row: its page, how often it is in each quadrant, its largest post in each, what it promotes."""

    name: str
    file: str
    cells: tuple[Cell, ...]
    rw_class: str
    promotes: str
    note: str


@dataclass(frozen=True, slots=True)
class _TablePage:
    """What the template sees."""

    columns: tuple[str, ...]
    entries: tuple[Entry, ...]
    model: str
    has_notes: bool
    has_weights: bool
    provenance: Provenance
    command: str
    version: str
    assets: Assets


def entry(record: NeuronRecord, file: str, note: str) -> Entry:
    """The row of a neuron."""
    quadrants = list(record.quadrants.values())
    weights = record.weights
    often = [
        Cell(frequency(one.count, record.tokens_counted), "" if one.frequency is None else repr(one.frequency))
        for one in quadrants
    ]
    extremes = [
        Cell(signed(one.extreme.post), "" if one.extreme.post is None else repr(one.extreme.post)) for one in quadrants
    ]
    return Entry(
        name=record.neuron.name,
        file=file,
        cells=(*often, *extremes),
        rw_class="" if weights is None else class_of(weights),
        promotes="" if weights is None else " ".join(bare(score.text) for score in weights.promotes[:_WORDS]),
        note=clean(note),
    )


def table_page(entries: Sequence[Entry], asked: Asked) -> str:
    """The HTML of the table."""
    told = provenance(asked.info)
    return render(
        "index.html",
        _TablePage(
            columns=tuple(
                [f"{quadrant} tokens" for quadrant in QUADRANTS] + [f"{quadrant} post" for quadrant in QUADRANTS]
            ),
            entries=tuple(entries),
            model=told.model,
            has_notes=any(one.note for one in entries),
            has_weights=any(one.rw_class for one in entries),
            provenance=told,
            command=clean(asked.command),
            version=__version__,
            assets=assets(),
        ),
    )
