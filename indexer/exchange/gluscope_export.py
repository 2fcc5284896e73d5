"""An index in GLUScope's published form: the activation data set, the texts that it names, and pages of neurons.

1. `texts/`: a row for each sequence that an example comes from, in the order of the corpus.
2. `neuron-activations/`: a row a neuron, row = layer * d_mlp + neuron, 50 columns; its lists name rows of the texts.
3. `pages/`: for chosen neurons the files of their examples, their statistics, and a list of the pages.

The signs are aligned, as GLUScope's are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ..addresses import NeuronAddress
from ..database.read.peak_places import PeakPlaces
from ..database.reader import Index
from ..database.records import NeuronRecord, SequenceRecord
from ..errors import GluscopeError
from ..export_folder import ExportFolder
from ..progress import Meter
from ..quadrants import QUADRANTS
from .gluscope_columns import HOOKS, KEPT, column, frequency, listed
from .gluscope_metadata import metadata
from .gluscope_pages import page_files, pages_list

ACTIVATIONS = "neuron-activations/data/train-00000-of-00001.parquet"
TEXTS = "texts/data/train-00000-of-00001.parquet"
_ROWS = 512
_TEXT_COLUMNS = [
    ("text", pa.string()),
    ("document", pa.int64()),
    ("part", pa.int32()),
    ("source", pa.string()),
    ("ids", pa.list_(pa.int32())),  # null where the tokens are not known
]

Rows = Mapping[int, int]
"""The row of each sequence, by its number, in the texts."""


def schema() -> Any:
    """The types of the 50 columns."""
    fields: list[tuple[str, Any]] = [("layer", pa.int64()), ("neuron", pa.int64())]
    for quadrant in QUADRANTS:
        fields.append((frequency(quadrant), pa.float32()))
        for quantity in HOOKS:
            if quantity in listed(quadrant):
                fields.append((column(quadrant, quantity, "max_values"), pa.list_(pa.float32())))
                fields.append((column(quadrant, quantity, "max_indices"), pa.list_(pa.int64())))
            fields.append((column(quadrant, quantity, "mean"), pa.float32()))
    return pa.schema(fields)


def write_gluscope(index: Index, pages: tuple[NeuronAddress, ...], folder: ExportFolder, meter: Meter) -> None:
    """Write the data sets of all neurons, and the pages of some."""
    require_plain_layers(index)
    rows = _write_texts(index, folder)
    activation = index.sites[0].activation
    types = schema().with_metadata(metadata(index.model, index.sites[0].tokens_counted, activation, _about(index)))
    rankings = tuple(ranking for ranking in index.rankings if ranking in {quantity.value for quantity in HOOKS})
    done, total = 0, index.neuron_count
    with pq.ParquetWriter(folder.place(ACTIVATIONS), types, compression="zstd") as writer:
        for addresses in _groups(index):
            table = [
                activation_row(
                    index.neuron(one, rankings=(), weights=False), index.peak_places(one, rankings, KEPT), rows
                )
                for one in addresses
            ]
            writer.write_table(pa.Table.from_pylist(table, types))
            done += len(table)
            meter.update(done, total, "writing neurons")
    for address in pages:
        record = index.neuron(address, rankings=rankings, limit=KEPT, weights=False)
        for name, data in page_files(record):
            folder.write(f"pages/{name}", data)
    if pages:
        folder.write("pages/pages.json", pages_list(index.model, pages))


def _about(index: Index) -> dict[str, Any]:
    """What a model that is run again on the texts must be like. An imported index knows it of none."""
    info = index.info()
    complete = {} if index.complete else {"complete": False}
    if index.imported:
        return complete
    of_model = {name: info.model[name] for name in ("fingerprint", "dtype") if info.model.get(name)}
    sinks = {} if info.sinks is None else {"sinks": info.sinks.to_json()}
    return {**of_model, "settings": dict(info.settings), **sinks, **complete}


def require_plain_layers(index: Index) -> None:
    """GluscopeError unless every layer from 0 on is one gated MLP of the same width: its rows have no other names."""
    sites = [site.address for site in index.sites]
    if any(site.stack or site.shared or site.expert is not None for site in sites):
        odd = next(site for site in sites if site.stack or site.shared or site.expert is not None)
        raise GluscopeError(
            f"GLUScope's data set names a neuron by layer and number, which {odd} is not",
            "gluscope export parquet takes any index",
        )
    if [site.layer for site in sites] != list(range(len(sites))) or len({site.width for site in index.sites}) > 1:
        raise GluscopeError(
            "GLUScope's data set has a row for every neuron of layers 0, 1, 2 ..., all of one width",
            "index all layers, or use gluscope export parquet",
        )


def activation_row(record: NeuronRecord, peaks: PeakPlaces, rows: Rows) -> dict[str, Any]:
    """The row of a neuron: frequencies, means, and up to 16 values and rows of texts for each list."""
    found: dict[str, Any] = {"layer": record.neuron.site.layer, "neuron": record.neuron.index}
    for name, quadrant in record.quadrants.items():
        found[frequency(name)] = quadrant.frequency
        for quantity in HOOKS:
            found[column(name, quantity, "mean")] = quadrant.mean[quantity]
        for quantity in listed(name):
            examples = peaks.get((name, quantity.value), ())[:KEPT]
            values: list[float | None] = [value for value, _ in examples]
            places: list[int | None] = [rows[number] for _, number in examples]
            if not examples and quadrant.count:  # the index keeps no such list, but it knows its first value
                values, places = [quadrant.extreme[quantity]], [None]
            found[column(name, quantity, "max_values")], found[column(name, quantity, "max_indices")] = values, places
    return found


def _write_texts(index: Index, folder: ExportFolder) -> Rows:
    """Write the texts; returns their rows."""
    kept = index.kept_sequences()
    row_of = {place: row for row, place in enumerate(dict.fromkeys((document, part) for _, document, part in kept))}
    types = pa.schema(_TEXT_COLUMNS)
    corpus = index.info().corpus
    around = (None, None) if index.imported else (corpus.get("bos"), corpus.get("eos"))
    with pq.ParquetWriter(folder.place(TEXTS), types, compression="zstd") as writer:
        places = iter(row_of)
        while group := list(islice(places, _ROWS)):
            found = [index.sequence(document, part) for document, part in group]
            ids = [index.token_ids(document, part).tokens.tolist() for document, part in group]
            columns: list[list[Any]] = [[getattr(one, name) for one in found] for name in types.names[1:-1]]
            columns.append([None] * len(ids) if index.imported else ids)
            columns.insert(0, [_bare(one, own, around) for one, own in zip(found, ids, strict=True)])
            writer.write_table(pa.table(dict(zip(types.names, columns, strict=True)), types))
    return {number: row_of[document, part] for number, document, part in kept}


def _bare(sequence: SequenceRecord, ids: list[int], around: tuple[int | None, int | None]) -> str:
    """The text without the tokens that every sequence stands between: GLUScope puts its own there."""
    front, back = around
    start = 1 if ids[:1] == [front] else 0
    stop = len(ids) - 1 if len(ids) > start and ids[-1] == back else len(ids)
    return "".join(sequence.tokens[start:stop])


def _groups(index: Index) -> Iterator[list[NeuronAddress]]:
    for site in index.sites:
        for start in range(0, site.width, _ROWS):
            yield [NeuronAddress(site.address, number) for number in range(start, min(start + _ROWS, site.width))]
