"""Turns the state of the session into the picture of each part of the home screen. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from indexer.addresses import NeuronAddress
from indexer.database.read.sampled import Magnitudes
from indexer.database.records import NeuronRow, Sample
from indexer.quadrants import QUADRANTS, QUANTITIES, Quadrant

from ...colour.scale import level
from ...views.contexts import Look, lies_in, neuron_scale, pane_scale
from ...views.sample import place_beside
from ...views.weights import class_of, cosines_of
from ...views.writes import promoted, read
from ..drawing.layout import GRID_WIDTH, VALUES_FROM, Layout
from ..drawing.palette import Palette
from ..session.current_list import CurrentList, SiteNeurons
from ..session.explorer import Explorer
from ..session.goto import find_site
from ..session.session import Session
from ..widgets.header import Header
from ..widgets.hints import Foot
from ..widgets.inspector import Inspected
from ..widgets.legend import Scale
from ..widgets.neuron_list import HEADS, ListEntry, ListPicture
from ..widgets.pane import PanePicture
from ..widgets.tabs import Tabs

Rows = Mapping[tuple[NeuronAddress, str], NeuronRow]
"""The narrow rows read so far, by neuron and signs."""


def header(session: Session) -> Header:
    explorer = session.explorer
    facts, view, current = explorer.facts, explorer.view, explorer.current
    weights = explorer.record.weights if explorer.shown.neuron == explorer.neuron else None
    warnings = []
    if not facts.complete:
        warnings.append("index unfinished")
    if facts.bos_counted:
        warnings.append("BOS counted")
    if explorer.stale and explorer.unread == explorer.wanted:
        warnings.append(f"the panes are {explorer.shown.neuron}'s")
    if explorer.replaced:
        warnings.append(f"replaced: {session.keys.key('app.reopen')}")
    return Header(
        file=facts.name,
        model=facts.model,
        address=str(explorer.neuron),
        stale=explorer.stale,
        signs=view.signs,
        flipped=explorer.record.flipped,
        ranking=view.ranking,
        colour=view.colour,
        place=_place(explorer),
        tokens=explorer.record.tokens_counted,
        warnings=tuple(warnings),
        pinned="" if explorer.pinned is None else str(explorer.pinned),
        instead_of=str(current.neuron) if explorer.swapped else "",
        swap_key=session.keys.key("compare.swap"),
        note=session.notes.of(explorer.neuron, flip=view.signs == "raw" and bool(explorer.record.flipped)),
        rw_class="" if weights is None else class_of(weights),
        cosines=() if weights is None else cosines_of(weights),
    )


def _place(explorer: Explorer) -> str:
    """The place of the neuron that is shown, which may be the pinned one: in the current list, or in its own layer."""
    current = explorer.current
    shown = current.find(explorer.neuron) if explorer.swapped else current
    if shown is None and isinstance(current.neurons, SiteNeurons):
        pinned = explorer.neuron
        return f"{pinned.index + 1}/{find_site(pinned.site, explorer.facts.sites).width} {current.label}"
    if shown is None:
        return f"-/{len(current)} not in {current.label.removeprefix('in ')}"
    return f"{shown.place + 1}/{len(current)} {current.label}"


def look(explorer: Explorer, quadrant: Quadrant, palette: Palette) -> Look:
    """The colouring of a pane's contexts: the quantity, its scale, the ramp."""
    view = explorer.view
    if view.scale == "pane":
        maximum = pane_scale(explorer.pane(quadrant), view.colour)
    else:
        maximum = neuron_scale(explorer.record, view.colour)
    return Look(view.colour, maximum, palette.ramp, own_only=not view.all_tokens, ascii_only=palette.ascii_only)


def faint(session: Session, quadrant: Quadrant) -> str:
    """The key that changes the scale, if a pane has contexts but every value is too small for a colour of its scale."""
    explorer, palette = session.explorer, session.palette
    record = explorer.pane(quadrant)
    if not explorer.examples(quadrant):
        return ""
    scale = look(explorer, quadrant, palette)
    too_faint = level(pane_scale(record, scale.quantity), scale.maximum, scale.ramp.steps) == 0
    return session.keys.key("show.scale") if too_faint else ""


