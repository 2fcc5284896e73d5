"""Reads gate, in, act and post of experts that a class runs in its own way, from the products that it computes.

Such classes call no module between their projections. While one runs, every product of matrices is watched: the output
of the first is gate and up, the input of the last is post.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from ..sites.experts import ExpertLayer
from .routed import ObserveExperts, Routed


class _Product(NamedTuple):
    """One product of matrices."""

    entered: Tensor
    left: Tensor


class _Products(TorchFunctionMode):
    """Within the context, every product of matrices, in order. Some may be given another input."""

    _WATCHED = (functional.linear, torch.bmm, torch.matmul, Tensor.matmul)

    def __init__(self, instead: Mapping[int, Tensor] | None = None) -> None:
        """`instead`: the inputs of some products, by their place."""
        super().__init__()
        self.seen: list[_Product] = []
        self._instead = instead or {}

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func not in self._WATCHED:
            return func(*args, **(kwargs or {}))
        entered = self._instead.get(len(self.seen), args[0])
        found = func(entered, *args[1:], **(kwargs or {}))
        self.seen.append(_Product(entered, found))
        return found


@contextmanager
def capture_looped(layers: Iterable[ExpertLayer], observe: ObserveExperts) -> Iterator[None]:
    """Like `capture_experts`, for layers with a looped form. Only act is recomputed; nothing stays registered."""
    with ExitStack() as stack:
        for layer in layers:
            _watch(stack, layer, observe)
        yield


def _watch(stack: ExitStack, layer: ExpertLayer, observe: ObserveExperts) -> None:
    module: Any = layer.module
    usual = module.forward
    reading = _READ[type(module).__name__]

    def forward(*args: Any, **kwargs: Any) -> Any:
        with _Products() as products:
            given = usual(*args, **kwargs)
        routed = reading.read(layer, args, products.seen)
        changed = observe(layer, routed)
        if changed is None:
            return given
        with _Products(_instead(products.seen, reading.posts(layer), routed, changed)):
            return usual(*args, **kwargs)

    own = vars(module).get("forward")  # the hook of a model spread over devices
    module.forward = forward
    if own is None:
        stack.callback(delattr, module, "forward")
    else:
        stack.callback(setattr, module, "forward", own)


def _instead(seen: list[_Product], posts: slice, routed: Routed, changed: Tensor) -> dict[int, Tensor]:
    """The inputs of the down projections, by the product's place, if the rows of `routed` have the posts `changed`."""
    places = range(len(seen))[posts]
    old = [seen[place].entered for place in places]
    if not old:
        return {}
    rows = [one.reshape(-1, one.shape[-1]) for one in old]
    if routed.source is not None:
        whole = torch.cat(rows)
        whole[routed.source] = changed
        changed = whole
    parts = torch.split(changed, [len(one) for one in rows])
    return {place: part.reshape(one.shape) for place, part, one in zip(places, parts, old, strict=True)}


def _routed(
    layer: ExpertLayer, args: Sequence[Any], gate_up: list[tuple[Tensor, Tensor]], posts: list[Tensor]
) -> Routed:
    """For a loop over the experts that tokens are routed to, which gives each its rows by choice and token."""
    hidden, index, weights = args[:3]
    expert, order = torch.sort(index.T.reshape(-1), stable=True)
    count = sum(len(post) for post in posts)  # rows of experts beyond the last, which compute nothing, come after
    expert, order = expert[:count], order[:count]
    weight = weights.T.reshape(-1)[order]
    hidden = hidden.reshape(-1, hidden.shape[-1])
    return _put(layer, hidden, expert, order % len(hidden), weight != 0, gate_up, posts)._replace(weight=weight)


