"""The content of a table's screen, as text."""

from __future__ import annotations

from gluscope_tui.tui.app import ExplorerApp
from gluscope_tui.tui.widgets.hints import Hints
from gluscope_tui.tui.widgets.table import Table
from gluscope_tui.tui.widgets.table_title import TableTitle


def lines(app: ExplorerApp) -> list[str]:
    table = app.screen.query_one(Table)
    return [table.render_line(row).text for row in range(table.size.height)]


def rows(app: ExplorerApp) -> list[list[str]]:
    """The words of each row, without the cursor's mark and brackets."""
    return [line.lstrip("▸ ").translate(str.maketrans("[]", "  ")).split() for line in lines(app)[2:] if line.strip()]


def headline(app: ExplorerApp) -> str:
    return app.screen.query_one(TableTitle).render_line(0).text


def foot(app: ExplorerApp) -> str:
    return app.screen.query_one(Hints).render_line(0).text


def foot_lines(app: ExplorerApp) -> list[str]:
    hints = app.screen.query_one(Hints)
    return [hints.render_line(row).text.strip() for row in range(hints.size.height)]
