"""Every use of a name of transformers that isn't public: looked at anew with each of its releases, here alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn


def own_implementations(config: Any) -> None:
    """Leave attention and the product of experts to transformers' defaults, whatever the file with `config` says.

    A name in the file could be that of a kernel on the hub, which transformers would fetch and run.
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


def gguf_names(model: nn.Module, architecture: str) -> set[str] | None:
    """The names of the tensors of a GGUF file that transformers loads into `model`.

    None where it reads the architecture by its newer reader, whose loading report names those that it leaves.
    """
    from transformers import modeling_gguf_pytorch_utils
    from transformers.integrations import gguf as newer

    found: Any = newer
    if found.is_gguf_arch_supported(architecture):
        return None
    reader: Any = modeling_gguf_pytorch_utils
    kind = reader.TENSOR_PROCESSORS.get(architecture, reader.TensorProcessor)
    config: Any = model.config
    return set(reader.get_gguf_hf_weights_map(model, kind(config=config.to_dict())))


def demand_quantiser(form: Any) -> None:
    """Raise what transformers does where it can't read weights of this form here: a library or a GPU is missing."""
    from transformers.quantizers import auto

    automatic: Any = auto.AutoHfQuantizer
    if not automatic.supports_quant_method(form):
        raise ValueError("a form that transformers doesn't know, so it would take the numbers as they are")
    automatic.from_config(form, pre_quantized=True).validate_environment(device_map=None, weights_only=True)


def gguf_splits() -> frozenset[str]:
    """The ways of splitting text (`tokenizer.ggml.pre`) for which transformers builds a tokenizer that splits so."""
    from transformers.integrations.gguf import gguf_tokenizer_mapping

    mapping: Any = gguf_tokenizer_mapping
    return frozenset(mapping.GGUF_PRE_TOKENIZER_SPLITS)
