"""Reads every counted value of a batch once: counts, sums, largest magnitudes of each quadrant, and their places.

A strip of neurons is one vector of the processor, and a quadrant is a mask over it: an instruction adds or compares
where the mask is set. numba's compiler makes such code only sometimes from loops over numbers, so the operations on a
vector are written as LLVM's own instructions; on processors with shorter vectors LLVM takes several.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import types

from ...quadrants import QUANTITIES
from ..row_layout import RowLayout
from .compiling import compiled, inline
from .crew import Crew
from .rows import BLOCK, STRIP, Array, Rows, Values
from .vectors import DOUBLES, FLOATS, INT, INTS, LONG, SHORTS, Code, all_equal, cgutils

_LOWEST = np.int32(-(2**31))
_INFINITY = 0x7F800000


class Swept(NamedTuple):
    """The results for a batch. Rows are those of a `RowLayout`: measure * 4 + quadrant, then priorities."""

    counts: Array  # site quadrant neuron, int64
    total: Array  # site 16 neuron, float64
    magnitude: Array  # cell row neuron, int32: bits of the largest |value|, 0 without one; then priorities
    block: Array  # cell row neuron, int32, no priorities: the first BLOCK of the cell's rows that has it, if any
    highest: Array  # cell 8 neuron, int32: bits of the largest value of act and post; empty if not asked for
    largest: npt.NDArray[np.int32]  # cell strip: bits of the largest |value|

    @property
    def finite(self) -> Array:
        """Whether every value of a cell is finite."""
        return np.asarray((self.largest < _INFINITY).all(1))


class _Room(NamedTuple):
    """The results so far for a cell and strip, while its rows are read; the last dimension is the strip's."""

    total: Array
    magnitude: Array
    counts: Array
    block: Array
    highest: Array
    largest: Array


