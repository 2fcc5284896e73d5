"""A finished index goes on with more text: nothing is run twice, and the shorter one stays until then."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from indexer.errors import GluscopeError
from indexer.jobs.merge import merge

from ..support.long_runs import CutOff, Folder, close, cut_off, numbers
from ..support.outputs import SMALL, sampled, shown, told
from ..support.small_runs import TEXTS, write_corpus

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("tokens", [[300, None], [100, 300, 600, None], [300, 500]])
def test_an_extended_index_holds_the_whole_text(folder: Folder, tokens: list[int | None]) -> None:
    for number in tokens:
        db = folder.make("long.db", replace(SMALL, tokens=number))
    whole = folder.make("whole.db", replace(SMALL, tokens=tokens[-1]))
    assert close(numbers(db), numbers(whole))
    info = told(db)
    assert info.complete
    assert info.settings == told(whole).settings
    assert info.corpus == told(whole).corpus
    assert len(info.coverage["borders"]) == len(tokens) - 1
    assert not db.with_name("long.db.run").exists()


@pytest.mark.slow
def test_with_a_batch_a_sequence_an_extended_index_equals_one_run(folder: Folder) -> None:
    alone = replace(SMALL, batch_tokens=1)
    folder.make("long.db", replace(alone, tokens=300))
    db = folder.make("long.db", alone)
    whole = folder.make("whole.db", alone)
    assert shown(db) == shown(whole)
    assert sampled(db) == sampled(whole)


@pytest.mark.slow
def test_an_extension_that_is_cut_off_goes_on_and_the_shorter_index_stays_until_then(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("long.db", "cut.db"):
        db = folder.make(name, replace(SMALL, tokens=300))
    before = db.read_bytes()
    whole = folder.make("long.db")
    cut_off(monkeypatch, after=3)
    with pytest.raises(CutOff):
        folder.make("cut.db", checkpoint_every=0.0, snapshot=True)
    assert db.read_bytes() == before
    folder.make("cut.db", checkpoint_every=0.0)
    assert any(notice.startswith("continuing after") for notice in folder.notices)
    assert shown(db) == shown(whole)
    assert told(db).coverage == told(whole).coverage


@pytest.mark.slow
def test_shards_are_extended_one_by_one_and_joined(folder: Folder) -> None:
    for number in (300, None):
        whole = folder.make("whole.db", replace(SMALL, tokens=number))
        parts = [folder.make(f"{i}.db", replace(SMALL, tokens=number), shard=f"{i}/7") for i in range(1, 8)]
    joined = merge(folder.path / "joined.db", parts, lambda _: None)
    assert shown(joined) == shown(whole)
    assert told(joined).coverage == told(whole).coverage


@pytest.mark.slow
def test_where_the_text_ended_before_nothing_is_left(folder: Folder) -> None:
    db = folder.make("all.db", replace(SMALL, tokens=10_000))
    before = db.read_bytes()
    for tokens in (10_000, 20_000, None):
        folder.make("all.db", replace(SMALL, tokens=tokens))
        assert folder.notices == [f"{db} is finished: nothing is left to do"]
    assert db.read_bytes() == before


@pytest.mark.slow
def test_what_is_no_longer_text_of_the_same_run_is_refused(folder: Folder) -> None:
    db = folder.make("some.db", replace(SMALL, tokens=300))
    all_ = folder.make("all.db")
    before = db.read_bytes(), all_.read_bytes()
    other = write_corpus(folder.path / "other.jsonl", ["another", *TEXTS[1:]])
    longer = write_corpus(folder.path / "longer.jsonl", [*TEXTS, "more"])
    for arguments, words in (
        ({"name": "some.db", "settings": replace(SMALL, tokens=100)}, "--tokens 300, not 100"),
        ({"name": "all.db", "settings": replace(SMALL, tokens=100)}, "--tokens all, not 100"),
        ({"name": "some.db", "settings": replace(SMALL, seed=1)}, "--seed 0, not 1"),
        ({"name": "some.db", "corpus": other}, "other text"),
        ({"name": "all.db", "corpus": other}, "other text"),
        ({"name": "all.db", "corpus": longer}, "the text has become longer"),
        ({"name": "all.db", "shard": "1/2"}, "it holds the whole corpus, and this is 1/2"),
    ):
        with pytest.raises(GluscopeError, match=words):
            folder.make(**arguments)
    assert (db.read_bytes(), all_.read_bytes()) == before
    part = folder.make("part.db", shard="1/2")
    with pytest.raises(GluscopeError, match="it is part 1/2 of an index, and this is 2/2"):
        folder.make("part.db", shard="2/2")
    with pytest.raises(GluscopeError, match="it is part 1/2 of an index, and this is the whole"):
        folder.make("part.db")
    folder.make("part.db", shard="1/2")
    assert folder.notices == ["this is shard 1/2 of the text", f"{part} is finished: nothing is left to do"]
