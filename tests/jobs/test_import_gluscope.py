"""GLUScope's data set with its model: what runs the texts again finds what the index had that was exported."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import indexer
from gluscope_tui.cli.app import run
from indexer.database.reader import Index
from indexer.database.records import NeuronRecord
from indexer.quadrants import QUADRANTS
from indexer.settings import Settings

from ..support.small_runs import LAYERS, WIDTH, make, make_odd, save_model, write_corpus

OURS = Settings(context=48, batch_tokens=1, top_k=16, rank_by=("post", "gate", "in", "act", "random"), seed=3)
THEIRS = Settings(
    bos="always",
    count_first=True,
    long="truncate",
    duplicates="keep",
    batch_tokens=1,
    rank_by=("post", "gate", "in", "act"),
)
"""As GLUScope's own data sets are made."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, one_thread: None) -> Path:  # noqa: ARG001
    return make_odd(save_model(tmp_path_factory.mktemp("model") / "tiny"))


def exported(model: Path, folder: Path, settings: Settings) -> tuple[Path, Path]:
    """An index, and its data set."""
    db = make(model, write_corpus(folder / "t.jsonl"), folder / "g.db", settings, compile="off")
    assert run(["export", "gluscope", str(folder / "data"), "--db", str(db)]) == 0
    return db, folder / "data"


def neurons(index: Index) -> list[NeuronRecord]:
    names = (f"L{layer}N{number}" for layer in range(LAYERS) for number in range(WIDTH))
    return [index.neuron(name, sample=True, weights=True) for name in names]


def same(before: NeuronRecord, after: NeuronRecord, *, exact: bool) -> int:
    """Compare what the data set holds of two neurons; returns how many contexts these are."""
    contexts = 0
    assert (before.flipped, before.zero, before.weights) == (after.flipped, after.zero, after.weights)
    for quadrant in QUADRANTS:
        one, other = before.quadrants[quadrant], after.quadrants[quadrant]
        assert (one.count, one.mean) == (other.count, other.mean)
        for name in ("gate", "in", "post"):
            assert one.extreme[name] == other.extreme[name]
        assert set(other.examples) == set(one.examples) - {"random"}
        for ranking, examples in other.examples.items():
            kept = one.examples[ranking][:16]
            assert len(examples) == len(kept)
            for mine, theirs in zip(kept, examples, strict=True):
                contexts += 1
                assert (mine.value, mine.position, mine.text) == (theirs.value, theirs.position, theirs.text)
                assert (mine.tokens, mine.peak) == (theirs.tokens, theirs.peak)
                for name in ("gate", "in", "act", "post"):
                    assert mine.values(name) == theirs.values(name)
                if exact:
                    assert mine == theirs
    return contexts


