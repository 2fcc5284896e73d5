"""The manual names every command and every option, and nothing that isn't there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gluscope_tui.cli.app import COMMANDS, run

DOCS = Path(__file__).parents[2] / "docs"
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
NOT_DOCUMENTED = {"--help"}  # told once, for all commands


def section(name: str) -> str:
    """The part of docs/commands.md about a command."""
    text = (DOCS / "commands.md").read_text(encoding="utf-8")
    found = re.search(rf"^## gluscope {name}\b.*?(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found is not None, f"docs/commands.md has no section for {name}"
    return found[0]


@pytest.mark.parametrize("name", list(COMMANDS))
def test_the_manual_names_the_options_of_a_command(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--help"]) == 0
    listed = capsys.readouterr().out.partition("Options:")[2]
    has = {match for line in listed.splitlines() if line.startswith("  -") for match in OPTION.findall(line)}
    told = set(OPTION.findall(section(name)))
    assert told - {"--install-completion", "--show-completion"} == has - NOT_DOCUMENTED
