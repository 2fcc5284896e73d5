"""Part 4: when memory runs out, on purpose, a batch is run in halves; the index is the same except for rounding."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import transformers

from indexer.database.reader import Index
from indexer.database.records import NeuronRecord
from indexer.forecast.estimate import state_bytes
from indexer.jobs.index import index
from indexer.models.load import load
from indexer.settings import Execution, Inputs, Settings
from indexer.sites import find_sites
from tests.support.tiny_models import save_tiny

from .comparing import far
from .kit import Kit
from .making import parameters_bytes, write_text

CONTEXT = 256
_SHARES = (0.45, 0.25)
"""The memory left, as shares of what a whole batch takes beyond model and statistics."""


def run(kit: Kit) -> None:
    width, rows = (64, 8) if kit.small else (4096, 64)
    hidden = 32 if kit.small else 512
    context = 64 if kit.small else CONTEXT
    made: list[Callable[..., Path]] = []
    with kit.case("enough memory") as figures:
        model = save_tiny(
            kit.folder / "model", "llama", hidden_size=hidden, intermediate_size=width, num_hidden_layers=2
        )
        text = write_text(kit.folder / "texts.jsonl", 2 * rows, 3 * context)
        settings = Settings(
            context=context, batch_tokens=rows * context, dtype="float32", long="truncate", top_k=4, sample=64
        )

        def make(name: str) -> Path:
            execution = Execution(device=kit.device, compile="off", weights=False)
            return index(str(model), Inputs((str(text),)), kit.folder / f"{name}.db", settings, execution)

        fixed = _fixed(kit, model, settings)
        _fresh(kit)
        whole = _records(make("whole"))
        peak = torch.cuda.max_memory_allocated() if kit.cuda else 0
        figures |= {"model_and_statistics_mb": round(fixed / 1e6), "peak_mb": round(peak / 1e6)}
        made.append(make)
    for share in _SHARES if made else ():
        with kit.case(f"{share:.0%} of what a batch takes") as figures:
            _fresh(kit)
            with _scarce(kit, fixed + share * (peak - fixed), int(share * rows) * context):
                db = made[0](f"scarce-{share}")
            found = _records(db)
            with Index(db) as opened:
                notices = opened.info().run["notices"]
            words, apart = far(whole, found, 1e-4)
            halved = [notice for notice in notices if "memory ran out" in notice]
            figures |= {
                "passed": bool(halved) and not words,
                "notices": notices,
                "apart": apart,
                "differences": words[:4],
            }


def _fixed(kit: Kit, model: Path, settings: Settings) -> float:
    """Bytes of the model and its statistics."""
    loaded = load(str(model), dtype="float32", device=kit.device)
    return parameters_bytes(loaded) + sum(state_bytes(find_sites(loaded.model), settings).values())


def _fresh(kit: Kit) -> None:
    gc.collect()
    if kit.cuda:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


@contextmanager
def _scarce(kit: Kit, limit: float, tokens: int) -> Iterator[None]:
    """A context in which the device has only that much memory, or a CPU memory for only that many tokens."""
    if kit.cuda:
        total = torch.cuda.get_device_properties(kit.device).total_memory
        torch.cuda.set_per_process_memory_fraction(limit / total)
        try:
            yield
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0)
        return
    kind: Any = transformers.LlamaModel
    forward = kind.forward

    def limited(self: Any, input_ids: torch.Tensor, **arguments: Any) -> Any:
        if input_ids.numel() > tokens:
            raise torch.OutOfMemoryError("CUDA out of memory (rehearsed)")
        return forward(self, input_ids=input_ids, **arguments)

    kind.forward = limited
    try:
        yield
    finally:
        kind.forward = forward


def _records(db: Path) -> dict[str, NeuronRecord]:
    with Index(db) as opened:
        return {
            f"{site.address.name}N{neuron}": opened.neuron(f"{site.address.name}N{neuron}", signs="raw")
            for site in opened.sites
            for neuron in range(0, site.width, max(1, site.width // 12))
        }
