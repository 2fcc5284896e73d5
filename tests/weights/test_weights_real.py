"""Numbers from the weights of real models, against plain numpy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from indexer.models.load import load
from indexer.models.loaded import LoadedModel
from indexer.sites import find_sites
from indexer.weights.compute import model_weights
from indexer.weights.cosines import site_cosines
from indexer.weights.model_wiring import model_wiring
from indexer.weights.norms import NO_NORM, find_norms
from indexer.weights.vectors import site_vectors
from tests.support.real_models import gemma3_path, smollm2_path

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def smollm2() -> LoadedModel:
    return load(str(smollm2_path()))


@pytest.fixture(scope="module")
def gemma3() -> LoadedModel:
    return load(str(gemma3_path()))


def _unit(vectors: Any) -> Any:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_smollm2s_neurons_say_what_their_weights_do(smollm2: LoadedModel) -> None:
    model: Any = smollm2.model
    found = model_weights(smollm2, ["L20"], lambda _: None)
    told = {"state": "computed", "reason": None, "final_norm": "rms"}
    assert {name: found.info[name] for name in told} == told
    got = found.sites["L20"]
    layer = model.layers[20]
    gain = layer.post_attention_layernorm.weight.detach().double().numpy()
    plain = {
        name: getattr(layer.mlp, f"{name}_proj").weight.detach().double().numpy() for name in ("gate", "up", "down")
    }
    gate, in_, out = plain["gate"] * gain, plain["up"] * gain, plain["down"].T
    for kind, (one, other) in enumerate(((gate, in_), (in_, out), (gate, out))):
        np.testing.assert_allclose(got.cosines[kind], (_unit(one) * _unit(other)).sum(1), atol=1e-6)

    flipped = (plain["gate"] * plain["up"]).sum(1) < 0
    chosen = np.r_[np.nonzero(flipped)[0][:12], np.nonzero(~flipped)[0][:12]]
    embeddings = model.embed_tokens.weight.detach().double().numpy()
    last = model.norm.weight.detach().double().numpy()
    for place, scores in (
        (0, (out[chosen] * last) @ embeddings.T),
        (2, _unit(gate[chosen]) @ _unit(embeddings).T),
        (4, _unit(in_[chosen]) @ _unit(embeddings).T),
    ):
        order = scores.argsort(axis=1)
        np.testing.assert_array_equal(got.tokens[place, chosen], order[:, ::-1][:, :16])
        np.testing.assert_array_equal(got.tokens[place + 1, chosen], order[:, :16])

    scores = (out[chosen] * last) @ embeddings.T
    off = scores - scores.mean(1, keepdims=True)
    std = np.sqrt((off**2).mean(1))
    assert got.vocabulary is not None
    mean, deviation, skew, kurtosis, share = got.vocabulary[:, chosen]
    np.testing.assert_allclose(mean, scores.mean(1), atol=1e-4 * std.max())
    np.testing.assert_allclose(deviation, std, rtol=1e-3)
    np.testing.assert_allclose(skew, (off**3).mean(1) / std**3, atol=5e-3)
    np.testing.assert_allclose(kurtosis, (off**4).mean(1) / std**4, rtol=5e-3)
    read = embeddings * last
    centred = read - read.mean(0)
    squares, vectors = np.linalg.eigh(centred.T @ centred)  # of 576 x 576, which is cheaper than svd
    singular, right = np.sqrt(squares)[::-1], vectors.T[::-1]
    small = min(max(int((singular < 0.05 * np.median(singular)).sum()), 6), 57)  # 1 % to 10 % of 576 dimensions
    assert found.info["null_space"] == small
    inside = ((out[chosen] @ right[-small:].T) ** 2).sum(1) / (out[chosen] ** 2).sum(1)
    np.testing.assert_allclose(share, inside, atol=1e-5)

    every = np.concatenate([one.mlp.down_proj.weight.detach().double().numpy().T for one in model.layers])
    cosines = _unit(out[chosen]) @ _unit(every).T
    cosines[np.arange(len(chosen)), 20 * 1536 + chosen] = 0  # itself
    nearest = np.abs(cosines).argsort(axis=1)[:, ::-1][:, :8]
    np.testing.assert_array_equal(got.neighbours[0, chosen] // 2, nearest)
    np.testing.assert_allclose(
        got.neighbour_cosines[0, chosen], np.take_along_axis(cosines, nearest, axis=1), atol=1e-5
    )


def _demand_wiring(loaded: LoadedModel, layer: int, vectors: list[tuple[Any, Any, Any]]) -> None:
    """The lists of some neurons of a layer are those of all products. `vectors`: gate, in and out of each layer."""
    found = model_wiring(loaded, [f"L{layer}"], lambda _: None)
    assert found.info == {"state": "computed", "reason": None}
    got = found.sites[f"L{layer}"]
    width = len(vectors[0][0])
    chosen = np.random.default_rng(0).choice(width, 16, replace=False)
    lower, higher = vectors[:layer], vectors[layer + 1 :]
    gate, in_, out = (_unit(one[chosen]) for one in vectors[layer])
    products = (
        (0, gate @ _unit(np.concatenate([one[2] for one in lower])).T),
        (0, in_ @ _unit(np.concatenate([one[2] for one in lower])).T),
        ((layer + 1) * width, out @ _unit(np.concatenate([one[0] for one in higher])).T),
        ((layer + 1) * width, out @ _unit(np.concatenate([one[1] for one in higher])).T),
    )
    for place, (first, cosines) in enumerate(products):
        best = np.abs(cosines).argsort(axis=1)[:, ::-1][:, :8]
        np.testing.assert_array_equal(got.neurons[place, chosen] // 2, first + best)
        np.testing.assert_allclose(got.cosines[place, chosen], np.take_along_axis(cosines, best, axis=1), atol=1e-5)


def test_smollm2s_wiring_is_that_of_all_products(smollm2: LoadedModel) -> None:
    model: Any = smollm2.model
    vectors = []
    for layer in model.layers:
        gain = layer.post_attention_layernorm.weight.detach().double().numpy()
        gate, in_, out = (
            getattr(layer.mlp, f"{name}_proj").weight.detach().double().numpy() for name in ("gate", "up", "down")
        )
        vectors.append((gate * gain, in_ * gain, out.T))
    _demand_wiring(smollm2, 17, vectors)


def test_gemma3s_wiring_has_the_gains_before_and_after_its_mlps(gemma3: LoadedModel) -> None:
    model: Any = gemma3.model
    vectors = []
    for layer in model.layers:
        before, after = (
            1 + getattr(layer, f"{name}_feedforward_layernorm").weight.detach().double().numpy()
            for name in ("pre", "post")
        )
        gate, in_, out = (
            getattr(layer.mlp, f"{name}_proj").weight.detach().double().numpy() for name in ("gate", "up", "down")
        )
        vectors.append((gate * before, in_ * before, out.T * after))
    _demand_wiring(gemma3, 9, vectors)


def test_the_norm_after_gemma3s_mlp_changes_308_of_its_36864_classes(gemma3: LoadedModel) -> None:
    """The figure that others have found for this model."""
    sites = find_sites(gemma3.model)
    changed = total = 0
    with torch.inference_mode():
        for vectors in site_vectors(sites, find_norms(gemma3, sites)):
            assert vectors.before is not None
            assert vectors.after is not None
            assert (vectors.before.kind, vectors.after.kind) == ("rms (1 + w)", "rms (1 + w)")
            without = site_cosines(replace(vectors, around=replace(vectors.around, after=NO_NORM))).classes
            classes = site_cosines(vectors).classes
            changed += sum(one != other for one, other in zip(classes, without, strict=True))
            total += len(classes)
    assert (changed, total) == (308, 36_864)
