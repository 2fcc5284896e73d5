"""Finds a model's attention sinks beside position 0, by running it over some sequences of the text.

1. Take the first sequences of some documents, and the first tokens of each.
2. Run each alone, and measure the residual stream that enters the middle layer: its norm at every position.
3. A position is a sink if its norm is more than 20 times the median of its sequence.
4. A token that is a sink in at least half the places where it stands first in a sequence is one by a rule: wherever it
   stands, if it is one in at least half of its later places too; else only where it stands first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ..database.format.sinks import EVERY, FIRST, SOME, Sinks, SinkToken
from ..errors import GluscopeError
from ..sequences.cutting import Ids
from ..sequences.sequences import TokenSequence
from ..sites import Site, is_encoder_decoder
from .forward import run_body

if TYPE_CHECKING:
    from .loaded import LoadedModel

RATIO = 20.0
"""The norm of a sink is more than so many times its sequence's median."""

SEQUENCES = 16
LONGEST = 128
"""How many sequences are looked at, and how many tokens of each."""

AHEAD = 4 * SEQUENCES
"""How many sequences of the text are read to choose among: the beginnings of documents come first."""

Norms = npt.NDArray[np.float32]
_MOST_FOUND = 32


def find_sinks(
    loaded: LoadedModel,
    sites: Sequence[Site],
    beginning: Sequence[TokenSequence],
    spell: Callable[[list[int]], list[bytes]],
) -> Sinks:
    """The sinks that the first sequences of a text show. `spell`: the bytes of token ids.

    GluscopeError if the model has no residual stream that can be measured.
    """
    chosen = sorted(beginning, key=lambda sequence: (sequence.part > 0, sequence.number))[:SEQUENCES]
    layer, module = _middle(loaded, sites)
    measured = [(ids := one.ids[:LONGEST], _norms(loaded, sites, layer, module, ids)) for one in chosen]
    found = rules(measured)[:_MOST_FOUND]
    texts = spell([id_ for id_, *_ in found])
    return Sinks(
        layer=layer,
        sequences=len(measured),
        tokens=sum(len(ids) for ids, _ in measured),
        found=tuple(
            SinkToken(id_, text.decode(errors="replace"), sinks, seen, rule)
            for (id_, sinks, seen, rule), text in zip(found, texts, strict=True)
        ),
    )


def rules(measured: Iterable[tuple[Ids, Norms]]) -> list[tuple[int, int, int, str]]:
    """Token, how often it was a sink, how often it stood in the text, and the rule: by how often it was one.

    `measured`: the ids of each sequence, and its norms by position.
    """
    seen: dict[bool, Counter[int]] = {True: Counter(), False: Counter()}  # by whether it is the first of its sequence
    sinks: dict[bool, Counter[int]] = {True: Counter(), False: Counter()}
    for ids, norms in measured:
        sink = norms > RATIO * np.median(norms)
        before: set[int] = set()
        for id_, is_sink in zip(ids[1:].tolist(), sink[1:].tolist(), strict=True):
            first = id_ not in before
            before.add(id_)
            seen[first][id_] += 1
            sinks[first][id_] += is_sink
    found = []
    for id_ in sinks[True].keys() | sinks[False].keys():
        often = {first: 2 * sinks[first][id_] >= seen[first][id_] > 0 for first in (True, False)}
        rule = SOME if not often[True] else EVERY if often[False] else FIRST
        number = sinks[True][id_] + sinks[False][id_]
        if number:
            found.append((id_, number, seen[True][id_] + seen[False][id_], rule))
    return sorted(found, key=lambda token: (-token[1], token[0]))


def _middle(loaded: LoadedModel, sites: Sequence[Site]) -> tuple[int, nn.Module]:
    """The number of the middle layer, and its module."""
    if is_encoder_decoder(loaded.model):
        raise _unknown(loaded, "it has two stacks of layers")
    for name, module in loaded.model.named_modules():
        inside = [site for site in sites if site.path.startswith(f"{name}.")]
        if isinstance(module, nn.ModuleList) and len(module) > 1 and len(inside) == len(sites):
            return len(module) // 2, module[len(module) // 2]
    raise _unknown(loaded, "its layers are not in a list")


def _norms(loaded: LoadedModel, sites: Sequence[Site], layer: int, module: nn.Module, ids: Ids) -> Norms:
    """The norm of what enters a layer, by position."""
    found: list[Tensor] = []

    def note(_module: nn.Module, args: tuple[Any, ...], named: dict[str, Any]) -> None:
        entered = args[0] if args else named.get("hidden_states")
        if isinstance(entered, Tensor) and entered.shape[:2] == (1, len(ids)) and entered.dim() == 3:
            found.append(entered[0].float().norm(dim=-1))  # position

    hook = module.register_forward_pre_hook(note, with_kwargs=True)
    try:
        last = [site for site in sites if site.address.layer == layer]  # the pass ends there
        run_body(loaded, torch.from_numpy(ids.astype(np.int64))[None], sites=last)
    finally:
        hook.remove()
    if len(found) != 1:
        raise _unknown(loaded, "what enters its layers is not one vector a token")
    norms: Norms = found[0].cpu().numpy()
    return norms


def _unknown(loaded: LoadedModel, why: str) -> GluscopeError:
    return GluscopeError(
        f"attention sinks of {loaded.architecture} can't be looked for: {why}", "leave --sinks drop out"
    )