def _put(
    layer: ExpertLayer,
    hidden: Tensor,
    expert: Tensor,
    token: Tensor,
    reached: Tensor,
    gate_up: list[tuple[Tensor, Tensor]],
    posts: list[Tensor],
    source: Tensor | None = None,
) -> Routed:
    """The rows of all products (each row neuron) side by side; act is computed product by product, as the model did."""
    if not posts:  # no token was routed to any expert
        none = hidden.new_zeros(0, layer.width)
        return Routed(hidden, expert, token, reached, none, none, none, none, source)
    gates = [gate for gate, _ in gate_up]
    factors = [layer.form.factor(layer.module, up) for _, up in gate_up]
    acts = [layer.act_fn(gate) for gate in gates]
    gate, in_, act, post = (torch.cat(parts) for parts in (gates, factors, acts, posts))
    return Routed(hidden, expert, token, reached, gate, in_, act, post, source)


def _in_pairs(layer: ExpertLayer, args: Sequence[Any], products: list[_Product]) -> Routed:
    """Gate and up as halves of one product, then the down projection; one expert after another."""
    halves = [layer.form.split(one.left) for one in products[::2]]
    return _routed(layer, args, halves, [one.entered for one in products[1::2]])


def _in_threes(layer: ExpertLayer, args: Sequence[Any], products: list[_Product]) -> Routed:
    """Gate, up and down projection; one expert after another."""
    both = [(gate.left, up.left) for gate, up in zip(products[::3], products[1::3], strict=True)]
    return _routed(layer, args, both, [one.entered for one in products[2::3]])


def _on_every_token(layer: ExpertLayer, args: Sequence[Any], products: list[_Product]) -> Routed:
    """All experts at once on all tokens, each times its routing weight, which is 0 where it isn't routed."""
    (entered,) = args
    first, second = products
    tokens = len(entered) // layer.count
    reached = entered.any(dim=-1).nonzero()[:, 0]  # row
    gate, up = layer.form.split(first.left.reshape(len(entered), -1)[reached])
    post = second.entered.reshape(len(entered), -1)[reached]
    every = torch.ones_like(reached, dtype=torch.bool)
    found = _put(layer, entered, reached // tokens, reached % tokens, every, [(gate, up)], [post], reached)
    return found._replace(weight=torch.ones_like(reached, dtype=post.dtype))  # what enters was multiplied by it


def _in_parallel(layer: ExpertLayer, args: Sequence[Any], products: list[_Product]) -> Routed:
    """The router, then the first projection of every expert, then the second."""
    held: Any = layer.module
    router, ends = products[0], products[1 : 1 + 2 * layer.count]
    hidden = args[0].reshape(-1, args[0].shape[-1])
    choice = router.left.float().topk(held.router.top_k, dim=1)[1]  # token choice, as the router chose
    expert, order = choice.flatten().sort(0)
    sizes = [len(one.left) for one in ends[: layer.count]]
    assert sizes == torch.bincount(expert, minlength=layer.count).tolist()
    halves = [layer.form.split(one.left) for one in ends[: layer.count]]
    every = torch.ones_like(expert, dtype=torch.bool)
    token = order.div(held.router.top_k, rounding_mode="trunc")
    return _put(layer, hidden, expert, token, every, halves, [one.entered for one in ends[layer.count :]])


class _Reading(NamedTuple):
    """How the products of a class are read, and which of them are those of the down projections."""

    read: Callable[[ExpertLayer, Sequence[Any], list[_Product]], Routed]
    posts: Callable[[ExpertLayer], slice]


_READ = {
    "LongcatFlashExperts": _Reading(_in_pairs, lambda _: slice(1, None, 2)),
    "Step3p7Experts": _Reading(_in_pairs, lambda _: slice(1, None, 2)),
    "DbrxExperts": _Reading(_in_threes, lambda _: slice(2, None, 3)),
    "Llama4TextExperts": _Reading(_on_every_token, lambda _: slice(1, 2)),
    "JetMoeMoE": _Reading(_in_parallel, lambda layer: slice(1 + layer.count, 1 + 2 * layer.count)),
}
"""Classes by name."""
