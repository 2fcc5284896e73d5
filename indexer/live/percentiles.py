"""Where the values of a text lie in the samples of an index, read a site at a time and kept for the whole text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from ..database.bulk.sampled_sites import Places, SampledSites, quadrants_of
from ..database.records import SiteRecord
from ..progress import Meter, Report
from .values import SiteValues, Values

_PLACE = 25  # bytes of a neuron at a position
_MOST = 256 << 20  # bytes, up to which all positions are kept when a site is read


class TextPlaces:
    """The places of post at the positions of one text. Reading a site's samples takes long, comparing with them little:
    so all positions are compared at once, unless there are too many."""

    def __init__(self, sampled: SampledSites, records: Mapping[str, SiteRecord], values: Values) -> None:
        self._sampled = sampled
        self._records = records
        self._values = values
        self._known: dict[tuple[str, int], Places] = {}

    def at(self, name: str, position: int) -> Places | None:
        """Of a site at a position that was read; None if the position isn't routed there."""
        return self._known.get((name, position))

    def read(self, names: Sequence[str], positions: Iterable[int], counted: Sequence[int], report: Report) -> None:
        """Read the samples of these sites, if they are needed for these positions."""
        asked = tuple(positions)
        missing = [name for name in names if any((name, at) not in self._known for at in self._there(name, asked))]
        neurons = sum(record.width for record in self._records.values())
        if len(counted) * neurons * _PLACE <= _MOST:
            asked = tuple(counted)
        elif missing:
            self._known.clear()
            missing = list(names)
        meter = Meter(report, "percentiles")
        total, done = sum(self._records[name].width for name in missing), 0
        for name in missing:
            self._take(name, self._there(name, asked))
            done += self._records[name].width
            meter.update(done, total, "reading the samples of neurons")

    def _there(self, name: str, positions: Iterable[int]) -> list[int]:
        """Those of the positions that reach a site."""
        reached = set(self._values.sites[name].positions.tolist())
        return [at for at in positions if at in reached]

    def _take(self, name: str, positions: Sequence[int]) -> None:
        if not positions:
            return
        site = self._values.sites[name]
        row_of = {at: row for row, at in enumerate(site.positions.tolist())}
        rows = [row_of[at] for at in positions]
        gate, in_, post = (_rows(site, lane, rows) for lane in ("gate", "in", "post"))
        found = self._sampled.posts(self._records[name]).places(post, quadrants_of(gate, in_))
        self._known |= {(name, at): places for at, places in zip(positions, found, strict=True)}


def _rows(site: SiteValues, lane: str, rows: Sequence[int]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Some rows of a quantity, raw signs: position neuron."""
    found: np.ndarray[tuple[int, ...], np.dtype[np.float64]] = site[lane][list(rows)].double().numpy()
    return found
