"""The texts of GLUScope's data set as a model reads them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from ..errors import GluscopeError
from ..exchange.gluscope_data import Source, Text, read_texts
from ..sequences.cutting import Ids, cut
from ..sequences.sequences import TokenSequence
from ..sequences.tokenizer import text_encoder
from ..weights.unembedding import embeddings
from .model import LiveModel

_TOGETHER = 128  # texts that are encoded together


class DataSetTexts:
    """The texts of a data set as the model reads them; the number of a sequence is its row."""

    def __init__(self, source: Source, live: LiveModel) -> None:
        self._source = source
        self._live = live
        self._encode = text_encoder(live.loaded.tokenizer, live.settings.context)
        self.lengths = {one.number: one.length for one in self.used(None)}

    def counted(self) -> int:
        """The positions of all texts that are counted."""
        first = 0 if self._live.settings.count_first else 1
        return sum(max(0, length - first) for length in self.lengths.values())

    def used(self, numbers: Iterable[int] | None) -> Iterator[TokenSequence]:
        """The sequences of these numbers, which ascend; None: all. Texts without a token have none."""
        group: list[Text] = []
        for text in read_texts(self._source, None if numbers is None else list(numbers)):
            group.append(text)
            if len(group) == _TOGETHER:
                yield from self._sequences(group)
                group = []
        yield from self._sequences(group)

    def _sequences(self, group: list[Text]) -> Iterator[TokenSequence]:
        bare = [text.text for text in group if text.ids is None]
        encoded = iter(self._encode(bare) if bare else ())
        for text in group:
            ids = self._around(next(encoded)) if text.ids is None else self._own(text)
            if ids is not None:
                yield TokenSequence(text.row, text.document, text.part, ids, text.source)

    def _around(self, ids: Any) -> Ids | None:
        front, back = self._live.around
        pieces = cut(ids, front, self._live.settings.context, "truncate", back)
        return pieces[0] if pieces else None

    def _own(self, text: Text) -> Ids:
        """The token ids that the data set tells. GluscopeError for ids that the model doesn't have."""
        ids = np.asarray(text.ids, np.int64)
        rows = len(embeddings(self._live.loaded))
        if not len(ids) or ids.min() < 0 or ids.max() >= rows:
            raise GluscopeError(
                f"row {text.row} of the texts has token ids that {self._live.loaded.name} doesn't have",
                "name the model that the data set is of",
            )
        return ids.astype(np.int32)
