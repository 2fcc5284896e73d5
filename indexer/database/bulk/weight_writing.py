"""Writes the numbers of weights into an index, while it is made or after it is finished."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from typing import Any

from ..format.folding import fold
from .arrays import VOCABULARY, ModelWeights, WeightArrays
from .renewing import renew
from .token_postings import TokenPostings
from .weight_packing import pack_lists
from .wiring_storage import WIRING_TABLES, insert_wiring, say

_TABLES = (
    "weights",
    "weight_lists",
    "weight_sites",
    "vocabulary_scores",
    "token_texts",
    "token_neurons",
    *WIRING_TABLES,
)


def insert_weights(sqlite: sqlite3.Connection, weights: ModelWeights, first_neuron: Mapping[str, int]) -> None:
    """Insert the rows of the neurons of those sites that the index has. `first_neuron`: neurons.id of each site's
    index 0, by name."""
    sqlite.executemany(
        "INSERT INTO weight_sites VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (s.name, s.width, s.first_neuron, s.norm_before, s.norm_after, *s.bands, s.reason)
            for s in weights.model_sites
        ),
    )
    with closing(TokenPostings(sqlite)) as postings:
        for name, site in weights.sites.items():
            if name in first_neuron:
                _insert_site(sqlite, site, first_neuron[name])
                postings.add_site(site, first_neuron[name])
        postings.write()
    insert_texts(sqlite, weights.folded or folded(weights.spelling.items()))
    if weights.wiring is not None:
        insert_wiring(sqlite, weights.wiring, first_neuron)


def weights_info(weights: ModelWeights) -> dict[str, Any]:
    """The keys of an index's info that say what it has of weights."""
    wiring = {} if weights.wiring is None else {"wiring": dict(weights.wiring.info)}
    return {"weights": dict(weights.info), **wiring}


def _insert_site(sqlite: sqlite3.Connection, site: WeightArrays, first: int) -> None:
    sqlite.executemany("INSERT INTO weights VALUES (?, ?, ?, ?, ?, ?, ?, ?)", _rows(site, first))
    sqlite.executemany("INSERT INTO weight_lists VALUES (?, ?)", enumerate(pack_lists(site), first))
    if site.vocabulary is not None:
        sqlite.executemany("INSERT INTO vocabulary_scores VALUES (?, ?, ?, ?, ?, ?)", _spread(site, first))


def folded(spelling: Iterable[tuple[int, bytes]]) -> dict[int, str]:
    """The texts of tokens as searches fold them, by token, without those that are not whole characters."""
    texts = ((token, data.decode(errors="replace")) for token, data in spelling)
    return {token: fold(text) for token, text in texts if text and "\ufffd" not in text}


def insert_texts(sqlite: sqlite3.Connection, texts: Mapping[int, str]) -> None:
    """Fill the table `token_texts` with folded texts, by token."""
    rows = sorted((text, token) for token, text in texts.items())
    sqlite.executemany("INSERT OR IGNORE INTO token_texts VALUES (?, ?)", rows)


def token_row(token: int, data: bytes) -> tuple[int, bytes, str]:
    """The row of a token in the table `tokens`."""
    return token, data, data.decode(errors="replace")


def replace_weights(sqlite: sqlite3.Connection, weights: ModelWeights, first_neuron: Mapping[str, int]) -> None:
    """Put weights into a finished index that has none or others, and the tables and views if it is an older one."""
    with sqlite:
        renew(sqlite, _TABLES)
        insert_weights(sqlite, weights, first_neuron)
        sqlite.executemany(
            "INSERT OR IGNORE INTO tokens VALUES (?, ?, ?)", (token_row(*item) for item in weights.spelling.items())
        )
        sqlite.execute("DELETE FROM info WHERE key = 'wiring'")
        say(sqlite, weights_info(weights))


def _rows(site: WeightArrays, first: int) -> Iterator[tuple[Any, ...]]:
    """Rows of the table `weights`."""
    cosines = map(_or_null, site.cosines.tolist())
    width = len(site.classes)
    return zip(range(first, first + width), *cosines, *site.norms.tolist(), site.classes, strict=True)


def _spread(site: WeightArrays, first: int) -> Iterator[tuple[Any, ...]]:
    """Rows of the table `vocabulary_scores`."""
    assert site.vocabulary is not None
    assert len(site.vocabulary) == len(VOCABULARY)
    return zip(range(first, first + len(site.classes)), *map(_or_null, site.vocabulary.tolist()), strict=True)


def _or_null(values: list[float]) -> list[float | None]:
    """The values without negative zero, NULL in place of NaN."""
    return [None if math.isnan(value) else value + 0.0 for value in values]
