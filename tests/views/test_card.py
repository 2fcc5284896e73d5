"""Promises of the display of a neuron's weights: the tokens it writes in a quadrant, and its card."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from gluscope_tui.colour.style import StyledLine
from gluscope_tui.views.card import CardLook, card, list_rows, missing
from gluscope_tui.views.neuron_lists import Strip, neuron_lists
from gluscope_tui.views.sample import width_of
from gluscope_tui.views.writes import in_a_row, label, output_sign, promoted
from indexer.addresses import parse_neuron
from indexer.database.read.weights_state import IMPORTED, MISSING, NO_WIRING
from indexer.database.records import (
    WIRING_LISTS,
    Cosines,
    Neighbour,
    NeuronWeights,
    QuadrantRecord,
    Quantities,
    Reads,
    TokenScore,
    VocabularyScores,
    Wire,
    Wiring,
)
from indexer.quadrants import Quadrant

from ..support import hostile
from ..support.view_records import empty


def scores(*texts: str, sign: int = 1) -> tuple[TokenScore, ...]:
    return tuple(TokenScore(number, text, sign * (9.5 - number)) for number, text in enumerate(texts))


def weights(**more: object) -> NeuronWeights:
    found = NeuronWeights(
        neuron=parse_neuron("L12N345"),
        signs="aligned",
        rw_class="conditional weakening",
        cos_gate_in=0.123,
        cos_in_out=-0.612,
        cos_gate_out=None,
        norm_gate=1.5,
        norm_in=2.25,
        norm_out=0.5,
        bands=Cosines(0.08, 0.075, None),
        promotes=scores(" France", " French", "France", " Paris"),
        suppresses=scores(" Ireland", " Irish", "\x1b[31m", "\n", sign=-1),
        reads_gate=Reads(scores(" city"), scores(" the", sign=-1)),
        reads_in=Reads(scores(" of"), ()),
        nearest_out=(Neighbour(parse_neuron("L13N7"), 0.5), Neighbour(parse_neuron("L2N1"), -0.25)),
        nearest_in=(Neighbour(parse_neuron("L0N3"), -0.75),),
    )
    return replace(found, **more)  # type: ignore[arg-type]  # fields by name


def quadrant(kind: Quadrant, post: float) -> QuadrantRecord:
    return replace(empty(kind), count=5, extreme=Quantities(1.0, 1.0, 1.0, post))


def text_of(line: StyledLine) -> str:
    return "".join(text for text, _ in line)


def test_if_post_is_negative_a_neuron_promotes_what_w_out_suppresses() -> None:
    assert promoted(quadrant(Quadrant.PP, 7.7), weights()) == (" France", " French", "France", " Paris")
    assert promoted(quadrant(Quadrant.NN, 0.2), weights())[0] == " France"
    assert promoted(quadrant(Quadrant.PN, -6.3), weights())[0] == " Ireland"
    assert promoted(quadrant(Quadrant.NP, -0.4), weights())[0] == " Ireland"
    assert (label(1), label(-1)) == ("writes +out:", "writes -out:")


def test_nothing_is_written_if_post_is_0_no_token_was_or_weights_are_not_there() -> None:
    assert output_sign(quadrant(Quadrant.NP, 0.0)) == 0  # as with ReLU
    assert promoted(quadrant(Quadrant.NP, 0.0), weights()) == ()
    assert promoted(empty(Quadrant.NN), weights()) == ()
    assert promoted(quadrant(Quadrant.PP, 7.7), None) == ()


def test_a_row_holds_whole_tokens_each_once_without_the_blank_of_a_word() -> None:
    texts = (" France", " French", "France", " Paris", " Lyon")
    assert in_a_row(texts, 40) == "France French Paris Lyon"
    assert in_a_row(texts, 20) == "France French Paris"
    assert in_a_row(texts, 19) == "France French Paris"
    assert in_a_row(texts, 18) == "France French"
    assert in_a_row(("  ", "\n\n", "\x1b[31m"), 40) == "␣ ↵↵ ␛[31m"
    assert in_a_row(("Unpronounceable",), 8) == "Unprono…"
    assert in_a_row((), 8) == ""


@given(st.lists(hostile.texts, max_size=8), st.integers(0, 60), st.booleans())
def test_no_token_writes_a_control_character_or_more_cells_than_there_are(
    texts: list[str], width: int, ascii_only: bool
) -> None:
    row = in_a_row(texts, width, ascii_only=ascii_only)
    assert hostile.harmful(row) == []
    assert cell_len(row) <= width
    assert row.isascii() or not ascii_only


def test_a_card_tells_class_cosines_chance_norms_tokens_and_neighbours() -> None:
    lines = [text_of(line) for line in card(weights(), 100, CardLook(), (0, 1))]
    assert lines[0].strip() == "conditional weakening"
    assert lines[1].split() == ["cos(gate,", "in)", "+0.123", "chance", "±0.080", "norm", "gate", "1.50"]
    assert lines[2].split() == ["cos(in,", "out)", "-0.612", "chance", "±0.075", "norm", "in", "2.25"]
    assert lines[3].split() == ["cos(gate,", "out)", "-", "norm", "out", "0.500"]
    assert lines[4].split() == [
        "promotes",
        "␣France",
        "+9.50",
        "␣French",
        "+8.50",
        "France",
        "+7.50",
        "␣Paris",
        "+6.50",
    ]
    assert lines[5].split() == ["suppresses", "␣Ireland", "-9.50", "␣Irish", "-8.50", "␛[31m", "-7.50", "↵", "-6.50"]
    assert [line.split()[:2] for line in lines[6:9]] == [["gate", "reads"], ["against", "␣the"], ["in", "reads"]]
    assert lines[9].split() == ["against", "not", "known"]
    assert lines[11].split() == ["L13N7", "+0.500", "L0N3", "-0.750"]
    assert lines[12].split() == ["▸L2N1", "-0.250"]
    strip = Strip(neuron_lists(weights()), 100, 0, 1)
    assert strip.column_at(lines[11].index("L13N7")) == 0
    assert strip.column_at(lines[11].index("L0N3")) == 1


def test_a_card_tells_the_spread_of_scores_and_the_entropy_of_peaks() -> None:
    spread = VocabularyScores(0.01, 0.312, -2.14, 12.3, 0.034)
    entropies = {Quadrant.PP: 0.0, Quadrant.PN: None, Quadrant.NP: 2.3125, Quadrant.NN: 4.0}
    lines = [text_of(line) for line in card(weights(vocabulary=spread), 100, CardLook(), None, entropies)]
    words = ["vocabulary", "std", "0.312", "skew", "-2.14", "kurtosis", "12.3", "null", "share", "3.40%"]
    assert lines[4].split() == words
    assert lines[5].split() == ["peak", "entropy", "++", "0.00", "-+", "2.31", "--", "4.00", "bits"]
    assert lines[6].split()[0] == "promotes"
    assert lines[0] == " conditional weakening"
    nothing = VocabularyScores(0.0, 0.0, None, None, None)
    assert "skew - " in text_of(card(weights(vocabulary=nothing), 100, CardLook())[4])


@pytest.mark.parametrize("width", [80, 120])
def test_a_card_says_in_which_quadrants_a_neuron_predicts_and_suppresses(width: int) -> None:
    positive, negative = (Quadrant.PP, Quadrant.NN), (Quadrant.PN, Quadrant.NP)
    spread = VocabularyScores(0.01, 0.312, -2.14, 12.3, 0.034, negative, positive)
    longest = weights(vocabulary=spread, rw_class="atypical conditional strengthening")
    told = text_of(card(longest, width, CardLook())[0])
    assert told == " atypical conditional strengthening   predicts in +- -+, suppresses in ++ --"
    one = weights(vocabulary=replace(spread, predicts=(Quadrant.PP,), suppresses=()))
    assert text_of(card(one, width, CardLook())[0]) == " conditional weakening   predicts in ++"


@pytest.mark.parametrize("ascii_only", [False, True])
@pytest.mark.parametrize("width", [38, 60, 80, 200])
def test_a_card_has_no_harmful_character_and_fits_its_height(width: int, ascii_only: bool) -> None:
    many = scores(*[text for text in hostile.SNIPPETS for _ in range(3)][:16])
    near = tuple(Neighbour(parse_neuron(f"L31E127N{number}"), 0.5) for number in range(8))
    told = weights(promotes=many, suppresses=many, reads_gate=Reads(many, many), reads_in=Reads(many, many))
    wires = tuple(Wire(one.neuron, 0.5, (Quadrant.PP, Quadrant.NN)) for one in near)
    bands = dict.fromkeys(WIRING_LISTS, 0.125)
    told = replace(told, nearest_out=near, nearest_in=near, wiring=Wiring(wires, wires, (), wires, bands))
    quadrants = tuple(Quadrant)
    told = replace(told, vocabulary=VocabularyScores(0.1, 0.2, 0.3, 1e9, 0.4, quadrants[:2], quadrants[2:]))
    entropies = dict.fromkeys(Quadrant, 3.25)
    for height in (22, 24, 38, 70):
        look = CardLook(*list_rows(height, 2), ascii_only=ascii_only, cursor=">")
        lines = card(told, width, look, (height % 6, 3), entropies)
        assert len(lines) <= height
        for line in lines:
            assert hostile.harmful(text_of(line)) == []
            assert text_of(line).isascii() or not ascii_only
            assert (width >= 60 and width_of(line) <= max(width, 62)) or width < 60


WIRED = Wiring(
    fed_gate=(
        Wire(parse_neuron("L5N12"), 0.25, (Quadrant.PP, Quadrant.NN)),
        Wire(parse_neuron("L2SN1"), -0.2, (Quadrant.PN,)),
    ),
    fed_in=(Wire(parse_neuron("L1N1"), -0.125, None),),
    feeds_gate=(Wire(parse_neuron("L20N3"), -0.5, (Quadrant.PN, Quadrant.NP)),),
    feeds_in=(),
    bands={"fed_gate": 0.0625, "fed_in": 0.1, "feeds_gate": None, "feeds_in": 0.1},
)


@pytest.mark.parametrize(
    ("column", "place", "told"),
    [
        (0, 1, ""),
        (2, 0, "++ and -- of L5N12 (post +) open its gate; chance ±0.062"),
        (2, 1, "+- of L2SN1 (post -) opens its gate; chance ±0.062"),
        (3, 0, "the sign of post is not known there; chance ±0.100"),
        (4, 0, "its +- and -+ (post -) open the gate of L20N3"),
        (5, 0, ""),
    ],
)
def test_a_card_says_in_words_what_the_chosen_neuron_does(column: int, place: int, told: str) -> None:
    for width in (60, 80, 120, 200):
        lines = [text_of(line) for line in card(weights(wiring=WIRED), width, CardLook(), (column, place))]
        assert lines[-1].strip() == told
        heads = next(line for line in lines if "nearest by" in line or " is fed by" in line or "it feeds" in line)
        assert ("<" in heads, ">" in heads) == (column >= width // 26, max(column + 1, width // 26) < 6)
        marked = [line for line in lines if "▸" in line]
        assert len(marked) == (0 if column == 5 else 1)


def test_a_card_without_wiring_says_how_to_add_it() -> None:
    look = CardLook(no_wiring=NO_WIRING["reason"])
    assert text_of(card(weights(), 80, look)[-1]).strip() == (
        "no wiring: gluscope index --weights-only MODEL --db FILE adds it"
    )
    look = CardLook(no_wiring="the model has 3,000,000 neurons, more than are compared")
    assert "no wiring: the model has 3,000,000 neurons" in text_of(card(weights(), 80, look)[-1])


def test_a_card_without_weights_says_why_and_the_command_that_adds_them() -> None:
    lines = [text_of(line).strip() for line in missing("--no-weights was given", "/data/my index.db", 80, CardLook())]
    assert lines[0] == "the weights are not in this index: --no-weights was given"
    assert lines[-1] == "gluscope index --weights-only MODEL --db '/data/my index.db'"
    old = "\n".join(text_of(line) for line in missing(MISSING["reason"], "a.db", 80, CardLook()))
    assert "made by an older gluscope" in old
    assert old.count("--weights-only") == 1
    assert "--weights-only" not in "\n".join(
        text_of(line) for line in missing(IMPORTED["reason"], None, 80, CardLook())
    )


def test_a_neuron_with_a_vector_of_zeros_and_no_lists_still_has_a_card() -> None:
    bare = weights(rw_class=None, promotes=(), suppresses=(), nearest_out=(), nearest_in=(), cos_in_out=None)
    text = "\n".join(text_of(line) for line in card(bare, 80, CardLook()))
    assert "no class: a vector is zero" in text
    assert "nearest        not known" in text
