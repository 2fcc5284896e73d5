"""Attention sinks beside position 0: planted ones are found and only those, and left out where that is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from indexer.addresses import NeuronAddress, SiteAddress
from indexer.database.format.sinks import EVERY, FIRST, SOME, Sinks, SinkToken
from indexer.database.reader import Index
from indexer.models.sinks import rules
from indexer.sequences.sink_positions import sink_positions
from indexer.settings import Settings

from ..support.compare import compare
from ..support.reference import Cut, Reference
from ..support.small_runs import TEXTS, make, save_model, write_corpus

pytestmark = pytest.mark.usefixtures("one_thread")

ONE = Settings(context=48, batch_tokens=1, top_k=4, sample=40)


def planted(folder: Path, tokens: Sequence[int]) -> Path:
    """A model whose embeddings of some tokens are far larger than those of others."""
    model = save_model(folder)
    weights = load_file(model / "model.safetensors")
    for token in tokens:
        weights["model.embed_tokens.weight"][token] *= 500
    save_file(weights, model / "model.safetensors", metadata={"format": "pt"})
    return model


def naive_sinks(ids: list[int], every: set[int], first: set[int]) -> set[int]:
    return {
        place
        for place in range(1, len(ids))
        if ids[place] in every or (ids[place] in first and ids[place] not in ids[1:place])
    }


def by_frequency(cuts: Sequence[Cut]) -> list[int]:
    """The tokens that no sequence consists of by half, so that its median stays ordinary; the most frequent first."""
    found = {id_ for one in cuts for id_ in one.ids[1:]}
    kept = [id_ for id_ in found if all(3 * list(one.ids).count(id_) < len(one.ids) for one in cuts)]
    return sorted(kept, key=lambda id_: (-sum(list(one.ids[1:]).count(id_) for one in cuts), id_))


@pytest.mark.slow
def test_planted_sinks_are_found_and_only_those(tmp_path: Path) -> None:
    reference = Reference.of(save_model(tmp_path / "plain"), TEXTS, ONE)
    looked = sorted(reference.cuts, key=lambda one: one.part > 0)[:16]
    often = [id_ for one in looked for id_ in one.ids[1:128]]
    common, *_, rarer = [id_ for id_ in by_frequency(reference.cuts) if id_ in often]
    with Index(make(tmp_path / "plain", write_corpus(tmp_path / "texts.jsonl"), tmp_path / "x.db", ONE)) as index:
        assert index.info().sinks is not None
        assert index.info().sinks.found == ()  # type: ignore[union-attr]  # see above
    db = make(planted(tmp_path / "model", [common, rarer]), tmp_path / "texts.jsonl", tmp_path / "y.db", ONE)
    with Index(db) as index:
        sinks = index.info().sinks
        assert sinks is not None
        assert {(token.id, token.sinks, token.seen) for token in sinks.found} == {
            (token, often.count(token), often.count(token)) for token in (common, rarer)
        }
        rule = {token.id: token.rule for token in sinks.found}
        assert rule[common] == EVERY
        every = {id_ for id_ in rule if rule[id_] == EVERY}
        first = {id_ for id_ in rule if rule[id_] == FIRST}
        assert sinks.positions == sum(len(naive_sinks(one.ids, every, first)) for one in reference.cuts)
        record = index.neuron("L1N0")
        peaks = [one for quadrant in record.quadrants.values() for shown in quadrant.examples.values() for one in shown]
        ids = {(one.document, one.part): one.ids for one in reference.cuts}
        assert any(one.sink for one in peaks)
        for one in peaks:
            assert one.sink == (one.position in naive_sinks(ids[one.document, one.part], every, first))


@pytest.mark.slow
@pytest.mark.parametrize("compile", ["on", "off"])
def test_dropped_sinks_are_in_no_statistic(tmp_path: Path, compile: str) -> None:
    settings = replace(ONE, sinks="drop")
    plain = Reference.of(save_model(tmp_path / "plain"), TEXTS, ONE)
    common = by_frequency(plain.cuts)[0]
    model = planted(tmp_path / "model", [common])
    db = make(model, write_corpus(tmp_path / "texts.jsonl"), tmp_path / "x.db", settings, compile=compile)
    reference = Reference.of(model, TEXTS, settings)
    with Index(db) as index:
        for layer in (0, 1):
            computed = [
                replace(one, reached=frozenset(range(len(one.ids))) - naive_sinks(list(one.ids), {common}, set()))
                for one in reference.layer(layer)
            ]
            for number in range(10):
                record = index.neuron(NeuronAddress(SiteAddress("", layer), number), signs="raw")
                compare(record, computed, number, settings)


tokens = st.lists(st.integers(0, 4), min_size=2, max_size=12)


@pytest.mark.slow
@given(st.lists(tokens, min_size=1, max_size=5), st.data())
def test_a_rule_is_what_most_places_of_a_token_say(sequences: list[list[int]], data: st.DataObject) -> None:
    marked = [[data.draw(st.booleans()) for _ in ids] for ids in sequences]
    for ids, sinks in zip(sequences, marked, strict=True):
        if 2 * sum(sinks) >= len(ids):  # the median must be an ordinary norm
            sinks[:] = [False] * len(ids)
    measured = [
        (np.array(ids, np.int32), np.where(sinks, 2000.0, 1.0).astype(np.float32))
        for ids, sinks in zip(sequences, marked, strict=True)
    ]
    expected = {}
    for token in range(5):
        first, later = [], []
        for ids, sinks in zip(sequences, marked, strict=True):
            places = [place for place in range(1, len(ids)) if ids[place] == token]
            first += [sinks[place] for place in places[:1]]
            later += [sinks[place] for place in places[1:]]
        if any(first + later):
            rule = SOME
            if first and sum(first) / len(first) >= 0.5:
                rule = EVERY if later and sum(later) / len(later) >= 0.5 else FIRST
            expected[token] = (sum(first + later), len(first + later), rule)
    assert {id_: (sinks, seen, rule) for id_, sinks, seen, rule in rules(measured)} == expected


@given(tokens, st.sets(st.integers(0, 4)), st.sets(st.integers(0, 4)))
def test_positions_follow_the_rules_when_indexing_and_when_reading(
    ids: list[int], every: set[int], first: set[int]
) -> None:
    every -= first
    named = [(id_, EVERY) for id_ in every] + [(id_, FIRST) for id_ in first]
    sinks = Sinks(1, 1, 1, tuple(SinkToken(id_, "", 1, 1, rule) for id_, rule in named))
    expected = naive_sinks(ids, every, first)
    assert set(np.flatnonzero(sink_positions(np.array(ids, np.int32), sinks)).tolist()) == expected
    assert {place for place in range(len(ids)) if sinks.holds(ids, place)} == expected
