"""Reads what is compared: two neurons of an index, or one neuron in two indexes of the same shape."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from indexer.addresses import NeuronAddress
from indexer.database.reader import Index
from indexer.database.records import NeuronRecord
from indexer.database.remote.place import is_remote, shown
from indexer.errors import GluscopeError
from indexer.quadrants import QUADRANTS, Quadrant, changes_sign

from ..text.clean import clean
from .compare import Compared

_COUNTING = ("context", "long", "bos", "count_first", "sinks", "roles", "chat_template")
"""The settings that decide which tokens are counted, and what a neuron sees before them."""


@dataclass(frozen=True, slots=True)
class Wish:
    """How to read both sides: signs, ranking, quadrants. All contexts are read, so that shared ones are found."""

    signs: str = "aligned"
    ranking: str = "post"
    quadrants: tuple[Quadrant, ...] = QUADRANTS

    def read(self, index: Index, neuron: NeuronAddress) -> NeuronRecord:
        """One side."""
        return index.neuron(
            neuron,
            signs=self.signs,
            rankings=(self.ranking,) if self.ranking in index.rankings else (),
            quadrants=self.quadrants,
            sample=True,
            weights=True,
        )


def two_neurons(index: Index, one: NeuronAddress, other: NeuronAddress, wish: Wish) -> Compared:
    """Two neurons of an index."""
    return Compared(
        wish.read(index, one),
        wish.read(index, other),
        (str(one), str(other)),
        wish.ranking,
        not_shared="places of peaks are not in the data set that it was imported from" if index.imported else "",
        same_sample=index.sample_positions(one.site) == index.sample_positions(other.site),
    )


def with_cosines(compared: Compared, raw: Mapping[tuple[str, str], float | None]) -> Compared:
    """The comparison with the cosines of the model's weights, given under raw signs, in place of the index's."""
    flips = [record.signs == "aligned" and bool(record.flipped) for record in compared.records]

    def signed(one: str, other: str, cosine: float | None) -> float | None:
        negated = (flips[0] and changes_sign(one)) != (flips[1] and changes_sign(other))
        return 0.0 - cosine if negated and cosine is not None else cosine

    return replace(compared, exact={pair: signed(*pair, cosine) for pair, cosine in raw.items()})


def two_indexes(index: Index, beside: Index, neuron: NeuronAddress, wish: Wish) -> Compared:
    """A neuron in two indexes. GluscopeError if they have no such neuron, or other widths."""
    demand_same_shape(index, beside)
    found = [_address(one, neuron) for one in (index, beside)]
    names = names_of(index, beside)
    same_corpus = index.info().corpus.get("hash") == beside.info().corpus.get("hash") is not None
    return Compared(
        wish.read(index, found[0]),
        wish.read(beside, found[1]),
        names,
        wish.ranking,
        same_index=False,
        not_shared="" if same_corpus else "the two indexes are of different texts",
        same_sample=same_corpus and index.sample_positions(neuron.site) == beside.sample_positions(neuron.site),
        remarks=tuple(_remarks(index, beside, names)),
    )


def _remarks(index: Index, beside: Index, names: tuple[str, str]) -> Iterator[str]:
    """What a reader of both numbers must know: an index that is not finished, settings that count other tokens."""
    one, other = (clean(name) for name in names)
    yield from (f"{name} is not finished" for name, each in ((one, index), (other, beside)) if not each.complete)
    found = index.info().settings, beside.info().settings
    differing = [name for name in _COUNTING if all(name in each for each in found) and found[0][name] != found[1][name]]
    if differing:
        words = (f"{name.replace('_', '-')} {_told(found[0][name])} and {_told(found[1][name])}" for name in differing)
        yield f"{one} and {other} were made with other settings: {', '.join(words)}"


def _told(value: object) -> str:
    return clean(" ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value).lower())


def _address(index: Index, neuron: NeuronAddress) -> NeuronAddress:
    """The address in an index. GluscopeError, which names the index, if it lacks the neuron."""
    try:
        return index.address(neuron)
    except GluscopeError as error:
        raise GluscopeError(f"{neuron} is not in {shown(index.path)}: {error.cause}", error.fix) from None


def demand_same_shape(index: Index, beside: Index) -> None:
    """GluscopeError for one file twice, models of other depths, and sites in both indexes of other widths."""
    if len({path if is_remote(path) else os.path.realpath(path) for path in (index.path, beside.path)}) == 1:
        raise GluscopeError(f"{shown(index.path)} is compared with itself", "name another index after --beside")
    widths = {site.address: site.width for site in index.sites}
    shared = [site for site in beside.sites if site.address in widths]
    if not shared:
        raise GluscopeError(
            f"{shown(beside.path)} has no layer of {shown(index.path)}", "name an index of the same layers"
        )
    layers = index.info().model.get("layers"), beside.info().model.get("layers")
    if None not in layers and layers[0] != layers[1]:
        raise GluscopeError(
            f"the model of {shown(index.path)} has {layers[0]:,} layers, that of {shown(beside.path)} {layers[1]:,}",
            "name an index of a model of the same shape",
        )
    other = next((site for site in shared if site.width != widths[site.address]), None)
    if other is not None:
        raise GluscopeError(
            f"{other.address} has {widths[other.address]:,} neurons in {shown(index.path)}, "
            f"{other.width:,} in {shown(beside.path)}",
            "name an index of a model of the same shape",
        )


def names_of(index: Index, beside: Index) -> tuple[str, str]:
    """The names of the two files: as short as tells them apart."""
    one, other = ([*path.split("/")] for path in (shown(index.path), shown(beside.path)))
    for count in range(1, max(len(one), len(other)) + 1):
        if one[-count:] != other[-count:]:
            return "/".join(one[-count:]), "/".join(other[-count:])
    return one[-1], other[-1]
