"""`X`: writes the neuron that is shown as a web page or as a picture, into a folder beside the shell's place."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path

from indexer.database.query.layers import LayerRow
from indexer.database.reader import Index
from indexer.errors import GluscopeError
from indexer.export_folder import export_file

from ..error_text import told
from ..reading.messages import Exported
from ..reading.opening import Opened
from ..session.view import Wanted
from ..tables.menus import Choice
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
    session, shown = home.session, home.explorer.shown

    def take(kind: str) -> None:
        note = session.notes.of(shown.neuron) or ""
        session.say(f"writing {shown.neuron}.{kind}")
        answer = session.reading.ask(partial(write, shown, kind, Path(FOLDER), note))
        answer.add_done_callback(partial(_tell, home))

    return Menu(f"write {shown.neuron} as", lambda: _CHOICES, take, hint=f"Enter writes it into {FOLDER}/")


def _tell(home: HomeScreen, answer: Future[Path]) -> None:
    """Called by the reading thread: posts what became of the file."""
    try:
        home.post_message(Exported(f"{answer.result()} is written"))
    except GluscopeError as error:
        home.post_message(Exported(told(error), bad=True))


def write(shown: Wanted, kind: str, folder: Path, note: str, opened: Opened) -> Path:
    """Write what is shown; returns the file. GluscopeError if it can't be written."""
    path = folder / f"{shown.neuron}.{kind}"
    if kind == "html":
        from ...views.web.page import GENERATOR

        export_file(path, _page(opened.index, shown, note).encode(), GENERATOR)
    else:
        from ...views.svg.canvas import GENERATOR

        export_file(path, _picture(opened.index, shown).encode(), GENERATOR)
    return path


def write_layers(rows: Sequence[LayerRow], model: str, signs: str) -> Path:
    """Write the table of layers as a picture, in the order of the rows; returns the file."""
    from ...views.svg.canvas import GENERATOR
    from ...views.svg.layers import picture

    if not rows:
        raise GluscopeError("the layers are still being read")
    path = Path(FOLDER) / "layers.svg"
    export_file(path, picture(rows, model, signs).encode(), GENERATOR)
    return path


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
    from ...views.svg.panes import Picture, picture

    rankings = (shown.ranking,) if shown.ranking in index.rankings else ()
    record = index.neuron(shown.neuron, signs=shown.signs, rankings=rankings, limit=_CONTEXTS, weights=True)
    return picture(record, Picture(shown.ranking))


def _command(index: Index, shown: Wanted) -> str:
    """The shell command that makes the same page, with the index by its name."""
    words = ["gluscope", "export", "html", str(shown.neuron), "--single"]
    words += ["--rank-by", shown.ranking] if shown.ranking != "post" else []
    words += ["--signs", shown.signs] if shown.signs != "aligned" else []
    return shlex.join([*words, "--db", Path(index.path).name, "--out", f"{shown.neuron}.html"])
