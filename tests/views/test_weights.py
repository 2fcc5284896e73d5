"""The numbers of weights, as lines and as JSON: cleaned, within the width, and with the promised keys."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from gluscope_tui.colour.depth import Depth
from gluscope_tui.text.cells import cell_len
from gluscope_tui.views import json as json_view
from gluscope_tui.views import markdown, page
from gluscope_tui.views.json_text import dumps
from gluscope_tui.views.web.card import card
from indexer.addresses import parse_neuron
from indexer.database.records import (
    Cosines,
    Neighbour,
    NeuronWeights,
    Reads,
    TokenScore,
    VocabularyScores,
    Wire,
    Wiring,
)
from indexer.quadrants import Quadrant
from tests.support.view_records import neuron

HOSTILE = ("\x1b[31mred", " \x1b]52;c;aGk=\x07", "\u202eevil", " the", "`", "日本語")
WEIGHTS = NeuronWeights(
    neuron=parse_neuron("L12N345"),
    signs="aligned",
    rw_class="atypical conditional strengthening",
    cos_gate_in=0.25,
    cos_in_out=0.75,
    cos_gate_out=None,
    norm_gate=1.0,
    norm_in=0.5,
    norm_out=0.0,
    bands=Cosines(0.125, 0.0625, None),
    promotes=tuple(TokenScore(number, text, 2.0 - number / 4) for number, text in enumerate(HOSTILE)),
    suppresses=(TokenScore(9, "no", -0.1),),
    reads_gate=Reads((TokenScore(1, "a", 0.5),), (TokenScore(2, "b", -0.5),)),
    reads_in=Reads((), ()),
    nearest_out=(Neighbour(parse_neuron("L3N4"), -0.75),),
    nearest_in=(),
    wiring=Wiring(
        fed_gate=(Wire(parse_neuron("L3N4"), -0.75, (Quadrant.PN, Quadrant.NP)),),
        fed_in=(Wire(parse_neuron("L2E5N6"), 0.5, None),),
        feeds_gate=(),
        feeds_in=(Wire(parse_neuron("L13N1"), 0.25, (Quadrant.PP,)),),
        bands={"fed_gate": 0.125, "fed_in": None, "feeds_gate": 0.25, "feeds_in": 0.5},
    ),
    vocabulary=VocabularyScores(0.125, 0.5, -2.25, 12.5, 0.03125, (Quadrant.PN,), (Quadrant.PP,)),
)


@pytest.mark.parametrize("width", [20, 60, 80, 120])
def test_a_terminal_gets_class_cosines_and_tokens_without_harm(width: int) -> None:
    record = replace(neuron(), weights=WEIGHTS)
    lines = [page.painted(line) for line in page.neuron(record, page.Page(width, Depth.PLAIN))]
    text = "\n".join(lines)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "atypical conditional strengthening" in " ".join(text.split())
    assert "cos(in, out) +0.750" in text
    rows = [line for line in lines if line.startswith(("promotes", "suppresses"))]
    assert [row.split()[0] for row in rows] == ["promotes", "suppresses"]
    assert all(cell_len(row) <= width for row in rows)


@pytest.mark.parametrize("width", [20, 21, 30, 41, 60, 79, 80, 200])
@pytest.mark.parametrize("depth", [Depth.PLAIN, Depth.TRUE])
@pytest.mark.parametrize("wrap", [False, True])
def test_no_line_of_a_page_is_wider_than_asked_for(width: int, depth: Depth, wrap: bool) -> None:
    record = replace(neuron(), model="日本語/" + "a" * 90, weights=WEIGHTS)
    lines = ["".join(text for text, _ in line) for line in page.neuron(record, page.Page(width, depth, wrap=wrap))]
    assert [line for line in lines if cell_len(line) > width] == []
    said = "".join("".join(lines).split())
    for words in ("113,108 of 113,200 tokens counted", "aligned, not flipped", "14,000 tokens", "cos(in, out) +0.750"):
        assert words.replace(" ", "") in said


def test_markdown_names_the_tokens_as_code() -> None:
    lines = list(markdown.neuron(replace(neuron(), weights=WEIGHTS)))
    promotes = next(line for line in lines if line.startswith("- promotes"))
    assert "` the`" in promotes
    assert "`` ` ``" in promotes
    assert "\x1b" not in promotes


def test_a_web_page_says_where_a_neuron_predicts_and_what_undoing_its_flip_makes_of_it() -> None:
    rows = {row.label: row for row in card(WEIGHTS, None, frozenset()).rows}
    predicts, suppresses = (rows[f"a {kind} neuron in"] for kind in ("prediction", "suppression"))
    assert [item.text for item in predicts.items] == ["+-"]
    assert [item.text for item in suppresses.items] == ["++"]
    assert (predicts.partner, suppresses.partner) == (suppresses.label, predicts.label)
    plain = replace(WEIGHTS, vocabulary=VocabularyScores(0.125, 0.5, 0.0, 3.0, 0.03125))
    assert not any("neuron in" in row.label for row in card(plain, None, frozenset()).rows)


def test_json_has_the_promised_keys_and_exact_numbers() -> None:
    found = json.loads(dumps(json_view.neuron(replace(neuron(), weights=WEIGHTS))))["weights"]
    assert {key: value for key, value in found.items() if key != "promotes"} == {
        "rw_class": "atypical conditional strengthening",
        "cos": {"gate_in": 0.25, "in_out": 0.75, "gate_out": None},
        "band": {"gate_in": 0.125, "in_out": 0.0625, "gate_out": None},
        "norm": {"gate": 1.0, "in": 0.5, "out": 0.0},
        "suppresses": [{"token": 9, "text": "no", "score": -0.10000000149011612}],
        "reads": {
            "gate": {
                "nearest": [{"token": 1, "text": "a", "score": 0.5}],
                "farthest": [{"token": 2, "text": "b", "score": -0.5}],
            },
            "in": {"nearest": [], "farthest": []},
        },
        "nearest": {"out": [{"neuron": "L3N4", "cosine": -0.75}], "in": []},
        "wiring": {
            "band": {"fed_gate": 0.125, "fed_in": None, "feeds_gate": 0.25, "feeds_in": 0.5},
            "fed_gate": [{"neuron": "L3N4", "cos": -0.75, "drives": ["+-", "-+"]}],
            "fed_in": [{"neuron": "L2E5N6", "cos": 0.5, "drives": None}],
            "feeds_gate": [],
            "feeds_in": [{"neuron": "L13N1", "cos": 0.25, "drives": ["++"]}],
        },
        **{"vocab_mean": 0.125, "vocab_std": 0.5, "vocab_skew": -2.25, "vocab_kurtosis": 12.5, "null_share": 0.03125},
        "vocab_role": {"++": "suppression", "+-": "prediction", "-+": None, "--": None},
    }
    assert [one["text"] for one in found["promotes"]] == list(HOSTILE)
