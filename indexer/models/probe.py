"""A short pass of a model before the first batch: which gated MLPs text runs, and which tokens see which."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ..errors import GluscopeError
from ..sequences.tokenizer import encode
from ..sites import Site, find_sites, is_encoder_decoder
from .forward import run_body

if TYPE_CHECKING:
    from .loaded import LoadedModel

_TEXTS = ("One short text to read, and then it ends.", "One short text to read; but it does not end here")
_LONGEST = 48
_SAME = 1e-4  # above rounding in float32, far below the effect of another token on a model that sees it
_ROUNDINGS = 4.0
"""Two runs in a narrow dtype may be this many times as far apart as one of them is from float32."""

_PERHAPS_SAME = 0.2  # relative change in a narrow dtype too large for rounding: float32 isn't tried


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """The findings of the short pass."""

    causal: bool  # a token sees only the tokens before it
    runs: Mapping[str, int]  # path of a site -> how often one pass runs it
    displaced: frozenset[str]  # paths of the sites whose values don't lie by sequence and position


@dataclass(frozen=True, slots=True)
class _Pass:
    """The values of one pass."""

    runs: Counter[str] = field(default_factory=Counter)
    displaced: set[str] = field(default_factory=set)
    values: dict[str, Tensor] = field(default_factory=dict)
    """The input of each site's product, by its path, and the output of the model, by "": sequence position d_model.
    In the order of the model."""

    def last_finite(self) -> Tensor | None:
        """The latest values in the model that are all finite; the model's output if it is."""
        return next((one for one in reversed(self.values.values()) if bool(one.isfinite().all())), None)


def rehearse(loaded: LoadedModel, layers: Sequence[int] | None = None) -> Rehearsal:
    """Run a model's body on two short texts that begin alike.

    A model is causal if later tokens don't change its values at the common beginning. An encoder-decoder isn't: its
    encoder reads both ways. GluscopeError if values in the `layers` (None: all) are NaN or infinite, or if a
    sequence's values depend on the padding beside it.
    """
    ids = _ids(loaded)
    common = int((ids[0] != ids[1]).to(torch.int8).argmax())
    sites = find_sites(loaded.model)
    shown = _run(loaded, sites, ids)
    _demand_numbers(loaded, [site for site in sites if layers is None or site.address.layer in layers], shown)
    causal = not is_encoder_decoder(loaded.model) and _beginnings_agree(loaded, sites, ids, common, shown)
    if not causal:
        _demand_padding_unseen(loaded, sites, ids, common)
    return Rehearsal(causal, dict(shown.runs), frozenset(shown.displaced))


def how_to_mend_numbers(dtype: str) -> str:
    """The fix for values that are NaN or infinite in a dtype."""
    if dtype in ("float32", "float64"):
        return "its weights may be damaged: download or save the model again, or leave that layer out with --layers"
    return f"{dtype} may be too narrow for this model: try --dtype float32"


def _run(loaded: LoadedModel, sites: Sequence[Site], ids: Tensor, mask: Tensor | None = None) -> _Pass:
    found = _Pass()

    def end(_module: Any, _args: Any, out: Any) -> None:
        found.values[""] = out[0]

    with ExitStack() as stack:
        for path, entry in {site.path: site.entry for site in sites}.items():
            stack.callback(entry.register_forward_pre_hook(_note(found, path, ids.shape)).remove)
        stack.callback(loaded.model.register_forward_hook(end).remove)
        run_body(loaded, ids, torch.ones_like(ids) if mask is None else mask)
    return found


def _note(found: _Pass, path: str, shape: torch.Size) -> Callable[[Any, Any], None]:
    def hook(_module: Any, args: tuple[Tensor, ...]) -> None:
        found.runs[path] += 1
        entered = args[0]
        if entered.shape[:-1] != shape:
            found.displaced.add(path)
        if entered[..., 0].numel() == shape.numel():
            found.values[path] = entered.reshape(*shape, -1)

    return hook


