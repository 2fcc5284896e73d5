"""Direct effects on logits add up to what the MLP itself gives to them, the norms frozen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor

from indexer.live.direct import DirectEffects, Paths, find_paths
from indexer.live.head import Head, find_head
from indexer.live.model import Choice, LiveModel, open_model
from indexer.live.text import encode_text
from indexer.live.values import Values, run_text

from ..models.families.made import made
from ..models.families.tiny import families, tiny_config
from ..support.small_runs import save_model
from ..support.tiny_experts import randomise, save_mixture
from ..support.tiny_models import tiny_tokenizer
from ..support.two_stacks import save_two_stacks

pytestmark = pytest.mark.usefixtures("one_thread")

TEXT = "the cat sat on the mat; 猫が座った。"
AFTER = {"gemma2": "post_feedforward_layernorm", "olmo2": "post_feedforward_layernorm", "glm4": "post_mlp_layernorm"}
"""The norms after the MLPs of those that have one."""
FAMILIES = ["llama", "llama_bias", "cohere", "granite", "gemma2", "olmo2", "glm4"]


def opened(folder: Path) -> tuple[LiveModel, Paths, Values]:
    live = open_model(None, Choice(str(folder)))
    paths = find_paths(live)
    assert not isinstance(paths, str), paths
    return live, paths, run_text(live, encode_text(live, TEXT), paths.norms)


class Plain:
    """The model with its head, run by transformers, and what went through modules named by hand."""

    def __init__(self, folder: Path, ids: Any, watched: tuple[str, ...], *, two: bool = False) -> None:
        """`two`: an encoder-decoder, both of whose stacks read the ids, the encoder all but the first."""
        auto: Any = transformers.AutoModelForSeq2SeqLM if two else transformers.AutoModelForCausalLM
        self.model: Any = auto.from_pretrained(folder).eval()
        self.seen: dict[str, tuple[Tensor, Tensor]] = {}
        for name in watched:
            module = self.model.get_submodule(name)
            module.register_forward_hook(lambda _m, args, out, name=name: self._keep(name, args[0], out))
        inputs = {"input_ids": torch.tensor([ids.tolist()])}
        if two:
            seen = torch.ones_like(inputs["input_ids"])
            seen[0, 0] = 0
            inputs |= {"decoder_input_ids": inputs["input_ids"], "attention_mask": seen}
        with torch.no_grad():
            self.logits = self.model(**inputs, use_cache=False).logits[0]

    def _keep(self, name: str, entered: Tensor, left: Any) -> None:
        self.seen[name] = entered.detach()[0], (left[0] if isinstance(left, tuple) else left).detach()[0]


def frozen(plain: Plain, norm: str, changes: Tensor, gain_of: Any) -> Tensor:
    """A change of a norm's input (position d_model) as it leaves the norm, the size kept as it was in the run."""
    entered, _ = plain.seen[norm]
    module = plain.model.get_submodule(norm)
    if "Cohere" in type(module).__name__:
        entered = entered - entered.mean(-1, keepdim=True)
        changes = changes - changes.mean(-1, keepdim=True)
    eps = getattr(module, "variance_epsilon", getattr(module, "eps", 0.0))
    size = (entered.square().mean(-1, keepdim=True) + eps).sqrt()
    gain: Tensor = gain_of(module.weight.detach())
    return gain * changes / size


