"""Activation functions: named by their values, with twins in plain Python that agree with torch."""

from __future__ import annotations

import ast
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers.activations import ACT2FN

import indexer.database.format.activations as twins
from indexer.sites.activation import identify

GRID = torch.linspace(-12, 12, 961)  # holds 0, ±3 and ±6
functions: Any = ACT2FN

REFERENCE: dict[str, Any] = {
    "silu": nn.functional.silu,
    "gelu": nn.functional.gelu,
    "gelu_tanh": lambda x: nn.functional.gelu(x, approximate="tanh"),
    "quick_gelu": lambda x: x * torch.sigmoid(1.702 * x),
    "relu": nn.functional.relu,
    "relu2": lambda x: nn.functional.relu(x) ** 2,
    "relu6": nn.functional.relu6,
    "leaky_relu": nn.functional.leaky_relu,
    "hardswish": nn.functional.hardswish,
    "mish": nn.functional.mish,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "linear": lambda x: x,
}


@pytest.mark.parametrize("name", twins.ACTIVATIONS)
def test_each_twin_has_the_values_of_torch(name: str) -> None:
    twin = twins.twin(name)
    assert twin is not None
    expected = REFERENCE[name](GRID.double()).tolist()
    assert [twin(x) for x in GRID.tolist()] == pytest.approx(expected, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("name", twins.ACTIVATIONS)
def test_sign_preserving_says_whether_act_has_the_sign_of_gate(name: str) -> None:
    gates = [float(x) for x in GRID.double() if x != 0]
    acts = [float(REFERENCE[name](torch.tensor(x, dtype=torch.float64))) for x in gates]
    keeps = all((act > 0) == (gate > 0) and act != 0 for gate, act in zip(gates, acts, strict=True) if abs(gate) < 4)
    assert twins.sign_preserving(name) is keeps


@pytest.mark.parametrize("name", twins.ACTIVATIONS)
def test_twins_stay_finite_far_from_zero(name: str) -> None:
    twin = twins.twin(name)
    assert twin is not None
    assert all(math.isfinite(twin(x)) for x in (-1e4, -745.2, -40.0, 40.0, 745.2, 1e4))


def test_an_unknown_activation_has_no_twin_and_keeps_no_sign() -> None:
    assert twins.twin("xielu") is None
    assert not twins.sign_preserving("xielu")


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("silu", "silu"),
        ("swish", "silu"),
        ("gelu", "gelu"),
        ("gelu_python", "gelu"),
        ("gelu_pytorch_tanh", "gelu_tanh"),
        ("gelu_new", "gelu_tanh"),
        ("gelu_fast", "gelu_tanh"),
        ("gelu_accurate", "gelu_tanh"),
        ("quick_gelu", "quick_gelu"),
        ("relu", "relu"),
        ("relu2", "relu2"),
        ("relu6", "relu6"),
        ("mish", "mish"),
        ("sigmoid", "sigmoid"),
        ("tanh", "tanh"),
        ("linear", "linear"),
        ("gelu_10", "clippedgeluactivation"),
        ("xielu", "xieluactivation"),
        ("laplace", "laplaceactivation"),
    ],
)
def test_transformers_activations_are_named_by_their_values(key: str, name: str) -> None:
    assert identify(functions[key]) == name


def test_a_plain_function_is_named_too() -> None:
    def doubled(x: Tensor) -> Tensor:
        return 2 * nn.functional.silu(x)

    assert identify(nn.functional.silu) == "silu"
    assert identify(doubled) == "doubled"


def test_an_activation_whose_parameters_are_not_loaded_keeps_its_own_name() -> None:
    assert identify(nn.PReLU(device="meta")) == "prelu"


def test_the_twins_need_nothing_but_the_standard_library() -> None:
    tree = ast.parse(Path(twins.__file__).read_text(encoding="utf-8"))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported == {"__future__", "math", "re", "collections.abc"}


@pytest.mark.parametrize("name", ["silu", "quick_gelu", "gelu_tanh"])
def test_the_twin_of_a_clamped_activation_has_its_values(name: str) -> None:
    clamped = twins.clamped_name(name, 2.5)
    assert clamped == f"{name}_max_2.5"
    twin = twins.twin(clamped)
    assert twin is not None
    expected = REFERENCE[name](GRID.double().clamp(max=2.5)).tolist()
    assert [twin(x) for x in GRID.tolist()] == pytest.approx(expected, rel=1e-6, abs=1e-12)
    assert twins.sign_preserving(clamped)


def test_a_clamped_activation_without_a_twin_has_none() -> None:
    assert twins.twin(twins.clamped_name("laplace", 7.0)) is None
    assert not twins.sign_preserving("relu_max_7")
