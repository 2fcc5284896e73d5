"""Experts that transformers runs by a loop of their own class: what is captured is what plain arithmetic gives."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
import transformers
from torch import Tensor
from torch.nn import functional

from indexer.capture.expert_proof import prove_expert_forms, prove_experts
from indexer.capture.experts import capture_experts
from indexer.capture.routed import Routed
from indexer.database.bulk.stored import StoredIndex
from indexer.errors import GluscopeError
from indexer.jobs.index import index
from indexer.settings import Execution, Inputs, Settings
from indexer.sites import find_sites, text_body
from indexer.sites.experts import ExpertLayer, ExpertSite, expert_layers
from indexer.sites.weights import site_weights

from ..support.tiny_experts import randomise
from ..support.tiny_models import tiny_tokenizer

pytestmark = pytest.mark.usefixtures("one_thread")

_SIZES: dict[str, Any] = {
    **{"vocab_size": 304, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "head_dim": 8},
    **{"num_attention_heads": 2, "num_key_value_heads": 2, "max_position_embeddings": 128},
    **{"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2},
}
_LATENT = {"q_lora_rank": 8, "kv_lora_rank": 8, "qk_rope_head_dim": 8, "qk_nope_head_dim": 8, "v_head_dim": 8}


_FIVE = {"num_local_experts": 5, "num_experts_per_tok": 2}


def _dbrx() -> dict[str, Any]:
    return {
        **{"d_model": 16, "n_heads": 2, "n_layers": 2, "max_seq_len": 128, "vocab_size": 304},
        **{"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2},
        "attn_config": {"rope_theta": 1e4, "kv_n_heads": 2, "clip_qkv": 8.0},
        "ffn_config": {"hidden_size": 16, "ffn_hidden_size": 24, "moe_num_experts": 5, "moe_top_k": 2},
    }


def _longcat() -> dict[str, Any]:
    sizes = {**_SIZES, "num_hidden_layers": 4, "num_layers": 2, "ffn_hidden_size": 20, "expert_ffn_hidden_size": 12}
    return {
        **sizes,
        **_LATENT,
        "moe_topk": 3,
        "n_routed_experts": 5,
        "zero_expert_num": 2,
        "routed_scaling_factor": 1.5,
    }


def _step() -> dict[str, Any]:
    experts = {"n_routed_experts": 5, "num_experts_per_tok": 2, "moe_intermediate_size": 12, "share_expert_dim": 12}
    layers = {"layer_types": ["full_attention"] * 2, "mlp_layer_types": ["dense", "sparse"], "sliding_window": 8}
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    return {
        "text_config": {**_SIZES, **experts, **layers, "swiglu_limits": [0.0, 0.7]},
        "vision_config": {**sizes, "image_size": 28, "patch_size": 14},
    }


CONFIGS: dict[str, tuple[str, dict[str, Any]]] = {
    "dbrx": ("DbrxConfig", _dbrx()),
    "jetmoe": ("JetMoeConfig", {**_SIZES, **_FIVE, "kv_channels": 8, "activation_function": "silu"}),
    "llama4": ("Llama4TextConfig", {**_SIZES, **_FIVE, "intermediate_size_mlp": 20, "interleave_moe_layer_step": 1}),
    "longcat": ("LongcatFlashConfig", _longcat()),
    "step3.7": ("Step3p7Config", _step()),
}


class Row(NamedTuple):
    """One token in one expert; values are of each neuron."""

    gate: Tensor
    in_: Tensor
    act: Tensor
    post: Tensor


def tiny(name: str) -> Any:
    auto: Any = transformers.AutoModel
    torch.manual_seed(0)
    kind, settings = CONFIGS[name]
    model = auto.from_config(getattr(transformers, kind)(**settings))
    randomise(model, 0)
    return model.eval()


def forward(model: Any) -> Tensor:
    ids = torch.randint(3, 300, (2, 9), generator=torch.Generator().manual_seed(1))  # batch position
    with torch.no_grad():
        last: Tensor = model(input_ids=ids, use_cache=False).last_hidden_state
    return last


def plain(name: str, module: Any, hidden: Tensor, args: tuple[Any, ...]) -> Iterator[tuple[int, int, Row]]:
    """Expert, token and row of all that a module computes: `hidden` token d_model is what its layer's MoE was given."""
    silu = functional.silu
    if name in ("dbrx", "longcat", "step3.7"):
        chosen = [
            (int(e), t, 1.0) for t in range(len(hidden)) for e, w in zip(args[1][t], args[2][t], strict=True) if w != 0
        ]
    elif name == "jetmoe":
        order = (hidden @ module.router.layer.weight.T).argsort(dim=1, descending=True)[:, :2]
        chosen = [(int(e), t, 1.0) for t in range(len(hidden)) for e in order[t]]
    else:
        logits = hidden @ module.router_weight.T
        order = logits.argsort(dim=1, descending=True)[:, :2]
        chosen = [(int(e), t, float(torch.sigmoid(logits[t, e]))) for t in range(len(hidden)) for e in order[t]]
    for expert, token, scale in chosen:
        x = hidden[token] * scale
        if name == "dbrx":
            part = slice(24 * expert, 24 * expert + 24)
            gate, up = module.mlp.w1[part] @ x, module.mlp.v1[part] @ x
        elif name == "jetmoe":
            gate, up = (module.input_linear.weight[expert] @ x).chunk(2)
        elif name == "llama4":
            gate, up = (x @ module.gate_up_proj[expert]).chunk(2)
        elif expert >= 5:  # LongCat's that give on what they are given
            continue
        else:
            gate, up = (module.gate_up_proj[expert] @ x).chunk(2)
        act, in_ = silu(gate), up
        if name == "step3.7":
            act, in_ = act.clamp(max=0.7), up.clamp(-0.7, 0.7)
        yield expert, token, Row(gate, in_, act, act * in_)


