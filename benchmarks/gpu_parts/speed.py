"""Part 3: the speed of indexing against the bare model, its memory, and where the time goes."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import torch
from torch._C._autograd import DeviceType  # an event's device_type
from torch.profiler import ProfilerActivity, profile

from indexer.corpus import open_corpus
from indexer.forecast.estimate import state_bytes
from indexer.jobs.bench import Passes, measure
from indexer.jobs.prepare import resolve
from indexer.models.loaded import LoadedModel
from indexer.progress import Progress
from indexer.run.accumulator import Run
from indexer.settings import Execution, Settings
from indexer.sites import find_sites
from indexer.statistics.choice import Engines

from .kit import Kit
from .making import parameters_bytes, random_model, shape, write_text

CONTEXT = 1024
SEQUENCES = 16
_TOP = 10
_SPARE = 12e9
"""Bytes that a batch of the 8B, and measuring, take beyond the model and its statistics."""

_TINY = {"hidden_size": 32, "intermediate_size": 16, "num_attention_heads": 4, "num_key_value_heads": 2}


def run(kit: Kit) -> None:
    small = {**_TINY, "vocab_size": 1024} if kit.small else {}
    context = 64 if kit.small else CONTEXT
    text = write_text(kit.folder / "text.jsonl", SEQUENCES + 4, 2 * context)
    settings = Settings(context=context, batch_tokens=4 * context)
    cases = [
        ("Llama-3.1-8B", "8b", 0, 4),
        ("2 layers of Mixtral 8x7B", "mixtral", 2, 3),
        ("SmolLM2-135M", "smollm2", 30, 4),
    ]
    if kit.small:
        cases = [("SmolLM2-135M", "smollm2", 2, 2), ("a layer of Mixtral 8x7B", "mixtral", 1, 1)]
        settings = replace(settings, batch_tokens=2 * context)
    for name, kind, layers, rounds in cases:
        if not kit.room(name, 12):
            continue
        _shape(kit, name, partial(_made, kit, name, kind, layers, settings, small), str(text), settings, rounds)
        gc.collect()
        if kit.cuda:
            torch.cuda.empty_cache()


def _made(kit: Kit, name: str, kind: str, layers: int, settings: Settings, small: dict[str, Any]) -> LoadedModel:
    depth = layers or _layers_that_fit(kit, settings)
    return random_model(shape(kind, layers=depth, **small), name, kit.device, torch.bfloat16)


def _shape(kit: Kit, name: str, make: Callable[[], LoadedModel], text: str, settings: Settings, rounds: int) -> None:
    """Measure the model of a shape by kernels, and also by plain operations if time is left and it is small."""
    made: list[LoadedModel] = []
    with kit.case(f"{name} bfloat16, memory") as figures:
        made.append(make())
        figures["layers"] = len(find_sites(made[0].model))
        figures["model_gb"] = round(parameters_bytes(made[0]) / 1e9, 2)
        figures |= _statistics_memory(kit, made[0], settings)
        figures["passed"] = abs(figures["off"]) <= 0.1
    for loaded in made:
        if kit.room(f"{name} bfloat16", 12):
            with kit.case(f"{name} bfloat16") as figures:
                _speed(kit, loaded, text, settings, "on", rounds, figures)
        if name == "SmolLM2-135M" and (kit.small or kit.left > 30):
            with kit.case(f"{name} bfloat16, by plain operations") as figures:
                _speed(kit, loaded, text, settings, "off", 1, figures)


def _layers_that_fit(kit: Kit, settings: Settings) -> int:
    """How many of the 8B's 32 layers fit together with their statistics."""
    free = torch.cuda.mem_get_info(kit.device)[0] if kit.cuda else 16e9
    one = random_model(shape("8b", layers=1), "", "meta", torch.bfloat16)
    sites = find_sites(one.model)
    body: Any = one.model
    own = sum(parameter.nbytes for parameter in body.layers[0].parameters())
    embeddings = parameters_bytes(one) - own
    layer = own + 1.15 * sum(state_bytes(sites, settings).values())  # measuring keeps some keys twice
    return max(1, min(32, int((free - embeddings - _SPARE) / layer)))