def pane(session: Session, quadrant: Quadrant, layout: Layout) -> PanePicture:
    explorer, palette = session.explorer, session.palette
    view = explorer.view
    upper, left = quadrant.gate_sign > 0, quadrant.in_sign > 0
    edge = ("tee" if upper else "cross") if layout.kind == "grid" and left else ""
    return PanePicture(
        record=explorer.pane(quadrant),
        total=explorer.record.tokens_counted,
        ranking=explorer.shown.ranking,
        top_k=explorer.facts.top_k,
        look=look(explorer, quadrant, palette),
        cursor=view.cursor(quadrant),
        focused=quadrant is view.focused and not view.in_list,
        faint=faint(session, quadrant),
        find=view.find,
        wrap=view.wrap,
        titled=layout.kind == "grid",
        values_from=VALUES_FROM if layout.kind == "grid" or view.zoomed else GRID_WIDTH,
        edge=edge,
        writes=promoted(explorer.pane(quadrant), explorer.record.weights),
        reads=read(quadrant, explorer.record.weights),
    )


def tabs(session: Session) -> Tabs:
    explorer = session.explorer
    focused = explorer.view.focused
    return Tabs(explorer.record, focused, explorer.shown.ranking, faint(session, focused))


def inspected(explorer: Explorer) -> Inspected:
    return Inspected(explorer.example, explorer.view.focused, explorer.token, _places(explorer), explorer.view.colour)


def _places(explorer: Explorer) -> tuple[str, ...]:
    """The percentiles of the four values of the token under the cursor, in the token's own quadrant."""
    example, token, sample = explorer.example, explorer.token, explorer.record.sample
    if example is None or token is None or sample is None:
        return ()
    quadrant = next((quadrant for quadrant in QUADRANTS if lies_in(example, token, quadrant)), None)
    if quadrant is None:
        return ()
    magnitudes = magnitudes_of(sample)
    places = (magnitudes.place(quadrant, quantity, example.values(quantity)[token] or 0.0) for quantity in QUANTITIES)
    return tuple(map(place_beside, places))


@lru_cache(maxsize=4)
def magnitudes_of(sample: Sample) -> Magnitudes:
    return Magnitudes(sample)


def scale(session: Session) -> Scale:
    explorer, keys = session.explorer, session.keys
    focused = explorer.view.focused
    shown = look(explorer, focused, session.palette)
    return Scale(shown, explorer.view.scale, focused, (keys.key("show.scale"), keys.key("show.all-tokens")))


def foot(session: Session, scope: str = "home") -> Foot:
    explorer, at_home = session.explorer, scope == "home"
    at_last = at_home and not undoable(explorer)
    hints = session.keys.hints(scope, experts=explorer.has_experts, at_last=at_last)
    return Foot(hints, session.notice, session.notice_is_bad)


def undoable(explorer: Explorer) -> bool:
    """Whether home has a list, swap, find, zoom or a list over the layer's to undo; if not, the key for it quits."""
    view = explorer.view
    return bool(view.in_list or explorer.swapped or view.find or view.zoomed or explorer.list_is_over)


def neuron_list(session: Session, rows: Rows, top: int, height: int) -> ListPicture:
    """The part of the current list in `height` rows, its headings included.

    It doesn't scroll while the neuron is visible, then jumps by half a page, so that few steps repaint all of it.
    """
    explorer = session.explorer
    current, signs = explorer.current, explorer.view.signs
    room = max(1, height - HEADS)
    first = top if top <= current.place < top + room else max(0, current.place - room // 2)
    first = max(0, min(first, len(current) - room))
    entries = []
    for place, neuron in enumerate(current.neurons[first : first + room], first):
        row = rows.get((neuron, signs))
        stands_for = _stands_for(current, place, signs, row)
        entries.append(ListEntry(str(neuron), row, stands_for, neuron in session.notes))
    return ListPicture(current.label, first, tuple(entries), current.place, explorer.view.in_list)


def _stands_for(current: CurrentList, place: int, signs: str, row: NeuronRow | None) -> str:
    """The quadrant and ranking of a row that stands for a context."""
    sight = current.sights[place] if current.sights else None
    if sight is None:
        return ""
    return f"{sight.quadrant_under(signs, row is not None and row.flipped).value} {sight.ranking}"


def missing_rows(explorer: Explorer, rows: Rows, picture: ListPicture) -> list[NeuronAddress]:
    """The neurons in view, and up to a screenful around, without a narrow row; none if all those in view have one."""
    neurons, seen, signs = explorer.current.neurons, len(picture.entries), explorer.view.signs
    if all(entry.row is not None for entry in picture.entries):
        return []
    around = neurons[max(0, picture.first - seen) : picture.first + 2 * seen]
    return [neuron for neuron in around if (neuron, signs) not in rows]
