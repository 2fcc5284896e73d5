"""The README's pictures: the script that makes them runs, and its pictures are in the project."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[3]
NAMES = ("home-120x40", "home-80x24", "zoomed", "context", "neurons", "light")


@pytest.mark.slow
def test_the_script_makes_every_picture(hostile_index: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "screenshots" / "make.py", "--db", hostile_index, "--out", tmp_path],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert sorted(Path(line).stem for line in done.stdout.splitlines()) == sorted(NAMES)
    for name in NAMES:
        drawn = (tmp_path / f"{name}.svg").read_text(encoding="utf-8")
        ElementTree.fromstring(drawn)
        assert str(tmp_path.parent) not in drawn
        assert not re.search(r"(?:url\(|href=)[\"']?https?:", drawn)


@pytest.mark.parametrize("name", NAMES)
def test_the_picture_is_in_the_project(name: str) -> None:
    drawn = (ROOT / "screenshots" / f"{name}.svg").read_text(encoding="utf-8")
    assert "SmolLM2" in drawn or name in ("context", "neurons")
    assert re.search(r"L\d+N\d+", drawn)
    assert "/home/" not in drawn
    assert "/tmp/" not in drawn
