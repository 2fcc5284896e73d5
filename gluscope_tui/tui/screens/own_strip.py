"""A text of one's own on the home screen: its strip, its prompt, its keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...text.cells import cell_len
from ...text.clean import clean
from ..drawing.layout import Layout, Rectangle
from ..drawing.own_place import layout_with_own, own_rows
from ..session.session import Session
from ..session.tried import prompt_command
from ..session.typing_line import Typing
from ..widgets.own_text import OwnText
from . import own_picture

TRY = "live.try"


def home_layout_of(session: Session, width: int, height: int) -> Layout:
    """The layout of home, with the strip if there is a text."""
    view, rows = session.explorer.view, own_rows_of(session, width, height)
    return layout_with_own(rows, width, height, view.focused, zoomed=view.zoomed, in_list=view.in_list)


def own_rows_of(session: Session, width: int, height: int) -> int:
    """The rows of the strip; 0 without a text or without room."""
    tried = session.trying.tried
    if not tried.shown:
        return 0
    text = tried.asked if tried.read is None else "".join(tried.read.tokens)
    return own_rows(cell_len(clean(text[: 2 * width])), width, height)


def draw_strip(strip: OwnText, session: Session, place: Rectangle | None) -> None:
    """Show the text in the shown neuron's colours at its place, and ask for what is not known of it."""
    explorer, trying = session.explorer, session.trying
    trying.want(explorer.wanted.neuron, explorer.wanted.signs)
    if place is not None:
        strip.show(own_picture.own_text(session, place.width, place.height), session.palette)


def own_handlers(session: Session, retype: Callable[[Typing], None]) -> Mapping[str, Callable[..., Any]]:
    """The handlers of the keys of a text of one's own, and that of its prompt."""
    trying = session.trying

    def ask() -> None:
        text = trying.tried.asked
        hint = "type or paste it, Enter; Up and Down: earlier texts"
        retype(Typing(TRY, "own text", text, len(text), hint=hint, selected=bool(text), keeps_lines=True))

    def accept(text: str) -> str:
        if text.strip() or not text:
            trying.try_text(text)
            return ""
        return "there are only blanks in it"

    return {TRY: ask, f"{TRY}.accept": accept}


def recalled(session: Session, typing: Typing, by: int) -> Typing | None:
    """The prompt with an earlier or later text; None if there is none, or in another prompt."""
    if typing.purpose != TRY:
        return None
    text = session.trying.tried.recall(1 if by > 0 else -1)
    return None if text is None else Typing(TRY, typing.label, text, len(text), hint=typing.hint, keeps_lines=True)


def commands(session: Session) -> str:
    """The shell commands that print what home shows, a line each."""
    explorer, trying = session.explorer, session.trying
    own = explorer.command()
    read = trying.tried.read
    if read is None:
        return own
    words = ["gluscope", "prompt", "--neuron", str(explorer.neuron)]
    path = explorer.facts.path
    return f"{own}\n{prompt_command(words, read.text, explorer.view.signs, path, trying.options)}"
