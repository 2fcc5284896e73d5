"""The command line: a thin shell over `indexer` and the views, a module for each command.

To add a command that reads an index:
1. write `cli/NAME.py` with a function `command`: open the index with `opening.open_index`, take the options that others
   have from `options`, print with `printing.Printer`, and end the docstring with examples;
2. add its name and summary to `COMMANDS` in `app.py`;
3. describe every option in a section of docs/commands.md, and its JSON in docs/formats.md;
4. give it a line in `LINES` of tests/cli/test_reading_installation.py, which runs it without torch or numpy.
"""

from __future__ import annotations

from .app import main

__all__ = ["main"]
