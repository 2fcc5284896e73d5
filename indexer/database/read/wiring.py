"""Reads who feeds a neuron and whom it feeds, under either signs. Plain Python."""

from __future__ import annotations

import struct
from functools import cached_property

from ...addresses import NeuronAddress
from ...quadrants import QUADRANTS, Quadrant, changes_sign
from ..format.activations import twin
from ..format.kinds import ADDRESS, BLOB, SHARE, TEXT
from ..records import WIRING_LISTS, SiteRecord, Wire, Wiring
from .connection import Connection
from .inflate import DamagedValue, inflate
from .model_sites import ModelSites
from .weight_lists import Listed, listed_neurons, unpack_columns

FORMAT = 1
HEADER = struct.Struct("<BB")  # format, neurons a list
_MOST = HEADER.size + 255 * 6 * len(WIRING_LISTS)  # bytes, unpacked


def unpack_wiring(blob: bytes) -> tuple[tuple[Listed, ...], ...]:
    """The lists in a blob, as WIRING_LISTS orders them, raw signs; DamagedValue if the writer can't have written it."""
    try:
        data = inflate(blob, _MOST)
        format_, each = HEADER.unpack_from(data)
        if format_ != FORMAT:
            raise DamagedValue(f"wiring has format {format_}")
        count = len(WIRING_LISTS) * each
        neurons, cosines = unpack_columns(data, HEADER.size, (("I", count), ("h", count)))
    except (struct.error, ValueError) as error:
        raise DamagedValue(str(error)) from error
    return listed_neurons(neurons, cosines, len(WIRING_LISTS))


def post_sign(activation: str, quadrant: Quadrant) -> int | None:
    """The sign of post in a quadrant, 0 where the activation gives 0 there; None if the activation is not known."""
    act_fn = twin(activation)
    if act_fn is None:
        return None
    act = act_fn(float(quadrant.gate_sign))
    return ((act > 0) - (act < 0)) * quadrant.in_sign


class Wirings:
    """The tables `wiring` and `wiring_sites` of an index; older indexes have none."""

    def __init__(self, connection: Connection, model: ModelSites) -> None:
        self._connection = connection
        self._model = model

    def neuron(self, address: NeuronAddress, site: SiteRecord, *, flip: bool, aligned: bool) -> Wiring | None:
        """The wiring of a neuron; None if the index doesn't have it. DamagedValue for impossible lists.

        `flip`: whether the neuron's w_in and w_out count as negated.
        """
        if not {"wiring", "wiring_sites"} <= self._connection.tables:
            return None
        id_ = site.first_neuron + address.index
        rows = self._connection.rows("SELECT lists FROM wiring WHERE neuron = ?", (BLOB,), (id_,))
        if not rows:
            return None
        lists = {}
        for name, listed in zip(WIRING_LISTS, unpack_wiring(rows[0][0]), strict=True):
            feeds, _, read = name.partition("_")
            lists[name] = tuple(
                [
                    self._wire(address, entry, read, feeds=feeds == "feeds", flip=flip, aligned=aligned)
                    for entry in listed
                ]
            )
        return Wiring(**lists, bands=self._bands.get(address.site.name, dict.fromkeys(WIRING_LISTS)))

    def _wire(
        self, address: NeuronAddress, listed: Listed, read: str, *, feeds: bool, flip: bool, aligned: bool
    ) -> Wire:
        """An entry of a list, whose cosine is that of the writer's w_out and the reader's w_gate or w_in (`read`).

        It changes sign with the flip of the writer, and for w_in with that of the reader too.
        """
        number, theirs, cosine = listed
        other = self._model.neuron(number)
        writer_flips, reader_flips = (flip, aligned and theirs) if feeds else (aligned and theirs, flip)
        negated = (writer_flips and changes_sign("out")) != (reader_flips and changes_sign(read))
        signed = 0.0 - cosine if negated else cosine
        return Wire(other, signed, self._drives(address if feeds else other, signed))

    def _drives(self, writer: NeuronAddress, cosine: float) -> tuple[Quadrant, ...] | None:
        """The quadrants in which the writer's output has a positive product with what is read."""
        activation = self._activations.get(writer.site.name, self._usual)
        signs = [None if activation is None else post_sign(activation, quadrant) for quadrant in QUADRANTS]
        if None in signs:
            return None
        return tuple([q for q, sign in zip(QUADRANTS, signs, strict=True) if sign is not None and sign * cosine > 0])

    @cached_property
    def _activations(self) -> dict[str, str]:
        """Of the sites in the index, by name."""
        return dict(self._connection.rows("SELECT name, activation FROM sites", (ADDRESS, TEXT)))

    @cached_property
    def _usual(self) -> str | None:
        """The activation of sites that the index lacks: that of all others, if they share one."""
        found = set(self._activations.values())
        return found.pop() if len(found) == 1 else None

    @cached_property
    def _bands(self) -> dict[str, dict[str, float | None]]:
        columns = ", ".join(f"band_{name}" for name in WIRING_LISTS)
        kinds = (ADDRESS, *[SHARE.or_null] * len(WIRING_LISTS))
        rows = self._connection.rows(f"SELECT name, {columns} FROM wiring_sites", kinds)
        return {name: dict(zip(WIRING_LISTS, bands, strict=True)) for name, *bands in rows}
