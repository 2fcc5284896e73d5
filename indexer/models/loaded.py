"""A loaded model: its body, its tokenizer, and where it came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .source import ModelSource

if TYPE_CHECKING:
    from torch import nn

    from .length_tables import LengthTables


@dataclass(frozen=True, slots=True, eq=False)
class Origin:
    """The source of a loaded model."""

    source: ModelSource
    config: Any  # of the whole model, with its head
    arguments: dict[str, Any]  # of every from_pretrained


@dataclass(frozen=True, slots=True, eq=False)
class LoadedModel:
    """A model ready to read text, and its provenance."""

    model: nn.Module  # the text body, in eval mode: token ids to hidden states, no language-model head
    tokenizer: Any
    name: str  # for display: the hub id, or the name of the folder or file
    revision: str | None  # the hub's commit
    architecture: str  # e.g. LlamaForCausalLM
    model_type: str  # e.g. llama
    dtype: str  # of the weights, e.g. bfloat16
    device: str  # where token ids go
    causal: bool  # a token sees only the tokens before it
    fingerprint: str
    origin: Origin | None = None
    runs: Mapping[str, int] = field(default_factory=dict)  # path of a site -> how often a pass over text runs it
    displaced: frozenset[str] = frozenset()  # paths of the sites whose values don't lie by sequence and position
    decoder_start: int | None = None  # of an encoder-decoder: the token its decoder begins with
    hides_start: bool = False  # that token isn't one of the encoder's
    notices: tuple[str, ...] = ()  # notices about how it runs
    tables: LengthTables | None = None  # its rotary positions, if they depend on a sequence's length
    positions: int | None = None  # number of tokens that it is made for

    @property
    def location(self) -> str | None:
        """Where it was loaded from: the absolute path of a folder or file, or a hub id; None if it isn't known."""
        return None if self.origin is None else self.origin.source.whereabouts

    @property
    def length_kinds(self) -> tuple[str, ...]:
        """Its rotary positions that depend on a sequence's length, as part of an index's identity."""
        return () if self.tables is None else tuple(self.tables.names)

    def alike(self, length: int) -> tuple[int, ...]:
        """The property that the sequences of a batch must share to be read as if each ran alone."""
        return () if self.tables is None else self.tables.table(length)
