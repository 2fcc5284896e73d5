"""One question about one text: `gluscope prompt`, and the same from Python."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from ..addresses import NeuronAddress
from ..database.reader import Index
from ..errors import GluscopeError
from ..library_errors import in_a_line
from ..progress import Report
from ..quadrants import QUADRANTS, Quadrant
from .model import silent
from .records import Prompted, Target
from .session import LiveSession, ReadText, where_needs_an_index
from .standing_out import Mask, Wish
from .targets import find_positions, find_target
from .text import special_tokens_in, why_no_messages


@dataclass(frozen=True, slots=True)
class Question:
    """Which rows are wanted of a text; the defaults of `gluscope prompt`."""

    at: str = "last"  # last, all, a position or a token's text
    neurons: tuple[NeuronAddress, ...] = ()  # these at each position, instead of those that stand out
    target: str | None = None  # None: the token that the model predicts there
    sort: str = "percentile"
    quadrants: tuple[Quadrant, ...] = QUADRANTS
    limit: int | None = 20  # rows a position
    layers: tuple[int, ...] | None = None
    where: str | None = None  # a condition on neurons
    signs: str = "aligned"


def demand_known(index: Index | None, question: Question) -> None:
    """GluscopeError for neurons, layers and a condition that an index doesn't have, before its model is loaded."""
    if index is None:
        if question.where is not None:
            raise where_needs_an_index()
        return
    for address in question.neurons:
        index.address(address)
    if question.layers is not None:
        _demand_layers(question.layers, {site.address.layer for site in index.sites})
    if question.where is not None:
        next(iter(index.rows(("neuron",), question.where, limit=1, signs=question.signs)), None)


def ask(
    session: LiveSession, text: str, question: Question, *, chat: bool = False, report: Report = silent
) -> Prompted:
    """Read a text and answer the question. GluscopeError for a text, position, target or neuron that can't be had."""
    neurons = tuple(session.neuron(address) for address in question.neurons)
    chosen = _chosen(session, question, neurons)
    target, notice = (None, None)
    if question.target is not None:
        target, notice = find_target(session.live.loaded.tokenizer, question.target)
    read = session.read(text, chat=chat)
    positions = find_positions(question.at, read.tokens, read.counted)
    wish = Wish(question.sort, None if neurons else question.limit, frozenset(question.quadrants), chosen)
    rows = read.rows(positions, wish, target, signs=question.signs, report=report)
    if neurons:
        order = {address: place for place, address in enumerate(neurons)}
        rows.sort(key=lambda row: (order[row.neuron], row.position))
    return Prompted(
        model=session.name,
        signs=question.signs,
        text=text,
        ids=tuple(read.ids),
        tokens=read.tokens,
        targets=_targets(read, positions, target),
        no_logit=session.no_logit,
        rows=tuple(rows),
        neurons=tuple(read.neuron(address, signs=question.signs) for address in neurons),
        notices=tuple(_notices(session, text, notice, chat=chat)),
    )


def _targets(read: ReadText, positions: tuple[int, ...], target: Target | None) -> tuple[tuple[int, Target], ...]:
    """The target at each position; none for a model that predicts no next token."""
    found = ((at, target if target is not None else read.predicted(at)) for at in positions)
    return tuple((at, one) for at, one in found if one is not None) if read.predicts else ()


def _chosen(session: LiveSession, question: Question, neurons: tuple[NeuronAddress, ...]) -> Mapping[str, Mask] | None:
    """The neurons to choose from, by site; None: all."""
    masks = session.masks(question.where, question.signs)
    sites = session.live.names
    if question.layers is not None:
        _demand_layers(question.layers, {site.address.layer for site in sites.values()})
        within = {name: np.full(site.width, site.address.layer in question.layers) for name, site in sites.items()}
        masks = within if masks is None else {name: mask & masks[name] for name, mask in within.items()}
    if neurons:
        named = {name: np.zeros(site.width, np.bool_) for name, site in sites.items()}
        for address in neurons:
            named[address.site.name][address.index] = True
        masks = named if masks is None else {name: mask & masks[name] for name, mask in named.items()}
    return masks


def _demand_layers(layers: Iterable[int], present: Collection[int]) -> None:
    if missing := [layer for layer in layers if layer not in present]:
        raise GluscopeError(f"layer {missing[0]} is not among the layers that are read", "see gluscope info")


def _notices(session: LiveSession, text: str, target: str | None, *, chat: bool) -> list[str]:
    """What must be said beside the rows."""
    found = [] if target is None else [target]
    if session.index is None:
        found.append("without an index there are no percentiles")
    if (reason := session.no_logit) is not None:
        found.append(f"no logits: {reason}")
    elif session.capped:
        found.append("this model caps its logits softly: effects are those before the cap")
    if chat and (why := why_no_messages(text)) is not None:
        found.append(f"the text begins like JSON messages and is read as one message of a user: {why}")
    if not chat and (names := special_tokens_in(session.live, text)):
        shown = in_a_line(", ".join(names[:3]))
        found.append(f"text is text: {shown} in it is not the special token of that name (--chat makes real ones)")
    return found
