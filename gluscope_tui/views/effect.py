"""Rows of `gluscope effect`: a table with the tokens below it for people, columns and JSON for scripts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from indexer.live.effect.result import MEASURES, Effect, Interval, Measured

from ..colour.depth import Depth
from ..colour.style import PLAIN, Style, StyledLine
from ..text.cells import cell_len, column, fit
from ..text.clean import clean
from .columns import Columns
from .numbers import full_count, signed
from .writes import in_a_row

_MANY = 3
"""Rows of more neurons than these have no tokens below the table."""

_LABEL_CELLS = 18
_GAP = "  "


def interval_text(found: Interval | None) -> str:
    """`+0.0123 [+0.0081, +0.0170]`; without an interval the mean alone; `-` for nothing."""
    if found is None or found.low is None or found.high is None:
        return signed(None if found is None else found.mean)
    return f"{signed(found.mean)} [{_short(found.low)}, {_short(found.high)}]"


def _short(value: float) -> str:
    """Two significant digits are enough for a bound."""
    digits, power, exponent = signed(float(f"{value:.2g}")).partition("e")
    short = digits.rstrip("0").rstrip(".") if abs(value) < 1 and value else digits
    return short + power + exponent


def mean_text(found: Interval | None) -> str:
    """The mean alone."""
    return signed(None if found is None else found.mean)


def share_text(share: float | None) -> str:
    """A share as a percentage."""
    return "-" if share is None else f"{100 * share:.3g}%"


def place_text(row: Effect) -> str:
    """`1 of 9`: the neuron's place among its controls and itself."""
    found = row.controls
    return "" if found is None or found.place is None else f"{found.place} of {found.n + 1}"


_HEADS = (
    ("", "neuron"),
    ("", "Q"),
    ("", "over"),
    ("", "tokens"),
    ("nll", "at them"),
    ("nll", "all"),
    ("kl", ""),
    ("", "entropy"),
    ("top 1", "changes"),
    ("", "place"),
)
_RIGHT = range(3, 9)


def lines(rows: Iterable[Effect], width: int, depth: Depth = Depth.PLAIN) -> tuple[list[StyledLine], list[str]]:
    """The table, a line for each text that a row is measured on, and for few neurons the tokens of each row.

    With it the names of the columns that have no room.
    """
    shown = list(rows)
    bold = PLAIN if depth is Depth.PLAIN else Style(bold=True)
    table = [cells for row in shown for cells in _cells(row)]
    widths = [
        max([*(cell_len(cells[place]) for cells in table), *map(cell_len, head)]) for place, head in enumerate(_HEADS)
    ]
    kept = _fitting(table, widths, width)
    found: list[StyledLine] = [((_line([head[which] for head in _HEADS], widths, kept), bold),) for which in (0, 1)]
    found += [((_line(cells, widths, kept), PLAIN),) for cells in table]
    if len({row.neuron for row in shown}) <= _MANY:
        found += [line for row in shown for line in tokens(row, width, bold)]
    filled = [place for place in range(len(_HEADS)) if any(cells[place] for cells in table)]
    return found, [" ".join(filter(None, _HEADS[place])) for place in filled if place not in kept]


def _cells(row: Effect) -> Iterator[list[str]]:
    yield _of(row, row.over, row.main, place_text(row))
    if row.extremes is not None:
        yield _of(row, "extremes", row.extremes, "")


def _of(row: Effect, over: str, found: Measured, place: str) -> list[str]:
    never = "never" if not found.positions else full_count(found.positions)
    return [
        row.neuron,
        row.quadrant,
        over,
        never,
        interval_text(found.nll_at),
        mean_text(found.nll_all),
        mean_text(found.kl_at),
        mean_text(found.entropy_at),
        share_text(found.top1_changed),
        place,
    ]


_NEURON, _PLACE = 0, 9
_FIRST_OUT = (_PLACE, 7, 5, 8, 6, 3, 2)
"""Columns that a narrow terminal leaves out, the first ones first: place, entropy, nll all, top 1, kl, tokens, over."""


