"""Reads the header of a GGUF file once and fast; to load a model, transformers reads it three times, slowly."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any


@contextmanager
def header_read_once() -> Iterator[None]:
    """Within the context, `gguf` caches the header that it has read of a file, and its table of names.

    The file's bytes are a plain array over the mapped memory: slicing numpy's memmap, which happens millions of times
    for the tokens of a vocabulary, takes three times as long.
    """
    import gguf as library
    import numpy as np

    gguf: Any = library
    original, names = gguf.GGUFReader, gguf.get_tensor_name_map
    readers: dict[str, Any] = {}

    class PlainReader(original):  # type: ignore[misc,valid-type]  # of a library without types
        @property
        def data(self) -> Any:
            return self._bytes

        @data.setter
        def data(self, mapped: Any) -> None:
            self._bytes = np.asarray(mapped)

    def read(path: Any, mode: str = "r") -> Any:
        if mode != "r":
            return original(path, mode)
        if str(path) not in readers:
            readers[str(path)] = PlainReader(path)
        return readers[str(path)]

    gguf.GGUFReader, gguf.get_tensor_name_map = read, cache(names)  # names: asked for once a module of the model
    try:
        yield
    finally:
        gguf.GGUFReader, gguf.get_tensor_name_map = original, names
