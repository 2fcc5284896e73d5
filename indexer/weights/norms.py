"""Finding the norms before and behind each gated MLP, and the last one, by what flows through them in a short run.

A norm feeds the MLP if what leaves it is what enters the MLP, bit for bit; it follows the MLP if what leaves that is
what enters it; the final norm's output is the model's. Its gain is what explains its output, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..models.forward import run_body
from ..models.loaded import LoadedModel
from ..sites import Site

_TOKENS = 8
_TOLERANCE = {torch.float32: 2e-3, torch.float64: 2e-3, torch.float16: 4e-3, torch.bfloat16: 1.6e-2}
"""Relative error up to which a formula explains a norm's output: rounding, and the small number it divides by."""


@dataclass(frozen=True, slots=True, eq=False)
class Norm:
    """What a norm does to a direction: it takes the mean away, if centred, and multiplies by a gain."""

    kind: str  # "rms", "rms (1 + w)", "layer", "layer (1 + w)" or "none"
    gain: Tensor | None = None  # d_model, float32; None: ones
    centred: bool = False

    def read(self, vectors: Tensor) -> Tensor:
        """Vectors (# ... d_model, float32) that take dot products with what leaves the norm, as vectors before it."""
        folded = vectors if self.gain is None else vectors * self.gain.to(vectors.device)
        return folded - folded.mean(dim=-1, keepdim=True) if self.centred else folded

    def written(self, vectors: Tensor) -> Tensor:
        """Vectors (# ... d_model, float32) that enter the norm, as they leave it, but for their length."""
        centred = vectors - vectors.mean(dim=-1, keepdim=True) if self.centred else vectors
        return centred if self.gain is None else centred * self.gain.to(vectors.device)


NO_NORM = Norm("none")


@dataclass(frozen=True, slots=True)
class SiteNorms:
    """The norms around a gated MLP; None where it can't be told which they are, or what they do."""

    before: Norm | None
    after: Norm | None


@dataclass(frozen=True, slots=True)
class Norms:
    """The norms of a model."""

    sites: dict[str, SiteNorms]  # by the site's name
    final: Norm | None  # whose output is the model's


@dataclass(frozen=True, slots=True, eq=False)
class _Passage:
    """What went through a module once, token by token: position d_model, float32, on the CPU."""

    module: nn.Module
    entered: Tensor
    left: Tensor


