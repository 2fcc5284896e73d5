"""The effect of the focused quadrant: what changes where post is set to zero there. Measured by the model's process."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from indexer.quadrants import QUADRANTS, Quadrant

from ...colour.style import Style, StyledLine
from ...text.cells import flow
from ...text.clean import clean
from ...views.contexts import Look
from ...views.effect_page import PageLook, page
from ..session.effects import Effects, Wanted
from .about import AboutScreen


class EffectScreen(AboutScreen, scope="effect"):
    """Opened, it measures the quadrant that has the focus at home; another neuron or quadrant on demand."""

    @property
    def effects(self) -> Effects:
        """What was measured in this session."""
        return self.session.trying.effects

    @property
    def wanted(self) -> Wanted:
        """The effect that is shown, or could be."""
        explorer = self.session.explorer
        return Wanted(explorer.neuron, explorer.view.focused.value, explorer.view.signs)

    def on_mount(self) -> None:
        self.measure()
        super().on_mount()

    def lines(self, width: int, height: int) -> Sequence[StyledLine]:  # noqa: ARG002  # it scrolls
        palette, wanted = self.palette, self.wanted
        row = self.effects.found.get(wanted)
        if row is not None:
            look = Look("post", 0.0, palette.ramp, ascii_only=palette.ascii_only)
            return page(row, width, PageLook(look, palette.text, palette.strong, self._on_ground))
        name = f"{wanted.neuron} {wanted.quadrant}: what changes where post is zero there"
        state = flow([self._state(wanted)], width)
        return [((name, palette.strong),), (), *(((line, palette.text),) for line in state)]

    def _state(self, wanted: Wanted) -> str:
        """What there is instead of a page."""
        effects, keys = self.effects, self.session.keys
        if (why := effects.problems.get(wanted)) is not None:
            return f"{clean(why)}; {keys.filled('{effect.measure} tries again')}"
        if effects.measuring == wanted:
            return clean(effects.said) or "asking the model"
        busy = effects.measuring
        instead = f", instead of {busy.neuron} {busy.quadrant}" if busy is not None else ""
        return keys.filled(f"not measured yet: {{effect.measure}} measures it{instead}")

    def _on_ground(self, style: Style) -> Style:
        return self.palette.on_ground(style, self.palette.faint)

    def handlers(self) -> Mapping[str, Callable[[], Any]]:
        return {
            **super().handlers(),
            "effect.measure": self._measure_again,
            **{f"pane.{q.letters}": partial(self._choose, q) for q in QUADRANTS},
            "keep.command": self._copy,
        }

    def _choose(self, quadrant: Quadrant) -> None:
        """Show the effect of a quadrant."""
        explorer = self.session.explorer
        if explorer.view.focused is quadrant:
            self.session.tell(f"this is {quadrant.value} already")
        else:
            explorer.focus(quadrant)

    def measure(self) -> None:
        """Measure what is shown."""
        self.session.trying.measure(self.wanted)

    def _measure_again(self) -> None:
        """Measure what is shown, and say so: the page may look the same at first."""
        wanted = self.wanted
        known = wanted in self.effects.found
        self.session.tell(f"{wanted.neuron} {wanted.quadrant} is {'measured' if known else 'being measured'}")
        self.measure()

    def leave(self) -> None:
        """Close, and give up what is being measured."""
        self.session.trying.give_up_effect()
        super().leave()

    def _copy(self) -> None:
        session = self.session
        command = self.wanted.command(session.explorer.facts.path, session.trying.options)
        session.tell(session.screens.copy_text(command))
