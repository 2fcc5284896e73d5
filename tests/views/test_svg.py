"""Pictures for papers: well-formed, text that stays text, every letter in its cell."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

import indexer
from gluscope_tui.cli.app import run
from gluscope_tui.text.clean import clean
from gluscope_tui.views.numbers import signed
from gluscope_tui.views.scatter import axis
from gluscope_tui.views.svg.canvas import CELL
from gluscope_tui.views.svg.panes import Picture, picture
from gluscope_tui.views.svg.scatter import Points
from gluscope_tui.views.svg.scatter import picture as scatter
from indexer.quadrants import QUADRANTS, Quadrant
from tests.support import view_records
from tests.support.hostile import SNIPPETS, harmful
from tests.support.index_fixture import DEAD, make_index
from tests.support.weights_fixture import with_weights

SVG = "{http://www.w3.org/2000/svg}"
ELEMENTS = {"svg", "style", "title", "desc", "rect", "path", "text"}


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("svg")
    make_index(folder / "plain.db")
    return with_weights(folder / "plain.db", folder / "tiny.db")


def texts(drawn: str) -> list[ElementTree.Element]:
    """The pieces of text of a picture; ParseError if it is not XML."""
    root = ElementTree.fromstring(drawn)
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= ELEMENTS
    assert "DejaVu Sans Mono" in root.attrib["font-family"]
    assert not [name for element in root.iter() for name in element.attrib if "href" in name or name.startswith("on")]
    return list(root.iter(f"{SVG}text"))


@pytest.mark.slow
def test_the_peaks_of_a_pane_stand_in_one_column_each_in_its_own_cells(index: Path) -> None:
    with indexer.open(index) as opened:
        record = opened.neuron("L1N4", rankings=("post",), limit=5, weights=True)
    pieces = texts(picture(record, Picture("post")))
    peaks = [piece for piece in pieces if "text-decoration" in piece.attrib]
    starts = {float(piece.attrib["x"]) for piece in peaks}
    columns = {start for start in starts if sum(float(p.attrib["x"]) == start for p in peaks) > 1}
    assert 2 <= len(columns) <= 4  # two panes a row, and peaks that begin with a blank one cell further
    whole = [piece.text for piece in pieces]
    for quadrant in record.quadrants.values():
        for example in quadrant.examples["post"]:
            assert signed(example.value) in whole
            assert any(clean(example.tokens[example.peak]).strip() in (peak.text or "") for peak in peaks)
    for piece in pieces:
        if piece.text and piece.text.isascii():
            assert float(piece.attrib["textLength"]) == pytest.approx(CELL * len(piece.text), abs=0.01)


_ONE = Picture("post", (Quadrant.PP,))


@pytest.mark.slow
def test_only_the_quadrants_asked_for_are_drawn(index: Path) -> None:
    with indexer.open(index) as opened:
        record = opened.neuron("L1N4", rankings=("post",), limit=2)
    shown = {piece.text for piece in texts(picture(record, Picture("post", (Quadrant.NP,))))}
    assert "-+" in shown
    assert not shown & {"++", "+-", "--"}


def test_a_quadrant_of_one_token_says_so() -> None:
    record = view_records.neuron()
    one = replace(record.quadrants[Quadrant.PP], count=1)
    shown = " ".join(piece.text or "" for piece in texts(picture(replace(record, quadrants={Quadrant.PP: one}), _ONE)))
    assert "1 token " in shown
    assert "1 tokens" not in shown


def test_hostile_text_and_dead_neurons_give_well_formed_pictures(index: Path) -> None:
    with indexer.open(index) as opened:
        for number in (DEAD, 0, 5):
            texts(picture(opened.neuron(f"L0N{number}", rankings=("post",), weights=True), Picture("post")))
    record = view_records.neuron()
    for text in ("</text><script>alert(1)</script>&amp;", "\ufffe", *SNIPPETS):
        example = view_records.example()
        hostile = replace(example, tokens=(*example.tokens[:2], text, *example.tokens[3:]))
        first = replace(record.quadrants[QUADRANTS[0]], examples={"post": (hostile,)})
        quadrants = {**record.quadrants, QUADRANTS[0]: first}
        drawn = picture(replace(record, model=text, quadrants=quadrants), Picture("post"))
        drawn.encode("utf-8")
        assert set(harmful(drawn)) <= {"\n"}
        texts(drawn)


def test_a_scatter_has_a_dot_where_each_point_lies() -> None:
    xs, ys = [-1.0, 0.0, 3.0, 3.0], [10.0, 20.0, 30.0, 30.0]
    drawn = scatter(axis("cos_in_out", xs, "linear"), axis("layer", ys, "linear"), Points(xs, ys, "4 neurons"))
    dots = re.findall(r"M(\d+) (\d+)h0", drawn)
    assert sorted((int(x), int(y)) for x, y in dots) == [(0, 319), (120, 159), (479, 0)]  # of 480 x 320 places
    root = ElementTree.fromstring(drawn)
    numbers = [piece.text for piece in root.iter(f"{SVG}text")]
    assert {"-1", "0", "3", "10", "20", "30"} <= set(numbers)


def test_the_commands_print_pictures(index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    db = ["--db", str(index)]
    for words in (["show", "L1N4"], ["layers"], ["plot", "layer", "extreme_post_pp"], ["plot", "layer", "layer"]):
        assert run([*words, "-f", "svg", *db]) == 0
        assert texts(capsys.readouterr().out) or words[0] == "plot"
    assert run(["export", "svg", "L1N4", "L0N2", "--out", str(tmp_path / "out"), *db]) == 0
    assert {path.name for path in (tmp_path / "out").glob("*.svg")} == {"L1N4.svg", "L0N2.svg"}
    with indexer.open(index) as opened:
        sites = [row.site.name for row in opened.layers()]
    capsys.readouterr()
    assert run(["layers", "-f", "svg", *db]) == 0
    assert set(sites) <= {piece.text for piece in texts(capsys.readouterr().out)}
