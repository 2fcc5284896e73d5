"""An open context: the sequence around the peak, and a table of its tokens; one token cursor for both."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any

from textual.app import ComposeResult

from indexer.database.format.turns import roles_in
from indexer.database.records import Example, SequenceRecord
from indexer.quadrants import QUADRANTS, Quadrant

from ..drawing.contexts import fragments
from ..drawing.layout import Rectangle
from ..reading.loader import read_sequence
from ..reading.messages import SequenceLoaded
from ..session.session import Session
from ..session.typing_line import Typing
from ..widgets.context_text import ContextText, TextOfContext
from ..widgets.hints import Foot, Hints
from ..widgets.legend import Legend
from ..widgets.prompt import Prompt
from ..widgets.small import NEEDED, Small
from ..widgets.source_line import SourceLine, SourceOfContext
from ..widgets.token_table import TableOfContext, TokenTable
from . import pictures
from .base import BaseScreen
from .copying import copied_here
from .walking import coloring

BESIDE_FROM = 110
TABLE_WIDTH = 60


class ContextScreen(BaseScreen, scope="context"):
    """Shows the context under home's cursor and moves that cursor."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._explorer = session.explorer
        self._sequence: SequenceRecord | None = None
        self._problem = ""
        self._notice = ""
        self._text_rows = 2
        self._asked: tuple[int, int] | None = None

    def compose(self) -> ComposeResult:
        palette = self.palette
        yield SourceLine(palette, id="source")
        yield ContextText(palette, id="text")
        yield TokenTable(palette, id="table")
        yield Legend(palette, id="legend")
        yield Hints(palette, id="hints")
        yield Prompt(palette, id="prompt")
        yield Small(palette, id="small")

    def rectangles(self, width: int, height: int) -> Mapping[str, Rectangle]:
        if width < 40 or height < 10:
            return {"small": Rectangle(0, 0, width, height)}
        foot = ["legend", "hints"] if height >= 16 else ["hints"]
        places = {name: Rectangle(0, height - len(foot) + row, width, 1) for row, name in enumerate(foot)}
        places["source"] = Rectangle(0, 0, width, 2)
        if self.typing is not None:
            places["prompt"] = places.pop("hints")
        room = height - len(foot) - 2
        if width >= BESIDE_FROM:
            text = width - TABLE_WIDTH
            places["text"] = Rectangle(0, 2, text, room)
            places["table"] = Rectangle(text, 2, TABLE_WIDTH, room)
        else:
            text = min(max(2, room * 2 // 5), self._text_rows + 1)
            places["text"] = Rectangle(0, 2, width, text)
            places["table"] = Rectangle(0, 2 + text, width, room - text)
        return places

    def draw(self) -> None:
        """Show the context under the cursor; ask for its sequence if the context has changed."""
        explorer, palette = self._explorer, self.palette
        example, token = explorer.example, explorer.token
        self.query_one(Small).show(NEEDED, palette)
        if example is None or token is None:
            return
        place = (example.document, example.part)
        if place != self._asked:
            self._asked, self._sequence, self._problem = place, None, ""
            read_sequence(self, self.session.reading, *place)
        quadrant = explorer.view.focused
        look = pictures.look(explorer, quadrant, palette)
        whole = example if self._sequence is None else widened(example, self._sequence)
        rows = len(fragments(whole, quadrant, max(1, self.app.size.width - 2), look, True, True))
        if rows != self._text_rows:
            self._text_rows = rows
            self.rearrange()
        first = example.position - example.peak
        shift = 0 if self._sequence is None else first
        total = len(explorer.examples())
        self.query_one(SourceLine).show(
            SourceOfContext(
                str(explorer.shown.neuron), quadrant, explorer.shown.ranking, example, total, self._problem
            ),
            palette,
        )
        self.query_one(ContextText).show(TextOfContext(whole, quadrant, look, token + shift), palette)
        self.query_one(TokenTable).show(TableOfContext(example, quadrant, look, token, first), palette)
        self.query_one(Legend).show(pictures.scale(self.session), palette)
        self.query_one(Hints).show(Foot(self.session.keys.hints("context"), self._notice), palette)
        if self.typing is not None:
            self.query_one(Prompt).show(self.typing, palette)

    def on_sequence_loaded(self, message: SequenceLoaded) -> None:
        if (message.document, message.part) == self._asked:
            self._sequence, self._problem = message.sequence, message.problem
            self.redraw()

    def on_context_text_clicked(self, message: ContextText.Clicked) -> None:
        example = self._explorer.example
        if example is not None:
            shift = 0 if self._sequence is None else example.position - example.peak
            self._to(message.token - shift)

    def on_token_table_clicked(self, message: TokenTable.Clicked) -> None:
        self._to(message.token)

    def on_token_table_wheel(self, message: TokenTable.Wheel) -> None:
        self._explorer.move_token(message.by)
        self.redraw()

    def _to(self, token: int) -> None:
        if self._explorer.token is not None:
            self._explorer.move_token(token - self._explorer.token)
        self.redraw()

    def before_action(self) -> None:
        self._notice = ""

    def handlers(self) -> Mapping[str, Callable[[], Any]]:
        explorer = self._explorer
        page = max(1, self.query_one(TokenTable).size.height - 2)
        return {
            "token.down": lambda: self.say(explorer.move_token(1)),
            "token.up": lambda: self.say(explorer.move_token(-1)),
            "token.page-down": lambda: self.say(explorer.move_token(page)),
            "token.page-up": lambda: self.say(explorer.move_token(-page)),
            "token.first": lambda: self.say(explorer.move_token(-(10**9))),
            "token.last": lambda: self.say(explorer.move_token(10**9)),
            "context.next": lambda: self.say(explorer.move_context(1)),
            "context.previous": lambda: self.say(explorer.move_context(-1)),
            "find.next": lambda: self.say(explorer.find(1)),
            "find.previous": lambda: self.say(explorer.find(-1)),
            **{f"pane.{q.letters}": partial(self._focus, q) for q in QUADRANTS},
            "pane.next": lambda: self.say(explorer.next_pane(1)),
            "pane.previous": lambda: self.say(explorer.next_pane(-1)),
            **coloring(explorer),
            "keep.cite": lambda: self.say(copied_here(self.session, cited=True)),
            "keep.copy": lambda: self.say(copied_here(self.session, cited=False)),
            "keep.command": self._copy_command,
            "keep.mark": lambda: self.mark([(explorer.neuron, None)], explorer.aligned_focus),
            **self.of_every_screen(),
            "app.undo": self._close,
            "app.quit": self._close,
        }

    def _focus(self, quadrant: Quadrant) -> None:
        if self._explorer.examples(quadrant):
            self.say(self._explorer.choose_pane(quadrant))
        else:
            self.say(f"{quadrant} has no context here")

    def say(self, notice: str, *, bad: bool = False) -> None:  # noqa: ARG002  # its foot has one look
        self._notice = self.session.keys.filled(notice)

    def _copy_command(self) -> None:
        self.say(f"command that shows this pane: {self.session.screens.copy_text(self._explorer.command())}")

    def retype(self, typing: Typing | None) -> None:
        changed = (self.typing is None) != (typing is None)
        super().retype(typing)
        if changed:
            self.rearrange()

    def _close(self) -> None:
        self.close()
        self.session.front.redraw()


@lru_cache(maxsize=8)
def widened(example: Example, sequence: SequenceRecord) -> Example:
    """The example with its whole sequence around it; tokens outside the window have no values.

    A token that the window's edge cut off from its character shares that character's cell again; in the window
    alone it needed a cell of its own.
    """
    before = example.position - example.peak
    after = len(sequence.tokens) - before - len(example.tokens)

    def padded(values: tuple[float | None, ...]) -> tuple[float | None, ...]:
        return (None,) * before + values + (None,) * after

    return replace(
        example,
        peak=example.position,
        text=sequence.text,
        tokens=sequence.tokens,
        gate=padded(example.gate),
        in_=padded(example.in_),
        act=padded(example.act),
        post=padded(example.post),
        roles=None if sequence.turns is None else roles_in(sequence.turns, 0, len(sequence.tokens)),
    )
