"""Moving among neurons: the current list, the go-to prompt and the way back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gluscope_tui.tui.session.current_list import CurrentList, site_list
from gluscope_tui.tui.session.goto import Target, parse_goto
from gluscope_tui.tui.session.history import History
from indexer.addresses import NeuronAddress, SiteAddress, parse_neuron
from indexer.errors import GluscopeError
from indexer.quadrants import Quadrant
from tests.support.sites import SITES

HERE = site_list(SITES[12], 345)


@pytest.mark.parametrize(
    ("typed", "target"),
    [
        ("7", Target(neuron=parse_neuron("L12N7"))),
        ("0007", Target(neuron=parse_neuron("L12N7"))),
        ("+20", Target(step=20)),
        ("-20", Target(step=-20)),
        ("L13", Target(neuron=parse_neuron("L13N345"))),
        (" l13 ", Target(neuron=parse_neuron("L13N345"))),
        ("3.14", Target(neuron=parse_neuron("L3N14"))),
        ("L12N345 -+", Target(neuron=parse_neuron("L12N345"), quadrant=Quadrant.NP)),
        ("l5n6 pn", Target(neuron=parse_neuron("L5N6"), quadrant=Quadrant.PN)),
        ("+20 --", Target(step=20, quadrant=Quadrant.NN)),
        ("-+", Target(quadrant=Quadrant.NP)),
        ("--", Target(quadrant=Quadrant.NN)),
    ],
)
def test_go_to_understands_every_form(typed: str, target: Target) -> None:
    assert parse_goto(typed, HERE, SITES) == target


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("1536", "L12 has neurons 0-1535"),
        ("L30", "L0 to L29"),
        ("L30N1", "L0 to L29"),
        ("+1191", "from -345 to +1190"),
        ("-346", "from -345 to +1190"),
        ("", "nowhere"),
        ("what", "'what' is not a neuron address"),
        ("L12N345 +", "is not a neuron address"),
    ],
)
def test_go_to_names_the_error(typed: str, words: str) -> None:
    with pytest.raises(GluscopeError, match="(?s)" + words.replace("+", r"\+")):
        parse_goto(typed, HERE, SITES)


@given(st.text(max_size=20))
def test_go_to_never_fails_otherwise(typed: str) -> None:
    try:
        target = parse_goto(typed, HERE, SITES)
    except GluscopeError:
        return
    assert target.neuron is None or target.neuron.index < 1536


@given(st.integers(1, 50), st.lists(st.integers(-60, 60)))
def test_steps_add_up_and_stop_at_the_ends(length: int, steps: list[int]) -> None:
    current = CurrentList("marks", [NeuronAddress(SiteAddress("", 0), 2 * index) for index in range(length)])
    place = 0
    for by in steps:
        current = current.step(by)
        place = max(0, min(length - 1, place + by))
        assert current.neuron.index == 2 * place


def test_a_layer_finds_its_own_neurons_and_no_others() -> None:
    found = HERE.find(parse_neuron("L12N1535"))
    assert found is not None
    assert (found.place, len(found)) == (1535, 1536)
    assert HERE.find(parse_neuron("L11N3")) is None
    assert HERE.find(parse_neuron("L12N1536")) is None
    assert HERE.neurons[1534:1540] == [parse_neuron("L12N1534"), parse_neuron("L12N1535")]


def test_back_and_forward_lead_through_the_same_places() -> None:
    history: History[str] = History()
    history.jump("a")
    history.jump("b")
    assert history.back("c") == "b"
    assert history.back("b") == "a"
    assert history.back("a") is None
    assert history.forward("a") == "b"
    assert history.forward("b") == "c"
    assert history.forward("c") is None


def test_a_jump_forgets_the_way_forward() -> None:
    history: History[str] = History()
    history.jump("a")
    assert history.back("b") == "a"
    history.jump("a")
    assert history.forward("x") is None
