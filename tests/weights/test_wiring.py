"""Who feeds a neuron and whom it feeds, against plain numpy: all pairs of neurons of lower and higher layers."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
import torch
import transformers

from indexer.database.bulk.arrays import ModelWiring
from indexer.models.load import load
from indexer.weights import gathered, neighbours
from indexer.weights.gathered import Gathered
from indexer.weights.model_wiring import model_wiring
from indexer.weights.nearest import sampled
from indexer.weights.readers import of_pairs
from tests.models.families.made import made
from tests.support.tiny_models import save_tiny
from tests.support.weight_reference import FAMILIES, cosine, said

LAYERS = 3
WIDTH = 24
WIRES = 8

Array = npt.NDArray[np.float64]


class Site(NamedTuple):
    """A gated MLP in the order of the model: its vectors, each # neuron d_model."""

    name: str
    stack: str
    layer: int
    gate: Array
    in_: Array
    out: Array
    flipped: npt.NDArray[np.bool_]


def demand_wiring(found: ModelWiring, sites: list[Site], wanted: set[str] | None = None) -> None:
    """Every list of every wanted site is that of all pairs, sorted."""
    layers = np.concatenate([np.full(len(one.gate), one.layer) for one in sites])
    stack = np.concatenate([np.full(len(one.gate), one.stack == "dec") for one in sites])
    flips = np.concatenate([one.flipped for one in sites])
    gate, in_, out = (np.concatenate([getattr(one, which) for one in sites]) for which in ("gate", "in_", "out"))
    assert set(found.sites) == (wanted or {one.name for one in sites})
    number = 0
    for site in sites:
        for index in range(len(site.gate)):
            me = number + index
            if site.name not in found.sites:
                break
            below = (layers < site.layer) & (stack == stack[me])
            above = (layers > site.layer) & (stack == stack[me])
            lists = (
                (below, cosine(gate[me : me + 1], out)[0]),
                (below, cosine(in_[me : me + 1], out)[0]),
                (above, cosine(out[me : me + 1], gate)[0]),
                (above, cosine(out[me : me + 1], in_)[0]),
            )
            for place, (allowed, cosines) in enumerate(lists):
                others = [int(other) for other in allowed.nonzero()[0] if not np.isnan(cosines[other])]
                best = sorted(others, key=lambda other: (-abs(cosines[other]), other))[:WIRES]
                got = found.sites[site.name].neurons[place, index]
                assert (got[: len(best)] // 2).tolist() == best
                assert (got[: len(best)] % 2).tolist() == flips[best].tolist()
                assert (got[len(best) :] == -1).all()
                values = found.sites[site.name].cosines[place, index]
                np.testing.assert_allclose(values[: len(best)], cosines[best], atol=1e-5)
                assert np.isnan(values[len(best) :]).all()
        number += len(site.gate)


def family_sites(whole: Any, family: str) -> list[Site]:
    found = [(layer, said(whole, family, layer)) for layer in range(LAYERS)]
    return [Site(f"L{layer}", "", layer, one.gate, one.in_, one.out, one.flipped) for layer, one in found]


def plain(*parameters: Any) -> list[Array]:
    return [one.detach().double().numpy() for one in parameters]


@pytest.mark.parametrize("family", FAMILIES)
def test_wiring_is_that_of_all_pairs_of_lower_and_higher_layers(family: str, tmp_path: Path) -> None:
    save_tiny(tmp_path, family)
    auto: Any = transformers.AutoModelForCausalLM
    sites = family_sites(auto.from_pretrained(tmp_path), family)
    found = model_wiring(load(str(tmp_path)), [f"L{layer}" for layer in range(LAYERS)], lambda _: None)
    assert found.info == {"state": "computed", "reason": None}
    demand_wiring(found, sites)
    assert any(one.flipped.any() for one in sites)
    for layer, one in enumerate(sites):  # few enough that the band is that of every pair
        pairs = [
            (np.concatenate([other.out for other in sites[:layer]] or [one.gate[:0]]), one.gate),
            (np.concatenate([other.out for other in sites[:layer]] or [one.gate[:0]]), one.in_),
            (np.concatenate([other.gate for other in sites[layer + 1 :]] or [one.gate[:0]]), one.out),
            (np.concatenate([other.in_ for other in sites[layer + 1 :]] or [one.gate[:0]]), one.out),
        ]
        for band, (others, own) in zip(found.sites[f"L{layer}"].bands, pairs, strict=True):
            assert (band is None) == (not len(others))
            if band is not None:
                assert band == pytest.approx(np.quantile(np.abs(cosine(own, others)), 0.95), abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("wanted", [{"L0"}, {"L1"}, {"L0", "L2"}])
@pytest.mark.parametrize("rows", [16, 40, 10_000])
def test_some_layers_have_what_all_have_whatever_fits_into_a_table(
    wanted: set[str], rows: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neighbours, "_TABLE", rows * 16)
    monkeypatch.setattr("indexer.weights.vectors._ROWS", 7)
    monkeypatch.setattr("indexer.weights.readers._ROWS", 5)
    monkeypatch.setattr("indexer.weights.readers._AT_ONCE", 3 * 16)
    monkeypatch.setattr("indexer.weights.nearest._BLOCK", 16)
    save_tiny(tmp_path, "llama")
    auto: Any = transformers.AutoModelForCausalLM
    demand_wiring(
        model_wiring(load(str(tmp_path)), wanted, lambda _: None),
        family_sites(auto.from_pretrained(tmp_path), "llama"),
        wanted,
    )


@pytest.mark.slow
def test_experts_feed_shared_and_routed_ones_of_higher_layers_only(tmp_path: Path) -> None:
    loaded = load(str(made(tmp_path, "qwen2_moe")))
    body: Any = loaded.model
    sites = []
    for number, layer in enumerate(body.layers):
        (gain,) = plain(layer.post_attention_layernorm.weight)
        experts = layer.mlp.experts
        for expert in range(len(experts.down_proj)):
            both, down = plain(experts.gate_up_proj[expert], experts.down_proj[expert])
            gate, in_ = np.split(both, 2)
            flipped = (gate * in_).sum(1) < 0
            sites.append(Site(f"L{number}E{expert}", "", number, gate * gain, in_ * gain, down.T, flipped))
        shared = layer.mlp.shared_expert
        gate, in_, down = plain(shared.gate_proj.weight, shared.up_proj.weight, shared.down_proj.weight)
        flipped = (gate * in_).sum(1) < 0
        sites.append(Site(f"L{number}S", "", number, gate * gain, in_ * gain, down.T, flipped))
    found = model_wiring(loaded, [one.name for one in sites], lambda _: None)
    demand_wiring(found, sites)
    some = {sites[0].name, sites[-1].name}
    demand_wiring(model_wiring(loaded, some, lambda _: None), sites, some)


@pytest.mark.slow
def test_the_stacks_of_an_encoder_decoder_do_not_feed_each_other(tmp_path: Path) -> None:
    loaded = load(str(made(tmp_path, "t5")))
    body: Any = loaded.model
    sites = []
    for stack, part in (("enc", body.encoder), ("dec", body.decoder)):
        for number, block in enumerate(part.block):
            mlp = block.layer[-1].DenseReluDense
            gain, gate, in_, out = plain(
                block.layer[-1].layer_norm.weight, mlp.wi_0.weight, mlp.wi_1.weight, mlp.wo.weight
            )
            flipped = (gate * in_).sum(1) < 0
            sites.append(Site(f"{stack}.L{number}", stack, number, gate * gain, in_ * gain, out.T, flipped))
    assert len(sites) >= 4
    demand_wiring(model_wiring(loaded, [one.name for one in sites], lambda _: None), sites)


@pytest.mark.slow
def test_equal_neurons_stand_in_the_order_of_the_model_and_neurons_of_zeros_in_no_list(tmp_path: Path) -> None:
    save_tiny(tmp_path, "llama")
    auto: Any = transformers.AutoModelForCausalLM
    whole, loaded = auto.from_pretrained(tmp_path), load(str(tmp_path))
    body: Any = loaded.model
    with torch.no_grad():
        for layers in (whole.model.layers, body.layers):
            layers[0].mlp.down_proj.weight[:, 3:20] = layers[0].mlp.down_proj.weight[:, 2:3]
            layers[2].mlp.gate_proj.weight[1:24] = layers[2].mlp.gate_proj.weight[:1]
            layers[2].mlp.up_proj.weight[7] = 0.0
            layers[0].mlp.down_proj.weight[:, 22] = 0.0
    sites = family_sites(whole, "llama")
    with np.errstate(invalid="ignore"):
        demand_wiring(model_wiring(loaded, ["L0", "L1", "L2"], lambda _: None), sites)


class Quantised(torch.nn.Linear):
    """A linear map whose weight is not in its numbers."""


def test_sites_without_vectors_are_in_no_list_and_are_named(tmp_path: Path) -> None:
    save_tiny(tmp_path, "llama")
    auto: Any = transformers.AutoModelForCausalLM
    sites = family_sites(auto.from_pretrained(tmp_path), "llama")
    loaded = load(str(tmp_path))
    layers: Any = loaded.model.get_submodule("layers")
    layers[0].mlp.up_proj = Quantised(16, WIDTH, bias=False)
    found = model_wiring(loaded, ["L0", "L1", "L2"], lambda _: None)
    assert found.info == {"state": "partly", "reason": "the neurons of L0 are in no list: their vectors are not known"}
    assert set(found.sites) == {"L1", "L2"}
    assert (found.sites["L1"].neurons[:2] == -1).all()
    assert found.sites["L1"].bands[:2] == (None, None)
    best = np.abs(cosine(sites[2].gate, sites[1].out)).argmax(axis=1)
    assert (found.sites["L2"].neurons[0, :, 0] // 2).tolist() == (WIDTH + best).tolist()  # numbered in the whole model


@pytest.mark.slow
def test_a_model_with_too_many_neurons_has_no_wiring_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.weights.model_wiring.MOST_COMPARED", LAYERS * WIDTH - 1)
    save_tiny(tmp_path, "llama")
    found = model_wiring(load(str(tmp_path)), ["L0"], lambda _: None)
    assert not found.sites
    assert found.info == {"state": "missing", "reason": "the model has 72 neurons, more than are compared"}


def test_products_of_pairs_are_the_same_with_and_without_gathering(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexer.weights.readers._AT_ONCE", 7 * 16)
    generator = torch.Generator().manual_seed(0)
    queries, table = (torch.randn(count, 16, generator=generator) for count in (11, 23))
    own = torch.randint(0, 11, (100,), generator=generator).sort().values
    rows = torch.randint(0, 23, (100,), generator=generator)
    exact = (queries.double() @ table.double().T)[own, rows]
    starts = torch.searchsorted(own, torch.arange(12))
    for products in (of_pairs(queries, own, table, rows), sampled(queries, table, starts, rows)):
        torch.testing.assert_close(products.double(), exact, atol=1e-5, rtol=0)


@pytest.mark.parametrize("at_once", [1, 100, 1 << 23])
@pytest.mark.parametrize("blocks", [(3, 40, 17), (64, 16, 1)])
def test_candidates_are_the_largest_of_all_blocks(
    at_once: int, blocks: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathered, "_AT_ONCE", at_once)
    generator = torch.Generator().manual_seed(0)
    kept = Gathered(9, 5, torch.device("cpu"))
    seen: list[list[tuple[float, int]]] = [[] for _ in range(9)]
    number = 1000
    for count, rows in zip(blocks, (4, 4, 7), strict=True):
        magnitudes = torch.rand(count, rows, generator=generator).bfloat16()
        magnitudes[0] = float("-inf")
        kept.take(magnitudes, torch.arange(number, number + count))
        for row in range(rows):
            seen[row] += [(float(value), number + query) for query, value in enumerate(magnitudes[:, row]) if query]
        number += count
    for row, every in enumerate(seen):
        best = sorted((value for value, _ in every), reverse=True)[:5]
        got = [value for value in kept.magnitudes[row].tolist() if value > float("-inf")]
        assert got == best
        for value, name in zip(got, kept.numbers[row].tolist(), strict=False):
            assert (value, name) in every
        assert (kept.numbers[row][len(got) :] == -1).all()
