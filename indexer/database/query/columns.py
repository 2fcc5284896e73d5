"""The documented columns of a neuron: what tables show, sort, filter and plot, each as SQL under either signs."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from ...quadrants import QUADRANTS, QUANTITIES, Quadrant

Kind = Literal["text", "integer", "flag", "real"]

NEGATED = ("in", "post")
"""The quantities that change sign with a flip."""


@dataclass(frozen=True, slots=True)
class Column:
    """One number or word that every neuron has.

    SQL is over the tables n (neurons), s (sites) and, where `table` says so, w (weights); its value is never -0.0.
    """

    name: str
    kind: Kind
    raw: str  # SQL with the signs of the checkpoint
    aligned: str  # SQL with w_in and w_out negated where n.flipped
    table: Literal["n", "s", "w"] = "n"  # which table it needs beside neurons
    single: bool = False  # a float32, or printed as one: the shortest decimal that reads back as that float32

    def sql(self, signs: str) -> str:
        """The SQL under the signs `aligned` or `raw`."""
        return self.aligned if signs == "aligned" else self.raw


def _same(name: str, kind: Kind, sql: str, table: Literal["n", "s", "w"] = "n", *, single: bool = False) -> Column:
    return Column(name, kind, sql, sql, table, single)


def _of_quadrant(name: str, kind: Kind, pattern: str, quadrant: Quadrant, **options: bool) -> Column:
    """A column whose SQL names its quadrant as {q}: in a flipped neuron it is that of the flipped quadrant."""
    own, other = (pattern.format(q=one.letters) for one in (quadrant, quadrant.flipped))
    if options.get("negated"):
        other = f"0.0 - {other}"
    table: Literal["n", "s"] = "s" if "s." in pattern else "n"
    return Column(name, kind, own, f"iif(n.flipped, {other}, {own})", table, options.get("single", False))


def _quadrant_columns() -> list[Column]:
    found = [_of_quadrant(f"count_{q.letters}", "integer", "n.count_{q}", q) for q in QUADRANTS]
    share = "(1.0 * n.count_{q} / s.tokens_counted)"
    found += [_of_quadrant(f"frequency_{q.letters}", "real", share, q) for q in QUADRANTS]
    found.append(_same("frequency_gate_positive", "real", "(1.0 * (n.count_pp + n.count_pn) / s.tokens_counted)", "s"))
    for kind, pattern in (("mean", "(n.sum_{}_{{q}} / nullif(n.count_{{q}}, 0))"), ("extreme", "n.extreme_{}_{{q}}")):
        found += [
            _of_quadrant(
                f"{kind}_{quantity}_{q.letters}",
                "real",
                pattern.format(quantity),
                q,
                negated=quantity in NEGATED,
                single=True,
            )
            for quantity in QUANTITIES
            for q in QUADRANTS
        ]
    return found


def _cosine(name: str, *, negated: bool) -> Column:
    aligned = f"iif(n.flipped, 0.0 - w.{name}, w.{name})" if negated else f"w.{name}"
    return Column(name, "real", f"w.{name}", aligned, "w", single=True)


COLUMNS: dict[str, Column] = {
    column.name: column
    for column in (
        _same("neuron", "text", "(s.name || 'N' || n.\"index\")", "s"),
        _same("site", "text", "s.name", "s"),
        _same("layer", "integer", "n.layer"),
        _same("index", "integer", 'n."index"'),
        _same("flipped", "flag", "n.flipped"),
        _same("dot_gate_in", "real", "n.dot_gate_in"),
        _same("tokens_counted", "integer", "s.tokens_counted", "s"),
        _same("zero", "integer", "n.zero"),
        *_quadrant_columns(),
        _cosine("cos_gate_in", negated=True),
        _cosine("cos_in_out", negated=False),
        _cosine("cos_gate_out", negated=True),
        *(_same(f"norm_{which}", "real", f"w.norm_{which}", "w", single=True) for which in ("gate", "in", "out")),
        _same("rw_class", "text", "w.rw_class", "w"),
    )
}
"""Every column by name, in the order of the documentation (docs/schema.md); those of the weights come last."""


_SPELLED = {"_pm": "_pn", "_mp": "_np", "_mm": "_nn"}


def column_named(name: str) -> Column | None:
    """The column of a name, in any case; m (minus) is taken for n (negative) at its end: frequency_pm."""
    name = name.lower()
    return COLUMNS.get(name) or COLUMNS.get(name[:-3] + _SPELLED.get(name[-3:], name[-3:]))


def nearest_column(name: str) -> str | None:
    """The column that begins with `name`, else the one whose name is most like it, if one is."""
    begins = sorted((column for column in COLUMNS if name and column.startswith(name.lower())), key=len)
    near = begins or get_close_matches(name.lower(), COLUMNS, n=1, cutoff=0.6)
    return near[0] if near else None
