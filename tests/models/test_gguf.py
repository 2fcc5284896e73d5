"""GGUF files: the values of the model's own folder, or a refusal that names what the file has."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from torch import Tensor

from indexer.errors import GluscopeError
from indexer.models.families import family_of
from indexer.models.gguf_architectures import ARCHITECTURES
from indexer.models.load import load
from indexer.models.loaded import LoadedModel
from tests.support.gguf_files import CONFIGS, SIZES, config_of, model_of, save_folder, save_gguf
from tests.support.tiny_models import TEXTS, tiny_tokenizer

pytestmark = pytest.mark.usefixtures("one_thread")

LENGTH = 40
HEAD = SIZES["hidden_size"] // SIZES["num_attention_heads"]


def states(loaded: LoadedModel) -> Tensor:
    """The output of a model's body for some tokens: position d_model."""
    ids = torch.tensor([[1, *range(5, 4 + LENGTH)]])  # batch position
    with torch.inference_mode():
        found: Tensor = loaded.model(input_ids=ids, use_cache=False)[0][0]
    return found


def demand_equal(folder: Path, architecture: str, model: Any, **file: Any) -> LoadedModel:
    """Load a model as a GGUF file and as a folder: equal values, exact but for exponentials. The former."""
    loaded = load(str(save_gguf(folder / "m.gguf", architecture, model, **file)))
    # qwen35's decays are kept as exponentials, and its recurrence amplifies their rounding, which differs between runs
    rounding = 1e-4 if architecture.startswith("qwen35") else 0.0
    expected = states(load(str(save_folder(folder / "folder", model))))
    torch.testing.assert_close(states(loaded), expected, rtol=rounding, atol=rounding * float(expected.abs().max()))
    return loaded


def refusal(path: Path) -> GluscopeError:
    with pytest.raises(GluscopeError) as refused:
        load(str(path))
    assert "\n" not in refused.value.cause + refused.value.fix
    assert refused.value.fix
    return refused.value


@pytest.mark.parametrize("architecture", CONFIGS)
def test_a_file_has_the_values_of_the_models_folder(tmp_path: Path, architecture: str) -> None:
    assert demand_equal(tmp_path, architecture, model_of(config_of(architecture))).notices == ()


@pytest.mark.parametrize(
    ("architecture", "settings"),
    [
        ("llama", {"attention_bias": True}),
        ("llama", {"attention_bias": True, "mlp_bias": True}),
        ("llama", {"tie_word_embeddings": True, "head_dim": 12}),
        ("qwen3", {"attention_bias": True}),
        ("gemma3", {"attention_bias": True}),
        ("stablelm", {"use_qkv_bias": False, "use_parallel_residual": True}),
        ("qwen2moe", {"qkv_bias": False}),
    ],
)
def test_biases_and_forms_of_a_family_come_with_the_file(
    tmp_path: Path, architecture: str, settings: dict[str, Any]
) -> None:
    demand_equal(tmp_path, architecture, model_of(config_of(architecture, **settings)))


def test_a_bias_that_the_file_lacks_is_zero(tmp_path: Path) -> None:
    model: Any = model_of(config_of("llama", attention_bias=True))
    with torch.no_grad():
        for layer in model.model.layers:
            layer.self_attn.o_proj.bias.zero_()
    file = save_gguf(tmp_path / "whole.gguf", "llama", model)
    for layer in model.model.layers:
        layer.self_attn.o_proj.bias = None
    lacking = save_gguf(tmp_path / "lacking.gguf", "llama", model)
    assert torch.equal(states(load(str(lacking))), states(load(str(file))))


