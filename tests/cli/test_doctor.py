"""`gluscope doctor`: what it finds, and the line that mends each thing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gluscope_tui.colour.depth import Depth
from gluscope_tui.colour.ramp import ramp
from gluscope_tui.doctor.files import index_health, kept_files
from gluscope_tui.doctor.finding import Finding
from gluscope_tui.doctor.terminal import ramps, terminal
from gluscope_tui.doctor.widths import SAMPLES, widths
from gluscope_tui.kept.files import index_folder, state_folder
from gluscope_tui.text.cells import cell_len

from ..support.index_fixture import make_index

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def state_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def named(findings: list[Finding], name: str) -> Finding:
    return next(finding for finding in findings if finding.name == name)


@pytest.mark.slow
def test_json_holds_every_subject_and_no_escape_sequence(tmp_path: Path) -> None:
    make_index(tmp_path / "one.db", layers=1, width=6, documents=12)
    done = subprocess.run(
        [sys.executable, "-m", "gluscope_tui", "doctor", "--db", str(tmp_path / "one.db"), "--format", "json"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    found = json.loads(done.stdout)
    assert found["format"] == 1
    assert {finding["subject"] for finding in found["findings"]} == {"software", "terminal", "widths", "index", "files"}
    names = {finding["name"] for finding in found["findings"]}
    assert {"Python", "torch", "torch device", "TERM", "COLORTERM", "size", "tmux", "colours", "clipboard"} <= names
    assert all(set(finding) == {"subject", "name", "value", "mend"} for finding in found["findings"])
    assert "\x1b" not in done.stdout


def test_a_healthy_index_needs_no_mending(tmp_path: Path) -> None:
    make_index(tmp_path / "one.db", layers=1, width=6, documents=12)
    findings = list(index_health(tmp_path / "one.db"))
    assert all(not finding.mend for finding in findings)
    assert "L0N5" in named(findings, "readable").value


def test_an_index_that_is_missing_or_damaged_is_reported_with_its_mend(tmp_path: Path) -> None:
    assert named(list(index_health(tmp_path / "none.db")), "problem").mend
    make_index(tmp_path / "one.db", layers=1, width=6, documents=12)
    whole = (tmp_path / "one.db").read_bytes()
    (tmp_path / "cut.db").write_bytes(whole[: len(whole) // 2])
    assert named(list(index_health(tmp_path / "cut.db")), "problem").mend


@pytest.mark.parametrize(
    ("environment", "colours", "mends"),
    [
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, "truecolor", False),
        ({"TERM": "xterm-256color"}, "256 colours", True),
        ({"TERM": "screen"}, "16 colours", True),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, "no colour", False),
    ],
)
def test_colours_are_reported_with_their_reason_and_the_way_to_more(
    environment: dict[str, str], colours: str, mends: bool
) -> None:
    found = named(list(terminal(environment, is_terminal=True)), "colours")
    assert found.value.startswith(colours)
    assert bool(found.mend) == mends


def test_the_strips_show_every_step_of_the_three_ramps() -> None:
    strips = dict(ramps(light=False))
    for depth in (Depth.TRUE, Depth.ANSI256, Depth.ANSI16):
        assert len(strips[depth.value]) == 2 * ramp(depth).steps + 1


def test_width_disagreements_name_the_sample_and_the_way_out() -> None:
    narrow = list(widths(lambda sample: 1 if sample == SAMPLES["flag"] else cell_len(sample)))
    assert [(finding.name, finding.mend) for finding in narrow] == [("flag", "gluscope tui --ascii")]
    assert named(list(widths(cell_len)), "agree").mend == ""
    assert "cursor" in named(list(widths(lambda _: None)), "asked").value


def test_kept_files_broken_ones_and_crash_logs_are_named(tmp_path: Path) -> None:
    index = tmp_path / "one.db"
    index.write_bytes(b"")
    own = index_folder(index)
    own.mkdir(parents=True)
    (own / "state.json").write_text("{")
    (own / "state.json.broken").write_text("{")
    (own / "marks.tsv").write_text("# c\nL1N2\nL1 N3\n")
    (state_folder() / "crash-20260101-000000.log").write_text("")
    findings = list(kept_files(index))
    assert "broken" in named(findings, "position").mend
    assert named(findings, "set aside").value.endswith("state.json.broken")
    assert named(findings, "crash log").mend
    assert named(findings, "state").mend == ""
    assert [one.value for one in findings if one.name == "marks" and one.mend] == ["line 3 is not a mark: 'L1 N3'"]
