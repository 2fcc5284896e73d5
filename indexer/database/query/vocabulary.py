"""The tokens of the model's vocabulary, by their texts; and which texts are none."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from ..format.folding import fold
from ..format.kinds import COUNT, LONG_TEXT, TOKEN
from ..read.connection import Connection
from .sought import Sought

_LONGEST = 64  # characters of a text whose beginnings are tried

Shown = Callable[[str], str]
"""How a token's text is shown; a token is found by that, too."""


class Vocabulary:
    """The table `token_texts` of an index; an older one has no such table."""

    def __init__(self, connection: Connection, size: int | None) -> None:
        """`size`: how many tokens the vocabulary has (`weights.vocabulary` of info); None: the table names only tokens
        of the index."""
        self._connection = connection
        self._size = size

    @property
    def is_whole(self) -> bool:
        """Whether all tokens of the model are known, so that a text that is not found is no token."""
        return self._size is not None and self._there

    @cached_property
    def _there(self) -> bool:
        return "token_texts" in self._connection.tables

    def tokens(self, sought: Sought, shown: Shown | None = None) -> list[int]:
        """The tokens that are meant, ascending.

        A text that no token has is also looked for among the tokens' texts as they are `shown`.
        """
        if not self._there:
            return []
        rows = self._connection.rows(
            f"SELECT token FROM token_texts WHERE {sought.condition('folded')}", (COUNT,), sought.bounds
        )
        found = {row[0] for row in rows}
        if not found and shown is not None and not sought.text.isascii():
            every = self._connection.rows("SELECT folded, token FROM token_texts", (LONG_TEXT, COUNT))
            found = {token for folded, token in every if fold(shown(folded)) == sought.folded}
        elif sought.exact:
            found = {token for token, text in self._texts(found).items() if sought.means(text)}
        return sorted(found)

    def has(self, text: str) -> bool:
        """Whether a token has this text, in any case and with any blanks around it."""
        return bool(self.tokens(Sought(text)))

    def longest_beginning(self, text: str) -> str:
        """The longest beginning of a text that is a token; "" if none is."""
        own = text.strip(" ")[:_LONGEST]
        return next((own[:end] for end in range(len(own) - 1, 1, -1) if self.has(own[:end])), "")

    def _texts(self, tokens: set[int]) -> dict[int, str]:
        """The texts of those tokens that the index uses: of others it keeps no exact text."""
        rows = self._connection.rows_among("SELECT id, bytes FROM tokens WHERE id IN", (COUNT, TOKEN), sorted(tokens))
        return {token: data.decode(errors="replace") for token, data in rows}
