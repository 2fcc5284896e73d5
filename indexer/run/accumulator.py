"""The states of a run: runs the model on batches and merges what each site computes as it arrives."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ..capture.dense import capture, capture_act
from ..capture.expert_proof import prove_experts
from ..capture.experts import capture_experts
from ..capture.proof import prove
from ..capture.routed import Routed
from ..database.format.activations import twin
from ..database.format.sinks import Sinks
from ..devices import follows, home
from ..errors import GluscopeError
from ..models.forward import run_body
from ..models.loaded import LoadedModel
from ..models.probe import how_to_mend_numbers
from ..quadrants import QUANTITIES
from ..sequences.batches import Batch
from ..sequences.sequences import TokenSequence
from ..settings import Settings
from ..sites import Site
from ..sites.experts import ExpertLayer, expert_layers
from ..sites.stacks import SiteStack, dense_sites, stacks
from ..statistics.activations import Activations
from ..statistics.batch import BatchView, NonFiniteError, view_batch
from ..statistics.choice import Engines
from ..statistics.deferred import DeferredSteps, Steps, at_once
from ..statistics.placement import Routing
from ..statistics.sample import PositionSample
from ..statistics.stack import SiteState, Stack, form
from .checkpoint import Saved

_SHORT = "memory ran out"
_TOGETHER = 2**32
"""Limits on the memory of values that wait for those of other sites: so many bytes, and"""
_SHARE = 20  # one part in so many of a device's memory
_ALONE = 2**28
"""Bytes of a site's values from which copying them side by side takes longer than launching a merge of their own."""


