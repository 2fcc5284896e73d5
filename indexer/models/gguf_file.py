"""The head of a GGUF file: keys, and the names and shapes of its tensors, read within the file's size.

The format is llama.cpp's (docs/gguf.md of ggml), versions 2 and 3, little-endian. Every count and length is checked
against the rest of the file before it is used, so a damaged or tampered file can neither hang the reader nor exhaust
memory.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from ..errors import GluscopeError

_FIXED = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
"""Type of a value -> its form for `struct`; 8 is a text, 9 an array."""
_TEXT, _ARRAY = 8, 9
_LONGEST_KEPT = 4096  # entries of an array of numbers that are kept; arrays of texts keep their length alone
_MOST_DIMENSIONS = 4
_LONGEST_NAME = 65_535  # bytes, as the format says


class DamagedFile(ValueError):
    """The file breaks the format."""


@dataclass(frozen=True, slots=True)
class Texts:
    """An array of texts; only its length is kept."""

    length: int


@dataclass(frozen=True, slots=True)
class GgufFile:
    """The head of a GGUF file."""

    path: Path
    keys: Mapping[str, Any]  # numbers, texts, lists of numbers, Texts
    tensors: Mapping[str, tuple[int, ...]]  # name -> shape, outermost first as in torch

    @property
    def architecture(self) -> str:
        """llama.cpp's name for the model's form, e.g. llama; "" if the file has none."""
        return str(self.keys.get("general.architecture", ""))

    def of_model(self) -> dict[str, Any]:
        """The keys that describe the model, without the prefix that names the architecture."""
        front = f"{self.architecture}."
        return {key.removeprefix(front): value for key, value in self.keys.items() if key.startswith(front)}

    def numbers(self, name: str) -> Any:
        """The values of a tensor of float32, as a numpy array. GluscopeError if the tensor has another type."""
        import gguf
        import numpy as np

        reader: Any = gguf.GGUFReader(self.path)
        tensor = next(each for each in reader.tensors if each.name == name)
        if int(tensor.tensor_type) != int(gguf.GGMLQuantizationType.F32):
            raise GluscopeError(f"{name} in {self.path.name} is not float32", "convert the model again with llama.cpp")
        return np.array(tensor.data, dtype=np.float32).reshape(-1)


def read_head(path: Path) -> GgufFile:
    """Read the head of a file. GluscopeError for a damaged one, one of several parts, and one for another machine."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            head = _Walk(mapped, path).head()
    except (DamagedFile, UnicodeDecodeError, struct.error, ValueError) as error:
        raise GluscopeError(f"{path.name} is truncated or damaged", "download it again") from error
    parts = head.keys.get("split.count", 1)
    if parts != 1:
        raise GluscopeError(
            f"{path.name} is one of {parts} parts of a model, which transformers can't read apart",
            "join them with llama.cpp: llama-gguf-split --merge FIRST_PART WHOLE.gguf",
        )
    return head


class _Walk:
    """Reads a file from its start, never beyond its end."""

    def __init__(self, data: mmap.mmap, path: Path) -> None:
        self._data = data
        self._path = path
        self._place = 0

    def head(self) -> GgufFile:
        magic, version = bytes(self._take(4)), self._number("I")
        if magic != b"GGUF":
            raise DamagedFile("no magic")
        if version not in (2, 3):
            raise GluscopeError(
                f"{self._path.name} is of version {version} of the GGUF format, which transformers doesn't read",
                "convert the model again with a newer llama.cpp",
            )
        tensors, keys = self._number("Q"), self._number("Q")
        self._demand(keys, 13)  # a name's length, a type and a byte
        self._demand(tensors, 24)
        found = dict(self._key() for _ in range(keys))
        table = [self._tensor() for _ in range(tensors)]
        alignment = found.get("general.alignment", 32)
        if not isinstance(alignment, int) or alignment < 1:
            raise DamagedFile("alignment")
        begin = -(-self._place // alignment) * alignment
        if any(begin + end > len(self._data) for _, _, end in table):
            raise DamagedFile("the weights end before the table says")
        names = {name: shape for name, shape, _ in table}
        if len(names) != tensors or len(found) != keys:
            raise DamagedFile("a name stands twice")
        return GgufFile(self._path, found, names)

    def _key(self) -> tuple[str, Any]:
        return self._text(_LONGEST_NAME), self._value(self._number("I"))

    def _value(self, kind: int) -> Any:
        if kind == _TEXT:
            return self._text(len(self._data))
        if kind != _ARRAY:
            return self._number(_FIXED[kind]) if kind in _FIXED else _unknown(kind)
        kind, count = self._number("I"), self._number("Q")
        if kind == _TEXT:
            self._demand(count, 8)
            for _ in range(count):
                self._take(self._number("Q"))
            return Texts(count)
        form = _FIXED.get(kind) or _unknown(kind)
        values = self._take(count * struct.calcsize(f"<{form}"))
        return list(struct.unpack(f"<{count}{form}", values)) if count <= _LONGEST_KEPT else Texts(count)

    def _tensor(self) -> tuple[str, tuple[int, ...], int]:
        """Name, shape, and where its values end, counted from where all values begin."""
        import gguf

        name, dimensions = self._text(_LONGEST_NAME), self._number("I")
        if not 1 <= dimensions <= _MOST_DIMENSIONS:
            raise DamagedFile("dimensions")
        shape = tuple(reversed(struct.unpack(f"<{dimensions}Q", self._take(8 * dimensions))))
        kind, offset = self._number("I"), self._number("Q")
        try:
            block, size = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType(kind)]
        except (ValueError, KeyError):
            raise GluscopeError(
                f"{self._path.name} holds weights of a type that the gguf library doesn't know ({kind})",
                "upgrade it: pip install --upgrade gguf; or use the model's safetensors form",
            ) from None
        return name, shape, offset + prod(shape) // block * size

    def _text(self, longest: int) -> str:
        length = self._number("Q")
        if length > longest:
            raise DamagedFile("a text of that length")
        return bytes(self._take(length)).decode("utf-8")

    def _number(self, form: str) -> Any:
        return struct.unpack(f"<{form}", self._take(struct.calcsize(f"<{form}")))[0]

    def _take(self, length: int) -> bytes:
        end = self._place + length
        if end > len(self._data):
            raise DamagedFile("the file ends")
        taken = self._data[self._place : end]
        self._place = end
        return taken

    def _demand(self, count: int, least: int) -> None:
        """Check that so many entries, of at least that many bytes each, fit in the rest of the file."""
        if count * least > len(self._data) - self._place:
            raise DamagedFile("more entries than the file has room for")


def _unknown(kind: int) -> Any:
    raise DamagedFile(f"a value of type {kind}")