def sweep(values: Values, rows: Rows, sites: int, layout: RowLayout, crew: Crew, *, highest: bool) -> Swept:
    """Read a batch. `highest`: act and post can have either sign in a quadrant, so their largest values are wanted."""
    width, cells = max(values.width, STRIP), len(rows.site)
    strips = -(-width // STRIP)
    swept = Swept(
        np.zeros((sites, 4, width), dtype=np.int64),
        np.zeros((sites, 16, width), dtype=np.float64),
        np.empty((cells, layout.size, width), dtype=np.int32),
        np.empty((cells, layout.priorities, width), dtype=np.int32),
        np.empty((cells if highest else 0, 8, width), dtype=np.int32),
        np.empty((cells, strips), dtype=np.int32),
    )
    crew.spread(lambda first, last: _sweep(*values[:2], width, first, last, rows, swept), strips)
    return swept


class _Folding(Code):
    """The code of one pass over rows of a strip.

    Kept vectors are loaded from the room, change row by row in registers and are stored in the room again.
    """

    def __init__(self, context: Any, builder: Any, signature: Any, arguments: Any) -> None:
        super().__init__(context, builder)
        # in the order of the arguments of `fold`
        self._flat = [self.data(signature.args[0].dtype, array) for array in self.unpacked(arguments[0])]
        self._bitwidth = signature.args[0].dtype.dtype.bitwidth
        self._strides = self.unpacked(arguments[1])
        self._column, self._begin, self._end, self._block = (arguments[place] for place in (2, 5, 6, 8))
        self._row, self._priority = (self.data(signature.args[place], arguments[place]) for place in (3, 4))
        arrays = zip(_Room._fields, signature.args[7].types, self.unpacked(arguments[7]), strict=True)
        self._room = {name: self.data(array_type, array) for name, array_type, array in arrays}
        self.masking = "+avx512vl" in context.codegen().magic_tuple()[2]
        self.measures = len(self._flat)
        self._kept: dict[tuple[str, int], Any] = {}
        self._bits: dict[int, Any] = {}

    @contextmanager
    def each_row(self, *, prefetch: bool = False, **vectors: Iterable[int]) -> Iterator[None]:
        """Within the context, the code for a row; `vectors` of arrays of the room are kept in registers meanwhile.

        `prefetch`: fetch its values of the next strip, which are too far away for the processor's own foresight.
        """
        for name, numbers in vectors.items():
            for k in numbers:
                kept = self.load(self._place(name, k), DOUBLES if name == "total" else INTS)
                self._kept[name, k] = cgutils.alloca_once_value(self.builder, kept)
        with cgutils.for_range(self.builder, self.builder.sub(self._end, self._begin), intp=LONG) as loop:
            self._at = self.builder.add(self._begin, loop.index)
            row = self.builder.load(self.after(self._row, self._at))
            self._values = [
                self.after(flat, self.builder.add(self.builder.mul(row, stride), self._column))
                for flat, stride in zip(self._flat, self._strides, strict=True)
            ]
            self._bits = {}
            for address in self._values if prefetch else ():
                self.prefetch(self.after(address, STRIP))
            yield
        self._put_aside()

    def _put_aside(self) -> None:
        """Write the kept vectors to the room, and the block where a magnitude has grown."""
        for (name, k), slot in self._kept.items():
            kept = self.builder.load(slot)
            if name == "magnitude" and k < 4 * self.measures:
                grown = self.builder.icmp_signed(">", kept, self.load(self._place(name, k), INTS))
                block = self._place("block", k)
                number = self.broadcast(self.builder.trunc(self._block, INT))
                self.store(self.builder.select(grown, number, self.load(block, INTS)), block)
            self.store(kept, self._place(name, k))
        self._kept = {}

    def quadrants(self) -> list[Any]:
        """Where each quadrant is visited, by the signs of gate and in alone.

        A mask has one bit for each neuron if instructions take that, else all bits of a number.
        """
        signs = [sign for quantity in (0, 1) for sign in self._signs(quantity)]
        return [self.builder.and_(one, other) for one in signs[:2] for other in signs[2:]]

    def _signs(self, quantity: int) -> tuple[Any, Any]:
        """Where the row's values are positive, and where negative; arbitrary for NaN, if masks are numbers."""
        bits, zero = self.bits(quantity), all_equal(0)
        if self.masking:
            value, nothing = self.builder.bitcast(bits, FLOATS), all_equal(0.0, FLOATS)
            return self.builder.fcmp_ordered(">", value, nothing), self.builder.fcmp_ordered("<", value, nothing)
        # shifts: LLVM turns comparisons into selections, which take longer
        negative = self.builder.ashr(bits, all_equal(31))
        nonzero = self.builder.ashr(self.builder.sub(zero, self.magnitude(quantity)), all_equal(31))
        return self.builder.and_(self.builder.not_(negative), nonzero), self.builder.and_(negative, nonzero)

    def bits(self, quantity: int) -> Any:
        """The row's values as float32."""
        address = self._values[quantity]
        if quantity not in self._bits:
            if self._bitwidth == 32:
                self._bits[quantity] = self.load(address, INTS)
            else:  # a bfloat16 is the upper half of a float32
                wide = self.builder.zext(self.load(address, SHORTS), INTS)
                self._bits[quantity] = self.builder.shl(wide, all_equal(16))
        return self._bits[quantity]

    def magnitude(self, quantity: int) -> Any:
        """Bits of the row's |values|: they order like these."""
        return self.builder.and_(self.bits(quantity), all_equal(0x7FFFFFFF))

    def priority(self) -> Any:
        """The row's priority, for every neuron."""
        return self.broadcast(self.builder.load(self.after(self._priority, self._at)))

    def add(self, name: str, k: int, mask: Any, quantity: int) -> None:
        """Add the row's values, as float64, to a kept vector where the mask is set."""
        kept, bits = self.builder.load(self._kept[name, k]), self.bits(quantity)
        if not self.masking:
            bits = self.builder.and_(bits, mask)
        value = self.builder.fpext(self.builder.bitcast(bits, FLOATS), DOUBLES)
        self._put(name, k, mask, self.builder.fadd(kept, value))

    def count(self, name: str, k: int, mask: Any) -> None:
        """Add 1 where the mask is set."""
        kept = self.builder.load(self._kept[name, k])
        self._put(name, k, mask, self.builder.sub(kept, all_equal(-1) if self.masking else mask))

    def raise_to(self, name: str, k: int, mask: Any, value: Any) -> None:
        """Set a kept vector to the larger of itself and a value where the mask is set, or everywhere.

        Where the mask isn't set, 0 may be used as the value.
        """
        if not self.masking and mask is not None:
            value = self.builder.and_(value, mask)
        self._put(name, k, mask, self.greater(value, self.builder.load(self._kept[name, k])))

    def _put(self, name: str, k: int, mask: Any, value: Any) -> None:
        slot = self._kept[name, k]
        if self.masking and mask is not None:
            value = self.builder.select(mask, value, self.builder.load(slot))
        self.builder.store(value, slot)

    def _place(self, name: str, k: int) -> Any:
        return self.after(self._room[name], k * STRIP)


def _visits(folding: _Folding, quadrants: range) -> None:
    """Counts of some quadrants, and the highest priority in each."""
    with folding.each_row(
        prefetch=quadrants[0] == 0, counts=quadrants, magnitude=[4 * folding.measures + q for q in quadrants]
    ):
        masks = folding.quadrants()
        for quadrant in quadrants:
            folding.count("counts", quadrant, masks[quadrant])
            folding.raise_to("magnitude", 4 * folding.measures + quadrant, masks[quadrant], folding.priority())


def _magnitudes(folding: _Folding, quantities: tuple[int, ...], quadrants: range) -> None:
    """Sums and largest magnitudes of some quantities in some quadrants, and the largest anywhere."""
    ranks = [quantity * 4 + quadrant for quantity in quantities for quadrant in quadrants]
    with folding.each_row(total=ranks, magnitude=ranks, largest=[0]):
        masks = folding.quadrants()
        for quantity in quantities:
            magnitude = folding.magnitude(quantity)
            folding.raise_to("largest", 0, None, magnitude)
            for quadrant in quadrants:
                folding.add("total", quantity * 4 + quadrant, masks[quadrant], quantity)
                folding.raise_to("magnitude", quantity * 4 + quadrant, masks[quadrant], magnitude)


def _products(folding: _Folding, quadrants: range) -> None:
    """Largest magnitudes of the measures that are products, in some quadrants."""
    for measure in range(len(QUANTITIES), folding.measures):
        with folding.each_row(magnitude=[measure * 4 + quadrant for quadrant in quadrants]):
            masks = folding.quadrants()
            for quadrant in quadrants:
                folding.raise_to("magnitude", measure * 4 + quadrant, masks[quadrant], folding.magnitude(measure))


def _highest(folding: _Folding) -> None:
    """The largest values of act and post in each quadrant: as bits; any positive is larger than any negative."""
    with folding.each_row(highest=range(8)):
        for quadrant, mask in enumerate(folding.quadrants()):
            for quantity in (2, 3):
                folding.raise_to("highest", (quantity - 2) * 4 + quadrant, mask, folding.bits(quantity))


def _whole(folding: _Folding) -> None:
    """All except `_highest`, in passes that keep at most as many vectors as the processor has registers."""
    if folding.masking:
        quantities: tuple[tuple[int, ...], ...] = (0, 1), (2, 3)
        quadrants: tuple[range, ...] = (range(4),)
    else:  # it has half as many registers, half as long
        quantities, quadrants = ((0,), (1,), (2,), (3,)), (range(2), range(2, 4))
    for some in quadrants:
        _visits(folding, some)
        for wanted in quantities:
            _magnitudes(folding, wanted, some)
        _products(folding, some)


def _folds(write: Callable[[_Folding], None]) -> Callable[..., None]:
    """A function for `_sweep` that folds the kept rows from `begin` to `end`, of the strip at `column`, into the room.

    `write` writes the code for them.
    """

    @inline
    def fold(_typing, values, strides, column, row, priority, begin, end, room, block):  # type: ignore[no-untyped-def]
        def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            write(_Folding(context, builder, signature, arguments))
            return context.get_dummy_value()

        return types.void(values, strides, column, row, priority, begin, end, room, block), generate

    return fold


_fold = _folds(_whole)
_fold_highest = _folds(_highest)


@compiled
def _sweep(values, strides, width, first, last, rows, swept):  # type: ignore[no-untyped-def]
    """The strips from `first` to `last`. A site's last strip is shifted so that it ends with the last neuron."""
    room = _Room(
        np.zeros((16, STRIP), dtype=np.float64),
        np.zeros((swept.magnitude.shape[1], STRIP), dtype=np.int32),
        np.zeros((4, STRIP), dtype=np.int32),
        np.zeros((swept.block.shape[1], STRIP), dtype=np.int32),
        np.zeros((8, STRIP), dtype=np.int32),
        np.zeros((1, STRIP), dtype=np.int32),
    )
    for cell in range(len(rows.site)):
        site, begin, end = rows.site[cell], rows.start[cell], rows.start[cell + 1]
        for strip in range(first, last):
            column = min(strip * STRIP, width - STRIP)
            room.total[:] = 0
            room.magnitude[:] = 0
            room.counts[:] = 0
            room.highest[:] = _LOWEST
            room.largest[:] = 0
            for start in range(begin, end, BLOCK):
                stop, block = min(start + BLOCK, end), (start - begin) // BLOCK
                _fold(values, strides, column, rows.row, rows.priority, start, stop, room, block)
                if len(swept.highest):
                    _fold_highest(values, strides, column, rows.row, rows.priority, start, stop, room, block)
            _put(swept.magnitude[cell], column, room.magnitude)
            _put(swept.block[cell], column, room.block)
            if len(swept.highest):
                _put(swept.highest[cell], column, room.highest)
            _add(swept.counts[site], column, room.counts, STRIP * strip - column)
            _add(swept.total[site], column, room.total, STRIP * strip - column)
            swept.largest[cell, strip] = room.largest.max()


@compiled
def _put(whole, column, part):  # type: ignore[no-untyped-def]
    for k in range(len(part)):
        for j in range(STRIP):  # as many as the compiler knows
            whole[k, column + j] = part[k, j]


@compiled
def _add(whole, column, part, known):  # type: ignore[no-untyped-def]
    """Add the values that are not yet `known`: the first neurons of a strip may be in the previous one as well."""
    for k in range(len(part)):
        for j in range(known, STRIP):
            whole[k, column + j] += part[k, j]
