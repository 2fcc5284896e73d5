"""Reads an index: `Index(path).neuron("L12N345")`. Plain Python, so that a command starts at once."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..addresses import NeuronAddress, SiteAddress
from ..errors import GluscopeError
from ..progress import Report
from ..quadrants import QUADRANTS, Quadrant
from ..ranking import RANKINGS
from .format.kinds import BLOB, COUNT, FLAG, Kind
from .format.sinks import Sinks
from .read.addresses import check_neuron, find_site, read_neuron
from .read.connection import Connection, Interrupted, Row
from .read.examples import chosen, decode, known_rankings
from .read.imported import of_an_import
from .read.inflate import DamagedValue
from .read.nearby import Nearby
from .read.peak_places import PeakPlaces, peak_places
from .read.provenance import index_info, read_info, read_sites, telling_neuron
from .read.rows_of_site import rows_of_site, sampled_positions
from .read.sampled import sample_of
from .read.signs import aligned_quadrants
from .read.statistics import COLUMNS as NEURON_COLUMNS
from .read.statistics import KINDS, flipped, peak_entropies, quadrant_record, zero
from .read.texts import StoredSequence, Texts
from .read.unpacking import unpack_examples, unpack_sample
from .read.weights import Weights
from .records import (
    Example,
    Hit,
    IndexInfo,
    NeuronRecord,
    NeuronRow,
    NeuronWeights,
    Sample,
    SequenceRecord,
    SiteRecord,
    TokenHit,
)

if TYPE_CHECKING:
    from .query.finding import Finding
    from .query.layers import LayerRow
    from .query.search import Search
    from .query.table import Table
    from .query.vocabulary import Shown, Vocabulary

__all__ = ["SIGNS", "Index", "Interrupted"]

SIGNS = ("aligned", "raw")

_ALL = ", ".join(f'"{column}"' for column in NEURON_COLUMNS)


class Index:
    """A finished index, opened for reading. Threads may share it; close it, or use it in a `with`.

    Every method raises GluscopeError if the file turns out to be damaged, and Interrupted if another thread calls
    `interrupt` meanwhile.
    """

    def __init__(self, path: str | os.PathLike[str], report: Report = lambda _: None) -> None:
        """Open an index: a file, or an address on a server (https://, hf://), which is read as far as it is needed.

        `report` is told while much is fetched. GluscopeError if the index is missing, foreign, damaged or of a newer
        schema, or if the server doesn't give it.
        """
        self._connection = Connection(path, report)
        self._nearby = Nearby(self._connection)
        try:
            self._nearby.open()
        except BaseException:
            self._connection.close()
            raise
        self._texts = Texts(self._connection, self._nearby)
        self._weights = Weights(self._connection, self._texts)

    def __enter__(self) -> Index:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    def interrupt(self) -> None:
        """Stop another thread's read: it gets Interrupted."""
        self._connection.interrupt()

    @property
    def path(self) -> str:
        return self._connection.path

    @property
    def changed(self) -> str:
        """What happened to the file since it was opened. "replaced": another file has its path, this one can still be
        read; "overwritten": nothing more should be read from it; "": neither."""
        return self._connection.changed

    @cached_property
    def sites(self) -> tuple[SiteRecord, ...]:
        """The sites, in the order of the neurons' rows."""
        return read_sites(self._connection)

    @cached_property
    def neuron_count(self) -> int:
        return sum(site.width for site in self.sites)

    @property
    def model(self) -> str:
        """The model's name."""
        return str(self._info["model"]["name"])

    @property
    def complete(self) -> bool:
        """Whether the index holds the whole corpus; if not, `info` says how much it holds."""
        return bool(self._info["complete"])

    @property
    def imported(self) -> str:
        """What an index made from another tool's data set lacks; "" for one that gluscope measured."""
        return str(self._info.get("imported", {}).get("missing", ""))

    @property
    def rankings(self) -> tuple[str, ...]:
        """The rankings that this index keeps, in the order of RANKINGS."""
        return tuple(ranking for ranking in RANKINGS if ranking in self._info["rankings"])

    @property
    def telling_neuron(self) -> NeuronAddress | None:
        """The neuron to show first: it visits three quadrants or more, and has an extreme far from its mean."""
        return telling_neuron(self._connection, self._info)

    def info(self) -> IndexInfo:
        """The provenance of the index."""
        return index_info(self._connection, self._info, self.sites)

    def site(self, address: SiteAddress) -> SiteRecord:
        """The site of an address. If there is none, a GluscopeError that lists the existing ones."""
        return find_site(self.sites, self._info, address)

    def address(self, neuron: str | NeuronAddress) -> NeuronAddress:
        """The address of a neuron of this index. GluscopeError if it has no such neuron."""
        address = read_neuron(self.sites, self.telling_neuron, neuron) if isinstance(neuron, str) else neuron
        check_neuron(find_site(self.sites, self._info, address.site, address.index), address.index)
        return address

    def neuron(
        self,
        neuron: str | NeuronAddress,
        *,
        signs: str = "aligned",
        rankings: Iterable[str] | None = None,
        limit: int | None = None,
        quadrants: Iterable[Quadrant] | None = None,
        sample: bool = False,
        weights: bool = True,
    ) -> NeuronRecord:
        """A neuron's statistics and examples.

        `rankings`: which to return; None: all that the index keeps; `()`: statistics only. `limit`: the most examples
        for each ranking and quadrant. `quadrants`: which to return, named under the requested signs; None: all.
        `sample` adds that; `weights`: what the weights say, None if the index has nothing of it. Only the requested
        parts are decoded. GluscopeError for another part that the index lacks.
        """
        address = self.address(neuron)
        site = self.site(address.site)
        wanted_rankings = known_rankings(rankings, self.rankings)
        self._nearby.neuron(site.first_neuron + address.index)
        row = self._row(_ALL, "neurons", "id", site.first_neuron + address.index, KINDS)
        flip = _aligned(signs) and bool(flipped(row))
        asked = QUADRANTS if quadrants is None else tuple(quadrants)
        wanted = {quadrant.flipped if flip else quadrant for quadrant in asked}
        examples = self._examples(site, address, wanted_rankings, wanted, limit)
        entropy = peak_entropies(self._connection, site.first_neuron + address.index)
        try:
            stored = {
                quadrant: quadrant_record(row, quadrant, site.tokens_counted, examples[quadrant], entropy[quadrant])
                for quadrant in QUADRANTS
                if quadrant in wanted
            }
        except DamagedValue as error:
            raise self._connection.damaged(f"{address}: {error}") from error
        return NeuronRecord(
            neuron=address,
            model=self.model,
            signs=signs,
            flipped=flipped(row),
            tokens_counted=site.tokens_counted,
            tokens_corpus=int(self._info["corpus"]["tokens"]),
            zero=zero(row),
            quadrants=aligned_quadrants(stored) if flip else stored,
            sample=self.sample(address, signs=signs) if sample else None,
            weights=self.weights(address, signs=signs) if weights else None,
        )

    def site_rows(self, site: SiteAddress, *, signs: str = "aligned") -> list[NeuronRow]:
        """The narrow row of every neuron of a site, by index."""
        _aligned(signs)
        return rows_of_site(self._connection, self.site(site), signs)

    def rows(
        self,
        columns: Sequence[str],
        where: str | None = None,
        sort: str | None = None,
        descending: bool = True,
        limit: int | None = None,
        offset: int = 0,
        signs: str = "aligned",
    ) -> Iterator[Row]:
        """A tuple of these columns for each neuron that meets the condition `where`.

        `sort`: a column, or arithmetic over columns; ties keep the order of the model, and neurons without a value come
        last. None: the order of the model. Columns and conditions: docs/commands.md. GluscopeError for anything else.
        """
        _aligned(signs)
        return self.table.rows(columns, where, sort, descending=descending, limit=limit, offset=offset, signs=signs)

    def count(self, where: str | None = None, *, signs: str = "aligned") -> int:
        """How many neurons meet a condition; None: the number of all neurons."""
        _aligned(signs)
        return self.table.count(where, signs=signs)

    def layers(self, *, signs: str = "aligned") -> list[LayerRow]:
        """A summary of each site, in the order of the model."""
        from .query.layers import layer_rows

        _aligned(signs)
        self._nearby.tables(("neurons", "weights") if self.table.has_weights else ("neurons",))
        return layer_rows(self._connection, self.sites, signs=signs, has_weights=self.table.has_weights)

    @property
    def table(self) -> Table:
        """All neurons as one table: `rows`, `count`, and row numbers in any order for reading page by page."""
        return self._finding.table

    def search(
        self,
        text: str | Sequence[str],
        where: str = "peak",
        *,
        every: bool = False,
        exact: bool = False,
        quadrants: Iterable[Quadrant] | None = None,
        limit: int | None = None,
        signs: str = "aligned",
        shown: Shown | None = None,
    ) -> Iterator[Hit]:
        """Neurons whose examples peak on a token of this text, or with `where` "context" have the text around a peak.

        Hits come by quadrant, the strongest first; each neuron occurs once in a quadrant, and at most `limit` neurons
        do. Of several texts any may be there, or `every` one must be. `TEXT*` is the beginning of a token. Unless
        `exact`, case and the blanks around a token don't matter. A peak whose character spans tokens is found by that
        character. `shown`: how texts are displayed; a text that no peak has is looked for among the displayed texts.
        docs/numbers.md defines the strength. GluscopeError if the index was made without the tables for searching.
        """
        _aligned(signs)
        asked = QUADRANTS if quadrants is None else tuple(quadrants)
        return self.searches.hits(
            _texts(text), where, every=every, exact=exact, quadrants=asked, limit=limit, signs=signs, shown=shown
        )

    def search_weights(
        self,
        text: str | Sequence[str],
        where: str = "writes",
        *,
        every: bool = False,
        exact: bool = False,
        quadrants: Iterable[Quadrant] | None = None,
        limit: int | None = None,
        signs: str = "aligned",
        shown: Shown | None = None,
    ) -> Iterator[TokenHit]:
        """Neurons whose lists of tokens written (or with `where` "reads", read) hold a token of this text.

        The strongest come first, whatever their quadrants: by the z-score of the token among all scores of the neuron,
        or by the cosine. Texts are given as to `search`. GluscopeError if the index lacks what is needed.
        """
        _aligned(signs)
        asked = QUADRANTS if quadrants is None else tuple(quadrants)
        return self._finding.tokens.find(
            _texts(text), where, every=every, exact=exact, quadrants=asked, limit=limit, signs=signs, shown=shown
        )

    @property
    def vocabulary(self) -> Vocabulary:
        """The tokens of the model, as far as the index knows them."""
        return self._finding.vocabulary

    @property
    def searches(self) -> Search:
        """What `search` asks."""
        return self._finding.peaks

    @cached_property
    def _finding(self) -> Finding:
        from .query.finding import Finding  # when it is asked: showing a neuron needs none of it

        return Finding(self._connection, self._nearby, self._texts, self.sites, self._info)

    def kept_sequences(self) -> list[tuple[int, int, int]]:
        """Number, document and part of each sequence that `sequence` can give, in the order of the last two."""
        part = "0" if self.imported else "part"
        return self._connection.rows(f"SELECT id, document, {part} FROM sequences ORDER BY 2, 3, 1", (COUNT,) * 3)

    def peak_places(
        self, neuron: str | NeuronAddress, rankings: Iterable[str], limit: int | None = None, *, signs: str = "aligned"
    ) -> PeakPlaces:
        """The values of a neuron's examples and the numbers of their sequences, without their windows."""
        address = self.address(neuron)
        id_ = self.site(address.site).first_neuron + address.index
        flip = self._flips(id_, signs)
        blob = self._row("examples", "packed", "neuron", id_, (BLOB,))[0]
        try:
            return peak_places(unpack_examples(blob), known_rankings(rankings, self.rankings), limit, flip=flip)
        except DamagedValue as error:
            raise self._connection.damaged(f"{address}: {error}") from error

    @cached_property
    def sequence_counts(self) -> tuple[int, int | None]:
        """How many sequences the index keeps, and how many the corpus has, if that is known."""
        kept: int = self._connection.rows("SELECT count(*) FROM sequences", (COUNT,))[0][0]
        return kept, self._info["corpus"].get("sequences")

    def sequence(self, document: int, part: int) -> SequenceRecord:
        """A whole sequence of the corpus. GluscopeError if no example needed it, so that the index didn't keep it."""
        stored = self.token_ids(document, part)
        self._texts.load(stored.tokens)
        tokens = self._texts.window(stored.tokens, 0, len(stored.tokens))
        turns = self._texts.turns([stored.number]).get(stored.number)
        return SequenceRecord(document, part, stored.source, "".join(tokens), tokens, turns)

    def token_ids(self, document: int, part: int) -> StoredSequence:
        """A sequence with its number in the corpus and its token ids; errors as in `sequence`."""
        return self._texts.sequence(document, part, whole=bool(self.imported))

    def weights(self, neuron: str | NeuronAddress, *, signs: str = "aligned") -> NeuronWeights | None:
        """The numbers of a neuron's weights. None if the index has no weights; `info().weights` says why."""
        address = self.address(neuron)
        return self._weights.neuron(address, self.site(address.site), aligned=_aligned(signs))

    def sample(self, neuron: str | NeuronAddress, *, signs: str = "aligned") -> Sample:
        """The four quantities at the sampled positions; empty if the index keeps no sample."""
        address = self.address(neuron)
        site = self.site(address.site)
        id_ = site.first_neuron + address.index
        flip = self._flips(id_, signs)
        try:
            lanes = unpack_sample(self._row("sample", "packed", "neuron", id_, (BLOB,))[0])
            return sample_of(lanes, site.activation, flip=flip)
        except (DamagedValue, ValueError) as error:
            raise self._connection.damaged(f"{address}: {error}") from error

    def sample_positions(self, site: SiteAddress) -> tuple[tuple[int, int, int], ...]:
        """The positions of a site's sample as (document, part, position), in the order of its values."""
        return sampled_positions(self._connection, self.site(site).id)

    @cached_property
    def _sinks(self) -> Sinks | None:
        return Sinks.from_json(self._info.get("sinks", {}))

    @cached_property
    def _info(self) -> dict[str, Any]:
        return read_info(self._connection)

    def _flips(self, id_: int, signs: str) -> bool:
        """Whether these signs are not the stored ones of the neuron in row `id_`."""
        return _aligned(signs) and self._row("flipped", "neurons", "id", id_, (FLAG.or_null,))[0] == 1

    def _row(self, columns: str, table: str, key: str, id_: int, kinds: Sequence[Kind]) -> Row:
        rows = self._connection.rows(f"SELECT {columns} FROM {table} WHERE {key} = ?", kinds, (id_,))
        if not rows:
            raise self._connection.damaged(f"{table} has no row {id_}")
        return rows[0]

    def _examples(
        self,
        site: SiteRecord,
        address: NeuronAddress,
        rankings: tuple[str, ...],
        quadrants: set[Quadrant],
        limit: int | None,
    ) -> dict[Quadrant, dict[str, tuple[Example, ...]]]:
        found: dict[Quadrant, dict[str, tuple[Example, ...]]] = {quadrant: {} for quadrant in quadrants}
        if not rankings or not quadrants:
            return found
        blob = self._row("examples", "packed", "neuron", site.first_neuron + address.index, (BLOB,))[0]
        try:
            packed = unpack_examples(blob)
            lists = chosen(packed, rankings, quadrants, limit)
            examples = decode(packed, lists, self._texts, site.activation, self._sinks)
        except DamagedValue as error:
            raise self._connection.damaged(f"{address}: {error}") from error
        for (ranking, quadrant), list_ in examples.items():
            found[quadrant][ranking] = tuple(map(of_an_import, list_)) if self.imported else list_
        return found


def _aligned(signs: str) -> bool:
    if signs not in SIGNS:
        raise GluscopeError(f"unknown signs {signs!a}", "use aligned or raw")
    return signs == "aligned"


def _texts(text: str | Sequence[str]) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text)
