"""All neurons of an index as one table: any columns, filtered and sorted, a page at a time."""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property

from ...errors import GluscopeError
from ..format.columns import COLUMNS, OPTIONAL, Column, Source, column_named, nearest_column
from ..format.kinds import COUNT, FLAG, LONG_TEXT
from ..read.connection import Connection, Row
from ..read.lacking import not_built, not_computed
from ..read.nearby import Nearby
from .where import Compiled, Holds, compile_condition, compile_number

_TOGETHER = 900  # rows that are kept until they are in order
_STRETCH = 20_000  # rows a query when they are read in the order of the file
_NO_CONDITION = Compiled("1", (), frozenset())


class Table:
    """The neurons, one row each. Conditions and sort keys follow `where`; columns are in `COLUMNS`.

    A scan of the narrow table takes about 0.1 s for 458,752 neurons, whatever the column, so none has an index.
    """

    def __init__(self, connection: Connection, nearby: Nearby, holding: Callable[[Holds], Sequence[int]]) -> None:
        """`holding`: finds the row numbers of the neurons whose lists hold a token."""
        self._connection = connection
        self._nearby = nearby
        self._holding = holding

    def rows(
        self,
        columns: Sequence[str],
        where: str | None = None,
        sort: str | None = None,
        *,
        descending: bool = True,
        limit: int | None = None,
        offset: int = 0,
        signs: str = "aligned",
    ) -> Iterator[Row]:
        """A tuple for each neuron, in the order of the model, or by `sort` with the neurons that lack a value last."""
        names = known_columns(columns)
        condition = _condition(where, signs)
        self._need(names, condition)
        if sort is None and limit is None and not offset:
            return self._stretches(names, condition, signs)
        order = self._order(condition, sort, descending, limit, offset, signs)
        return self.rows_of(order, columns, signs=signs)

    def count(self, where: str | None = None, *, signs: str = "aligned") -> int:
        """How many neurons meet the condition; None: all."""
        condition = _condition(where, signs)
        self._need((), condition)
        tables = _tables(condition.columns)
        sql = f"SELECT count(*) FROM {tables} WHERE {condition.sql}"
        rows = self._connection.rows(sql, (COUNT,), self._values(condition))
        found: int = rows[0][0]
        return found

    def order(
        self,
        where: str | None = None,
        sort: str | None = None,
        *,
        descending: bool = True,
        limit: int | None = None,
        signs: str = "aligned",
    ) -> array[int]:
        """The row numbers (neurons.id) of all that meet the condition, in order: for `rows_of`, 8 bytes each.

        Rows of equal key, and all rows without `sort`, are in the order of the model. With `limit`, the first ones are
        found much sooner than all.
        """
        return self._order(_condition(where, signs), sort, descending, limit, 0, signs)

    def rows_of(self, numbers: Sequence[int], columns: Sequence[str], *, signs: str = "aligned") -> Iterator[Row]:
        """The tuples of some row numbers, in their order."""
        names = known_columns(columns)
        self._need(names, _NO_CONDITION)
        chosen = _Chosen(names, signs)
        self._nearby.neurons(numbers, _names_of_tables(names))
        for start in range(0, len(numbers), _TOGETHER):
            group = list(numbers[start : start + _TOGETHER])
            sql = f"SELECT {chosen.sql} FROM {_tables(names)} WHERE n.id IN"
            found = {row[0]: chosen.row(row) for row in self._connection.rows_among(sql, chosen.kinds, group)}
            if missing := [number for number in group if number not in found]:
                raise self._connection.damaged(f"neurons has no row {missing[0]}")
            for number in group:
                yield found[number]

    @cached_property
    def has_weights(self) -> bool:
        """Whether the index holds the numbers computed from the weights."""
        return self._has("w")

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns that the index has, in the order of COLUMNS."""
        return tuple(name for name, column in COLUMNS.items() if self._has(column.table))

    def _has(self, source: Source) -> bool:
        """Whether the index holds the table of some columns, and rows in it."""
        return source in ("n", "s") or source in self._filled

    @cached_property
    def _ranks_by_post(self) -> bool:
        """Whether the index keeps examples by post."""
        rows = self._connection.rows("SELECT value FROM info WHERE key = 'rankings'", (LONG_TEXT,))
        return any('"post"' in row[0] for row in rows)

    @cached_property
    def _filled(self) -> frozenset[Source]:
        found = {letter for letter, table in OPTIONAL.items() if table in self._connection.tables}
        return frozenset(
            letter for letter in found if self._connection.rows(f"SELECT 1 FROM {OPTIONAL[letter]} LIMIT 1", (FLAG,))
        )

    def _order(
        self,
        condition: Compiled,
        sort: str | None,
        descending: bool,
        limit: int | None,
        offset: int,
        signs: str,
    ) -> array[int]:
        key, names = _key(sort, signs)
        self._need(names, condition)
        direction = "DESC" if descending else "ASC"
        by = f"{key.sql} {direction} NULLS LAST, n.id" if key else f"n.id {direction if sort else 'ASC'}"
        if key or condition.columns:
            self._nearby.tables(_names_of_tables(condition.columns | names))
        tables = _tables(condition.columns | names)
        sql = f"SELECT n.id FROM {tables} WHERE {condition.sql} ORDER BY {by} LIMIT ? OFFSET ?"
        values = (*self._values(condition), *(self._values(key) if key else ()))
        parameters = (*values, -1 if limit is None else limit, offset)
        return array("q", [row[0] for row in self._connection.rows(sql, (COUNT,), parameters)])

    def _stretches(self, names: Sequence[str], condition: Compiled, signs: str) -> Iterator[Row]:
        """All rows, in the order of the file, a number of rows at a time."""
        chosen = _Chosen(names, signs)
        self._nearby.tables(_names_of_tables((*names, *condition.columns)))
        tables = _tables((*names, *condition.columns))
        sql = f"SELECT {chosen.sql} FROM {tables} WHERE n.id > ? AND {condition.sql} ORDER BY n.id LIMIT {_STRETCH}"
        last, values = -1, self._values(condition)
        while rows := self._connection.rows(sql, chosen.kinds, (last, *values)):
            yield from map(chosen.row, rows)
            if len(rows) < _STRETCH:
                return
            last = rows[-1][0]

    def _values(self, compiled: Compiled) -> tuple[float | int | str, ...]:
        """The values of an expression's parameters; neurons that hold a token as a JSON list of their row numbers."""
        return tuple(
            json.dumps(list(self._holding(value))) if isinstance(value, Holds) else value
            for value in compiled.parameters
        )

    def _need(self, names: Iterable[str], condition: Compiled) -> None:
        """GluscopeError if the index lacks a requested column."""
        for name in (*names, *sorted(condition.columns)):
            source = COLUMNS[name].table
            if self._has(source):
                continue
            if source == "e" and not self._ranks_by_post:
                raise GluscopeError(f"this index has no {name}: it keeps no examples by post", "rank by post, too")
            if source == "e":
                raise not_built(self._connection, f"this index has no {name}: an older gluscope made it")
            raise not_computed(self._connection, name, has_weights=self.has_weights)


