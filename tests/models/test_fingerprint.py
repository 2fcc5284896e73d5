"""The fingerprint of a model changes with every weight and setting that matters, and with nothing else."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import indexer.models.fingerprint as module
from indexer.models.fingerprint import fingerprint
from tests.support.tiny_models import tiny_model

MULTIPLIER = 0x9E3779B97F4A7C15  # 2^64 / golden ratio


class Weights(nn.Module):
    """Nothing but a weight."""

    def __init__(self, weight: torch.Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight, requires_grad=False)


def of(weight: torch.Tensor) -> str:
    return fingerprint(Weights(weight), {})


LARGE = torch.randn(70_001, generator=torch.Generator().manual_seed(0))  # more than one row of words, and a rest


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64, torch.int8])
def test_the_checksum_is_the_sum_of_words_times_odd_numbers_modulo_2_64(dtype: torch.dtype) -> None:
    tensor = (LARGE.repeat(5) * 20).to(dtype)
    raw = tensor.view(torch.uint8).numpy().tobytes()
    row = 8 << 15
    expected = b""
    for start in range(0, len(raw) // row * row, row):
        words = [int.from_bytes(raw[start + 8 * i : start + 8 * i + 8], "little") for i in range(1 << 15)]
        total = sum(word * (i * MULTIPLIER % 2**64 | 1) for i, word in enumerate(words)) % 2**64
        expected += total.to_bytes(8, "little")
    expected += raw[len(raw) // row * row :]
    assert module._checksums(tensor) == expected


@pytest.mark.parametrize("place", [0, 1, 32_767, 65_535, 65_536, 70_000])
def test_one_bit_of_one_weight_changes_it(place: int) -> None:
    changed = LARGE.clone()
    changed.view(torch.int32)[place] ^= 1
    assert of(changed) != of(LARGE)


def test_swapped_weights_change_it() -> None:
    changed = LARGE.clone()
    changed[[10, 11]] = LARGE[[11, 10]]
    assert of(changed) != of(LARGE)


def test_the_shape_and_the_type_change_it() -> None:
    assert len({of(torch.zeros(4, 6)), of(torch.zeros(6, 4)), of(torch.zeros(24)), of(torch.zeros(12).double())}) == 4


def test_it_does_not_depend_on_how_the_sum_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    before = of(LARGE)
    monkeypatch.setattr(module, "_ROWS", 1)
    assert of(LARGE) == before


def test_it_does_not_depend_on_where_the_weights_lie_in_memory() -> None:
    storage = torch.zeros(70_002)
    storage[1:] = LARGE
    assert of(storage[1:]) == of(LARGE)
    assert of(torch.stack([LARGE, LARGE], dim=1)[:, 0]) == of(LARGE)


def of_model(model: Any) -> str:
    return fingerprint(model, model.config.to_dict())


@pytest.mark.parametrize(
    "name", ["embed_tokens.weight", "layers.0.input_layernorm.weight", "layers.2.mlp.up_proj.bias"]
)
def test_any_weight_of_a_model_changes_it(name: str) -> None:
    model: Any = tiny_model("llama", mlp_bias=True)
    before = of_model(model.model)
    with torch.no_grad():
        parameter = model.model.get_parameter(name)
        parameter.view(-1)[-1] = torch.nextafter(parameter.view(-1)[-1], torch.tensor(torch.inf))
    assert of_model(model.model) != before


def test_a_setting_that_matters_changes_it() -> None:
    assert of_model(tiny_model("llama")) != of_model(tiny_model("llama", rms_norm_eps=1e-3))
    assert of_model(tiny_model("granite")) != of_model(tiny_model("granite", residual_multiplier=0.41))


def test_settings_that_say_nothing_about_the_model_do_not() -> None:
    model: Any = tiny_model("llama")
    before = of_model(model)
    model.config.transformers_version = "4.0.0"
    model.config.name_or_path = model.config._name_or_path = "/elsewhere"
    model.config.architectures = ["Other"]
    assert of_model(model) == before
