"""The spread of a neuron's scores over the vocabulary, and the unembedding's near-null space, against plain numpy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from indexer.database.bulk.arrays import VOCABULARY
from indexer.models.load import load
from indexer.weights import score_spread
from indexer.weights.compute import model_weights
from indexer.weights.norms import Norm
from indexer.weights.null_space import NullSpace
from tests.models.families.made import made
from tests.support.tiny_models import tiny_tokenizer
from tests.support.weight_reference import FAMILIES
from tests.weights.test_effects import whole_model
from tests.weights.test_weight_space import Case, make_case

Array = npt.NDArray[np.float64]

LAYERS = 3


def usable() -> list[int]:
    return [token for name, token in tiny_tokenizer().get_vocab().items() if name != "<pad>"]


def spread(scores: Array) -> Array:
    """Mean, standard deviation, skew and kurtosis of each row: number neuron."""
    mean = scores.mean(1)
    off = scores - mean[:, None]
    deviation = np.sqrt((off**2).mean(1))
    return np.stack([mean, deviation, (off**3).mean(1) / deviation**3, (off**4).mean(1) / deviation**4])


def near_null(unembedding: Array, *, shift_counts: bool = False) -> Array:
    """The directions that the unembedding (token d_model, as a vector that is written meets it) hardly reads."""
    rows = unembedding if shift_counts else unembedding - unembedding.mean(0)
    _, singular, right = np.linalg.svd(rows, full_matrices=True)
    d_model = rows.shape[1]
    small = int((singular < 0.05 * np.median(singular)).sum())
    count = min(max(small, max(1, -(-d_model // 100))), max(1, d_model // 10))
    found: Array = right[-count:]
    return found


def share(out: Array, directions: Array) -> Array:
    found: Array = ((out @ directions.T) ** 2).sum(1) / (out**2).sum(1)
    return found


def assert_spread(found: npt.NDArray[np.float32] | None, scores: Array) -> None:
    """The products that the moments are made of are rounded to bfloat16, whose error is 1/512 at most."""
    assert found is not None
    assert len(found) == len(VOCABULARY)
    mean, deviation, skew, kurtosis = spread(scores)
    np.testing.assert_allclose(found[0], mean, atol=1e-5 * deviation.max())
    np.testing.assert_allclose(found[1], deviation, rtol=5e-3)
    np.testing.assert_allclose(found[2], skew, atol=0.02)
    np.testing.assert_allclose(found[3], kurtosis, rtol=0.02)


@pytest.fixture(scope="module", params=[*FAMILIES, "gemma2 capped"])
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    family, _, capped = request.param.partition(" ")
    settings = {"final_logit_softcapping": 3.0 if capped else None} if family == "gemma2" else {}
    return make_case(tmp_path_factory.mktemp(family), family, hidden_size=40, head_dim=20, **settings)


@pytest.mark.slow
def test_the_scores_of_all_tokens_have_these_moments(case: Case) -> None:
    for layer in range(LAYERS):
        assert_spread(case.weights.sites[f"L{layer}"].vocabulary, case.said(layer).logits[:, usable()])


def test_the_null_share_is_that_of_the_smallest_singular_directions(case: Case) -> None:
    head = case.whole.lm_head.weight.detach().double().numpy()[usable()]
    names = FAMILIES[case.family]
    gain = case.whole.model.norm.weight.detach().double().numpy() + (1.0 if names.plus_one else 0.0)
    read = head * gain
    capped = getattr(case.whole.config, "final_logit_softcapping", None) is not None
    for layer in range(LAYERS):
        out = case.said(layer).out
        if names.centred:
            read, out = read - read.mean(1, keepdims=True), out - out.mean(1, keepdims=True)
        found = case.weights.sites[f"L{layer}"].vocabulary
        assert found is not None
        directions = near_null(read, shift_counts=capped)
        np.testing.assert_allclose(found[4], share(out, directions), atol=2e-5)
        assert case.weights.info["null_space"] == len(directions)


@pytest.mark.parametrize("columns", [1, 37, 4096, 9001])
def test_numbas_loops_and_tensor_operations_add_up_the_same_powers(columns: int) -> None:
    generator = torch.Generator().manual_seed(columns)
    scores = torch.randn(7, 2 * columns, generator=generator).bfloat16()[:, ::2]
    centre = torch.randn(7, generator=generator) / 8
    off = scores.double().numpy() - centre.double().numpy()[:, None]
    wanted = np.stack([(off**power).sum(1) for power in (2, 3, 4)])
    size = np.stack([(np.abs(off) ** power).sum(1) for power in (2, 3, 4)])
    loops = score_spread._loops()
    assert loops is not None
    for found in (loops.sums(scores, centre), score_spread._sums(scores, centre)):
        assert (np.abs(found.double().numpy() - wanted) <= 2e-6 * size).all()


def test_without_numba_the_moments_are_those_of_tensor_operations(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(score_spread, "_loops", lambda: None)
    found = model_weights(case.loaded, ["L1"], lambda _: None, wiring=False).sites["L1"].vocabulary
    assert_spread(found, case.said(1).logits[:, usable()])


@pytest.mark.parametrize(("small", "directions"), [(0, 1), (4, 4), (20, 6)])
def test_the_space_has_the_directions_that_are_hardly_read_within_bounds(small: int, directions: int) -> None:
    """Of 60 dimensions at least 1 % and at most 10 %."""
    random = np.random.default_rng(small)
    left, _ = np.linalg.qr(random.normal(size=(500, 60)))
    right, _ = np.linalg.qr(random.normal(size=(60, 60)))
    sizes = np.r_[np.linspace(1, 2, 60 - small), np.full(small, 1e-3)]
    rows = torch.from_numpy((left * sizes) @ right.T).float()
    space = NullSpace.of(rows, torch.ones(500, dtype=torch.bool), Norm("none"), shift_counts=True)
    assert space.directions == directions
    if small:
        hidden = torch.from_numpy(right[:, 60 - small :].T).float()
        assert space.share(hidden)[:1].item() <= 1
        assert float(space.share(hidden).sum()) == pytest.approx(directions, rel=1e-4)
        assert float(space.share(torch.from_numpy(right[:, :1].T).float())) < 1e-6


@pytest.mark.slow
def test_experts_and_shared_experts_have_the_moments_of_their_own_scores(tmp_path: Path) -> None:
    model = whole_model(tmp_path, "qwen2_moe")
    found = model_weights(load(str(tmp_path)), ["L1E2", "L1S"], lambda _: None).sites
    mlp: Any = model.model.layers[1].mlp
    gain = model.model.norm.weight.detach().double().numpy()
    head = model.lm_head.weight.detach().double().numpy()[usable()]
    for name, down in (("L1E2", mlp.experts.down_proj[2]), ("L1S", mlp.shared_expert.down_proj.weight)):
        out = down.detach().double().numpy().T
        assert_spread(found[name].vocabulary, (out * gain) @ head.T)
        vocabulary = found[name].vocabulary
        assert vocabulary is not None
        np.testing.assert_allclose(vocabulary[4], share(out, near_null(head * gain)), atol=2e-5)


@pytest.mark.slow
def test_only_the_decoder_of_two_stacks_has_them(tmp_path: Path) -> None:
    loaded = load(str(made(tmp_path, "t5")))
    found = model_weights(loaded, ["enc.L0", "dec.L1"], lambda _: None).sites
    assert np.isnan(found["enc.L0"].vocabulary).all()  # type: ignore[arg-type]  # not None here
    body: Any = loaded.model
    out = body.decoder.block[1].layer[-1].DenseReluDense.wo.weight.detach().double().numpy().T
    last = body.decoder.final_layer_norm.weight.detach().double().numpy()
    ids = [token for name, token in loaded.tokenizer.get_vocab().items() if name != "<pad>"]
    assert_spread(found["dec.L1"].vocabulary, (out * last) @ body.shared.weight.detach().double().numpy()[ids].T)


def test_a_neuron_that_writes_nothing_has_no_spread(tmp_path: Path) -> None:
    model = whole_model(tmp_path, "llama")
    with torch.no_grad():
        model.model.layers[1].mlp.down_proj.weight[:, 3] = 0.0
    model.save_pretrained(tmp_path)
    found = model_weights(load(str(tmp_path)), ["L1"], lambda _: None).sites["L1"].vocabulary
    assert found is not None
    assert np.isnan(found[1:, 3]).sum() == 3  # skew, kurtosis, null share
    assert np.isfinite(np.delete(found, 3, axis=1)).all()
