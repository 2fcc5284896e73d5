"""Part 2: after the first batches, nothing waits for the device while batches are fed."""

from __future__ import annotations

import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from indexer.jobs.prepare import resolve
from indexer.models.loaded import LoadedModel
from indexer.run.accumulator import Run
from indexer.sequences.batches import Batch, plan
from indexer.settings import Settings
from indexer.sites import find_sites
from indexer.statistics.choice import Engines

from .kit import ROOT, Kit
from .making import random_model, random_sequences, shape

WAITS = {
    "the first batch of a run": "the proof that every site is read rightly; kernels are compiled",
    "Run.settle, before a checkpoint and at the end": "the states are read",
    "torch's grouped product, for experts not in bfloat16 or on a device of compute capability other than 9 and 10": (
        "it reads the sizes of the groups and multiplies one by one, in the bare model too"
    ),
}
"""The places where the host may wait for the device, and why."""

_GROUPED = "grouped_mm_experts_forward"  # the line of the indexer that calls it

_LENGTH = 128
_FIRST = 2  # batches before the watch begins


def run(kit: Kit) -> None:
    dense = {"hidden_size": 256, "intermediate_size": 1024, "num_attention_heads": 4, "num_key_value_heads": 2}
    cases = [
        ("dense", "8b", torch.bfloat16),
        ("dense", "8b", torch.float32),
        ("experts", "mixtral", torch.bfloat16),
        ("experts", "mixtral", torch.float32),
    ]
    chosen = [(*case, compiled) for compiled in (False, True) for case in (cases[::3] if kit.small else cases)]
    for name, kind, dtype, compiled in chosen:
        case = f"{name} {str(dtype).removeprefix('torch.')}{' compiled' if compiled else ''}"
        if not kit.room(case, 5):
            continue
        with kit.case(case) as figures:
            settings = {**dense, "vocab_size": 1024, **({"num_local_experts": 4} if kind == "mixtral" else {})}
            if kit.small:
                settings |= {"hidden_size": 32, "intermediate_size": 64}
            loaded = random_model(shape(kind, layers=3, **settings), name, kit.device, dtype)
            figures |= _watched(kit, loaded, compiled)


def _watched(kit: Kit, loaded: LoadedModel, compiled: bool) -> dict[str, Any]:
    """Feed two runs: in the first, waits are counted by place; in the second, a wait is an error."""
    notices: list[str] = []
    sequences = random_sequences(32 if kit.small else 64, _LENGTH, 1024)
    settings = resolve(Settings(context=_LENGTH, batch_tokens=8 * _LENGTH), loaded, None)
    batches = list(plan(sequences, 8 * _LENGTH))
    engines = Engines(compiled, notices.append)
    found: Counter[str] = Counter()
    with _counted(found) if kit.cuda else _nothing():
        settled = _feed(loaded, settings, engines, batches, "warn" if kit.cuda else None)
    grouped = _waits_in_grouped_product(kit, loaded)
    places = Counter({at: n for at, n in found.items() if not (grouped and _GROUPED in at.splitlines()[0])})
    error = ""
    try:
        if not grouped:  # where that wait is known it would be the error
            _feed(loaded, settings, engines, batches, "error" if kit.cuda else None)
    except RuntimeError as raised:
        error = "".join(traceback.format_exception(raised))
        kit.keep(f"waits {loaded.name} {loaded.dtype} {compiled}", error)
    if places:
        kit.keep(
            f"places {loaded.name} {loaded.dtype} {compiled}", "\n\n".join(f"{n} x {at}" for at, n in places.items())
        )
    return {
        "passed": not places
        and not error
        and not notices
        and (engines.name == ("kernels" if compiled else "tensors") or not kit.cuda),
        "batches": len(batches) - _FIRST,
        "tokens_counted": settled,
        "engine": engines.name,
        **({"known_waits_in_grouped_product": found.total() - places.total()} if grouped else {}),
        "waits": [f"{number} x {place.splitlines()[0]}" for place, number in places.most_common(6)],
        **({"error": error[-600:]} if error else {}),
        **({"notices": notices} if notices else {}),
    }


def _waits_in_grouped_product(kit: Kit, loaded: LoadedModel) -> bool:
    """Whether torch's grouped product of a model's experts waits for the device, as WAITS says."""
    if not kit.cuda or loaded.name != "experts":
        return False
    return loaded.dtype != "bfloat16" or torch.cuda.get_device_capability(kit.device)[0] not in (9, 10)


def _feed(loaded: LoadedModel, settings: Settings, engines: Engines, batches: list[Batch], mode: str | None) -> int:
    """Feed a run, with torch's sync debug mode on from the third batch. Returns the number of tokens counted."""
    fed = Run(loaded, find_sites(loaded.model), settings, engines)
    for batch in batches[:_FIRST]:
        fed.process(batch)
    fed.settle()
    with _mode(mode):
        for batch in batches[_FIRST:]:
            fed.process(batch)
    return max(state.tokens_counted for state in fed.states.values())


@contextmanager
def _mode(mode: str | None) -> Iterator[None]:
    if mode is None:
        yield
        return
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode(mode)
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


@contextmanager
def _nothing() -> Iterator[None]:
    yield


@contextmanager
def _counted(places: Counter[str]) -> Iterator[None]:
    """A context that counts warnings about waits by their place in the project and in the code it calls."""

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        # torch warns once, when the mode is set, that it is a prototype
        if "synchroniz" not in str(message) or "prototype" in str(message):
            return
        frames = [frame for frame in traceback.extract_stack() if "warnings.py" not in frame.filename][:-1]
        own = [frame for frame in frames if frame.filename.startswith(str(ROOT / "indexer"))]
        last = [f"{frame.filename.removeprefix(str(ROOT) + '/')}:{frame.lineno} {frame.line}" for frame in own[-1:]]
        places["\n".join([*last, *(f"  {f.filename}:{f.lineno} {f.line}" for f in frames[-6:])])] += 1

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = show
        yield
