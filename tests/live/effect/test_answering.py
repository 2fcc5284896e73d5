"""The explorer's process answers with the same row as the command, and marks the altered tokens."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from indexer.database.reader import Index
from indexer.errors import GluscopeError
from indexer.live.effect.request import Request
from indexer.live.effect.result import from_json
from indexer.live.requests import REQUESTS, State
from indexer.progress import Progress
from indexer.quadrants import Quadrant

from .test_rows import Plain, measure, model_of

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.slow
def test_the_process_answers_as_the_command_does_and_marks_what_was_altered(live_index: Path) -> None:
    told: list[Progress] = []
    state = State()
    try:
        REQUESTS["load"](state, {"db": str(live_index), "device": "cpu"}, told.append)
        asked = {"neuron": "L1N3", "quadrant": "+-", "signs": "raw", "to": "zero", "contexts": 3}
        answer = json.loads(json.dumps(REQUESTS["effect"](state, asked, told.append)))
        with pytest.raises(GluscopeError, match="the request needs contexts"):
            REQUESTS["effect"](state, {**asked, "contexts": "3"}, told.append)
    finally:
        if state.session is not None:
            state.session.close()
    row = from_json(answer)
    with Index(live_index) as index:
        (same,) = measure(index, ["L1N3"], Request(signs="raw", contexts=3), labels=["+-"])
        plain = Plain(index, model_of(live_index))
        both = {
            tuple(ids) for ranking in ("random", "post") for ids in plain.ids("L1N3", Quadrant.PN, ranking, 3, "raw")
        }
        lists = [list(ids) for ids in both]
        changes = plain.changes("L1N3", Quadrant.PN, lambda _quadrant, _post: 0.0, lists)
    assert same.as_json() == {key: value for key, value in answer.items() if key != "marked"}
    expected = [change for change in changes if change.altered.any()]
    assert len(row.marked) == len(expected)
    for marked in row.marked:
        altered = np.array(marked.altered)
        values = np.array([np.nan if value is None else value for value in marked.change])
        assert any(
            np.array_equal(altered, change.altered) and np.allclose(values, change.nll, atol=1e-4, equal_nan=True)
            for change in expected
        )
    assert told[-1].phase == "measuring"
    assert told[-1].done == told[-1].total