@pytest.mark.parametrize("family", FAMILIES)
def test_the_effects_of_a_layers_neurons_sum_to_the_mlps_direct_contribution(family: str, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"tie_word_embeddings": False} if family == "llama" else {}
    folder = save_model(tmp_path / "m", family, **settings)
    live, paths, values = opened(folder)
    between = f"model.layers.1.{AFTER[family]}" if family in AFTER else None
    watched = ("model.layers.1.mlp", "model.norm", *([between] if between else []))
    plain = Plain(folder, values.ids, watched)
    config = plain.model.config
    gain = (lambda weight: 1 + weight) if "gemma" in family else (lambda weight: weight)
    written = plain.seen["model.layers.1.mlp"][1]
    if family == "llama_bias":
        written = written - plain.model.model.layers[1].mlp.down_proj.bias  # which belongs to no neuron
    if between:
        written = frozen(plain, between, written, gain)
    written = written * getattr(config, "residual_multiplier", 1.0)
    scale = {"cohere": 0.3, "granite": 1 / 5.0}.get(family, 1.0)
    wanted = scale * frozen(plain, "model.norm", written, gain) @ plain.model.lm_head.weight.T  # position token
    direct = DirectEffects(live, paths, values)
    for position in (1, len(values.ids) - 1):
        for token in (7, 250):
            effects = direct.effects(live.names["L1"], position, token)
            assert effects is not None
            expected = float(wanted[position, token].detach())
            assert abs(float(effects.sum()) - expected) <= 1e-4 * max(abs(expected), float(effects.abs().sum()))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "mlp", "norm"),
    [("bitnet", "mlp", "norm"), ("falcon_h1", "feed_forward", "final_layernorm"), ("phi3", "mlp", "norm")],
)
def test_norms_and_multipliers_inside_an_mlp_count(family: str, mlp: str, norm: str, tmp_path: Path) -> None:
    """BitNet has a norm before its down projection; Falcon-H1 multiplies its gate, its output and its logits."""
    settings = {"mlp_multipliers": [0.7, 0.6], "lm_head_multiplier": 1.7} if family == "falcon_h1" else {}
    folder = with_head(tmp_path / "m", tiny_config(families()[family], settings))
    live, paths, values = opened(folder)
    plain = Plain(folder, values.ids, (f"model.layers.1.{mlp}", f"model.{norm}"))
    written = plain.seen[f"model.layers.1.{mlp}"][1]
    scale = getattr(plain.model.config, "lm_head_multiplier", 1.0)
    wanted = scale * frozen(plain, f"model.{norm}", written, lambda weight: weight) @ plain.model.lm_head.weight.T
    direct = DirectEffects(live, paths, values)
    for position in (1, len(values.ids) - 1):
        effects = direct.effects(live.names["L1"], position, 30)
        assert effects is not None
        expected = float(wanted[position, 30].detach())
        assert abs(float(effects.sum()) - expected) <= 1e-4 * max(abs(expected), float(effects.abs().sum()))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "mlp", "after", "norm"),
    [
        ("mt5", "decoder.block.1.layer.2.DenseReluDense", None, "decoder.final_layer_norm"),
        (
            "t5gemma",
            "model.decoder.layers.1.mlp",
            "model.decoder.layers.1.post_feedforward_layernorm",
            "model.decoder.norm",
        ),
    ],
)
def test_neurons_of_a_decoder_sum_to_their_mlp_and_those_of_the_encoder_have_no_direct_path(
    family: str, mlp: str, after: str | None, norm: str, tmp_path: Path
) -> None:
    folder = save_two_stacks(tmp_path / "m", family)
    live, paths, values = opened(folder)
    plain = Plain(folder, values.ids, (mlp, norm, *([after] if after else [])), two=True)
    gain = (lambda weight: 1 + weight) if family == "t5gemma" else (lambda weight: weight)
    written = plain.seen[mlp][1]
    if after:
        written = frozen(plain, after, written, gain)
    wanted = frozen(plain, norm, written, gain) @ plain.model.get_output_embeddings().weight.T  # position token
    direct = DirectEffects(live, paths, values)
    for position in (1, len(values.ids) - 1):
        for token in (7, 250):
            effects = direct.effects(live.names["dec.L1"], position, token)
            assert effects is not None
            expected = float(wanted[position, token].detach())
            assert abs(float(effects.sum()) - expected) <= 1e-4 * max(abs(expected), float(effects.abs().sum()))
        assert direct.effects(live.names["enc.L1"], position, 7) is None
        assert direct.predicted(position) == int(plain.logits[position].argmax())
    assert "encoder" in paths.reasons["enc.L1"]


def with_head(folder: Path, config: Any) -> Path:
    """A random model with its head and a tokenizer, saved."""
    auto: Any = transformers.AutoModelForCausalLM
    model = auto.from_config(config)
    randomise(model, 0)
    model.save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder


def test_experts_and_shared_experts_sum_to_what_their_block_gives(tmp_path: Path) -> None:
    """Each by its router's weight, and a shared expert by a gate of its own that differs from token to token."""
    folder = save_mixture(tmp_path / "m", "Qwen2MoeConfig")
    live, paths, values = opened(folder)
    plain = Plain(folder, values.ids, ("model.layers.2.mlp", "model.norm"))
    weights = frozen(plain, "model.norm", plain.seen["model.layers.2.mlp"][1], lambda weight: weight)
    wanted = weights @ plain.model.lm_head.weight.T
    direct = DirectEffects(live, paths, values)
    for position in (2, len(values.ids) - 1):
        found = [direct.effects(site, position, 9) for site in live.sites if site.address.layer == 2]
        there = [one.sum() for one in found if one is not None]
        assert len(found) == 7
        assert len(there) == 3  # two experts and the shared one
        assert float(sum(there)) == pytest.approx(float(wanted[position, 9].detach()), rel=1e-4, abs=1e-5)


def test_a_neurons_effect_is_its_own_write(tmp_path: Path) -> None:
    folder = save_model(tmp_path / "m", "llama")
    live, paths, values = opened(folder)
    plain = Plain(folder, values.ids, ("model.norm",))
    column = plain.model.model.layers[0].mlp.down_proj.weight[:, 4].detach()
    effects = DirectEffects(live, paths, values).effects(live.names["L0"], 5, 11)
    assert effects is not None
    write = values.sites["L0"].post[5, 4] * column
    logit = frozen(plain, "model.norm", write[None].expand(len(values.ids), -1), lambda weight: weight)[5]
    assert float(effects[4]) == pytest.approx(float((logit @ plain.model.lm_head.weight[11]).detach()), rel=1e-4)


@pytest.mark.parametrize(("family", "tied"), [("llama", False), ("cohere", False), ("granite", True), ("gemma2", True)])
def test_the_head_gives_the_models_own_logits(family: str, tied: bool, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"final_logit_softcapping": 2.0} if family == "gemma2" else {}
    folder = save_model(tmp_path / "m", family, tie_word_embeddings=tied, **settings)
    live = open_model(None, Choice(str(folder)))
    head = find_head(live.loaded)
    assert isinstance(head, Head), head
    assert head.capped == (family == "gemma2")
    values = run_text(live, encode_text(live, TEXT))
    plain = Plain(folder, values.ids, ())
    torch.testing.assert_close(head.logits(values.last), plain.logits, rtol=1e-5, atol=1e-5)


@pytest.mark.slow
def test_an_encoder_has_no_next_token(tmp_path: Path) -> None:
    live = open_model(None, Choice(str(made(tmp_path / "m", "modernbert"))))
    found = find_paths(live)
    assert isinstance(found, str)
    assert "encoder" in found
