"""The closed list of activation functions that an index knows by name, as plain Python functions of one number."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

Twin = Callable[[float], float]


def _sigmoid(x: float) -> float:
    if x >= 0:
        return 1.0 / (1.0 + math.exp(-x))
    small = math.exp(x)
    return small / (1.0 + small)


def _softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def _silu(x: float) -> float:
    return x * _sigmoid(x)


def _gelu(x: float) -> float:
    # erfc keeps the far negative tail, where 1 + erf would round to 0
    return 0.5 * x * math.erfc(-x / math.sqrt(2.0))


def _gelu_tanh(x: float) -> float:
    # 0.5 (1 + tanh u) = sigmoid(2 u), which keeps the far negative tail
    return x * _sigmoid(2.0 * math.sqrt(2.0 / math.pi) * (x + 0.044715 * x * x * x))


def _quick_gelu(x: float) -> float:
    return x * _sigmoid(1.702 * x)


def _relu(x: float) -> float:
    return max(x, 0.0)


def _relu2(x: float) -> float:
    return max(x, 0.0) ** 2


def _relu6(x: float) -> float:
    return min(max(x, 0.0), 6.0)


def _leaky_relu(x: float) -> float:
    return x if x >= 0 else 0.01 * x


def _hardswish(x: float) -> float:
    return x * min(max(x + 3.0, 0.0), 6.0) / 6.0


def _mish(x: float) -> float:
    return x * math.tanh(_softplus(x))


def _linear(x: float) -> float:
    return x


_TWINS: dict[str, Twin] = {
    "silu": _silu,
    "gelu": _gelu,  # the exact one, with erf
    "gelu_tanh": _gelu_tanh,
    "quick_gelu": _quick_gelu,
    "relu": _relu,
    "relu2": _relu2,  # relu, squared
    "relu6": _relu6,
    "leaky_relu": _leaky_relu,
    "hardswish": _hardswish,
    "mish": _mish,
    "sigmoid": _sigmoid,
    "tanh": math.tanh,
    "linear": _linear,
}
_CLAMPED = re.compile(r"(?P<inner>\w+)_max_(?P<limit>\d+(?:\.\d+)?)")
_SIGN_PRESERVING = frozenset({"silu", "gelu", "gelu_tanh", "quick_gelu", "leaky_relu", "mish", "tanh", "linear"})

ACTIVATIONS = tuple(_TWINS)
"""Every name in the list."""


def twin(name: str) -> Twin | None:
    """The activation as a function of one number, or None if the list doesn't have it (the site then stores act).

    `silu_max_7` is silu of the smaller of its input and 7, and so for every name of the list.
    """
    if (clamped := _CLAMPED.fullmatch(name)) is None:
        return _TWINS.get(name)
    inner, limit = _TWINS.get(clamped["inner"]), float(clamped["limit"])
    return None if inner is None else lambda x: inner(min(x, limit))


def clamped_name(name: str, limit: float) -> str:
    """The name of an activation whose input is clamped from above at `limit`, greater than 0."""
    return f"{name}_max_{limit:.6f}".rstrip("0").rstrip(".")


def sign_preserving(name: str) -> bool:
    """Whether act has the sign of gate wherever gate is not 0 (SiLU, GELU; not ReLU). False for unknown names.

    Computed in floating point, act may be 0 or -0.0 for a gate far below 0.
    """
    clamped = _CLAMPED.fullmatch(name)
    return (name if clamped is None else clamped["inner"]) in _SIGN_PRESERVING
