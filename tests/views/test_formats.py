"""Promises of the formats: JSON as the manual says, lines for pipes, Markdown, and the page of a terminal."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from rich.cells import cell_len

from gluscope_tui.colour.depth import Depth
from gluscope_tui.colour.ramp import ramp
from gluscope_tui.views import info as info_view
from gluscope_tui.views import json as json_view
from gluscope_tui.views import markdown, page, plain
from gluscope_tui.views.json_text import dumps, listed
from gluscope_tui.views.neuron import cells_of, header, signs_of, table
from indexer.quadrants import Quadrant

from ..support import hostile
from ..support.view_records import FRANCE, info, neuron


def test_json_has_exactly_the_promised_keys_and_numbers() -> None:
    found = json.loads(dumps(json_view.neuron(neuron())))
    assert {key: value for key, value in found.items() if key != "quadrants"} == {
        "format": 1,
        "neuron": "L12N345",
        "site": "L12",
        "layer": 12,
        "index": 345,
        "model": "tiny/\x1b[31mmodel",
        "signs": "aligned",
        "flipped": False,
        "tokens_counted": 113_108,
        "tokens_corpus": 113_200,
        "zero": 5,
        "weights": None,
    }
    assert list(found["quadrants"]) == ["++", "+-", "-+", "--"]
    assert found["quadrants"]["+-"] == {
        "count": 0,
        "frequency": 0.0,
        "mean": {"gate": None, "in": None, "act": None, "post": None},
        "extreme": {"gate": None, "in": None, "act": None, "post": None},
        "peak_entropy": None,
        "examples": {"post": [], "random": []},
    }
    pp = found["quadrants"]["++"]
    assert (pp["count"], pp["frequency"]) == (14_000, 14_000 / 113_108)
    assert pp["mean"] == {"gate": 0.10000000149011612, "in": 0.25, "act": 9.999999747378752e-06, "post": 0.0}
    assert pp["extreme"] == {"gate": 2.0, "in": 4.0, "act": 2.0, "post": 8.0}
    assert [len(pp["examples"][ranking]) for ranking in ("post", "random")] == [2, 1]
    assert pp["examples"]["post"][0] == {
        "rank": 0,
        "value": 8.0,
        "document": 812,
        "part": 1,
        "position": 403,
        "source": "corpus/a.txt",
        "peak": 3,
        "text": "<s> city of France\x1b日 is",
        "tokens": ["<s>", " city", " of", " France", "\x1b", "日", "", " is"],
        "gate": [None, 1.0, -1.0, 2.0, 0.5, 0.5, 0.01, 2.0],
        "in": [None, 1.0, 1.0, 4.0, -0.5, 0.5, 2.0, 0.0],
        "act": [None, 1.0, -0.25, 2.0, 0.5, 0.5, 0.01, 2.0],
        "post": [None, 1.0, -0.25, 8.0, -0.25, 0.25, 0.02, 0.0],
    }


def test_a_window_is_exact_at_its_peak_and_has_four_digits_elsewhere() -> None:
    values = (None, -1 / 3, 1.23456e-7, 2 / 3, -0.0, 123456.7)
    bad = replace(FRANCE, gate=values, tokens=tuple("abcdef"), peak=3)
    found = json_view.context(bad)["gate"]
    assert found == [None, -0.3333, 1.235e-7, 0.6666666865348816, 0.0, 123500.0]  # 2 / 3 as a float32
    assert str(found[4]) == "0.0"


def test_json_is_one_line_of_ascii() -> None:
    text = dumps(json_view.neuron(neuron()))
    assert text.isascii()
    assert text.isprintable()
    assert "-0.0," not in text


@pytest.mark.parametrize("count", [0, 1, 3])
def test_several_neurons_are_a_json_list(count: int) -> None:
    text = "".join(listed({"neuron": number} for number in range(count)))
    assert json.loads(text) == [{"neuron": number} for number in range(count)]
    assert len(text.splitlines()) == (count + 2 if count else 1)


def test_plain_contexts_are_the_fields_of_the_manual() -> None:
    lines = [line.split("\t") for line in plain.contexts(neuron())]
    assert lines == [
        ["L12N345", "++", "post", "0", "8", "812", "1", "403", "<s> city of« France»␛日 is"],
        ["L12N345", "++", "post", "1", "7.25", "812", "1", "403", "<s> city of« France»␛日 is"],
        ["L12N345", "++", "random", "0", "0.1", "812", "1", "403", "<s> city of« France»␛日 is"],
    ]


def test_plain_statistics_are_a_line_a_quadrant() -> None:
    lines = [line.split("\t") for line in plain.statistics(neuron())]
    assert lines[0] == [
        "L12N345", "++", "14000", repr(14_000 / 113_108), "0.1", "0.25", "1e-05", "0", "2", "4", "2", "8",
    ]  # fmt: skip
    assert lines[1] == ["L12N345", "+-", "0", "0.0", *[""] * 8]
    assert [line[1] for line in lines] == ["++", "+-", "-+", "--"]


def test_a_tab_and_a_newline_of_the_corpus_make_no_field_and_no_line() -> None:
    record = neuron()
    pp = record.quadrants[Quadrant.PP]
    bad = replace(FRANCE, tokens=("a\tb", "\n\n", "\r", "c", "  ", "", "", "d"))
    quadrants = {Quadrant.PP: replace(pp, examples={"post": (bad,)})}
    (line,) = plain.contexts(replace(record, quadrants=quadrants))
    assert line.split("\t")[8] == "a→b↵↵␍«c»  d"
    assert "\n" not in line


def test_the_peak_of_a_split_character_is_the_whole_character() -> None:
    record = neuron()
    pp = record.quadrants[Quadrant.PP]
    quadrants = {Quadrant.PP: replace(pp, examples={"post": (replace(FRANCE, peak=6),)})}
    (line,) = plain.contexts(replace(record, quadrants=quadrants))
    assert line.endswith("\t<s> city of France␛«日» is")


def test_markdown_shows_every_character_as_it_is() -> None:
    record = neuron()
    pp = record.quadrants[Quadrant.PP]
    bad = replace(FRANCE, tokens=("<b>", "`x``", "|", "*y*", "", "", "", "_"), peak=3)
    quadrants = {**record.quadrants, Quadrant.PP: replace(pp, examples={"post": (bad,)})}
    lines = list(markdown.neuron(replace(record, quadrants=quadrants)))
    assert lines[:4] == [
        "## L12N345",
        "",
        "`tiny/␛[31mmodel`; aligned, not flipped; 113,108 of 113,200 tokens counted, 5 in no quadrant",
        "",
    ]
    assert "| `++` | 14,000 | 12.4% | +0.100 | +0.250 | +1.00e-5 | 0 | +2.00 | +4.00 | +2.00 | +8.00 |" in lines
    assert "| `-+` | 3 | 3/113k | -1.00 | +1.00 | -0.250 | -0.250 | -1.00 | +1.00 | -0.250 | -0.250 |" in lines
    assert "### `++` by post (12.4%)" in lines
    assert "- `+8.00` ```<b>`x``|«*y*»_```" in lines


def test_a_code_span_survives_backticks() -> None:
    assert markdown.code("a") == "`a`"
    assert markdown.code("`") == "`` ` ``"
    assert markdown.code("a``b") == "```a``b```"


def text_of(line: tuple[tuple[str, object], ...]) -> str:
    return "".join(text for text, _ in line)


@pytest.mark.parametrize("depth", list(Depth))
@pytest.mark.parametrize("wrap", [False, True])
def test_a_page_writes_no_control_character_of_the_data(depth: Depth, wrap: bool) -> None:
    for line in page.neuron(neuron(), page.Page(60, depth, wrap=wrap)):
        assert hostile.harmful(text_of(line)) == []
        if depth is Depth.PLAIN:
            assert hostile.harmful(page.painted(line)) == []


def test_a_page_has_its_peaks_in_one_column() -> None:
    lines = [text_of(line) for line in page.neuron(neuron(), page.Page(60, Depth.ANSI256))]
    contexts = [line for line in lines if " France" in line]
    assert [line.split()[0] for line in contexts] == ["+8.00", "+7.25", "+0.100"]
    assert {line.index(" France") for line in contexts} == {9 + int(51 * 0.62)}
    assert {cell_len(line) for line in contexts} == {60}


def test_a_page_says_who_the_scale_and_what_is_never() -> None:
    lines = [text_of(line) for line in page.neuron(neuron(), page.Page(80, Depth.TRUE))]
    assert lines[:2] == header(neuron(), 80)
    assert lines[0] == "L12N345  tiny/␛[31mmodel  aligned, not flipped"
    assert lines[1] == "113,108 of 113,200 tokens counted, 5 in no quadrant"
    assert header(neuron(), 200) == ["  ".join(lines[:2])]
    assert f"post -8.00{' ' * 8}0{' ' * 8}+8.00  scale: neuron" in lines
    assert "++ by post  12.4%  14,000 tokens" in lines
    assert "-+ by post  3/113k  3 tokens" in lines
    assert "+- never: 0 of 113,108" in lines
    assert all(cell_len(line) <= 80 for line in lines)


def test_a_page_of_one_quadrant_keeps_the_scale_of_the_neuron() -> None:
    shown = page.Page(80, Depth.TRUE, quadrants=frozenset([Quadrant.NP]))
    lines = [text_of(line) for line in page.neuron(neuron(), shown)]
    assert f"post -8.00{' ' * 8}0{' ' * 8}+8.00  scale: neuron" in lines
    assert not any(line.startswith(("++", "+-", "--")) for line in lines)


def test_a_page_has_the_colours_of_its_depth() -> None:
    painted = {
        depth: "\n".join(page.painted(line) for line in page.neuron(neuron(), page.Page(80, depth))) for depth in Depth
    }
    assert "\x1b" not in painted[Depth.PLAIN]
    assert "« France»" in painted[Depth.PLAIN]
    strongest = ramp(Depth.ANSI256).positive[-1].marked()
    assert f"\x1b[{strongest.sgr}m France\x1b[0m" in painted[Depth.ANSI256]
    assert "38;2" not in painted[Depth.ANSI256]
    assert "38;2" in painted[Depth.TRUE]
    assert "38;" not in painted[Depth.ANSI16]
    assert "\x1b[1;4;7m France\x1b[0m" in painted[Depth.NONE]


@pytest.mark.parametrize(("width", "parts"), [(20, 5), (40, 3), (60, 2), (75, 1), (80, 1), (200, 1)])
def test_the_table_fits_and_lacks_nothing(width: int, parts: int) -> None:
    record = neuron()
    lines = table(list(record.quadrants.values()), record.tokens_counted, width)
    assert [line for line in lines if cell_len(line) > width] == []
    for quadrant in record.quadrants.values():
        rows = [line for line in lines if line.startswith(quadrant.quadrant.value)]
        assert len(rows) == parts
        cells = [cell for row in rows for cell in row.split()[1:]]
        assert tuple(cells) == cells_of(quadrant, record.tokens_counted)[1:]
    titles = [word for line in lines for word in line.split() if word in ("mean", "extreme")]
    assert titles == sorted(titles, reverse=True)
    assert set(titles) == {"mean", "extreme"}


def test_signs_say_whether_the_neuron_was_flipped() -> None:
    record = neuron()
    assert signs_of(replace(record, flipped=True)) == "aligned, flipped"
    assert signs_of(replace(record, flipped=True, signs="raw")) == "raw, flips when aligned"
    assert signs_of(replace(record, signs="raw")) == "raw, stays when aligned"
    assert signs_of(replace(record, flipped=None)) == "aligned, flip unknown"


def test_info_gives_all_provenance_and_nothing_harmful() -> None:
    lines = list(info_view.plain(info()))
    assert "model.name\tevil␛]52;c;x␇" in lines
    assert "index.size\t13400000" in lines
    assert "settings.layers\tnull" in lines
    assert 'corpus.inputs\t["a.txt", "\\u009b31m"]' in lines
    assert any(line.startswith("site.L0\tneurons=24 activation=silu tokens_counted=1904") for line in lines)
    assert all(hostile.harmful(line.replace("\t", "")) == [] for line in lines)
    shown = dict(info_view.sections(info()))
    assert ("size", "13.4 MB") in shown["index"]
    assert ("layers", "all") in shown["settings"]
    assert ("tokens", "113,108") in shown["corpus"]
    assert ("identity", "weights ab␛, window 24, 8") in shown["run"]
    assert ("inputs", "a.txt, ⟨9B⟩31m") in shown["corpus"]
    found = json.loads(dumps(json_view.info(info())))
    assert found["sites"] == [
        {
            "site": "L0",
            "layer": 0,
            "neurons": 24,
            "activation": "silu",
            "tokens_counted": 1904,
            "tokens_corpus": 113_108,
            "identity_error": 1e-7,
            "adapter": "gate_proj, up_proj",
        }
    ]
    assert (found["telling_neuron"], found["size"], found["model"]["revision"]) == ("L0N3", 13_400_000, None)
