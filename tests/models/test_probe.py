"""A short pass before the first batch: rounding is not taken for padding, and NaN values are reported."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor, nn

from indexer.errors import GluscopeError
from indexer.jobs.index import index
from indexer.models.load import load
from indexer.models.probe import in_float32, rehearse
from indexer.settings import Execution, Inputs, Settings
from tests.models.families.tiny import families, tiny_config
from tests.support.tiny_models import save_tiny, tiny_tokenizer


def saved(folder: Path, family: str, **settings: Any) -> Path:
    """A tiny random model of many layers in a folder."""
    config = tiny_config(families()[family])
    for name, value in settings.items():
        setattr(config, name, value)
    auto: Any = transformers.AutoModel
    torch.manual_seed(0)
    model = auto.from_config(config)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.copy_(torch.randn(parameter.shape) * (1.5 / parameter.shape[-1] ** 0.5))
    model.save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize(
    ("family", "settings"),
    [
        ("eurobert", {"num_hidden_layers": 14}),
        ("modernbert", {"num_hidden_layers": 22, "layer_types": ["full_attention", "sliding_attention"] * 11}),
        ("t5 gated", {"num_layers": 4, "num_decoder_layers": 4}),
        ("t5gemma", {}),
    ],
)
def test_rounding_in_a_narrow_dtype_is_not_taken_for_padding(
    family: str, settings: dict[str, Any], dtype: str, tmp_path: Path
) -> None:
    loaded = load(str(saved(tmp_path, family.split()[0], **settings)), dtype=dtype)
    assert loaded.dtype == dtype
    assert not loaded.causal
    dtypes = {str(tensor.dtype) for tensor in loaded.model.parameters()}
    assert f"torch.{dtype}" in dtypes


class PaddingSeen(nn.Module):
    """An encoder that lets each token see a little of all positions, padding included."""

    def __init__(self, inner: Any) -> None:
        super().__init__()
        self.layers = inner.layers
        self.embed_tokens = inner.embed_tokens
        self.inner = [inner]
        self.config = inner.config

    def forward(self, input_ids: Tensor, **_: Any) -> Any:
        hidden = self.embed_tokens(input_ids)
        return (self.inner[0](inputs_embeds=hidden + 0.02 * hidden.mean(1, keepdim=True))[0],)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_little_padding_seen_is_reported_in_every_dtype(dtype: str, tmp_path: Path) -> None:
    loaded = load(str(save_tiny(tmp_path, "llama")), dtype=dtype)
    with pytest.raises(GluscopeError, match="change with the padding beside it"):
        rehearse(replace(loaded, model=PaddingSeen(loaded.model)))


def test_computing_in_float32_leaves_a_model_as_it_was(tmp_path: Path) -> None:
    model: Any = load(str(save_tiny(tmp_path, "llama")), dtype="bfloat16").model
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with in_float32(model):
        assert {p.dtype for p in model.parameters()} == {torch.float32}
    for name, tensor in model.state_dict().items():
        assert tensor.dtype == before[name].dtype
        assert torch.equal(tensor, before[name])


def spoilt(folder: Path, value: float) -> Path:
    """A tiny Llama model of three layers, whose second one multiplies by `value`."""
    save_tiny(folder, "llama")
    auto: Any = transformers.AutoModelForCausalLM
    model = auto.from_pretrained(folder)
    with torch.no_grad():
        model.model.layers[1].mlp.gate_proj.weight *= value
        model.model.layers[1].mlp.up_proj.weight *= value
    model.save_pretrained(folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ("value", "dtype", "fix"),
    [(float("nan"), "float32", "damaged"), (1e3, "float16", "--dtype float32"), (float("inf"), "bfloat16", "--dtype")],
)
def test_numbers_that_are_none_are_reported_with_the_layer_that_has_them(
    value: float, dtype: str, fix: str, tmp_path: Path
) -> None:
    folder = spoilt(tmp_path / "model", value)
    (tmp_path / "text.txt").write_text("the cat sat on the mat and the dog sat on the cat")

    def indexed(layers: tuple[int, ...] | None) -> Path:
        settings = Settings(sample=4, top_k=2, dtype=dtype, layers=layers)
        return index(
            str(folder),
            Inputs((str(tmp_path / "text.txt"),)),
            tmp_path / "x.db",
            settings,
            Execution(compile="off", weights=False),
        )

    for layers in (None, (0, 1)):
        with pytest.raises(GluscopeError, match=r"^L1: a value is NaN or infinite") as caught:
            indexed(layers)
        assert fix in str(caught.value.fix)
    assert indexed((0,)).is_file()
