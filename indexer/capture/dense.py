"""Reading gate, in and post of gated MLPs with plain hooks while a model runs, and running no more than is needed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from transformers import masking_utils

from ..devices import upload
from ..sites import Site, is_encoder_decoder
from ..sites.experts import ExpertSite

if TYPE_CHECKING:
    from ..models.load import LoadedModel

Observe = Callable[[Site, Tensor, Tensor, Tensor], None]
"""Takes site, gate, in, post, each `# batch position neuron`, in the model's dtype. They are the model's own tensors:
read them at once, don't write to them, and copy what is to be kept."""


@contextmanager
def capture(sites: Iterable[Site], observe: Observe) -> Iterator[None]:
    """Within the context, every run of the model calls `observe` once a site, as soon as its post is computed.

    Nothing is computed twice and nothing copied: gate and in are the outputs of their linear maps (gate scaled or in
    clamped only where the module does so), post is what enters the down projection, or a norm in front of it. Nothing
    stays registered, even after an exception.
    """
    with ExitStack() as stack:
        for site in sites:
            for handle in _register(site, observe):
                stack.callback(handle.remove)
        yield


def _register(site: Site, observe: Observe) -> list[torch.utils.hooks.RemovableHandle]:
    seen: dict[str, Tensor] = {}

    def keep(name: str) -> Callable[[nn.Module, Any, Tensor], None]:
        def hook(_module: nn.Module, _args: Any, output: Tensor) -> None:
            seen[name] = output

        return hook

    def before_down(_module: nn.Module, args: tuple[Tensor, ...]) -> None:
        if site.fused:
            gate, in_ = site.halves(seen.pop("both"))  # batch position neuron
        else:
            gate, in_ = seen.pop("gate"), seen.pop("in")  # batch position neuron
        if site.gate_scale != 1.0:
            gate = gate * site.gate_scale
        observe(site, gate, in_ if site.factor is None else site.factor(in_), args[0])

    if site.fused:
        kept = [site.gate.register_forward_hook(keep("both"))]
    else:
        kept = [site.gate.register_forward_hook(keep("gate")), site.in_.register_forward_hook(keep("in"))]
    return [*kept, site.entry.register_forward_pre_hook(before_down)]


Act = Callable[[Site, Tensor], Tensor]


@contextmanager
def capture_act(sites: Iterable[Site]) -> Iterator[Act]:
    """Within the context, a function from (site, gate) to act: the model's own, where it has just computed it.

    Where the activation is no module, or was not run on that very gate, it is computed.
    """
    seen: dict[nn.Module, tuple[Tensor, Tensor]] = {}

    def hook(module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> None:
        seen[module] = args[0], output

    def act(site: Site, gate: Tensor) -> Tensor:
        if isinstance(site.act_fn, nn.Module) and (found := seen.pop(site.act_fn, None)) is not None:
            entered, left = found
            if entered.data_ptr() == gate.data_ptr() and entered.shape == gate.shape and left.shape == gate.shape:
                return left
        return site.act_fn(gate)

    with ExitStack() as stack:
        for module in {site.act_fn for site in sites if isinstance(site.act_fn, nn.Module)}:
            stack.callback(module.register_forward_hook(hook).remove)
        yield act


class _Finished(Exception):
    """Raised inside a forward pass to leave it: everything wanted has been seen."""


def run_body(
    loaded: LoadedModel, ids: Tensor, attention_mask: Tensor | None = None, sites: Sequence[Site] = ()
) -> None:
    """Run the model's body on `ids` (# batch position, padded on the right), up to the product of the last of `sites`.

    No language-model head, no cache of keys and values, no gradients. `attention_mask` (# batch position, 1 for real
    tokens) is used only where it matters: a causal model's tokens never see the padding to their right, so its values
    there are exact without one, and the faster kernels without a mask can be used. Both stacks of an encoder-decoder
    read the same ids. The sequences must be `alike` in length, as the model has it.
    """
    model = loaded.model
    inputs = {"input_ids": ids}
    if not loaded.causal and attention_mask is not None and not bool(attention_mask.all()):
        inputs["attention_mask"] = attention_mask
    if is_encoder_decoder(model):
        inputs |= _two_stacks(loaded, ids, inputs.get("attention_mask"))
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode())
        stack.enter_context(_unpacked())
        if loaded.tables is not None:
            loaded.tables.reset()
        for handle in _stops(sites):
            stack.callback(handle.remove)
        with suppress(_Finished):
            model(**{name: upload(t, torch.device(loaded.device)) for name, t in inputs.items()}, use_cache=False)


@contextmanager
def _unpacked() -> Iterator[None]:
    """Within the context, the library takes it for known that no row holds several sequences.

    Otherwise it looks at the positions of every batch, and a GPU's host has to wait for what it finds.
    """
    held: Any = masking_utils
    usual = getattr(held, "find_packed_sequence_indices", None)
    if usual is None:
        yield
        return
    held.find_packed_sequence_indices = lambda _positions: None
    try:
        yield
    finally:
        held.find_packed_sequence_indices = usual


def _two_stacks(loaded: LoadedModel, ids: Tensor, mask: Tensor | None) -> dict[str, Tensor]:
    """What the decoder reads: the same ids, so that a position is the same token in both stacks.

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
    """Hooks that leave the pass once all sites of the last site's layer were run, in whatever order they are."""
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
        entry.register_forward_hook(reached)
        if isinstance(site, ExpertSite)
        else entry.register_forward_pre_hook(reached)
        for entry, site in ends.items()
    ]
