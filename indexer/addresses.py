"""Addresses of sites and neurons: `L12`, `L12E3`, `L12S`, `enc.L3`, and `L12N345` within them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import total_ordering

from .errors import GluscopeError

_SITE = r"(?:(?P<stack>enc|dec)\.)?L(?P<layer>\d{1,9})(?:E(?P<expert>\d{1,9})|(?P<shared>S))?"
_SITE_ONLY = re.compile(_SITE, re.IGNORECASE | re.ASCII)
_NEURON = re.compile(_SITE + r"N(?P<index>\d{1,9})", re.IGNORECASE | re.ASCII)
_GLUSCOPE = re.compile(r"(?P<layer>\d{1,9})\.(?P<index>\d{1,9})", re.ASCII)


@total_ordering
@dataclass(frozen=True, slots=True)
class SiteAddress:
    """One gated MLP: of a layer, of one of its experts, or of its shared expert. Sorted in this order."""

    stack: str
    layer: int
    expert: int | None = None
    shared: bool = False

    @property
    def name(self) -> str:
        prefix = f"{self.stack}." if self.stack else ""
        suffix = "S" if self.shared else "" if self.expert is None else f"E{self.expert}"
        return f"{prefix}L{self.layer}{suffix}"

    def __lt__(self, other: SiteAddress) -> bool:
        return self._place < other._place

    def __str__(self) -> str:
        return self.name

    @property
    def _place(self) -> tuple[str, int, bool, int]:
        return self.stack, self.layer, self.shared, -1 if self.expert is None else self.expert


@dataclass(frozen=True, slots=True, order=True)
class NeuronAddress:
    """One neuron: a site and an index in it."""

    site: SiteAddress
    index: int

    @property
    def name(self) -> str:
        return f"{self.site.name}N{self.index}"

    def __str__(self) -> str:
        return self.name


def _site(match: re.Match[str]) -> SiteAddress:
    expert = match["expert"]
    return SiteAddress(
        stack=(match["stack"] or "").lower(),
        layer=int(match["layer"]),
        expert=None if expert is None else int(expert),
        shared=match["shared"] is not None,
    )


def parse_site(text: str) -> SiteAddress:
    """Read a site such as `L12`, `l012`, `L12E3`, `L12S` or `enc.L3`; GluscopeError otherwise."""
    match = _SITE_ONLY.fullmatch(text.strip())
    if match is None:
        raise GluscopeError(f"{_shown(text)} is not a site", "write a site like L12, L12E3 (an expert) or enc.L3")
    return _site(match)


def parse_neuron(text: str) -> NeuronAddress:
    """Read a neuron such as `L12N345`, `l012n0345`, `12.345`, `L12E3N5`; GluscopeError otherwise."""
    stripped = text.strip()
    if short := _GLUSCOPE.fullmatch(stripped):
        return NeuronAddress(SiteAddress("", int(short["layer"])), int(short["index"]))
    match = _NEURON.fullmatch(stripped)
    if match is None:
        raise GluscopeError(f"{_shown(text)} is not a neuron address", "write a neuron like L12N345 or 12.345")
    return NeuronAddress(_site(match), int(match["index"]))


def is_site(text: str) -> bool:
    """Whether a text is spelled like a site."""
    return _SITE_ONLY.fullmatch(text.strip()) is not None


def ranges(numbers: Iterable[int]) -> str:
    """Numbers as --layers takes them: 0-3,7."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


def _shown(text: str) -> str:
    """A bad argument as it may be shown in a message: short, escaped."""
    return ascii(text if len(text) <= 40 else text[:40] + "...")
