"""Choosing the neuron that an index opens with: several quadrants in use, and a peak far above its mean."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..addresses import NeuronAddress
from ..database.bulk.arrays import SiteArrays
from ..quadrants import Quantity

_POST = Quantity.POST.place
USED = 0.005
"""Share of the counted tokens from which a quadrant counts as used."""


class Telling(NamedTuple):
    """A candidate; larger is better."""

    quadrants: int  # 3 where at least three are used, else how many
    contrast: float  # largest |extreme| / |mean| of post in a used quadrant
    neuron: NeuronAddress


def most_telling(site: SiteArrays) -> Telling:
    """The most telling neuron of a site; the first of equals."""
    frequency = site.count / max(site.tokens_counted, 1)  # quadrant neuron
    used = (frequency >= USED) & (site.count > 0)
    mean = np.abs(site.sum[_POST]) / np.maximum(site.count, 1)  # quadrant neuron
    contrast = np.where(used & (mean > 0), np.abs(site.extreme[_POST]) / np.where(mean > 0, mean, 1), 0).max(axis=0)
    number = np.minimum(used.sum(axis=0), 3)
    best = int(np.lexsort((-np.arange(site.width), contrast, number))[-1])
    return Telling(int(number[best]), float(contrast[best]), NeuronAddress(site.address, best))
