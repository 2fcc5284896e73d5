"""What one wants to know when an index is made: how fast, how large, what stands out, and what to type next."""

from __future__ import annotations

from collections.abc import Iterator

from indexer.database.records import IndexInfo

from .info import size, state
from .numbers import counted, full_count, short_count

_SHOWN = 4  # sinks


def lines(info: IndexInfo, path: str) -> Iterator[str]:
    """The lines at the end of a run. `path`: of the index, as a shell takes it."""
    whole = "" if info.complete else f" ({state(info)})"
    yield f"{path} is ready{whole}: {full_count(info.neurons)} neurons, {size(info.size)}"
    yield _speed(info)
    some = any(site.tokens_counted for site in info.sites)
    if (said := _counted(info) if some else _nothing(info)) is not None:
        yield said
    if (sinks := _sinks(info)) is not None:
        yield sinks
    yield "next:"
    if some and info.telling_neuron is not None:
        yield f"  gluscope show {info.telling_neuron.name} --db {path}   # its most telling neuron"
    yield f"  gluscope tui --db {path}"
    yield f"  gluscope info --db {path}"


def _speed(info: IndexInfo) -> str:
    rate, share = info.run.get("tokens_per_second"), info.run.get("share_of_bare")
    often = f"{counted(info.corpus['tokens'], 'token')} in {counted(info.corpus.get('documents', 0), 'document')}"
    speed = "" if rate is None else f", {short_count(round(rate)) if rate >= 10 else f'{rate:.1f}'} tokens/s"
    return often + speed + ("" if share is None else f", about {share:.2f} of the bare model's speed")


def _counted(info: IndexInfo) -> str | None:
    """How much of a conversation was counted."""
    if info.settings.get("roles") is None:
        return None
    most = max((site.tokens_counted for site in info.sites), default=0)
    return f"counted: {counted(most, 'token')} that {' and '.join(info.settings['roles'])} said"


def _nothing(info: IndexInfo) -> str:
    """Why no token was counted."""
    nothing = "no token was counted, so every number is 0 or missing"
    if (roles := info.settings.get("roles")) is None:
        return f"{nothing}: sequences of one token count only with --count-first, and experts count what reaches them"
    seen = sorted(map(str, info.corpus.get("roles", ())))
    if not set(seen).isdisjoint(roles):
        return f"{nothing}: {' and '.join(roles)} said nothing that is counted"
    return f"{nothing}: no message is of {' or '.join(roles)}; the text has {', '.join(seen) or 'no role'}"


def _sinks(info: IndexInfo) -> str | None:
    if info.sinks is None or not info.sinks.found:
        return None
    shown = ", ".join(map(str, info.sinks.found[:_SHOWN]))
    more = f" and {len(info.sinks.found) - _SHOWN} more" if len(info.sinks.found) > _SHOWN else ""
    dropped = info.settings.get("sinks") == "drop"
    then = "they are left out, like position 0" if dropped else "they are counted; --sinks drop leaves them out"
    return f"attention sinks beside position 0: {shown}{more}; {then}"
