"""A short pass of a model before the first batch: which of its gated MLPs text runs, and who sees whom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from .capture import run_body
from .errors import GluscopeError
from .sites import Site, find_sites, is_encoder_decoder
from .tokens import encode

if TYPE_CHECKING:
    from .models import LoadedModel

_TEXTS = ("One short text to read, and then it ends.", "One short text to read; but this is no end")
_LONGEST = 48
_SAME = 1e-4  # above rounding in float32, far below what another token does to a model that sees it


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a short pass showed."""

    causal: bool  # a token sees only the tokens before it
    runs: Mapping[str, int]  # path of a site -> how often one pass runs it


def rehearse(loaded: LoadedModel) -> Rehearsal:
    """Run a model's body on two short texts that begin alike.

    A model is causal if what comes after doesn't change its values at the common beginning. An encoder-decoder isn't:
    its encoder reads both ways.
    """
    ids = _ids(loaded)
    common = int((ids[0] != ids[1]).to(torch.int8).argmax())
    runs: Counter[str] = Counter()
    found: list[Tensor] = []
    with ExitStack() as stack:
        for site in find_sites(loaded.model):
            stack.callback(site.entry.register_forward_pre_hook(_count(runs, site.path)).remove)
        stack.callback(loaded.model.register_forward_hook(lambda _module, _args, out: found.append(out[0])).remove)
        run_body(loaded, ids, torch.ones_like(ids))
    values = found[0][:, :common].float()  # sequence position d_model
    change = (values[0] - values[1]).abs().mean() / values.abs().mean()
    same = max(_SAME, torch.finfo(found[0].dtype).eps)
    return Rehearsal(bool(change < same) and not is_encoder_decoder(loaded.model), dict(runs))


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


def _count(runs: Counter[str], path: str) -> Callable[[Any, Any], None]:
    def hook(_module: Any, _args: Any) -> None:
        runs[path] += 1

    return hook
