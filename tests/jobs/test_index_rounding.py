"""Another batch size, padding or a compiled reduction gives the same index except for rounding."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from indexer.database.reader import Index
from indexer.database.records import NeuronRecord
from indexer.settings import Settings

from ..support.reference import Reference
from ..support.rounding import Values
from ..support.small_runs import TEXTS, make, save_model, write_corpus

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "duplicates"),
    [("llama", "keep"), ("llama_bias", "fold"), ("gemma2", "keep"), ("gemma3", "fold"), ("phi3", "keep")],
)
def test_a_padded_batch_gives_what_each_sequence_gives_alone_except_for_rounding(
    family: str, duplicates: str, tmp_path: Path
) -> None:
    model = save_model(tmp_path / "model", family)
    corpus = write_corpus(tmp_path / "texts.jsonl")
    settings = Settings(context=48, duplicates=duplicates, rank_by=("post", "gate", "in", "act", "random"))
    reference = Reference.of(model, TEXTS, settings)
    values = {layer: [Values(reference.layer(layer), number) for number in (0, 4, 9)] for layer in (0, 1)}
    for batch_tokens in (60, 300, 4096):
        db = make(model, corpus, tmp_path / f"{batch_tokens}.db", replace(settings, batch_tokens=batch_tokens))
        with Index(db) as index:
            assert index.info().corpus["tokens"] == reference.tokens
            for layer, neurons in values.items():
                for exact in neurons:
                    exact.compare(index.neuron(f"L{layer}N{exact.neuron}", signs="raw"), settings)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")  # of torch's own
def test_a_fused_reduction_gives_the_same_index(tmp_path: Path) -> None:
    model = save_model(tmp_path / "model")
    corpus = write_corpus(tmp_path / "texts.jsonl")
    settings = Settings(context=48, rank_by=("post", "gate", "in", "act", "random"))
    notices: list[str] = []
    plain = make(model, corpus, tmp_path / "off.db", settings, compile="off")
    fused = make(model, corpus, tmp_path / "on.db", settings, compile="on", notices=notices)
    with Index(plain) as one, Index(fused) as other:
        for address in (f"L{layer}N{number}" for layer in (0, 1) for number in range(10)):
            mine, theirs = one.neuron(address), other.neuron(address)
            assert without_means(mine) == without_means(theirs), notices
            assert one.sample(address) == other.sample(address)
            for name, quadrant in mine.quadrants.items():
                for quantity, mean in quadrant.mean.as_dict().items():
                    assert theirs.quadrants[name].mean[quantity] == (
                        None if mean is None else pytest.approx(mean, rel=2**-23)
                    )


def without_means(record: NeuronRecord) -> NeuronRecord:
    """The record without its means, whose sums may be added up in another order."""
    quadrants = {name: replace(quadrant, mean=quadrant.extreme) for name, quadrant in record.quadrants.items()}
    return replace(record, quadrants=quadrants)