def entering(model: Any, layers: tuple[ExpertLayer, ...], name: str) -> dict[str, tuple[Tensor, tuple[Any, ...]]]:
    """The input of each layer's MoE (# token d_model), and the arguments of its experts."""
    seen: dict[str, tuple[Tensor, tuple[Any, ...]]] = {}
    handles = []
    for layer in layers:
        outer: Any = layer.module if name == "jetmoe" else text_body(model).get_submodule(layer.path.rpartition(".")[0])
        if name == "llama4":
            held(layer).router_weight = outer.router.weight.detach()
        kept: list[Tensor] = []
        handles.append(outer.register_forward_pre_hook(lambda _m, args, kept=kept: kept.append(args[0])))
        handles.append(
            layer.module.register_forward_pre_hook(
                lambda _m, args, kept=kept, layer=layer: seen.__setitem__(
                    layer.name, (kept[-1].reshape(-1, kept[-1].shape[-1]), args)
                )
            )
        )
    forward(model)
    for handle in handles:
        handle.remove()
    return seen


def held(layer: ExpertLayer) -> Any:
    return layer.module


@pytest.mark.parametrize("name", CONFIGS)
def test_what_is_captured_of_experts_in_a_loop_is_what_plain_arithmetic_gives(name: str) -> None:
    model = tiny(name)
    layers = expert_layers(find_sites(model))
    assert [layer.count for layer in layers] == [5] * (1 if name == "step3.7" else 2)
    entered = entering(model, layers, name)
    captured: dict[str, Routed] = {}
    errors: dict[str, float] = {}

    def observe(layer: ExpertLayer, routed: Routed) -> None:
        captured[layer.name] = routed
        errors[layer.name] = prove_experts(layer, routed)

    prove_expert_forms(layers)
    untouched = forward(model)
    with capture_experts(layers, observe):
        assert torch.equal(forward(model), untouched)
    assert torch.equal(forward(model), untouched)
    assert max(errors.values()) < 1e-6
    for layer in layers:
        rows = {(e, t): row for e, t, row in plain(name, layer.module, *entered[layer.name])}
        routed = captured[layer.name]
        places = list(zip(routed.expert.tolist(), routed.token.tolist(), strict=True))
        reached = [place for place, yes in enumerate(routed.reached.tolist()) if yes]
        assert sorted(places[place] for place in reached) == sorted(rows)
        for place in reached:
            for quantity in Row._fields:
                found, wanted = getattr(routed, quantity)[place], getattr(rows[places[place]], quantity)
                torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", CONFIGS)
def test_the_weights_of_an_expert_in_a_loop_give_its_gate_and_in(name: str) -> None:
    model = tiny(name)
    sites = [site for site in find_sites(model) if isinstance(site, ExpertSite)]
    x = torch.randn(16, generator=torch.Generator().manual_seed(2))
    site = sites[3]
    weights = site_weights(site)
    assert weights is not None
    module: Any = site.module
    if name == "llama4":
        module.router_weight = torch.zeros(5, 16)
        module.router_weight[3], module.router_weight[1] = 1e6 * x, 1e5 * x  # chosen, with a weight of 1
    index_, ones = torch.tensor([[3]]), torch.ones(1, 1)
    if name == "jetmoe":
        module.router.layer.weight.data[3] = 1e6 * x
    row = next(row for e, _, row in plain(name, module, x[None], (x[None], index_, ones)) if e == 3)
    torch.testing.assert_close(weights.gate @ x, row.gate, rtol=1e-4, atol=1e-5)
    if name != "step3.7":
        torch.testing.assert_close(weights.in_ @ x, row.in_, rtol=1e-4, atol=1e-5)
    assert [matrix.shape for matrix in weights] == [(site.width, 16)] * 3


