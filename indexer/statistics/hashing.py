"""Seeded hashes of positions and of the tokens around them: equal on every machine, for any order of work."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FOLD_TOKENS = 24
"""Tokens before the peak that, with the peak's own, make two examples duplicates of each other."""

Hashes = npt.NDArray[np.uint64]
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_BASE = np.uint64(0xD1342543DE82EF95)


def _mix(value: Hashes) -> Hashes:
    """The finaliser of splitmix64 (Steele, Lea and Flood 2014): a bijection of 64-bit words."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: Hashes = value ^ (value >> np.uint64(31))
    return mixed


def position_hashes(
    seed: int, document: npt.NDArray[np.int64], part: npt.NDArray[np.int64], positions: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """A hash of (seed, document, part, position) for each of them, as int64 in [0, 2^63).

    The three arrays broadcast against each other. The `random` ranking and the sample keep the smallest.
    """
    with np.errstate(over="ignore"):
        value = _mix(np.asarray([seed], dtype=np.int64).view(np.uint64) + _GOLDEN)
        for word in (document, part, positions):
            value = _mix((value ^ word.astype(np.uint64)) + _GOLDEN)
    hashes: npt.NDArray[np.int64] = (value >> np.uint64(1)).astype(np.int64)
    return hashes


def fold_keys(
    ids: npt.NDArray[np.int64], length: npt.NDArray[np.int64] | None = None, after: int = 0
) -> npt.NDArray[np.int64]:
    """A 64-bit key of each token of a padded batch with the up to 24 tokens before it in its sequence.

    `ids`: sequence position. Equal windows have equal keys; the numbers of tokens are part of the key. For models that
    read both ways up to `after` tokens after it belong to the window too, as far as its sequence's `length` goes.
    """
    tokens = ids.astype(np.uint64) + np.uint64(1)
    width = tokens.shape[1]
    total = np.zeros_like(tokens)
    power = np.uint64(1)
    with np.errstate(over="ignore"):
        for back in range(min(FOLD_TOKENS + 1, width)):
            total[:, back:] += tokens[:, : width - back] * power
            power = power * _BASE
        before = np.minimum(np.arange(width), FOLD_TOKENS).astype(np.uint64)
        mixed = _mix(total ^ (before * _GOLDEN))
        if after and length is not None:
            ahead = np.arange(width) + np.arange(1, after + 1)[:, None]  # step position
            inside = ahead[:, None] < length[:, None]  # step sequence position
            following = tokens.T[np.minimum(ahead, width - 1)].transpose(0, 2, 1)  # step sequence position
            mixed = _with_tokens_after(mixed, np.where(inside, following, 0))
    keys: npt.NDArray[np.int64] = mixed.view(np.int64)
    return keys


def _with_tokens_after(keys: Hashes, tokens: Hashes) -> Hashes:
    """Keys that include the tokens that follow. `tokens`: step, then as the keys; 0 after the sequence ends."""
    total = np.zeros_like(keys)
    for step in tokens:
        total = total * _BASE + step
    return _mix(keys ^ _mix(total + _GOLDEN))


def fold_keys_at(
    tokens: npt.NDArray[np.int32],
    start: npt.NDArray[np.int64],
    position: npt.NDArray[np.int64],
    length: npt.NDArray[np.int64] | None = None,
    after: int = 0,
) -> npt.NDArray[np.int64]:
    """The keys that `fold_keys` gives for some positions, of sequences that begin at `start` in `tokens`."""
    total = np.zeros(len(position), dtype=np.uint64)
    power = np.uint64(1)
    with np.errstate(over="ignore"):
        for back in range(FOLD_TOKENS + 1):
            inside = position >= back
            ids = tokens[start[inside] + position[inside] - back].astype(np.uint64)
            total[inside] += (ids + np.uint64(1)) * power
            power = power * _BASE
        before = np.minimum(position, FOLD_TOKENS).astype(np.uint64)
        mixed = _mix(total ^ (before * _GOLDEN))
        if after and length is not None:
            ahead = position + np.arange(1, after + 1)[:, None]  # step position
            inside = ahead < length
            ids = tokens[np.where(inside, start + ahead, 0)].astype(np.uint64) + np.uint64(1)
            mixed = _with_tokens_after(mixed, np.where(inside, ids, np.uint64(0)))
    keys: npt.NDArray[np.int64] = mixed.view(np.int64)
    return keys
