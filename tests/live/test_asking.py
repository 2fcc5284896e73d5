"""What `gluscope prompt` says of a text: rows, percentiles, effects, positions, targets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from indexer.addresses import NeuronAddress, SiteAddress, parse_neuron
from indexer.database.read.sampled import Magnitudes
from indexer.database.reader import Index
from indexer.errors import GluscopeError
from indexer.live.asking import Question, ask
from indexer.live.model import Choice
from indexer.live.session import LiveSession
from indexer.quadrants import QUADRANTS, Quadrant

from ..support.reference import Reference
from .conftest import SETTINGS

pytestmark = pytest.mark.usefixtures("one_thread")

TEXT = "the cat sat on the mat and the dog"


@pytest.fixture(scope="module")
def session(live_index: Path) -> Iterator[LiveSession]:
    with Index(live_index) as index, LiveSession(index, Choice()) as session:
        yield session


@pytest.fixture(scope="module")
def plain(live_index: Path) -> Reference:
    """The text, read by transformers alone."""
    return Reference.of(live_index.parent / "model", [TEXT], SETTINGS)


@pytest.mark.slow
def test_every_row_has_the_values_of_plain_hooks_under_its_neurons_signs(
    session: LiveSession, plain: Reference
) -> None:
    found = ask(session, TEXT, Question(at="all", limit=None))
    assert session.index is not None
    flipped = {address: bool(flip) for address, flip in session.index.rows(("neuron", "flipped"))}
    rows = {(row.neuron.name, row.position): row for row in found.rows}
    assert len(rows) == len(found.rows) == 20 * (len(found.tokens) - 1)
    assert any(flipped.values())
    for (name, position), row in rows.items():
        neuron = parse_neuron(name)
        sign = -1 if flipped[name] else 1
        gate, in_, act, post = (float(value[position, neuron.index]) for value in plain.values(neuron.site.layer)[0])
        assert (row.gate, row.in_, row.act, row.post) == (gate, sign * in_, act, sign * post)
        assert row.quadrant.gate_sign * row.gate > 0
        assert row.quadrant.in_sign * row.in_ > 0
        magnitudes = Magnitudes(session.index.sample(neuron))
        place = magnitudes.place(row.quadrant, "post", row.post)
        assert (row.percentile, row.sampled) == ((None, None) if place is None else (place.percent, place.n))


@pytest.mark.slow
def test_raw_signs_are_the_models_own(session: LiveSession, plain: Reference) -> None:
    found = ask(session, TEXT, Question(at="last", limit=None, signs="raw"))
    for row in found.rows:
        assert row.in_ == float(plain.values(row.neuron.site.layer)[0][1][row.position, row.neuron.index])


@pytest.mark.parametrize("sort", ["percentile", "post", "logit", "gate", "in"])
def test_rows_come_largest_first_and_a_limit_keeps_the_first(session: LiveSession, sort: str) -> None:
    every = ask(session, TEXT, Question(sort=sort, limit=None)).rows
    keys = [
        (-1.0 if row.percentile is None else row.percentile)
        if sort == "percentile"
        else abs({"post": row.post, "logit": row.logit or 0.0, "gate": row.gate, "in": row.in_}[sort])
        for row in every
    ]
    assert keys == sorted(keys, reverse=True)
    assert ask(session, TEXT, Question(sort=sort, limit=4)).rows == every[:4]


def test_quadrants_layers_and_conditions_leave_the_others_out(session: LiveSession) -> None:
    every = ask(session, TEXT, Question(limit=None)).rows
    some = ask(session, TEXT, Question(limit=None, quadrants=(Quadrant.NP, Quadrant.NN))).rows
    assert set(some) == {row for row in every if row.quadrant.gate_sign < 0}
    layer = ask(session, TEXT, Question(limit=None, layers=(1,))).rows
    assert set(layer) == {row for row in every if row.neuron.site.layer == 1}
    both = ask(session, TEXT, Question(limit=None, layers=(1,), where="index < 4")).rows
    assert set(both) == {row for row in layer if row.neuron.index < 4}
    with pytest.raises(GluscopeError, match="layer 9"):
        ask(session, TEXT, Question(layers=(9,)))


def test_a_named_neuron_is_told_at_every_position(session: LiveSession, plain: Reference) -> None:
    address = NeuronAddress(SiteAddress("", 1), 4)
    found = ask(session, TEXT, Question(at="all", neurons=(address,), signs="raw"))
    (values,) = found.neurons
    assert (values.gate[0], values.post[0], values.quadrant[0]) == (None, None, None)
    expected = plain.values(1)[0][3][1:, 4].tolist()
    assert list(values.post[1:]) == expected
    assert [row.position for row in found.rows] == list(range(1, len(found.tokens)))
    with pytest.raises(GluscopeError, match="L7"):
        ask(session, TEXT, Question(neurons=(NeuronAddress(SiteAddress("", 7), 4),)))


def test_positions_are_numbers_words_last_and_all(session: LiveSession) -> None:
    tokens = ask(session, TEXT, Question(limit=1)).tokens
    words = [place for place, token in enumerate(tokens) if token.strip() == "the"]

    def at(where: str) -> list[int]:
        return [row.position for row in ask(session, TEXT, Question(at=where, limit=1)).rows]

    assert at("last") == [len(tokens) - 1]
    assert at("all") == list(range(1, len(tokens)))
    assert at("2") == [2]
    exact = [place for place in words if tokens[place] == " the"]
    assert at(" the") == exact
    assert set(at("cat ")) == {place for place, token in enumerate(tokens) if token.strip() == "cat"}
    for wrong, told in (("0", "not counted"), ("99", "not in the text"), ("'2'", "no token"), ("zebra", "no token")):
        with pytest.raises(GluscopeError, match=told):
            at(wrong)


def test_targets_are_predicted_named_or_the_first_of_several(session: LiveSession, plain: Reference) -> None:
    del plain
    found = ask(session, TEXT, Question(limit=1))
    ((position, target),) = found.targets
    read = session.read(TEXT)
    paths = session.paths
    assert not isinstance(paths, str)
    assert target.id == int(paths.head.logits(read.values.last[position][None])[0].argmax())
    one = ask(session, TEXT, Question(limit=1, target="7"))
    assert one.targets[0][1].token == "7"
    several = ask(session, TEXT, Question(limit=1, target="7 zebras"))
    assert several.targets[0][1].token == "7"
    assert any("tokens: taken is the first" in notice for notice in several.notices)
    assert ask(session, TEXT, Question(limit=1, target="</s>")).targets[0][1].id == 2
    with pytest.raises(GluscopeError, match="not a token"):
        ask(session, TEXT, Question(target=""))


def test_special_tokens_in_a_text_are_told_to_be_text(session: LiveSession) -> None:
    assert any("</s>" in notice for notice in ask(session, "a</s>", Question()).notices)
    assert not ask(session, "a", Question()).notices


def test_without_an_index_percentiles_are_missing_and_the_order_is_by_post(live_index: Path) -> None:
    with LiveSession(None, Choice(str(live_index.parent / "model"))) as session:
        found = ask(session, TEXT, Question(limit=None))
        assert all(row.percentile is None for row in found.rows)
        posts = [abs(row.post) for row in found.rows]
        assert posts == sorted(posts, reverse=True)
        assert any("without an index" in notice for notice in found.notices)
        with pytest.raises(GluscopeError, match="needs an index"):
            ask(session, TEXT, Question(where="layer = 1"))
    with Index(live_index) as index, LiveSession(index, Choice()) as session:
        assert {(row.neuron, row.post) for row in ask(session, TEXT, Question(limit=None)).rows} == {
            (row.neuron, row.post) for row in found.rows
        }


def test_a_neuron_with_a_gate_of_zero_is_in_no_row(session: LiveSession) -> None:
    read = session.read(TEXT)
    with torch.inference_mode():
        read.values.sites["L0"].gate[3, 2] = 0.0
    from indexer.live.standing_out import Wish

    found = read.rows([3], Wish(limit=None))
    assert NeuronAddress(SiteAddress("", 0), 2) not in {row.neuron for row in found}
    assert len(found) == 19
    assert read.neuron(NeuronAddress(SiteAddress("", 0), 2)).quadrant[3] is None
    assert all(row.quadrant in QUADRANTS for row in found)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('[{"role": "user"', "broken at line 1, column 17"),
        (' [{"name": "user"}]', "no list of objects that each have a role"),
        ('{"role": "user", "content": "a"}', "no list of objects that each have a role"),
        ('[{"role": "user", "content": "a"}]', None),
        ("[a list", None),
    ],
)
def test_json_that_is_no_messages_is_told_to_be_read_as_text(
    text: str, why: str | None, session: LiveSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    template = "<s>{% for m in messages %}{{ m.role }}:{{ m.content }}</s>{% endfor %}A:"
    monkeypatch.setattr(session.live.loaded.tokenizer, "chat_template", template)
    notices = [one for one in ask(session, text, Question(limit=1), chat=True).notices if "JSON" in one]
    assert len(notices) == (why is not None)
    assert why is None or why in notices[0]