def llama3_factors(factor: float, low: float, high: float, original: int, base: float) -> list[float]:
    """llama.cpp's factors for Llama 3.1's rotary embedding, number by number."""
    found = []
    for place in range(HEAD // 2):
        wavelength = 2 * math.pi * base ** (2 * place / HEAD)
        smooth = min(1.0, max(0.0, (original / wavelength - low) / (high - low)))
        found.append(1 / ((1 - smooth) / factor + smooth))
    return found


def test_a_scale_of_each_layer_comes_with_the_file(tmp_path: Path) -> None:
    """Gemma 4's scalars, whose names in transformers lack an end: they are 0.9 in the file and 1 by default."""
    loaded = load(str(save_gguf(tmp_path / "m.gguf", "gemma4", model_of(config_of("gemma4")))))
    scalars = [buffer for name, buffer in loaded.model.named_buffers() if name.endswith("layer_scalar")]
    assert [round(float(scalar), 6) for scalar in scalars] == [0.9] * 4


@pytest.mark.slow
def test_the_factors_of_llama_3_scale_the_rotary_embedding(tmp_path: Path) -> None:
    rope = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
    rope |= {"original_max_position_embeddings": 64, "rope_theta": 10000.0}
    model = model_of(config_of("llama", rope_parameters=rope))
    factors = llama3_factors(8.0, 1.0, 4.0, 64, 10000.0)
    assert len({round(factor, 3) for factor in factors}) > 2  # some kept, some divided, some between
    file = save_gguf(tmp_path / "m.gguf", "llama", model, tensors={"rope_freqs.weight": factors})
    expected = states(load(str(save_folder(tmp_path / "folder", model))))
    torch.testing.assert_close(states(load(str(file))), expected, rtol=1e-4, atol=1e-4)
    plain = save_gguf(tmp_path / "plain.gguf", "llama", model)
    assert float((states(load(str(plain))) - expected).abs().max()) > 0.01  # the factors matter here


def test_factors_of_another_number_are_refused(tmp_path: Path) -> None:
    model = model_of(config_of("llama"))
    file = save_gguf(tmp_path / "m.gguf", "llama", model, tensors={"rope_freqs.weight": [1.0] * 7})
    assert "scales 7 frequencies" in refusal(file).cause


LINEAR = {"rope.scaling.type": "linear", "rope.scaling.factor": 4.0}
YARN = {"rope.scaling.type": "yarn", "rope.scaling.factor": 4.0, "rope.scaling.original_context_length": 64}


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["llama", "qwen2", "qwen3moe"])
def test_linear_and_yarn_scaling_are_the_folders(tmp_path: Path, architecture: str) -> None:
    rope: dict[str, Any] = {"rope_type": "linear", "factor": 4.0, "rope_theta": 10000.0}
    (tmp_path / "yarn").mkdir()
    demand_equal(tmp_path, architecture, model_of(config_of(architecture, rope_parameters=rope)), keys=LINEAR)
    rope |= {"rope_type": "yarn", "original_max_position_embeddings": 64}
    demand_equal(tmp_path / "yarn", architecture, model_of(config_of(architecture, rope_parameters=rope)), keys=YARN)


@pytest.mark.slow
def test_gemma_3_scales_its_global_layers_alone(tmp_path: Path) -> None:
    full = {"rope_type": "linear", "factor": 8.0, "rope_theta": 1e6}
    rope = {"full_attention": full, "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0}}
    keys = {"rope.scaling.type": "linear", "rope.scaling.factor": 8.0}
    demand_equal(tmp_path, "gemma3", model_of(config_of("gemma3", rope_parameters=rope)), keys=keys)


def test_the_long_factors_of_phi_3_come_from_its_tensors(tmp_path: Path) -> None:
    short, long = [1.0] * (HEAD // 2), [1.0, 2.0, 4.0, 8.0]
    rope = {"rope_type": "longrope", "short_factor": short, "long_factor": long, "rope_theta": 10000.0}
    rope["original_max_position_embeddings"] = 16  # fewer than the tokens that are read
    config = config_of("phi3", rope_parameters=rope, original_max_position_embeddings=16, sliding_window=None)
    loaded = demand_equal(
        tmp_path,
        "phi3",
        model_of(config),
        keys={
            "rope.scaling.attn_factor": math.sqrt(1 + math.log(256 / 16) / math.log(16)),
            "attention.sliding_window": 0,
        },
        tensors={"rope_factors_short.weight": short, "rope_factors_long.weight": long},
    )
    settings: Any = loaded.model.config
    assert settings.rope_parameters["rope_type"] == "longrope"


@pytest.mark.slow
def test_gemma_2_of_27b_scales_queries_by_its_width(tmp_path: Path) -> None:
    layers = {"num_hidden_layers": 46, "intermediate_size": 8, "head_dim": 16, "query_pre_attn_scalar": 8}
    demand_equal(tmp_path, "gemma2", model_of(config_of("gemma2", **layers)))


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        ({"attention.scale": 0.5}, "llama.attention.scale"),
        ({"rope.scaling.type": "longrope", "rope.scaling.factor": 2.0}, "'longrope'"),
        ({**YARN, "rope.scaling.yarn_ext_factor": 0.5}, "yarn_ext_factor 0.5"),
        ({"attention.causal": False}, "see those after them"),
        ({"rope.scaling.attn_factor": 1.5}, "attn_factor 1.5"),
        ({"attention.layer_norm_rms_epsilon": None}, "layer_norm_rms_epsilon"),
        ({"rope.dimension_count": 4}, "rotates 4 of the 8"),
        ({"attention.value_length": 4}, "8 for keys and 4 for values"),
        ({"attention.head_count": [4, 2]}, "head_count"),
        ({"embedding_length": None}, "lacks the key llama.embedding_length"),
        ({"expert_count": 4, "expert_used_count": 2}, "llama.expert_count, llama.expert_used_count"),
        ({"split.count": 3}, "one of 3 parts"),
        ({"tokenizer.ggml.tokens": None}, "no tokens"),
        ({"tokenizer.ggml.model": "rwkv"}, "form 'rwkv'"),
        ({"tokenizer.ggml.pre": "brand-new"}, "tokenizer.ggml.pre is 'brand-new'"),
        ({"tokenizer.ggml.pre": None}, "tokenizer.ggml.pre is not named"),
    ],
)
def test_what_has_no_place_is_refused_by_name(tmp_path: Path, keys: dict[str, Any], named: str) -> None:
    file = save_gguf(tmp_path / "m.gguf", "llama", model_of(config_of("llama")), keys=keys)
    assert named in refusal(file).cause


