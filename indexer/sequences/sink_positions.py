"""The positions of a sequence at which the rules of a model's attention sinks hold."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..database.format.sinks import EVERY, FIRST, Sinks
from .cutting import Ids


def sink_positions(ids: Ids, sinks: Sinks) -> npt.NDArray[np.bool_]:
    """Whether each position is a sink; position 0 never is."""
    every = np.isin(ids, sorted(sinks.ids(EVERY)))
    tokens, first = np.unique(ids[1:], return_index=True)  # where each token stands first
    found = every  # position
    found[1 + first[np.isin(tokens, sorted(sinks.ids(FIRST)))]] = True
    found[:1] = False
    return found
