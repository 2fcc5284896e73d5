"""Runs a model's body, no further than is needed."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ..devices import upload
from ..sites import Site, is_encoder_decoder
from ..transformers_internals import rows_unpacked

if TYPE_CHECKING:
    from .loaded import LoadedModel


class _Finished(Exception):
    """Raised inside a forward pass to leave it once all wanted values have been seen."""


def run_body(
    loaded: LoadedModel, ids: Tensor, attention_mask: Tensor | None = None, sites: Sequence[Site] = ()
) -> None:
    """Run the model's body on `ids` (# batch position, padded on the right), up to the product of the last of `sites`.

    No language-model head, no cache of keys and values, no gradients. `attention_mask` (# batch position, 1 for real
    tokens) is used only if it matters: a causal model's tokens never see the padding to their right, so its values
    are exact without a mask, and faster kernels can be used. Both stacks of an encoder-decoder
    read the same ids. The lengths of the sequences must be `alike` for the model.
    """
    model = loaded.model
    inputs = {"input_ids": ids}
    if not loaded.causal and attention_mask is not None and not bool(attention_mask.all()):
        inputs["attention_mask"] = attention_mask
    if is_encoder_decoder(model):
        inputs |= _two_stacks(loaded, ids, inputs.get("attention_mask"))
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode())
        stack.enter_context(rows_unpacked())
        if loaded.tables is not None:
            loaded.tables.reset()
        for handle in _stops(sites):
            stack.callback(handle.remove)
        with suppress(_Finished):
            model(**{name: upload(t, torch.device(loaded.device)) for name, t in inputs.items()}, use_cache=False)


def _two_stacks(loaded: LoadedModel, ids: Tensor, mask: Tensor | None) -> dict[str, Tensor]:
    """The ids that the decoder reads: the same, so that a position is the same token in both stacks.

    A first token that only decoders begin with is hidden from the encoder.
    """
    mask = torch.ones_like(ids) if mask is None else mask
    inputs = {"decoder_input_ids": ids, "decoder_attention_mask": mask, "attention_mask": mask}
    if loaded.hides_start:
        hidden = mask.clone()
        hidden[:, 0] *= ids[:, 0] != loaded.decoder_start
        inputs["attention_mask"] = hidden
    return inputs


def _stops(sites: Sequence[Site]) -> list[torch.utils.hooks.RemovableHandle]:
    """Hooks that leave the pass once all sites of the last site's layer have run, in whatever order they run."""
    if not sites:
        return []
    last = sites[-1].address
    ends = {site.entry: site for site in sites if (site.address.stack, site.address.layer) == (last.stack, last.layer)}
    left = set(ends)

    def reached(module: nn.Module, *_: Any) -> None:
        left.discard(module)
        if not left:
            raise _Finished

    # registered after capture's hook on the same module, so it runs after it; experts are observed inside their module
    return [
        entry.register_forward_hook(reached) if site.observed_inside else entry.register_forward_pre_hook(reached)
        for entry, site in ends.items()
    ]
