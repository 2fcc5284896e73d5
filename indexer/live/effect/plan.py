"""What is measured for a row, and the text that it is measured on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ...addresses import NeuronAddress
from ...sequences.sequences import TokenSequence
from .request import Target
from .variant import Variant


@dataclass(frozen=True, slots=True, eq=False)
class Text:
    """The text that rows are measured on, if it isn't the index's contexts."""

    over: str  # text or prompt
    sequences: tuple[TokenSequence, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """The variants of one target: on the main text, on extreme contexts, and those of its controls."""

    target: Target
    main: Variant
    extremes: Variant | None
    controls: tuple[NeuronAddress, ...]
    compared: Mapping[NeuronAddress, Variant]  # the controls that aren't measured elsewhere

    @property
    def variants(self) -> list[Variant]:
        return [self.main, *([] if self.extremes is None else [self.extremes]), *self.compared.values()]
