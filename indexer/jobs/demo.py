"""The demo: a small model, the documentation that ships with Python, and the index of both in the user's cache."""

from __future__ import annotations

import json
import pydoc_data.topics
import re
from collections.abc import Callable
from pathlib import Path

from ..cache import cache_folder, demo_path
from ..errors import GluscopeError
from ..progress import Progress, Report
from ..run.output_file import is_index
from ..settings import Execution, Inputs, Settings
from .fetch_smollm2 import smollm2

Notice = Callable[[str], None]
TOKENS = 20_000
_ENOUGH = 3_000
_HEADING = re.compile(r"^\S.*\n([=*~^-])\1{2,}$", re.MULTILINE)


def make_demo(model: str | None, *, progress: Report) -> Path:
    """Index the first 20,000 tokens of Python's documentation with SmolLM2-135M, or with `model`.

    Returns the index's path. An existing readable index is used again. GluscopeError for what a user can
    mend.
    """
    db = demo_path(model)
    if db.exists() and _is_readable(db):
        return db
    notice = _teller(progress)
    cache = cache_folder()
    chosen = model if model is not None else str(smollm2(cache, notice))
    notice(f"indexing {TOKENS:,} tokens of Python's documentation into {db}")
    from .index import index

    inputs = Inputs(paths=(str(_documentation(cache)),))
    overwrite = db.exists() and is_index(db)
    return index(chosen, inputs, db, Settings(tokens=TOKENS), Execution(), overwrite=overwrite, progress=progress)


def _is_readable(db: Path) -> bool:
    from ..database.reader import Index

    try:
        with Index(db) as made:
            return made.info().complete
    except GluscopeError:
        return False


def _teller(progress: Report) -> Notice:
    return lambda message: progress(Progress("notice", message=message))


def sections(text: str) -> list[str]:
    """A text cut before underlined headings into pieces of about 3,000 characters or more; joined, they give the text.

    A piece is about one context long: many tiny documents cost more than their tokens, and a long one overshoots.
    """
    pieces = [""]
    starts = [match.start() for match in _HEADING.finditer(text) if match.start()]
    for start, end in zip([0, *starts], [*starts, len(text)], strict=True):
        if len(pieces[-1]) >= _ENOUGH:
            pieces.append("")
        pieces[-1] += text[start:end]
    return pieces


def _documentation(cache: Path) -> Path:
    """The topics of pydoc as JSON lines, one document for each section, in the order of the module."""
    path = cache / "python-topics.jsonl"
    lines = (
        json.dumps({"topic": topic, "text": section})
        for topic, text in pydoc_data.topics.topics.items()
        for section in sections(text)
    )
    try:
        cache.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    except OSError as error:
        raise GluscopeError(
            f"{path} can't be written: {error.strerror}", "set XDG_CACHE_HOME to a folder that can be written"
        ) from error
    return path
