"""The picture of the strip: the tokens of one's own text, coloured by the shown neuron, and the token under the cursor.

Pure. Tokens are coloured in whatever quadrant they lie, on the scale of the neuron's panes.
"""

from __future__ import annotations

from indexer.database.records import Example
from indexer.live.records import NeuronValues
from indexer.quadrants import QUANTITIES

from ...colour.style import StyledLine
from ...text.clean import clean
from ...views.contexts import Look, neuron_scale
from ...views.numbers import signed
from ...views.sample import place_text
from ..drawing.contexts import Row, context_rows
from ..drawing.layout import top_to_show
from ..drawing.painting import Part, fitted
from ..drawing.palette import Palette
from ..drawing.token_names import token_name
from ..session.explorer import Explorer
from ..session.session import Session
from ..session.tried import OwnText
from ..widgets.own_text import OwnTextPicture
from .pictures import magnitudes_of

_HINT = "{live.previous} {live.next} token  {live.table} neurons"


def own_text(session: Session, width: int, height: int) -> OwnTextPicture:
    """The strip in so many cells and rows, the last of which tells of the token under the cursor."""
    explorer, tried, palette = session.explorer, session.trying.tried, session.palette
    shown = OwnText(tried.asked, (tried.asked,), ()) if tried.busy or tried.read is None else tried.read
    values = None if tried.busy else tried.values(explorer.shown.neuron, explorer.shown.signs)
    at = min(tried.at, len(shown.tokens) - 1) if not tried.busy else None
    rows = _rows(explorer, shown, values, at, palette, max(8, width - 1))
    room = max(1, height - 1)
    here = 0 if at is None else next((n for n, row in enumerate(rows) if any(c[2] == at for c in row.cells)), 0)
    top = top_to_show(max(0, here - room + 1), here, here, room, len(rows))
    if tried.problem:
        last: StyledLine = (
            (f" {clean(session.keys.filled(tried.problem), ascii_only=palette.ascii_only)}", palette.warning),
        )
    elif tried.busy or at is None:
        last = ((f" {clean(tried.status or 'waiting', ascii_only=palette.ascii_only)}", palette.faint),)
    else:
        parts = _told(explorer, shown, values, at, palette)
        hint = Part(session.keys.filled(_HINT), palette.faint, 8)
        last = fitted([*parts, hint], width, "  ", palette.text)
    return OwnTextPicture(tuple(rows[top : top + room]), last)


def _rows(
    explorer: Explorer, shown: OwnText, values: NeuronValues | None, at: int | None, palette: Palette, width: int
) -> list[Row]:
    view = explorer.view
    look = Look(
        view.colour,
        neuron_scale(explorer.record, view.colour),
        palette.ramp,
        own_only=False,
        ascii_only=palette.ascii_only,
    )
    example = _example(shown, values, 0 if at is None else at)
    return context_rows(example, view.focused, width, look, palette, wrap=True, cursor=at)


def _example(shown: OwnText, values: NeuronValues | None, peak: int) -> Example:
    """The text as a context whose peak is the cursor."""
    none = (None,) * len(shown.tokens)
    lanes = (none,) * 4 if values is None else (values.gate, values.in_, values.act, values.post)
    return Example("post", 0, 0.0, 0, 0, peak, "", peak, shown.text, shown.tokens, *lanes)


def _told(explorer: Explorer, shown: OwnText, values: NeuronValues | None, at: int, palette: Palette) -> list[Part]:
    """The token under the cursor, its quadrant and its four values, with their percentiles."""
    text, whole = token_name(shown.tokens, at, 24, ascii_only=palette.ascii_only)
    quoted = text if not whole else f'"{text}"' if palette.ascii_only else f"«{text}»"
    parts = [Part(f"{palette.glyphs.cursor}own {at}/{len(shown.tokens) - 1}", palette.strong, 4)]
    parts.append(Part(quoted, palette.strong, 3))
    if values is None:
        waiting = "~" if palette.ascii_only else "…"
        return [*parts, Part(waiting, palette.faint)]
    quadrant = values.quadrant[at]
    if values.post[at] is None:
        why = "not counted" if at not in shown.counted else "not routed here"
        return [*parts, Part(why, palette.faint)]
    parts.append(Part("0" if quadrant is None else quadrant.value, palette.strong))
    for name in QUANTITIES:
        value = values[name][at] or 0.0
        parts.append(Part(f"{name} {signed(value)}", palette.text))
        sample = explorer.record.sample
        if quadrant is not None and sample is not None and len(sample):
            place = place_text(magnitudes_of(sample).place(quadrant, name, value))
            parts.append(Part(place, palette.faint, 6 if name == explorer.view.colour else 7, near=True))
    return parts