class _Trace:
    """What entered and left the modules of a model in one run."""

    def __init__(self, body: nn.Module, around: Iterable[nn.Module]) -> None:
        self.norms: list[_Passage] = []
        self.around: dict[nn.Module, list[_Passage]] = {}
        self.last: Tensor | None = None
        self._body = body
        self._around = set(around)

    def run(self, loaded: LoadedModel) -> None:
        """Read a few tokens."""
        embeddings: Any = loaded.model.get_input_embeddings()  # type: ignore[operator]  # of every transformers model
        rows = embeddings.weight.shape[0]
        ids = (torch.arange(1, _TOKENS + 1) * rows // (_TOKENS + 2)).view(1, -1)  # batch position
        leaves = [module for module in self._body.modules() if _may_be_norm(module)]
        with ExitStack() as stack:
            for module in {*leaves, *self._around, self._body}:
                stack.callback(module.register_forward_hook(self._keep, with_kwargs=True).remove)
            run_body(loaded, ids)

    def _keep(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        left = _values(output)
        if module is self._body:
            self.last = left
            return
        entered = _values((*args, *kwargs.values()))
        if entered is None or left is None:
            return
        passage = _Passage(module, entered, left)
        if module in self._around:
            self.around.setdefault(module, []).append(passage)
        if entered.shape == left.shape and _may_be_norm(module) and not torch.equal(entered, left):
            self.norms.append(passage)  # a dropout, which changes nothing here, is none

    def leaving(self, values: Tensor) -> _Passage | None:
        """The norm whose output is this; the last one, if there are more."""
        return next((norm for norm in reversed(self.norms) if _equal(norm.left, values)), None)

    def entering(self, values: Tensor) -> _Passage | None:
        """The norm whose input is this."""
        return next((norm for norm in self.norms if _equal(norm.entered, values)), None)


def find_norms(loaded: LoadedModel, sites: Sequence[Site]) -> Norms:
    """The norms around each site and the last one of the body, found by running the model on a few tokens."""
    chains = {site: _chain(loaded.model, site) for site in sites}
    trace = _Trace(loaded.model, {module for chain in chains.values() for module in chain.modules})
    trace.run(loaded)
    final = None if trace.last is None else trace.leaving(trace.last)
    return Norms(
        {site.address.name: _around(trace, chains[site]) for site in sites},
        None if final is None else _explained(final),
    )


@dataclass(frozen=True, slots=True)
class _Chain:
    """A site's modules from its linear maps outwards, and the layer that they are in."""

    readers: tuple[nn.Module, ...]  # their input is what the MLP reads
    writers: tuple[nn.Module, ...]  # their output is what it writes, if their input is what it reads
    layer: nn.Module

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        return (*self.readers, *self.writers, self.layer)


def _chain(body: nn.Module, site: Site) -> _Chain:
    parts = site.path.split(".")
    first = next(place for place, part in enumerate(parts) if part.isdigit())
    blocks = [body.get_submodule(".".join(parts[:end])) for end in range(len(parts), first + 1, -1)]
    layer = body.get_submodule(".".join(parts[: first + 1]))
    return _Chain((site.gate, *blocks), (site.down, *blocks), layer)


def _around(trace: _Trace, chain: _Chain) -> SiteNorms:
    read = list(_passages(trace, chain.readers))
    before = next(((p, norm) for p in read if (norm := trace.leaving(p.entered)) is not None), None)
    entered = before[0].entered if before is not None else read[0].entered if read else None
    written = [p for p in _passages(trace, chain.writers) if p.module is chain.writers[0] or _same(p.entered, entered)]
    after = next((norm for p in written if (norm := trace.entering(p.left)) is not None), None)
    if before is not None:
        first = _explained(before[1])
    else:
        added = [p.left for p in written] if after is None else [after.left]
        outputs = [p.left for p in _passages(trace, (chain.layer,))]
        first = NO_NORM if entered is not None and _reads_the_stream(entered, added, outputs) else None
    return SiteNorms(first, NO_NORM if after is None else _explained(after))


def _reads_the_stream(entered: Tensor, added: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
    """Whether the layer gives what entered the MLP plus what the MLP writes: then no norm is in front of it."""
    return any(
        entered.shape == one.shape == output.shape and torch.allclose(entered + one, output, rtol=1e-2, atol=1e-3)
        for one in added
        for output in outputs
    )


def _passages(trace: _Trace, modules: Iterable[nn.Module]) -> Iterator[_Passage]:
    for module in modules:
        yield from trace.around.get(module, ())


def _explained(passage: _Passage) -> Norm | None:
    """The simplest norm that gives a module's output from its input; None where none does."""
    parameters = dict(passage.module.named_parameters(recurse=False))
    weight, bias = parameters.get("weight"), parameters.get("bias")
    left = passage.left if bias is None else passage.left - bias.detach().float().cpu()
    gains: list[tuple[str, Tensor | None]] = [("", None)]
    if weight is not None:
        own = weight.detach().float().cpu()
        gains = [("", own), (" (1 + w)", 1 + own)]
    best: tuple[float, Norm] | None = None
    for centred, name in ((False, "rms"), (True, "layer")):
        x = passage.entered - passage.entered.mean(dim=-1, keepdim=True) if centred else passage.entered
        normed = x / x.square().mean(dim=-1, keepdim=True).sqrt().clamp_min(1e-12)
        for form, gain in gains:
            error = float((left - (normed if gain is None else normed * gain)).norm() / left.norm().clamp_min(1e-12))
            if best is None or error < best[0]:
                best = error, Norm(name + form, gain, centred)
    tolerance = _TOLERANCE.get(weight.dtype if weight is not None else torch.float32, 1.6e-2)
    return best[1] if best is not None and best[0] <= tolerance else None


def _may_be_norm(module: nn.Module) -> bool:
    """Whether a module has no parts, and no parameters but vectors."""
    return next(module.children(), None) is None and all(p.dim() == 1 for p in module.parameters())


def _values(found: Any) -> Tensor | None:
    """The first tensor of floating-point numbers in a module's arguments or output: position d_model."""
    if isinstance(found, Tensor):
        if not found.is_floating_point() or found.dim() < 2:
            return None
        return found.detach().reshape(-1, found.shape[-1]).float().cpu()
    if isinstance(found, (tuple, list)):
        return next((values for value in found if (values := _values(value)) is not None), None)
    if hasattr(found, "last_hidden_state"):
        return _values(found.last_hidden_state)
    return None


def _same(one: Tensor, other: Tensor | None) -> bool:
    return other is not None and one.shape == other.shape and torch.equal(one, other)


def _equal(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and bool(one.any()) and torch.equal(one, other)
