"""Promises of the picture of a sample: its bins, what is drawn for each, its size; quantiles and places in words."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import indexer
from gluscope_tui.cli.app import run
from gluscope_tui.colour.depth import Depth
from gluscope_tui.colour.ramp import ramp
from gluscope_tui.colour.style import StyledLine
from gluscope_tui.views import bins
from gluscope_tui.views.bins import density
from gluscope_tui.views.density import LEAST_HEIGHT, LEAST_WIDTH, Ink, level, picture
from gluscope_tui.views.sample import place_text, plot, width_of
from indexer.database.read.sampled import Place
from indexer.database.records import Sample
from indexer.quadrants import QUADRANTS, QUANTITIES

from ..support.index_fixture import DEAD, Truth, make_index

INKS = [Ink(ramp(depth), ascii_only=ascii_only) for depth in Depth for ascii_only in (False, True)]


def drawn(count: int, seed: int = 0) -> Sample:
    """Heavy-tailed values, correlated, some of them 0; act = gate."""
    random = np.random.default_rng(seed)
    gate = random.standard_t(2, count).round(3)
    in_ = (gate + random.standard_t(2, count)).round(3)
    gate[::17] = 0.0
    return Sample(*(tuple(values.tolist()) for values in (gate, in_, gate, gate * in_)))


def text_of(line: StyledLine) -> str:
    return "".join(text for text, _ in line)


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (6, 20), (13, 7)])
def test_every_position_is_counted_in_the_bin_between_its_edges(rows: int, columns: int) -> None:
    sample = drawn(700)
    found = density(sample, rows, columns)
    assert found is not None
    gate, in_ = np.array(sample.gate), np.array(sample.in_)
    inside = (gate != 0) & (in_ != 0)
    edges = []
    for values, half in ((gate[inside], rows), (in_[inside], columns)):
        linear, end = np.median(np.abs(values)), np.abs(values).max()
        away = linear * np.sinh(np.linspace(0, np.arcsinh(end / linear), half + 1))
        away[-1] = end * 2
        edges.append(np.concatenate([-away[:0:-1], away]))
    counts, *_ = np.histogram2d(gate[inside], in_[inside], edges)
    # an edge belongs to the bin further out: nothing of the sample lies on one
    assert counts[::-1, ::-1].tolist() == [list(row) for row in found.counts]
    assert sum(found.of_gate()) == sum(found.of_in()) == inside.sum()
    assert found.largest == counts.max()


def test_a_sample_without_a_position_in_a_quadrant_has_no_density_and_says_so() -> None:
    zeros = Sample((0.0,) * 30, (1.0,) * 30, (0.0,) * 30, (0.0,) * 30)
    assert density(zeros, 4, 4) is None
    assert "at all 30 sampled positions gate or in is 0" in text_of(plot(zeros, 80, 20, INKS[0])[0])
    for width in (40, 80):
        lines = [text_of(line).rstrip() for line in plot(Sample((), (), (), ()), width, 20, INKS[0])]
        assert "no sampled position: the site counted none, or was indexed with --sample 0" in " ".join(lines)


def test_shades_grow_with_the_logarithm_and_one_position_is_seen() -> None:
    assert [level(count, 16, 4) for count in (0, 1, 2, 3, 4, 8, 15, 16)] == [0, 1, 2, 2, 3, 4, 4, 4]
    assert level(1, 1, 4) == 4


@pytest.mark.parametrize("ink", INKS, ids=str)
def test_a_picture_shows_exactly_the_bins_that_hold_a_position(ink: Ink) -> None:
    sample = drawn(300)
    lines = picture(sample, 60, 24, ink)
    texts = [text_of(line) for line in lines]
    rows, columns = (24 - 8) // 2, (60 - 14) // 2
    found = density(sample, rows * (2 if ink.halves else 1), columns)
    assert found is not None
    body = [text[60 - 2 * columns - 6 :] for text in texts[1 : 2 + 2 * rows]]
    assert body[rows][: 2 * columns + 1] in ("─" * columns + "┼" + "─" * columns, "-" * columns + "+" + "-" * columns)
    del body[rows]
    for row, text in enumerate(body):
        assert text[columns] in "│|"
        cells = text[:columns] + text[columns + 1 : 2 * columns + 1]
        pixels = found.counts[2 * row : 2 * row + 2] if ink.halves else found.counts[row : row + 1]
        for column, cell in enumerate(cells):
            held = [line[column] for line in pixels]
            if not any(held):
                assert cell == " "
            elif ink.halves:
                assert cell == ("▀" if held[0] else "▄")
            else:
                assert cell == ink.shades[level(held[0], found.largest, len(ink.shades)) - 1]
    assert all(len(text) <= 60 for text in texts)
    assert len(lines) == 24


@pytest.mark.parametrize(("width", "height"), [(60, 24), (140, 58)])
def test_the_picture_fills_its_place_with_round_numbers_where_their_values_lie(width: int, height: int) -> None:
    sample = drawn(700)
    lines = [text_of(line) for line in picture(sample, width, height, Ink(ramp(Depth.TRUE)))]
    assert height - 3 <= len(lines) <= height
    inside = [(abs(g), abs(i)) for g, i in zip(sample.gate, sample.in_, strict=True) if g and i]
    middle = next(number for number, line in enumerate(lines) if "┼" in line)
    centre = lines[middle].index("┼")
    assert lines[middle].split()[0] == "0"
    columns = lines[middle].count("─") // 2
    for side, half in ((0, middle - 1), (1, columns)):
        linear, end = np.median([pair[side] for pair in inside]), max(pair[side] for pair in inside)
        if side == 0:
            told = {n: line[: centre - columns].strip() for n, line in enumerate(lines[1 : 2 * middle], 1)}
            found = {text: middle - n for n, text in told.items() if text}
        else:
            row = next(line for line in lines if line.strip().startswith("in "))
            words = re.finditer(r"[\d.e+-]+", row[centre - columns :])
            found = {word[0]: columns - word.start() - len(word[0]) // 2 for word in words}
        assert len(found) >= 5
        for text, away in found.items():
            value = float(text)
            share = np.arcsinh(abs(value) / linear) / np.arcsinh(end / linear)
            assert abs(away) == pytest.approx(share * half, abs=1.01)
            assert away * value >= 0


def test_the_picture_counts_each_quadrant_where_its_pane_lies() -> None:
    sample = drawn(400)
    signs = [(g > 0, i > 0) for g, i in zip(sample.gate, sample.in_, strict=True) if g and i]
    texts = [text_of(line) for line in picture(sample, 60, 24, INKS[0])]
    upper, lower = (next(text for text in texts if name in text).split() for name in ("++", "-+"))
    assert upper == ["gate", "++", str(signs.count((True, True))), "│", "+-", str(signs.count((True, False)))]
    assert lower == ["-+", str(signs.count((False, True))), "│", "--", str(signs.count((False, False)))]
    assert any("400 sampled, 24 in no quadrant" in text for text in texts)


def test_strength_is_shown_without_colour_and_colour_tells_the_sign_of_post() -> None:
    sample = drawn(400)
    for depth in (Depth.NONE, Depth.PLAIN, Depth.ANSI16):
        styles = {style for line in picture(sample, 60, 24, Ink(ramp(depth))) for _, style in line}
        assert all(style.fg is None and style.bg is None for style in styles)
    colours = ramp(Depth.TRUE)
    orange, blue = ({style.bg for style in side} for side in (colours.positive, colours.negative))
    for line in picture(sample, 60, 24, Ink(colours))[1:9]:  # gate is positive
        left = {style.fg for text, style in line[1 : 1 + 23] if text in "▀▄"}
        right = {style.fg for text, style in line[25 : 25 + 23] if text in "▀▄"}
        assert left <= orange
        assert right <= blue


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(st.integers(1, 140), st.integers(1, 50), st.sampled_from(INKS), st.integers(0, 60))
def test_a_plot_of_any_size_is_no_wider_than_its_place(width: int, height: int, ink: Ink, count: int) -> None:
    for line in plot(drawn(count), width, height, ink):
        assert width_of(line) <= max(width, LEAST_WIDTH, 51)
        assert text_of(line).isprintable()
        assert text_of(line).isascii() or not ink.ascii_only
    assert len(picture(drawn(50), width, height, ink)) <= max(height, LEAST_HEIGHT)


def test_places_are_shown_in_few_cells_and_never_as_p100() -> None:
    assert place_text(None) == ""
    assert place_text(Place(100.0, 1024, True)) == "> all 1,024"
    assert place_text(Place(97.9, 300, False)) == "p97"
    assert place_text(Place(99.96, 1024, False)) == "p99.9"
    assert place_text(Place(0.05, 1024, False)) == "p0.0"
    assert place_text(Place(0.0, 1024, False)) == "p0"


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    return make_index(tmp_path_factory.mktemp("plots") / "tiny.db", sample=500)


def shown(capsys: pytest.CaptureFixture[str], path: Path, *arguments: str) -> str:
    assert run(["show", *arguments, "--plot", "--db", str(path)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


@pytest.mark.slow
@pytest.mark.parametrize("signs", ["aligned", "raw"])
def test_json_has_the_quantiles_and_how_many_they_are_of(
    capsys: pytest.CaptureFixture[str], truth: Truth, signs: str
) -> None:
    found = json.loads(shown(capsys, truth.path, "L1N3", "L1N5", "-f", "json", "-n", "0", "--signs", signs))
    with indexer.open(truth.path) as index:
        for neuron in found:
            sample = index.sample(neuron["neuron"], signs=signs)
            told = neuron["sample"]
            assert (told["n"], told["probabilities"]) == (500, [0.05, 0.25, 0.5, 0.75, 0.95])
            gate, in_ = np.array(sample.gate), np.array(sample.in_)
            assert told["zero"] == ((gate == 0) | (in_ == 0)).sum()
            assert list(told["quadrants"]) == ["++", "+-", "-+", "--"]
            for quadrant in QUADRANTS:
                inside = (np.sign(gate) == quadrant.gate_sign) & (np.sign(in_) == quadrant.in_sign)
                numbers = told["quadrants"][quadrant.value]
                assert numbers["n"] == inside.sum()
                for quantity in QUANTITIES:
                    if inside.sum() < 20:
                        assert numbers[quantity] is None
                    else:
                        values = np.array(sample[quantity])[inside]
                        expected = np.quantile(values, told["probabilities"])
                        np.testing.assert_allclose(numbers[quantity], expected, rtol=1e-5, atol=1e-9)


def test_plain_and_markdown_hold_the_picture_without_an_escape(
    capsys: pytest.CaptureFixture[str], truth: Truth
) -> None:
    plain = shown(capsys, truth.path, "L0N5", "L0N6", "--width", "100")
    assert [line for line in plain.splitlines() if line.startswith("L0N")] == ["L0N5", "L0N6"]
    assert plain.count("┼") == 2
    assert "\x1b" not in plain
    assert "\t" not in plain
    assert "L0N5\t++\tpost" in shown(capsys, truth.path, "L0N5", "-n", "2")
    markdown = shown(capsys, truth.path, "L0N5", "-f", "md")
    assert markdown.count("```\n") == 2
    assert "┼" in markdown


def test_rich_shows_the_picture_on_request_and_percentiles_if_there_is_room(
    capsys: pytest.CaptureFixture[str], truth: Truth
) -> None:
    wide = shown(capsys, truth.path, "L0N5", "-f", "rich", "--width", "120", "--color", "256", "--rank-by", "random")
    assert "sampled" in wide
    contexts = [line for line in wide.splitlines() if line.startswith(("  ", "+", "-"))]
    assert sum(bool(re.match(r"\s*[+-][\d.e-]+ p\d", line)) for line in contexts) >= 6
    assert "> all" not in wide
    assert run(["show", "L0N5", "-f", "rich", "--width", "80", "--color", "never", "--db", str(truth.path)]) == 0
    narrow = capsys.readouterr().out
    assert "> all" not in narrow
    assert "┼" not in narrow


def test_a_dead_neuron_and_an_index_without_a_sample_say_why_there_is_no_picture(
    capsys: pytest.CaptureFixture[str], truth: Truth, tmp_path: Path
) -> None:
    assert "at all 500 sampled positions gate or in is 0" in shown(capsys, truth.path, f"L0N{DEAD}")
    found = json.loads(shown(capsys, truth.path, f"L0N{DEAD}", "-f", "json"))
    assert found["sample"]["zero"] == found["sample"]["n"] == 500
    bare = tmp_path / "bare.db"
    shutil.copy(truth.path, bare)
    with sqlite3.connect(bare) as connection:
        connection.execute("UPDATE packed SET sample = ?", (zlib.compress(bytes([2])),))  # as --sample 0 leaves it
    connection.close()
    assert "no sampled position" in shown(capsys, bare, "L0N5")
    assert json.loads(shown(capsys, bare, "L0N5", "-f", "json"))["sample"]["n"] == 0


class _CountedRow(tuple[int, ...]):
    """A row of bins that counts how often it is gone through as a whole."""

    times = 0

    def __iter__(self) -> Iterator[int]:
        _CountedRow.times += 1
        return super().__iter__()


def test_a_large_picture_goes_through_its_bins_a_few_times_and_not_once_a_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    real = bins.density

    def counted(sample: Sample, rows: int, columns: int) -> bins.Density | None:
        found = real(sample, rows, columns)
        assert found is not None
        return replace(found, counts=tuple(map(_CountedRow, found.counts)))

    monkeypatch.setattr("gluscope_tui.views.density.density", counted)
    monkeypatch.setattr(_CountedRow, "times", 0)
    picture(drawn(300), 300, 100, INKS[-1])
    assert 0 < _CountedRow.times <= 10 * 200  # 300 columns of 200 rows of bins
