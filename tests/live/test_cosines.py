"""The process answers with the cosines between two neurons that the tensors of its model have."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from indexer.addresses import parse_neuron
from indexer.errors import GluscopeError
from indexer.live.requests import REQUESTS, State
from indexer.progress import Progress

from ..support.neuron_vectors import plain_cosine, vectors

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.slow
def test_the_process_answers_with_the_raw_cosines_of_the_models_tensors(live_index: Path) -> None:
    told: list[Progress] = []
    state = State()
    try:
        with pytest.raises(GluscopeError, match="no model is loaded"):
            REQUESTS["cosines"](state, {"one": "L0N3", "other": "L1N4"}, told.append)
        REQUESTS["load"](state, {"db": str(live_index), "device": "cpu"}, told.append)
        model = live_index.parent / "model"
        feeding = {
            ("L0N3", "L1N4"): [("out", "gate"), ("out", "in")],
            ("L1N4", "L0N3"): [("gate", "out"), ("in", "out")],
        }
        for pair in (*feeding, ("L1N2", "L1N7")):
            asked = dict(zip(("one", "other"), pair, strict=True))
            answer = json.loads(json.dumps(REQUESTS["cosines"](state, asked, told.append)))
            assert {name: answer[name] for name in ("one", "other", "model")} == {**asked, "model": str(model)}
            found = {(a, b): cosine for a, b, cosine in answer["cosines"]}
            assert list(found) == [("gate", "gate"), ("in", "in"), ("out", "out"), *feeding.get(pair, [])]
            one, other = (vectors(model, parse_neuron(name)) for name in pair)
            for (a, b), cosine in found.items():
                assert cosine == pytest.approx(plain_cosine(one, a, other, b), abs=1e-6)
        for wrong, cause in (({"one": "L0N3"}, "needs other"), ({"one": "L0N3", "other": "L7N0"}, "L7")):
            with pytest.raises(GluscopeError, match=cause):
                REQUESTS["cosines"](state, wrong, told.append)
    finally:
        if state.session is not None:
            state.session.close()
    assert told[-1].message == "reading the weights of L1N2 and L1N7"
