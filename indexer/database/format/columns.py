"""The documented columns of a neuron: what tables show, sort, filter and plot, each as SQL under either signs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from ...quadrants import QUADRANTS, QUANTITIES, Quadrant, changes_sign
from . import kinds
from .classes import RW_CLASS

Kind = Literal["text", "integer", "flag", "real"]
Source = Literal["n", "s", "w", "v", "e"]

OPTIONAL: dict[Source, str] = {"w": "weights", "v": "vocabulary_scores", "e": "peak_entropy"}
"""The tables of columns that an index may lack, by the letter that SQL has for each; a row a neuron, or none."""


@dataclass(frozen=True, slots=True)
class Column:
    """One number or word that every neuron has.

    SQL is over the tables n (neurons), s (sites) and, where `table` says so, one of OPTIONAL; its value is never -0.0.
    """

    name: str
    kind: Kind
    values: kinds.Kind  # what they can be; a file that holds something else is damaged
    raw: str  # SQL with the signs of the checkpoint
    aligned: str  # SQL with w_in and w_out negated where n.flipped
    table: Source = "n"  # which table it needs beside neurons

    single: bool = False  # a float32, or printed as one: the shortest decimal that reads back as that float32

    def sql(self, signs: str) -> str:
        """The SQL under the signs `aligned` or `raw`."""
        return self.aligned if signs == "aligned" else self.raw


def _same(name: str, kind: Kind, values: kinds.Kind, sql: str, table: Source = "n", *, single: bool = False) -> Column:
    return Column(name, kind, values, sql, sql, table, single)


def _of_quadrant(
    name: str, kind: Kind, values: kinds.Kind, pattern: str, quadrant: Quadrant, *, negated: bool = False
) -> Column:
    """A column whose SQL names its quadrant as {q}: in a flipped neuron it is the flipped quadrant."""
    own, other = (pattern.format(q=one.letters) for one in (quadrant, quadrant.flipped))
    aligned = f"iif(n.flipped, {'0.0 - ' if negated else ''}{other}, {own})"
    table: Source = "s" if "s." in pattern else "e" if pattern.startswith("e.") else "n"
    return Column(name, kind, values, own, aligned, table, single=values in (_SINGLE, _BITS))


_SHARE, _SINGLE, _BITS = kinds.SHARE.or_null, kinds.SINGLE.or_null, kinds.BITS.or_null


def _quadrant_columns() -> list[Column]:
    found = [_of_quadrant(f"count_{q.letters}", "integer", kinds.COUNT, "n.count_{q}", q) for q in QUADRANTS]
    share = "(1.0 * n.count_{q} / s.tokens_counted)"
    found += [_of_quadrant(f"frequency_{q.letters}", "real", _SHARE, share, q) for q in QUADRANTS]
    open_ = "(1.0 * (n.count_pp + n.count_pn) / s.tokens_counted)"
    found.append(_same("frequency_gate_positive", "real", _SHARE, open_, "s"))
    for kind, pattern in (("mean", "(n.sum_{}_{{q}} / nullif(n.count_{{q}}, 0))"), ("extreme", "n.extreme_{}_{{q}}")):
        for quantity in QUANTITIES:
            names = [f"{kind}_{quantity}_{q.letters}" for q in QUADRANTS]
            sql = pattern.format(quantity)
            found += [
                _of_quadrant(name, "real", _SINGLE, sql, q, negated=quantity.negated_by_flip)
                for name, q in zip(names, QUADRANTS, strict=True)
            ]
    return found


def _cosine(one: str, other: str) -> Column:
    name = f"cos_{one}_{other}"
    aligned = f"iif(n.flipped, 0.0 - w.{name}, w.{name})" if changes_sign(one, other) else f"w.{name}"
    return Column(name, "real", kinds.COSINE.or_null, f"w.{name}", aligned, "w", single=True)


def _negated(name: str) -> Column:
    """A number of w_out's scores that changes sign with w_out."""
    return Column(name, "real", _SINGLE, f"v.{name}", f"iif(n.flipped, 0.0 - v.{name}, v.{name})", "v", single=True)


COSINES = (("gate", "in"), ("in", "out"), ("gate", "out"))
"""The pairs of a neuron's vectors whose cosine is kept."""

COLUMNS: dict[str, Column] = {
    column.name: column
    for column in (
        _same("neuron", "text", kinds.ADDRESS, "(s.name || 'N' || n.\"index\")", "s"),
        _same("site", "text", kinds.ADDRESS, "s.name", "s"),
        _same("layer", "integer", kinds.COUNT, "n.layer"),
        _same("index", "integer", kinds.COUNT, 'n."index"'),
        _same("flipped", "flag", kinds.FLAG.or_null, "n.flipped"),
        _same("dot_gate_in", "real", kinds.REAL.or_null, "n.dot_gate_in"),
        _same("tokens_counted", "integer", kinds.COUNT, "s.tokens_counted", "s"),
        _same("zero", "integer", kinds.COUNT, "n.zero"),
        *_quadrant_columns(),
        *(_cosine(*pair) for pair in COSINES),
        *(
            _same(f"norm_{which}", "real", _SINGLE, f"w.norm_{which}", "w", single=True)
            for which in ("gate", "in", "out")
        ),
        _same("rw_class", "text", RW_CLASS.or_null, "w.rw_class", "w"),
        _negated("vocab_mean"),
        _same("vocab_std", "real", _SINGLE, "v.vocab_std", "v", single=True),
        _negated("vocab_skew"),
        _same("vocab_kurtosis", "real", _SINGLE, "v.vocab_kurtosis", "v", single=True),
        _same("null_share", "real", _SHARE, "v.null_share", "v", single=True),
        *(_of_quadrant(f"peak_entropy_{q.letters}", "real", _BITS, "e.peak_entropy_{q}", q) for q in QUADRANTS),
    )
}
"""Every column by name, in the order of the documentation (docs/schema.md); those that an index may lack come last."""


NAME = r"[A-Za-z_]\w*_(?:\+\+|\+-|-\+|--)(?!\w)|[A-Za-z_]\w*"
"""The pattern of a column's name; a quadrant at its end may be written with signs: frequency_-+."""

_SPELLED = {
    **{"_pm": "_pn", "_mp": "_np", "_mm": "_nn"},
    **{f"_{quadrant.value}": f"_{quadrant.letters}" for quadrant in QUADRANTS},
}


def column_named(name: str) -> Column | None:
    """The column of a name, in any case. Its quadrant may be written with m (minus) for n, or with signs: count_-+."""
    name = name.lower()
    return COLUMNS.get(name) or COLUMNS.get(name[:-3] + _SPELLED.get(name[-3:], name[-3:]))


def columns_in(*expressions: str | None) -> list[str]:
    """The columns that expressions name outside of quoted texts, in order."""
    without_texts = re.sub(r"'[^']*'|\"[^\"]*\"", " ", " ".join(one for one in expressions if one))
    words = re.findall(NAME, without_texts, re.ASCII)
    return list(dict.fromkeys(column.name for word in words if (column := column_named(word))))


def nearest_column(name: str) -> str | None:
    """The column that begins with `name`, else the one whose name is most like it, if one is."""
    begins = sorted((column for column in COLUMNS if name and column.startswith(name.lower())), key=len)
    near = begins or get_close_matches(name.lower(), COLUMNS, n=1, cutoff=0.6)
    return near[0] if near else None
