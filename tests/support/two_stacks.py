"""Tiny random encoder-decoders with their heads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers

from ..models.families.tiny import families, tiny_config
from .tiny_experts import randomise
from .tiny_models import tiny_tokenizer


def save_two_stacks(folder: Path, family: str) -> Path:
    """Save a model of a family such as mt5 or t5gemma with its head and a tokenizer; returns the folder."""
    torch.manual_seed(0)  # of what a class initialises on its own
    auto: Any = transformers.AutoModelForSeq2SeqLM
    model = auto.from_config(tiny_config(families()[family]))
    randomise(model, 0)
    model.save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder
