"""Empties tables of a finished index, and gives it the tables and views that an older one lacks."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from ..format.columns import OPTIONAL
from ..format.schema import statement

VIEWS = ("neuron_raw", "neuron_aligned")


def renew(sqlite: sqlite3.Connection, tables: Iterable[str]) -> None:
    """Make some tables anew, empty; make the views anew, and the tables that they read if they are missing.

    Part of the caller's transaction.
    """
    for view in reversed(VIEWS):
        sqlite.execute(f"DROP VIEW IF EXISTS {view}")
    emptied = tuple(tables)
    for table in emptied:
        sqlite.execute(f"DROP TABLE IF EXISTS {table}")
    there = {name for (name,) in sqlite.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    for table in (*emptied, *(one for one in OPTIONAL.values() if one not in there and one not in emptied)):
        sqlite.execute(statement(table))
    for view in VIEWS:
        sqlite.execute(statement(view))
