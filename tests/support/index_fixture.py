"""A small index for tests: a tiny corpus and random gated neurons, run in numpy and written by IndexWriter.

`make_index(path)` writes it and returns the `Truth` it was made from, so that tests can compute what must be read.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from indexer.addresses import NeuronAddress, SiteAddress
from indexer.database.bulk.arrays import ListArrays, SiteArrays
from indexer.database.bulk.writer import IndexWriter
from indexer.database.format.activations import twin
from indexer.quadrants import QUADRANTS, QUANTITIES, Quadrant
from indexer.ranking import DEFAULT_RANKINGS, RANKINGS
from indexer.statistics.hashing import position_hashes

from .encoding import encode_lanes, encode_sample

BOS = 0
NEWLINE = 1  # its gate and in are exactly 0 everywhere
SAME_SIGNS = 1  # this neuron's w_in is its w_gate: it never visits +- and -+
DEAD = 2  # this neuron's weights are 0: it visits no quadrant
OPPOSITE_SIGNS = 3  # this neuron's w_in is -w_gate: flipped; raw it never visits ++ and --
FOLD = 24

TOKENS: tuple[bytes, ...] = (
    b"<s>", b"\n", b"The", b" largest", b" city", b" of", b" France", b" is", b" Paris", b" and", b" Ireland", b" the",
    b" capital", b" in", b" north", b" south", b".", b",", b" again", b" once", b" here", b" there", b" def",
    b" return", b"(x", b")", b":", b" 12", b" r", b"\xc3", b"\xa9", b"sum\xc3\xa9", b" \xe6\x97", b"\xa5",
    b"\xe6\x9c\xac", b"\xe8\xaa\x9e", b"\xf0\x9f", b"\x99\x82",
    b" \xf0\x9f\x91", b"\xa9\xe2\x80\x8d", b"\xf0\x9f\x94\xac", b"\xff", b"\x1b[31m",
    b"\x1b]52;c;aGk=\x07", b"\x00", b"\t", b"\r", b"\xe2\x80\xae", b"\xe2\x80\x8b", b"[@click=app.quit]x[/]", b"[/foo]",
    b"\xd7\xa9\xd7\x9c", b"\xcc\x81", b"\xc2\x9b", b"    ", b" <script>", b"|", b" \xc2\xabquoted\xc2\xbb",
)  # fmt: skip
PHRASES: tuple[tuple[int, ...], ...] = (
    (2, 3, 4, 5, 6, 7, 8), (13, 11, 15, 5, 6), (11, 12, 5, 10), (18, 9, 18), (20, 9, 21),
    (22, 28, 29, 30, 31, 24, 25, 26),
    (1, 54, 23, 27), (32, 33, 34, 35), (36, 37), (38, 39, 40), (41,), (42, 6, 42), (43,), (44,), (45, 46), (47, 51),
    (48,), (49,), (50,), (52, 53), (55, 56), (57,), (16,), (17,), (14,), (19,), (30, 29),
)  # fmt: skip
PLAIN = 8  # the first phrases hold no hostile token


@dataclass(frozen=True, slots=True)
class TinySequence:
    """A sequence of the tiny corpus."""

    number: int
    document: int
    part: int
    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Truth:
    """What an index was made from."""

    path: Path
    info: dict[str, Any]
    sites: tuple[SiteArrays, ...]
    sequences: tuple[TinySequence, ...]
    sources: dict[int, str]
    values: dict[str, tuple[npt.NDArray[np.float32], ...]]  # site name: for each sequence, quantity position neuron
    counted: tuple[npt.NDArray[np.bool_], ...]  # for each sequence, position
    sample: tuple[tuple[int, int], ...]  # (sequence, position) by rank
    telling: NeuronAddress
    window: tuple[int, int]

    def text(self, sequence: int, start: int = 0, stop: int | None = None) -> bytes:
        """The bytes of a part of a sequence."""
        return b"".join(TOKENS[token] for token in self.sequences[sequence].ids[start:stop])


def make_index(
    path: str | os.PathLike[str],
    *,
    layers: int = 2,
    width: int = 24,
    documents: int = 40,
    length: int = 48,
    seed: int = 0,
    rankings: Sequence[str] = DEFAULT_RANKINGS,
    top_k: int = 16,
    window: tuple[int, int] = (24, 7),
    sample: int = 64,
    activation: str = "silu",
    sites: Sequence[SiteAddress] | None = None,
    weights_known: bool = True,
) -> Truth:
    """Write an index of a tiny corpus and random neurons to `path`; the same arguments make the same index.

    An activation that the index doesn't know by name gets a fourth lane, act. `weights_known` False: no flip bits.
    """
    random = np.random.default_rng(seed)
    sequences = _corpus(random, documents, length)
    sources = {number: f"corpus/{number // 10}.jsonl:{number % 10 + 1}" for number in range(documents)}
    counted = tuple(np.arange(len(sequence.ids)) > 0 for sequence in sequences)
    hashes = [
        position_hashes(seed, *np.broadcast_arrays(*map(np.int64, (s.document, s.part)), np.arange(len(s.ids))))
        for s in sequences
    ]
    drawn = sorted(
        (int(hashes[s.number][position]), s.number, position) for s in sequences for position in range(1, len(s.ids))
    )[:sample]
    inputs = _inputs(random, sequences)
    addresses = tuple(sites) if sites is not None else tuple(SiteAddress("", layer) for layer in range(layers))
    arrays, values = [], {}
    for address in addresses:
        w_gate, w_in = _weights(random, width)
        run = tuple(_run(x, w_gate, w_in, activation) for x in inputs)
        values[address.name] = run
        arrays.append(
            _site(
                address,
                activation,
                run,
                counted,
                sequences,
                hashes,
                weights=(w_gate, w_in) if weights_known else None,
                rankings=rankings,
                top_k=top_k,
                window=window,
                drawn=[(s, p) for _, s, p in drawn],
            )
        )
    info = _info(seed, layers, sequences, documents, rankings, top_k, window, sample)
    telling = NeuronAddress(addresses[-1], min(4, width - 1))
    with IndexWriter(path, info) as writer:
        writer.add_sample(0, np.array([s for _, s, _ in drawn], np.int64), np.array([p for _, _, p in drawn], np.int64))
        for site in arrays:
            writer.add_site(site)
        used = _used(arrays) | {s for _, s, _ in drawn}
        writer.add_sequences((s.number, s.document, s.part, s.ids) for s in sequences if s.number in used)
        writer.add_documents((number, sources[number]) for number in sorted({sequences[s].document for s in used}))
        writer.add_tokens((token, TOKENS[token]) for token in sorted({t for s in used for t in sequences[s].ids}))
        writer.finish(telling)
    return Truth(
        path=Path(path),
        info=info,
        sites=tuple(arrays),
        sequences=sequences,
        sources=sources,
        values=values,
        counted=counted,
        sample=tuple((s, p) for _, s, p in drawn),
        telling=telling,
        window=window,
    )


def _corpus(random: np.random.Generator, documents: int, length: int) -> tuple[TinySequence, ...]:
    """Documents of phrases, cut into sequences of at most `length` tokens; every seventh is empty, one is a copy."""
    found: list[TinySequence] = []
    previous: list[int] = []
    for number in range(documents):
        ids: list[int] = []
        if number % 7 != 6:
            for _ in range(int(random.integers(2, length // 2))):
                plain = random.random() < 0.7
                ids.extend(PHRASES[random.integers(0, PLAIN if plain else len(PHRASES))])
        if number == documents // 2:
            ids = previous
        for part, start in enumerate(range(0, len(ids), length - 1)):
            found.append(TinySequence(len(found), number, part, (BOS, *ids[start : start + length - 1])))
        previous = ids or previous
    return tuple(found)


def _inputs(random: np.random.Generator, sequences: Sequence[TinySequence]) -> list[npt.NDArray[np.float32]]:
    """What enters the neurons, position feature: heavy-tailed, of the token and a little of those before it."""
    embedding = random.standard_t(3, (len(TOKENS), 8))
    found = []
    for sequence in sequences:
        x = embedding[list(sequence.ids)]
        for back, share in ((1, 0.4), (2, 0.2)):
            x[back:] += share * embedding[list(sequence.ids)][:-back]
        x[np.array(sequence.ids) == NEWLINE] = 0.0
        found.append(_coarse(x))
    return found


def _coarse(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Multiples of 1/64: their products and sums are exact, so every processor and library gives the same index."""
    return (np.round(values * 64) / 64).astype(np.float32)


