"""The provenance of an index as lines of a name and a value."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from indexer.database.records import IndexInfo

from ..text.clean import clean
from . import sites
from .numbers import counted, frequency, full_count

Field = tuple[str, str]
_WITHOUT_LIMIT = ("tokens", "layers", "experts")  # settings that leave nothing out if null


def sections(info: IndexInfo, *, every_site: bool = False) -> Iterator[tuple[str, list[Field]]]:
    """Titled groups of cleaned names and values, for people.

    Sites that agree share a line unless `every_site`.
    """
    telling = info.telling_neuron
    yield (
        "index",
        [
            ("path", clean(info.path)),
            ("size", size(info.size)),
            ("schema", str(info.schema_version)),
            ("state", state(info)),
            ("neurons", full_count(info.neurons)),
            ("telling neuron", "none" if telling is None else telling.name),
            ("weights", _state(info.weights)),
            ("wiring", _state(info.wiring)),
            ("attention sinks", _sinks(info)),
        ],
    )
    if info.coverage:
        yield "coverage", list(_coverage(info))
    for title in ("model", "corpus", "settings", "software", "run"):
        yield title, list(_fields(getattr(info, title), info.settings))
    told = sites.one_by_one if every_site else sites.together
    yield "sites", list(told(info.sites, int(info.corpus["tokens"])))


def state(info: IndexInfo) -> str:
    """Whether an index is complete, or its progress."""
    if info.complete:
        return "complete"
    tokens = max((cell["tokens"] for cell in info.coverage.get("cells", ())), default=None)
    if not info.coverage.get("finished") or tokens is None:
        seen = "a part of the corpus" if tokens is None else f"the {full_count(tokens)} tokens seen so far"
        return f"under way: the numbers are those of {seen}"
    shard = info.coverage["shard"]
    part = "a part" if shard is None else f"part {clean(shard)}"
    return f"{part}: the numbers are those of {full_count(tokens)} of {full_count(info.corpus['tokens'])} tokens"


def warning(info: IndexInfo) -> str:
    """What a page or picture of an unfinished index says first; "" for a complete one."""
    return "" if info.complete else f"the index is {state(info)}"


def _state(part: Mapping[str, Any]) -> str:
    """Whether the index has a part that is computed from the weights, or why not."""
    reason = part.get("reason")
    return clean(str(part.get("state", "missing"))) + (f": {clean(str(reason))}" if reason else "")


def _sinks(info: IndexInfo) -> str:
    """Which tokens are attention sinks, and how often, as far as it is known."""
    if info.sinks is None:
        return "not known"
    looked = f"{counted(info.sinks.tokens, 'token')} of {counted(info.sinks.sequences, 'sequence')} looked at"
    if not info.sinks.found:
        return f"position 0 alone; {looked}"
    which = ", ".join(clean(str(token)) for token in info.sinks.found)
    often = ""
    if info.sinks.positions is not None and info.corpus["tokens"]:
        share = frequency(info.sinks.positions, info.corpus["tokens"])
        what = "left out" if info.settings.get("sinks") == "drop" else "counted"
        often = f"; {counted(info.sinks.positions, 'position')} ({share}), which are {what}"
    return f"position 0, {which}{often}; {looked}"


def plain(info: IndexInfo) -> Iterator[str]:
    """A line for each field: section.name, tab, value. Numbers are exact; other values that are not text are JSON."""
    telling = info.telling_neuron
    yield f"index.path\t{clean(info.path)}"
    yield f"index.size\t{info.size}"
    yield f"index.schema_version\t{info.schema_version}"
    yield f"index.complete\t{json.dumps(info.complete)}"
    yield f"index.neurons\t{info.neurons}"
    yield f"index.telling_neuron\t{'' if telling is None else telling.name}"
    for title in ("model", "corpus", "coverage", "weights", "wiring", "settings", "software", "run"):
        for name, value in getattr(info, title).items():
            yield f"{title}.{clean(str(name))}\t{_raw(value)}"
    if info.sinks is not None:
        yield f"sinks.positions\t{_raw(info.sinks.positions)}"
        for token in info.sinks.found:
            yield f"sinks.{token.id}\t{clean(str(token))}"
    for site in info.sites:
        error = "" if site.identity_error is None else repr(site.identity_error)
        fields = (f"neurons={site.width}", f"activation={clean(site.activation)}")
        counts = (f"tokens_counted={site.tokens_counted}", f"tokens_corpus={info.corpus['tokens']}")
        proof = (f"identity_error={error}", f"adapter={clean(site.adapter)}")
        yield f"site.{site.address.name}\t{' '.join((*fields, *counts, *proof))}"


def size(count: int) -> str:
    """Bytes for people: 812 B, 13.4 MB."""
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 999.5:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.3g} {unit}"
        amount /= 1000
    return f"{amount:.3g} TB"


def _fields(values: Mapping[str, Any], told: Mapping[str, Any]) -> Iterator[Field]:
    """Names and values. Of a value with parts, those that repeat the settings are left out."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            parts = {part: value[part] for part in value if part not in told or told[part] != value[part]}
            shown = ", ".join(f"{key} {text}" for key, text in _fields(parts, told)) or "as the settings"
        else:
            shown = "all" if value is None and name in _WITHOUT_LIMIT else _shown(value)
        yield clean(str(name)).replace("_", " "), shown


def _coverage(info: IndexInfo) -> Iterator[Field]:
    """How many batches of the plan the sites were fed, a line for each group of sites."""
    total = info.coverage["batches"]
    of = "the batches so far" if total is None else counted(total, "batch", "batches")
    for cell in info.coverage["cells"]:
        name = "all sites" if cell["sites"] is None else ", ".join(map(clean, cell["sites"]))
        yield name, f"{full_count(cell['count'])} of {of}, {counted(cell['tokens'], 'token')}"
    if info.coverage["borders"]:
        yield "extended after", ", ".join(counted(border, "sequence") for border in info.coverage["borders"])


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "none"
    if isinstance(value, int):
        return full_count(value)
    if isinstance(value, (list, tuple)):
        return ", ".join(clean(item) if isinstance(item, str) else _raw(item) for item in value) or "none"
    return _raw(value)


def _raw(value: Any) -> str:
    return clean(value) if isinstance(value, str) else json.dumps(value)
