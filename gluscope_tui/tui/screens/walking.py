"""Handlers shared by home and the screens above it: stepping through neurons, colouring tokens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..drawing.layout import Layout
from ..session.explorer import Explorer
from ..session.session import Session


def walking(session: Session, page: Callable[[], int]) -> Mapping[str, Callable[[], Any]]:
    """The handlers that move to another neuron, by the action's id. `page`: the rows of a screenful of the list."""
    explorer, tell = session.explorer, session.tell
    return {
        "list.next": lambda: tell(explorer.step(1)),
        "list.previous": lambda: tell(explorer.step(-1)),
        "list.page-down": lambda: tell(explorer.step(page())),
        "list.page-up": lambda: tell(explorer.step(-page())),
        "layer.previous": lambda: tell(explorer.layer(-1)),
        "layer.next": lambda: tell(explorer.layer(1)),
        "expert.next": lambda: tell(explorer.expert(1)),
        "expert.previous": lambda: tell(explorer.expert(-1)),
        "go.back": lambda: tell(explorer.back()),
        "go.forward": lambda: tell(explorer.forward()),
        "go.random": lambda: tell(explorer.random()),
        "live.next": lambda: tell(session.trying.tried.move(1)),
        "live.previous": lambda: tell(session.trying.tried.move(-1)),
        "compare.pin": lambda: tell(explorer.pin()),
        "compare.swap": lambda: tell(explorer.swap()),
        "show.signs": lambda: explorer.change(signs="raw" if explorer.view.signs == "aligned" else "aligned"),
    }


def coloring(explorer: Explorer) -> Mapping[str, Callable[[], Any]]:
    """The handlers that change the colours of tokens, by the action's id."""
    return {
        "show.colour": explorer.next_colour,
        "show.scale": lambda: explorer.change(scale="pane" if explorer.view.scale == "neuron" else "neuron"),
        "show.all-tokens": lambda: explorer.change(all_tokens=not explorer.view.all_tokens),
    }


def list_page(layout: Layout) -> int:
    """The rows of a screenful of the list (of a pane if there is no list), less one that stays visible."""
    place = layout.parts.get("list") or next(iter(layout.panes.values()), None)
    return max(1, place.height - 2) if place is not None else 10