@pytest.mark.slow
def test_an_index_exported_and_imported_with_its_model_has_equal_contexts(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    db, data = exported(model, tmp_path, OURS)
    assert run(["import", "gluscope", str(data), "--model", str(model), "--db", str(tmp_path / "again.db")]) == 0
    assert "examples were found again" in capsys.readouterr().err
    with indexer.open(db) as before, indexer.open(tmp_path / "again.db") as after:
        pairs = list(zip(neurons(before), neurons(after), strict=True))
        assert sum(same(one, other, exact=True) for one, other in pairs) > 1000
        assert any(one.flipped for one, _ in pairs)
        assert [other.sample for _, other in pairs] == [one.sample for one, _ in pairs]  # the texts are the corpus
        assert after.rankings == ("post", "gate", "in", "act")
        site = before.sites[0].address
        assert after.sample_positions(site) == before.sample_positions(site)
        assert not after.imported
    for line in ("show L1N4 -f rich", "info", "neurons", "search a --in context", "show L0N1 -f html"):
        assert run([*line.split(), "--db", str(tmp_path / "again.db")]) == 0
    assert run(["prompt", "the cat", "--db", str(tmp_path / "again.db"), "-n", "2"]) == 0  # its model is known


@pytest.mark.slow
def test_texts_that_are_not_the_whole_corpus_give_no_sample(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = replace(OURS, top_k=1, rank_by=("post",), sample=4)
    db, data = exported(model, tmp_path, few)
    assert run(["import", "gluscope", str(data), "--model", str(model), "--db", str(tmp_path / "again.db")]) == 0
    assert "there is no sample: the texts have" in capsys.readouterr().err
    with indexer.open(db) as before, indexer.open(tmp_path / "again.db") as after:
        pairs = list(zip(neurons(before), neurons(after), strict=True))
        assert sum(same(one, other, exact=True) for one, other in pairs) > 20
        assert {len(other.sample or ()) for _, other in pairs} == {0}


def published(data: Path, out: Path) -> list[str]:
    """The data set as GLUScope would publish it: texts alone, nothing of what gluscope adds. Returns the arguments."""
    out.mkdir()
    rows = pq.read_table(next((data / "neuron-activations").rglob("*.parquet")))
    texts = pq.read_table(next((data / "texts").rglob("*.parquet")), columns=["text"])
    assert not [text for text in texts["text"].to_pylist() if text.startswith("<s>")]  # documents, without BOS
    pq.write_table(rows.replace_schema_metadata(None), out / "rows.parquet")
    pq.write_table(texts.replace_schema_metadata(None), out / "texts.parquet")
    return ["import", "gluscope", str(out / "rows.parquet"), "--texts", str(out / "texts.parquet")]


@pytest.mark.slow
def test_a_data_set_of_theirs_is_read_as_they_read_it(model: Path, tmp_path: Path) -> None:
    """BOS in front and counted, each text cut to a context: the places are found without token ids."""
    db, data = exported(model, tmp_path, THEIRS)
    with indexer.open(db) as before:
        tokens = before.sites[0].tokens_counted
        words = [*published(data, tmp_path / "theirs"), "--model", str(model), "--tokens", str(tokens)]
        assert run([*words, "--name", "Tiny", "--db", str(tmp_path / "again.db")]) == 0
        with indexer.open(tmp_path / "again.db") as after:
            assert after.model == "Tiny"
            pairs = list(zip(neurons(before), neurons(after), strict=True))
            assert sum(same(one, other, exact=False) for one, other in pairs) > 1000
            assert any(
                example.position == 0
                for _, other in pairs
                for quadrant in other.quadrants.values()
                for example in quadrant.examples["post"]
            )


@pytest.mark.slow
def test_another_model_is_refused_and_leaves_nothing(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, data = exported(model, tmp_path, THEIRS)
    words = published(data, tmp_path / "theirs")
    other = save_model(tmp_path / "other", hidden_size=32)
    wide = save_model(tmp_path / "wide", intermediate_size=WIDTH + 1)
    deep = save_model(tmp_path / "deep", num_hidden_layers=LAYERS + 1)
    before = {path.name for path in tmp_path.iterdir()}
    for arguments, said in (
        (["import", "gluscope", str(data), "--model", str(other)], "has other weights"),
        ([*words, "--model", str(other), "--tokens", "500"], "of the data set's"),
        ([*words, "--model", str(wide), "--tokens", "500"], "neurons in the data set and"),
        ([*words, "--model", str(deep), "--tokens", "500"], "layers"),
        ([*words, "--context", "20"], "--context is for --model"),
    ):
        capsys.readouterr()
        assert run([*arguments, "--db", str(tmp_path / "again.db")]) == 2
        told = capsys.readouterr().err
        assert said in told
        assert "Traceback" not in told
    assert {path.name for path in tmp_path.iterdir()} == before


@pytest.mark.slow
def test_what_leaves_positions_out_is_refused(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, data = exported(model, tmp_path, replace(OURS, sinks="drop"))
    assert run(["import", "gluscope", str(data), "--model", str(model), "--db", str(tmp_path / "again.db")]) == 2
    assert "leaves out attention sinks" in capsys.readouterr().err
    assert not (tmp_path / "again.db").exists()
    shutil.rmtree(data)
