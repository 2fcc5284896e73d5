"""The address of a gated MLP from its path in the model: stack and layer."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from torch import nn

from ..addresses import SiteAddress
from .body import is_encoder_decoder
from .refuse import refusal

_NUMBER = re.compile(r"(?<![^.])\d+(?![^.])")
_OTHER_SENSES = {"audio", "image", "img", "speech", "video", "vision", "visual"}
_INNER_LAYERS = {"LongcatFlashModel": 2}
"""Models in which each layer counts as several, as in the numbering of their own caches: class -> how many.

A part that such a layer has only once belongs to the first of them.
"""

_STACKS = {"encoder": "enc", "decoder": "dec"}


def in_a_layer(path: str) -> bool:
    """Whether a module's path leads through a numbered list, and to no part that reads images or sound."""
    words = {word for part in path.split(".") for word in part.split("_")}
    return _NUMBER.search(path) is not None and not words & _OTHER_SENSES


def addresses(body: nn.Module, paths: Sequence[str]) -> dict[str, SiteAddress]:
    """The address of each path. GluscopeError for a layer within a layer, or a stack other than encoder and decoder.

    The layer is the number that changes between paths of one form: `decoder.block.3.layer.2.mlp` is in layer 3.
    """
    forms: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        forms[_NUMBER.sub("*", path)].append(path)
    found: dict[str, SiteAddress] = {}
    for alike in forms.values():
        numbers = [[int(number) for number in _NUMBER.findall(path)] for path in alike]
        changing = [place for place, values in enumerate(zip(*numbers, strict=True)) if len(set(values)) > 1] or [0]
        if (inner := _INNER_LAYERS.get(type(body).__name__)) is not None:
            found |= {
                path: SiteAddress("", _nested(values, inner)) for path, values in zip(alike, numbers, strict=True)
            }
            continue
        if len(changing) > 1:
            raise refusal(body, f"{alike[-1]} lies in a layer within a layer, which gluscope can't number")
        for path, values in zip(alike, numbers, strict=True):
            found[path] = SiteAddress(_stack(body, path), values[changing[0]])
    return found


def _nested(numbers: Sequence[int], inner: int) -> int:
    """The layer of a path that leads through a layer, and perhaps one of the `inner` ones in it."""
    outer, *within = numbers
    return outer * inner + (within[0] if within else 0)


def _stack(body: nn.Module, path: str) -> str:
    if not is_encoder_decoder(body):
        return ""
    stack = next((_STACKS[part] for part in path.split(".") if part in _STACKS), None)
    if stack is None:
        raise refusal(body, f"{path} is neither in its encoder nor in its decoder")
    return stack
