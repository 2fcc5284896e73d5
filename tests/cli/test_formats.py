"""A format of rows is complete: offered by every command that prints rows, parsed back to the same rows, documented."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from gluscope_tui.cli.app import run
from gluscope_tui.cli.options import RowFormat
from gluscope_tui.cli.printing import WRITERS
from tests.support.index_fixture import Truth, make_index

Capture = pytest.CaptureFixture[str]
DOCS = Path(__file__).parents[2] / "docs"
OFFERED = [name for name in get_args(get_args(get_args(RowFormat)[0])[0]) if name != "table"]
COMMANDS = {"neurons": ["-n", "5"], "layers": [], "search": ["the"]}
"""The commands that print rows; the neuron or site is the first field of each row."""


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    return make_index(tmp_path_factory.mktemp("index") / "tiny.db", layers=2, width=24)


def first(objects: list[dict[str, str]]) -> list[str]:
    return [next(iter(one.values())) for one in objects]


FIRST_FIELDS: dict[str, Callable[[str], list[str]]] = {
    "plain": lambda text: [line.split("\t")[0] for line in text.splitlines()],
    "csv": lambda text: [row[0] for row in csv.reader(io.StringIO(text))][1:],
    "json": lambda text: first(json.loads(text)),
    "jsonl": lambda text: first([json.loads(line) for line in text.splitlines()]),
}
"""How a script reads each format: a new one is added here."""


@pytest.mark.parametrize("command", list(COMMANDS))
@pytest.mark.parametrize("format", OFFERED)
def test_every_format_of_rows_holds_the_rows_of_json(truth: Truth, capsys: Capture, command: str, format: str) -> None:
    found = []
    for asked in (format, "json"):
        assert run([command, *COMMANDS[command], "-f", asked, "--db", str(truth.path)]) == 0
        found.append(FIRST_FIELDS[asked](capsys.readouterr().out))
    assert found[0] == found[1] != []


@pytest.mark.parametrize("command", [*COMMANDS, "models"])
def test_every_format_of_rows_is_offered_and_documented(capsys: Capture, command: str) -> None:
    text = (DOCS / "commands.md").read_text(encoding="utf-8")
    section = re.search(rf"^## gluscope {command}\b.*?(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert section is not None
    row = next(line for line in section[0].splitlines() if line.startswith("| `--format`"))
    assert run([command, "--help"]) == 0
    helped = capsys.readouterr().out
    for format in WRITERS if command == "models" else OFFERED:
        assert format in WRITERS
        assert re.search(rf"[\s,]{format}\b", row)
        assert re.search(rf"\b{format}\b", helped)
