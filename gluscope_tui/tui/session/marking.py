"""Marking neurons: what a prompt for a note is about, and what its text changes. No screen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from indexer.addresses import NeuronAddress
from indexer.quadrants import QUADRANTS, Quadrant

from ...kept.marks import Key, Mark, merged, now, parse_text
from ...kept.marks_file import Change, MarksFile
from ...views.numbers import full_count

MOST = 1000
"""The most neurons to mark at once."""


class Marking:
    """The neurons that a prompt for a note is about. Raises GluscopeError if the marks can't be read or written.

    A single neuron is marked as a whole or in one of its quadrants, which `turn` chooses.
    """

    def __init__(self, file: MarksFile, keys: Sequence[Key], focused: Quadrant | None = None) -> None:
        """`focused`: the quadrant that is looked at, the first to be offered. Quadrants are those of aligned signs."""
        self._file = file
        self._known = {mark.key: mark for mark in file.read()}
        self.keys: tuple[Key, ...] = tuple(dict.fromkeys(keys))
        if len(self.keys) == 1:
            neuron, quadrant = self.keys[0]
            order = (quadrant, None, focused, *QUADRANTS)
            own = tuple(key for key in ((neuron, one) for one in order) if key in self._known)
            self._choices = tuple(dict.fromkeys((quadrant, None, *((focused,) if focused else ()), *QUADRANTS)))
            if self.keys[0] not in self._known and own:
                self.keys = own[:1]

    def turn(self) -> None:
        """Be about the next quadrant of the neuron, or about the whole neuron again."""
        if len(self.keys) == 1:
            neuron, quadrant = self.keys[0]
            place = self._choices.index(quadrant)
            self.keys = ((neuron, self._choices[(place + 1) % len(self._choices)]),)

    @property
    def label(self) -> str:
        """The words before the note: `note for L12N345 -+`."""
        return f"note for {self._name}"

    @property
    def text(self) -> str:
        """The note there is, with its tags."""
        known = self._known.get(self.keys[0]) if len(self.keys) == 1 else None
        return "" if known is None else known.text

    @property
    def hint(self) -> str:
        """What to type, if nothing is."""
        if len(self.keys) > 1:
            there = sum(key in self._known for key in self.keys)
            have = "has a mark" if there == 1 else "have a mark"
            return "#word: a tag; Enter marks them" + (f"; {there} {have}, which is added to" if there else "")
        if self.keys[0] in self._known:
            return "it is marked: Enter takes the mark away; Tab: one quadrant"
        return "#word: a tag; Tab: one quadrant; Enter alone: no note"

    @property
    def _name(self) -> str:
        if len(self.keys) > 1:
            what = "neurons" if len({neuron for neuron, _ in self.keys}) == len(self.keys) else "marks"
            return f"{full_count(len(self.keys))} {what}"
        neuron, quadrant = self.keys[0]
        return Mark(neuron, quadrant=quadrant).name

    def accept(self, text: str) -> str:
        """Keep what was typed, and what another explorer noted meanwhile. Returns what was done."""
        if len(self.keys) > 1:
            return self._accept_all(text)
        key = self.keys[0]
        known, typed = self._known.get(key), " ".join(text.split())
        same = known is not None and bool(typed) and typed == known.text
        mine = None if known is not None and not typed else Mark(key[0], quadrant=key[1]).with_text(typed)

        def changed(_: Key, there: Mark | None) -> Mark | None:
            if same:
                return there
            if mine is None:
                return None if there is None or known is None or there.text == known.text else there
            return merged(known, there, mine)

        change = self._file.update([key], changed)[key]
        return self._told(change, known, typed)

    def _told(self, change: Change, known: Mark | None, typed: str) -> str:
        before, after = change.before, change.after
        replaced = f"; before: {before.text}" if before is not None and before.text else ""
        if after is None:
            return f"{self._name} is no longer marked{replaced}"
        if before is not None and before.text != (known.text if known is not None else ""):
            return f"{self._name} was changed elsewhere meanwhile: {after.text}"
        if before == after:
            return f"{self._name} stays as it was marked"
        if not typed:
            return f"{self._name} is marked, without a note: {{keep.mark}} and Enter takes the mark away"
        return f"{self._name} is marked: {typed}{replaced}"

    def _accept_all(self, text: str) -> str:
        """Mark all, and add what was typed to the marks there are."""
        note, tags = parse_text(text)

        def changed(key: Key, there: Mark | None) -> Mark:
            before = there or Mark(key[0], quadrant=key[1])
            if there is not None and not text.strip():
                return there
            notes = "; ".join(filter(None, (before.note, note if note != before.note else "")))
            return replace(before, note=notes, tags=tuple(dict.fromkeys((*before.tags, *tags))), date=now())

        changes = self._file.update(self.keys, changed)
        there = sum(one.before is not None for one in changes.values())
        kept = f"; {there} had a mark, whose note stays" if there else ""
        return f"{self._name} are marked{kept}"


class Notes:
    """The marks of the session's index, as they were read last, by neuron."""

    def __init__(self, marks: Iterable[Mark] = ()) -> None:
        found: dict[NeuronAddress, list[Mark]] = {}
        for mark in marks:
            found.setdefault(mark.neuron, []).append(mark)
        self._marks: Mapping[NeuronAddress, Sequence[Mark]] = found

    def __bool__(self) -> bool:
        return bool(self._marks)

    def __contains__(self, neuron: object) -> bool:
        return neuron in self._marks

    def of(self, neuron: NeuronAddress, *, flip: bool | None = False) -> str | None:
        """The notes of a neuron and of its quadrants on a line; None if nothing of it is marked.

        `flip`: quadrants are shown under raw signs, of a neuron that alignment flips. None: whether it does is not
        known, and quadrants are not named.
        """
        if neuron not in self._marks:
            return None
        parts = []
        for mark in self._marks[neuron]:
            quadrant = None if flip is None else mark.quadrant
            if quadrant is not None and flip:
                quadrant = quadrant.flipped
            parts.append(mark.text if quadrant is None else f"{quadrant.value} {mark.text}".strip())
        return "; ".join(filter(None, parts))
