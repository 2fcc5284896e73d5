"""`X`: writes the neuron that is shown as a web page or as a picture, into a folder beside the shell's place.

In a browser the file goes to the browser: nothing is written where the explorer runs.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path

from textual.app import App

from indexer.database.query.layers import LayerRow
from indexer.database.reader import Index
from indexer.errors import GluscopeError
from indexer.export_folder import export_file

from ...kept.files import name_for_others
from ..error_text import told
from ..reading.messages import Exported
from ..reading.opening import Opened
from ..session.view import Wanted
from ..tables.menus import Choice
from ..terminal.window import hand_over
from .choice import Menu
from .home import HomeScreen

FOLDER = "gluscope-pages"
"""The folder, in the folder where the explorer was started."""
_CHOICES = (
    Choice("html", "html   a web page that needs nothing but itself"),
    Choice("svg", "svg    a picture for a paper"),
)
_CONTEXTS = 5  # of a pane in a picture


def export_menu(home: HomeScreen) -> Menu:
    """The menu of the formats; the reading thread writes the file, and a message tells home where it is."""
    session, shown, served = home.session, home.explorer.shown, home.app.is_web

    def take(kind: str) -> None:
        note = session.notes.of(shown.neuron) or ""
        session.say(f"writing {shown.neuron}.{kind}")
        answer = session.reading.ask(partial(_export, shown, kind, note, served=served))
        answer.add_done_callback(partial(_tell, home))

    where = "gives it to the browser" if served else f"writes it into {FOLDER}/"
    return Menu(f"write {shown.neuron} as", lambda: _CHOICES, take, hint=f"Enter {where}")


def _tell(home: HomeScreen, answer: Future[Exported]) -> None:
    """Called by the reading thread: posts what became of the file."""
    try:
        home.post_message(answer.result())
    except GluscopeError as error:
        home.post_message(Exported(told(error), bad=True))


def _export(shown: Wanted, kind: str, note: str, opened: Opened, *, served: bool) -> Exported:
    """Write what is shown, or make it for the browser. GluscopeError if it can't be written."""
    name = f"{shown.neuron}.{kind}"
    data = (_page(opened.index, shown, note) if kind == "html" else _picture(opened.index, shown)).encode()
    return Exported("", made=(name, data)) if served else Exported(_written(name, data))


def export_layers(app: App[None], rows: Sequence[LayerRow], model: str, signs: str, *, complete: bool) -> str:
    """Write the table of layers as a picture, in the order of the rows; returns what was done.

    GluscopeError if it can't be written.
    """
    from ...views.svg.layers import picture

    if not rows:
        raise GluscopeError("the layers are still being read")
    warning = "" if complete else "the index is not finished"
    name, data = "layers.svg", picture(rows, model, signs, warning).encode()
    return hand_over(app, name, data) if app.is_web else _written(name, data)


def _written(name: str, data: bytes) -> str:
    if name.endswith(".html"):
        from ...views.web.page import GENERATOR
    else:
        from ...views.svg.canvas import GENERATOR
    path = Path(FOLDER) / name
    export_file(path, data, GENERATOR)
    return f"{path} is written"


def _page(index: Index, shown: Wanted, note: str) -> str:
    from ...views.web.page import Asked
    from ...views.web.panes import Shown
    from ...views.web.reading import read_page

    info = index.info()
    asked = Asked(
        info, Shown(shown.ranking, int(info.settings.get("top_k", 0)), None), shown.signs, _command(index, shown)
    )
    return read_page(index, shown.neuron, asked, note=note)


def _picture(index: Index, shown: Wanted) -> str:
    from ...views.info import warning
    from ...views.svg.panes import Picture, picture

    rankings = (shown.ranking,) if shown.ranking in index.rankings else ()
    record = index.neuron(shown.neuron, signs=shown.signs, rankings=rankings, limit=_CONTEXTS, weights=True)
    return picture(record, Picture(shown.ranking, warning=warning(index.info())))


def _command(index: Index, shown: Wanted) -> str:
    """The shell command that makes the same page, with the index by its name."""
    words = ["gluscope", "export", "html", str(shown.neuron), "--single"]
    words += ["--rank-by", shown.ranking] if shown.ranking != "post" else []
    words += ["--signs", shown.signs] if shown.signs != "aligned" else []
    return shlex.join([*words, "--db", name_for_others(index.path), "--out", f"{shown.neuron}.html"])