def _weights(random: np.random.Generator, width: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    w_gate = _coarse(random.normal(0, 0.5, (8, width)))
    w_in = _coarse(random.normal(0, 0.5, (8, width)))
    for neuron, gate, in_ in ((SAME_SIGNS, 1, 1), (DEAD, 0, 0), (OPPOSITE_SIGNS, 1, -1)):
        if neuron < width:
            w_in[:, neuron] = w_gate[:, neuron] * in_
            w_gate[:, neuron] *= gate
    return w_gate, w_in


def _run(
    x: npt.NDArray[np.float32], w_gate: npt.NDArray[np.float32], w_in: npt.NDArray[np.float32], activation: str
) -> npt.NDArray[np.float32]:
    """The four quantities, quantity position neuron. An activation without a name is sin."""
    gate, in_ = x @ w_gate + np.float32(0), x @ w_in + np.float32(0)
    known = twin(activation)
    act = (np.sin(gate) if known is None else np.vectorize(known, otypes=[float])(gate)).astype(np.float32)
    return np.stack([gate, in_, act, act * in_])


def _quadrant_mask(values: npt.NDArray[np.float32], quadrant: Quadrant) -> npt.NDArray[np.bool_]:
    """Where gate and in have the quadrant's signs, position neuron."""
    mask: npt.NDArray[np.bool_] = (values[0] * quadrant.gate_sign > 0) & (values[1] * quadrant.in_sign > 0)
    return mask


def _site(
    address: SiteAddress,
    activation: str,
    run: Sequence[npt.NDArray[np.float32]],
    counted: Sequence[npt.NDArray[np.bool_]],
    sequences: Sequence[TinySequence],
    hashes: Sequence[npt.NDArray[np.int64]],
    *,
    weights: tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]] | None,
    rankings: Sequence[str],
    top_k: int,
    window: tuple[int, int],
    drawn: Sequence[tuple[int, int]],
) -> SiteArrays:
    every = np.concatenate([values[:, mask] for values, mask in zip(run, counted, strict=True)], axis=1)
    masks = [_quadrant_mask(every, quadrant) for quadrant in QUADRANTS]
    count = np.stack([mask.sum(axis=0) for mask in masks]).astype(np.int64)
    wide = every.astype(np.float64)
    total = np.stack([[np.where(mask, values, 0.0).sum(axis=0) for mask in masks] for values in wide])
    extreme = np.stack([[_extreme(values, mask) for mask in masks] for values in every])
    lane_quantities = [0, 1, 3] if twin(activation) is not None else [0, 1, 3, 2]
    lists = tuple(
        _list(ranking, quadrant, run, counted, sequences, hashes, top_k, window, lane_quantities)
        for ranking in rankings
        for quadrant in RANKINGS[ranking].quadrants
    )
    sampled = np.stack([run[sequence][:, position] for sequence, position in drawn], axis=1)  # quantity rank neuron
    dot = None if weights is None else (weights[0].astype(np.float64) * weights[1].astype(np.float64)).sum(axis=0)
    return SiteArrays(
        address=address,
        activation=activation,
        adapter="simulated",
        identity_error=1e-7,
        tokens_counted=every.shape[1],
        flipped=None if dot is None else dot < 0,
        dot_gate_in=dot,
        count=count,
        zero=((every[0] == 0) | (every[1] == 0)).sum(axis=0).astype(np.int64),
        sum=total,
        extreme=extreme.astype(np.float32),
        lists=lists,
        sample=encode_sample(sampled[[0, 1] if len(lane_quantities) == 3 else [0, 1, 2]]),
        sample_id=0,
    )


