"""A fingerprint of a model: equal for the same weights and architecture, on any device."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

_WORDS = 1 << 15  # a row: words that share one checksum
_ROWS = 64  # at once: 16 MiB of products
_ODD = -0x61C8864680B583EB  # 2^64 / golden ratio, as a signed number: spreads positions over 64 bits
_VOLATILE = frozenset(
    {
        *("transformers_version", "architectures", "auto_map", "quantization_config"),
        *("_name_or_path", "_model_name_or_path", "name_or_path", "_commit_hash"),
        *("dtype", "torch_dtype", "id2label", "label2id"),
        *("output_attentions", "output_hidden_states", "return_dict", "use_cache"),
    }
)
"""Settings that don't affect what the body computes, or that the weights already determine."""


def fingerprint(model: nn.Module, config: Mapping[str, Any]) -> str:
    """32 hexadecimal digits over the configuration and every bit of every weight.

    Any single changed weight changes it: words of 64 bits are summed modulo 2^64, each times an odd number that depends
    on its place in the row, so that one difference can't vanish. Integer sums are exact, so the device doesn't matter.
    """
    digest = hashlib.blake2b(digest_size=16)
    digest.update(json.dumps(_lasting(config), sort_keys=True, default=str).encode())
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"\n{name} {tuple(tensor.shape)} {tensor.dtype}\n".encode())
        digest.update(_checksums(tensor))
    return digest.hexdigest()


def _lasting(config: Any) -> Any:
    if isinstance(config, Mapping):
        return {str(key): _lasting(value) for key, value in config.items() if str(key) not in _VOLATILE}
    if isinstance(config, (list, tuple)):
        return [_lasting(value) for value in config]
    return config


@torch.inference_mode()
def _checksums(tensor: Tensor) -> bytes:
    """The checksums of a tensor's rows of words, computed on its device, 8 bytes each; its last bytes as they are."""
    raw = tensor.detach().contiguous().reshape(-1).view(torch.uint8)  # byte
    if raw.storage_offset() % 8:
        raw = raw.clone()  # words must begin where the memory has words
    whole = raw.numel() // (8 * _WORDS) * 8 * _WORDS
    places = torch.arange(_WORDS, dtype=torch.int64, device=raw.device) * _ODD | 1  # word
    rows = raw[:whole].view(torch.int64).view(-1, _WORDS)  # row word
    sums = [(rows[start : start + _ROWS] * places).sum(dim=1) for start in range(0, rows.shape[0], _ROWS)]  # row
    summed = torch.cat(sums).cpu().numpy().astype("<i8").tobytes() if sums else b""
    return summed + raw[whole:].cpu().numpy().tobytes()
