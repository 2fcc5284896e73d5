"""Reads what belongs to a whole site: the narrow rows of its neurons, and the positions of its sample."""

from __future__ import annotations

from ...addresses import NeuronAddress
from ...quadrants import QUADRANTS
from ..format.columns import COLUMNS
from ..format.kinds import COUNT, FLAG
from ..records import NeuronRow, SiteRecord
from .connection import Connection
from .statistics import frequency

_LISTED = ("count", "extreme_post")


def rows_of_site(connection: Connection, record: SiteRecord, signs: str) -> list[NeuronRow]:
    """The narrow row of every neuron of a site, by index, under the signs `aligned` or `raw`."""
    columns = [COLUMNS[f"{kind}_{quadrant.letters}"] for kind in _LISTED for quadrant in QUADRANTS]
    rows = connection.rows(
        f'SELECT n."index", n.flipped, {", ".join(column.sql(signs) for column in columns)} FROM neurons AS n '
        "WHERE n.id >= ? AND n.id < ? ORDER BY n.id",
        (COUNT, FLAG.or_null, *(column.values for column in columns)),
        (record.first_neuron, record.first_neuron + record.width),
    )
    counted = record.tokens_counted
    return [
        NeuronRow(
            neuron=NeuronAddress(record.address, index),
            flipped=None if flip is None else bool(flip),
            tokens_counted=counted,
            frequency=(
                frequency(pp, counted),
                frequency(pn, counted),
                frequency(np, counted),
                frequency(nn, counted),
            ),
            extreme_post=(post_pp, post_pn, post_np, post_nn),
        )
        for index, flip, pp, pn, np, nn, post_pp, post_pn, post_np, post_nn in rows
    ]


def sampled_positions(connection: Connection, site: int) -> tuple[tuple[int, int, int], ...]:
    """The positions of a site's sample as (document, part, position), in the order of its values. `site`: its id."""
    rows = connection.rows(
        "SELECT q.document, q.part, p.position FROM sites AS s JOIN sample_positions AS p ON p.sample = s.sample "
        "JOIN sequences AS q ON q.id = p.sequence WHERE s.id = ? ORDER BY p.rank",
        (COUNT, COUNT, COUNT),
        (site,),
    )
    return tuple((document, part, position) for document, part, position in rows)
