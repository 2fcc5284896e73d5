"""The facts about an index that don't depend on the neuron shown."""

from __future__ import annotations

from dataclasses import dataclass

from indexer.database.records import SiteRecord

from ...kept.files import file_name


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts about an index that the explorer needs."""

    path: str  # or its address
    model: str
    sites: tuple[SiteRecord, ...]
    rankings: tuple[str, ...]
    top_k: int
    complete: bool
    bos_counted: bool
    no_weights: str = ""  # the reason if there are none
    adds_weights: bool = True  # whether --weights-only can add them
    no_wiring: str = ""  # the same of its wiring
    weights: bool = False  # whether it holds what is computed from the weights
    columns: tuple[str, ...] = ()  # that its neurons have
    beside: str = ""  # the path of the index beside it

    @property
    def name(self) -> str:
        """The name of the index's file."""
        return file_name(self.path)
