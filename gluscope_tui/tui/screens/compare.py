"""`=`: the pinned neuron and the current one side by side, or the same neuron in the index `--beside`."""

from __future__ import annotations

import asyncio
import shlex
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from indexer.addresses import NeuronAddress
from indexer.errors import GluscopeError

from ...colour.style import StyledLine
from ...text.cells import flow
from ...text.clean import clean
from ...views.compare import Compared, turned
from ...views.compare_lines import TWO_COLUMNS_FROM, CompareLook, compare_lines
from ...views.compare_reading import Wish, two_indexes, two_neurons, with_cosines
from ..error_text import told
from ..reading.messages import ComparedLoaded
from ..reading.opening import Opened
from ..session.between import Between, Two
from ..session.session import Session
from .about import AboutScreen

FEWEST, MOST = 5, 16
"""Contexts of a quadrant."""
_OTHER_ROWS = 26
"""What a comparison in two columns shows besides contexts."""
_KEPT = 32
NOTHING = (
    "Nothing is pinned. {compare.pin} pins this neuron; {list.next} and {list.previous} then show others beside it.",
    "gluscope tui A.db --beside B.db shows each neuron in two indexes of the same shape.",
)
PINNED = "This is the pinned neuron. {list.next} and {list.previous} show others beside it."


@dataclass(frozen=True, slots=True)
class Pair:
    """What is compared: a neuron with the pinned one, or with itself in the other index if `pinned` is None."""

    neuron: NeuronAddress
    pinned: NeuronAddress | None
    signs: str
    ranking: str

    @property
    def two(self) -> Two | None:
        """The neurons whose cosines a model gives; None for one neuron in two indexes."""
        return None if self.pinned is None else Two(self.pinned, self.neuron)


