"""The neurons that stand out at a position of a text: their values, percentiles and direct effects, the best first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..addresses import NeuronAddress
from ..database.bulk.sampled_sites import Places, quadrants_of
from ..errors import GluscopeError
from ..quadrants import QUADRANTS, Quadrant
from ..sites import Site
from .records import Row
from .values import SiteValues, Values, row_of

Float64 = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

SORTS = ("percentile", "post", "logit", "gate", "in")


@dataclass(frozen=True, slots=True)
class Wish:
    """Which rows, and in which order."""

    sort: str = "percentile"
    limit: int | None = None
    quadrants: frozenset[Quadrant] = frozenset(QUADRANTS)
    neurons: Mapping[str, Mask] | None = None  # by site, those to choose from; None: all

    def sites(self, names: Iterable[str]) -> list[str]:
        """Those of the sites with a neuron to choose from."""
        if self.neurons is None:
            return list(names)
        return [name for name in names if name in self.neurons and self.neurons[name].any()]


@dataclass(frozen=True, slots=True)
class Told:
    """What is known beside the values; the functions give None where nothing is known."""

    flipped: Mapping[str, Mask]  # by site; all False under raw signs
    tokens: Sequence[str]  # of the text
    places: Callable[[Site, int], Places | None]
    logits: Callable[[Site, int], Float64 | None]


def standing_out(sites: Iterable[Site], values: Values, position: int, wish: Wish, told: Told) -> list[Row]:
    """The rows of a position. Largest first, by percentile (those beyond all sampled ones by how many times the
    largest they are), or by the magnitude of post, logit, gate or in; neurons without a value come last.

    A neuron whose gate or in is 0 is in no quadrant and in no row.
    """
    found = [one for site in sites if (one := _at(site, values.sites[site.address.name], position, wish, told))]
    if not found:
        return []
    key = np.concatenate([one.key for one in found], axis=1)  # criterion candidate
    order = np.lexsort((np.arange(key.shape[1]), -key[1], -key[0]))[: wish.limit]
    starts = np.cumsum([0, *(len(one.neurons) for one in found)])
    rows = []
    for place in order.tolist():
        part = int(starts.searchsorted(place, "right")) - 1
        rows.append(found[part].row(place - int(starts[part]), told.tokens[position]))
    return rows


@dataclass(frozen=True, slots=True, eq=False)
class _Here:
    """The chosen neurons of a site at a position."""

    site: Site
    position: int
    neurons: npt.NDArray[np.int64]
    lanes: Mapping[str, Float64]  # a value for each neuron of the site
    quadrant: npt.NDArray[np.int64]  # likewise, under the requested signs
    places: Places | None
    logit: Float64 | None
    key: Float64  # criterion candidate: larger is better

    def row(self, place: int, token: str) -> Row:
        neuron = int(self.neurons[place])
        at = None if self.places is None else self.places.at(neuron)
        gate, in_, act, post = (float(self.lanes[name][neuron]) + 0.0 for name in ("gate", "in", "act", "post"))
        return Row(
            neuron=NeuronAddress(self.site.address, neuron),
            position=self.position,
            token=token,
            quadrant=QUADRANTS[int(self.quadrant[neuron])],
            gate=gate,
            in_=in_,
            act=act,
            post=post,
            percentile=None if at is None else at[0],
            sampled=None if at is None else at[1],
            beyond=at is not None and at[2],
            logit=None if self.logit is None else float(self.logit[neuron]),
        )


def _at(site: Site, values: SiteValues, position: int, wish: Wish, told: Told) -> _Here | None:
    """A site at a position; None if nothing of it is asked for or there."""
    name = site.address.name
    row = row_of(values, position)
    mask = None if wish.neurons is None else wish.neurons.get(name)
    if row is None or (wish.neurons is not None and (mask is None or not mask.any())):
        return None
    lanes = aligned_lanes(values, row, told.flipped[name])
    quadrant = quadrants_of(lanes["gate"], lanes["in"])
    asked = np.isin(quadrant, [one.place for one in wish.quadrants])
    chosen = np.flatnonzero(asked if mask is None else asked & mask)
    if not len(chosen):
        return None
    places, logit = told.places(site, position), told.logits(site, position)
    key = _key(wish.sort, lanes, places, logit)[:, chosen]
    if wish.limit is not None and len(chosen) > wish.limit:
        best = np.lexsort((np.arange(len(chosen)), -key[1], -key[0]))[: wish.limit]
        chosen, key = chosen[best], key[:, best]
        order = chosen.argsort()
        chosen, key = chosen[order], key[:, order]
    return _Here(site, position, chosen, lanes, quadrant, places, logit, key)


def aligned_lanes(values: SiteValues, row: int, flipped: Mask) -> dict[str, Float64]:
    """The four quantities of a row, a value for each neuron; in and post of `flipped` neurons have the other sign."""
    signs = np.where(flipped, -1.0, 1.0)
    lanes = {name: values[name][row].double().numpy() for name in ("gate", "in", "act", "post")}
    return lanes | {"in": lanes["in"] * signs, "post": lanes["post"] * signs}


def _key(sort: str, lanes: Mapping[str, Float64], places: Places | None, logit: Float64 | None) -> Float64:
    """Two criteria, the second for equal ones, of every neuron of a site; -1 where there is no value."""
    none = np.full(len(lanes["post"]), -1.0)
    if sort == "percentile":
        if places is None:
            return np.stack([none, np.abs(lanes["post"])])
        return np.stack([np.nan_to_num(places.percent, nan=-1.0), places.excess])
    if sort == "logit":
        return np.stack([none if logit is None else np.abs(logit), np.abs(lanes["post"])])
    if sort not in SORTS:
        raise GluscopeError(f"unknown order {sort!a}", f"sort by one of {', '.join(SORTS)}")
    return np.stack([np.abs(lanes[sort]), np.abs(lanes["post"])])


def masks(sites: Sequence[Site], firsts: Mapping[str, int], numbers: Iterable[int]) -> dict[str, Mask]:
    """Masks of each site's neurons from the numbers of their rows; `firsts`: the number of each site's first."""
    chosen = np.fromiter(numbers, np.int64)
    found = {}
    for site in sites:
        mask = np.zeros(site.width, np.bool_)
        first = firsts[site.address.name]
        mask[chosen[(chosen >= first) & (chosen < first + site.width)] - first] = True
        found[site.address.name] = mask
    return found
