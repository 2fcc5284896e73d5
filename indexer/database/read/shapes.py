"""The shape that the JSON of an index's `info` must have, as far as anything reads it; checked once, when read."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from ..format.sinks import RULES

Check = Callable[[Any], bool]

LARGEST = 2**53
"""Numbers of an index are smaller."""

_DEEPEST = 20  # lists and objects in each other


def parse(text: str) -> Any:
    """The value of a JSON text. ValueError if it is not JSON or holds a number that is not finite."""
    try:
        value = json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if _depth(value) > _DEEPEST:
        raise ValueError("it is nested too deeply")
    return value


def wrong_key(info: Mapping[str, Any]) -> str | None:
    """The first key of `info`, or path into it, whose value lacks the shape that is written; None if none does."""
    for key, check in _SHAPES.items():
        first, _, inner = key.partition(".")
        if first not in info:
            continue  # whether it must exist is not a question of its shape
        value = info[first]
        if not inner:
            if not check(value):
                return key
        elif isinstance(value, Mapping) and inner in value and not check(value[inner]):
            return key
    return None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a number")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError("a number is too large")
    return value


def _depth(value: Any) -> int:
    inner: list[Any] = [value]
    depth = 0
    while inner and depth <= _DEEPEST:
        depth += 1
        inner = [
            part
            for one in inner
            if isinstance(one, (dict, list))
            for part in (one.values() if isinstance(one, dict) else one)
        ]
    return depth


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= 10_000


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= LARGEST


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _or_null(check: Check) -> Check:
    return lambda value: value is None or check(value)


def _list_of(check: Check) -> Check:
    return lambda value: isinstance(value, list) and all(map(check, value))


def _object_of(check: Check) -> Check:
    return lambda value: isinstance(value, dict) and all(map(check, value.values()))


def _object(value: Any) -> bool:
    return isinstance(value, dict)


def _is_window(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(_is_count(side) and side < 2**16 for side in value)


def _is_cell(value: Any) -> bool:
    """One of the objects of `coverage.cells`."""
    return (
        isinstance(value, dict)
        and _or_null(_list_of(_is_text))(value.get("sites", 0))
        and _list_of(_list_of(_is_count))(value.get("batches"))
        and _is_count(value.get("count"))
        and _is_count(value.get("tokens"))
    )


def _is_sink(value: Any) -> bool:
    """One of the objects of `sinks.found`."""
    return (
        isinstance(value, dict)
        and all(_is_count(value.get(name)) for name in ("id", "sinks", "seen"))
        and _is_text(value.get("text"))
        and value.get("rule") in RULES
    )


_SINK_KEYS = {"layer", "sequences", "tokens", "positions", "found"}
_SHAPES: dict[str, Check] = {
    "complete": _is_flag,
    "model": lambda value: _object(value) and _is_text(value.get("name")),
    "model.layers": _or_null(_is_count),
    "model.dtype": _or_null(_is_text),
    "model.revision": _or_null(_is_text),
    "model.fingerprint": _or_null(_is_text),
    "model.location": _or_null(_is_text),
    "corpus": lambda value: _object(value) and _is_count(value.get("tokens")),
    "corpus.sequences": _is_count,
    "corpus.documents": _is_count,
    "corpus.hash": _is_text,
    "settings": lambda value: _object(value) and _is_window(value.get("window")),
    "settings.top_k": _is_count,
    "settings.layers": _or_null(_list_of(_is_count)),
    "corpus.conversations": _is_count,
    "corpus.roles": _list_of(_is_text),
    "settings.roles": _or_null(_list_of(_is_text)),
    "sinks": lambda value: _object(value) and (value.keys() >= _SINK_KEYS or _is_text(value.get("reason"))),
    "sinks.layer": _is_count,
    "sinks.sequences": _is_count,
    "sinks.tokens": _is_count,
    "sinks.positions": _or_null(_is_count),
    "sinks.found": _list_of(_is_sink),
    "software": _object_of(_or_null(lambda value: _is_text(value) or _list_of(_is_text)(value))),
    "run": _object,
    "run.seconds": _is_number,
    "run.share_of_bare": _is_number,
    "run.tokens_per_second": _or_null(_is_number),
    "run.notices": _list_of(_is_text),
    "run.merged": _is_count,
    "run.identity": _object,
    "rankings": _list_of(_is_text),
    "telling_neuron": _or_null(_is_text),
    "weights": lambda value: _object(value) and value.get("state") in ("computed", "partly", "missing"),
    "weights.reason": _or_null(_is_text),
    "weights.null_space": _or_null(_is_count),
    "weights.vocabulary": _is_count,
    "wiring": lambda value: _object(value) and value.get("state") in ("computed", "partly", "missing"),
    "wiring.reason": _or_null(_is_text),
    "imported": _object,
    "imported.missing": _is_text,
    "search": _object,
    "search.version": _is_count,
    "coverage": _object,
    "coverage.batches": _or_null(_is_count),
    "coverage.borders": _list_of(_is_count),
    "coverage.finished": _is_flag,
    "coverage.complete": _is_flag,
    "coverage.shard": _or_null(_is_text),
    "coverage.cells": _list_of(_is_cell),
}
"""By key, or key and key within it."""