class CompareScreen(AboutScreen, scope="compare"):
    """Statistics, cosines, tokens and contexts of two neurons. The keys that walk move the current one."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._kept: OrderedDict[Pair, Compared] = OrderedDict()
        self._shown: Compared | None = None
        self._asked: Pair | None = None
        self._problem = ""
        self._turned = False

    def on_mount(self) -> None:
        if self.session.explorer.swapped:  # the list's neuron is compared with the pinned one, whichever home shows
            self._walk(self.session.explorer.swap)
        super().on_mount()

    @property
    def pair(self) -> Pair | None:
        """What is to be compared; None if no other neuron is pinned and there is no other index."""
        explorer = self.session.explorer
        current = explorer.current.neuron
        pinned = None if explorer.pinned == current else explorer.pinned
        if pinned is None and not explorer.facts.beside:
            return None
        return Pair(current, pinned, explorer.view.signs, explorer.view.ranking)

    @property
    def _lacking(self) -> str:
        """What to do where nothing is compared."""
        if self.session.explorer.pinned is not None:
            return "this is the pinned neuron: {list.next} and {list.previous} show others beside it"
        return "nothing is compared yet: {compare.pin} pins this neuron"

    def lines(self, width: int, height: int) -> Sequence[StyledLine]:
        palette, pair = self.palette, self.pair
        if pair is None:
            what = NOTHING if self.session.explorer.pinned is None else (PINNED,)
            words = (self.session.keys.filled(line) for line in what)
            return [((f" {part}", palette.text),) for line in words for part in flow([line], width - 2)]
        if pair.two is not None:
            self.session.trying.want_cosines(pair.two)
        self._read(pair)
        if self._shown is None:
            told = self._problem or "being read"
            return [((f" {part}", palette.faint),) for part in flow([told], width - 2)]
        look = CompareLook(
            palette.ramp,
            min(max(FEWEST, (height - _OTHER_ROWS) // 5), MOST),
            palette.text,
            palette.faint,
            palette.strong,
            beside_from=TWO_COLUMNS_FROM - 2,
            divider=f" {palette.glyphs.vertical} ",
            ascii_only=palette.ascii_only,
            token=lambda style: palette.on_ground(style, palette.faint),
            more="" if pair.two is None else self._more(),
        )
        shown = turned(self._shown) if self._turned else self._shown
        return [((" ", palette.text), *line) for line in compare_lines(shown, max(40, width - 2), look)]

    def _more(self) -> str:
        """What stands beside the cosines that the index gives."""
        between, keys = self._between, self.session.keys
        if between.asking is None:
            return keys.filled("{compare.weights} reads them from the model")
        return f"{clean(between.said) or 'asking the model'} ({keys.filled('{compare.weights} gives up')})"

    # reading

    @property
    def _between(self) -> Between:
        """The cosines that the model gave in this session."""
        return self.session.trying.between

    def _read(self, pair: Pair) -> None:
        """Show the comparison if it is kept, otherwise ask for it, once."""
        if (found := self._kept.get(pair)) is not None:
            raw = None if pair.two is None else self._between.found.get(pair.two)
            if found.exact is None and raw is not None:
                found = self._kept[pair] = with_cosines(found, raw)
            self._shown = found
        elif pair != self._asked:
            self._asked = pair
            self.run_worker(partial(self._ask, pair), group="compare", exclusive=True)  # type: ignore[arg-type]  # its alias hides the result

    async def _ask(self, pair: Pair) -> None:
        def question(opened: Opened) -> Compared:
            wish = Wish(pair.signs, pair.ranking)
            if pair.pinned is not None:
                return two_neurons(opened.index, pair.pinned, pair.neuron, wish)
            assert opened.beside is not None  # else there is no pair
            return two_indexes(opened.index, opened.beside, pair.neuron, wish)

        try:
            compared = await asyncio.wrap_future(self.session.reading.ask(question))
        except GluscopeError as error:
            self.post_message(ComparedLoaded(pair, None, told(error)))
        else:
            self.post_message(ComparedLoaded(pair, compared))

    def on_compared_loaded(self, message: ComparedLoaded) -> None:
        if message.pair != self._asked:
            return
        self._shown, self._problem = message.compared, message.problem
        if message.compared is not None and isinstance(message.pair, Pair):
            self._kept[message.pair] = message.compared
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        self.redraw()

    # keys

    def handlers(self) -> Mapping[str, Callable[[], Any]]:
        return {
            **super().handlers(),
            "compare.swap": self._turn,
            "compare.weights": self._weights,
            "keep.command": self._copy,
        }

    def _weights(self) -> None:
        """Ask the model for the cosines, or give up."""
        pair, trying = self.pair, self.session.trying
        if pair is None:
            self.say(self._lacking)
        elif pair.two is None:
            self.say("cosines are between two neurons of one index: {compare.pin} pins this neuron")
        elif self._between.asking is not None:
            trying.stop_cosines()
            self.say("given up")
        elif pair.two in self._between.found:
            self.say("these cosines are the model's")
        else:
            trying.want_cosines(pair.two, demanded=True)
            self.say("the model is asked for the cosines")

    def leave(self) -> None:
        """Close, and ask for no more cosines."""
        self.session.trying.leave_cosines()
        super().leave()

    def _turn(self) -> None:
        if self.pair is None:
            self.say(self._lacking)
        else:
            self._turned = not self._turned

    def _copy(self) -> None:
        pair, facts = self.pair, self.session.explorer.facts
        if pair is None:
            self.say(self._lacking)
            return
        words = ["gluscope", "show", *([str(pair.pinned)] if pair.pinned else []), str(pair.neuron)]
        words += ["--compare"] if pair.pinned else ["--beside", facts.beside]
        words += ["--model", self._between.model] if pair.two in self._between.found and self._between.model else []
        words += ["--rank-by", pair.ranking] if pair.ranking != "post" else []
        words += ["--signs", pair.signs] if pair.signs != "aligned" else []
        self.say(self.session.screens.copy_text(shlex.join([*words, "--db", facts.path])))
