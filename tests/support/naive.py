"""The specification of every statistic, as slow and obvious loops over tokens. Nothing of the indexer is used here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

QUANTITIES = ("gate", "in", "act", "post")
SIGNS = {"++": (1, 1), "+-": (1, -1), "-+": (-1, 1), "--": (-1, -1)}


@dataclass(frozen=True)
class Computed:
    """The values of one sequence: its tokens, and for each quantity a row of values for each token."""

    document: int
    part: int
    ids: Sequence[int]
    gate: Sequence[Sequence[float]]  # position neuron
    in_: Sequence[Sequence[float]]
    act: Sequence[Sequence[float]]
    post: Sequence[Sequence[float]]
    reached: frozenset[int] | None = field(
        default=None, kw_only=True
    )  # the positions that were routed to the expert; None: all, it is none

    def counted(self, count_first: bool) -> list[int]:
        """The positions that reached the site and count."""
        positions = range(0 if count_first else 1, len(self.ids))
        return [t for t in positions if self.reached is None or t in self.reached]

    def value(self, quantity: str, position: int, neuron: int) -> float:
        rows: Sequence[Sequence[float]] = getattr(self, "in_" if quantity == "in" else quantity)
        return rows[position][neuron]


@dataclass
class Quadrant:
    count: int = 0
    values: dict[str, list[float]] = field(default_factory=lambda: {q: [] for q in QUANTITIES})
    lists: dict[str, list[tuple[float, int, int, int]]] = field(default_factory=dict)  # value document part position

    def mean(self, quantity: str) -> float | None:
        return sum(self.values[quantity]) / self.count if self.count else None

    def extreme(self, quantity: str) -> float | None:
        return max(self.values[quantity], key=abs) if self.count else None


@dataclass
class Neuron:
    counted: int
    zero: int
    quadrants: dict[str, Quadrant]


def in_quadrant(sequence: Computed, position: int, neuron: int, quadrant: str) -> bool:
    gate, in_ = sequence.value("gate", position, neuron), sequence.value("in", position, neuron)
    return gate * SIGNS[quadrant][0] > 0 and in_ * SIGNS[quadrant][1] > 0


def statistics(
    sequences: Sequence[Computed],
    neuron: int,
    *,
    rankings: Sequence[str] = ("post", "gate", "in"),
    k: int = 16,
    count_first: bool = False,
    fold: bool = True,
    random_hash: Callable[[int, int, int], int] | None = None,
    random_k: int = 8,
    one_a_sequence: bool = False,
) -> Neuron:
    """Everything that an index says of a neuron; `random_hash` (document, part, position) adds `random`."""
    counted = sum(len(s.counted(count_first)) for s in sequences)
    quadrants = {name: Quadrant() for name in SIGNS}
    for name, quadrant in quadrants.items():
        inside = [(s, [t for t in s.counted(count_first) if in_quadrant(s, t, neuron, name)]) for s in sequences]
        quadrant.count = sum(len(positions) for _, positions in inside)
        for quantity in QUANTITIES:
            quadrant.values[quantity] = [s.value(quantity, t, neuron) for s, positions in inside for t in positions]
        for ranking in rankings:
            if ranking == "act" and name[0] == "+":
                continue
            offers = []
            for s, positions in inside:
                mine = [(abs(s.value(ranking, t, neuron)), -t) for t in positions]
                if mine and max(mine)[0] > 0:
                    value, position = max(mine)[0], -max(mine)[1]
                    offers.append(((-value, s.document, s.part), position, s, s.value(ranking, position, neuron)))
            quadrant.lists[ranking] = best(offers, k, fold)
        if random_hash is not None:
            offers = []
            for s, positions in inside:
                hashes = sorted((random_hash(s.document, s.part, t), t) for t in positions)
                for key, position in hashes[:1] if one_a_sequence else hashes:
                    offers.append(((key, s.document, s.part), position, s, s.value("post", position, neuron)))
            quadrant.lists["random"] = best(offers, random_k, fold)
    return Neuron(counted, counted - sum(q.count for q in quadrants.values()), quadrants)


Offer = tuple[tuple[float, int, int], int, Computed, float]  # order, position, sequence, value


def best(offers: list[Offer], k: int, fold: bool) -> list[tuple[float, int, int, int]]:
    """The k best of the offers (the smallest order), one for each run of tokens up to the peak if folded."""
    seen: set[tuple[int, ...]] = set()
    kept = []
    for _, position, s, value in sorted(offers, key=lambda offer: offer[0]):
        tokens = tuple(s.ids[max(0, position - 24) : position + 1])
        if fold and tokens in seen:
            continue
        seen.add(tokens)
        kept.append((value, s.document, s.part, position))
    return kept[:k]


def position_hash(seed: int, document: int, part: int, position: int) -> int:
    """The hash of a position in plain Python integers."""
    mask, golden = 2**64 - 1, 0x9E3779B97F4A7C15

    def mix(x: int) -> int:
        x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & mask
        x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & mask
        return x ^ (x >> 31)

    value = mix((seed + golden) & mask)
    for word in (document, part, position):
        value = mix(((value ^ word) + golden) & mask)
    return value >> 1
