"""What finds the neurons of an index: one table of them, and the searches, each made when it is first asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from ..read.connection import Connection
from ..read.nearby import Nearby
from ..read.texts import Texts
from ..records import SiteRecord
from .search import Search
from .sought import Sought
from .table import Table
from .token_search import TokenSearch
from .vocabulary import Vocabulary
from .where import Holds


class Finding:
    """The table and the searches of an index. They share its connection and its texts."""

    def __init__(
        self,
        connection: Connection,
        nearby: Nearby,
        texts: Texts,
        sites: tuple[SiteRecord, ...],
        info: Mapping[str, Any],
    ) -> None:
        """`info`: the index's own, checked."""
        self._connection = connection
        self._nearby = nearby
        self._texts = texts
        self._sites = sites
        self._info = info

    @cached_property
    def table(self) -> Table:
        """All neurons as one table, whose conditions may ask the searches."""
        return Table(self._connection, self._nearby, self._holding)

    @cached_property
    def peaks(self) -> Search:
        """The search in what examples peak on, and in their contexts."""
        before, after = self._info["settings"]["window"]
        version = self._info.get("search", {}).get("version", 1)
        return Search(self._connection, self._nearby, self._texts, self._sites, (before, after), version)

    @cached_property
    def tokens(self) -> TokenSearch:
        """The search in the lists of tokens written and read."""
        return TokenSearch(self._connection, self._texts, self._sites, self.table, self.vocabulary)

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The tokens of the model, as far as the index knows them."""
        return Vocabulary(self._connection, self._info.get("weights", {}).get("vocabulary"))

    def _holding(self, condition: Holds) -> Sequence[int]:
        """The row numbers of the neurons that meet a condition such as writes('Paris')."""
        sought = Sought.read(condition.text, exact=False)
        if not condition.lists:
            return self.peaks.peaking(sought)
        return self.tokens.neurons(sought, condition.lists)
