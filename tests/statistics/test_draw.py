"""`random` draws tokens uniformly: each token of a quadrant is as likely, however long its sequence is."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from indexer.errors import GluscopeError
from indexer.jobs.merge import merge
from indexer.settings import EVERY_TOKEN, ONE_A_SEQUENCE, Settings
from indexer.statistics.activations import Activations
from indexer.statistics.batch import view_batch
from indexer.statistics.sample import PositionSample

from ..support import naive
from ..support.long_runs import Folder
from ..support.outputs import SMALL, shown, told
from ..support.stacks import dense, engine, shape

pytestmark = pytest.mark.usefixtures("one_thread")

SHORT, LONG = 40, 5  # sequences
LENGTHS = np.array([3] * SHORT + [201] * LONG)  # the first token of each isn't counted
SEEDS = 50


def drawn_from_long_sequences(draw: str, *, loops: bool) -> float:
    """The share of the drawn tokens that are in long sequences, over many seeds; one quadrant holds all tokens."""
    number = np.arange(len(LENGTHS))
    value = torch.ones((len(LENGTHS), int(LENGTHS.max()), 1))  # sequence position neuron
    ids = np.arange(value.numel()).reshape(len(LENGTHS), -1)
    by, found = engine(loops=loops), 0
    for seed in range(SEEDS):
        settings = Settings(rank_by=("random",), seed=seed, draw=draw, sample=0)
        stack = dense(shape(1), settings, by)
        view = view_batch(ids, LENGTHS, number, (number, number * 0), settings, PositionSample(0))
        stack.add(Activations(value, value, value, value), view)
        found += int((stack.drawn.sequence >= SHORT).sum())
    return found / (SEEDS * 8)


@pytest.mark.slow
@pytest.mark.parametrize("loops", [False, True], ids=["tensors", "loops"])
def test_tokens_of_long_and_short_sequences_are_drawn_alike(loops: bool) -> None:
    share = LONG * 200 / (LONG * 200 + SHORT * 2)
    deviation = (share * (1 - share) / (SEEDS * 8)) ** 0.5
    assert drawn_from_long_sequences(EVERY_TOKEN, loops=loops) == pytest.approx(share, abs=4 * deviation)
    assert drawn_from_long_sequences(ONE_A_SEQUENCE, loops=loops) <= LONG / 8  # as older versions drew


def older(db: Path) -> Path:
    """An index as an older version made it: it says nothing of how it drew."""
    with closing(sqlite3.connect(db)) as sqlite, sqlite:
        for key, part in (("settings", None), ("run", "identity")):
            (value,) = sqlite.execute("SELECT value FROM info WHERE key = ?", (key,)).fetchone()
            info = json.loads(value)
            del (info if part is None else info[part])["draw"]
            sqlite.execute("UPDATE info SET value = ? WHERE key = ?", (json.dumps(info), key))
    return db


@pytest.mark.slow
def test_an_older_index_goes_on_as_it_began_and_joins_no_newer_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, alone = Folder(tmp_path), replace(SMALL, batch_tokens=1, duplicates="keep")
    with monkeypatch.context() as before:
        before.setattr("indexer.jobs.index.EVERY_TOKEN", ONE_A_SEQUENCE)
        whole = folder.make("whole.db", alone)
        db = older(folder.make("long.db", replace(alone, tokens=300)))
        part = older(folder.make("1.db", alone, shard="1/2"))
    assert shown(folder.make("long.db", alone)) == shown(whole)
    assert told(db).settings["draw"] == ONE_A_SEQUENCE
    assert "random examples go on to be drawn one a sequence, as this index began" in folder.notices
    newer = folder.make("2.db", alone, shard="2/2")
    assert told(newer).settings["draw"] == EVERY_TOKEN
    assert not any("drawn" in notice for notice in folder.notices)
    with pytest.raises(GluscopeError, match="drawn one a sequence, as older versions did, not from all tokens"):
        merge(tmp_path / "joined.db", [part, newer], lambda _: None)
    assert shown(folder.make("long.db", alone, overwrite=True)) != shown(whole)


def test_the_documented_hashes_are_those_of_the_documented_formula() -> None:
    text = (Path(__file__).parents[2] / "docs" / "numbers.md").read_text(encoding="utf-8")
    for place in ((0, 3, 0, 5), (7, 1, 2, 0)):
        assert str(naive.position_hash(*place)) in text
