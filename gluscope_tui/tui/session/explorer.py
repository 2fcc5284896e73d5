"""The state of a session and the change that each key makes to it: no screen, no disk, no waiting."""

from __future__ import annotations

import random
import shlex
from dataclasses import dataclass, replace

from indexer.addresses import NeuronAddress
from indexer.database.records import Example, NeuronRecord, QuadrantRecord, SiteRecord
from indexer.quadrants import QUADRANTS, Quadrant

from ...kept.remembered import Remembered
from ...views.contexts import colour_of
from ...views.numbers import counted
from ..drawing.find import found_tokens
from .current_list import CurrentList, Sight, SiteNeurons, site_list
from .facts import Facts
from .goto import Target, find_site
from .history import History
from .site_steps import SiteSteps, kind_name, layer_name
from .view import Cursor, View, Wanted, after, next_filled


@dataclass(frozen=True, slots=True)
class Spot:
    """A place to come back to: a list with its place, and the context under the cursor."""

    current: CurrentList
    sight: Sight


class Explorer:
    """The state of the session. Methods return "" or, if they can't do what was asked, the reason."""

    def __init__(self, facts: Facts, current: CurrentList, view: View, record: NeuronRecord) -> None:
        self.facts = facts
        self.pinned: NeuronAddress | None = None
        self.swapped = False  # the panes show the pinned neuron instead of the list's
        self.replaced = False  # another file is now at the index's path
        self.unread: Wanted | None = None  # what could not be read: the panes go on showing something else
        self._current = self._own = current
        self.view = view
        self._own_ranking = view.ranking  # restored when a list of contexts is left
        self.record = record
        self.shown = self.wanted
        self._history: History[Spot] = History()
        self._aim: tuple[NeuronAddress, Sight] | None = None  # where the cursor goes once the neuron is shown
        self._steps = SiteSteps(facts.sites)

    @property
    def current(self) -> CurrentList:
        """The current list and the place in it. Setting it shows the list's neuron instead of the pinned one."""
        return self._current

    @current.setter
    def current(self, current: CurrentList) -> None:
        self._current, self.swapped = current, False

    @property
    def neuron(self) -> NeuronAddress:
        """The neuron that the panes should show: the list's, or the pinned one if swapped in."""
        return self.pinned if self.swapped and self.pinned is not None else self.current.neuron

    @property
    def wanted(self) -> Wanted:
        """What the panes should show."""
        return Wanted(self.neuron, self.view.signs, self.view.ranking)

    @property
    def stale(self) -> bool:
        """Whether the panes still show something else."""
        return self.shown != self.wanted

    def show(self, wanted: Wanted, record: NeuronRecord) -> None:
        """Show this record in the panes from now on."""
        if (
            wanted.neuron != self.shown.neuron
            or wanted.ranking != self.shown.ranking
            or wanted.signs != self.shown.signs
        ):
            self.view = self.view.at_start()
        self.shown, self.record = wanted, record
        aim, self._aim = self._aim, None
        if aim is not None and (aim[0], aim[1].ranking) == (wanted.neuron, wanted.ranking):
            self.view = self.view.looking_at(aim[1].quadrant_under(wanted.signs, record.flipped), aim[1].context)

    def _look_at(self, sight: Sight | None) -> None:
        """Set the ranking of a sight now, and its pane and cursor once the neuron is shown."""
        if sight is None:
            return
        if sight.ranking != self.view.ranking and sight.ranking in self.facts.rankings:
            self.view = replace(self.view, ranking=sight.ranking, quantity=None)
        self._aim = self.neuron, sight
        if not self.stale:
            self.show(self.shown, self.record)

    # the current list

    def step(self, by: int) -> str:
        """Move by a number of rows in the list. A row that stands for a context sets pane, ranking and cursor."""
        before = self.current.place
        self.current = self.current.step(by)
        if self.current.place == before and by:
            return f"the list ends here: {before + 1} of {len(self.current)}"
        self._look_at(self.current.sight)
        return ""

    def choose(self, place: int) -> None:
        self.current = self.current.at(min(max(place, 0), len(self.current) - 1))
        self._look_at(self.current.sight)

    def layer(self, by: int) -> str:
        """Go to the same index of the same expert (or the nearest one) in a neighbouring layer.

        If that MLP is narrower, go to its last neuron.
        """
        here = self.current.neuron.site
        site = self._steps.layer_beside(here, by)
        if site is None:
            return f"{layer_name(here)} is the {'last' if by > 0 else 'first'} layer"
        if kind_name(site.address) == kind_name(here):
            return self._to_site(site)
        other = f"{layer_name(site.address)} has no {kind_name(here)}: this is {site.address}"
        return "; ".join(filter(None, (other, self._to_site(site))))

    def expert(self, by: int) -> str:
        """Go to the same index in the next or previous expert of the layer; the shared expert comes last."""
        here = self.current.neuron.site
        site = self._steps.site_beside(here, by)
        if site is not None:
            return self._to_site(site)
        if self._steps.site_beside(here, -by) is None:
            return f"{here} is the only gated MLP of its layer"
        return f"{here} is the {'last' if by > 0 else 'first'} expert of its layer"

    @property
    def has_experts(self) -> bool:
        """Whether layers have several gated MLPs."""
        return self._steps.several

    def _to_site(self, site: SiteRecord) -> str:
        here = self.current.neuron.index
        index = min(here, site.width - 1)
        self._open(NeuronAddress(site.address, index))
        return "" if index == here else f"{site.address} has only {counted(site.width, 'neuron')}"

    def neighbours(self) -> list[Wanted]:
        """The neurons that the next key will most likely ask for.

        They are the nearest in the list, and the same index in adjacent layers and experts.
        """
        here = self.current.neuron
        near = [self._wanted_of(self.current.step(by)) for by in (1, -1, 2)]
        beside = [] if self.pinned is None else [self.pinned, here]
        sites = [step(here.site, by) for step in (self._steps.layer_beside, self._steps.site_beside) for by in (1, -1)]
        for site in sites:
            if site is not None and here.index < site.width:
                near.append(Wanted(NeuronAddress(site.address, here.index), self.view.signs, self.view.ranking))
        near[:0] = [Wanted(neuron, self.view.signs, self.view.ranking) for neuron in beside]
        return [wanted for wanted in dict.fromkeys(near) if wanted != self.wanted]

    def _wanted_of(self, current: CurrentList) -> Wanted:
        """What the panes should show at a place of a list."""
        ranking = self.view.ranking if current.sight is None else current.sight.ranking
        return Wanted(current.neuron, self.view.signs, ranking)

    def go(self, target: Target) -> None:
        """Jump to a step in the list, a neuron, a quadrant."""
        self._leave()
        if target.neuron is not None:
            self._open(target.neuron)
        elif target.step:
            self.step(target.step)
        if target.quadrant is not None:
            self.view, self._aim = replace(self.view, focused=target.quadrant), None

    def random(self) -> str:
        """Jump to another neuron of the index."""
        here = self.current.neuron
        others = sum(site.width for site in self.facts.sites) - 1
        if not others:
            return "this is the only neuron of the index"
        place = random.randrange(others)
        for site in self.facts.sites:
            width = site.width - (site.address == here.site)
            if place < width:
                index = place + (site.address == here.site and place >= here.index)
                self.go(Target(neuron=NeuronAddress(site.address, index)))
                return ""
            place -= width
        raise AssertionError("there is no such place")

    def use_list(self, current: CurrentList) -> None:
        """Jump to another current list, and show what its current row stands for."""
        self._leave()
        self.current = current
        self._look_at(current.sight)

    @property
    def list_is_over(self) -> bool:
        """Whether marks, a sort, a filter or a search result replaces the layer's list, or that given at the start."""
        neurons = self.current.neurons
        return not isinstance(neurons, SiteNeurons) and neurons is not self._own.neurons

    def leave_list(self) -> None:
        """Jump back to the list given at the start, or to the layer's: same neuron, last chosen ranking."""
        here = self.current.neuron
        contexts = self.current.sight is not None
        self.use_list(self._own.find(here) or site_list(find_site(here.site, self.facts.sites), here.index))
        if contexts and self.current.sight is None and self.view.ranking != self._own_ranking:
            self.view = replace(self.view, ranking=self._own_ranking, quantity=None)

    # comparing

    def pin(self) -> str:
        """Pin the neuron that is shown, or unpin it if it is already pinned."""
        if self.pinned == self.neuron:
            self.pinned, self.swapped = None, False
            return "nothing is pinned any more"
        self.pinned = self.neuron
        return f"{self.pinned} is pinned: {{compare.swap}} swaps it with the neuron of the list"

    def swap(self) -> str:
        """Show the pinned neuron instead of the list's, or swap back."""
        if self.pinned is None:
            return "nothing is pinned yet: {compare.pin} pins this neuron"
        if self.pinned == self.current.neuron:
            self.swapped = False
            return "this is the pinned neuron"
        self.swapped = not self.swapped
        return ""

    def back(self) -> str:
        return self._to(self._history.back(self._spot), "no jump to go back to")

    def forward(self) -> str:
        return self._to(self._history.forward(self._spot), "no jump to go forward to")

    def _open(self, neuron: NeuronAddress) -> None:
        """Go to a neuron in the current list if that holds it, otherwise in its layer's list."""
        found = self.current.find(neuron)
        self.current = found or site_list(find_site(neuron.site, self.facts.sites), neuron.index)

    @property
    def _spot(self) -> Spot:
        view = self.view
        context = 0 if self.stale or self.swapped else view.cursor().context
        return Spot(self.current, Sight(view.focused, view.ranking, context, view.signs))

    def _leave(self) -> None:
        self._history.jump(self._spot)

    def _to(self, spot: Spot | None, otherwise: str) -> str:
        if spot is None:
            return otherwise
        self.current = spot.current
        self._look_at(spot.sight)
        return ""

    # panes and cursors

    def pane(self, quadrant: Quadrant | None = None) -> QuadrantRecord:
        return self.record.quadrants[quadrant or self.view.focused]

    @property
    def aligned_focus(self) -> Quadrant:
        """The name under aligned signs of the pane in focus."""
        focused = self.view.focused
        return focused.flipped if self.view.signs == "raw" and self.record.flipped else focused

    def examples(self, quadrant: Quadrant | None = None) -> tuple[Example, ...]:
        return self.pane(quadrant).examples.get(self.shown.ranking, ())

    @property
    def example(self) -> Example | None:
        """The context under the cursor."""
        shown = self.examples()
        return shown[min(self.view.cursor().context, len(shown) - 1)] if shown else None

    @property
    def token(self) -> int | None:
        """The token under the cursor, in the context's window."""
        if self.example is None:
            return None
        token = self.view.cursor().token
        return self.example.peak if token is None else min(token, len(self.example.tokens) - 1)

    def focus(self, quadrant: Quadrant) -> None:
        self.view, self._aim = replace(self.view, focused=quadrant, in_list=False), None

    def choose_pane(self, quadrant: Quadrant) -> str:
        """Move to a pane."""
        here = quadrant is self.view.focused and not self.view.in_list
        self.focus(quadrant)
        return f"{quadrant} is in use" if here else ""

    def next_pane(self, by: int) -> str:
        quadrant = next_filled(self.record, self.view, by)
        alone = quadrant is self.view.focused
        self.focus(quadrant)
        return "no other quadrant has contexts" if alone else ""

    def move_context(self, by: int, quadrant: Quadrant | None = None) -> str:
        quadrant = quadrant or self.view.focused
        total = len(self.examples(quadrant))
        here = min(self.view.cursor(quadrant).context, max(0, total - 1))
        there = min(max(here + by, 0), max(0, total - 1))
        if there == here:
            end = f"the {'last' if by > 0 else 'first'} context of {quadrant}"
            return end if total else f"{quadrant} has no context here"
        self.view = self.view.with_cursor(Cursor(there), quadrant)
        return ""

    def move_token(self, by: int) -> str:
        if self.example is None or self.token is None:
            return "there is no context here"
        there = min(max(self.token + by, 0), len(self.example.tokens) - 1)
        if there == self.token:
            return f"the {'last' if by > 0 else 'first'} token that is kept"
        self.view = self.view.with_cursor(Cursor(self.view.cursor().context, there))
        return ""

    # view

    def change(self, **choices: object) -> None:
        """Change fields of the View by name."""
        self.view = replace(self.view, **choices)  # type: ignore[arg-type]  # checked by replace

    def next_ranking(self) -> str:
        if len(self.facts.rankings) < 2:
            return "this index keeps no other ranking"
        self._own_ranking = after(self.view.ranking, self.facts.rankings)
        self.view = replace(self.view, ranking=self._own_ranking, quantity=None)
        return ""

    def next_colour(self) -> None:
        quantity = after(self.view.colour, ("post", "gate", "in", "act"))
        self.view = replace(self.view, quantity=None if quantity == colour_of(self.view.ranking) else quantity)

    # finding

    def find(self, by: int) -> str:
        """Go to the next (or previous) context with the text, through all panes; stay if there is no other."""
        if not self.view.find:
            return "nothing to find yet: {find.open} at home asks for it"
        places = [
            (quadrant, number, min(tokens))
            for quadrant in QUADRANTS
            for number, example in enumerate(self.examples(quadrant))
            if (tokens := found_tokens(example.tokens, self.view.find))
        ]
        if not places:
            return "not in these contexts"
        here = (QUADRANTS.index(self.view.focused), self.view.cursor().context)
        order = [(QUADRANTS.index(quadrant), number) for quadrant, number, _ in places]
        if by > 0:
            at = next((place for place, spot in enumerate(order) if spot > here), 0)
        else:
            at = next((place for place in reversed(range(len(order))) if order[place] < here), len(order) - 1)
        quadrant, number, token = places[at]
        self.focus(quadrant)
        self.view = self.view.with_cursor(Cursor(number, token))
        return f"{at + 1} of {counted(len(places), 'context')}"

    def find_here(self) -> str:
        """Go to the first match from the cursor on; the cursor's own context counts."""
        if self.example is not None and (tokens := found_tokens(self.example.tokens, self.view.find)):
            self.view = self.view.with_cursor(Cursor(self.view.cursor().context, min(tokens)))
            return ""
        return self.find(1)

    # keeping

    def command(self) -> str:
        """The shell command that prints the same contexts."""
        view = self.view
        words = ["gluscope", "show", str(self.neuron), "-q", view.focused.value, "-n", str(self.facts.top_k)]
        words += ["--rank-by", view.ranking] if view.ranking != "post" else []
        words += ["--signs", view.signs] if view.signs != "aligned" else []
        words += ["--wrap"] if view.wrap else []
        return shlex.join([*words, "--db", self.facts.path])

    def remembered(self, theme: str) -> Remembered:
        """The state to keep for the next start."""
        return Remembered(
            neuron=str(self.current.neuron),
            quadrant=self.view.focused.value,
            ranking=self._own_ranking,
            signs=self.view.signs,
            theme=theme,
            scale=self.view.scale,
            wrap=self.view.wrap,
        )