def _demand_numbers(loaded: LoadedModel, asked: Sequence[Site], shown: _Pass) -> None:
    """GluscopeError for the first requested site with a value that is NaN or infinite."""
    for site in asked:
        values = shown.values.get(site.path)
        if values is not None and not bool(values.isfinite().all()):
            raise GluscopeError(
                f"{site.address}: a value is NaN or infinite on a short text", how_to_mend_numbers(loaded.dtype)
            )


def _beginnings_agree(loaded: LoadedModel, sites: Sequence[Site], ids: Tensor, common: int, shown: _Pass) -> bool:
    """Whether the two texts have the same values at their common beginning."""
    values = shown.last_finite()
    if values is None:
        return True  # no requested layer decides it
    change = _change(values[0, :common], values[1, :common])
    if change < _allowed(values):
        return True
    if change > _PERHAPS_SAME or not _is_narrow(loaded):
        return False
    with in_float32(loaded.model):
        exact = _run(loaded, sites, ids).last_finite()
    return exact is not None and _change(exact[0, :common], exact[1, :common]) < _SAME


def _demand_padding_unseen(loaded: LoadedModel, sites: Sequence[Site], ids: Tensor, length: int) -> None:
    """GluscopeError if a sequence's values change when it is padded to the length of another one.

    In a narrow dtype they change a little, since its kernels round differently. float32 then decides: whether the
    values change there, and how much rounding alone changes them.
    """
    mask = torch.ones_like(ids)
    mask[0, length:] = 0

    def both() -> tuple[Tensor, Tensor] | None:
        alone = _run(loaded, sites, ids[:1, :length]).values
        padded = _run(loaded, sites, ids, mask).values
        pairs = ((alone[path][0], padded[path][0, :length]) for path in reversed(alone) if path in padded)
        return next((pair for pair in pairs if all(bool(one.isfinite().all()) for one in pair)), None)

    found = both()
    if found is None:
        return
    change = _change(found[1], found[0])
    if change < _allowed(found[0]):
        return
    if _is_narrow(loaded):
        with in_float32(loaded.model):
            exact = both()
        if exact is not None and _change(exact[1], exact[0]) < _SAME:
            if change <= _ROUNDINGS * _change(found[0], exact[0]):
                return
            raise GluscopeError(
                f"{loaded.architecture} can't be indexed in {loaded.dtype}: a sequence's values change with the "
                "padding beside it",
                "use --dtype float32",
            )
    raise GluscopeError(
        f"{loaded.architecture} can't be indexed: a sequence's values change with the padding beside it",
        "gluscope reads sequences in batches; use another model",
    )


def _change(one: Tensor, other: Tensor) -> float:
    """The mean difference of two tensors, relative to the other's mean magnitude."""
    size = other.float().abs().mean().clamp_min(1e-30)
    return float((one.float() - other.float()).abs().mean() / size) if one.shape == other.shape else float("inf")


def _allowed(values: Tensor) -> float:
    """The change up to which values count as the same without a further check."""
    return max(_SAME, torch.finfo(values.dtype).eps)


def _is_narrow(loaded: LoadedModel) -> bool:
    """Whether the model's dtype is narrow, so that computing in float32 reveals its rounding."""
    quantised = getattr(loaded.model.config, "quantization_config", None) is not None
    return loaded.dtype in ("float16", "bfloat16") and not quantised


@contextmanager
def in_float32(model: nn.Module) -> Iterator[None]:
    """Within the context, a model computes in float32. Its original weights stay in memory too."""
    narrow = [t for t in (*model.parameters(), *model.buffers()) if t.is_floating_point() and t.element_size() == 2]
    held = [(tensor, tensor.data) for tensor in narrow]
    try:
        for tensor, own in held:
            tensor.data = own.float()
        yield
    finally:
        for tensor, own in held:
            tensor.data = own


def read_by_text(loaded: LoadedModel, sites: Sequence[Site]) -> tuple[tuple[Site, ...], tuple[str, ...]]:
    """The sites that text runs, and notices about those that it doesn't (cross-attention to images, say).

    GluscopeError if a pass runs a site several times, as in models that loop: its values would be mixed.
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
