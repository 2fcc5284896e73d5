"""The registry of actions: ids, keys and words. Bindings, foot, help, palette and docs/tui.md are made from it."""

from __future__ import annotations

from dataclasses import dataclass

GROUPS = ("move", "panes", "show", "find", "keep", "app")
SCOPES = {
    "density": "in the density",
    "card": "in the card",
    "home": "at home",
    "context": "in an open context",
    "table": "in a table",
    "overlay": "in help and lists",
}
"""Each kind of screen, in the words of the help. "home": the four panes; "table": neurons, layers or hits."""


@dataclass(frozen=True, slots=True)
class Action:
    """Something that a key does. `keys` are Textual's names; `scopes` are the kinds of screen on which they work.

    `hint` is the short form in the foot. `of_experts` limits that hint to models with several gated MLPs in a layer.
    `opens` names the screen that the action opens, as `module:Class` in the package `screens`.
    """

    id: str
    keys: tuple[str, ...]
    group: str
    title: str
    hint: str = ""
    scopes: tuple[str, ...] = ("home",)
    of_experts: bool = False
    opens: str = ""


_CONTEXT, _OVERLAY, _TABLE = ("context",), ("overlay",), ("table",)
_BOTH, _ALL = ("home", "context"), ("home", "context", "overlay", "table", "density", "card")

_ABOUT, _CARD = ("density", "card"), ("card",)
_WALK = ("home", *_ABOUT)

