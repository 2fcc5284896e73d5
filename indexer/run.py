"""A run's states, fed with batches: the model runs, and what each site computes is merged as it comes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from . import checkpoint
from .capture import capture, capture_act, run_body
from .database.activations import twin
from .errors import GluscopeError
from .models import LoadedModel
from .plan import Batch
from .proof import prove
from .reduction import Activations, Fuser
from .sample import PositionSample
from .settings import Settings
from .sites import Site
from .state import BatchView, NonFiniteError, SiteState, view_batch


class Run:
    """The state of every site of a model, and the positions they sample."""

    def __init__(self, loaded: LoadedModel, sites: Sequence[Site], settings: Settings, fuse: Fuser) -> None:
        self._loaded = loaded
        self._sites = sites
        self._settings = settings
        self._fuse = fuse
        self.identity_errors: dict[str, float] = {}
        self.sample = PositionSample(settings.sample)
        self.states = {
            site.address.name: SiteState(
                site.width,
                settings,
                sign_preserving=site.sign_preserving,
                keep_act=twin(site.activation) is None,
                device=next(site.down.parameters()).device,
            )
            for site in sites
        }

    def process(self, batch: Batch) -> None:
        """Run the model on a batch and merge it.

        GluscopeError for a site that can't be proven, or a value that is NaN or infinite.
        """
        views = self._views(batch)

        def observe(site: Site, gate: Tensor, in_: Tensor, post: Tensor) -> None:
            name = site.address.name
            if name not in self.identity_errors:
                self.identity_errors[name] = prove(site, gate, in_, post)
            values = Activations(gate.float(), in_.float(), act(site, gate).float(), post.float())
            try:
                self.states[name].add(values, views[self.states[name].count.device], self._fuse)
            except NonFiniteError as error:
                sequence = batch.sequences[error.row]
                raise GluscopeError(
                    f"{site.address}: a value is NaN or infinite in document {sequence.document} ({sequence.source})",
                    f"{self._loaded.dtype} may be too narrow for this model: try --dtype float32",
                ) from error

        ids = torch.from_numpy(batch.ids)  # batch position
        mask = (torch.arange(ids.shape[1]) < torch.from_numpy(batch.lengths)[:, None]).to(torch.int64)
        with capture_act(self._sites) as act, capture(self._sites, observe):
            run_body(self._loaded, ids, mask, self._sites[-1])

    def _views(self, batch: Batch) -> dict[torch.device, BatchView]:
        view = view_batch(
            batch.ids,
            batch.lengths,
            np.array([sequence.number for sequence in batch.sequences], dtype=np.int64),
            np.array([sequence.document for sequence in batch.sequences], dtype=np.int64),
            np.array([sequence.part for sequence in batch.sequences], dtype=np.int64),
            self._settings,
            self.sample,
        )
        return {device: view.to(device) for device in {state.count.device for state in self.states.values()}}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from a checkpoint's tensors."""
        checkpoint.restore(tensors, self.states, self.sample)
