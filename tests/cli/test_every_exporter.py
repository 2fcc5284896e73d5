"""Every exporter against every index and every folder that it may meet: whole, harmless, honest, or not at all."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import sqlite3
from pathlib import Path
from typing import Any, NoReturn
from xml.etree import ElementTree

import pyarrow.parquet as pq
import pytest

from gluscope_tui.cli.app import run
from indexer.addresses import SiteAddress
from tests.support.disk import file_size_limit
from tests.support.hostile import harmful
from tests.support.index_fixture import DEAD, SAME_SIGNS, make_index
from tests.support.web import read
from tests.support.weights_fixture import with_searches

KINDS = ("html", "svg", "parquet", "gluscope", "neuronpedia")
every_kind = pytest.mark.parametrize("kind", KINDS)
ADDED = (
    "turns weights weight_lists weight_sites vocabulary_scores peak_entropy token_texts token_neurons wiring "
    "wiring_sites peaks contexts words"
)
"""The tables that came after the first indexes."""
ADDED_INFO = ("weights", "wiring", "search", "sinks", "coverage")
ATTACK = "</i></script><script>alert(1)</script>\"'&\x1b]52;c;aGk=\x07\x1b[31m\u202e/../../evil\x00"


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("every")
    make_index(folder / "plain.db", rankings=("post", "gate", "in", "act", "random"))
    return with_searches(folder / "plain.db", folder / "tiny.db", wires=3)


def changed(index: Path, path: Path, *statements: str | tuple[str, tuple[Any, ...]]) -> Path:
    """A copy of an index, changed by SQL."""
    shutil.copy(index, path)
    with sqlite3.connect(path) as connection:
        for statement in statements:
            connection.execute(*((statement, ()) if isinstance(statement, str) else statement))
    connection.close()
    return path


def older(index: Path, path: Path) -> Path:
    """The index as the first gluscope made it."""
    views = [f"DROP VIEW {view}" for view in ("neuron_raw", "neuron_aligned")]
    tables = [f"DROP TABLE IF EXISTS {table}" for table in ADDED.split()]
    keys = [("DELETE FROM info WHERE key = ?", (key,)) for key in ADDED_INFO]
    return changed(index, path, *views, *tables, *keys)


def unfinished(index: Path, path: Path) -> Path:
    return changed(index, path, "UPDATE info SET value = 'false' WHERE key = 'complete'")


def export(kind: str, out: Path, index: Path, *neurons: str) -> int:
    return run(["export", kind, "--out", str(out), *neurons, "--db", str(index)])


def content(out: Path) -> dict[str, Any]:
    """What an export holds, by file, each read by a reader of its kind that refuses what is not one."""
    return {str(path.relative_to(out)): _read(path) for path in sorted(out.rglob("*")) if path.is_file()}


def _read(path: Path) -> Any:
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    kind = path.name.removesuffix(".gz").rpartition(".")[2]
    if kind == "parquet":
        return {"metadata": str(pq.read_schema(path).metadata), "rows": pq.read_table(path).to_pylist()}
    text = data.decode("utf-8")
    if kind == "json":
        return json.loads(text, parse_constant=_refuse)
    if kind == "jsonl":
        return [json.loads(line, parse_constant=_refuse) for line in text.split("\n") if line]
    if kind == "svg":
        return "\n".join(piece for piece in ElementTree.fromstring(text).itertext())
    return text


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def lines_of(html: str) -> list[list[str]]:
    """The contexts of each pane of a page."""
    return [[line.text for line in pane.all("li")] for pane in read(html).all("section", class_="pane")]


@every_kind
def test_experts_and_both_stacks_are_exported_or_refused(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sites = [SiteAddress("dec", 1), SiteAddress("enc", 1), SiteAddress("", 0, 3), SiteAddress("", 0, None, True)]
    make_index(tmp_path / "odd.db", sites=sites, width=3, activation="unknown_sine", weights_known=False)
    out, neurons = tmp_path / "out", ("dec.L1N1", "enc.L1N1", "L0E3N1", "L0SN1")
    code = export(kind, out, tmp_path / "odd.db", *neurons)
    told = capsys.readouterr().err
    if kind == "gluscope":
        assert (code, out.exists()) == (2, False)
        assert "names a neuron by layer and number" in told
        return
    assert code == 0
    whole = json.dumps(content(out))
    names = ("dec.1-", "enc.1-", "0E3-", "0S-") if kind == "neuronpedia" else neurons
    assert [name for name in names if name not in whole] == []


@pytest.mark.slow
@every_kind
def test_an_index_of_an_older_gluscope_gives_the_same_contexts(kind: str, index: Path, tmp_path: Path) -> None:
    old = older(index, tmp_path / "tiny.db")
    assert export(kind, tmp_path / "new", index, "L1N4", "L0N3") == 0
    assert export(kind, tmp_path / "old", old, "L1N4", "L0N3") == 0
    new, past = content(tmp_path / "new"), content(tmp_path / "old")
    assert new.keys() == past.keys()
    files = 0
    for name, one in new.items():
        if name == "contexts.parquet" or "/activations/" in name or name.startswith(("texts", "neuron-", "pages")):
            assert past[name] == one
            files += 1
        elif name.endswith("N4.html"):
            assert lines_of(past[name]) == lines_of(one)
            files += 1
        elif name.endswith("N4.svg"):
            written = re.compile(r"^(writes|\+|-).*$", re.MULTILINE)  # what only weights tell
            assert len(past[name].splitlines()) > 30
            assert set(past[name].splitlines()) - set(written.sub("", one).splitlines()) <= set(one.splitlines())
            files += 1
    assert files


@every_kind
def test_an_unfinished_index_is_told_in_what_it_gives(kind: str, index: Path, tmp_path: Path) -> None:
    part = unfinished(index, tmp_path / "tiny.db")
    told = re.compile(r"is not finished|is under way|\\\"complete\\\": false|complete.{3,6}false", re.IGNORECASE)
    for db, expected in ((index, False), (part, True)):
        assert export(kind, tmp_path / kind, db, "L0N1") == 0
        files = [name for name, one in content(tmp_path / kind).items() if told.search(json.dumps(one))]
        assert bool(files) is expected, files


@every_kind
def test_a_folder_that_holds_something_else_stays_as_it_is(
    kind: str, index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = "svg" if kind == "html" else "html"
    assert export(other, tmp_path / "other", index, "L0N1") == 0
    assert export(kind, tmp_path / "added", index, "L0N1") == 0
    (tmp_path / "added" / "notes").mkdir()
    (tmp_path / "added" / "notes" / "mine.txt").write_text("mine")
    (tmp_path / "linked").mkdir()
    os.symlink("/etc/passwd", tmp_path / "linked" / "link")
    (tmp_path / "file").write_text("mine")
    before = {str(path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    for name in ("other", "added", "linked", "file"):
        capsys.readouterr()
        assert export(kind, tmp_path / name, index, "L0N1") == 2
        told = capsys.readouterr().err
        assert "holds something else" in told or "is a file" in told
        assert len(told.splitlines()) == 2
    assert {str(path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@every_kind
def test_a_disk_that_is_full_leaves_the_earlier_export(
    kind: str, index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert export(kind, out, index, "L1N4", "L0N3") == 0
    sizes = [path.stat().st_size for path in out.rglob("*") if path.is_file()]
    before = {path.name for path in out.rglob("*")}
    for limit in (0, min(sizes), max(sizes) - 1):
        for place in (out, tmp_path / "new"):
            capsys.readouterr()
            with file_size_limit(limit):
                assert export(kind, place, index, "L1N4", "L0N3") == 2
            assert "the disk is full" in capsys.readouterr().err
        assert {path.name for path in out.rglob("*")} == before
        assert [path.name for path in tmp_path.iterdir()] == ["out"]


@every_kind
def test_hostile_text_does_nothing_wherever_it_stands(
    kind: str, index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the corpus, its sources, the names of model and settings: it is text in what is written, and not on stderr."""
    model = json.dumps({"name": f"a/{ATTACK}", "layers": 2, "dtype": ATTACK, "fingerprint": ATTACK})
    corpus = json.dumps({"inputs": [ATTACK], "tokens": 10, "hash": ATTACK})
    db = changed(
        index,
        tmp_path / "tiny.db",
        ("UPDATE documents SET source = ?", (ATTACK.replace("\x00", ""),)),
        ("UPDATE tokens SET bytes = ? WHERE id % 3 = 0", (ATTACK.encode(),)),
        ("UPDATE info SET value = ? WHERE key = 'model'", (model,)),
        ("UPDATE info SET value = ? WHERE key = 'corpus'", (corpus,)),
    )
    more = ("--model-id", "safe", "--creator", "me") if kind == "neuronpedia" else ()
    assert run(["export", kind, "--out", str(tmp_path / "out"), "L1N4", "L0N3", *more, "--db", str(db)]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert harmful(err.replace("\n", "")) == []
    found = content(tmp_path / "out")
    assert all(re.fullmatch(r"[\w./+-]+", name) and ".." not in name for name in found)
    assert {path.name for path in tmp_path.iterdir()} == {"out", "tiny.db"}
    for name, one in found.items():
        if name.endswith(".html") and kind == "html":
            page = read(one)
            assert [element for element in page.all("script") if "alert(1)" in element.text] == []
            assert harmful(one.replace("\n", "")) == []
            assert page.all("meta", **{"http-equiv": "Content-Security-Policy"})
        elif name.endswith(".html"):
            assert "<script" not in one
        elif name.endswith(".svg"):
            assert harmful(one.replace("\n", "")) == []
    if kind == "neuronpedia":  # a name that no folder can have is refused, not made harmless in silence
        assert export(kind, tmp_path / "again", db, "L1N4") == 2 or (tmp_path / "again").is_dir()
        assert {path.name for path in tmp_path.iterdir()} <= {"out", "tiny.db", "again"}


@every_kind
def test_a_quadrant_that_is_never_visited_is_empty_and_not_nothing(kind: str, index: Path, tmp_path: Path) -> None:
    names = (f"L0N{SAME_SIGNS}", f"L0N{DEAD}")
    assert export(kind, tmp_path / "out", index, *names) == 0
    found = content(tmp_path / "out")
    if kind == "html":
        for name, empty in zip(names, (2, 4), strict=True):
            rows = read(found[f"{name}.html"]).one("table", class_="statistics").one("tbody").all("tr")
            cells = [[cell.text for cell in row.all("td")] for row in rows]
            assert sum(row[0] == "0" and row[3:] == [row[3]] * 8 for row in cells) == empty
            panes = read(found[f"{name}.html"]).all("section", class_="pane")
            assert sum(not pane.all("li") for pane in panes) == empty
    elif kind == "svg":
        assert found[f"L0N{DEAD}.svg"].count("no token") + found[f"L0N{DEAD}.svg"].count("never") >= 4
    elif kind == "parquet":
        narrow = {row["neuron"]: row for row in found["neurons.parquet"]["rows"]}
        assert narrow[names[1]]["count_pp"] == 0
        assert narrow[names[1]]["mean_post_pp"] is None
        assert narrow[names[0]]["extreme_gate_pn"] is None
        assert {row["quadrant"] for row in found["contexts.parquet"]["rows"]} == {"++", "--"}
    elif kind == "gluscope":
        (file,) = (one for name, one in found.items() if name.startswith("neuron-activations/"))
        dead = file["rows"][DEAD]
        assert dead["gate+_in+_freq"] == 0
        assert dead["gate+_in+_hook_post_mean"] is None
        assert dead["gate-_in-_swish_max_values"] == []
        assert "Frequency: <b>0.00%</b>" in found[f"pages/L0/N{DEAD}/vis.html"]
    else:
        for name, lines in found.items():
            if "/features/" in name:
                assert {line["index"] for line in lines} == {str(SAME_SIGNS), str(DEAD)}
                dead = next(line for line in lines if line["index"] == str(DEAD))
                assert (dead["maxActApprox"], dead["frac_nonzero"]) == (0, 0)
            elif "/activations/" in name:
                assert {line["index"] for line in lines} <= {str(SAME_SIGNS)}
