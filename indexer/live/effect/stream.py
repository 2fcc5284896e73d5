"""The residual stream between layers: kept where a layer begins, so that runs of the layers above can start there.

Whether a model passes nothing else from layer to layer is tried, not believed: see `Stream.prove`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ...capture.proof import relative_error, tolerance
from ...models.forward import run_body
from ...models.loaded import LoadedModel
from ...sites import Site

_SAME_AS_ROUNDING = 4.0  # times the tolerance: several layers round


def run_whole(loaded: LoadedModel, ids: Tensor, real: Tensor) -> Tensor:
    """The body's last hidden states (# row position d_model) for ids (# row position); `real`: those not padding."""
    found: list[Tensor] = []

    def end(_module: nn.Module, _args: Any, output: Any) -> None:
        found.append(output[0])

    handle = loaded.model.register_forward_hook(end)
    try:
        run_body(loaded, ids, real.to(ids.dtype))
    finally:
        handle.remove()
    return found[0]


class Stream:
    """The stream at the entry of one layer."""

    def __init__(self, body: nn.Module, site: Site) -> None:
        """`site`: one of the layer's."""
        parts = site.path.split(".")
        place = next(number for number, part in enumerate(parts) if part.isdigit())
        layers = list(body.get_submodule(".".join(parts[:place])).children())
        number = int(parts[place])
        self.last = number == len(layers) - 1
        self._layer: Any = layers[number]
        self._below: list[Any] = layers[:number]
        self._more = False  # a layer below gives more than a tensor
        self.alone = False  # proven: nothing but the stream goes from layer to layer

    @contextmanager
    def kept(self, keep: Callable[[Tensor], None]) -> Iterator[None]:
        """Within the context, each run hands over the stream at the layer's entry."""

        def entered(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            stream = args[0] if args else kwargs.get("hidden_states")
            if isinstance(stream, Tensor):
                keep(stream.clone())  # a layer may add to it in place

        def left(_module: nn.Module, _args: Any, output: Any) -> None:
            self._more |= not isinstance(output, Tensor)

        with ExitStack() as stack:
            stack.callback(self._layer.register_forward_pre_hook(entered, with_kwargs=True).remove)
            for layer in self._below:
                stack.callback(layer.register_forward_hook(left).remove)
            yield

    @contextmanager
    def from_here(self, stream: Tensor) -> Iterator[None]:
        """Within the context, a run skips the layers below, and this layer begins with `stream`."""

        def entered(
            _module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
        ) -> tuple[tuple[Any, ...], dict[str, Any]]:
            return ((stream, *args[1:]), kwargs) if args else (args, {**kwargs, "hidden_states": stream})

        with ExitStack() as stack:
            stack.callback(self._layer.register_forward_pre_hook(entered, with_kwargs=True, prepend=True).remove)
            for layer in self._below:
                stack.enter_context(_passed_by(layer))
            yield

    def prove(self, loaded: LoadedModel, ids: Tensor, real: Tensor, stream: Tensor | None, expected: Tensor) -> None:
        """Run a batch from the kept stream, and compare the end (# row position d_model) with that of the whole run.

        Its rows run in another order, one of them twice, as altered rows will. Where the ends differ, the run fails, or
        layers give more than a tensor (which could be unpacked by mistake), `alone` stays False: the model passes more
        than the stream.
        """
        if self._more or stream is None or stream.shape[:-1] != ids.shape:
            return
        rows = torch.tensor([*reversed(range(len(ids))), 0])
        try:
            with self.from_here(stream[rows.to(stream.device)]):
                found = run_whole(loaded, ids[rows], real[rows])
        except Exception:  # a model may fail in any way without what its lower layers give: the whole run is right
            return
        expected = expected[rows.to(expected.device)]
        if found.shape == expected.shape:
            allowed = _SAME_AS_ROUNDING * tolerance(found.dtype)
            self.alone = relative_error(found.to(expected.device), expected) <= allowed


@contextmanager
def _passed_by(layer: Any) -> Iterator[None]:
    """Within the context, a layer gives the stream that enters it."""
    own = vars(layer).get("forward")  # the hook of a model spread over devices

    def forward(*args: Any, **kwargs: Any) -> Any:
        return args[0] if args else kwargs["hidden_states"]

    layer.forward = forward
    try:
        yield
    finally:
        if own is None:
            del layer.forward
        else:
            layer.forward = own


def unaltered_stay(change: Tensor, altered: Tensor, scale: Tensor) -> bool:
    """Whether last hidden states changed (# row position d_model) at no position (# row position) but altered ones."""
    elsewhere = change.float().abs().amax(-1)[~altered]
    return not elsewhere.numel() or bool(elsewhere.max() <= tolerance(change.dtype) * scale.float().abs().max())