ACTIONS = (
    Action(
        "list.next",
        ("j",),
        "move",
        "next row of the current list: neuron or hit",
        "j/k neuron",
        _WALK,
    ),
    Action("list.previous", ("k",), "move", "previous row of the current list", scopes=_WALK),
    Action("list.page-down", ("J",), "move", "a screenful further in the current list", scopes=_WALK),
    Action("list.page-up", ("K",), "move", "a screenful back in the current list", scopes=_WALK),
    Action(
        "layer.previous",
        ("h", "left_square_bracket"),
        "move",
        "same index (and expert) in the layer before",
        "h/l layer",
        _WALK,
    ),
    Action(
        "layer.next",
        ("l", "right_square_bracket"),
        "move",
        "same index (and expert) in the next layer",
        scopes=_WALK,
    ),
    Action(
        "expert.next",
        ("e",),
        "move",
        "same index in the next expert of the layer",
        "e/E expert",
        _WALK,
        of_experts=True,
    ),
    Action("expert.previous", ("E",), "move", "same index in the expert before", scopes=_WALK),
    Action("go.to", ("g",), "move", "go to: 345, +20, -20, L13, E3, 12.345, L12N345 -+", "g go to"),
    Action("go.back", ("u",), "move", "back to where the last jump began", scopes=_WALK),
    Action("go.forward", ("U",), "move", "forward again", scopes=_WALK),
    Action("go.random", ("R",), "move", "a random neuron of the index", scopes=_WALK),
    Action("pane.pp", ("1",), "panes", "the pane ++ (gate +, in +)", "1-4 pane", _BOTH),
    Action("pane.pn", ("2",), "panes", "the pane +- (gate +, in -)", scopes=_BOTH),
    Action("pane.np", ("3",), "panes", "the pane -+ (gate -, in +)", scopes=_BOTH),
    Action("pane.nn", ("4",), "panes", "the pane -- (gate -, in -)", scopes=_BOTH),
    Action("pane.next", ("tab",), "panes", "the next pane that has contexts", scopes=_BOTH),
    Action("pane.previous", ("shift+tab",), "panes", "the pane before that has contexts", scopes=_BOTH),
    Action("list.focus", ("0",), "panes", "the list of neurons"),
    Action("cursor.down", ("down",), "panes", "the next context", "↑↓ context"),
    Action("cursor.up", ("up",), "panes", "the context before"),
    Action("cursor.right", ("right",), "panes", "the next token"),
    Action("cursor.left", ("left",), "panes", "the token before"),
    Action("cursor.page-down", ("pagedown",), "panes", "a pane further down"),
    Action("cursor.page-up", ("pageup",), "panes", "a pane further up"),
    Action("cursor.first", ("home",), "panes", "the first context"),
    Action("cursor.last", ("end",), "panes", "the last context"),
    Action("pane.zoom", ("z",), "panes", "one pane as large as the screen, and back"),
    Action("pane.wrap", ("w",), "panes", "contexts wrapped, or a line each"),
    Action("context.open", ("enter",), "panes", "open the context whole", "⏎ open", opens="context:ContextScreen"),
    Action("token.down", ("j", "down", "right"), "panes", "in an open context: the next token", "j/k token", _CONTEXT),
    Action("token.up", ("k", "up", "left"), "panes", "in an open context: the token before", scopes=_CONTEXT),
    Action("token.page-down", ("pagedown",), "panes", "in an open context: a page further", scopes=_CONTEXT),
    Action("token.page-up", ("pageup",), "panes", "in an open context: a page back", scopes=_CONTEXT),
    Action("token.first", ("home",), "panes", "in an open context: the first token", scopes=_CONTEXT),
    Action("token.last", ("end",), "panes", "in an open context: the last token", scopes=_CONTEXT),
    Action("context.next", ("n",), "panes", "in an open context: the next context", "n/p context", _CONTEXT),
    Action("context.previous", ("p",), "panes", "in an open context: the context before", scopes=_CONTEXT),
    Action("row.down", ("j", "down"), "panes", "in a table: down", "j/k row", _TABLE),
    Action("row.up", ("k", "up"), "panes", "in a table: up", scopes=_TABLE),
    Action("row.page-down", ("J", "pagedown", "space"), "panes", "in a table: a page down", scopes=_TABLE),
    Action("row.page-up", ("K", "pageup"), "panes", "in a table: a page up", scopes=_TABLE),
    Action("row.first", ("home",), "panes", "in a table: to the first row", scopes=_TABLE),
    Action("row.last", ("end",), "panes", "in a table: to the last row", scopes=_TABLE),
    Action("column.next", ("l", "right"), "panes", "in a table: the next column", "h/l column", _TABLE),
    Action("column.previous", ("h", "left"), "panes", "in a table: the column before", scopes=_TABLE),
    Action(
        "row.open", ("enter",), "panes", "in a table: open the row; its rows become the current list", "⏎ open", _TABLE
    ),
    Action("line.down", ("j", "down"), "panes", "in help and lists: down", "j/k scroll", _OVERLAY),
    Action("line.up", ("k", "up"), "panes", "in help and lists: up", scopes=_OVERLAY),
    Action("line.page-down", ("pagedown", "space"), "panes", "in help and lists: a page down", scopes=_OVERLAY),
    Action("line.page-up", ("pageup",), "panes", "in help and lists: a page up", scopes=_OVERLAY),
    Action("line.first", ("home",), "panes", "in help and lists: to the start", scopes=_OVERLAY),
    Action("line.last", ("end",), "panes", "in help and lists: to the end", scopes=_OVERLAY),
    Action("about.down", ("down",), "panes", "in the card: the next nearest neuron; else a line down", scopes=_ABOUT),
    Action("about.up", ("up",), "panes", "in the card: the nearest neuron before; else a line up", scopes=_ABOUT),
    Action("about.page-down", ("pagedown", "space"), "panes", "in density and card: a page down", scopes=_ABOUT),
    Action("about.page-up", ("pageup",), "panes", "in density and card: a page up", scopes=_ABOUT),
    Action("about.right", ("right",), "panes", "in the card: nearest by w_in", scopes=_CARD),
    Action("about.left", ("left",), "panes", "in the card: nearest by w_out", scopes=_CARD),
    Action("about.go", ("enter",), "panes", "in the card: go to the nearest neuron", "⏎ go to nearest", _CARD),
    Action("about.list", ("n",), "panes", "in the card: the nearest neurons as the current list", "n list", _CARD),
    Action("show.ranking", ("r",), "show", "the next ranking, with its colour", "r rank"),
    Action("show.colour", ("v",), "show", "another quantity's colour", "v colour", _BOTH),
    Action("show.signs", ("s",), "show", "aligned or raw signs", scopes=_WALK),
    Action(
        "about.density",
        ("d",),
        "show",
        "density of gate and in, and quantiles",
        "d density",
        _WALK,
        opens="density:DensityScreen",
    ),
    Action(
        "about.card",
        ("i",),
        "show",
        "card: class, cosines, what it writes and reads, neighbours",
        "i card",
        _WALK,
        opens="card:CardScreen",
    ),
    Action("show.scale", ("c",), "show", "one colour scale for the neuron, or one for each pane", scopes=_BOTH),
    Action("show.all-tokens", ("x",), "show", "colour own or all tokens", scopes=_BOTH),
    Action("compare.pin", ("P",), "show", "pin the neuron, for comparing; on the pinned one: let go of it"),
    Action("compare.swap", ("p",), "show", "the pinned neuron's panes in place, and back"),
    Action("table.neurons", ("L",), "find", "all neurons as a table", "L neurons", opens="neurons:NeuronsScreen"),
    Action("table.layers", ("O",), "find", "the layers as a table", opens="layers:LayersScreen"),
    Action(
        "search.open",
        ("F",),
        "find",
        "search the index: tokens that neurons peak on, or text in their contexts",
        "F search",
        opens="search:SearchScreen",
    ),
    Action("list.sort", ("S",), "find", "sort the current list by a column"),
    Action(
        "table.sort",
        ("s",),
        "find",
        "in a table: sort by the column under the cursor; again: reverse",
        "s sort",
        _TABLE,
    ),
    Action("table.sort-menu", ("S",), "find", "in a table: sort by any column", scopes=_TABLE),
    Action("table.reverse", ("r",), "find", "in a table: the order reversed", scopes=_TABLE),
    Action(
        "table.filter",
        ("slash", "F"),
        "find",
        "in a table: a condition, such as layer > 9 and frequency_np > 0.3; or another search",
        "/ filter",
        _TABLE,
    ),
    Action("table.columns", ("c",), "find", "in a table: choose the columns", "c columns", _TABLE),
    Action("table.switch", ("tab",), "find", "in what a search found: peaks or contexts", scopes=_TABLE),
    Action("find.open", ("slash",), "find", "find text in the contexts"),
    Action("find.next", ("n",), "find", "the next context that holds it"),
    Action("find.previous", ("N",), "find", "the context before that holds it"),
    Action("keep.mark", ("m",), "keep", "mark the neuron, with a note; an empty note takes its mark away"),
    Action("keep.marks", ("M",), "keep", "the marks as the current list; Escape leaves it"),
    Action("keep.copy", ("y",), "keep", "copy the context", scopes=_BOTH),
    Action("keep.command", ("C",), "keep", "copy the shell command that shows the same", scopes=(*_BOTH, "table")),
    Action("keep.pager", ("o",), "keep", "the pane in the pager"),
    Action("app.palette", ("colon", "ctrl+p"), "app", "all actions, by name", scopes=_BOTH),
    Action("app.theme", ("T",), "app", "choose a theme: dark, light, nord, gruvbox ...", scopes=_ALL),
    Action(
        "app.undo",
        ("escape", "backspace"),
        "app",
        "undo the topmost: prompt, overlay, find, zoom, list over the layer's",
        scopes=_ALL,
    ),
    Action("app.quit", ("q",), "app", "the same; at home: quit", "q back", _ALL),
    Action(
        "app.reopen",
        ("ctrl+r",),
        "app",
        "open the index again at the same place: it was replaced or added to",
        scopes=_ALL,
    ),
    Action("app.interrupt", ("ctrl+c",), "app", "twice within 2 s: quit", scopes=_ALL),
    Action("app.suspend", ("ctrl+z",), "app", "to the shell; fg comes back", scopes=_ALL),
    Action(
        "app.help",
        ("question_mark",),
        "app",
        "how to read the screen, and the keys",
        "? help",
        (*_BOTH, "table", *_ABOUT),
        opens="overlay:HelpScreen",
    ),
)