class Run:
    """The state of every site of a model, and the positions they sample."""

    def __init__(self, loaded: LoadedModel, sites: Sequence[Site], settings: Settings, engines: Engines) -> None:
        self._loaded = loaded
        self._sites = {site.address.name: site for site in sites}
        self._settings = settings
        self._engines = engines
        self._rows_at_once: int | None = None  # padded tokens a pass, set when memory ran out
        self.identity_errors: dict[str, float] = {}
        self._deferred = DeferredSteps()
        self.notices: list[str] = []  # that the index is to keep
        self.left_out: Sinks | None = None  # attention sinks that are not counted
        self._long_told = False
        self.sample = PositionSample(settings.sample)
        self._parts = {stack.name: stack for stack in stacks(sites, self._together)}
        self._places = {
            site.address.name: (stack, place)
            for stack in self._parts.values()
            for place, site in enumerate(stack.sites)
        }
        self._stacks = {name: self._stack(stack) for name, stack in self._parts.items()}
        held = {name: self._stacks[stack.name].states[place] for name, (stack, place) in self._places.items()}
        self._states = {site.address.name: held[site.address.name] for site in sites}

    @property
    def states(self) -> dict[str, SiteState]:
        """The state of every site, by name, with every processed batch merged."""
        self.settle()
        return self._states

    def alike(self, length: int) -> tuple[int, ...]:
        """What the lengths of the sequences of a batch must have in common."""
        return self._loaded.alike(length)

    def long_notice(self, sequence: TokenSequence) -> str | None:
        """The notice for the first sequence that is longer than the model is made for; None otherwise."""
        positions = self._loaded.positions
        if self._long_told or positions is None or sequence.length <= positions:
            return None
        self._long_told = True
        words = (
            f"document {sequence.document} ({sequence.source}) has a sequence of {sequence.length:,} tokens, and the "
            f"model is made for {positions:,}: what it computes beyond them may mean little (--context {positions})"
        )
        if words not in self.notices:
            self.notices.append(words)
        return words

    def settle(self) -> None:
        """Finish merging every processed batch. GluscopeError if memory runs out."""
        mark = self._deferred.mark()
        try:
            self._finish()
        except (RuntimeError, MemoryError) as error:
            if not _is_out_of_memory(error):
                raise
            raise _torn(self._deferred.drop(mark) or "the states were completed") from error

    def _finish(self) -> None:
        with torch.inference_mode():
            self._deferred.finish()

    def blank(self, name: str) -> SiteState:
        """An empty state of its own for the site with this name."""
        stack, place = self._places[name]
        return self._stack(replace(stack, sites=stack.sites[place : place + 1])).states[0]

    def _together(self, site: Site) -> int:
        """How many dense sites of the same form are merged at once.

        On a GPU, launching the small operations of a merge takes the host longer than running them takes the device,
        so several sites share them. Large sites don't: they keep the device busy, and side by side means a copy.
        """
        device = home(site.device)
        if not follows(device) or (device.type == "cpu" and self._engines.on(device) is not self._engines.tensors):
            return 1
        memory = torch.cuda.get_device_properties(device).total_memory if device.type == "cuda" else _TOGETHER * _SHARE
        tokens = self._settings.batch_tokens or self._settings.context
        value: torch.dtype = getattr(torch, self._loaded.dtype)
        room: int = min(_TOGETHER, memory // _SHARE)
        own = tokens * site.width * len(QUANTITIES) * value.itemsize
        return 1 if own >= _ALONE else max(1, room // own)

    def _stack(self, of: SiteStack) -> Stack:
        site = of.sites[0]
        shape = form(site.width, sign_preserving=site.sign_preserving, keep_act=twin(site.activation) is None)
        device = home(site.device)
        return Stack(shape, self._settings, device, self._engines.on(device), of.experts, len(of.sites))

    def proof_error(self, name: str) -> float | None:
        """The identity error of the site with this name; None before it was proven."""
        return self.identity_errors.get(self._proven_as(name))

    def restore(self, saved: Saved) -> None:
        """Go on from a checkpoint."""
        saved.restore(self._states, self.sample)
        self.identity_errors = dict(saved.mark.identity_errors)
        self.notices = list(saved.mark.notices)

    def take_notices(self, notices: Iterable[str]) -> None:
        """Keep notices of another part of the run, each once."""
        self.notices += [notice for notice in dict.fromkeys(notices) if notice not in self.notices]

    def take_proof(self, name: str, error: float) -> None:
        """Mark the site with this name as proven, with this identity error."""
        self.identity_errors[self._proven_as(name)] = error

    def _proven_as(self, name: str) -> str:
        """The name under which a site is proven: routed experts are proven as one layer."""
        stack, _ = self._places[name]
        return name if stack.layer is None else stack.name

    def process(self, batch: Batch) -> None:
        """Run the model on a batch and merge it.

        If memory runs out, this batch and later ones go through in pieces. GluscopeError for a site that
        can't be proven, a value that is NaN or infinite, or a single sequence that doesn't fit in memory.
        """
        ids = torch.from_numpy(batch.ids)  # sequence position
        view = self._view(batch, ids)
        rows = len(ids)
        if self._rows_at_once is not None:
            rows = max(1, min(rows, self._rows_at_once // ids.shape[1]))
        for start in range(0, len(ids), rows):
            self._feed(batch, ids, view, slice(start, min(start + rows, len(ids))), frozenset())

    @property
    def in_step(self) -> bool:
        """Whether a batch is merged when `process` returns, so that the time it takes can be measured."""
        return not any(follows(state.count.device) for state in self._states.values())

    def bare_seconds(self, batch: Batch) -> float:
        """How long the model's body alone takes for a batch."""
        ids = torch.from_numpy(batch.ids)  # sequence position
        mask = torch.arange(ids.shape[1]) < torch.from_numpy(batch.lengths)[:, None]
        rows = len(ids) if self._rows_at_once is None else max(1, self._rows_at_once // ids.shape[1])
        started = time.monotonic()
        for start in range(0, len(ids), rows):
            part = slice(start, start + rows)
            run_body(self._loaded, ids[part], mask[part].to(torch.int64), tuple(self._sites.values()))
        return time.monotonic() - started

    def _feed(self, batch: Batch, ids: Tensor, view: BatchView, rows: slice, before: frozenset[str]) -> None:
        """Merge some rows of a batch into every site that isn't in `before`, in halves if memory runs out."""
        fed = set(before)
        mark = self._deferred.mark()
        try:
            self._forward(batch, ids, view, rows, fed)
            if self._rows_at_once is not None:  # memory is short
                self._finish()
            return
        except (RuntimeError, MemoryError) as error:
            if not _is_out_of_memory(error):
                raise
            torn = [_taking(name, state.count.device, batch) for name, state in self._states.items() if state.torn]
            if lost := self._deferred.drop(mark) or next(iter(torn), None):
                raise _torn(lost) from error
            alone = not mark
            if alone and rows.stop - rows.start == 1:
                raise GluscopeError(
                    f"a sequence of {ids.shape[1]:,} tokens doesn't fit in the memory of {self._loaded.device}",
                    "use a smaller --context, fewer --layers, or --device-map auto to spread the model",
                ) from error
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        if not alone:  # once more, without the memory that earlier batches hold
            self.settle()
            self._feed(batch, ids, view, rows, frozenset(fed))
            return
        half = (rows.stop - rows.start) // 2
        self._rows_at_once = half * ids.shape[1]
        if not any(notice.startswith(_SHORT) for notice in self.notices):
            self.notices.append(f"{_SHORT} in batch {batch.number}: batches are run in pieces from there on")
        for piece in (slice(rows.start, rows.start + half), slice(rows.start + half, rows.stop)):
            self._feed(batch, ids, view, piece, frozenset(fed))

    def _forward(self, batch: Batch, ids: Tensor, view: BatchView, rows: slice, fed: set[str]) -> None:
        """Run the model on some rows; the names of the sites that took them all are added to `fed`."""
        at_rows = view.rows(rows)
        views = {device: at_rows.to(device) for device in {state.count.device for state in self._states.values()}}

        begun: set[str] = set()
        waiting: dict[str, _Waiting] = {}

        def is_new(name: str, stack: str) -> bool:
            if stack in fed or name in begun:
                return False
            begun.add(name)
            return True

        def merge(name: str, values: Activations, routing: Routing | None = None) -> None:
            stack = self._stacks[name]
            device = stack.count.device
            values = Activations(*(value.to(device) for value in values))
            to = None if routing is None else Routing(*(at.to(device) for at in routing))

            def all_steps() -> Steps:
                try:
                    yield from stack.steps(values, views[device], to)
                except NonFiniteError as error:
                    part = self._parts[name]
                    where = part.sites[error.site].address.name if part.layer is None else name
                    raise self._infinite(where, batch.sequences[rows.start + error.row]) from error
                fed.add(name)

            if follows(device):
                self._deferred.take(stack, _taking(name, device, batch), all_steps(), values.nbytes)
            else:
                at_once(all_steps())

        def observe(site: Site, gate: Tensor, in_: Tensor, post: Tensor) -> None:
            name = site.address.name
            stack, place = self._places[name]
            if not is_new(name, stack.name):
                return
            if name not in self.identity_errors:
                self.identity_errors[name] = prove(site, gate, in_, post)
            # a shared expert may be given the tokens of all sequences in one row
            whole = Activations(*(at.view(*ids[rows].shape, -1) for at in (gate, in_, act(site, gate), post)))
            if len(stack.sites) > 1:
                if stack.name not in waiting:
                    waiting[stack.name] = _Waiting(len(stack.sites), whole)
                if not waiting[stack.name].put(place, whole):
                    return
                whole = waiting.pop(stack.name).values
            merge(stack.name, whole)

        def observe_experts(layer: ExpertLayer, routed: Routed) -> None:
            if not is_new(layer.name, layer.name):
                return
            if layer.name not in self.identity_errors:
                self.identity_errors[layer.name] = prove_experts(layer, routed)
            values = Activations(routed.gate, routed.in_, routed.act, routed.post)
            merge(layer.name, values, Routing(routed.expert, routed.token, routed.reached))

        mask = torch.arange(ids.shape[1]) < torch.from_numpy(batch.lengths)[rows, None]
        sites = tuple(self._sites.values())
        dense, layers = dense_sites(sites), expert_layers(sites)
        with capture_act(dense) as act, capture(dense, observe), capture_experts(layers, observe_experts):
            run_body(self._loaded, ids[rows], mask.to(torch.int64), sites)
        if waiting:
            raise RuntimeError(f"sites of {', '.join(waiting)} were not run")

    def _infinite(self, where: str, sequence: TokenSequence) -> GluscopeError:
        return GluscopeError(
            f"{where}: a value is NaN or infinite in document {sequence.document} ({sequence.source})",
            how_to_mend_numbers(self._loaded.dtype),
        )

    def _view(self, batch: Batch, ids: Tensor) -> BatchView:
        return view_batch(
            ids.numpy(),
            batch.lengths,
            np.array([sequence.number for sequence in batch.sequences], dtype=np.int64),
            (
                np.array([sequence.document for sequence in batch.sequences], dtype=np.int64),
                np.array([sequence.part for sequence in batch.sequences], dtype=np.int64),
            ),
            self._settings,
            self.sample,
            batch.counted(self._settings.roles, self.left_out),
        )


class _Waiting:
    """The values of dense sites, side by side, until all of them are there."""

    def __init__(self, sites: int, like: Activations) -> None:
        self._room = Activations.side_by_side(sites, like)
        self._left = sites

    def put(self, place: int, values: Activations) -> bool:
        """Put the values of one site in their place; returns whether all sites are there."""
        for room, value in zip(self._room, values, strict=True):
            room[place].copy_(value)
        self._left -= 1
        return not self._left

    @property
    def values(self) -> Activations:
        """All of them: each `# sequence position neuron`, the sequences of one site after those of the other."""
        return Activations(*(room.flatten(0, 1) for room in self._room))


def _taking(name: str, device: torch.device, batch: Batch) -> str:
    return f"{name} took in batch {batch.number} on {device}"


def _torn(words: str) -> GluscopeError:
    return GluscopeError(
        f"memory ran out while {words}",
        "free some memory and run the same command again: it goes on from the last checkpoint",
    )


def _is_out_of_memory(error: Exception) -> bool:
    """Whether the error says that torch ran out of memory; torch has several such errors."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return any(words in str(error) for words in ("can't allocate memory", "not enough memory", "out of memory"))
