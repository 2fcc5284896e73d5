"""A quadrant in words: its signs, why it has no context, and how many of its tokens are shown."""

from __future__ import annotations

from indexer.database.records import QuadrantRecord
from indexer.quadrants import Quadrant
from indexer.ranking import RANKINGS

from .numbers import counted

_SIGNS = {1: "+", -1: "-"}


def in_words(quadrant: Quadrant) -> str:
    """`gate+ in-` for `+-`."""
    return f"gate{_SIGNS[quadrant.gate_sign]} in{_SIGNS[quadrant.in_sign]}"


def empty(record: QuadrantRecord, ranking: str) -> str:
    """The sentence shown in place of contexts."""
    signs = f"gate {_SIGNS[record.quadrant.gate_sign]} and in {_SIGNS[record.quadrant.in_sign]}"
    if not record.count:
        return f"no counted token had {signs}"
    if record.quadrant not in RANKINGS[ranking].quadrants:
        kept = " and ".join(quadrant.value for quadrant in RANKINGS[ranking].quadrants)
        return f"the ranking by {ranking} is kept in {kept}"
    return f"no context by {ranking} is kept"


def kept(record: QuadrantRecord, ranking: str, top_k: int) -> str:
    """How many contexts were kept, and whether all are shown. How many sequences is known if every token is shown."""
    shown = record.examples.get(ranking, ())
    most = RANKINGS[ranking].k(top_k)
    if len(shown) >= most and record.count > len(shown):
        return f"{counted(len(shown), 'context')} {'drawn' if RANKINGS[ranking].drawn else 'kept'}"
    if record.count == len(shown):
        return f"{counted(len({(e.document, e.part) for e in shown}), 'sequence')}, all shown"
    return f"{counted(len(shown), 'different context')}, all shown"
