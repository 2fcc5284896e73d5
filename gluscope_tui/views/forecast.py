"""The forecast of a run, as lines of a name and a value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from .info import size
from .numbers import full_count

_LABELS = {
    "seconds": "time to read the text",
    "loading_seconds": "to load the model",
    "starting_seconds": "to start",
    "weights_seconds": "to compare weights",
    "wiring_seconds": "to find the wiring",
    "writing_seconds": "to write the index",
    "total_seconds": "time in all",
}
_BYTES = {"state_bytes", "memory_free", "file_bytes", "run_folder_bytes", "disk_free"}


def lines(forecast: Mapping[str, float | str | None], *, people: bool) -> Iterator[str]:
    """The fields of `indexer.forecast.estimate.Forecast.as_dict`.

    For people: aligned, with units. Else name, tab, value, in bytes, seconds and tokens a second; empty: unknown.
    """
    for name, value in forecast.items():
        if not people:
            plain = round(value, 1) if isinstance(value, float) else value
            yield f"{name}\t{'' if value is None else str(plain).lower()}"
        elif name == "tokens":
            yield f"{name:<24}{_tokens(value, forecast.get('tokens_basis'))}"
        elif name != "tokens_basis":
            label = _LABELS.get(name) or name.replace("_", " ")
            yield f"{label:<24}{_shown(name, value)}"


def _tokens(count: float | str | None, basis: float | str | None) -> str:
    if count is None or isinstance(count, str):
        return "not known: nothing tells how long the text is; with --tokens N these are for N tokens"
    shown = full_count(round(count))
    if basis == "estimate":
        return f"≈{shown}, judged by the text read so far"
    return f"{shown}, as --tokens says; fewer if the text is shorter" if basis == "limit" else shown


def _shown(name: str, value: float | str | None) -> str:
    if value is None:
        return "not known"
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name in _BYTES:
        return size(int(value))
    if name.endswith("seconds"):
        minutes = round(value / 60)
        return f"{value:.0f} s" if value < 120 else f"{minutes // 60} h {minutes % 60:02d} min"
    return full_count(round(value))
