"""The user's own keys: a file of lines `action = key key`, checked against the registry."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from .actions import ACTIONS, SCOPES
from .keymap import Keymap, key_from, key_name


@dataclass(frozen=True, slots=True)
class OwnKeys:
    """The keys that a file asks for. `problems`: what is wrong, with the line; such a line changes nothing."""

    path: Path
    keys: Keymap
    problems: tuple[str, ...] = ()
    there: bool = False

    @property
    def notice(self) -> str:
        """The first problem in one line, for the foot; "" if there is none."""
        if not self.problems:
            return ""
        more = "" if len(self.problems) == 1 else f" and {len(self.problems) - 1} more: gluscope doctor"
        return f"{self.path.name}: {self.problems[0]}{more}"


def keys_path() -> Path:
    """$XDG_CONFIG_HOME/gluscope/keys.conf, or ~/.config/gluscope/keys.conf."""
    base = os.environ.get("XDG_CONFIG_HOME", "")
    return (Path(base) if os.path.isabs(base) else Path.home() / ".config") / "gluscope" / "keys.conf"


def own_keys(path: Path | None = None) -> OwnKeys:
    """The keys of the user's file; those of the registry if there is none."""
    path = keys_path() if path is None else path
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        return OwnKeys(path, Keymap())
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        return OwnKeys(path, Keymap(), (f"can't be read: {reason}",), there=True)
    wanted, problems = _parsed(lines)
    wanted, clashes = _without_clashes(wanted)
    changed = {id: keys for id, (_, keys) in wanted.items()}
    found = sorted((*problems, *clashes))
    return OwnKeys(path, Keymap(changed), tuple(f"line {line}: {text}" for line, text in found), there=True)


_Wanted = dict[str, tuple[int, tuple[str, ...]]]
"""By action: the number of its line, and the keys."""


def _parsed(lines: Iterable[str]) -> tuple[_Wanted, list[tuple[int, str]]]:
    known = {action.id for action in ACTIONS}
    wanted: _Wanted = {}
    problems = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        id, sign, names = line.partition("=")
        id = id.strip()
        keys = tuple(dict.fromkeys(map(key_from, names.split())))
        wrong = next((name for name in names.split() if not key_from(name)), None)
        if not sign:
            problems.append((number, "write it like  show.signs = f"))
        elif id not in known:
            problems.append((number, f"{id[:40]!a} is not an action; docs/tui.md and ? name them"))
        elif id in wanted:
            problems.append((number, f"{id} has its keys in line {wanted[id][0]} already"))
        elif wrong is not None:
            problems.append((number, f"{wrong[:20]!a} is not a key; write f, Enter, Space, ctrl+t or f5"))
        elif not keys:
            problems.append((number, f"{id} needs a key"))
        else:
            wanted[id] = (number, keys)
    return wanted, problems


def _without_clashes(wanted: _Wanted) -> tuple[_Wanted, list[tuple[int, str]]]:
    """The changes without those whose keys another action of the same screen has, and what is wrong with these.

    All lines count together, so that two actions may swap their keys. Of two lines that clash the later one goes.
    """
    left = dict(wanted)
    problems = []
    while (clash := _clash(left)) is not None:
        id, other, key, scope = clash
        number, _ = left.pop(id)
        named = f"{key_name(key)} is {other} {SCOPES[scope]} already"
        problems.append((number, f"{named}: give that another key, or {id}"))
    return left, problems


def _clash(wanted: Mapping[str, tuple[int, tuple[str, ...]]]) -> tuple[str, str, str, str] | None:
    """An action of a line whose key another one has, that one, the key and the screen; None if there is none."""
    found: list[tuple[int, int, tuple[str, str, str, str]]] = []
    for place, scope in enumerate(SCOPES):
        owners: dict[str, str] = {}
        for action in ACTIONS:
            if scope not in action.scopes:
                continue
            for key in wanted[action.id][1] if action.id in wanted else action.keys:
                if key not in owners:
                    owners[key] = action.id
                    continue
                lines = [(wanted[id][0], id) for id in (owners[key], action.id) if id in wanted]
                number, id = max(lines)
                other = action.id if id == owners[key] else owners[key]
                found.append((-number, place, (id, other, key, scope)))
    return min(found)[2] if found else None
