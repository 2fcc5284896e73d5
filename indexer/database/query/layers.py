"""A summary of each site of an index: how often its neurons visit each quadrant, and their classes."""

from __future__ import annotations

from dataclasses import dataclass

from ...addresses import SiteAddress
from ...quadrants import QUADRANTS, Quadrant
from ..format.classes import ATYPICAL_CLASSES, CLASSES, RW_CLASS
from ..format.columns import COLUMNS
from ..format.kinds import COUNT, SHARE
from ..read.connection import Connection
from ..records import SiteRecord


@dataclass(frozen=True, slots=True)
class LayerRow:
    """One site. Frequencies are means over its neurons; None if the site counted no token."""

    site: SiteAddress
    neurons: int
    frequency: dict[Quadrant, float | None]
    gate_positive: float | None  # mean of frequency_gate_positive: how often gates are open
    mostly_open: int  # neurons whose gate is positive more often than not
    never: dict[Quadrant, int]  # neurons that never visit the quadrant
    classes: dict[str, int] | None  # by CLASSES and ATYPICAL_CLASSES, each form apart; None: weights weren't computed

    @property
    def atypical(self) -> int | None:
        """The neurons of an atypical form of any class."""
        return None if self.classes is None else sum(self.classes[name] for name in ATYPICAL_CLASSES)


def layer_rows(
    connection: Connection, sites: tuple[SiteRecord, ...], *, signs: str, has_weights: bool
) -> list[LayerRow]:
    """One row for each site, in the order of the model."""
    parts = [f"avg({COLUMNS[f'frequency_{q.letters}'].sql(signs)})" for q in QUADRANTS]
    gate = COLUMNS["frequency_gate_positive"].sql(signs)
    parts += [f"avg({gate})", f"coalesce(sum({gate} > 0.5), 0)"]
    parts += [f"sum({COLUMNS[f'count_{q.letters}'].sql(signs)} = 0)" for q in QUADRANTS]
    rows = connection.rows(
        f"SELECT n.site, count(*), {', '.join(parts)} FROM neurons AS n CROSS JOIN sites AS s ON s.id = n.site "
        "GROUP BY n.site",
        (COUNT, COUNT, *[SHARE.or_null] * 5, *[COUNT] * 5),
    )
    numbers = {row[0]: row[1:] for row in rows}
    classes = _classes(connection) if has_weights else {}
    found = []
    for site in sites:
        if site.id not in numbers:
            continue
        count, *values = numbers[site.id]
        own = classes.get(site.id)
        by_class = None if own is None else {name: own.get(name, 0) for name in (*CLASSES, *ATYPICAL_CLASSES)}
        found.append(
            LayerRow(
                site=site.address,
                neurons=count,
                frequency=dict(zip(QUADRANTS, values[:4], strict=True)),
                gate_positive=values[4],
                mostly_open=values[5],
                never=dict(zip(QUADRANTS, values[6:], strict=True)),
                classes=by_class,
            )
        )
    return found


def _classes(connection: Connection) -> dict[int, dict[str, int]]:
    """By site, how many neurons are in each class."""
    found: dict[int, dict[str, int]] = {}
    for site, name, count in connection.rows(
        "SELECT n.site, w.rw_class, count(*) FROM neurons AS n CROSS JOIN weights AS w ON w.neuron = n.id "
        "WHERE w.rw_class IS NOT NULL GROUP BY n.site, w.rw_class",
        (COUNT, RW_CLASS, COUNT),
    ):
        found.setdefault(site, {})[name] = count
    return found
