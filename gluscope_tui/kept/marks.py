"""The marks of a notebook: neurons to find again, with notes, and the lines of the file that keeps them.

A line is `L12N345<TAB>quadrant<TAB>note<TAB>tags<TAB>date`; what is missing at its end is empty. A line of an older
gluscope is `L12N345<TAB>note`, one typed without tabs `L12N345 -+ note #tag`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace

from indexer.addresses import NeuronAddress, parse_neuron
from indexer.errors import GluscopeError
from indexer.quadrants import QUADRANTS, Quadrant

FIELDS = ("neuron", "quadrant", "note", "tags", "date")
HEADING = "# " + "\t".join(FIELDS)
_QUADRANTS: dict[str, Quadrant | None] = {
    "": None,
    **{quadrant.value: quadrant for quadrant in QUADRANTS},
    **{quadrant.letters: quadrant for quadrant in QUADRANTS},
}
_MINUS = str.maketrans({"\u2212": "-", "\u2013": "-", " ": None})  # as editors that correct what is typed write it

Key = tuple[NeuronAddress, Quadrant | None]
"""What a mark is about: a neuron, or one of its quadrants. Each has at most one mark."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A marked neuron. The quadrant is named under aligned signs; None: the whole neuron.

    `more`: columns of other people after the date, which are kept.
    """

    neuron: NeuronAddress
    note: str = ""
    quadrant: Quadrant | None = None
    tags: tuple[str, ...] = ()
    date: str = ""
    more: tuple[str, ...] = ()

    @property
    def key(self) -> Key:
        return self.neuron, self.quadrant

    @property
    def name(self) -> str:
        """The address, with the quadrant if there is one: `L12N345 -+`."""
        return str(self.neuron) if self.quadrant is None else f"{self.neuron} {self.quadrant.value}"

    @property
    def text(self) -> str:
        """The note and the tags, as they are typed: `says France #geo`."""
        return " ".join((*filter(None, [self.note]), *(f"#{tag}" for tag in self.tags)))

    def with_text(self, text: str) -> Mark:
        """The mark with a note and tags as they are typed, of now."""
        note, tags = parse_text(text)
        return replace(self, note=note, tags=tags, date=now())

    def with_added(self, note: str | None, tags: Iterable[str]) -> Mark:
        """The mark with more tags and, unless it is None, another note; of now if that changes it."""
        words = tuple(dict.fromkeys((*self.tags, *tags)))
        text = self.note if note is None else note
        return self if (text, words) == (self.note, self.tags) else replace(self, note=text, tags=words, date=now())

    @property
    def fields(self) -> tuple[str, ...]:
        """The values of FIELDS as text."""
        quadrant = "" if self.quadrant is None else self.quadrant.value
        return (str(self.neuron), quadrant, self.note, " ".join(self.tags), self.date)

    @property
    def line(self) -> str:
        """The line of the file."""
        return "\t".join((*self.fields, *self.more))


def parse_text(text: str) -> tuple[str, tuple[str, ...]]:
    """The note and the tags of a typed text: words that begin with # are tags, wherever they stand."""
    note: list[str] = []
    tags: list[str] = []
    for word in text.split():
        found = parse_tags(word) if word[0] == "#" else ()
        (tags if found else note).extend(found or [word])
    return " ".join(note), tuple(dict.fromkeys(tags))


def parse_tags(text: str) -> tuple[str, ...]:
    """The tags of a list of them: between blanks, commas or semicolons, with or without #."""
    return tuple(dict.fromkeys(filter(None, re.split(r"[\s,;#]+", text))))


def now() -> str:
    """The date and time to keep, to the minute."""
    return time.strftime("%Y-%m-%d %H:%M")


def dated(mark: Mark) -> Mark:
    """The mark, of now if it has no date."""
    return mark if mark.date else replace(mark, date=now())


def has_words(mark: Mark, words: str) -> bool:
    """Whether a mark has all words in its name, note, tags or date; a word that begins with # is a whole tag."""
    text = f"{mark.name} {mark.text} {mark.date}".lower()
    tags = {tag.lower() for tag in mark.tags}
    return all(word[1:] in tags if len(word) > 1 and word[0] == "#" else word in text for word in words.lower().split())


def merged(base: Mark | None, theirs: Mark | None, mine: Mark) -> Mark:
    """A mark that was changed twice at once: `mine`, made from `base`, with what `theirs` made of it. Loses nothing."""
    if theirs is None:
        return mine
    note, tags = ("", ()) if base is None else (base.note, base.tags)
    notes = [one.note for one in (theirs, mine) if one.note != note] or [note]
    gone = {tag for tag in tags if tag not in theirs.tags or tag not in mine.tags}
    words = tuple(tag for tag in dict.fromkeys((*theirs.tags, *mine.tags)) if tag not in gone)
    return replace(mine, note="; ".join(filter(None, dict.fromkeys(notes))), tags=words, more=theirs.more)


def parse_line(line: str) -> Mark | None:
    """The mark of a line; None for comments, blank lines and mistakes."""
    head, *fields = line.rstrip("\r").split("\t")
    address, *beside = head.split(maxsplit=1) or [""]
    try:
        neuron = parse_neuron(address)
    except GluscopeError:
        return None
    if beside:
        mark = _typed(neuron, " ".join([*beside, *fields]))
        return mark if address[0].isalpha() or not mark.text else None  # not 3.11 and words
    if fields and _spelled(fields[0]) not in _QUADRANTS:  # a line of an older gluscope
        return Mark(neuron, _plain(" ".join(fields)))
    quadrant, note, words, date, *more = *fields, *("",) * (4 - len(fields))
    return Mark(neuron, _plain(note), _QUADRANTS[_spelled(quadrant)], parse_tags(words), date.strip(), tuple(more))


def _typed(neuron: NeuronAddress, text: str) -> Mark:
    """The mark of a line without tabs after its address: `L12N345 -+ note #tag`."""
    first, *rest = text.split(maxsplit=1)
    quadrant = _QUADRANTS.get(_spelled(first))
    note, tags = parse_text(" ".join(rest) if quadrant else text)
    return Mark(neuron, note, quadrant, tags)


def _spelled(quadrant: str) -> str:
    return quadrant.translate(_MINUS).strip().lower()


def _plain(text: str) -> str:
    """A note on one line: tabs and line ends become blanks."""
    return " ".join(text.split())
