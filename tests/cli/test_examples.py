"""Every command line and Python snippet in README, docs and help can be typed unchanged; the cheap ones are run."""

from __future__ import annotations

import ast
import io
import re
import shlex
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer
from typer.main import get_command

from gluscope_tui.cli.app import COMMANDS, application, run
from tests.support.index_fixture import make_index
from tests.support.weights_fixture import with_searches

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
ENDS = "|<>&;"
CHEAP = ("show", "neurons", "search", "layers", "plot", "info")
STAND_INS = {"L12N345": "L1N4", "L20N868": "L0N6", "12.345": "1.4", "l012n0345": "l01n04", "L3N77": "L0N7"}
"""Neurons of a real model, and their stand-ins in a small index."""


class Example(NamedTuple):
    where: str
    words: tuple[str, ...]  # after `gluscope`
    whole: bool  # stands on a line of its own; within a sentence it may be the beginning of a command


def code(page: Path) -> Iterator[tuple[str, bool]]:
    """The lines of fenced blocks without a language, and the code within sentences."""
    text = page.read_text(encoding="utf-8")
    for language, block in re.findall(r"^```(\w*)\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        if not language:
            yield from ((line, True) for line in block.splitlines())
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    yield from ((" ".join(span.split()), False) for span in re.findall(r"`([^`]+)`", prose))


def command_lines(line: str) -> Iterator[tuple[str, ...]]:
    """The words after each `gluscope` of a line, up to a pipe, a redirection or a comment; also in its quoted words."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=ENDS)
    lexer.whitespace_split = True
    try:
        words = list(lexer)
    except ValueError:  # a sentence's apostrophe
        return
    for word in words:
        if " " in word:
            yield from command_lines(word)
    while "gluscope" in words:
        words = words[words.index("gluscope") + 1 :]
        end = next((place for place, word in enumerate(words) if set(word) <= set(ENDS)), len(words))
        yield tuple(words[:end])
        words = words[end:]  # `gluscope import gluscope` is one command


def examples() -> Iterator[Example]:
    for page in PAGES:
        for line, whole in code(page):
            for words in command_lines(line.removeprefix("$ ")):
                if words and words[0] in COMMANDS:
                    yield Example(page.name, words, whole)
    for name in COMMANDS:
        help_text = str(import_module(f"gluscope_tui.cli.{name}").command.__doc__)
        _, _, told = help_text.partition("Example")
        for sentence in re.sub(r"^s?:", "", told).split("; "):
            for words in command_lines(" ".join(sentence.split()).rstrip(".")):
                yield Example(f"{name} --help", words, whole=True)


EXAMPLES = sorted(set(examples()))


def parse(words: tuple[str, ...]) -> None:
    """Parse a command line without running it; TyperException if the parser refuses it."""
    group: Any = get_command(application(words))
    context = group.make_context("gluscope", list(words[:1]), resilient_parsing=True)
    group.get_command(context, words[0]).make_context(words[0], list(words[1:]), parent=context)


def test_the_examples_are_found() -> None:
    assert {example.words[0] for example in EXAMPLES} == set(COMMANDS)
    assert len(EXAMPLES) > 60
    assert {"README.md", "commands.md", "long-runs.md", "show --help"} <= {example.where for example in EXAMPLES}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: f"{example.where}: {' '.join(example.words)}")
def test_an_example_has_only_options_and_arguments_that_exist(example: Example) -> None:
    try:
        parse(example.words)
    except typer.TyperException as error:
        if example.whole or not error.format_message().startswith("Missing argument"):
            raise


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an index, under the names that the pages use."""
    folder = tmp_path_factory.mktemp("pages")
    make_index(folder / "plain.db", layers=2, width=24)
    with_searches(folder / "plain.db", folder / "gluscope.db", wires=3)
    for copy in ("smollm2.db", "other.db"):
        (folder / copy).write_bytes((folder / "gluscope.db").read_bytes())
    return folder


def stand_ins(text: str) -> str:
    for real, small in STAND_INS.items():
        text = text.replace(real, small)
    return text


@pytest.mark.parametrize(
    "example",
    [example for example in EXAMPLES if example.whole and example.words[0] in CHEAP],
    ids=lambda example: f"{example.where}: {' '.join(example.words)}",
)
def test_a_reading_example_runs(
    example: Example, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.delenv("GLUSCOPE_DB", raising=False)
    monkeypatch.setattr("sys.stdin", io.StringIO("L0N1\nL1N4\n"))
    words = [stand_ins(word) for word in example.words]
    if "--db" in words:
        words[words.index("--db") + 1] = "gluscope.db"
    assert run(words) in (0, 1), capsys.readouterr().err  # 1: nothing in this small index is so
    assert "Traceback" not in capsys.readouterr().err


SNIPPETS = [
    (page.name, snippet)
    for page in PAGES
    for snippet in re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
]


@pytest.mark.parametrize(("page", "snippet"), SNIPPETS)
def test_a_snippet_imports_names_that_exist_and_runs(
    page: str, snippet: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for node in ast.walk(ast.parse(snippet)):
        if isinstance(node, ast.ImportFrom) and node.module:
            module = import_module(node.module)
            assert all(hasattr(module, alias.name) for alias in node.names), page
    monkeypatch.chdir(folder)
    exec(compile(stand_ins(snippet), page, "exec"), {})
    assert capsys.readouterr().out.strip()
