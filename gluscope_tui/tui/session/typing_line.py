"""The text of a prompt, and how keys edit it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Typing:
    """A prompt's text and cursor. `purpose` is the id of the action that asked; `error` stays until the next key.

    `hint` is shown while nothing is typed. `selected`: what is typed next replaces the text.
    `choices`: what the text could go on with, until the next key.
    """

    purpose: str
    label: str
    text: str = ""
    at: int = 0
    error: str = ""
    hint: str = ""
    selected: bool = False
    choices: tuple[str, ...] = ()
    keeps_lines: bool = False  # pasted line ends stay

    def insert(self, typed: str) -> Typing:
        """The line with typed or pasted text inserted at the cursor; line ends become blanks, unless they are kept."""
        lines = typed.replace("\r\n", "\n").replace("\r", "\n")
        typed = lines if self.keeps_lines else " ".join(typed.splitlines())
        if self.selected:
            return replace(self, text=typed, at=len(typed), error="", selected=False, choices=())
        text = self.text[: self.at] + typed + self.text[self.at :]
        return replace(self, text=text, at=self.at + len(typed), error="", choices=())

    def press(self, key: str, character: str | None) -> Typing:
        """The line after a key: a character is inserted, editing keys edit, others change nothing."""
        if character is not None and character.isprintable():
            return self.insert(character)
        text, at = self.text, self.at
        if self.selected and key in ("backspace", "ctrl+h", "delete", "ctrl+u", "ctrl+w"):
            text, at = "", 0
        elif key in ("backspace", "ctrl+h"):  # some terminals send ctrl+h for Backspace
            text, at = text[: max(0, at - 1)] + text[at:], max(0, at - 1)
        elif key == "delete":
            text = text[:at] + text[at + 1 :]
        elif key == "ctrl+u":
            text, at = text[at:], 0
        elif key == "ctrl+w":
            words = text[:at].rstrip().rpartition(" ")
            start = len(words[0]) + len(words[1])
            text, at = text[:start] + text[at:], start
        else:
            places = {"left": at - 1, "right": at + 1, "home": 0, "ctrl+a": 0, "end": len(text), "ctrl+e": len(text)}
            if key not in places:
                return self
            at = min(max(places[key], 0), len(text))
        return replace(self, text=text, at=at, error="", selected=False, choices=())


def opened(purpose: str, label: str, text: str = "", *, error: str = "", hint: str = "") -> Typing:
    """A prompt that opens with a text: selected, so that typing replaces it, unless it was refused."""
    return Typing(purpose, label, text, len(text), error, hint, selected=bool(text) and not error)


MOVES = {"down": 1, "up": -1, "pagedown": 10, "pageup": -10, "ctrl+n": 1, "ctrl+p": -1}
"""Keys that move in a list that a prompt filters."""
