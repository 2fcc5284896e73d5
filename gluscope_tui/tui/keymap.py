"""The keys of a session: those of the registry, changed by what the user's file says, and the words that name them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import replace

from .actions import ACTIONS, SCOPES, Action

_NAMES = {
    "enter": "Enter",
    "escape": "Escape",
    "backspace": "Backspace",
    "delete": "Delete",
    "insert": "Insert",
    "space": "Space",
    "tab": "Tab",
    "shift+tab": "Shift+Tab",
    "up": "Up",
    "down": "Down",
    "left": "Left",
    "right": "Right",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "home": "Home",
    "end": "End",
}
_PUNCTUATION = {
    {
        "SOLIDUS": "slash",
        "REVERSE SOLIDUS": "backslash",
        "COMMERCIAL AT": "at",
        "HYPHEN-MINUS": "minus",
        "PLUS SIGN": "plus",
        "LOW LINE": "underscore",
    }.get(name, name.lower().replace("-", "_").replace(" ", "_")): character
    for character in map(chr, range(33, 127))
    if not character.isalnum()
    for name in [unicodedata.name(character)]
}
"""Textual's names of ASCII punctuation, and the characters."""
_SHORT = {"enter": "⏎", "delete": "Del", "up": "↑", "down": "↓", "left": "←", "right": "→"}
_NAMED = re.compile(r"\{([a-z]+\.[a-z-]+)?\}")


def key_name(key: str) -> str:
    """A key as a person writes it: `[` for left_square_bracket."""
    return _NAMES.get(key) or _PUNCTUATION.get(key, key)


def key_from(name: str) -> str:
    """Textual's name of a key that a person wrote: `left_square_bracket` for `[`. "" if there is no such key."""
    if len(name) == 1:
        found = next((key for key, character in _PUNCTUATION.items() if character == name), name)
        return found if name.isprintable() and not name.isspace() else ""
    key = name.lower()
    known = {shown.lower(): key for key, shown in _NAMES.items()}
    known.update({one: one for one in (*_NAMES, *_PUNCTUATION)})
    if key in known:
        return known[key]
    return key if re.fullmatch(r"f([1-9]|1[0-9]|2[0-4])|ctrl\+[a-z]|(ctrl|shift)\+(up|down|left|right)", key) else ""


def key_lines(action: Action) -> str:
    """The keys of an action as help and docs show them."""
    return " ".join(key_name(key) for key in action.keys)


class Keymap:
    """The actions with their keys. `changed` gives the keys of the actions that the user has changed."""

    def __init__(self, changed: Mapping[str, tuple[str, ...]] | None = None) -> None:
        changed = changed or {}
        self.actions = tuple(replace(one, keys=changed.get(one.id, one.keys)) for one in ACTIONS)
        self._by_id = {action.id: action for action in self.actions}
        self._in = {scope: tuple(one for one in self.actions if scope in one.scopes) for scope in SCOPES}
        self._by_key = {(scope, key): one for scope, found in self._in.items() for one in found for key in one.keys}

    def actions_in(self, scope: str) -> tuple[Action, ...]:
        """The actions whose keys work in a scope, in the order of the registry."""
        return self._in[scope]

    def action(self, key: str, scope: str) -> Action | None:
        """The action of a key in a scope; None if it has none."""
        return self._by_key.get((scope, key))

    def key(self, id: str) -> str:
        """The first key of an action, as a person writes it."""
        return key_name(self._by_id[id].keys[0])

    def elsewhere(self, key: str, scope: str) -> str:
        """The answer to a key that does nothing in `scope`: where it works. "" if it does something."""
        if self.action(key, scope) is not None:
            return ""
        name, found = key_name(key), next((action for action in self.actions if key in action.keys), None)
        back = self.filled("{app.quit} goes back")
        if found is None:
            return f"{name} does nothing: " + (back if scope == "overlay" else self.filled("{app.help} lists the keys"))
        way = "" if scope == "home" else f"; {back}"
        title = self.filled(found.title).split(";")[0].split(",")[0]
        return f"{name} works {SCOPES[found.scopes[0]]}{way} ({title})"  # the way out is never cut

    def hints(self, scope: str, *, experts: bool = False, at_last: bool = False) -> tuple[str, ...]:
        """The short forms in the foot, help last.

        `experts`: whether the model has several gated MLPs in a layer. `at_last`: whether nothing is left to undo.
        """
        found = [
            action
            for action in self._in[scope]
            if action.hint and experts >= action.of_experts and scope in (action.hinted or action.scopes)
        ]
        return tuple(self.filled((at_last and action.hint_at_last) or action.hint, action) for action in found)

    def filled(self, text: str, own: Action | None = None) -> str:
        """A text with the first key of each action that it names: `{keep.mark}` becomes `m`.

        With `own`, the text is a hint: `{}` is that action's own key, and arrows are drawn.
        """

        def name(found: re.Match[str]) -> str:
            action = own if found[1] is None else self._by_id.get(found[1])
            if action is None:
                return found[0]
            key = action.keys[0]
            return key_name(key) if own is None else _SHORT.get(key, key_name(key))

        return _NAMED.sub(name, text)
