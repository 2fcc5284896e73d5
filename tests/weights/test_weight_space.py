"""Numbers from weights against plain numpy: cosines, classes, token lists, nearest neurons."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
import transformers
from torch import nn

from indexer.database.bulk.arrays import ModelWeights
from indexer.models.load import load
from indexer.models.loaded import LoadedModel
from indexer.weights.compute import model_weights
from indexer.weights.rw_class import rw_class
from tests.models.families.made import made
from tests.support.tiny_models import VOCABULARY, save_tiny
from tests.support.weight_reference import FAMILIES, Said, cosine, ends, said

LAYERS = 3
WIDTH = 24


class Case(NamedTuple):
    loaded: LoadedModel
    whole: Any  # the model with its head
    family: str
    weights: ModelWeights

    def said(self, layer: int) -> Said:
        return said(self.whole, self.family, layer)


def make_case(folder: Path, family: str, **overrides: Any) -> Case:
    save_tiny(folder, family, **overrides)
    loaded = load(str(folder))
    auto: Any = transformers.AutoModelForCausalLM
    names = [f"L{layer}" for layer in range(LAYERS)]
    return Case(loaded, auto.from_pretrained(folder), family, model_weights(loaded, names, lambda _: None))


@pytest.fixture(scope="module", params=[*FAMILIES, "llama tied"])
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    family, _, tied = request.param.partition(" ")
    settings = {"final_logit_softcapping": 3.0} if family == "gemma2" else {}
    return make_case(
        tmp_path_factory.mktemp(family),
        family,
        **settings,
        **({"tie_word_embeddings": True} if tied else {}),
    )


@pytest.mark.slow
def test_cosines_and_lengths_are_those_of_the_folded_vectors(case: Case) -> None:
    assert case.weights.info["state"] == "computed"
    for layer in range(LAYERS):
        want, got = case.said(layer), case.weights.sites[f"L{layer}"]
        pairs = ((want.gate, want.in_), (want.in_, want.out), (want.gate, want.out))
        for kind, (one, other) in enumerate(pairs):
            np.testing.assert_allclose(got.cosines[kind], np.diag(cosine(one, other)), atol=1e-6)
        for norm, vectors in zip(got.norms, (want.gate, want.in_, want.out), strict=True):
            np.testing.assert_allclose(norm, np.linalg.norm(vectors, axis=1), rtol=1e-6)


def test_bands_hold_95_percent_of_the_mismatched_pairs(case: Case) -> None:
    for layer, site in enumerate(case.weights.model_sites):
        want = case.said(layer)
        pairs = ((want.gate, want.in_), (want.in_, want.out), (want.gate, want.out))
        for band, (one, other) in zip(site.bands, pairs, strict=True):
            mismatched = np.abs(cosine(one, other))[~np.eye(WIDTH, dtype=bool)]
            assert band == pytest.approx(np.quantile(mismatched, 0.95), abs=1e-6)


def test_token_lists_are_the_ends_of_all_products(case: Case) -> None:
    usable = [token for name, token in case.loaded.tokenizer.get_vocab().items() if name != "<pad>"]
    embeddings = case.whole.get_input_embeddings().weight.detach().double().numpy()
    for layer in range(LAYERS):
        want, got = case.said(layer), case.weights.sites[f"L{layer}"]
        for place, scores in enumerate((want.logits, cosine(want.gate, embeddings), cosine(want.in_, embeddings))):
            for neuron in range(WIDTH):
                for end, tokens in enumerate(ends(scores[neuron], usable, 16)):
                    assert got.tokens[2 * place + end, neuron].tolist() == tokens
                    np.testing.assert_allclose(
                        got.scores[2 * place + end, neuron], scores[neuron, tokens], rtol=1e-5, atol=1e-5
                    )


def test_nearest_neurons_are_those_of_all_layers(case: Case) -> None:
    every = [case.said(layer) for layer in range(LAYERS)]
    for place, which in enumerate(("out", "in_")):
        vectors = np.concatenate([getattr(layer, which) for layer in every])
        flips = np.concatenate([layer.flipped for layer in every])
        cosines = cosine(vectors, vectors)
        for number in range(len(vectors)):
            others = [other for other in range(len(vectors)) if other != number]
            nearest = sorted(others, key=lambda other: -abs(cosines[number, other]))[:8]
            site = case.weights.sites[f"L{number // WIDTH}"]
            assert (site.neighbours[place, number % WIDTH] // 2).tolist() == nearest
            assert (site.neighbours[place, number % WIDTH] % 2).tolist() == flips[nearest].tolist()
            np.testing.assert_allclose(
                site.neighbour_cosines[place, number % WIDTH], cosines[number, nearest], atol=1e-5
            )


@pytest.mark.slow
def test_what_w_out_promotes_is_what_the_models_own_head_says(tmp_path: Path) -> None:
    """After the last norm, soft-capping included: a step along the written direction raises these logits most."""
    case = make_case(tmp_path, "gemma2", final_logit_softcapping=5.0)
    want = case.said(1)
    seen = []
    with torch.no_grad():
        for neuron in range(WIDTH):
            direction = torch.from_numpy(want.out[neuron] * (1 + case.whole.model.norm.weight.double().numpy())).float()
            logits = case.whole.lm_head(direction[None])[0].double()
            capped = torch.tanh(logits / 5.0) * 5.0
            seen.append(capped[case.weights.sites["L1"].tokens[0, neuron].astype(np.int64)])
            assert (seen[-1].diff() <= 1e-6).all()
            assert seen[-1][-1] >= capped[: VOCABULARY - 4].sort(descending=True).values[16] - 1e-6


@pytest.mark.parametrize(
    ("cosines", "name"),
    [
        ((0.6, 0.6, 0.6), "strengthening"),
        ((-0.6, 0.6, -0.6), "strengthening"),
        ((0.1, 0.6, 0.6), "atypical strengthening"),
        ((-0.6, 0.6, 0.6), "atypical strengthening"),
        ((0.5, 0.51, 0.5), "conditional strengthening"),
        ((0.6, 0.6, -0.5), "atypical conditional strengthening"),
        ((0.0, 0.5, -0.6), "proportional change"),
        ((0.6, 0.0, 0.6), "atypical proportional change"),
        ((0.9, 0.0, 0.0), "orthogonal output"),
        ((-0.9, -0.5, 0.5), "orthogonal output"),
        ((-0.6, -0.6, 0.6), "weakening"),
        ((0.6, -0.6, -0.6), "weakening"),
        ((0.6, -0.6, 0.6), "atypical weakening"),
        ((0.5, -0.51, 0.5), "conditional weakening"),
        ((-0.6, -0.6, 0.0), "atypical conditional weakening"),
        ((float("nan"), 0.9, 0.9), None),
    ],
)
def test_classes_follow_the_table(cosines: tuple[float, float, float], name: str | None) -> None:
    assert rw_class(*cosines) == name
    gate_in, in_out, gate_out = cosines
    assert rw_class(-gate_in, in_out, -gate_out) == name  # a flip


@pytest.mark.slow
def test_a_neuron_of_zeros_has_no_cosine_no_class_no_tokens_and_is_near_to_none(tmp_path: Path) -> None:
    save_tiny(tmp_path, "llama")
    loaded = load(str(tmp_path))
    mlp: Any = loaded.model.get_submodule("layers.1.mlp")
    with torch.no_grad():
        mlp.up_proj.weight[5] = 0.0
    site = model_weights(loaded, ["L1"], lambda _: None).sites["L1"]
    assert np.isnan(site.cosines[:, 5]).tolist() == [True, True, False]
    assert site.classes[5] is None
    assert (site.tokens[4:, 5] == -1).all()
    assert (site.tokens[:4, 5] >= 0).all()
    assert (site.neighbours[1, 5] == -1).all()
    assert (site.neighbours[0, 5] >= 0).all()
    assert WIDTH + 5 not in site.neighbours[1] // 2


def test_padding_and_placeholders_are_in_no_list(tmp_path: Path) -> None:
    save_tiny(tmp_path, "llama", vocab_size=VOCABULARY + 40)
    loaded = load(str(tmp_path))
    loaded.tokenizer.add_tokens(["<unused0>", "<|reserved_special_token_3|>", "<tool>"], special_tokens=True)
    first = loaded.tokenizer.convert_tokens_to_ids("<unused0>")
    tool = loaded.tokenizer.convert_tokens_to_ids("<tool>")
    embeddings: Any = loaded.model.get_input_embeddings()  # type: ignore[operator]  # a method
    gate: Any = loaded.model.get_submodule("layers.0.mlp.gate_proj")
    norm: Any = loaded.model.get_submodule("layers.0.post_attention_layernorm")
    with torch.no_grad():
        embeddings.weight[first:] = gate.weight[7] * norm.weight  # as near to a neuron as can be
    site = model_weights(loaded, ["L0"], lambda _: None).sites["L0"]
    assert site.tokens[2, 7, 0] == tool
    assert set(site.tokens[site.tokens >= first].tolist()) == {tool}


def test_an_unembedding_that_is_not_in_the_checkpoint_leaves_only_those_lists_out(tmp_path: Path) -> None:
    save_tiny(tmp_path, "llama")
    auto: Any = transformers.AutoModel
    body = auto.from_pretrained(tmp_path)
    body.save_pretrained(tmp_path)  # without its head
    found = model_weights(load(str(tmp_path)), ["L0", "L1", "L2"], lambda _: None)
    assert found.info["state"] == "partly"
    assert "lm_head.weight is not in the checkpoint" in found.info["reason"]
    assert (found.sites["L1"].tokens[:2] == -1).all()
    assert (found.sites["L1"].tokens[2:] >= 0).all()


class Odd(nn.Module):
    """A norm whose gain is not a simple function of its weight."""

    def __init__(self, weight: nn.Parameter) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x / x.square().mean(-1, keepdim=True).sqrt() * self.weight.tanh()


class Quantised(nn.Linear):
    """A linear map whose weight is not in its numbers."""


def test_a_norm_that_is_not_understood_and_weights_that_cannot_be_read_are_said(tmp_path: Path) -> None:
    save_tiny(tmp_path, "llama")
    loaded = load(str(tmp_path))
    layers: Any = loaded.model.get_submodule("layers")
    layers[0].post_attention_layernorm = Odd(layers[0].post_attention_layernorm.weight)
    layers[2].mlp.up_proj = Quantised(16, WIDTH, bias=False)
    found = model_weights(loaded, ["L0", "L1", "L2"], lambda _: None)
    assert set(found.sites) == {"L1"}
    assert found.info["state"] == "partly"
    assert "L0: the norm that feeds it" in found.info["reason"]
    assert "L2: its weights are quantised" in found.info["reason"]
    assert [site.reason is None for site in found.model_sites] == [False, True, False]
    only = model_weights(loaded, ["L0"], lambda _: None)
    assert only.info["state"] == "missing"
    assert not only.sites


@pytest.mark.slow
def test_t5s_mlps_have_a_norm_in_front_and_none_after_and_only_its_decoder_writes_tokens(tmp_path: Path) -> None:
    loaded = load(str(made(tmp_path, "t5")))
    found = model_weights(loaded, ["enc.L0", "dec.L1"], lambda _: None)
    assert {(site.norm_before, site.norm_after) for site in found.model_sites} == {("rms", "none")}
    assert (found.sites["enc.L0"].tokens[:2] == -1).all()
    assert (found.sites["enc.L0"].tokens[2:] >= 0).all()
    body: Any = loaded.model
    block = body.decoder.block[1].layer[-1]
    gain = block.layer_norm.weight.detach().double().numpy()
    gate, in_ = (
        linear.weight.detach().double().numpy() * gain
        for linear in (block.DenseReluDense.wi_0, block.DenseReluDense.wi_1)
    )
    out = block.DenseReluDense.wo.weight.detach().double().numpy().T
    np.testing.assert_allclose(found.sites["dec.L1"].cosines[0], np.diag(cosine(gate, in_)), atol=1e-6)
    last = body.decoder.final_layer_norm.weight.detach().double().numpy()
    logits = (out * last) @ body.shared.weight.detach().double().numpy().T
    usable = [token for name, token in loaded.tokenizer.get_vocab().items() if name != "<pad>"]
    for neuron, scores in enumerate(logits):
        for end, tokens in enumerate(ends(scores, usable, 16)):
            assert found.sites["dec.L1"].tokens[end, neuron].tolist() == tokens


@pytest.mark.slow
def test_an_experts_vectors_are_read_through_the_norm_of_its_layer(tmp_path: Path) -> None:
    loaded = load(str(made(tmp_path, "mixtral")))
    body: Any = loaded.model
    found = model_weights(loaded, ["L1E2"], lambda _: None)
    layer = body.layers[1]
    gain = layer.post_attention_layernorm.weight.detach().double().numpy()
    gate, in_ = np.split(layer.mlp.experts.gate_up_proj[2].detach().double().numpy() * gain, 2)
    out = layer.mlp.experts.down_proj[2].detach().double().numpy().T
    got = found.sites["L1E2"]
    for kind, (one, other) in enumerate(((gate, in_), (in_, out), (gate, out))):
        np.testing.assert_allclose(got.cosines[kind], np.diag(cosine(one, other)), atol=1e-6)
    names = {site.name: site for site in found.model_sites}
    assert (names["L1E2"].norm_before, names["L1E2"].norm_after) == ("rms", "none")
    assert len(names) == 8
    near = {int(number) // 2 for number in got.neighbours[0].ravel()}
    assert max(near) >= names["L1E3"].first_neuron  # neurons of other experts
    assert min(near) < names["L1E0"].first_neuron  # and layers