class _Chosen:
    """The columns of a query after n.id, each once: SQLite takes at most 2,000, and one may be requested often."""

    def __init__(self, names: Sequence[str], signs: str) -> None:
        distinct = tuple(dict.fromkeys(names))
        columns = [COLUMNS[name] for name in distinct]
        self.sql = ", ".join(("n.id", *(column.sql(signs) for column in columns)))
        self.kinds = (COUNT, *(column.values for column in columns))
        places = [1 + distinct.index(name) for name in names]
        self._places = None if len(distinct) == len(names) else places

    def row(self, row: Row) -> Row:
        """The requested values, in their order."""
        return row[1:] if self._places is None else tuple([row[place] for place in self._places])


def known_columns(names: Sequence[str]) -> tuple[str, ...]:
    """The names, if all are columns; GluscopeError naming the nearest otherwise."""
    return tuple(column(name).name for name in names)


def column(name: str) -> Column:
    """The column with a name. GluscopeError names the nearest one if there is none."""
    found = column_named(name)
    if found is not None:
        return found
    if not re.fullmatch(r"\w+", name.strip()):
        raise GluscopeError(
            f"{name!a} is not a column, and arithmetic is not possible here", f"name one of {column_list()}"
        )
    near = nearest_column(name)
    raise GluscopeError(
        f"there is no column {name!a}", f"did you mean {near}?" if near else f"there are {column_list()}"
    )


def column_list(*, numbers: bool = False) -> str:
    """All columns, or the numeric ones, in a line: X and Q stand for every quantity and quadrant."""
    short = (
        re.sub(r"_(?:pp|pn|np|nn)$", "_Q", re.sub(r"^(mean|extreme)_(?:gate|in|act|post)_", r"\1_X_", name))
        for name, column in COLUMNS.items()
        if not (numbers and column.kind == "text")
    )
    return f"{', '.join(dict.fromkeys(short))}, with X gate, in, act or post and Q pp, pn, np or nn"


def _condition(where: str | None, signs: str) -> Compiled:
    return _NO_CONDITION if where is None else compile_condition(where, signs)


def _key(sort: str | None, signs: str) -> tuple[Compiled | None, frozenset[str]]:
    """The sort key (None for the order of the model), and the columns in it. Texts sort without case; `neuron` and
    `site` sort in the order of the model."""
    if sort is None or sort.strip().lower() in ("neuron", "site"):
        return None, frozenset()
    alone = column_named(sort.strip())
    if alone is not None:
        case = " COLLATE NOCASE" if alone.kind == "text" else ""
        return Compiled(alone.sql(signs) + case, (), frozenset((alone.name,))), frozenset((alone.name,))
    key = compile_number(sort, signs)
    return key, key.columns


def _names_of_tables(names: Iterable[str]) -> list[str]:
    """The narrow tables that a query of these columns reads."""
    sources = {COLUMNS[name].table for name in names}
    return ["neurons", *(table for source, table in OPTIONAL.items() if source in sources)]


def _tables(names: Iterable[str]) -> str:
    """The tables that hold these columns; CROSS makes SQLite begin with the table neurons."""
    needed = {COLUMNS[name].table for name in names}
    sites = " CROSS JOIN sites AS s ON s.id = n.site" if "s" in needed else ""
    others = (f" LEFT JOIN {table} AS {one} ON {one}.neuron = n.id" for one, table in OPTIONAL.items() if one in needed)
    return f"neurons AS n{sites}{''.join(others)}"