_NAMES = {
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "slash": "/",
    "colon": ":",
    "question_mark": "?",
    "enter": "Enter",
    "escape": "Escape",
    "backspace": "Backspace",
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


def key_name(key: str) -> str:
    """A key as a person writes it: `[` for left_square_bracket."""
    return _NAMES.get(key, key)


def actions_in(scope: str) -> tuple[Action, ...]:
    """The actions whose keys work in a scope, in the order of the registry."""
    return tuple(action for action in ACTIONS if scope in action.scopes)


def elsewhere(key: str, scope: str) -> str:
    """The answer to a key without an action in `scope`: where it works, or that it does nothing. "" if it has one."""
    if any(key in action.keys for action in actions_in(scope)):
        return ""
    name = key_name(key)
    found = next((action for action in ACTIONS if key in action.keys), None)
    if found is None:
        return f"{name} does nothing: " + ("q goes back" if scope == "overlay" else "? lists the keys")
    way = "" if scope == "home" else "; q goes back"
    return f"{name} works {SCOPES[found.scopes[0]]} ({found.title.split(';')[0].split(',')[0].split(': ')[-1]}){way}"


def key_lines(action: Action) -> str:
    """The keys of an action as help and docs show them."""
    return " ".join(key_name(key) for key in action.keys)


def hints(scope: str, *, experts: bool = False) -> tuple[str, ...]:
    """The short forms in the foot, help last. `experts`: whether the model has several gated MLPs in a layer."""
    return tuple(action.hint for action in actions_in(scope) if action.hint and experts >= action.of_experts)
