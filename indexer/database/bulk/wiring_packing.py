"""Packs and unpacks the wiring of a site's neurons, with numpy. See docs/schema.md."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence

import numpy as np

from ..read.weight_lists import NONE
from ..read.wiring import FORMAT, HEADER, unpack_wiring
from ..records import WIRING_LISTS
from .arrays import Float32, Int64, WiringArrays
from .weight_packing import LEVEL, codes, fill, planes


def pack_wiring(site: WiringArrays) -> Iterator[bytes]:
    """The blob of each neuron."""
    _, width, ranks = site.neurons.shape
    header = np.frombuffer(HEADER.pack(FORMAT, ranks), np.uint8)
    rows = np.concatenate(
        [
            np.broadcast_to(header, (width, HEADER.size)),
            planes(np.where(site.neurons < 0, NONE, site.neurons), "<u4"),
            planes(codes(site.cosines), "<i2"),
        ],
        axis=1,
    )  # neuron byte
    for row in rows:
        yield zlib.compress(row.tobytes(), LEVEL)


def unpack_site(blobs: Sequence[bytes]) -> tuple[Int64, Float32]:
    """Neurons and cosines of a site, as `WiringArrays` has them, to the precision that is kept."""
    lists = [unpack_wiring(blob) for blob in blobs]
    ranks = max((len(one) for neuron in lists for one in neuron), default=0)
    shape = (len(WIRING_LISTS), len(blobs), ranks)
    neurons, cosines = np.full(shape, -1, np.int64), np.full(shape, np.nan, np.float32)
    for number, neuron in enumerate(lists):
        for place, listed in enumerate(neuron):
            fill(listed, neurons[place, number], cosines[place, number])
    return neurons, cosines
