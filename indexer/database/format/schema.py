"""What identifies an index file, and the codes that its packed values use. See docs/schema.md."""

from __future__ import annotations

import re
from pathlib import Path

APPLICATION_ID = 0x474C5553
"""SQLite's application_id of an index: "GLUS". Set last, so that a half-written file is no index."""

SCHEMA_VERSION = 1
"""SQLite's user_version of an index. Readers refuse a larger one."""

PAGE_SIZE = 2048
"""Bytes of a page. Measured on neurons of SmolLM2-135M with the default settings, 195 distinct peaks each: examples
15.8 kB, sample 3.8 kB, row 0.3 kB; with what pages waste, 20.2 kB a neuron at 1024, 20.4 at 2048, 20.8 at 4096 and
8192, 20.5 at 16384, 33 at 32768, 22 at 65536. 1024 would make more of the chains that a read follows, for 1 %."""

SAMPLE_SCALE = 16.0
"""Sampled values are kept as float16 of value / 16, which reaches to about a million."""


def schema_sql() -> str:
    """The statements that make the tables and views of an empty index."""
    return Path(__file__).with_name("schema.sql").read_text(encoding="utf-8")


def statement(name: str) -> str:
    """The statement that makes the table or view of a name."""
    found = re.search(rf"^CREATE (?:TABLE|VIEW) {name} .*?;$", schema_sql(), re.MULTILINE | re.DOTALL)
    assert found is not None  # a name of schema.sql
    return found[0]
