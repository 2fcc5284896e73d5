"""The registry of actions: ids, keys and words. Keys, foot, help, palette and docs/tui.md are made from it."""

from __future__ import annotations

from dataclasses import dataclass

GROUPS = ("move", "panes", "show", "find", "live", "keep", "app")
SCOPES = {
    "home": "at home",
    "context": "in an open context",
    "neurons": "in the table of neurons",
    "layers": "in the table of layers",
    "hits": "in what a search found",
    "marks": "in the table of marks",
    "standing": "in the table of a token's neurons",
    "density": "in the density",
    "card": "in the card",
    "compare": "in the comparison",
    "effect": "in the effect",
    "overlay": "in the help",
}
"""Each screen with keys of its own, in the words of the help. "home": the four panes."""


@dataclass(frozen=True, slots=True)
class Action:
    """Something that a key does. `keys` are Textual's names; `scopes` are the screens on which they work.

    `hint` is the short form in the foot: `{}` stands for the action's first key, `{id}` for that of another action, as
    in titles; `hint_at_last` replaces it where nothing is left to undo. `hinted`: the screens whose foot shows it, by
    default all. `of_experts` limits it to models with several gated MLPs in a layer. `opens` names the screen that the
    action opens, as `module:Class` in the package `screens`.

    A letter has one meaning on all screens. Only the keys that move (h j k l, J K, arrows, Tab, Enter ...) move through
    whatever a screen shows.
    """

    id: str
    keys: tuple[str, ...]
    group: str
    title: str
    hint: str = ""
    scopes: tuple[str, ...] = ("home",)
    of_experts: bool = False
    opens: str = ""
    hinted: tuple[str, ...] = ()
    hint_at_last: str = ""


_HOME, _CONTEXT, _CARD, _HITS, _OVERLAY = ("home",), ("context",), ("card",), ("hits",), ("overlay",)
_TABLES = ("neurons", "layers", "hits", "marks", "standing")
_OF_NEURONS = ("neurons", "hits", "marks", "standing")
_COLUMNS = ("neurons", "layers", "hits", "marks", "standing")
_MARKS = ("marks",)
_ABOUT = ("density", "card", "compare", "effect")
_WALK = ("home", *_ABOUT)
_BOTH = ("home", "context")
_PANES = (*_BOTH, "effect")
_ALL = tuple(SCOPES)

