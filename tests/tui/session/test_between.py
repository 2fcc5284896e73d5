"""Which cosines are asked of the model's process, and what becomes of its answers: no process, no screen."""

from __future__ import annotations

import random
from typing import Any

from gluscope_tui.tui.session.between import Two
from gluscope_tui.tui.session.tried import LiveOptions
from gluscope_tui.tui.session.trying import Trying
from indexer.addresses import parse_neuron
from tests.support.live_stand_in import WILD, cosines


class Process:
    """Notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.cancelled: list[int] = []

    def ask(self, do: str, **arguments: Any) -> int:
        self.asked.append({"do": do, **arguments})
        return len(self.asked)

    def cancel(self, number: int) -> None:
        self.cancelled.append(number)

    @property
    def kinds(self) -> list[str]:
        return [one["do"] for one in self.asked]


def two(one: str, other: str) -> Two:
    return Two(parse_neuron(one), parse_neuron(other))


A, B = two("L0N1", "L1N2"), two("L0N1", "L1N3")
LOADED = {"model": "stand-in", "context": 512, "no_logit": None, "capped": False}


def start() -> tuple[Trying, Process]:
    process = Process()
    return Trying(process, "/x.db", LiveOptions()), process


def test_a_pair_is_asked_for_by_itself_only_once_the_model_is_loaded_and_one_at_a_time() -> None:
    trying, process = start()
    trying.want_cosines(A)
    assert not process.asked
    trying.want_cosines(A, demanded=True)
    trying.want_cosines(B)
    assert process.kinds == ["load", "cosines"]
    trying.hear({"id": 1, "progress": {"message": "loading", "done": 1, "total": 4}})
    assert trying.between.said == "loading 25%"
    trying.hear({"id": 1, "ok": LOADED})
    trying.want_cosines(B)
    trying.hear({"id": 2, "ok": cosines(process.asked[1])})
    trying.want_cosines(A)
    trying.want_cosines(B)
    assert process.kinds == ["load", "cosines", "cosines"]
    assert (process.asked[2]["one"], process.asked[2]["other"]) == ("L0N1", "L1N3")
    trying.try_text("a text")  # takes nothing from it
    assert not process.cancelled
    assert trying.hear({"id": 3, "ok": cosines(process.asked[2])}) == ""
    assert list(trying.between.found) == [A, B]


def test_what_is_given_up_takes_a_model_for_which_nothing_else_waits_with_it() -> None:
    for text in ("", "a text"):
        trying, process = start()
        trying.try_text(text)
        trying.want_cosines(A, demanded=True)
        number = process.kinds.index("cosines") + 1
        trying.stop_cosines()
        assert process.cancelled == ([number] if text else [2, 1])
        trying.hear({"id": 1, "ok": LOADED})
        trying.hear({"id": number, "ok": cosines(process.asked[number - 1])})
        trying.want_cosines(A)
        assert not trying.between.found
        assert process.kinds.count("cosines") == 1
        trying.want_cosines(A, demanded=True)
        assert process.kinds.count("cosines") == 2
        assert process.kinds.count("load") == (1 if text else 2)


def test_a_failure_is_told_once_and_the_next_question_waits_for_the_key() -> None:
    failed = {"error": {"cause": "the weights are quantised", "fix": ""}}
    ended = "the process that ran the model has ended (exit code 3): {compare.weights} tries again"
    for message, told in (({"id": 1, **failed}, ""), ({"id": 2, **failed}, ""), ({"ended": 3}, ended)):
        trying, process = start()
        trying.want_cosines(A, demanded=True)
        if message.get("id") == 2:
            trying.hear({"id": 1, "ok": LOADED})
        assert trying.hear(message) == (told or "the weights are quantised")
        assert trying.between.asking is None
        trying.want_cosines(A)
        assert process.kinds.count("cosines") == 1
        trying.want_cosines(A, demanded=True)
        assert process.kinds.count("cosines") == 2


def test_an_answer_of_another_shape_or_about_other_neurons_is_refused() -> None:
    right = cosines({"one": "L0N1", "other": "L1N2"})
    listed = right["cosines"]
    wrong = [
        *WILD,
        cosines({"one": "L1N2", "other": "L0N1"}),
        {**right, "cosines": listed[1:]},
        {**right, "cosines": [*listed, ["gate", "in", 0.5]]},
        *({**right, "cosines": [["gate", "gate", bad], *listed[1:]]} for bad in (2.0, float("nan"), "0.5", True)),
    ]
    random.Random(0).shuffle(wrong)
    trying, process = start()
    trying.want_cosines(A, demanded=True)
    trying.hear({"id": 1, "ok": LOADED})
    for answer in wrong:
        notice = trying.hear({"id": len(process.asked), "ok": answer})
        assert "unknown way" in notice
        assert not trying.between.found
        trying.want_cosines(A, demanded=True)
    trying.hear({"id": len(process.asked), "ok": right})
    assert trying.between.found[A] == {(a, b): cosine for a, b, cosine in listed}
