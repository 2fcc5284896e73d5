"""`gluscope export html`: the neurons asked for, in a site or in one file, for every kind of index."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from gluscope_tui.cli.app import run
from gluscope_tui.kept.files import index_folder
from gluscope_tui.kept.marks import Mark
from gluscope_tui.kept.marks_file import MarksFile
from indexer.addresses import SiteAddress, parse_neuron
from indexer.export_folder import MANIFEST
from indexer.quadrants import Quadrant
from tests.support.index_fixture import make_index
from tests.support.web import read
from tests.support.weights_fixture import with_weights


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export")
    make_index(folder / "plain.db")
    return with_weights(folder / "plain.db", folder / "tiny.db")


def export(index: Path, *words: str) -> int:
    return run(["export", *words, "--db", str(index)])


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.slow
def test_a_site_has_a_page_for_each_neuron_and_a_table_of_them(index: Path, tmp_path: Path) -> None:
    out = tmp_path / "site"
    assert export(index, "html", "L1N4", "0.2", "l1n4", "--out", str(out)) == 0
    assert names(out) == {"L1N4.html", "L0N2.html", "index.html", MANIFEST}
    table = read((out / "index.html").read_text("utf-8"))
    assert [link.attributes["href"] for link in table.one("table").all("a")] == ["L1N4.html", "L0N2.html"]
    first, second = (read((out / f"{name}.html").read_text("utf-8")) for name in ("L1N4", "L0N2"))
    assert first.one("link", rel="next").attributes["href"] == "L0N2.html"
    assert second.one("link", rel="prev").attributes["href"] == "L1N4.html"
    assert not first.all("link", rel="prev")
    for page in (first, table):
        assert f"gluscope export html L1N4 0.2 l1n4 --db {index.name} --out site" in page.one("footer").text


@pytest.mark.slow
def test_neurons_come_from_a_condition_or_from_stdin(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export(index, "html", "--where", "layer = 1 and index < 3", "--out", str(tmp_path / "some")) == 0
    assert names(tmp_path / "some") == {"L1N0.html", "L1N1.html", "L1N2.html", "index.html", MANIFEST}
    monkeypatch.setattr("sys.stdin", io.StringIO("# mine\nL0N7\tnote\nL7N7\n"))
    assert export(index, "html", "-", "--out", str(tmp_path / "piped")) == 2
    assert names(tmp_path / "piped") == {"L0N7.html", "index.html", MANIFEST}
    assert "line 3 of stdin: there is no L7" in capsys.readouterr().err


def test_one_neuron_is_one_file_and_show_prints_it(
    index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "L1N4.html"
    assert export(index, "html", "L1N4", "--single", "--out", str(out)) == 0
    capsys.readouterr()
    assert run(["show", "L1N4", "-f", "html", "--db", str(index)]) == 0
    shown, kept = read(capsys.readouterr().out), read(out.read_text("utf-8"))
    assert shown.one("main").text == kept.one("main").text
    assert len(kept.one("section", id="pp").all("li")) == 16
    assert not kept.all("nav")
    assert run(["show", "L1N4", "-f", "html", "-n", "2", "--rank-by", "gate", "--db", str(index)]) == 0
    assert len(read(capsys.readouterr().out).one("section", id="pp").all("li")) == 2


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["html", "--out", "x"], "no neuron is named"),
        (["html", "L1N4"], "--out is missing"),
        (["html", "L1N4", "--where", "layer = 1", "--out", "x"], "neurons are named and --where is given"),
        (["html", "--where", "layer > 7", "--out", "x"], "no neuron meets the condition"),
        (["html", "L1N4", "L1N5", "--single", "--out", "x"], "this is for one neuron, and 2 are named"),
        (["html", "L1N4", "--rank-by", "act", "--out", "x"], "this index has no ranking 'act'"),
        (["html", "L9N4", "--out", "x"], "none of the neurons is in this index"),
    ],
)
def test_a_request_that_names_no_page_is_refused(
    index: Path,
    words: list[str],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert export(index, *words) == 2
    assert told in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_experts_both_stacks_other_activations_and_bare_indexes_have_pages(tmp_path: Path) -> None:
    sites = [SiteAddress("", 0, 3), SiteAddress("", 0, None, True), SiteAddress("enc", 1), SiteAddress("dec", 1)]
    make_index(tmp_path / "a.db", sites=sites, width=3, activation="unknown_sine", weights_known=False, rankings=())
    out = tmp_path / "site"
    assert export(tmp_path / "a.db", "html", "--where", "index = 1", "--out", str(out)) == 0
    pages = {"L0E3N1.html", "L0SN1.html", "enc.L1N1.html", "dec.L1N1.html"}
    assert names(out) == pages | {"index.html", MANIFEST}
    for name in pages:
        page = read((out / name).read_text("utf-8"))
        assert "flip unknown" in page.one("span", id="signs").text
        assert not page.all("li")


def test_an_unfinished_index_says_on_every_page_how_far_it_is(index: Path, tmp_path: Path) -> None:
    part = Path(shutil.copy(index, tmp_path / "part.db"))
    with sqlite3.connect(part) as connection:
        connection.execute("UPDATE info SET value = 'false' WHERE key = 'complete'")
        cell = {"sites": None, "batches": [[0, 1]], "count": 1, "tokens": 777}
        coverage = {"batches": 5, "borders": [], "finished": False, "complete": False, "shard": None, "cells": [cell]}
        connection.execute("INSERT OR REPLACE INTO info (key, value) VALUES ('coverage', ?)", (json.dumps(coverage),))
    connection.close()
    assert export(part, "html", "L0N1", "--out", str(tmp_path / "site")) == 0
    for name in ("index.html", "L0N1.html"):
        warning = read((tmp_path / "site" / name).read_text("utf-8")).one("p", class_="warning").text
        assert warning == "the index is under way: the numbers are those of the 777 tokens seen so far"


def test_only_pages_load_the_templates() -> None:
    code = (
        "import sys; from gluscope_tui.cli.app import run; run(['show', '--help']); run(['export', '--help'])\n"
        "import gluscope_tui.tui.launch, gluscope_tui.cli.show; print('jinja2' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "False"


def test_marks_are_exported_with_their_notes(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert export(index, "html", "--marks", "--out", str(tmp_path / "none")) == 2
    assert "nothing is marked" in capsys.readouterr().err
    marks = MarksFile(index_folder(index) / "marks.tsv")
    plain, other = parse_neuron("L1N4"), parse_neuron("L0N3")
    marks.put([Mark(plain, "says <b>France</b>"), Mark(other, "often", Quadrant.NP, ("geo",)), Mark(other, "flips")])
    marks.put([Mark(parse_neuron("L9N9"), "of another index")])
    assert export(index, "html", "--marks", "--out", str(tmp_path / "site")) == 0
    err = capsys.readouterr().err
    assert "1 mark left out, whose neuron this index lacks: L9N9\n" in err
    assert "error" not in err
    assert names(tmp_path / "site") == {"L1N4.html", "L0N3.html", "index.html", MANIFEST}
    notes = ["says <b>France</b>", "-+ often #geo; flips"]
    for name, note in zip(("L1N4", "L0N3"), notes, strict=True):
        page = read((tmp_path / "site" / f"{name}.html").read_text("utf-8"))
        assert page.one("p", class_="note").text == f"★ {note}"
    rows = read((tmp_path / "site" / "index.html").read_text("utf-8")).one("tbody").all("tr")
    assert [row.all("bdi")[-1].text for row in rows] == notes
    marks.remove([(parse_neuron("L9N9"), None)])
    assert export(index, "neuronpedia", "--marks", "--out", str(tmp_path / "np")) == 0
    told: dict[str, list[tuple[str, str]]] = {}
    for file in (tmp_path / "np").rglob("explanations/*.gz"):
        for line in gzip.decompress(file.read_bytes()).splitlines():
            one = json.loads(line)
            told.setdefault(one["layer"], []).append((one["index"], one["description"]))
    assert told["1-gluscope-pp"] == [("4", "says <b>France</b>")]
    assert told["0-gluscope-np"] == [("3", "often #geo"), ("3", "flips")]
    assert told["0-gluscope-pp"] == [("3", "flips")]
    assert export(index, "html", "--marks", "L0N1", "--out", str(tmp_path / "two")) == 2
    assert "neurons are named and --marks is given" in capsys.readouterr().err


SLOW = """
import sys, time
from gluscope_tui.cli.app import main
from indexer.export_folder import ExportFolder

def write(folder, name, data):
    folder.place(name).write_bytes(data)
    print(name, flush=True)
    time.sleep(60)

ExportFolder.write = write
main()
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_an_export_that_is_asked_to_end_leaves_nothing(index: Path, tmp_path: Path, number: signal.Signals) -> None:
    words = ["export", "html", "L1N4", "--out", str(tmp_path / "site"), "--db", str(index)]
    command = [sys.executable, "-c", SLOW, *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "L1N4.html\n"
        assert len(names(tmp_path)) == 1  # it is made beside its place
        process.send_signal(number)
        assert process.wait(20) == 130
    assert not names(tmp_path)