ACTIONS = (
    Action(
        "list.next", ("j",), "move", "next row of the current list: neuron or hit", "{}/{list.previous} neuron", _WALK
    ),
    Action("list.previous", ("k",), "move", "previous row of the current list", scopes=_WALK),
    Action("list.page-down", ("J",), "move", "a screenful further in the current list", scopes=_WALK),
    Action("list.page-up", ("K",), "move", "a screenful back in the current list", scopes=_WALK),
    Action(
        "layer.previous",
        ("h", "left_square_bracket"),
        "move",
        "same index (and expert) in the layer before",
        "{}/{layer.next} layer",
        _WALK,
    ),
    Action(
        "layer.next", ("l", "right_square_bracket"), "move", "same index (and expert) in the next layer", scopes=_WALK
    ),
    Action(
        "expert.next",
        ("e",),
        "move",
        "same index in the next expert of the layer",
        "{}/{expert.previous} expert",
        _WALK,
        of_experts=True,
    ),
    Action("expert.previous", ("E",), "move", "same index in the expert before", scopes=_WALK),
    Action("go.to", ("g",), "move", "go to: 345, +20, -20, L13, E3, 12.345, L12N345 -+", "{} go to"),
    Action("go.back", ("u",), "move", "back to where the last jump began", scopes=_WALK),
    Action("go.forward", ("U",), "move", "forward again", scopes=_WALK),
    Action("go.random", ("R",), "move", "a random neuron of the index", scopes=_WALK),
    Action("pane.pp", ("1",), "panes", "the pane ++ (gate +, in +)", "{}-{pane.nn} pane", _PANES),
    Action("pane.pn", ("2",), "panes", "the pane +- (gate +, in -)", scopes=_PANES),
    Action("pane.np", ("3",), "panes", "the pane -+ (gate -, in +)", scopes=_PANES),
    Action("pane.nn", ("4",), "panes", "the pane -- (gate -, in -)", scopes=_PANES),
    Action("pane.next", ("tab",), "panes", "the next pane that has contexts", scopes=_BOTH),
    Action("pane.previous", ("shift+tab",), "panes", "the pane before that has contexts", scopes=_BOTH),
    Action("list.focus", ("0",), "panes", "the list of neurons"),
    Action("cursor.down", ("down",), "panes", "the next context", "{cursor.up}{} context"),
    Action("cursor.up", ("up",), "panes", "the context before"),
    Action("cursor.right", ("right",), "panes", "the next token"),
    Action("cursor.left", ("left",), "panes", "the token before"),
    Action("cursor.page-down", ("pagedown",), "panes", "a pane further down"),
    Action("cursor.page-up", ("pageup",), "panes", "a pane further up"),
    Action("cursor.first", ("home",), "panes", "the first context"),
    Action("cursor.last", ("end",), "panes", "the last context"),
    Action("pane.zoom", ("z",), "panes", "one pane as large as the screen, and back"),
    Action("pane.wrap", ("w",), "panes", "contexts wrapped, or a line each"),
    Action("context.open", ("enter",), "panes", "open the context whole", "{} open", opens="context:ContextScreen"),
    Action("token.down", ("j", "down", "right"), "panes", "the next token", "{}/{token.up} token", _CONTEXT),
    Action("token.up", ("k", "up", "left"), "panes", "the token before", scopes=_CONTEXT),
    Action("token.page-down", ("pagedown", "space"), "panes", "a page of tokens further", scopes=_CONTEXT),
    Action("token.page-up", ("pageup",), "panes", "a page of tokens back", scopes=_CONTEXT),
    Action("token.first", ("home",), "panes", "the first token", scopes=_CONTEXT),
    Action("token.last", ("end",), "panes", "the last token", scopes=_CONTEXT),
    Action("context.next", ("J",), "panes", "the next context", "{}/{context.previous} context", _CONTEXT),
    Action("context.previous", ("K",), "panes", "the context before", scopes=_CONTEXT),
    Action("row.down", ("j", "down"), "panes", "down", "{}/{row.up} row", _TABLES),
    Action("row.up", ("k", "up"), "panes", "up", scopes=_TABLES),
    Action("row.page-down", ("J", "pagedown"), "panes", "a page down", scopes=_TABLES),
    Action("row.page-up", ("K", "pageup"), "panes", "a page up", scopes=_TABLES),
    Action("row.first", ("home",), "panes", "to the first row", scopes=_TABLES),
    Action("row.last", ("end",), "panes", "to the last row", scopes=_TABLES),
    Action("column.next", ("l", "right"), "panes", "the next column", "{column.previous}/{} column", _COLUMNS),
    Action("column.previous", ("h", "left"), "panes", "the column before", scopes=_COLUMNS),
    Action("row.select", ("space",), "panes", "select the row, or let go of it", "{} select", _OF_NEURONS),
    Action("row.select-all", ("asterisk",), "panes", "select all rows, or none", scopes=_OF_NEURONS),
    Action(
        "row.open",
        ("enter",),
        "panes",
        "open the row; its rows, or the selected ones, become the current list",
        "{} open",
        _TABLES,
    ),
    Action("line.down", ("j", "down"), "panes", "down", "{}/{line.up} scroll", _OVERLAY),
    Action("line.up", ("k", "up"), "panes", "up", scopes=_OVERLAY),
    Action("line.page-down", ("J", "pagedown", "space"), "panes", "a page down", scopes=_OVERLAY),
    Action("line.page-up", ("K", "pageup"), "panes", "a page up", scopes=_OVERLAY),
    Action("line.first", ("home",), "panes", "to the start", scopes=_OVERLAY),
    Action("line.last", ("end",), "panes", "to the end", scopes=_OVERLAY),
    Action(
        "about.down", ("down",), "panes", "in the card the next neuron of the list; else a line down", scopes=_ABOUT
    ),
    Action("about.up", ("up",), "panes", "in the card the neuron of the list before; else a line up", scopes=_ABOUT),
    Action("about.page-down", ("pagedown", "space"), "panes", "a page down", scopes=_ABOUT),
    Action("about.page-up", ("pageup",), "panes", "a page up", scopes=_ABOUT),
    Action("about.right", ("right",), "panes", "the next list: nearest, fed by, feeds", scopes=_CARD),
    Action("about.left", ("left",), "panes", "the list before", scopes=_CARD),
    Action("about.go", ("enter",), "panes", "go to the neuron under the cursor", "{} go there", _CARD),
    Action("about.list", ("b",), "panes", "its list as the current list", "{} list", _CARD),
    Action("show.ranking", ("r",), "show", "the next ranking, with its colour", "{} rank"),
    Action("show.colour", ("v",), "show", "another quantity's colour", "{} colour", _BOTH),
    Action("show.scale", ("V",), "show", "one colour scale for the neuron, or one for each pane", scopes=_BOTH),
    Action("show.all-tokens", ("a",), "show", "colour own or all tokens", scopes=_BOTH),
    Action("show.signs", ("f",), "show", "aligned or raw signs: in and post flipped, or not", scopes=_WALK),
    Action(
        "about.density",
        ("d",),
        "show",
        "density of gate and in, and quantiles",
        "{} density",
        _WALK,
        opens="density:DensityScreen",
    ),
    Action(
        "about.card",
        ("i",),
        "show",
        "card: class, cosines, what it writes and reads, neighbours",
        "{} card",
        _WALK,
        opens="card:CardScreen",
    ),
    Action(
        "compare.pin", ("P",), "show", "pin the neuron, for comparing; on the pinned one: let go of it", scopes=_WALK
    ),
    Action(
        "compare.swap",
        ("p",),
        "show",
        "the pinned neuron in place, and back; in the comparison the two change sides",
        "{} sides",
        _WALK,
        hinted=("compare",),
    ),
    Action(
        "compare.open",
        ("equals_sign",),
        "show",
        "the pinned neuron and this one side by side, or this one in the index beside",
        "{} compare",
        _WALK,
        opens="compare:CompareScreen",
        hinted=tuple(scope for scope in _ABOUT if scope != "compare"),
    ),
    Action(
        "compare.weights",
        ("W",),
        "show",
        "the cosines between the two, read from the model's weights; again: give up",
        "{} cosines",
        ("compare",),
    ),
    Action(
        "about.effect",
        ("x",),
        "show",
        "effect of the pane's quadrant, measured: what changes where post is zero there",
        "{} effect",
        _WALK,
        opens="effect:EffectScreen",
        hinted=("effect",),
    ),
    Action("effect.measure", ("enter",), "show", "measure the neuron and quadrant shown", "{} measure", ("effect",)),
    Action(
        "table.neurons",
        ("L",),
        "find",
        "all neurons as a table",
        "{} neurons",
        (*_HOME, *_TABLES),
        opens="neurons:NeuronsScreen",
        hinted=_HOME,
    ),
    Action(
        "table.layers", ("O",), "find", "the layers as a table", scopes=(*_HOME, *_TABLES), opens="layers:LayersScreen"
    ),
    Action(
        "search.open",
        ("F",),
        "find",
        "search the index: by what neurons peak on, by contexts, by the tokens they write or read",
        "{} search",
        (*_HOME, *_TABLES),
        opens="search:SearchScreen",
        hinted=_HOME,
    ),
    Action(
        "table.sort",
        ("s",),
        "find",
        "sort by the column under the cursor; again: the order reversed",
        "{} sort",
        _COLUMNS,
    ),
    Action(
        "table.magnitude",
        ("vertical_line",),
        "find",
        "sort by magnitude, or with the sign again",
        scopes=("neurons", "hits"),
    ),
    Action("table.reverse", ("minus",), "find", "the order reversed", scopes=_COLUMNS),
    Action(
        "list.sort",
        ("S",),
        "find",
        "sort by any column: the current list, or the table",
        scopes=("home", "neurons", "standing"),
    ),
    Action(
        "table.filter",
        ("slash",),
        "find",
        "a condition, such as layer > 9 and frequency_np > 0.3; among the marks words, such as #geo",
        "{} filter",
        ("neurons", "marks", "standing"),
    ),
    Action("table.columns", ("c",), "find", "choose the columns", "{} columns", ("neurons",)),
    Action(
        "table.switch",
        ("tab",),
        "find",
        "the next place: peaks, contexts, tokens written, tokens read",
        "{} next place",
        _HITS,
    ),
    Action(
        "find.open",
        ("slash",),
        "find",
        "find text: in the contexts, in the help; among hits: another search",
        "{} find",
        scopes=("home", "hits", "overlay"),
        hinted=("hits", "overlay"),
    ),
    Action("find.next", ("n",), "find", "the next place that holds it", scopes=("home", "context", "overlay")),
    Action("find.previous", ("N",), "find", "the place before that holds it", scopes=("home", "context", "overlay")),
    Action(
        "live.try", ("t",), "live", "a text of your own, read by the model: type or paste it; nothing takes it away"
    ),
    Action("live.next", ("full_stop",), "live", "the next token of your own text", scopes=_WALK),
    Action("live.previous", ("comma",), "live", "the token before in your own text", scopes=_WALK),
    Action(
        "live.table",
        ("T",),
        "live",
        "the neurons that stand out at the token under the cursor of your own text",
        opens="standing:StandingScreen",
    ),
    Action(
        "keep.mark",
        ("m",),
        "keep",
        "mark the neuron, or the selected rows, with a note; an empty note takes its mark away",
        "{} mark",
        ("home", "context", *_OF_NEURONS, *_ABOUT),
        hinted=_OF_NEURONS,
    ),
    Action(
        "keep.marks",
        ("M",),
        "keep",
        "the marks as a table",
        "{} marks",
        scopes=("home", *_TABLES, *_ABOUT),
        opens="marks:MarksScreen",
        hinted=_HOME,
    ),
    Action(
        "marks.remove",
        ("delete", "ctrl+d"),
        "keep",
        "delete the mark, or the selected ones",
        "{} delete",
        scopes=_MARKS,
    ),
    Action("marks.restore", ("ctrl+y",), "keep", "bring back what was deleted last", scopes=_MARKS),
    Action(
        "keep.cite",
        ("y",),
        "keep",
        "copy the context as a citation: neuron, quadrant, value, source, text with its peak marked",
        scopes=(*_BOTH, "hits"),
    ),
    Action("keep.copy", ("Y",), "keep", "copy the bare text of the context", scopes=(*_BOTH, "hits")),
    Action(
        "keep.command",
        ("C",),
        "keep",
        "copy the shell command that shows the same",
        scopes=(*_BOTH, *_TABLES, "compare", "effect"),
    ),
    Action(
        "keep.export",
        ("X",),
        "keep",
        "write the neuron as a web page or a picture; in the table of layers: the table as a picture",
        scopes=(*_WALK, "layers"),
    ),
    Action("keep.pager", ("o",), "keep", "the pane in the pager"),
    Action(
        "app.palette",
        ("colon", "ctrl+p"),
        "app",
        "all actions of this screen, by name",
        scopes=(*_BOTH, *_TABLES, *_ABOUT),
    ),
    Action("app.theme", ("D",), "app", "choose a theme: dark, light, nord, gruvbox ...", scopes=_ALL),
    Action(
        "app.undo",
        ("escape", "backspace"),
        "app",
        "undo the topmost: prompt, overlay, find, zoom, list over the layer's",
        scopes=_ALL,
    ),
    Action("app.quit", ("q",), "app", "the same; at home: quit", "{} back", _ALL, hint_at_last="{} quit"),
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
        "how to read the screen, and the keys; it opens at those of this screen",
        "{} help",
        _ALL,
        opens="help:HelpScreen",
    ),
)
