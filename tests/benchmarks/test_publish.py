"""The figures of the README and of docs/schema.md come from benchmarks/results, and go stale when these change."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from benchmarks import publish, results, speed

README = publish.ROOT / "README.md"


def test_no_table_of_a_page_is_stale() -> None:
    texts = [(publish.ROOT / page).read_text(encoding="utf-8") for page in publish.PAGES]
    assert sorted(name for text in texts for name in publish.marked(text)) == sorted(publish.TABLES)
    for text in texts:
        assert publish.rendered(text) == text, "run: python benchmarks/publish.py"


def test_every_result_says_when_where_and_by_which_command() -> None:
    files = sorted(results.FOLDER.glob("*.json"))
    assert files
    for file in files:
        found = json.loads(file.read_text(encoding="utf-8"))
        assert found["command"], file.name
        assert found["machine"], file.name
        assert found.get("date") or found.get("made"), file.name


@pytest.mark.parametrize(
    ("name", "old", "new", "shown"),
    [
        ("speed", '"median": 796', '"median": 1234', "| 7 | 1,234 | 0.84 (0.83 to 0.88) |"),
        ("repeated", "1.03", "0.50", "0.94, 0.94, 0.99 and 0.50"),
        ("scaling", '"tokens_per_second": 763', '"tokens_per_second": 99', "| 1 | 1,536 | 99 | 1.41 GiB |"),
        ("at_8b", '"show": 0.257', '"show": 7.25', "| `gluscope show` | 7.25 |"),
        ("effect", "3268", "1234", "| 0 | 1,234 | 3,339 | 0.37 | 0.77 |"),
        ("size", "24544", "10240", "| 10.0 KiB, with weights"),
    ],
)
def test_a_figure_that_changes_makes_its_table_stale(name: str, old: str, new: str, shown: str, tmp_path: Path) -> None:
    shutil.copytree(results.FOLDER, tmp_path / "results")
    file = tmp_path / "results" / f"{name}.json"
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1
    file.write_text(text.replace(old, new), encoding="utf-8")
    before = README.read_text(encoding="utf-8")
    after = publish.rendered(before, tmp_path / "results")
    assert after != before
    assert shown in after
    assert shown not in before


def test_figures_of_a_gpu_are_shown_where_there_are_any(tmp_path: Path) -> None:
    page = "<!-- figures: gpu -->\nold\n<!-- end of figures -->\n"
    assert "\nNot measured on a GPU yet.\n" in publish.rendered(page, tmp_path)
    right = {"bare_tokens_per_s": 38000, "cold": [0.5, 0.6, 0.7], "steady": [0.8, 0.9, 1.0], "limit": [0.9, 0.95, 1.0]}
    rows = [
        {"case": "an 8B", "passed": True, "figures": {**right, "peak_gb": 41.5}},
        {"case": "one that failed", "passed": False, "figures": right},
        {"case": "no speed", "passed": True, "figures": {}},
    ]
    found = {"made": "2026-11-27T06:00:00", "machine": {"device": "A Card"}, "parts": {"3": {"rows": rows}}}
    (tmp_path / "gpu.json").write_text(json.dumps(found), encoding="utf-8")
    shown = publish.rendered(page, tmp_path)
    assert "On one A Card (`benchmarks/gpu.py`, 2026-11-27):" in shown
    row = "| an 8B | 38,000 | 0.60 (0.50 to 0.70) | 0.90 (0.80 to 1.00) | 0.95 (0.90 to 1.00) | 41.5 GB |"
    assert row in shown.splitlines()
    assert "failed" not in shown
    assert "no speed" not in shown


def test_what_was_measured_takes_the_place_of_its_row(tmp_path: Path) -> None:
    def measured(bare: float) -> dict[str, object]:
        return {"bare": {"min": bare, "median": bare, "max": bare}, "ratio": {}, "insertions": {}, "settings": {}}

    for name, bare in (("one", 1.0), ("two", 2.0), ("one", 3.0)):
        speed.keep(name, 5, dict(measured(bare)), tmp_path)
    found = results.read("speed", tmp_path)
    assert found is not None
    assert [(row["name"], row["bare"]["median"], row["rounds"]) for row in found["rows"]] == [
        ("one", 3.0, 5),
        ("two", 2.0, 5),
    ]
    assert found["command"] == speed.COMMAND
    assert found["machine"] == results.machine()


def test_a_marker_that_names_no_table_is_an_error() -> None:
    with pytest.raises(KeyError, match="nothing"):
        publish.rendered("<!-- figures: nothing -->\n<!-- end of figures -->\n")
