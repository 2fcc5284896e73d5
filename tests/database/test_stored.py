"""A finished index read back whole gives the arrays that it was written from, to the bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from indexer.database.bulk.stored import StoredIndex
from indexer.errors import GluscopeError

from ..support.index_fixture import make_index


@pytest.mark.slow
@pytest.mark.parametrize(("activation", "top_k"), [("silu", 300), ("gelu_tanh", 16), ("sin of nobody", 16)])
def test_a_site_comes_back_as_it_was_written(tmp_path: Path, activation: str, top_k: int) -> None:
    rankings = ("post", "gate", "in", "act", "random")
    truth = make_index(
        tmp_path / "a.db", activation=activation, top_k=top_k, documents=300, rankings=rankings, window=(5, 3)
    )
    with StoredIndex(truth.path) as stored:
        assert [record.address for record in stored.sites] == [site.address for site in truth.sites]
        for record, expected in zip(stored.sites, truth.sites, strict=True):
            site = stored.site(record)
            for name in ("flipped", "dot_gate_in", "count", "zero", "sum", "sample"):
                np.testing.assert_array_equal(getattr(site, name), getattr(expected, name), err_msg=name)
            visited = np.broadcast_to(expected.count > 0, expected.extreme.shape)
            np.testing.assert_array_equal(site.extreme[visited], expected.extreme[visited])
            assert not site.extreme[~visited].any()
            assert (site.tokens_counted, site.activation) == (expected.tokens_counted, activation)
            assert len(site.lists) == len(expected.lists)
            for mine, theirs in zip(site.lists, expected.lists, strict=True):
                assert (mine.ranking, mine.quadrant) == (theirs.ranking, theirs.quadrant)
                filled = theirs.sequence >= 0
                assert filled.any()
                np.testing.assert_array_equal(mine.sequence, theirs.sequence)
                for name in ("position", "values", "scale", "lanes"):
                    np.testing.assert_array_equal(
                        getattr(mine, name)[filled], getattr(theirs, name)[filled], err_msg=name
                    )


@pytest.mark.slow
def test_the_texts_and_the_sample_come_back(tmp_path: Path) -> None:
    truth = make_index(tmp_path / "a.db")
    with StoredIndex(truth.path) as stored:
        assert list(zip(*(part.tolist() for part in stored.sample(0)), strict=True)) == list(truth.sample)
        numbers = stored.sequence_numbers.tolist()
        for number, document, part, ids, source in stored.sequences(numbers):
            sequence = truth.sequences[number]
            assert (document, part, tuple(ids.tolist())) == (sequence.document, sequence.part, sequence.ids)
            assert source == truth.sources[document]
        some = truth.sequences[numbers[0]].ids
        assert b"".join(stored.tokens(sorted(set(some)))[token] for token in some) == truth.text(numbers[0])


def test_a_file_that_is_not_an_index_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_text("hello")
    with pytest.raises(GluscopeError, match="no index"):
        StoredIndex(tmp_path / "a.db")
