"""Weights for a small index: made-up cosines, token lists, nearest neurons and wiring, written as docs/schema.md
says."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

from indexer.database.bulk.add_search import add_search

ENDS, KINDS = 5, 4
"""Defaults: tokens at each end of a list, and nearest neurons of each kind."""
CLASSES = ("orthogonal output", "conditional weakening", "atypical strengthening", None)


def with_weights(
    index: Path, path: Path, *, ends: int = ENDS, kinds: int = KINDS, wires: int = 0, seed: int = 0
) -> Path:
    """A copy of an index with weights of every neuron, and with wiring if lists are to have `wires` neurons; the same
    arguments give the same."""
    chance = random.Random(seed)
    shutil.copy(index, path)
    with sqlite3.connect(path) as connection:
        neurons = connection.execute("SELECT id, coalesce(flipped, 0) FROM neurons ORDER BY id").fetchall()
        tokens = [row[0] for row in connection.execute("SELECT id FROM tokens ORDER BY id")]
        for name, width, first in connection.execute("SELECT name, width, first_neuron FROM sites").fetchall():
            connection.execute(
                "INSERT INTO weight_sites (name, width, first_neuron, band_gate_in, band_in_out, band_gate_out) "
                "VALUES (?, ?, ?, 0.0625, 0.125, NULL)",
                (name, width, first),
            )
        for neuron, _ in neurons:
            lists = [
                [(token, score) for token, score in zip(chance.sample(tokens, ends), falling(ends), strict=True)]
                for _ in range(6)
            ]
            near = [
                [(2 * other + flipped, cosine) for (other, flipped), cosine in zip(chosen, falling(kinds), strict=True)]
                for chosen in (chance.sample([pair for pair in neurons if pair[0] != neuron], kinds) for _ in range(2))
            ]
            cosines = [round(chance.uniform(-1, 1), 3) for _ in range(3)]
            connection.execute(
                "INSERT INTO weights VALUES (?, ?, ?, ?, 1.5, 0.75, 2.25, ?)",
                (neuron, *cosines, chance.choice(CLASSES)),
            )
            connection.execute("INSERT INTO weight_lists VALUES (?, ?)", (neuron, packed(lists, near)))
        for key in ("weights", *(("wiring",) if wires else ())):
            connection.execute("INSERT OR REPLACE INTO info VALUES (?, ?)", (key, json.dumps({"state": "computed"})))
        if wires:
            _wire(connection, wires, random.Random(seed))
    connection.close()
    return path


def _wire(connection: sqlite3.Connection, wires: int, chance: random.Random) -> None:
    """Wiring of every neuron, with up to so many neurons a list, of the layers on the right side."""
    neurons = connection.execute("SELECT id, layer, coalesce(flipped, 0) FROM neurons ORDER BY id").fetchall()
    for neuron, layer, _ in neurons:
        lists = []
        for below in (True, True, False, False):
            others = [(2 * n + f) for n, other, f in neurons if (other < layer if below else other > layer)]
            chosen = chance.sample(others, min(wires, len(others)))
            lists.append(list(zip(chosen, [c * chance.choice((1, -1)) for c in falling(len(chosen))], strict=True)))
        connection.execute("INSERT INTO wiring VALUES (?, ?)", (neuron, packed_wiring(lists, wires)))
    for (name,) in connection.execute("SELECT name FROM sites").fetchall():
        connection.execute("INSERT INTO wiring_sites VALUES (?, 0.0625, 0.125, 0.25, NULL)", (name,))


def packed_wiring(lists: Sequence[Sequence[tuple[int, float]]], ranks: int) -> bytes:
    """Four lists of 2 * number + flip bit and cosine, each filled up to so many places."""
    padded = [[*one, *[(0xFFFFFFFF, 0.0)] * (ranks - len(one))] for one in lists]
    columns = (
        ("I", [number for one in padded for number, _ in one]),
        ("h", [round(cosine * 32767) for one in padded for _, cosine in one]),
    )
    return zlib.compress(struct.pack("<BB", 1, ranks) + b"".join(_planes(*column) for column in columns))


def with_searches(
    index: Path, path: Path, *, ends: int = ENDS, kinds: int = KINDS, wires: int = 0, seed: int = 0
) -> Path:
    """The same, with the numbers that make scores comparable, and the tables for searching by tokens."""
    with_weights(index, path, ends=ends, kinds=kinds, wires=wires, seed=seed)
    chance = random.Random(seed + 1)
    with sqlite3.connect(path) as connection:
        for (neuron,) in connection.execute("SELECT id FROM neurons").fetchall():
            numbers = (round(chance.uniform(-1, 1), 3), round(chance.uniform(0.1, 1), 3), chance.uniform(-5, 5))
            connection.execute(
                "INSERT INTO vocabulary_scores VALUES (?, ?, ?, ?, ?, ?)",
                (neuron, *numbers, chance.uniform(1, 50), round(chance.random(), 3)),
            )
        tokens = connection.execute("SELECT count(*) FROM tokens").fetchone()[0]
        said = json.dumps({"state": "computed", "vocabulary": tokens})
        connection.execute("UPDATE info SET value = ? WHERE key = 'weights'", (said,))
    connection.close()
    add_search(path)
    return path


def falling(count: int) -> list[float]:
    return [1 - place / (2 * count) for place in range(count)]


def packed(lists: Sequence[Sequence[tuple[int, float]]], near: Sequence[Sequence[tuple[int, float]]]) -> bytes:
    """Six token lists, the second of each pair with negative scores, and two of nearest neurons."""
    ends, kinds = len(lists[0]), len(near[0])
    signs = (1, -1, 1, -1, 1, -1)
    columns = (
        ("I", [token for one in lists for token, _ in one]),
        ("h", [round(sign * score * 32767) for sign, one in zip(signs, lists, strict=True) for _, score in one]),
        ("I", [number for one in near for number, _ in one]),
        ("h", [round(cosine * 32767) for one in near for _, cosine in one]),
    )
    data = struct.pack("<BBBB3f", 1, ends, kinds, 0, 4.0, 0.5, 0.25)
    return zlib.compress(data + b"".join(_planes(*column) for column in columns))


def _planes(kind: str, values: Sequence[int]) -> bytes:
    words = struct.pack(f"<{len(values)}{kind}", *values)
    size = struct.calcsize(kind)
    return b"".join(words[byte::size] for byte in range(size))
