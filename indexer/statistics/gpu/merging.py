# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
"""Lists of the k best in a program's hands: read, merged with offers, written.

Each entry is compared with each offer: a rank is the number of better ones, and what has rank k or more leaves.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def _stood_for(key, fold, other_key, other_fold, first):
    """Which entries (column entry) have a better duplicate among others (column other). `first`: who wins a tie."""
    same = (fold[:, :, None] == other_fold[:, None, :]) & (key[:, :, None] >= 0) & (other_key[:, None, :] >= 0)
    better = (other_key[:, None, :] > key[:, :, None]) | ((other_key[:, None, :] == key[:, :, None]) & first)
    return tl.max((same & better).to(tl.int32), 2) > 0


@triton.jit
def _better(key, other_key, first):
    """How many of others (column other) are better than each entry (column entry)."""
    better = (other_key[:, None, :] > key[:, :, None]) | ((other_key[:, None, :] == key[:, :, None]) & first)
    return tl.sum(better.to(tl.int32), 2)


@triton.jit
def _taken(old, takes, new, enters):
    """The values of entries, with those of the offers that take their places. `takes`: column entry offer."""
    entered = tl.sum(tl.where(takes, new[:, None, :], 0), 2)
    return tl.where(enters, entered.to(old.dtype), old)


@triton.jit
def merge(
    key, fold, sequence, position, batch_row, new_key, new_fold, new_sequence, new_position, new_batch_row, k,
    FOLD: tl.constexpr,
):  # fmt: skip
    """Enter offers (column offer) into lists (column entry); places beyond `k` have the smallest keys and stay."""
    entry = tl.arange(0, key.shape[1])
    offer = tl.arange(0, new_key.shape[1])
    earlier = (entry[None, :] < entry[:, None])[None, :, :]  # of two entries
    earlier_offer = (offer[None, :] < offer[:, None])[None, :, :]
    always = (entry[None, :] >= 0)[None, :, :]
    never = (offer[None, :] < 0)[None, :, :]
    kept, given = key, new_key
    if FOLD:
        kept = tl.where(_stood_for(key, fold, new_key, new_fold, never), -3, key)
        repeats = _stood_for(new_key, new_fold, key, fold, always)
        repeats = repeats | _stood_for(new_key, new_fold, new_key, new_fold, earlier_offer)
        given = tl.where(repeats, -3, new_key)
    leaves = (_better(kept, kept, earlier) + _better(kept, given, never) >= k) & (entry < k)[None, :]
    stays = (_better(given, kept, always) + _better(given, given, earlier_offer) < k) & (given >= 0)
    leaving = tl.cumsum(leaves.to(tl.int32), 1)
    staying = tl.cumsum(stays.to(tl.int32), 1)
    takes = leaves[:, :, None] & stays[:, None, :] & (leaving[:, :, None] == staying[:, None, :])
    enters = tl.max(takes.to(tl.int32), 2) > 0
    key = _taken(key, takes, new_key, enters)
    fold = _taken(fold, takes, new_fold, enters)
    sequence = _taken(sequence, takes, new_sequence, enters)
    position = _taken(position, takes, new_position, enters)
    batch_row = _taken(batch_row, takes, new_batch_row, enters)
    return key, fold, sequence, position, batch_row


@triton.jit
def load(keys, folds, column, real, k, ENTRIES: tl.constexpr):
    """The places of lists, those beyond the k-th masked, and the keys and fold keys in them."""
    entry = tl.arange(0, ENTRIES)
    slot = column[:, None] * k + entry[None, :]
    own = real[:, None] & (entry < k)[None, :]
    key = tl.load(keys + slot, mask=own, other=-10)
    fold = tl.load(folds + slot, mask=own, other=0)
    return slot, own, key, fold


@triton.jit
def keep(
    keys, folds, sequences_of, positions, thresholds, number, places, rows, slot, own, column, real, before,
    key, fold, sequence, position, batch_row, FOLD: tl.constexpr,
):  # fmt: skip
    """Write entries that are new and the thresholds of their lists, and note their places."""
    new = own & (key != before)
    tl.store(keys + slot, key, mask=new)
    tl.store(sequences_of + slot, sequence, mask=new)
    tl.store(positions + slot, position, mask=new)
    if FOLD:
        tl.store(folds + slot, fold, mask=new)
    least = tl.min(tl.where(own, key, 0x7FFFFFFFFFFFFFFF), 1)
    tl.store(thresholds + column, least, mask=real)
    each = tl.sum(new.to(tl.int32), 1)  # column
    total = tl.sum(each, 0)
    base = tl.atomic_add(number, total.to(tl.int64), mask=total > 0)
    at = base + (tl.cumsum(each, 0) - each)[:, None] + tl.cumsum(new.to(tl.int32), 1) - 1
    tl.store(places + at, slot, mask=new)
    tl.store(rows + at, batch_row, mask=new)
