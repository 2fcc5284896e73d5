"""Part 7: the pass over a batch's values alone: by plain operations, and by the kernel with tiles of several sizes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from indexer.statistics.activations import Activations
from indexer.statistics.fuser import Fuser
from indexer.statistics.reduction import Reduction, reduce_batch
from indexer.statistics.row_layout import RowLayout

from .kit import Kit

LAYOUT = RowLayout(())


def run(kit: Kit) -> None:
    shape = (2, 40, 24) if kit.small else (4, 1024, 14336)
    dtypes = (torch.bfloat16,) if kit.small else (torch.bfloat16, torch.float32)
    names = {dtype: f"{' x '.join(map(str, shape))} {str(dtype).removeprefix('torch.')}" for dtype in dtypes}
    for dtype in dtypes:
        with kit.case(names[dtype]) as figures:
            _one_pass(kit, shape, dtype, figures)


def batch(
    shape: tuple[int, int, int], dtype: torch.dtype, device: str
) -> tuple[Activations, torch.Tensor, torch.Tensor]:
    """Random values that include zeros, with `counted` and `priority` as `reduce_batch` takes them."""
    generator = torch.Generator(device).manual_seed(0)
    gate, in_ = (torch.randn(shape, device=device, generator=generator) for _ in range(2))
    gate[:, ::7, ::5] = 0.0
    in_[:, ::5, ::3] = -0.0
    act = torch.nn.functional.silu(gate)
    values = Activations(*(value.to(dtype) for value in (gate, in_, act, act * in_)))
    counted = torch.full((*shape[:2], 1), -1, dtype=torch.int32, device=device)
    counted[:, 0] = 0
    counted[-1, shape[1] // 2 :] = 0
    order = torch.rand(shape[:2], device=device, generator=generator).argsort(1)
    return values, counted, (order + 1).to(torch.float32)[:, :, None]


def _one_pass(kit: Kit, shape: tuple[int, int, int], dtype: torch.dtype, figures: dict[str, Any]) -> None:
    values, counted, priority = batch(shape, dtype, kit.device)
    off = Fuser(False, lambda _: None)
    plain = reduce_batch(values, counted, priority, LAYOUT, off)
    figures["read_gb"] = round(values.nbytes / 1e9, 3)
    figures["plain_ms"] = _milliseconds(kit, lambda: reduce_batch(values, counted, priority, LAYOUT, off))
    if not kit.cuda:
        figures["kernel"] = "Triton needs a GPU"
        return
    from indexer.statistics.gpu.source import Source
    from indexer.statistics.gpu.sweep import CONFIGS, sweep

    whole = counted.view(shape[:2])

    def source(of: Activations) -> Source:
        return Source(*of.rows(), whole, whole, whole, whole, whole, False, 1, *shape[:2])

    def swept(of: Activations, config: tuple[int, int, int, int]) -> Reduction:
        infinite = torch.zeros((shape[0],), dtype=torch.int64, device=kit.device)
        found = sweep(source(of), infinite, config)
        priorities = plain.magnitudes[:, found.magnitudes.shape[1] :]  # the kernel finds none
        magnitudes = torch.cat([found.magnitudes, priorities], 1)
        return Reduction(found.counts, found.totals, magnitudes, (infinite == 0)[:, None].expand_as(plain.finite))

    wrong: list[str] = []
    for config in CONFIGS if dtype == torch.bfloat16 else CONFIGS[:1]:
        began = time.monotonic()
        found = swept(values, config)
        torch.cuda.synchronize()
        compiling = round(time.monotonic() - began, 1)
        infinite = torch.zeros((shape[0],), dtype=torch.int64, device=kit.device)
        took = _milliseconds(kit, partial(sweep, source(values), infinite, config))
        figures[f"kernel {config}"] = {"ms": took, "compiling_s": compiling}
        kit.say(f"{config}: {took} ms, {unlike(plain, found) or 'right'}")
        wrong += [f"{config} {name}" for name in unlike(plain, found)]
    spoilt = Activations(values.gate, values.in_.clone(), *values[2:])
    spoilt.in_[1, 3, 5] = torch.inf
    spoilt.in_[2, 3, 6] = torch.nan
    spoilt.in_[3, 0, 7] = torch.nan  # not counted
    if swept(spoilt, CONFIGS[0]).finite[:, 0].tolist() != [True, False, False, True]:
        wrong.append("finite, of values that are not")
    figures |= {"wrong": wrong, "passed": not wrong}


def unlike(one: Reduction, other: Reduction) -> list[str]:
    """The parts in which two reductions differ; the last digits of sums may."""
    exact = ("counts", "magnitudes", "finite")
    found = [name for name in exact if not torch.equal(getattr(one, name), getattr(other, name))]
    return found if torch.allclose(one.totals, other.totals, rtol=1e-12, atol=1e-12) else [*found, "totals"]


def _milliseconds(kit: Kit, work: Callable[[], object]) -> float:
    """The median time of some runs after a warm-up."""
    times = []
    for _ in range(3 if kit.small else 12):
        if not kit.cuda:
            began = time.perf_counter()
            work()
            times.append(1000 * (time.perf_counter() - began))
            continue
        first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
        first.record()
        work()
        last.record()
        torch.cuda.synchronize()
        times.append(first.elapsed_time(last))
    return round(statistics.median(times[len(times) // 4 :]), 3)
