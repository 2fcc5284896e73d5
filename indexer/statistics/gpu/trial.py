"""A trial of the kernels on a device: small batches are merged by them and by tensor operations, and compared."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from ...settings import Settings
from ..activations import Activations
from ..batch import view_batch
from ..best_k import BestK
from ..engine import Engine, Form
from ..placement import Routing
from ..sample import PositionSample
from ..stack import Stack

_SEQUENCES, _LENGTH, _BATCHES, _SITES = 8, 48, 3, 2
_CLOSE = 1e-12  # sums are added up in another order


def difference(
    engines: tuple[Engine, Engine], of: Form, settings: Settings, dtype: torch.dtype, device: torch.device, routed: bool
) -> str | None:
    """The name of what two engines leave differently of values of a dtype; None if all is equal."""
    experts = range(_SITES) if routed else None
    stacks = [Stack(of, settings, device, engine, experts, 1 if routed else _SITES) for engine in engines]
    for stack in stacks:
        generator = np.random.default_rng(0)
        sample = PositionSample(settings.sample)
        for number in range(_BATCHES):
            _feed(stack, generator, sample, number, dtype, routed)
    one, other = (dict(_left(stack)) for stack in stacks)
    for name, tensor in one.items():
        same = torch.allclose(tensor, other[name], _CLOSE, _CLOSE) if name == "total" else tensor.equal(other[name])
        if not same:
            return name
    return None


def _feed(
    stack: Stack, random: np.random.Generator, sample: PositionSample, number: int, dtype: torch.dtype, routed: bool
) -> None:
    """Feed a batch with many ties and zeros in its values, and duplicates in its tokens."""
    device = stack.count.device
    rows = (_SITES * _SEQUENCES, _LENGTH)
    gate, in_ = (np.round(random.normal(size=(*rows, stack.form.width)) * scale) / 8 for scale in (16, 8))
    gate[:, 5], in_[:, 7] = 1e-6 * gate[:, 5], -0.0
    act = gate / (1 + np.exp(-gate))
    values = Activations(*(torch.from_numpy(each).to(device, dtype) for each in (gate, in_, act, act * in_)))
    ids = random.integers(0, 3, (_SEQUENCES, _LENGTH))
    ids[1] = ids[0]
    ids[2:4] = np.arange(_LENGTH) % 5  # windows that repeat in the sequence
    lengths = random.integers(_LENGTH // 2, _LENGTH + 1, _SEQUENCES)
    numbers = np.arange(_SEQUENCES) + _SEQUENCES * number
    view = view_batch(ids, lengths, numbers, (numbers, numbers), stack.settings, sample).to(device)
    if not routed:
        stack.add(values, view)
        return
    token = torch.arange(_SEQUENCES * _LENGTH, device=device).repeat(_SITES)
    expert = torch.arange(_SITES, device=device).repeat_interleave(_SEQUENCES * _LENGTH)
    order = torch.from_numpy(random.permutation(len(token))).to(device)
    reached = (token % 3 != expert)[order]
    given = values.rows().at(order)
    stack.add(given, view, Routing(expert[order], token[order], reached))


def _left(stack: Stack) -> Iterator[tuple[str, Tensor]]:
    """A stack's state by name, the examples of each list best first."""
    yield from {"count": stack.count, "total": stack.total, "extreme": stack.extreme, "sample": stack.sample}.items()
    for name, best in (("ranked", stack.ranked), ("drawn", stack.drawn)):
        for key, tensor in _best_first(best).items():
            yield f"{name} {key}", tensor


def _best_first(best: BestK) -> dict[str, Tensor]:
    order = best.order()
    row = torch.arange(len(order), device=order.device)[:, None]
    filled = best.key[row, order] >= 0
    found = {name: tensor for name, tensor in best.tensors().items() if name != "threshold"}
    return {"threshold": best.threshold, "filled": filled} | {
        name: tensor[row, order][filled] for name, tensor in found.items()
    }
