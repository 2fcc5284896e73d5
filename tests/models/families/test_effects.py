"""In every family that predicts tokens, a neuron set to zero in all quadrants is one without its column of w_out: a
sample of the families, or --all-families."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from indexer.live.effect.study import Study
from indexer.live.effect.variant import Edit, Variant
from indexer.models.load import load
from indexer.models.loaded import LoadedModel
from indexer.models.probe import read_by_text
from indexer.quadrants import QUADRANTS
from indexer.sequences.sequences import TokenSequence
from indexer.sites import find_sites, is_encoder_decoder
from indexer.sites.weights import SiteWeights, site_weights

from .made import made

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]

INDEX = 1


class RandomHead:
    """Logits by a random unembedding: tiny bodies are saved without a head."""

    def __init__(self, width: int) -> None:
        self.rows = torch.randn(50, width, generator=torch.Generator().manual_seed(0)) / width**0.5

    def logits(self, last: Tensor) -> Tensor:
        found: Tensor = last.float() @ self.rows.T
        return found


def last_states(loaded: LoadedModel, ids: list[int]) -> Tensor:
    """position d_model, by the model's own code."""
    fed: dict[str, Any] = {"input_ids": torch.tensor([ids])}
    if is_encoder_decoder(loaded.model):
        mask = torch.ones(1, len(ids), dtype=torch.int64)
        mask[0, 0] = int(not loaded.hides_start or ids[0] != loaded.decoder_start)
        fed |= {"decoder_input_ids": fed["input_ids"], "attention_mask": mask}
    found: list[Tensor] = []
    handle = loaded.model.register_forward_hook(lambda _module, _args, out: found.append(out[0][0]))
    with torch.no_grad():
        loaded.model(**fed, use_cache=False)
    handle.remove()
    return found[0].float()


def nll(loaded: LoadedModel, head: RandomHead, ids: list[int]) -> float:
    """Of all tokens but the first."""
    log = torch.log_softmax(head.logits(last_states(loaded, ids)).double(), -1)
    return -sum(float(log[at, ids[at + 1]]) for at in range(len(ids) - 1))


def first_number(weights: SiteWeights | None) -> int:
    """Where the weights lie: layers may share them."""
    assert weights is not None
    return weights.out.data_ptr()


def test_a_neuron_set_to_zero_everywhere_is_one_without_its_column(family: str, tmp_path: Path) -> None:
    loaded = load(str(made(tmp_path / "model", family)), dtype="float32", device="cpu")
    if not loaded.causal and not is_encoder_decoder(loaded.model):
        return  # an encoder, which is refused
    first = loaded.decoder_start or 1
    lists = [[first, 7, 9, 13, 21, 8, 30, 11], [first, 12, 40, 6, 3]]
    head: Any = RandomHead(last_states(loaded, lists[0]).shape[-1])
    sites, _ = read_by_text(loaded, find_sites(loaded.model))
    plain = [nll(loaded, head, ids) for ids in lists]
    chosen = [sites[0], sites[len(sites) // 2], sites[-1]]
    weights = {site: site_weights(site) for site in sites}
    shared = [
        [other for other in sites if first_number(weights[other]) == first_number(weights[site])] for site in chosen
    ]
    every = frozenset(QUADRANTS)
    variants = [Variant(tuple(Edit(site, INDEX, every) for site in group)) for group in shared]
    sequences = [TokenSequence(n, n, 0, np.asarray(ids, np.int32), "x") for n, ids in enumerate(lists)]
    tallies = Study(loaded, head, batch_tokens=100, count_first=True).measure(variants, sequences)
    for site, tally in zip(chosen, tallies, strict=True):
        own = weights[site]
        assert own is not None
        silenced = own.out if site.entry is site.down else own.in_  # a norm before the down projection sees post
        with torch.no_grad():
            kept = silenced[INDEX].clone()
            silenced[INDEX] = 0.0
            expected = [nll(loaded, head, ids) - before for ids, before in zip(lists, plain, strict=True)]
            silenced[INDEX] = kept
        found = dict(zip(tally.sequences, tally.sums["nll_all"], strict=True))
        assert [found[number] for number in range(len(lists))] == pytest.approx(expected, rel=1e-3, abs=2e-5)
        if site.address.expert is None:
            assert sum(tally.altered)
            assert any(abs(change) > 1e-6 for change in expected)
