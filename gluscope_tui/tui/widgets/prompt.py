"""A prompt of one line, at the foot: what is typed, what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from textual import events
from textual.message import Message

from ...colour.style import Style, StyledLine
from ...text.cells import cell_len, shorten
from ...text.clean import clean
from .lines import OneLine


@dataclass(frozen=True, slots=True)
class Typing:
    """What stands in a prompt. `purpose` is the id of the action that asked; `error` stays until the next key."""

    purpose: str
    label: str
    text: str = ""
    at: int = 0
    error: str = ""

    def insert(self, typed: str) -> Typing:
        """The text with what was typed or pasted at the cursor; line ends become blanks."""
        typed = " ".join(typed.splitlines())
        return replace(
            self, text=self.text[: self.at] + typed + self.text[self.at :], at=self.at + len(typed), error=""
        )

    def edit(self, key: str) -> Typing:
        """The text after an editing key; unchanged by other keys."""
        text, at = self.text, self.at
        if key == "backspace":
            text, at = text[: max(0, at - 1)] + text[at:], max(0, at - 1)
        elif key == "delete":
            text = text[:at] + text[at + 1 :]
        elif key == "ctrl+u":
            text, at = text[at:], 0
        elif key == "ctrl+w":
            kept = text[:at].rstrip().rpartition(" ")
            start = len(kept[0]) + len(kept[1])
            text, at = text[:start] + text[at:], start
        else:
            places = {"left": at - 1, "right": at + 1, "home": 0, "ctrl+a": 0, "end": len(text), "ctrl+e": len(text)}
            if key not in places:
                return self
            at = min(max(places[key], 0), len(text))
        return replace(self, text=text, at=at, error="")


class Prompt(OneLine[Typing]):
    """Takes every key while it is open: Enter accepts, Escape gives up, ctrl+c too."""

    can_focus = True

    class Changed(Message):
        def __init__(self, typing: Typing) -> None:
            self.typing = typing
            super().__init__()

    class Accepted(Message):
        def __init__(self, typing: Typing) -> None:
            self.typing = typing
            super().__init__()

    class Moved(Message):
        """Up or down was pressed: for a list that the prompt filters."""

        def __init__(self, by: int) -> None:
            self.by = by
            super().__init__()

    class GivenUp(Message):
        """Escape was pressed."""

    def line(self, picture: Typing, width: int) -> StyledLine:
        palette = self.palette
        label = f" {picture.label}: "
        error = clean(picture.error, ascii_only=palette.ascii_only)
        room = max(4, width - len(label) - (min(len(error) + 2, width // 2) if error else 0))
        before = clean(picture.text[: picture.at], ascii_only=palette.ascii_only)
        while cell_len(before) >= room:
            before = before[1:]
        under = clean(picture.text[picture.at : picture.at + 1], ascii_only=palette.ascii_only) or " "
        after = clean(picture.text[picture.at + 1 :], ascii_only=palette.ascii_only)
        cursor = replace(palette.text, reverse=True) if palette.text != Style() else Style(reverse=True)
        parts = [(label, palette.strong), (before, palette.text), (under, cursor), (after, palette.text)]
        used = sum(cell_len(text) for text, _ in parts)
        if error:
            parts.append(("  " + shorten(error, max(8, width - used - 2)), palette.warning))
        return tuple(parts)

    def on_key(self, event: events.Key) -> None:
        if self.picture is None:
            return
        event.stop()
        event.prevent_default()
        if event.key == "enter":
            self.post_message(self.Accepted(self.picture))
        elif event.key in ("escape", "ctrl+c"):
            self.post_message(self.GivenUp())
        elif event.key in _MOVES:
            self.post_message(self.Moved(_MOVES[event.key]))
        else:
            new = self.picture.edit(event.key)
            if event.is_printable and event.character is not None:
                new = self.picture.insert(event.character)
            self._take(new)

    def on_paste(self, event: events.Paste) -> None:
        event.stop()
        if self.picture is not None:
            self._take(self.picture.insert(event.text))

    def _take(self, new: Typing) -> None:
        if new != self.picture:
            self.show(new, self.palette)
            self.post_message(self.Changed(new))


_MOVES = {"down": 1, "up": -1, "pagedown": 10, "pageup": -10, "ctrl+n": 1, "ctrl+p": -1}
