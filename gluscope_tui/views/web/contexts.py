"""A context as HTML: every token coloured by its value, its four values beside it, the peak apart."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape

from indexer.database.records import Example
from indexer.quadrants import Quadrant

from ...text.pieces import pieces
from ..contexts import Look, levels

QUANTITIES = ("post", "gate", "in", "act")
"""The order of a token's values in its title."""
_FRONT = re.compile(r"(?<![\d.])0\.")
"""The 0 in front of a fraction."""
_PLAIN = frozenset(map(chr, range(32, 127))) - frozenset("&<>")
"""Characters that need no escaping; a text of others is escaped."""


@dataclass(frozen=True, slots=True)
class Markup:
    """The text of a context in three parts, as safe HTML: `<i class=p7 title=.31,.9,.4,.77>word</i>`."""

    before: str
    peak: str
    after: str


def markup(example: Example, quadrant: Quadrant, look: Look) -> Markup:
    """The tokens of a context. A token's title holds its post, gate, in and act to three digits."""
    strengths = levels(example, quadrant, look)
    told = [_title(values) for values in zip(*(example.values(name) for name in QUANTITIES), strict=True)]
    titles = _FRONT.sub(".", "\n".join(told)).split("\n")  # of a context at once: that is much faster
    parts: list[list[str]] = [[], [], []]
    found = pieces(example.tokens, example.peak)
    place = start = 0
    while start < len(found):
        first, last = found[start].first, found[start].last
        text, stop = found[start].text, start + 1
        while stop < len(found) and found[stop].first == first and found[stop].last == last:
            text, stop = text + found[stop].text, stop + 1
        start = stop
        place = 1 if first <= example.peak <= last else 2 if place else 0
        parts[place].append(_span(text, first, last, strengths, titles))
    return Markup("".join(parts[0]), "".join(parts[1]), "".join(parts[2]))


def short(value: float) -> str:
    """Three digits at most, as a script reads them, without a 0 in front: 1.23, -.0912, 4e-06."""
    return _FRONT.sub(".", f"{value:.3g}")


def _title(values: tuple[float | None, ...]) -> str:
    """The numbers of a token to three digits, without those that are not known."""
    post, gate, in_, act = values
    if post is None or gate is None or in_ is None or act is None:
        return ",".join([f"{value:.3g}" for value in values if value is not None])
    return f"{post:.3g},{gate:.3g},{in_:.3g},{act:.3g}"


def _span(text: str, first: int, last: int, strengths: tuple[int, ...], titles: list[str]) -> str:
    """The text of the tokens `first` to `last`, most often one."""
    if not _PLAIN.issuperset(text):
        text = escape(text, quote=False)
    title, strength = titles[first], strengths[first]
    if last != first:
        title = ";".join([one for one in titles[first : last + 1] if one])
        strength = max(strengths[first : last + 1], key=abs)
    if not title:
        return f"<s>{text}</s>"
    if not strength:
        return f"<i title={title}>{text}</i>"
    return f"<i class={'p' if strength > 0 else 'n'}{abs(strength)} title={title}>{text}</i>"
