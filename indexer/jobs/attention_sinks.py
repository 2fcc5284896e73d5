"""The attention sinks of a run: looked for before its first batch, or as the index that is continued has them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from ..database.bulk.stored import StoredIndex
from ..database.format.sinks import SOME, Sinks, SinkToken
from ..errors import GluscopeError
from ..index_file.identity import Rules
from ..models.sinks import AHEAD, find_sinks
from ..progress import Progress
from ..run import checkpoint_file
from ..run.finished_index import Base
from ..sequences.sequences import Sequences
from ..sequences.tokenizer import token_bytes
from ..settings import DROP_SINKS
from .prepare import Job


def with_sinks(job: Job, read: Sequences, base: Base | None) -> Job:
    """The job with the sinks of the index that it continues, or those that the beginning of the text shows.

    Under `--sinks drop` an unfinished run goes on with the ones that it began with. GluscopeError if sinks are to be
    left out and can't be known.
    """
    drop = job.settings.sinks == DROP_SINKS
    if base is not None:
        found = _of_base(base)
    else:
        job.report(Progress("starting", message="looking for attention sinks"))
        beginning = read.beginning(AHEAD)
        try:
            spell = partial(token_bytes, job.loaded.tokenizer)
            found = find_sinks(job.loaded, job.sites, beginning, spell)
        except GluscopeError as error:
            if drop:
                raise
            found = error.cause
        if isinstance(found, Sinks) and drop and (before := _left_out_before(job)) is not None:
            found = _with_rules(found, before)
    left_out = found.rules if drop and isinstance(found, Sinks) else None
    return replace(job, sinks=found, identity=replace(job.identity, left_out=left_out))


def info(sinks: Sinks | str, positions: int) -> dict[str, Any]:
    """As an index keeps them, or why none are known. `positions`: how many of the text are sinks by the rules."""
    return {"reason": sinks} if isinstance(sinks, str) else replace(sinks, positions=positions).to_json()


def _of_base(base: Base) -> Sinks | str:
    with StoredIndex(base.path) as stored:
        saved = stored.info.get("sinks", {"reason": "this index was begun by an older version, which didn't look"})
    found = Sinks.from_json(saved)
    if found is None:
        return str(saved.get("reason", ""))
    before = base.run.identity.left_out
    return found if before is None else _with_rules(found, before)


def _left_out_before(job: Job) -> Rules | None:
    """The sinks that an unfinished run of the same settings leaves out."""
    try:
        if (saved := checkpoint_file.read(job.folder)) is None:
            return None
        before = checkpoint_file.read_identity(job.folder, saved).index
    except GluscopeError:  # whether it may be replaced is decided elsewhere
        return None
    same = (before.settings, before.weights) == (job.identity.settings, job.identity.weights)
    return before.left_out if same else None


def _with_rules(sinks: Sinks, rules: Rules) -> Sinks:
    """The sinks under the rules that a run began with, which another device may find differently."""
    found = {token.id: replace(token, rule=SOME) for token in sinks.found}
    for id_, rule in rules:
        found[id_] = replace(found.get(id_, SinkToken(id_, "", 0, 0, rule)), rule=rule)
    return replace(sinks, found=tuple(found.values()))