def _fitting(table: Sequence[Sequence[str]], widths: Sequence[int], width: int) -> list[int]:
    """The columns that have room. One without values goes first; that of the neuron last, unless there is only one."""
    alone = len({cells[_NEURON] for cells in table}) <= 1
    order = [_NEURON, *_FIRST_OUT] if alone else [*_FIRST_OUT, _NEURON]
    order.sort(key=lambda place: any(cells[place] for cells in table))
    kept = list(range(len(widths)))
    for place in order:
        if sum(widths[one] + len(_GAP) for one in kept) - len(_GAP) <= width:
            break
        kept.remove(place)
    return kept


def _line(cells: Sequence[str], widths: Sequence[int], kept: Sequence[int]) -> str:
    return _GAP.join((column if place in _RIGHT else fit)(cells[place], widths[place]) for place in kept).rstrip()


def tokens(row: Effect, width: int, bold: Style = PLAIN) -> Iterator[StyledLine]:
    """The tokens that rise and fall most, each beside what the weights say; nothing where nothing was altered."""
    if not row.main.positions:
        return
    yield ()
    place = place_text(row)
    yield ((f"{row.neuron} {row.quadrant} to {row.to}" + (f", place {place} by |nll|" if place else ""), bold),)
    for name, measured, expected in (
        ("raised", row.main.raised, row.expected_raised),
        ("lowered", row.main.lowered, row.expected_lowered),
    ):
        room = max(width - _LABEL_CELLS, 8)
        yield ((f"{name:<{_LABEL_CELLS}}{in_a_row((one.token for one in measured), room) or '-'}", PLAIN),)
        if expected:
            yield ((f"{'  by the weights':<{_LABEL_CELLS}}{in_a_row(expected, room - 1)}", PLAIN),)


_NAMES = (
    *("neuron", "quadrant", "to", "over", "positions", "sequences"),
    *(f"{measure}{end}" for measure in MEASURES for end in ("", "_low", "_high")),
    *("top1_changed", "post_change", "raised", "lowered", "place", "controls"),
    *("extremes_positions", "extremes_nll_at", "extremes_kl_at"),
)


def _fields(row: Effect) -> list[str]:
    main, extremes = row.main, row.extremes
    numbers: list[float | int | None] = []
    for measure in MEASURES:
        found = main.measure(measure)
        numbers += [None] * 3 if found is None else [found.mean, found.low, found.high]
    controls = row.controls
    ends: list[float | int | None] = [None, None, None]
    if extremes is not None:
        at, kl = extremes.nll_at, extremes.kl_at
        ends = [extremes.positions, None if at is None else at.mean, None if kl is None else kl.mean]
    return [
        *(clean(text) for text in (row.neuron, row.quadrant, row.to, row.over)),
        *map(_number, (main.positions, main.sequences, *numbers, main.top1_changed, main.post_change)),
        *(clean(" ".join(one.token.strip() or "_" for one in each[:5])) for each in (main.raised, main.lowered)),
        *map(_number, (None, None) if controls is None else (controls.place, controls.n)),
        *map(_number, ends),
    ]


def _number(value: float | None) -> str:
    return "" if value is None else str(value) if isinstance(value, int) else f"{value + 0.0:.7g}"


COLUMNS: Columns[Effect] = Columns(_NAMES, fields=_fields, as_object=Effect.as_json)
"""The columns of rows for scripts."""

SORTS = ("nll_at", "nll_all", "kl_at", "entropy_at", "top1_changed", "positions", "place")
"""What rows can be sorted by."""


def sort_key(row: Effect, by: str) -> tuple[bool, float]:
    """The key that puts the largest magnitude first (the smallest place), rows without a value last."""
    if by == "place":
        found = None if row.controls is None else row.controls.place
        return found is None, float(found or 0)
    if by in MEASURES:
        measured = row.main.measure(by)
        value = None if measured is None else measured.mean
    else:
        value = getattr(row.main, by)
    return value is None, -abs(value or 0.0)
