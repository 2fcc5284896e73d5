"""Where a page's numbers come from, in a few lines that name no folder of the machine that made the index."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from indexer.database.records import IndexInfo

from ...text.clean import clean
from ..info import warning
from ..numbers import full_count

_FOLDERS = re.compile(r"^(?:file://)?(?:/|~|[A-Za-z]:[\\/]|\\\\).*[\\/]")
_SOFTWARE = ("gluscope", "torch", "transformers")


@dataclass(frozen=True, slots=True)
class Provenance:
    """The facts below every page of an index. `warning` says how much of the corpus an unfinished index has seen."""

    model: str
    warning: str
    facts: tuple[tuple[str, str], ...]  # name, value


def provenance(info: IndexInfo) -> Provenance:
    """The provenance of an index as cleaned text."""
    corpus, settings = info.corpus, info.settings
    facts = {
        "model": _joined(info.model, "name", "revision", "architecture", "dtype", "fingerprint"),
        "corpus": ", ".join(public(str(one)) for one in corpus.get("inputs") or ()),
        "text": ", ".join(
            f"{full_count(int(corpus[name]))} {name}" for name in ("documents", "sequences", "tokens") if name in corpus
        ),
        "corpus hash": clean(str(corpus.get("hash", ""))),
        "settings": ", ".join(
            f"{clean(str(name)).replace('_', ' ')} {_told(value)}"
            for name, value in settings.items()
            if value is not None and value is not False and value != ""
        ),
        "software": ", ".join(
            f"{name} {clean(str(info.software[name]))}" for name in _SOFTWARE if name in info.software
        ),
        "indexed": clean(str(info.run.get("started", ""))),
    }
    return Provenance(
        clean(str(info.model["name"])), warning(info), tuple((name, value) for name, value in facts.items() if value)
    )


def public(source: str) -> str:
    """A path or row without the folders before it, if it is an absolute path: pages are for others."""
    return clean(_FOLDERS.sub("", source))


def _joined(values: Any, *names: str) -> str:
    return ", ".join(public(str(values[name])) for name in names if values.get(name))


def _told(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return "-".join(public(str(one)) for one in value) or "none"
    return "" if value is True else public(str(value))
