"""The notebook of an index: neurons to find again, with notes, in a plain file of tab-separated lines.

A line is `L12N345<TAB>quadrant<TAB>note<TAB>tags<TAB>date`; what is missing at its end is empty. A line of an older
gluscope is `L12N345<TAB>note`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from indexer.addresses import NeuronAddress, parse_neuron
from indexer.errors import GluscopeError
from indexer.quadrants import QUADRANTS, Quadrant

from .files import locked, write_whole

FIELDS = ("neuron", "quadrant", "note", "tags", "date")
HEADING = "# " + "\t".join(FIELDS)
_QUADRANTS: dict[str, Quadrant | None] = {"": None, **{quadrant.value: quadrant for quadrant in QUADRANTS}}

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
        found = [part for part in re.split("[#,]+", word) if part] if word[0] == "#" else []
        (tags if found else note).extend(found or [word])
    return " ".join(note), tuple(dict.fromkeys(tags))


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


def parse_line(line: str) -> Mark | None:
    """The mark of a line; None for comments, blank lines and mistakes."""
    address, *fields = line.rstrip("\r").split("\t")
    try:
        neuron = parse_neuron(address.strip())
    except GluscopeError:
        return None
    if fields and fields[0].strip() not in _QUADRANTS:  # a line of an older gluscope
        return Mark(neuron, _plain(" ".join(fields)))
    quadrant, note, words, date, *more = *fields, *("",) * (4 - len(fields))
    tags = tuple(dict.fromkeys(word.lstrip("#") for word in words.replace(",", " ").split() if word.strip("#")))
    return Mark(neuron, _plain(note), _QUADRANTS[quadrant.strip()], tags, date.strip(), tuple(more))


class MarksFile:
    """The marks of one index. The file is read again for every use, so that the user may edit it meanwhile.

    A change takes place between reading and writing under a lock: explorers that run at once lose nothing. Lines that
    are not marks (comments, blank lines, mistakes) stay where they are. Every method raises GluscopeError if the file
    can't be read or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> tuple[Mark, ...]:
        """The marks in the order of the file. Of several with one key the last counts."""
        return tuple({mark.key: mark for line in self._lines() if (mark := parse_line(line)) is not None}.values())

    def put(self, marks: Iterable[Mark]) -> None:
        """Add marks, or replace those with the same key where they stand. Their own columns stay."""
        new = {mark.key: mark for mark in marks}
        self.change(new, lambda before: replace(new[before.key], more=new[before.key].more or before.more))

    def change(self, keys: Iterable[Key], changed: Callable[[Mark], Mark]) -> tuple[Mark, ...]:
        """Change the marks with these keys where they stand. Returns them as they were.

        Keys that are not there are added: an empty mark of now is changed.
        """
        wanted = dict.fromkeys(keys)
        there: dict[Key, Mark] = {}

        def change(lines: list[str]) -> list[str]:
            marks = [parse_line(line) for line in lines]
            there.update((mark.key, mark) for mark in marks if mark is not None and mark.key in wanted)
            kept: list[str] = []
            done = set()
            for line, mark in zip(lines, marks, strict=True):
                if mark is None or mark.key not in wanted:
                    kept.append(line)
                elif mark.key not in done:
                    done.add(mark.key)
                    before = there[mark.key]
                    after = changed(before)
                    kept.append(line if after == before == mark else after.line)
            added = [changed(Mark(key[0], quadrant=key[1], date=now())).line for key in wanted if key not in done]
            return [*(kept or [HEADING]), *added]

        self._change(change)
        return tuple(there.values())

    def remove(self, keys: Iterable[Key]) -> tuple[Mark, ...]:
        """Remove the marks with these keys. Returns those that were there."""
        wanted = set(keys)
        removed: dict[Key, Mark] = {}

        def change(lines: list[str]) -> list[str]:
            kept = []
            for line in lines:
                mark = parse_line(line)
                if mark is not None and mark.key in wanted:
                    removed[mark.key] = mark
                else:
                    kept.append(line)
            return kept

        self._change(change)
        return tuple(removed.values())

    def _change(self, change: Callable[[list[str]], list[str]]) -> None:
        try:
            with locked(self.path):
                before = self._lines()
                after = change(before)
                if after != before:
                    write_whole(self.path, "".join(line + "\n" for line in after))
        except OSError as error:
            raise GluscopeError(f"the marks are not kept: {error.strerror}", f"is {self.path} writable?") from None

    def _lines(self) -> list[str]:
        try:
            with self.path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
                text = file.read()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise GluscopeError(f"the marks can't be read: {error.strerror}", f"look at {self.path}") from None
        return text.removesuffix("\n").split("\n") if text else []


def _plain(text: str) -> str:
    """A note on one line: tabs and line ends become blanks."""
    return " ".join(text.split())
