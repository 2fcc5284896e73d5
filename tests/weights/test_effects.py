"""A neuron's effect against finite differences of the model, and norms that are hard to read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from torch import Tensor, nn

from indexer.models.load import load
from indexer.weights.compute import model_weights
from indexer.weights.norm_form import explained
from indexer.weights.passages import Passage
from tests.models.families.made import made
from tests.models.families.tiny import families, tiny_config
from tests.support.tiny_models import save_tiny, tiny_tokenizer
from tests.support.weight_reference import cosine

LAST = 1  # layer
NEURONS = 6
STEP = 1e-2  # some norms compute in float32 whatever they are given


def whole_model(folder: Path, family: str, **settings: Any) -> Any:
    """A tiny random model with its head, saved in a folder with a tokenizer."""
    config = tiny_config(families()[family])
    for name, value in settings.items():
        setattr(config, name, value)
    auto: Any = transformers.AutoModelForCausalLM
    torch.manual_seed(0)
    model = auto.from_config(config)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for _, parameter in sorted(model.named_parameters()):
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.copy_(parameter + 0.3 * noise if parameter.dim() <= 1 else noise / parameter.shape[-1] ** 0.5)
    model.save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return model.eval()


def effects(model: Any, down: nn.Module, final: nn.Module, neurons: int) -> tuple[Tensor, Tensor]:
    """What a unit of each neuron's post in the last layer adds to the last position's logits, times the size of what
    enters the last norm (neuron token); and the logits themselves (token)."""
    model = model.double()
    ids = torch.tensor([[3, 5, 7, 11]])
    entered: list[Tensor] = []

    def logits(neuron: int, step: float) -> Tensor:
        def add(_module: nn.Module, args: tuple[Tensor]) -> tuple[Tensor]:
            changed = args[0].clone()
            changed[..., neuron] += step
            return (changed,)

        handle = down.register_forward_pre_hook(add)
        with torch.no_grad():
            found: Tensor = model(ids, use_cache=False).logits[0, -1]
        handle.remove()
        return found

    handle = final.register_forward_pre_hook(lambda _module, args: entered.append(args[0][0, -1]))
    usual = logits(0, 0.0)
    handle.remove()
    x = entered[0]
    if isinstance(final, nn.LayerNorm) or "LayerNorm" in type(final).__name__:
        x = x - x.mean()
    size = x.square().mean().sqrt()
    changes = [(logits(neuron, STEP) - logits(neuron, -STEP)) / (2 * STEP) for neuron in range(neurons)]
    return torch.stack(changes) * size, usual


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "down", "settings"),
    [
        ("cohere", "mlp.down_proj", {"logit_scale": 1.0}),
        ("cohere2", "mlp.down_proj", {"logit_scale": 1.0}),
        ("stablelm", "mlp.down_proj", {}),
        ("granite", "mlp.down_proj", {"logits_scaling": 1.0, "residual_multiplier": 0.4}),
        ("falcon_h1", "feed_forward.down_proj", {"lm_head_multiplier": 1.0, "mamba_chunk_size": 4}),
        ("minicpm3", "mlp.down_proj", {"dim_model_base": 32}),
    ],
)
def test_scores_are_what_a_unit_of_post_adds_to_the_logits(
    family: str, down: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    model = whole_model(tmp_path, family, **settings)
    names = [f"L{LAST}"]
    found = model_weights(load(str(tmp_path)), names, lambda _: None).sites[names[0]]
    body = model.model
    final = next(module for name, module in body.named_children() if name in ("norm", "final_layernorm"))
    change, usual = effects(model, body.layers[LAST].get_submodule(down), final, NEURONS)
    bias = getattr(final, "bias", None)
    along = usual if bias is None else usual - model.get_output_embeddings().weight @ bias
    for neuron in range(NEURONS):
        tokens = torch.from_numpy(found.tokens[:2, neuron].reshape(-1).astype(np.int64))
        scores = torch.from_numpy(found.scores[:2, neuron].reshape(-1)).double()
        # The last norm also shrinks what was there: that adds a multiple of the logits, which the score leaves out.
        left = (scores - change[neuron, tokens]).detach()
        shrunk = along[tokens].detach()
        multiple = (left @ shrunk) / (shrunk @ shrunk)
        assert float((left - multiple * shrunk).abs().max()) < 2e-3 * float(scores.abs().max())


@pytest.mark.slow
def test_a_layer_norm_at_the_end_takes_the_mean_from_what_is_written_to_it(tmp_path: Path) -> None:
    """PhiMoE's, whose neurons are experts': g * (w - mean w), then the unembedding."""
    model = whole_model(tmp_path, "phimoe")
    found = model_weights(load(str(tmp_path)), ["L1E0"], lambda _: None).sites["L1E0"]
    out = model.model.layers[LAST].mlp.experts.down_proj[0].detach().double().T  # neuron d_model
    gain = model.model.norm.weight.detach().double()
    want = ((out - out.mean(1, keepdim=True)) * gain) @ model.lm_head.weight.detach().double().T
    for neuron in range(found.tokens.shape[1]):
        tokens = found.tokens[:2, neuron].astype(np.int64)
        np.testing.assert_allclose(found.scores[:2, neuron], want[neuron, tokens].numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", [1.0, 0.02, 0.002])
@pytest.mark.parametrize("centred", [False, True])
def test_a_norm_is_read_if_little_enters_it(size: float, centred: bool) -> None:
    gain = 1 + 0.3 * torch.randn(64, generator=torch.Generator().manual_seed(1))
    x = size * torch.randn(8, 64, generator=torch.Generator().manual_seed(0))
    x[3] *= 10
    module: Any
    if centred:
        module = nn.LayerNorm(64, eps=1e-5, bias=False)
        module.weight.data = gain
        left = (x - x.mean(1, keepdim=True)) / (x.var(1, correction=0, keepdim=True) + 1e-5).sqrt() * gain
    else:
        module = nn.RMSNorm(64, eps=1e-5)
        module.weight.data = gain
        left = x / (x.square().mean(1, keepdim=True) + 1e-5).sqrt() * gain
    del module.eps  # the small number may go by another name
    norm = explained(Passage(module, x, left))
    assert norm is not None
    assert (norm.centred, norm.kind) == (centred, "layer" if centred else "rms")
    assert norm.gain is not None
    torch.testing.assert_close(norm.gain, gain, rtol=5e-3, atol=0)


def test_a_constant_factor_is_part_of_the_gain_and_a_factor_of_each_token_is_not() -> None:
    gain = 1 + 0.3 * torch.randn(64, generator=torch.Generator().manual_seed(1))
    x = torch.randn(8, 64, generator=torch.Generator().manual_seed(0))
    module: Any = nn.RMSNorm(64, eps=1e-6)
    module.weight.data = gain
    normed = x / x.square().mean(1, keepdim=True).sqrt() * gain
    for factor, want in ((torch.full((8, 1), 3.0), 3 * gain), (torch.arange(1.0, 9)[:, None], gain)):
        norm = explained(Passage(module, x, normed * factor))
        assert norm is not None
        assert norm.gain is not None
        torch.testing.assert_close(norm.gain, want, rtol=1e-4, atol=0)


@pytest.mark.slow
def test_a_site_that_little_enters_keeps_the_numbers_of_its_weights(tmp_path: Path) -> None:
    save_tiny(tmp_path, "llama", rms_norm_eps=1e-5)
    loaded = load(str(tmp_path))
    body: Any = loaded.model
    with torch.no_grad():
        body.embed_tokens.weight *= 0.01
        body.layers[0].self_attn.o_proj.weight *= 0.001
    found = model_weights(loaded, ["L0"], lambda _: None)
    layer = body.layers[0]
    gain = layer.post_attention_layernorm.weight.detach().double().numpy()
    gate, in_ = (m.weight.detach().double().numpy() * gain for m in (layer.mlp.gate_proj, layer.mlp.up_proj))
    np.testing.assert_allclose(found.sites["L0"].cosines[0], np.diag(cosine(gate, in_)), atol=1e-5)


def test_the_gain_between_post_and_the_down_projection_is_part_of_what_is_written(tmp_path: Path) -> None:
    folder = made(tmp_path, "bitnet")
    loaded = load(str(folder))
    body: Any = loaded.model
    mlp = body.layers[1].mlp
    with torch.no_grad():
        mlp.ffn_sub_norm.weight[::3] *= -1  # turns what every third neuron writes
    found = model_weights(loaded, ["L1"], lambda _: None).sites["L1"]
    in_ = mlp.up_proj.weight.detach().double().numpy() * body.layers[1].post_attention_layernorm.weight.detach().numpy()
    out = mlp.down_proj.weight.detach().double().numpy().T * mlp.ffn_sub_norm.weight.detach().double().numpy()[:, None]
    np.testing.assert_allclose(found.cosines[1], np.diag(cosine(in_, out)), atol=1e-5)
    np.testing.assert_allclose(found.norms[2], np.linalg.norm(out, axis=1), rtol=1e-5)


@pytest.mark.slow
def test_experts_in_a_latent_space_have_no_such_numbers_and_the_reason_is_reported(tmp_path: Path) -> None:
    loaded = load(str(made(tmp_path, "muse_spark_text")))
    names = [site.name for site in model_weights(loaded, [], lambda _: None).model_sites]
    found = model_weights(loaded, names, lambda _: None)
    routed = [site for site in found.model_sites if "E" in site.name]
    assert routed
    assert all(site.reason is not None and "other linear maps" in site.reason for site in routed)
    assert not {site.name for site in routed} & set(found.sites)


@pytest.mark.slow
@pytest.mark.parametrize("width", [32, 48])
def test_the_two_stacks_of_t5gemma_read_their_own_embeddings_and_the_decoder_writes_to_its_own(
    width: int, tmp_path: Path
) -> None:
    config_class: Any = transformers.T5GemmaConfig
    config = config_class(
        **{
            stack: {
                **{"vocab_size": 320, "hidden_size": size, "intermediate_size": 40, "num_hidden_layers": 2},
                **{"num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 16, "query_pre_attn_scalar": 16},
            }
            for stack, size in (("encoder", 32), ("decoder", width))
        },
        tie_word_embeddings=True,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )
    torch.manual_seed(0)
    auto: Any = transformers.AutoModelForSeq2SeqLM
    model = auto.from_config(config)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.copy_(torch.randn(parameter.shape) / parameter.shape[-1] ** 0.5)
    model.save_pretrained(tmp_path)
    tiny_tokenizer().save_pretrained(tmp_path)
    found = model_weights(load(str(tmp_path)), ["enc.L1", "dec.L1"], lambda _: None)
    assert found.info["state"] == "computed"
    usable = [token for name, token in tiny_tokenizer().get_vocab().items() if name != "<pad>"]
    for stack in ("encoder", "decoder"):
        part = getattr(model.model, stack)
        layer = part.layers[1]
        rows = part.embed_tokens.weight.detach().double().numpy()
        gain = 1 + layer.pre_feedforward_layernorm.weight.detach().double().numpy()
        gate = layer.mlp.gate_proj.weight.detach().double().numpy() * gain
        got = found.sites[f"{stack[:3]}.L1"]
        near = cosine(gate, rows)
        out = layer.mlp.down_proj.weight.detach().double().numpy().T
        after = 1 + layer.post_feedforward_layernorm.weight.detach().double().numpy()
        logits = (out * after * (1 + part.norm.weight.detach().double().numpy())) @ rows.T
        for neuron in range(len(gate)):
            assert got.tokens[2, neuron, 0] == max(usable, key=lambda token: float(near[neuron, token]))
            first = max(usable, key=lambda token: float(logits[neuron, token]))
            assert got.tokens[0, neuron, 0] == (first if stack == "decoder" else -1)
