"""All uses of private names of transformers, to be checked with each of its releases."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


def own_implementations(config: Any) -> None:
    """Leave attention and the product of experts to transformers' defaults, whatever the `config` file says.

    A name in the file could name a kernel on the hub, which transformers would fetch and run.
    """
    config._attn_implementation = None
    config._experts_implementation = None


@contextmanager
def without_weights() -> Iterator[None]:
    """Within the context, models are made without values: on the device meta, nothing initialised."""
    from transformers.initialization import no_init_weights

    with torch.device("meta"), no_init_weights():
        yield


@contextmanager
def no_gguf_bar() -> Iterator[None]:
    """Within the context, no bar runs while a GGUF file is read: it has no switch."""
    from transformers import modeling_gguf_pytorch_utils

    gguf: Any = modeling_gguf_pytorch_utils
    before = gguf.tqdm
    gguf.tqdm = lambda items, **_: items
    try:
        yield
    finally:
        gguf.tqdm = before


def gguf_names(model: nn.Module, architecture: str) -> dict[str, str] | None:
    """The names of a GGUF file's tensors, each with the name of the weight of `model` that it is loaded into.

    None if it reads the architecture by its newer reader, whose loading report names those that it leaves.
    """
    from transformers import modeling_gguf_pytorch_utils
    from transformers.integrations import gguf as newer

    found: Any = newer
    if found.is_gguf_arch_supported(architecture):
        return None
    reader: Any = modeling_gguf_pytorch_utils
    kind = reader.TENSOR_PROCESSORS.get(architecture, reader.TensorProcessor)
    config: Any = model.config
    found_names: dict[str, str] = reader.get_gguf_hf_weights_map(model, kind(config=config.to_dict()))
    return found_names


def demand_quantiser(form: Any) -> None:
    """Raise transformers' own error if it can't read weights of this form here: a library or a GPU is missing."""
    from transformers.quantizers import auto

    automatic: Any = auto.AutoHfQuantizer
    if not automatic.supports_quant_method(form):
        raise ValueError("a form that transformers doesn't know, so it would take the numbers as they are")
    automatic.from_config(form, pre_quantized=True).validate_environment(device_map=None, weights_only=True)


def activation_names() -> frozenset[str]:
    """The names of activations that config.json may give."""
    from transformers import activations

    held: Any = activations
    return frozenset(held.ACT2FN)


def gguf_splits() -> dict[str, str]:
    """Ways of splitting text (`tokenizer.ggml.pre`) for which transformers builds a tokenizer; their expressions."""
    from transformers.integrations.gguf import gguf_tokenizer_mapping

    mapping: Any = gguf_tokenizer_mapping
    return dict(mapping.GGUF_PRE_TOKENIZER_SPLITS)


def gguf_vocabulary(path: str) -> tuple[Any, dict[str, str]]:
    """A `tokenizers.Tokenizer` of a GGUF file's vocabulary, and its special tokens by their names (bos_token ...)."""
    from transformers.integrations.gguf import gguf_tokenizer_mapping

    mapping: Any = gguf_tokenizer_mapping
    architecture, vocabulary, settings = mapping.get_gguf_tokenizer(path)
    backend, _ = mapping.convert_gguf_tokenizer(architecture, vocabulary)
    special = ("bos_token", "eos_token", "unk_token", "pad_token")
    return backend, {name: settings[name] for name in special if settings.get(name) is not None}


def stacks_experts(module: nn.Module) -> bool:
    """Whether a module holds a layer's experts as stacked matrices, which one of transformers' functions runs."""
    return hasattr(module, "_is_expert_parallel")


def is_spread(module: Any) -> bool:
    """Whether a module's experts are spread over several processes."""
    return bool(module._is_expert_parallel)


def norms_each_expert(module: nn.Module) -> bool:
    """Whether a norm follows the down projection of each of a module's experts, before the router's weight."""
    return bool(getattr(module, "has_post_expert_norm", False))


def has_own_product(module: nn.Module) -> bool:
    """Whether a module's class makes the product of gate and in by code of its own."""
    from transformers.integrations import moe

    held: Any = moe
    return getattr(type(module), "_apply_gate", None) is not held._default_apply_gate


def product_of(module: Any) -> Callable[[Tensor], Tensor]:
    """The function that computes post (# row neuron) from a module's gate and in (# row 2·neuron)."""
    product: Callable[[Tensor], Tensor] = module._apply_gate
    return product


@contextmanager
def replaced_product(module: Any, product: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """Within the context, a module makes its product by `product`."""
    module._apply_gate = product
    try:
        yield
    finally:
        del module._apply_gate


def sparsified_gate(module: Any, gate: Tensor) -> Tensor:
    """The gate of a module of Gemma 3n after all but its largest values are taken out, before the activation."""
    sparse: Tensor = module._gaussian_topk(gate)
    return sparse


ExpertsFunction = Callable[[Any, Tensor, Tensor, Tensor], Tensor]
"""Module, hidden (# token d_model), experts of a token (# token choice), their weights (the same) -> token d_model."""


def run_experts_by(modules: Iterable[Any], name: str, function: ExpertsFunction) -> None:
    """From now on, `modules` run their experts by `function`, which transformers knows as `name`."""
    from transformers.integrations import moe

    registry: Any = moe.ALL_EXPERTS_FUNCTIONS
    registry[name] = function
    for module in modules:
        module.config._experts_implementation_internal = name


@contextmanager
def experts_run_by(modules: Iterable[Any], name: str, function: ExpertsFunction) -> Iterator[None]:
    """Within the context, `modules` run their experts by `function`, which transformers knows as `name`."""
    from transformers.integrations import moe

    configs = list({id(module.config): module.config for module in modules}.values())
    before = [config._experts_implementation_internal for config in configs]
    registry: Any = moe.ALL_EXPERTS_FUNCTIONS
    registry[name] = function
    try:
        for config in configs:
            config._experts_implementation_internal = name
        yield
    finally:
        for config, implementation in zip(configs, before, strict=True):
            config._experts_implementation_internal = implementation
        del registry[name]


def run_grouped(module: Any, hidden: Tensor, index: Tensor, weights: Tensor) -> Tensor:
    """The output of a module's experts, by transformers' grouped product over rows sorted by expert."""
    from transformers.integrations import moe

    held: Any = moe
    found: Tensor = held.grouped_mm_experts_forward(module, hidden, index, weights)
    return found


@contextmanager
def without_grouped_product() -> Iterator[None]:
    """Within the context, transformers takes torch's grouped product for absent, and loops over experts."""
    from transformers.integrations import moe

    held: Any = moe
    usual = held._can_use_grouped_mm
    held._can_use_grouped_mm = lambda *_: False
    try:
        yield
    finally:
        held._can_use_grouped_mm = usual


@contextmanager
def rows_unpacked() -> Iterator[None]:
    """Within the context, transformers assumes that no row holds several sequences.

    Otherwise it looks at the positions of every batch, and a GPU's host has to wait for what it finds.
    """
    from transformers import masking_utils

    held: Any = masking_utils
    usual = getattr(held, "find_packed_sequence_indices", None)
    if usual is None:
        yield
        return
    held.find_packed_sequence_indices = lambda _positions: None
    try:
        yield
    finally:
        held.find_packed_sequence_indices = usual


def fetched(location: str, name: str, **wanted: Any) -> str | None:
    """The path of a file of a model on the hub, or in its cache; None if it has no file of that name."""
    from transformers.utils.hub import cached_file

    find: Any = cached_file
    found: str | None = find(location, name, _raise_exceptions_for_missing_entries=False, **wanted)
    return found
