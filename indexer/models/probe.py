"""A short pass of a model before the first batch: which of its gated MLPs text runs, and who sees whom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..errors import GluscopeError
from ..sequences.tokenizer import encode
from ..sites import Site, find_sites, is_encoder_decoder
from .forward import run_body

if TYPE_CHECKING:
    from .loaded import LoadedModel

_TEXTS = ("One short text to read, and then it ends.", "One short text to read; but this is no end")
_LONGEST = 48
_SAME = 1e-4  # above rounding in float32, far below what another token does to a model that sees it


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a short pass showed."""

    causal: bool  # a token sees only the tokens before it
    runs: Mapping[str, int]  # path of a site -> how often one pass runs it
    displaced: frozenset[str]  # paths of the sites whose values don't lie by sequence and position


def rehearse(loaded: LoadedModel) -> Rehearsal:
    """Run a model's body on two short texts that begin alike.

    A model is causal if what comes after doesn't change its values at the common beginning. An encoder-decoder isn't:
    its encoder reads both ways.
    """
    ids = _ids(loaded)
    common = int((ids[0] != ids[1]).to(torch.int8).argmax())
    runs: Counter[str] = Counter()
    displaced: set[str] = set()
    with ExitStack() as stack:
        for path, entry in {site.path: site.entry for site in find_sites(loaded.model)}.items():
            stack.callback(entry.register_forward_pre_hook(_note(runs, displaced, path, ids.shape)).remove)
        values = _run(loaded, ids, torch.ones_like(ids))
    causal = _same(values[0, :common], values[1, :common]) and not is_encoder_decoder(loaded.model)
    if not causal:
        _demand_padding_unseen(loaded, ids, common)
    return Rehearsal(causal, dict(runs), frozenset(displaced))


def _run(loaded: LoadedModel, ids: Tensor, mask: Tensor) -> Tensor:
    """What the model gives in the end: sequence position d_model."""
    found: list[Tensor] = []
    handle = loaded.model.register_forward_hook(lambda _module, _args, out: found.append(out[0]))
    try:
        run_body(loaded, ids, mask)
    finally:
        handle.remove()
    return found[0]


def _same(one: Tensor, other: Tensor) -> bool:
    """Whether values (position d_model) agree but for rounding."""
    change = (one.float() - other.float()).abs().mean() / other.float().abs().mean()
    return bool(change < max(_SAME, torch.finfo(one.dtype).eps))


def _demand_padding_unseen(loaded: LoadedModel, ids: Tensor, length: int) -> None:
    """GluscopeError where a sequence's values change when it is padded to the length of another one."""
    alone = _run(loaded, ids[:1, :length], torch.ones_like(ids[:1, :length]))
    mask = torch.ones_like(ids)
    mask[0, length:] = 0
    padded = _run(loaded, ids, mask)
    if not _same(padded[0, :length], alone[0]):
        raise GluscopeError(
            f"{loaded.architecture} can't be indexed: a sequence's values change with the padding beside it",
            "gluscope reads sequences in batches; use another model",
        )


def read_by_text(loaded: LoadedModel, sites: Sequence[Site]) -> tuple[tuple[Site, ...], tuple[str, ...]]:
    """The sites that text runs, and notices about those that it doesn't (cross-attention to images, say).

    GluscopeError where a pass runs a site several times, as models that loop do: its values would be mixed.
    """
    for site in sites:
        if (times := loaded.runs.get(site.path, 0)) > 1:
            raise GluscopeError(
                f"{site.address} ({site.path}) of {loaded.architecture} can't be indexed: a pass runs it {times} times",
                "gluscope reads models that run each layer once",
            )
        in_place = site.address.shared or site.address.expert is not None or site.path not in loaded.displaced
        if not in_place:
            raise GluscopeError(
                f"{site.address} ({site.path}) of {loaded.architecture} can't be indexed: its rows are not the tokens",
                "index other layers with --layers, or another model",
            )
    kept = tuple(site for site in sites if site.path in loaded.runs)
    if not kept:
        raise GluscopeError(f"text alone runs no gated MLP of {loaded.architecture}", "use another model")
    left = [str(site.address) for site in sites if site.path not in loaded.runs]
    return kept, (f"left out, since text alone doesn't run them: {', '.join(left)}",) if left else ()


def _ids(loaded: LoadedModel) -> Tensor:
    """Two texts as ids, of one length and with a common beginning: sequence position."""
    first, second = encode(loaded.tokenizer, _TEXTS)
    length = min(len(first), len(second), _LONGEST)
    common = next((place for place in range(length) if first[place] != second[place]), 0)
    if common == 0:  # no tokens for English: any ids will do
        first, second, length = [5, 6, 7, 8, 9, 10], [5, 6, 7, 10, 9, 8], 6
    return torch.tensor([first[:length], second[:length]])


def _note(runs: Counter[str], displaced: set[str], path: str, shape: torch.Size) -> Callable[[Any, Any], None]:
    def hook(_module: Any, args: tuple[Tensor, ...]) -> None:
        runs[path] += 1
        if args[0].shape[:-1] != shape:
            displaced.add(path)

    return hook