def _extreme(values: npt.NDArray[np.float32], mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    place = np.where(mask, np.abs(values), -1).argmax(axis=0)
    found: npt.NDArray[np.float32] = np.take_along_axis(values, place[None], axis=0)[0]
    return found


def _list(
    ranking: str,
    quadrant: Quadrant,
    run: Sequence[npt.NDArray[np.float32]],
    counted: Sequence[npt.NDArray[np.bool_]],
    sequences: Sequence[TinySequence],
    hashes: Sequence[npt.NDArray[np.int64]],
    top_k: int,
    window: tuple[int, int],
    lane_quantities: Sequence[int],
) -> ListArrays:
    """Each sequence offers its best token; equal tokens up to the peak are one; the best k stay."""
    k = 8 if ranking == "random" else top_k
    width = run[0].shape[2]
    slots = window[0] + 1 + window[1]
    offers: list[list[tuple[float, int, int]]] = [[] for _ in range(width)]  # (-score, sequence, position)
    for sequence, values, mask, hash_ in zip(sequences, run, counted, hashes, strict=True):
        inside = _quadrant_mask(values, quadrant) & mask[:, None]
        if ranking == "random":
            score = np.where(inside, np.iinfo(np.int64).max - hash_[:, None], -1)
        else:
            magnitude = np.abs(values[QUANTITIES.index(ranking)])
            score = np.where(inside & (magnitude > 0), magnitude, -1)
        for neuron, position in enumerate(score.argmax(axis=0).tolist()):
            if (best := score[position, neuron].item()) >= 0:
                offers[neuron].append((-best, sequence.number, position))
    shape = (width, k)
    found = ListArrays(
        ranking=ranking,
        quadrant=quadrant,
        sequence=np.full(shape, -1, np.int64),
        position=np.zeros(shape, np.int32),
        values=np.zeros((*shape, 4), np.float32),
        scale=np.zeros((*shape, len(lane_quantities)), np.float32),
        lanes=np.full((*shape, len(lane_quantities), slots), -128, np.int8),
    )
    for neuron, offered in enumerate(offers):
        seen: set[tuple[int, ...]] = set()
        rank = 0
        for _, number, position in sorted(offered):
            key = sequences[number].ids[max(0, position - FOLD) : position + 1]
            if key in seen or rank == k:
                continue
            seen.add(key)
            values, mask = run[number][:, :, neuron], counted[number]
            cut = np.zeros((4, slots), np.float32)
            known = np.zeros(slots, np.bool_)
            for slot in range(slots):
                place = position - window[0] + slot
                if 0 <= place < len(mask):
                    cut[:, slot], known[slot] = values[:, place], mask[place]
            found.sequence[neuron, rank], found.position[neuron, rank] = number, position
            found.values[neuron, rank] = values[:, position]
            found.lanes[neuron, rank], found.scale[neuron, rank] = encode_lanes(cut[list(lane_quantities)], known)
            rank += 1
    return found


def _used(sites: Sequence[SiteArrays]) -> set[int]:
    return {int(n) for site in sites for ranked in site.lists for n in ranked.sequence.ravel() if n >= 0}


def _info(
    seed: int,
    layers: int,
    sequences: Sequence[TinySequence],
    documents: int,
    rankings: Sequence[str],
    top_k: int,
    window: tuple[int, int],
    sample: int,
) -> dict[str, Any]:
    tokens = sum(len(sequence.ids) for sequence in sequences)
    return {
        "model": {"name": "tiny/simulated", "revision": None, "architecture": "Simulated", "layers": layers,
                  "fingerprint": "0" * 64, "dtype": "float32", "device": "cpu"},
        "corpus": {"inputs": ["corpus"], "documents": documents, "sequences": len(sequences), "tokens": tokens,
                   "hash": "0" * 64},
        "settings": {"context": 48, "long": "split", "tokens": None, "bos": "always", "count_first": False,
                     "layers": None, "experts": None, "top_k": top_k, "rank_by": list(rankings), "duplicates": "fold",
                     "window": list(window), "sample": sample, "seed": seed, "dtype": "float32", "revision": None,
                     "batch_tokens": 2048},
        "software": {"gluscope": "0.1.0", "numpy": "0"},
        "run": {"started": "2026-01-01T00:00:00Z", "seconds": 1.5, "tokens_per_second": 1000.0, "notices": []},
    }  # fmt: skip
