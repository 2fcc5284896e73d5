"""The part of a model that reads text."""

from __future__ import annotations

from torch import nn

_TEXT_PARTS = ("language_model", "text_model")


def text_body(model: nn.Module) -> nn.Module:
    """The part of `model` that reads text, without a language-model head, vision towers or adapter wrappers."""
    inner = next((part for name in _TEXT_PARTS if isinstance(part := getattr(model, name, None), nn.Module)), None)
    base = inner if inner is not None else getattr(model, "base_model", model)
    if base is model and hasattr(model, "peft_config"):
        base = getattr(model, "model", model)  # PEFT's inner wrapper
    return text_body(base) if isinstance(base, nn.Module) and base is not model else model


def is_encoder_decoder(body: nn.Module) -> bool:
    """Whether `body` has two stacks, of which the first reads the text as a whole."""
    return bool(getattr(getattr(body, "config", None), "is_encoder_decoder", False))