def _speed(
    kit: Kit, loaded: LoadedModel, text: str, settings: Settings, compile: str, rounds: int, figures: dict[str, Any]
) -> None:
    notices: list[str] = []

    def tell(progress: Progress) -> None:
        if progress.phase == "notice":
            notices.append(progress.message)
        kit.say(f"{loaded.name}, compile {compile}: {progress.message} {progress.done}")

    gc.collect()
    if kit.cuda:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    began = time.monotonic()
    execution = Execution(device=kit.device, compile=compile)
    number = 4 if kit.small else SEQUENCES
    passes = Passes.of(loaded, open_corpus((text,)), settings, execution, number, tell)
    figures["ready_s"] = round(time.monotonic() - began, 1)
    if notices:
        figures["notices"] = notices
    measured = measure(passes, rounds, tell)
    figures["bare_tokens_per_s"] = round(measured.bare.median)
    for regime, spread in measured.ratio.items():
        figures[regime] = [round(value, 3) for value in asdict(spread).values()]
    figures["insertions"] = measured.insertions
    figures["engine"] = measured.settings["statistics"]
    if kit.cuda:
        figures["peak_gb"] = round(torch.cuda.max_memory_allocated() / 1e9, 2)
        figures["reserved_gb"] = round(torch.cuda.max_memory_reserved() / 1e9, 2)
    figures["passed"] = not notices and (
        not kit.cuda or figures["engine"] == {"on": "kernels", "off": "tensors"}[compile]
    )
    for regime in ("bare", "steady", "cold") if compile == "on" else ("steady",):
        if kit.left > 6:
            figures[f"time_{regime}"] = _profiled(kit, passes, regime, f"{loaded.name} {compile}")


def _statistics_memory(kit: Kit, loaded: LoadedModel, settings: Settings) -> dict[str, float]:
    """The memory of the states, forecast by `--dry-run` and measured; `off`: the excess as a share."""
    settings = resolve(settings, loaded, None)
    sites = find_sites(loaded.model)
    expected = sum(state_bytes(sites, settings).values())
    before = torch.cuda.memory_allocated() if kit.cuda else 0
    made = Run(loaded, sites, settings, Engines(False, lambda _: None))
    if kit.cuda:
        taken = torch.cuda.memory_allocated() - before
    else:
        taken = sum(tensor.nbytes for state in made.states.values() for tensor in state.tensors().values())
    del made
    gc.collect()
    return {"forecast_gb": round(expected / 1e9, 3), "gb": round(taken / 1e9, 3), "off": round(taken / expected - 1, 4)}


def _profiled(kit: Kit, passes: Passes, regime: str, name: str) -> dict[str, Any]:
    """One pass under the profiler: seconds, seconds that the device was busy, and what took most of these."""
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if kit.cuda else [])]
    seconds = passes.bare() if regime == "bare" else passes.indexing(regime)  # without the profiler
    with profile(activities=activities) as profiled:
        looked_at = passes.bare() if regime == "bare" else passes.indexing(regime)
    events = profiled.key_averages()
    kit.keep(f"profile {name} {regime}", _listed(kit, events))
    if kit.cuda:  # only kernels and copies: their callers include the same time
        events = [event for event in events if event.device_type == DeviceType.CUDA]
    spent = sorted(((_micro(kit, event), event.key, event.count) for event in events), reverse=True)
    busy = sum(time for time, *_ in spent) / 1e6
    return {
        "s": round(seconds, 4),
        "s_profiled": round(looked_at, 4),
        "busy_s": round(busy, 4),
        "top": [f"{time / 1e4 / busy:.1f}% {key[:60]} ({count})" for time, key, count in spent[:_TOP]] if busy else [],
    }


def _listed(kit: Kit, events: Any) -> str:
    rows = sorted(((_micro(kit, event), event.key, event.count) for event in events), reverse=True)
    return "\n".join(f"{time / 1e3:12.3f} ms {count:8} {key[:150]}" for time, key, count in rows[:80])


def _micro(kit: Kit, event: Any) -> float:
    if kit.cuda:
        return float(event.self_device_time_total)
    return float(event.self_cpu_time_total)
