"""The text of the help: how to read the screen, the keys from the registry, and the files the explorer keeps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..views.column_words import explained
from .actions import ACTIONS, GROUPS, SCOPES, Action
from .keymap import Keymap, key_lines, key_name
from .screen_words import NUMBERS

READING = (
    "Rows: the sign of gate, + above, - below. Columns: the sign of in, + left, - right.",
    "post = act·in is what the neuron writes: along its output weights (+out) or against them (-out).",
    "++ and -- write +out, +- and -+ write -out, as far as act has the sign of gate.",
    "⇄: the signs of in and post are flipped, so that w_in points along w_gate ({show.signs} shows the raw signs).",
    "A line is a context: its value, then text cut so that every peak starts in one column.",
    "A title: how often the quadrant is visited (the bar is the square root of the share), in how many tokens, the "
    "mean and the largest value of the quantity that is ranked. Under 0.1 % of the tokens a pane is dimmed.",
    "The numbers before a context, with headings in a wide pane: the ranked quantity at the peak, then post, gate, in.",
    "A pane with room below its contexts adds tokens that gate and in read there (embeddings along w_gate and w_in, or "
    "against them), and the context under its cursor whole.",
    "The first line: the index, its model, the tokens that the neuron's layer counted, its place in the current list. "
    "The second: the neuron, its mark, class and the cosines of its weights, then signs and ranking.",
    "The foot: the token under the cursor, where it is, its values. p48: larger in magnitude than 48 % of those "
    "sampled in its quadrant; without it the value is larger than all of them, or too few are sampled.",
    "Its legend: the scale of the colours, which ends at the largest magnitude of the neuron, or of the pane "
    "({show.scale}).",
    "The list: four bars, how often each quadrant is visited, and the largest post.",
    "★: a marked neuron, in lists and tables. Its note is in the header, in the first line of a table, and in the rows "
    "of a wide one.",
    "The token under the cursor is underlined, in [brackets] where there is room; a peak is bold and underlined.",
    "Coloured tokens lie in the pane's own quadrant, orange > 0, blue < 0; grey ones lie in others.",
    "≈: away from its peak a context's gate, in and post are kept within 0.4 % of the largest in its window, and act "
    "is computed from gate; at the peak all four are exact.",
)
_NAME_CELLS = 16
STATE = "for the next start: neuron, pane, ranking, signs, scale, wrapping, theme; delete it to start afresh"


def where(action: Action) -> str:
    """The screens on which an action's keys work."""
    everywhere = len(action.scopes) == len(SCOPES)
    return "on every screen" if everywhere else ", ".join(SCOPES[scope] for scope in action.scopes)


def section(scope: str) -> str:
    """The title of the keys of a screen: `At home`. "" gives that of the keys that every screen has."""
    words = SCOPES.get(scope, "on every screen")
    return words[0].upper() + words[1:]


def help_lines(keys: Keymap, marks: Path, state: Path, own_file: Path) -> Iterator[tuple[str, str]]:
    """The lines of the help as (kind, text): "title", "key" or "text"."""
    yield "title", "How to read the screen"
    for line in READING:
        yield "text", keys.filled(line)
    everywhere = [action for action in keys.actions if len(action.scopes) == len(SCOPES)]
    sections = {scope: [one for one in keys.actions_in(scope) if one not in everywhere] for scope in SCOPES}
    for scope, actions in {**sections, "": everywhere}.items():
        yield "text", ""
        yield "title", section(scope)
        for name, words in NUMBERS.get(scope, ()):
            yield "key", f"{name:<{_NAME_CELLS}}  {words}"
        if scope in NUMBERS:
            yield "text", ""
        for action in actions:
            yield "key", f"{key_lines(action):<{_NAME_CELLS}}  {keys.filled(action.title)} ({action.id})"
    yield "text", ""
    yield "title", "columns of the table of neurons"
    for name, words in explained():
        yield "key", f"{name:<24}  {words}"
    yield "text", ""
    yield "title", "kept"
    yield "text", f"marks  {marks}"
    yield (
        "text",
        "       neuron, quadrant, note, tags, date between tabs; gluscope marks prints them, -f md as a report",
    )
    yield "text", f"state  {state}"
    yield "text", f"       {STATE}"
    yield "text", f"keys   {own_file}"
    yield "text", "       your own: lines such as  show.signs = ~  with the names in brackets above"
    yield "text", "The mouse moves both cursors; Shift-drag selects text, or start with --no-mouse."


