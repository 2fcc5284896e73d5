"""The page of one neuron: everything that the template `neuron.html` shows."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from indexer import __version__
from indexer.database.read.sampled import PROBABILITIES, Magnitudes, quantiles
from indexer.database.records import IndexInfo, NeuronRecord, NeuronWeights, Sample
from indexer.quadrants import QUANTITIES

from ...text.clean import clean
from ..contexts import Look, colour_of, neuron_scale
from ..neuron import signs_of, tokens_of
from ..numbers import signed
from .assets import Assets, assets, colours
from .card import Card, card
from .contexts import QUANTITIES as ORDER
from .contexts import short
from .density import HALF, Drawing, drawing
from .panes import Pane, Shown, pane, quantity_turns, value_turns
from .provenance import Provenance, provenance
from .rendering import render

GENERATOR = b'<meta name="generator" content="gluscope '
"""What tells a page of ours from other files."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page stands among others: the files before and after it and of the table; "" where there is none."""

    previous: str = ""
    next: str = ""
    table: str = ""
    pages: Set[str] = frozenset()  # the neurons that have a page beside it


@dataclass(frozen=True, slots=True)
class Asked:
    """What the pages of an export have in common."""

    info: IndexInfo
    shown: Shown
    signs: str  # aligned or raw
    command: str  # the command line that makes them


@dataclass(frozen=True, slots=True)
class QuantileRow:
    """The quantiles of a quantity in a quadrant."""

    quadrant: str
    quantity: str
    values: tuple[str, ...]
    turns: bool


@dataclass(frozen=True, slots=True)
class _Page:
    """What the template sees."""

    name: str
    model: str
    signs: str
    turnable: bool  # the page can show the neuron under the other signs
    tokens: str
    note: str
    ranking: str
    value_turns: bool
    colour: str
    maxima: tuple[tuple[str, str], ...]  # quantity, the end of its scale
    turning: str  # the quantities that a flip negates
    scale: str
    panes: tuple[Pane, ...]
    quantities: tuple[str, ...]
    card: Card | None
    density: Drawing | None
    half: int
    probabilities: tuple[str, ...]
    quantiles: tuple[QuantileRow, ...]
    provenance: Provenance
    command: str
    version: str
    place: Place
    assets: Assets
    steps: int


def page(record: NeuronRecord, asked: Asked, place: Place, turned: NeuronWeights | None = None, note: str = "") -> str:
    """The HTML of a neuron's page, with the contexts of one ranking.

    `turned`: the weights of a flipped neuron under the other signs, without which a record with weights can't be turned
    in the page; `note`: that of the neuron's mark.
    """
    quantity = colour_of(asked.shown.ranking)
    ramp = colours(light=True)
    look = Look(quantity, neuron_scale(record, quantity), ramp)
    sample = record.sample if record.sample is not None and len(record.sample) else None
    places = None if sample is None else Magnitudes(sample)
    return render(
        "neuron.html",
        _Page(
            name=record.neuron.name,
            model=clean(record.model),
            signs=signs_of(record),
            turnable=bool(record.flipped) and (record.weights is None) is (turned is None),
            tokens=tokens_of(record),
            note=clean(note),
            ranking=asked.shown.ranking,
            value_turns=value_turns(asked.shown.ranking),
            colour=quantity,
            maxima=tuple((name, short(neuron_scale(record, name))) for name in ORDER),
            turning=" ".join(name for name in ORDER if quantity_turns(name)),
            scale=signed(look.maximum).removeprefix("+"),
            panes=tuple(pane(one, record, asked.shown, look, places) for one in record.quadrants.values()),
            quantities=tuple(QUANTITIES),
            card=None if record.weights is None else card(record.weights, turned, place.pages),
            density=None if sample is None else drawing(sample),
            half=HALF,
            probabilities=tuple(f"{100 * probability:.0f} %" for probability in PROBABILITIES),
            quantiles=() if sample is None else _quantiles(sample),
            provenance=provenance(asked.info),
            command=clean(asked.command),
            version=__version__,
            place=place,
            assets=assets(),
            steps=ramp.steps,
        ),
    )


def _quantiles(sample: Sample) -> tuple[QuantileRow, ...]:
    return tuple(
        QuantileRow(quadrant.value, name, tuple(map(signed, values)), quantity_turns(name))
        for quadrant, found in quantiles(sample).items()
        for name, values in (found.values or {}).items()
    )
