"""The sequences of an index that hold a quadrant's contexts: whole, as the model read them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ...addresses import NeuronAddress
from ...database.reader import Index
from ...quadrants import Quadrant
from ...sequences.sequences import TokenSequence

RANDOM, EXTREMES = "random", "extremes"


class Contexts:
    """Reads sequences once, by their number in the corpus."""

    def __init__(self, index: Index, most: int, signs: str) -> None:
        """`most`: contexts of each kind; `signs`: under which quadrants are named."""
        self._index, self._most, self._signs = index, most, signs
        self._read: dict[tuple[int, int], TokenSequence] = {}
        self._found: dict[tuple[NeuronAddress, str], dict[Quadrant, frozenset[int]]] = {}
        self._by_number: dict[int, TokenSequence] = {}
        extreme = [ranking for ranking in index.rankings if ranking != RANDOM]
        self._ranking = {RANDOM: RANDOM if RANDOM in index.rankings else None, EXTREMES: next(iter(extreme), None)}

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of contexts that the index keeps, of RANDOM and EXTREMES."""
        return tuple(kind for kind, ranking in self._ranking.items() if ranking is not None)

    def numbers(self, neuron: NeuronAddress, quadrants: Iterable[Quadrant], kind: str) -> frozenset[int]:
        """The sequences with contexts of a neuron in these quadrants."""
        key = (neuron, kind)
        if key not in self._found:
            self._found[key] = self._places(neuron, kind)
        return frozenset().union(*(self._found[key][quadrant] for quadrant in quadrants))

    def sequences(self, numbers: Iterable[int]) -> list[TokenSequence]:
        """The sequences of these numbers, in the order of the corpus."""
        return [self._by_number[number] for number in sorted(set(numbers))]

    def _places(self, neuron: NeuronAddress, kind: str) -> dict[Quadrant, frozenset[int]]:
        ranking = self._ranking[kind]
        assert ranking is not None  # of a kind that is kept
        record = self._index.neuron(neuron, signs=self._signs, rankings=(ranking,), limit=self._most, weights=False)
        found = {}
        for quadrant, held in record.quadrants.items():
            places = {(example.document, example.part) for example in held.examples[ranking]}
            found[quadrant] = frozenset(self._sequence(*place).number for place in places)
        return found

    def _sequence(self, document: int, part: int) -> TokenSequence:
        if (document, part) not in self._read:
            stored = self._index.token_ids(document, part)
            ids = np.asarray(stored.tokens, dtype=np.int32)
            made = TokenSequence(stored.number, document, part, ids, stored.source)
            self._read[document, part] = self._by_number[made.number] = made
        return self._read[document, part]
