"""From the state of a run to the arrays that an index is written from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch

from ..addresses import SiteAddress
from ..database.bulk.arrays import Float64, Int64, ListArrays, SiteArrays
from ..sites import Site
from ..statistics.best_k import BestK
from ..statistics.sample import PositionSample
from ..statistics.stack import SiteState
from .write import SamplePositions


class SiteSample(NamedTuple):
    """The sample of a site, as it is to be written: sites that counted the same positions have one of one id."""

    id: int
    order: Int64  # the filled slots, by rank
    positions: SamplePositions

    @classmethod
    def of(cls, id_: int, sample: PositionSample) -> SiteSample:
        order = sample.order()
        return cls(id_, order, SamplePositions(sample.sequence[order], sample.position[order]))


def site_samples(
    states: Mapping[str, SiteState], sample: PositionSample, sites: Sequence[Site]
) -> dict[str, SiteSample]:
    """The samples of the sites, by name: `sample` for all that count every position, and one for each expert."""
    shared = SiteSample.of(0, sample)
    found = {}
    for number, site in enumerate(sites, start=1):
        own = states[site.address.name].own_sample
        found[site.address.name] = shared if own is None else SiteSample.of(number, own)
    return found


def site_arrays(
    state: SiteState,
    *,
    address: SiteAddress,
    activation: str,
    adapter: str,
    identity_error: float | None,
    dot_gate_in: Float64 | None,
    sample_order: Int64,
    sample_id: int,
) -> SiteArrays:
    """The finished statistics of a site. `sample_order`: the filled slots of its sample, by rank."""
    count = state.count.cpu().numpy()
    order = torch.from_numpy(sample_order).to(state.sample.device)
    return SiteArrays(
        address=address,
        activation=activation,
        adapter=adapter,
        identity_error=identity_error,
        tokens_counted=state.tokens_counted,
        flipped=None if dot_gate_in is None else dot_gate_in < 0,
        dot_gate_in=dot_gate_in,
        count=count,
        zero=state.tokens_counted - count.sum(axis=0),
        sum=state.total.cpu().numpy().reshape(4, 4, state.form.width),
        extreme=state.extreme.cpu().numpy().reshape(4, 4, state.form.width),
        lists=(*_list_arrays(state.ranked), *_list_arrays(state.drawn)),
        sample=state.sample[:, order].cpu().numpy(),
        sample_id=sample_id,
    )


def _list_arrays(best: BestK) -> tuple[ListArrays, ...]:
    order = best.order()  # column k
    columns = torch.arange(len(order), device=order.device)[:, None]
    sequence, position, values, scale, lanes = (
        tensor[columns, order].cpu().numpy().reshape(len(best.lists), best.width, best.k, *tensor.shape[2:])
        for tensor in (best.sequence, best.position, best.values, best.scale, best.lanes)
    )
    return tuple(
        ListArrays(
            ranking=kept.ranking,
            quadrant=kept.quadrant,
            sequence=sequence[place].astype(np.int64),
            position=position[place],
            values=values[place],
            scale=scale[place],
            lanes=lanes[place],
        )
        for place, kept in enumerate(best.lists)
    )
