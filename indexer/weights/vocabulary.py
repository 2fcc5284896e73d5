"""Which tokens of a vocabulary can be in a list: those that occur in text."""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import Tensor

_PLACEHOLDER = re.compile(r"[<\[|]+(?:unused|reserved|extra_id|extra_token|dummy|placeholder|pad)[\w ]*[|>\]]+", re.I)


def usable_tokens(tokenizer: Any, rows: int) -> Tensor:
    """Which rows of a matrix of embeddings belong to tokens that text is made of (# token, bool).

    Rows after the tokenizer's last token, which pad the matrix, don't; nor do tokens that never occur in training, such
    as `<pad>`, `<unused12>` and `<|reserved_special_token_7|>`. Their embeddings mean nothing.
    """
    usable = torch.zeros(rows, dtype=torch.bool)
    names: dict[str | bytes, int] = tokenizer.get_vocab()
    kept = [id_ for name, id_ in names.items() if 0 <= id_ < rows and not _is_placeholder(name)]
    usable[torch.tensor(kept, dtype=torch.int64)] = True
    return usable


def _is_placeholder(name: str | bytes) -> bool:
    return isinstance(name, str) and _PLACEHOLDER.fullmatch(name) is not None