def grouped() -> dict[str, list[Action]]:
    """The actions of the registry by group, in order."""
    return {group: [action for action in ACTIONS if action.group == group] for group in GROUPS}


def keys_page() -> str:
    """The page docs/tui.md in Markdown, generated from the registry."""
    keymap = Keymap()
    lines = [
        "# Keys of the explorer",
        "",
        "Generated from the registry of actions with `python -m gluscope_tui.tui.help > docs/tui.md`; a test keeps it "
        "current.",
        "",
        "## How to read the screen",
        "",
        *(f"- {keymap.filled(line)}" for line in READING),
    ]
    lines += ["", "## The numbers of the other screens", ""]
    lines += [f"- {section(scope)}, *{name}*: {words}." for scope, found in NUMBERS.items() for name, words in found]
    for group, actions in grouped().items():
        lines += ["", f"## {group.capitalize()}", "", "| keys | what they do | where | action |", "|---|---|---|---|"]
        for action in actions:
            keys = key_lines(action).replace("|", "\\|")
            lines.append(f"| `{keys}` | {keymap.filled(action.title)} | {where(action)} | `{action.id}` |")
    lines += ["", "## Every key on every screen", "", *_matrix(keymap)]
    lines += [
        "",
        "`q`, Escape and Backspace undo the topmost of prompt, overlay, swap, find, zoom and a list over the",
        "layer's (in a prompt only Escape does). At home `q` quits. In a prompt, Enter accepts; Ctrl+U and Ctrl+W",
        "delete.",
        "",
        "## Your own keys",
        "",
        "The file `$XDG_CONFIG_HOME/gluscope/keys.conf` (`~/.config/gluscope/keys.conf`) changes keys: an action of",
        "the tables above, `=`, its keys as they are written there. All lines count together, so two actions may swap",
        "their keys. A line whose key another action of the same screen has is refused; the foot and `gluscope",
        "doctor` name it. Hints, help and messages name your keys.",
        "",
        "```",
        "# flip the signs with ~, and walk with n",
        "show.signs = ~",
        "list.next = n",
        "context.open = Enter o",
        "keep.pager = ctrl+o",
        "find.next = ;",
        "```",
        "",
        "## What is kept",
        "",
        "Each index has a folder in `$XDG_STATE_HOME/gluscope` (`~/.local/state/gluscope`); `?` names the files.",
        "",
        "- `marks.tsv`: one mark a line, between tabs: neuron, quadrant (or nothing), note, tags, date. Edit it as you",
        "  like: comments, other lines and columns of your own after the date stay. `gluscope marks` changes it too.",
        f"- `state.json`, {STATE}. At a start the foot names the settings that differ from a first start.",
    ]
    return "\n".join(lines) + "\n"


def _matrix(keymap: Keymap) -> Iterator[str]:
    """A table of every key and what it does on each screen, in Markdown."""
    yield f"| key | {' | '.join(SCOPES)} |"
    yield "|---" * (len(SCOPES) + 1) + "|"
    keys = dict.fromkeys(key for action in keymap.actions for key in action.keys)
    for key in sorted(keys, key=lambda key: (len(key_name(key)) > 1, key_name(key).lower(), key_name(key))):
        found = [keymap.action(key, scope) for scope in SCOPES]
        name = key_name(key).replace("|", "\\|")
        yield f"| `{name}` | {' | '.join(f'`{one.id}`' if one else '' for one in found)} |"


if __name__ == "__main__":
    print(keys_page(), end="")
