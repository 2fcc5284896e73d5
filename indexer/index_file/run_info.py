"""How an index was made, as its `info` keeps it under "run"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from ..database.bulk.stored import StoredIndex
from ..errors import GluscopeError
from .coverage import Coverage
from .identity import Identity


@dataclass(frozen=True, slots=True)
class RunInfo:
    """How an index was made."""

    identity: Identity
    finished: str  # when, ISO 8601 in UTC
    seconds: float
    tokens_per_second: float | None
    batches: int  # the most that a site was fed
    notices: tuple[str, ...]
    merged: int = 1  # indexes that were joined to it

    @classmethod
    def now(
        cls,
        identity: Identity,
        seconds: float,
        tokens: int,
        coverage: Coverage,
        notices: Sequence[str],
        merged: int = 1,
    ) -> RunInfo:
        """Of an index that is finished at this moment; `tokens` were read in `seconds`."""
        return cls(
            identity=identity,
            finished=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            seconds=round(seconds, 1),
            tokens_per_second=round(tokens / seconds, 1) if seconds else None,
            batches=max((len(batches.numbers) for batches in coverage.sites.values()), default=0),
            notices=tuple(notices),
            merged=merged,
        )

    def to_json(self) -> dict[str, Any]:
        """As an index keeps it."""
        return {
            "identity": self.identity.to_json(),
            "finished": self.finished,
            "seconds": self.seconds,
            "tokens_per_second": self.tokens_per_second,
            "batches": self.batches,
            "notices": list(self.notices),
            **({} if self.merged == 1 else {"merged": self.merged}),
        }

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> RunInfo:
        """Read the result of `to_json`. KeyError, TypeError or ValueError if it can't be one."""
        rate = saved["tokens_per_second"]
        return cls(
            identity=Identity.from_json(saved["identity"]),
            finished=str(saved["finished"]),
            seconds=float(saved["seconds"]),
            tokens_per_second=None if rate is None else float(rate),
            batches=int(saved["batches"]),
            notices=tuple(map(str, saved["notices"])),
            merged=int(saved.get("merged", 1)),
        )


def stored_run(stored: StoredIndex) -> RunInfo:
    """How a finished index was made. GluscopeError if gluscope can't have written that."""
    try:
        return RunInfo.from_json(stored.info["run"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise GluscopeError(
            f"{stored.path} is damaged: it doesn't say how it was made", "copy it again, or make it again"
        ) from error
