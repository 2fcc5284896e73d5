"""The manual names every command and every option, and nothing that isn't there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gluscope_tui.cli.app import COMMANDS, run

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
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


@pytest.mark.parametrize("name", list(COMMANDS))
def test_the_help_of_a_command_shows_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--help"]) == 0
    assert re.search(rf"Examples?:\s+gluscope {name}\b", capsys.readouterr().out)


def test_every_module_with_a_command_is_listed() -> None:
    modules = (ROOT / "gluscope_tui" / "cli").glob("*.py")
    assert {file.stem for file in modules if "\ndef command(" in file.read_text(encoding="utf-8")} == set(COMMANDS)


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", *(f"docs/{file.name}" for file in DOCS.glob("*.md"))])
def test_the_files_that_a_page_names_are_there(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    named = re.findall(r"`((?:indexer|gluscope_tui|tests|docs|benchmarks|screenshots)/[\w./-]*)`", text)
    links = re.findall(r"\]\((?!http)([^)#]+)[^)]*\)", text)
    for path in [*(ROOT / name for name in named), *((ROOT / page).parent / link for link in links)]:
        assert path.exists(), f"{page} names {path.relative_to(ROOT)}: say where it is now"
