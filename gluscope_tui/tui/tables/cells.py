"""The columns of a table of neurons: which are shown, their headings, their widths. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from indexer.database.format.columns import COLUMNS
from indexer.database.records import SiteRecord
from indexer.quadrants import QUADRANTS

from ..widgets.table import Heading

_WIDTHS = {"integer": 10, "flag": 7, "real": 8}
_CLASS, _LONGEST_CLASS = len("atyp. cond. stren."), len("atypical conditional strengthening")
_QUADRANTS = {quadrant.letters: quadrant.value for quadrant in QUADRANTS}
_ORDINALS = ("layer", "index")

FIRST_COLUMNS = ("neuron", *(f"frequency_{letters}" for letters in ("pp", "pn", "np", "nn")))
OF_WEIGHTS = ("cos_in_out", "cos_gate_out", "rw_class")
EXTREMES = tuple(f"extreme_post_{letters}" for letters in ("pp", "pn", "np", "nn"))


def first_columns(weights: bool) -> tuple[str, ...]:
    """The columns shown by default."""
    return (*FIRST_COLUMNS, *EXTREMES, *(OF_WEIGHTS if weights else ()))


def parts(name: str) -> tuple[str, str]:
    """The two lines of a column's heading: `extreme post` over `++`, `cos` over `in out`."""
    before, _, last = name.rpartition("_")
    if last not in _QUADRANTS:
        before, _, last = name.partition("_")
    if not last:
        return "", name
    return before.replace("_", " "), _QUADRANTS.get(last, last.replace("_", " "))


def headings(names: Sequence[str], sites: Sequence[SiteRecord], *, starred: bool = False) -> tuple[Heading, ...]:
    """The headings of columns, wide enough for every possible value. `starred`: some neurons have a star."""
    found = []
    for name in names:
        upper, lower = parts(name)
        most = _LONGEST_CLASS if name == "rw_class" else 0
        width = max(_width(name, sites) + (starred and name == "neuron"), len(lower))
        found.append(Heading(name, upper, lower, width, COLUMNS[name].kind != "text", most))
    return tuple(found)


def _width(name: str, sites: Sequence[SiteRecord]) -> int:
    if name == "neuron":
        return max(len(f"{site.address}N{site.width - 1}") for site in sites)
    if name == "site":
        return max(len(str(site.address)) for site in sites)
    return 6 if name in _ORDINALS else _WIDTHS.get(COLUMNS[name].kind, _CLASS)