def test_a_file_named_mistral_has_no_window_of_its_own(tmp_path: Path) -> None:
    demand_equal(tmp_path, "llama", model_of(config_of("llama")), keys={"general.name": "mistral"})


def test_a_key_that_changes_nothing_is_reported(tmp_path: Path) -> None:
    file = save_gguf(tmp_path / "m.gguf", "llama", model_of(config_of("llama")), keys={"brand_new": 3})
    assert load(str(file)).notices == ("keys of the file that nothing uses: llama.brand_new",)


@pytest.mark.parametrize("name", ["blk.0.attn_sinks.weight", "blk.1.ffn_norm_exps.weight", "blk.0.attn_q_norm.weight"])
def test_a_tensor_without_a_place_is_refused_by_name(tmp_path: Path, name: str) -> None:
    file = save_gguf(tmp_path / "m.gguf", "llama", model_of(config_of("llama")), tensors={name: [1.0] * 4})
    error = refusal(file)
    assert "no place for 1 tensors" in error.cause
    assert name in error.cause


def test_biases_that_a_family_has_no_place_for_are_refused(tmp_path: Path) -> None:
    file = save_gguf(
        tmp_path / "m.gguf", "qwen2", model_of(config_of("qwen2")), tensors={"blk.0.ffn_down.bias": [1.0] * 32}
    )
    assert "blk.0.ffn_down.bias" in refusal(file).cause


def test_a_weight_that_the_file_lacks_is_not_made_up(tmp_path: Path) -> None:
    file = save_gguf(tmp_path / "m.gguf", "llama", model_of(config_of("llama")), keys={"block_count": 3})
    assert "lacks 9 weights of its architecture" in refusal(file).cause


DIGITS = "In 1984 and 12345 and 3.14159."


def test_digits_are_split_as_the_file_says(tmp_path: Path) -> None:
    """A vocabulary with the token "12": apart under smollm, together under gpt-2."""
    model = model_of(config_of("llama"))
    tokens = sorted(tiny_tokenizer().get_vocab().items(), key=lambda item: item[1])
    names = [token for token, _ in tokens]
    keys: dict[str, Any] = {
        "tokenizer.ggml.tokens": [*names[:-1], "12"],
        "tokenizer.ggml.merges": ["1 2"],
        "tokenizer.ggml.token_type": [3, 3, 3, *[1] * (len(names) - 3)],
    }
    together = {}
    for way in ("gpt-2", "smollm", "stablelm2", "llama-bpe"):
        file = save_gguf(tmp_path / f"{way}.gguf", "llama", model, keys={**keys, "tokenizer.ggml.pre": way})
        tokenizer = load(str(file)).tokenizer
        ids = tokenizer(DIGITS, add_special_tokens=False)["input_ids"]
        assert tokenizer.decode(ids) == DIGITS
        together[way] = len(names) - 1 in ids
    assert together == {"gpt-2": True, "smollm": False, "stablelm2": False, "llama-bpe": True}


