"""Where values lie in the samples of a whole site's neurons: what `read.sampled` says of one neuron, with numpy."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from ...quadrants import QUADRANTS
from ..format.activations import twin
from ..format.kinds import BLOB
from ..format.schema import SAMPLE_SCALE
from ..read.connection import Connection
from ..read.inflate import DamagedValue
from ..read.sampled import LEAST, SAME
from ..records import SiteRecord
from .unpacking_sites import unpack_samples

_CHUNK = 512  # neurons unpacked at a time

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Where some values of post lie among the sampled magnitudes, an entry a neuron, as `sampled.Place` has it."""

    percent: Float64  # NaN: there is no percentile
    n: npt.NDArray[np.int64]
    beyond: npt.NDArray[np.bool_]
    excess: Float64  # |value| / the largest sampled magnitude; 0 without a sample

    def at(self, neuron: int) -> tuple[float, int, bool] | None:
        """Percent, n and beyond of one neuron; None if there is no percentile."""
        percent = float(self.percent[neuron])
        return None if percent != percent else (percent, int(self.n[neuron]), bool(self.beyond[neuron]))


class SampledPosts:
    """The sampled magnitudes of post of some neurons, sorted."""

    def __init__(self, gate: Float64, in_: Float64, act: Float64) -> None:
        """Each # neuron rank, raw signs."""
        magnitude = np.abs(act * in_)
        order = magnitude.argsort(axis=1)
        self._ordered = np.take_along_axis(magnitude, order, axis=1)  # neuron place
        quadrant = np.take_along_axis(quadrants_of(gate, in_), order, axis=1)
        neurons, self._n = magnitude.shape
        self._below = np.zeros((len(QUADRANTS), neurons, self._n + 1), np.int32)  # quadrant neuron place
        for place in range(len(QUADRANTS)):
            np.cumsum(quadrant == place, axis=1, out=self._below[place, :, 1:])

    def places(self, post: Float64, quadrant: npt.NDArray[np.int64]) -> list[Places]:
        """Of values # position neuron, each in a quadrant (its place in QUADRANTS; -1: in none): an item a position."""
        magnitude = np.abs(post)
        smaller, not_larger = np.empty(post.shape, np.int64), np.empty(post.shape, np.int64)
        for neuron, row in enumerate(self._ordered):
            smaller[:, neuron] = row.searchsorted(magnitude[:, neuron] * (1 - SAME), "left")
            not_larger[:, neuron] = row.searchsorted(magnitude[:, neuron] * (1 + SAME), "right")
        return [self._place(*one) for one in zip(magnitude, quadrant, smaller, not_larger, strict=True)]

    def _place(
        self,
        magnitude: Float64,
        quadrant: npt.NDArray[np.int64],
        smaller: npt.NDArray[np.int64],
        not_larger: npt.NDArray[np.int64],
    ) -> Places:
        """Of one position: an entry a neuron."""
        neurons = np.arange(len(magnitude))
        n = self._below[quadrant, neurons, -1].astype(np.int64)  # of no quadrant: unused
        below, up_to = self._below[quadrant, neurons, smaller], self._below[quadrant, neurons, not_larger]
        beyond_all = (smaller == self._n) & (self._n >= LEAST)
        known = ((n >= LEAST) | beyond_all) & (quadrant >= 0)
        with np.errstate(invalid="ignore", divide="ignore"):
            percent = np.where(beyond_all, 100.0, 50.0 * (below + up_to) / n)
            largest = self._ordered[:, -1] if self._n else np.zeros(len(magnitude))
            excess = np.nan_to_num(magnitude / largest, nan=0.0, posinf=np.inf)
        return Places(
            percent=np.where(known, percent, np.nan),
            n=np.where(beyond_all, self._n, n),
            beyond=beyond_all | (known & (below == n)),
            excess=excess,
        )


class SampledSites:
    """The samples of an index, read a site at a time. Close it, or use it in a `with`."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._connection = Connection(path)

    def __enter__(self) -> SampledSites:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    def posts(self, record: SiteRecord, neurons: range | None = None) -> SampledPosts:
        """The sampled magnitudes of the neurons of a site (None: all). GluscopeError if the file is damaged."""
        chosen = range(record.width) if neurons is None else neurons
        starts = range(chosen.start, chosen.stop, _CHUNK)
        try:
            with ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
                parts = list(
                    pool.map(lambda start: self._lanes(record, start, min(start + _CHUNK, chosen.stop)), starts)
                )
            lanes = np.concatenate(parts, axis=2).transpose(0, 2, 1)  # lane neuron rank
            act = _acts(record.activation, lanes[0]) if len(lanes) == 2 else _wide(lanes[2])
        except (DamagedValue, ValueError) as error:
            raise self._connection.damaged(f"{record.address}: {error}") from error
        return SampledPosts(_wide(lanes[0]), _wide(lanes[1]), act)

    def _lanes(self, record: SiteRecord, start: int, stop: int) -> npt.NDArray[np.float16]:
        first = record.first_neuron
        rows = self._connection.rows(
            "SELECT sample FROM packed WHERE neuron >= ? AND neuron < ? ORDER BY neuron",
            (BLOB,),
            (first + start, first + stop),
        )
        if len(rows) != stop - start:
            raise DamagedValue("packed values are missing")
        return unpack_samples([row[0] for row in rows])


def quadrants_of(gate: npt.NDArray[np.floating], in_: npt.NDArray[np.floating]) -> npt.NDArray[np.int64]:
    """The quadrant of each pair, as its place in QUADRANTS; -1 where one is 0."""
    found = np.where(gate > 0, 0, 2) + np.where(in_ > 0, 0, 1)
    return np.where((gate == 0) | (in_ == 0), -1, found)


def _wide(lane: npt.NDArray[np.float16]) -> Float64:
    """The numbers that a lane stands for."""
    return lane.astype(np.float64) * SAMPLE_SCALE


def _acts(activation: str, gate: npt.NDArray[np.float16]) -> Float64:
    """Act of each gate as it is kept, by a table of all that it can be."""
    found: Float64 = _table(activation)[np.ascontiguousarray(gate).view(np.uint16)]
    return found


@lru_cache(maxsize=4)
def _table(activation: str) -> Float64:
    function = twin(activation)
    if function is None:
        raise DamagedValue(f"the activation {activation} is not known")
    every = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    return np.array([function(value * SAMPLE_SCALE) if np.isfinite(value) else 0.0 for value in every.tolist()])


def flips(records: Sequence[SiteRecord], flipped: Sequence[bool | None]) -> dict[str, npt.NDArray[np.bool_]]:
    """Which neurons are flipped, by site; `flipped` is one entry a neuron, in the order of the rows."""
    bits = np.array([bool(one) for one in flipped])
    return {one.address.name: bits[one.first_neuron : one.first_neuron + one.width] for one in records}
