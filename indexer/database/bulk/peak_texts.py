"""The texts by which peaks are found, numbered: what `postings` sorts by."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from functools import cached_property

import numpy as np
import numpy.typing as npt

from ..format.folding import fold
from ..read.spans import NEAR, combines, peak_texts

Integers = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.uint32]

_NO_TEXT = 0xFFFFFFFF
_ALONE, _SHARING, _BROKEN = 0, 1, 2
"""A token of whole, independent characters; one that shares the previous token's character; any other."""


class PeakTexts:
    """The texts of peaks: usually a token's text; `spans` knows the characters and marks that span tokens."""

    def __init__(
        self,
        sqlite: sqlite3.Connection,
        numbers: Integers,
        starts: Integers,
        tokens: npt.NDArray[np.uint32],
        peaks: Iterable[npt.NDArray[np.void]],
    ) -> None:
        """`numbers`: the sequences, ascending; `starts`: where the tokens of each begin in `tokens`, and the end.

        `peaks`: for each site its peaks, with `sequence` and `position`.
        """
        self._numbers, self._starts, self._tokens = numbers, starts, tokens
        self._spelled: Mapping[int, bytes] = dict(sqlite.execute("SELECT id, bytes FROM tokens"))
        size = max(self._spelled, default=-1) + 1
        self._places: dict[str, int] = {}
        self._kinds = np.zeros(size, np.uint8)  # token
        self._of_token = np.full(size, _NO_TEXT, np.uint32)  # token: number of its text
        for token, data in self._spelled.items():
            self._kinds[token] = _kind(data)
            if self._kinds[token] == _ALONE:
                self._of_token[token] = self._number(data.decode())
        self._special = self._find_special(peaks)
        self._of_special = np.full((2, len(self._special)), _NO_TEXT, np.uint32)
        for place, flat in enumerate(self._special.tolist()):
            for which, text in enumerate(self._spell(flat)):
                self._of_special[which, place] = self._number(text)
        self._texts = list(self._places)
        self._folds, self._fold_of = self._folded()

    def of(self, sequence: Integers, position: Integers, *, folded: bool) -> tuple[Integers, Numbers]:
        """The numbers of the texts of some peaks: the places of the peaks, some twice, and a number for each.

        With `folded` those of what several texts fold to; peaks whose text folds alone are left out.
        """
        flat = self._flat(sequence, position)
        first = self._of_token[self._tokens[flat]]
        second = np.full(len(flat), _NO_TEXT, np.uint32)
        if len(self._special):
            place = np.minimum(np.searchsorted(self._special, flat), len(self._special) - 1)
            special = self._special[place] == flat
            first[special], second[special] = self._of_special[:, place[special]]
        if folded:
            first, second = (self._fold_of[np.minimum(one, len(self._texts))] for one in (first, second))
            second = np.where(second == first, _NO_TEXT, second).astype(np.uint32)
        text = np.concatenate([first, second])
        entry = np.tile(np.arange(len(flat)), 2)
        return entry[text != _NO_TEXT], text[text != _NO_TEXT]

    def kinds(self, sequence: Integers, position: Integers) -> Integers:
        """A number for each of some peaks, the same for those that are shown as texts that fold alike."""
        flat = self._flat(sequence, position)
        found = self._of_token[self._tokens[flat]]
        if len(self._special):
            place = np.minimum(np.searchsorted(self._special, flat), len(self._special) - 1)
            special = self._special[place] == flat
            own, shown = self._of_special[:, place[special]]
            found[special] = np.where(shown == _NO_TEXT, own, shown)
        kinds: Integers = self._kinds_of_texts[np.minimum(found, len(self._texts))]
        return kinds

    @cached_property
    def _kinds_of_texts(self) -> Integers:
        """A number for each text, the same for those that fold alike; -1 for no text."""
        folds: dict[str, int] = {}
        return np.array([*(folds.setdefault(fold(text), len(folds)) for text in self._texts), -1], np.int64)

    def key(self, number: int, *, folded: bool) -> tuple[str | None, str]:
        """The key of the postings of a text: the text, or None for all texts that fold alike, and the folded text."""
        if folded:
            return None, self._folds[number]
        return self._texts[number], fold(self._texts[number])

    def _number(self, text: str) -> int:
        return self._places.setdefault(text, len(self._places))

    def _flat(self, sequence: Integers, position: Integers) -> Integers:
        flat: Integers = self._starts[np.searchsorted(self._numbers, sequence)] + position
        return flat

    def _find_special(self, peaks: Iterable[npt.NDArray[np.void]]) -> Integers:
        """The places in `tokens` of peaks whose text is not just their token's."""
        found = np.zeros(0, np.int64)
        last = np.zeros(len(self._tokens) + 1, np.bool_)
        last[self._starts[1:]] = True  # the next token is of another sequence
        for site in peaks:
            flat = np.unique(self._flat(site["sequence"], site["position"]))
            after = np.minimum(flat + 1, max(len(self._tokens) - 1, 0))
            shared = (self._kinds[self._tokens[after]] != _ALONE) & ~last[flat + 1]
            found = np.union1d(found, flat[(self._kinds[self._tokens[flat]] != _ALONE) | shared])
        return found

    def _spell(self, flat: int) -> tuple[str, ...]:
        """The texts of the peak at a place in `tokens`."""
        sequence = int(np.searchsorted(self._starts, flat, side="right")) - 1
        start = max(int(self._starts[sequence]), flat - NEAR)
        stop = min(int(self._starts[sequence + 1]), flat + NEAR + 1)
        return peak_texts([self._spelled[token] for token in self._tokens[start:stop].tolist()], flat - start)

    def _folded(self) -> tuple[list[str], Numbers]:
        """The folded texts shared by several texts, numbered, and the number of each text and of no text."""
        folds: dict[str, list[int]] = {}
        for number, text in enumerate(self._texts):
            folds.setdefault(fold(text), []).append(number)
        several = [text for text, whole in folds.items() if len(whole) > 1]
        fold_of = np.full(len(self._texts) + 1, _NO_TEXT, np.uint32)
        for number, text in enumerate(several):
            fold_of[folds[text]] = number
        return several, fold_of


def _kind(data: bytes) -> int:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return _BROKEN
    return _SHARING if not text or combines(text[0]) else _ALONE