@pytest.mark.slow
@pytest.mark.parametrize("name", CONFIGS)
def test_an_index_of_experts_in_a_loop_counts_what_was_routed_to_them(name: str, tmp_path: Path) -> None:
    model = tiny(name)
    model.save_pretrained(tmp_path / "model")
    tokenizer = tiny_tokenizer()
    tokenizer.save_pretrained(tmp_path / "model")
    texts = ["the cat sat on the mat", "print(1 + 1) and the dog"]
    (tmp_path / "texts.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    settings = Settings(sample=8, top_k=2, rank_by=("post",))
    inputs = Inputs((str(tmp_path / "texts.jsonl"),))
    db = index(str(tmp_path / "model"), inputs, tmp_path / "x.db", settings, Execution(compile="off"))
    auto: Any = transformers.AutoModel
    whole = auto.from_pretrained(tmp_path / "model").eval()
    layer = expert_layers(find_sites(whole))[-1]
    counts = np.zeros((5, 4, layer.width), np.int64)
    for text in texts:
        ids = [tokenizer.bos_token_id, *tokenizer(text, add_special_tokens=False)["input_ids"]]
        kept = _enter(whole, layer, name, torch.tensor([ids]))
        for expert, token, row in plain(name, layer.module, *kept):
            if token:  # position 0 isn't counted
                signs = ((row.gate > 0, row.in_ > 0), (row.gate > 0, row.in_ < 0), (row.gate < 0, row.in_ > 0))
                for quadrant, (one, other) in enumerate((*signs, (row.gate < 0, row.in_ < 0))):
                    counts[expert, quadrant] += (one & other).numpy()
    with StoredIndex(db) as stored:
        for record in stored.sites:
            if record.address.layer == layer.layer and record.address.expert is not None:
                assert np.array_equal(stored.site(record).count, counts[record.address.expert])


def _enter(model: Any, layer: ExpertLayer, name: str, ids: Tensor) -> tuple[Tensor, tuple[Any, ...]]:
    """Like `entering`, for one layer and one sequence."""
    outer: Any = layer.module if name == "jetmoe" else text_body(model).get_submodule(layer.path.rpartition(".")[0])
    if name == "llama4":
        held(layer).router_weight = outer.router.weight.detach()
    seen: list[Any] = []
    handles = [
        outer.register_forward_pre_hook(lambda _m, args: seen.append(args[0])),
        layer.module.register_forward_pre_hook(lambda _m, args: seen.append(args)),
    ]
    with torch.no_grad():
        model(input_ids=ids, use_cache=False)
    for handle in handles:
        handle.remove()
    return seen[0].reshape(-1, seen[0].shape[-1]), seen[-1]


def test_a_forward_that_a_spread_model_has_of_its_own_is_there_again_afterwards() -> None:
    model = tiny("dbrx")
    layers = expert_layers(find_sites(model))
    module = held(layers[0])
    own = module.forward
    module.forward = own
    with capture_experts(layers, lambda *_: None):
        assert module.forward is not own
        forward(model)
    assert vars(module)["forward"] is own
    assert "forward" not in vars(held(layers[1]))


def test_families_that_are_not_read_are_refused_for_what_they_are() -> None:
    auto: Any = transformers.AutoModel
    hrm: Any = transformers.HrmTextConfig
    nemotron: Any = transformers.NemotronHConfig
    sizes = {"num_attention_heads": 2, "head_dim": 8, "mamba_num_heads": 4, "mamba_head_dim": 8, "hidden_size": 16}
    kinds = {"layers_block_type": ["linear_attention", "full_attention", "mlp"]}
    wanted = {
        "several times a pass": hrm(**{name: value for name, value in _SIZES.items() if name != "num_hidden_layers"}),
        "not gated: up_proj": nemotron(**sizes, **kinds, intermediate_size=8),
    }
    for reason, config in wanted.items():
        with torch.device("meta"):
            model = auto.from_config(config)
        with pytest.raises(GluscopeError, match=reason):
            find_sites(model)