@pytest.mark.parametrize(("prefix", "first"), [(None, "\u2581a"), (True, "\u2581a"), (False, "a")])
def test_a_blank_stands_in_front_as_the_file_says(tmp_path: Path, prefix: bool | None, first: str) -> None:
    tokens = ["<unk>", "<s>", "</s>", "\u2581", "a", "b", "\u2581a", "\u2581b"]
    model = model_of(config_of("llama", vocab_size=len(tokens)))
    keys: dict[str, Any] = {
        **{"tokenizer.ggml.model": "llama", "tokenizer.ggml.pre": "default", "tokenizer.ggml.tokens": tokens},
        **{"tokenizer.ggml.token_type": [2, 3, 3, 1, 1, 1, 1, 1], "tokenizer.ggml.merges": None},
        **{"tokenizer.ggml.scores": [0.0, 0.0, 0.0, -9.0, -9.0, -9.0, -1.0, -2.0]},
        "tokenizer.ggml.add_space_prefix": prefix,
    }
    tokenizer = load(str(save_gguf(tmp_path / "m.gguf", "llama", model, keys=keys))).tokenizer
    ids = tokenizer("a b", add_special_tokens=False)["input_ids"]
    assert tokenizer.convert_ids_to_tokens(ids) == [first, "\u2581b"]


def test_bos_is_what_the_file_says(tmp_path: Path) -> None:
    model = model_of(config_of("llama"))
    given: dict[str, tuple[dict[str, Any], str | None, int]] = {
        "said": ({"tokenizer.ggml.add_bos_token": True}, "<s>", 0),
        "silent": ({}, "<s>", 0),
        "its own": ({"tokenizer.ggml.add_bos_token": False}, "<s>", 1),
        "only EOS": ({"tokenizer.ggml.add_bos_token": False, "tokenizer.ggml.bos_token_id": 2}, None, 1),
    }
    for name, (keys, bos, told) in given.items():
        loaded = load(str(save_gguf(tmp_path / f"{name}.gguf", "llama", model, keys=keys)))
        assert loaded.tokenizer.bos_token == bos
        assert len(loaded.notices) == told
        assert all("add_bos_token" in notice for notice in loaded.notices)


def test_texts_have_the_tokens_of_the_folder(tmp_path: Path) -> None:
    model = model_of(config_of("llama"))
    loaded = load(str(save_gguf(tmp_path / "m.gguf", "llama", model)))
    own = tiny_tokenizer()
    for text in (*TEXTS, DIGITS):
        expected = own(text, add_special_tokens=False)["input_ids"]
        assert loaded.tokenizer(text, add_special_tokens=False)["input_ids"] == expected


def tried(path: Path) -> GluscopeError | None:
    try:
        load(str(path))
    except GluscopeError as error:
        return error
    return None


@pytest.mark.parametrize("seed", range(4))
def test_a_damaged_head_is_two_lines(tmp_path: Path, seed: int) -> None:
    """Bits flipped and bytes cut in the head of a file: an error in plain words, or a model that still loads."""
    file = save_gguf(tmp_path / "m.gguf", "llama", model_of(config_of("llama")))
    content = bytearray(file.read_bytes())
    random = np.random.default_rng(seed)
    for _ in range(5):
        spoilt = bytearray(content)
        for place in random.integers(0, 3000, 3):
            spoilt[place] ^= 1 << int(random.integers(0, 8))
        if random.integers(0, 2):
            del spoilt[int(random.integers(0, len(spoilt))) :]
        file.write_bytes(spoilt)
        error = tried(file)
        assert error is None or "\n" not in error.cause + error.fix


def test_nothing_beside_the_file_is_read(tmp_path: Path) -> None:
    file = save_gguf(tmp_path / "m.gguf", "llama", model_of(config_of("llama")))
    expected = load(str(file)).tokenizer.get_vocab()
    for name in ("tokenizer_config.json", "tokenizer.json", "config.json", "added_tokens.json"):
        (tmp_path / name).write_text('{"tokenizer_class": "T5Tokenizer", "model_type": "t5", "auto_map": {}}')
    assert load(str(file)).tokenizer.get_vocab() == expected


def header(path: Path, architecture: str) -> Path:
    writer = gguf.GGUFWriter(path, architecture)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    return path


@pytest.mark.slow
def test_models_says_what_loading_does_of_every_architecture(tmp_path: Path) -> None:
    """Every name that llama.cpp has: supported by both, or refused by both."""
    for architecture in gguf.MODEL_ARCH_NAMES.values():
        if architecture in CONFIGS:
            file = save_gguf(tmp_path / "m.gguf", architecture, model_of(config_of(architecture)))
            assert family_of(str(file))[0].status == "supported"
            continue  # that they load is tested above
        file = header(tmp_path / "m.gguf", architecture)
        with pytest.raises(GluscopeError, match=f"the architecture {architecture}|^{architecture} .* not gated"):
            family_of(str(file))
        assert architecture in refusal(file).cause


def test_every_architecture_that_is_read_is_tested() -> None:
    assert set(ARCHITECTURES) == set(CONFIGS)
