"""The document: the unit that a corpus is made of."""

from __future__ import annotations

from dataclasses import dataclass, field

from .messages import Messages, characters


@dataclass(frozen=True, slots=True)
class Document:
    """One text of the corpus, or one conversation."""

    number: int  # 0-based, in the order of the input; empty documents have one too
    source: str  # the path, path:line or path:row it came from (lines and rows count from 1)
    text: str  # "" for a conversation
    messages: Messages | None = None  # of a conversation; rendered by a model's chat template
    read: int = field(default=0, compare=False)  # bytes of the corpus up to its end, as `Corpus.size` counts them

    @property
    def characters(self) -> int:
        """The length of its text, or of its messages' texts."""
        return len(self.text) if self.messages is None else characters(self.messages)
