"""What the process beside the explorer can be asked: a function for each, from a request to its answer.

To add one: write a function (state, request, report) -> answer, which takes its arguments with `take`, calls `report`
now and then (that is where it can be cancelled), and raises GluscopeError for what its asker can mend; then name it in
`REQUESTS`. Torch is imported by the functions, so that the process answers at once.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from .. import __version__
from ..errors import GluscopeError
from ..progress import Progress, Report
from ..quadrants import QUADRANTS, parse_quadrant
from .protocol import VERSION

if TYPE_CHECKING:
    from .records import Target
    from .session import LiveSession, ReadText

Value = TypeVar("Value")
Answer = dict[str, Any]


@dataclass(slots=True)
class State:
    """What the process holds: a model, and the text that it read last."""

    session: LiveSession | None = None
    read: ReadText | None = None

    @property
    def loaded(self) -> LiveSession:
        """GluscopeError if no model is loaded."""
        if self.session is None:
            raise GluscopeError("no model is loaded", "load one first")
        return self.session

    @property
    def text(self) -> ReadText:
        """GluscopeError if no text was read."""
        if self.read is None:
            raise GluscopeError("no text was read", "give a text first")
        return self.read


Handler = Callable[[State, dict[str, Any], Report], Answer]


def take(request: dict[str, Any], name: str, kind: type[Value], default: Any = ...) -> Value:
    """An argument of a request. GluscopeError if it is missing or of another type; None stands for the default."""
    value = request.get(name)
    if value is None and default is not ...:
        found: Value = default
        return found
    if type(value) is not kind:
        raise GluscopeError(f"the request needs {name} as {kind.__name__}", "the explorer and its process don't match")
    return value


def _hello(_state: State, _request: dict[str, Any], _report: Report) -> Answer:
    versions = {name: _version(name) for name in ("torch", "transformers")}
    return {"protocol": VERSION, "gluscope": __version__, **versions}


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _load(state: State, request: dict[str, Any], report: Report) -> Answer:
    from ..database.reader import Index
    from .model import Choice
    from .session import LiveSession

    options = {name: take(request, name, str, None) for name in ("model", "device_map", "revision")}
    choice = Choice(
        **options,
        dtype=take(request, "dtype", str, "auto"),
        device=take(request, "device", str, "auto"),
        trust_remote_code=take(request, "trust_remote_code", bool, False),
    )
    db = take(request, "db", str, None)
    if state.session is not None:
        state.session.close()
        state.session = state.read = None
    session = LiveSession(None if db is None else Index(db), choice, report)
    state.session = session
    loaded = session.live.loaded
    return {
        "model": session.name,
        "dtype": loaded.dtype,
        "device": loaded.device,
        "context": session.live.settings.context,
        "no_logit": session.no_logit,
        "capped": session.capped,
    }


def _prompt(state: State, request: dict[str, Any], _report: Report) -> Answer:
    read = state.loaded.read(take(request, "text", str), chat=take(request, "chat", bool, False))
    state.read = read
    return {"text": read.text, "ids": read.ids, "tokens": list(read.tokens), "counted": list(read.counted)}


def _neuron(state: State, request: dict[str, Any], _report: Report) -> Answer:
    from ..addresses import parse_neuron

    address = state.loaded.neuron(parse_neuron(take(request, "neuron", str)))
    return state.text.neuron(address, signs=take(request, "signs", str, "aligned")).as_object()


def _rows(state: State, request: dict[str, Any], report: Report) -> Answer:
    from .standing_out import Wish
    from .targets import find_target

    read, session = state.text, state.loaded
    signs = take(request, "signs", str, "aligned")
    position = take(request, "position", int)
    if position not in read.counted:
        raise GluscopeError(f"position {position} has no values", "choose another token")
    where = take(request, "where", str, None)
    asked = [parse_quadrant(str(one)) for one in take(request, "quadrants", list, list(QUADRANTS))]
    wish = Wish(
        sort=take(request, "sort", str, "percentile"),
        limit=take(request, "limit", int, None),
        quadrants=frozenset(asked),
        neurons=None if where is None else session.masks(where, signs),
    )
    named = take(request, "target", str, None)
    target, notice = (read.predicted(position), None) if named is None else _named_target(find_target, session, named)
    rows = read.rows([position], wish, target, signs=signs, report=report)
    return {
        "position": position,
        "target": None if target is None else asdict(target),
        "notice": notice,
        "rows": [row.as_object() for row in rows],
    }


def _named_target(find: Any, session: LiveSession, name: str) -> tuple[Target, str | None]:
    found: tuple[Target, str | None] = find(session.live.loaded.tokenizer, name)
    return found


def _effect(state: State, request: dict[str, Any], report: Report) -> Answer:
    from ..addresses import parse_neuron
    from .effect.answering import measured

    session = state.loaded
    if session.index is None:
        raise GluscopeError("an effect is measured on the contexts of an index", "open an index")
    options = {name: take(request, name, str) for name in ("quadrant", "to", "signs")}
    neuron = session.neuron(parse_neuron(take(request, "neuron", str)))
    return measured(session.live, session.index, neuron, options, take(request, "contexts", int), report)


def _cosines(state: State, request: dict[str, Any], report: Report) -> Answer:
    from ..addresses import parse_neuron
    from ..weights.between import cosines_between

    session = state.loaded
    one, other = (session.neuron(parse_neuron(take(request, name, str))) for name in ("one", "other"))
    report(Progress("cosines", message=f"reading the weights of {one} and {other}"))
    found = cosines_between(session.vectors, one, other)
    return {
        "one": str(one),
        "other": str(other),
        "model": session.live.loaded.location,
        "cosines": [[a, b, cosine] for (a, b), cosine in found.items()],
    }


REQUESTS: dict[str, Handler] = {
    "cosines": _cosines,
    "effect": _effect,
    "hello": _hello,
    "load": _load,
    "prompt": _prompt,
    "neuron": _neuron,
    "rows": _rows,
}
"""By the name in `do`; `cancel` and `bye` are the server's own."""
