"""Percentiles of whole sites are those that are told of one neuron."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from indexer.database.bulk.sampled_sites import SampledSites
from indexer.database.read.sampled import Magnitudes
from indexer.database.reader import Index
from indexer.quadrants import QUADRANTS
from indexer.settings import Settings

from ..support.small_runs import make, save_model, write_corpus


@pytest.mark.slow
def test_a_site_has_the_percentiles_of_its_neurons(tmp_path: Path) -> None:
    """At sampled values, near them, between and beyond them; in quadrants with many, few and no positions."""
    corpus = write_corpus(tmp_path / "t.jsonl")
    settings = Settings(context=48, sample=300, top_k=2)
    db = make(save_model(tmp_path / "m"), corpus, tmp_path / "g.db", settings, compile="off")
    chance = random.Random(1)
    seen = set()
    with Index(db) as index, SampledSites(db) as sampled:
        for site in index.sites:
            posts = sampled.posts(site)
            samples = [index.sample(f"{site.address.name}N{n}", signs="raw") for n in range(site.width)]
            for _ in range(60):
                values = [chance.choice(one.post) * chance.choice((0, 0.5, 0.998, 1, 1.001, 1.3, 9)) for one in samples]
                places = [chance.randrange(4) for _ in samples]
                found = posts.places(np.array([values]), np.array([places]))[0]
                for number, (sample, value, place) in enumerate(zip(samples, values, places, strict=True)):
                    wanted = Magnitudes(sample).place(QUADRANTS[place], "post", value)
                    here = found.at(number)
                    assert (here is None) == (wanted is None)
                    if here is not None and wanted is not None:
                        assert here == (wanted.percent, wanted.n, wanted.beyond)
                        seen.add(wanted.beyond)
                    largest = max(map(abs, sample.post))
                    assert found.excess[number] == abs(value) / largest
    assert seen == {True, False}
