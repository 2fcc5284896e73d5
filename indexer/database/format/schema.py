"""The identity of an index file, and the codes of its packed values. See docs/schema.md."""

from __future__ import annotations

import re
import sqlite3
from functools import cache
from pathlib import Path

from .columns import COLUMNS, OPTIONAL

APPLICATION_ID = 0x474C5553
"""SQLite's application_id of an index: "GLUS". Set last, so that a half-written file is not an index."""

SCHEMA_VERSION = 1
"""SQLite's user_version of an index. Readers refuse a larger one."""

PAGE_SIZE = 2048
"""Bytes of a page. Measured on neurons of SmolLM2-135M with the default settings, 195 distinct peaks each: examples
15.8 kB, sample 3.8 kB, row 0.3 kB; with what pages waste, 20.2 kB a neuron at 1024, 20.4 at 2048, 20.8 at 4096 and
8192, 20.5 at 16384, 33 at 32768, 22 at 65536. 1024 would make more of the chains that a read follows, for 1 %."""

SAMPLE_SCALE = 16.0
"""Sampled values are kept as float16 of value / 16: a range of a million, 11 bits everywhere above 0.001."""


LONGEST_SEQUENCE = 2**22
"""Tokens."""

LARGEST_TEXT = 2**26
"""Bytes of the text of a sequence, or of all contexts of a neuron."""

PEAKS = """CREATE TABLE peaks (                      -- the neurons whose examples peak on a text
    text    TEXT,                            -- of a peak; NULL: any text that folds so, where there are several
    folded  TEXT NOT NULL,                   -- the text without case and without blanks in front
    block   INTEGER NOT NULL,                -- 0: the strongest
    neurons BLOB NOT NULL,                   -- see "Packed values" in docs/schema.md
    UNIQUE (folded, text, block)
) STRICT"""
CONTEXTS = """CREATE TABLE contexts (                   -- the examples that are from a sequence
    sequence INTEGER NOT NULL REFERENCES sequences (id),
    block    INTEGER NOT NULL,               -- 0: the strongest
    examples BLOB NOT NULL,
    UNIQUE (sequence, block)
) STRICT"""
WORDS = """CREATE VIRTUAL TABLE words USING fts5 (
    text, content = '', columnsize = 0, tokenize = 'unicode61 remove_diacritics 0'
)"""
"""The tables that a search reads, made once the rest is there."""

SEARCH_VERSION = 2
"""How these are made; `info.search` says it. 1, or nothing said: peaks are single tokens, and text in some
scripts without blanks is cut into words like English."""

BLOCK = 8192
"""Postings packed together in a row of `peaks` or `contexts`."""

STRONGEST = 255
"""What a strength of 1 is stored as."""


def for_this_sqlite(statement: str) -> str:
    """A statement with its tables STRICT, so that a column holds only values of its type, if SQLite supports it."""
    if sqlite3.sqlite_version_info >= (3, 37):
        return statement
    return statement.replace(" WITHOUT ROWID, STRICT", " WITHOUT ROWID").replace(") STRICT", ")")


def schema_sql() -> str:
    """The statements that make the tables and views of an empty index."""
    tables = Path(__file__).with_name("schema.sql").read_text(encoding="utf-8")
    return for_this_sqlite(tables) + "".join(map(_view, ("raw", "aligned")))


def _view(signs: str) -> str:
    """The statement that makes the view of all neurons under the signs `raw` or `aligned`."""
    columns = "".join(f',\n    {column.sql(signs)} AS "{column.name}"' for column in COLUMNS.values())
    tables = "neurons AS n JOIN sites AS s ON s.id = n.site"
    for letter, table in OPTIONAL.items():
        tables += f" LEFT JOIN {table} AS {letter} ON {letter}.neuron = n.id"
    return f"\nCREATE VIEW neuron_{signs} AS SELECT\n    n.id AS id{columns}\nFROM {tables};\n"


@cache
def table_names() -> frozenset[str]:
    """The tables that an index may have, those of the search too."""
    made = "\n".join((schema_sql(), PEAKS, CONTEXTS, WORDS))
    return frozenset(re.findall(r"^CREATE (?:VIRTUAL )?TABLE (\w+)", made, re.MULTILINE))


def statement(name: str) -> str:
    """The statement that makes the table or view of a name."""
    found = re.search(rf"^CREATE (?:TABLE|VIEW) {name} .*?;$", schema_sql(), re.MULTILINE | re.DOTALL)
    assert found is not None  # a name of schema.sql
    return found[0]
