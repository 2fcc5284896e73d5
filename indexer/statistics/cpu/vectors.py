"""LLVM's instructions for vectors of one strip, to be written into code that numba compiles.

numba's compiler makes such code only sometimes from loops over numbers. On processors with shorter vectors LLVM takes
several.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils as numba_code

from .rows import STRIP

cgutils: Any = numba_code  # has no types

INT, LONG = ir.IntType(32), ir.IntType(64)
INTS, SHORTS, BYTES = (ir.VectorType(ir.IntType(bits), STRIP) for bits in (32, 16, 8))
FLOATS, DOUBLES = ir.VectorType(ir.FloatType(), STRIP), ir.VectorType(ir.DoubleType(), STRIP)

_PREFETCH = "llvm.prefetch.p0"
_POINTER = ir.IntType(8).as_pointer()


def all_equal(number: float, vector: Any = INTS) -> Any:
    """The same number, a constant, for every neuron."""
    return ir.Constant(vector, [number] * STRIP)


class Code:
    """Code that is being written at the place of a call, through numba's builder of LLVM's instructions."""

    def __init__(self, context: Any, builder: Any) -> None:
        self._context = context
        self.builder = builder

    def data(self, array_type: Any, array: Any) -> Any:
        """The address of an array's values."""
        return self._context.make_array(array_type)(self._context, self.builder, array).data

    def unpacked(self, values: Any) -> list[Any]:
        """The elements of a tuple."""
        return list(cgutils.unpack_tuple(self.builder, values))

    def after(self, address: Any, count: Any) -> Any:
        """The address of the value that comes so many values later."""
        return self.builder.gep(address, [ir.Constant(LONG, count) if isinstance(count, int) else count])

    def load(self, address: Any, vector: Any) -> Any:
        """A vector read from any address, aligned or not."""
        loaded = self.builder.load(self.builder.bitcast(address, vector.as_pointer()))
        loaded.align = 1
        return loaded

    def store(self, value: Any, address: Any) -> None:
        stored = self.builder.store(value, self.builder.bitcast(address, value.type.as_pointer()))
        stored.align = 1

    def broadcast(self, number: Any, vector: Any = INTS) -> Any:
        """The same number for every neuron."""
        nothing = ir.Constant(vector, ir.Undefined)
        first = self.builder.insert_element(nothing, number, ir.Constant(INT, 0))
        return self.builder.shuffle_vector(first, nothing, all_equal(0))

    def greater(self, one: Any, other: Any) -> Any:
        """The larger of two signed numbers, for each neuron."""
        return self.builder.select(self.builder.icmp_signed(">", one, other), one, other)

    def prefetch(self, address: Any) -> None:
        """Have the processor fetch what will be read soon."""
        takes = [_POINTER, INT, INT, INT]
        ask = cgutils.get_or_insert_function(self.builder.module, ir.FunctionType(ir.VoidType(), takes), _PREFETCH)
        to_read, keep_long, data = (ir.Constant(INT, number) for number in (0, 3, 1))
        self.builder.call(ask, [self.builder.bitcast(address, _POINTER), to_read, keep_long, data])
