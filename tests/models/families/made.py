"""A tiny model of a family, saved with a tokenizer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from tests.support.tiny_models import tiny_tokenizer

from .tiny import families, tiny_config, tiny_model


def made(folder: Path, family: str) -> Path:
    """A tiny model of a family in a folder, with a tokenizer."""
    torch.manual_seed(0)  # of what a class initialises on its own
    model: Any = tiny_model(tiny_config(families()[family]))
    model.save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder
