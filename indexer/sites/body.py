"""The part of a model that reads text."""

from __future__ import annotations

import inspect

from torch import nn

_TEXT_PARTS = ("language_model", "text_model")


def text_body(model: nn.Module) -> nn.Module:
    """The part of `model` that reads text, without a language-model head, vision towers or adapter wrappers."""
    inner = next((part for name in _TEXT_PARTS if isinstance(part := getattr(model, name, None), nn.Module)), None)
    base = inner if inner is not None else getattr(model, "base_model", model)
    if base is model and hasattr(model, "peft_config"):
        base = getattr(model, "model", model)  # PEFT's inner wrapper
    return text_body(base) if isinstance(base, nn.Module) and base is not model else model


_SEES_BY_PADDING = "its tokens see those after them or not, by whether a batch is padded"
_WANTS_MORE = {
    "Aimv2TextModel": _SEES_BY_PADDING,
    "CpmAntModel": "it puts a prompt of its own in front of the text",
    "CsmBackboneModel": "it reads frames of audio codes beside text",
    "CsmForConditionalGeneration": "it reads frames of audio codes beside text",
    "DiaModel": "its decoder reads audio codes",
    "HiggsAudioV2Model": "it takes text and audio apart before its MLPs",
    "HiggsAudioV2ForConditionalGeneration": "it takes text and audio apart before its MLPs",
    "HrmTextModel": "it runs each of its layers several times a pass, so its neurons have several values at a token",
    "KyutaiSpeechToTextModel": "it reads audio codes beside text",
    "UdopModel": "it reads the places of words on a page beside text",
    "VoxtralRealtimeTextModel": "it reads the delay of an audio stream beside text",
}
"""Models whose text part doesn't read plain text position by position: class -> why."""


def wants_more(body: nn.Module) -> str | None:
    """Why `body` can't run on token ids alone, or None if it can."""
    if "input_ids" not in inspect.signature(body.forward).parameters:
        return "it doesn't read text"
    if type(body).__name__ == "GemmaModel" and getattr(body.config, "use_bidirectional_attention", False):
        return _SEES_BY_PADDING  # PaliGemma: the mask of a padded batch is causal, attention without a mask isn't
    return _WANTS_MORE.get(type(body).__name__)


def is_encoder_decoder(body: nn.Module) -> bool:
    """Whether `body` has two stacks, the first of which reads the text as a whole."""
    return bool(getattr(getattr(body, "config", None), "is_encoder_decoder", False))
