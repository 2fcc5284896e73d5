"""Reads a finished index back into the state of a run, so that it can be continued, or merged with others.

Values that an index doesn't keep are computed again: ordering keys from values and sequence numbers, fold keys from the
tokens, hashes from (seed, document, part, position).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ..database.bulk.arrays import Int64, ListArrays, SiteArrays
from ..database.bulk.postings import magnitudes
from ..database.bulk.stored import StoredIndex
from ..quadrants import QUADRANTS, QUANTITIES
from ..ranking import RANKINGS
from ..sequences.sequences import TokenSequence
from ..statistics.best_k import EMPTY, drawn_keys, magnitude_keys
from ..statistics.hashing import fold_keys_at, position_hashes
from ..statistics.row_layout import QUANTITY_ROWS, RankingList, drawn_examples, drawn_lists, ranked_lists
from ..statistics.sample import PositionSample
from .run_info import stored_run

_Keys = npt.NDArray[np.int64]


class Restated:
    """A finished index as state. Memory holds its texts."""

    def __init__(self, stored: StoredIndex) -> None:
        self._stored = stored
        self.settings = stored_run(stored).identity.settings
        self._texts = _Texts(stored)

    def sample(self, sample_id: int) -> PositionSample:
        """A sample as a run had it, slots in the order of ranks."""
        found = PositionSample(self.settings.sample)
        sequence, position = self._stored.sample(sample_id)
        filled = slice(0, len(sequence))
        found.sequence[filled], found.position[filled] = sequence, position
        found.hash[filled] = self._texts.hashes(self.settings.seed, sequence, position)
        return found

    def tensors(self, site: SiteArrays) -> dict[str, Tensor]:
        """The tensors that `SiteState.tensors` returned when the index was written."""
        sample = np.zeros((len(site.sample), self.settings.sample, site.width), dtype=np.float16)  # lane slot neuron
        sample[:, : site.sample.shape[1]] = site.sample
        tensors = {
            "count": torch.from_numpy(site.count),
            "total": torch.from_numpy(site.sum.reshape(QUANTITY_ROWS, -1)),
            "extreme": torch.from_numpy(site.extreme.reshape(QUANTITY_ROWS, -1)),
            "sample": torch.from_numpy(sample),
            "tokens_counted": torch.tensor([site.tokens_counted]),
        }
        if site.address.expert is not None:
            drawn = self.sample(site.sample_id)
            tensors |= {f"drawn.{n}": torch.from_numpy(getattr(drawn, n)) for n in ("hash", "sequence", "position")}
        lists = {(ranked.ranking, ranked.quadrant): ranked for ranked in site.lists}
        for name, kept in (("ranked", ranked_lists(self.settings)), ("random", drawn_lists(self.settings))):
            k = drawn_examples(self.settings) if name == "random" else self.settings.top_k
            empty = self._none(k, lanes=1 + len(site.sample))
            best = self._best([(which, lists[which]) for which in kept], empty)
            tensors |= {f"{name}.{key}": tensor for key, tensor in best.items()}
        return tensors

    def _none(self, k: int, lanes: int) -> ListArrays:
        """A list of no neuron."""
        window = sum(self.settings.window) + 1
        return ListArrays(
            ranking="",
            quadrant=QUADRANTS[0],
            sequence=np.zeros((0, k), np.int64),
            position=np.zeros((0, k), np.int32),
            values=np.zeros((0, k, len(QUANTITIES)), np.float32),
            scale=np.zeros((0, k, lanes), np.float32),
            lanes=np.zeros((0, k, lanes, window), np.int8),
        )

    def _best(self, lists: list[tuple[RankingList, ListArrays]], empty: ListArrays) -> dict[str, Tensor]:
        """The tensors that `BestK.tensors` returned: all lists one below another, column k."""
        arrays = [empty, *(ranked for _, ranked in lists)]
        sequence, position, values, scale, lanes = (
            np.concatenate([getattr(ranked, name) for ranked in arrays])
            for name in ("sequence", "position", "values", "scale", "lanes")
        )
        keys = [empty.sequence, *(self._keys(which, ranked) for which, ranked in lists)]
        key = torch.from_numpy(np.concatenate(keys))
        filled = sequence >= 0
        fold = np.zeros(sequence.shape, dtype=np.int64)
        if self.settings.duplicates == "fold":
            where = sequence[filled], position[filled].astype(np.int64)
            fold[filled] = self._texts.folds(*where, self.settings.fold_after)
        return {
            "key": key,
            "fold": torch.from_numpy(fold),
            "sequence": torch.from_numpy(sequence),
            "position": torch.from_numpy(position),
            "threshold": key.amin(1),
            "values": torch.from_numpy(values),
            "scale": torch.from_numpy(scale),
            "lanes": torch.from_numpy(lanes),
        }

    def _keys(self, which: RankingList, ranked: ListArrays) -> _Keys:
        """The ordering keys of a list: neuron rank."""
        filled = ranked.sequence >= 0
        keys = np.full(filled.shape, EMPTY, dtype=np.int64)
        sequence, position = ranked.sequence[filled], ranked.position[filled].astype(np.int64)
        if RANKINGS[which.ranking].drawn:
            hashes = self._texts.hashes(self.settings.seed, sequence, position)
            keys[filled] = drawn_keys(torch.from_numpy(hashes)).numpy()
        else:
            magnitude = magnitudes(ranked)[filled].astype(np.float32)
            keys[filled] = magnitude_keys(torch.from_numpy(magnitude), torch.from_numpy(sequence)).numpy()
        return keys


class _Texts:
    """The sequences that an index keeps, all tokens one after the other."""

    def __init__(self, stored: StoredIndex) -> None:
        self._numbers = stored.sequence_numbers
        found = list(stored.sequences(self._numbers.tolist()))
        self._document = np.array([document for _, document, *_ in found], np.int64)
        self._part = np.array([part for _, _, part, *_ in found], np.int64)
        lengths = np.array([len(ids) for *_, ids, _ in found], np.int64)
        self._start = np.cumsum(lengths) - lengths
        self._length = lengths
        self._ids = np.concatenate([np.zeros(0, np.int32), *(ids for *_, ids, _ in found)])

    def hashes(self, seed: int, sequence: Int64, position: Int64) -> Int64:
        """The seeded hashes of positions in sequences."""
        row = np.searchsorted(self._numbers, sequence)
        return position_hashes(seed, self._document[row], self._part[row], position)

    def folds(self, sequence: Int64, position: Int64, after: int) -> Int64:
        """The fold keys of positions in sequences."""
        row = np.searchsorted(self._numbers, sequence)
        return fold_keys_at(self._ids, self._start[row], position, self._length[row], after)


class JoinedTexts:
    """The texts of several indexes of one corpus; a sequence is read from the first that has it."""

    def __init__(self, stored: Iterable[StoredIndex]) -> None:
        self._stored = tuple(stored)

    def used(self, numbers: Iterable[int]) -> Iterator[TokenSequence]:
        """The sequences of these numbers, each once, ascending."""
        wanted = np.unique(np.fromiter(numbers, np.int64))
        for start in range(0, len(wanted), 500):
            left = wanted[start : start + 500]
            found: list[TokenSequence] = []
            for stored in self._stored:
                here = np.intersect1d(left, stored.sequence_numbers, assume_unique=True)
                left = np.setdiff1d(left, here, assume_unique=True)
                turns = stored.turns(here.tolist())
                for number, document, part, ids, source in stored.sequences(here.tolist()):
                    found.append(TokenSequence(number, document, part, ids, source, turns.get(number)))
            yield from sorted(found, key=lambda sequence: sequence.number)

    def spell(self, ids: list[int]) -> list[bytes]:
        """The bytes of tokens."""
        found: dict[int, bytes] = {}
        for stored in self._stored:
            found.update(stored.tokens([id_ for id_ in ids if id_ not in found]))
        return [found[id_] for id_ in ids]
