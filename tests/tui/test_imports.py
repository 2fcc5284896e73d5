"""The explorer's process imports nothing that takes seconds and nothing that only indexing needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "transformers", "numpy", "sqlite_utils", "datasets", "pyarrow", "accelerate", "gguf")
WALK = """
import asyncio, sys
from pathlib import Path
from gluscope_tui.cli import tui
from gluscope_tui.colour.depth import Depth
from gluscope_tui.tui.app import ExplorerApp
from gluscope_tui.tui.reading.opening import Request, open_index
from gluscope_tui.tui.reading.thread import ReadingThread
from gluscope_tui.tui import launch

async def walk():
    app = ExplorerApp(ReadingThread(lambda: open_index(Request(Path(sys.argv[1])))), Depth.TRUE)
    async with app.run_test(size=(120, 40)) as pilot:
        await app.workers.wait_for_complete()
        await pilot.press("j", "enter", "q", "question_mark", "q", "r", "w", "z", "y", "L", "l", "s")
        await app.workers.wait_for_complete()
        await pilot.press("j", "enter", "O", "q", "F", "e", "enter")
        await app.workers.wait_for_complete()

asyncio.run(walk())
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


@pytest.fixture(scope="module")
def imported(hostile_index: Path) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", WALK, str(hostile_index)],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        timeout=120,
    )
    return set(done.stdout.split())


@pytest.mark.slow
def test_a_walk_through_the_explorer_imports_nothing_heavy(imported: set[str]) -> None:
    assert "textual" in imported
    assert imported.isdisjoint(HEAVY)


def _modules(folder: Path, name: str) -> list[str]:
    """A module, or all modules of a package."""
    files = sorted((folder / name).glob("*.py"))
    return [f"{name}.{file.stem}" for file in files if file.stem != "__init__"] or [name]


def test_the_state_and_its_rules_need_no_textual() -> None:
    """The pure half can be read and tested without a screen."""
    rooms = ("session", "tables.query", "tables.search", "reading.thread", "reading.opening")
    drawing = ("drawing.layout", "drawing.find", "drawing.palette", "drawing.contexts")
    modules = (*rooms, *drawing, "actions", "keymap", "help")
    folder = ROOT / "gluscope_tui" / "tui"
    names = [name for room in modules for name in _modules(folder, room)]
    assert len(names) > 20
    code = "import sys\n" + "".join(f"import gluscope_tui.tui.{name}\n" for name in names)
    done = subprocess.run(
        [sys.executable, "-c", code + "print('textual' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert done.stdout.strip() == "False"
