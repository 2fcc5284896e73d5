"""An index as JSON lines for Neuronpedia's import: one source a site and quadrant, one feature a neuron.

Each source has a folder `MODEL/SOURCE`, such as `smollm2-135m/12-gluscope-np`, with four files of one object each and
batches of features and activations. Neuronpedia expects activations of 0 and more, so values are |post| at the tokens
of the quadrant and 0 elsewhere; the description of the source set says so.
"""

from __future__ import annotations

import gzip
import io
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from ..addresses import NeuronAddress, SiteAddress
from ..database.reader import Index
from ..database.records import NeuronRecord
from ..errors import GluscopeError
from ..export_folder import ExportFolder
from ..progress import Meter
from ..quadrants import QUADRANTS, Quadrant
from .neuronpedia_lines import activation_lines, feature_line
from .parquet_readme import UNFINISHED
from .selection import Selection

SET = "gluscope"
_BATCH = 512  # features
_TOOL = "https://arxiv.org/abs/2602.23826"


Note = tuple[NeuronAddress, Quadrant | None, str]
"""What someone noted of a neuron, or of one of its quadrants."""


@dataclass(frozen=True, slots=True)
class Labels:
    """The names under which an export is uploaded: the model's, and who made it."""

    model: str
    creator: str


def labels(index: Index, model: str | None, creator: str) -> Labels:
    """The names. Neuronpedia's name of the model is by default that of the index in lower case, without its folder."""
    name = model or re.sub(r"[^a-z0-9._-]+", "-", index.model.replace("\\", "/").rstrip("/").rpartition("/")[2].lower())
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise GluscopeError(f"{name!a} can't be the name of a model's folder", "name it: --model-id NAME")
    return Labels(name, creator)


def source_name(site: SiteAddress, quadrant: Quadrant) -> str:
    """`12-gluscope-pn` for +- of L12; `12E3-gluscope-pn` for an expert, `dec.3-gluscope-pn` for a decoder's layer."""
    return f"{site.name.replace('L', '', 1)}-{SET}-{quadrant.letters}"


def write_neuronpedia(
    index: Index,
    wanted: Selection,
    names: Labels,
    folder: ExportFolder,
    meter: Meter,
    notes: Iterable[Note] = (),
) -> None:
    """Write the folders of all sources of the neurons, with the notes of people as explanations."""
    explained = explanations(notes, names)
    done, total = 0, wanted.count(index)
    for site, neurons in groupby(sorted(wanted.addresses(index)), key=lambda neuron: neuron.site):
        for quadrant in QUADRANTS:
            for file, line in _about(index, site, quadrant, names):
                folder.write(f"{_folder(site, quadrant, names)}/{file}.jsonl", _jsonl([line]))
            if lines := explained.get((site, quadrant)):
                place = f"{_folder(site, quadrant, names)}/explanations/batch-0.jsonl.gz"
                folder.write(place, _gzip(_jsonl(lines)))
        for number, batch in enumerate(_batches(neurons)):
            records = [wanted.record(index, neuron, sample=True, weights=True) for neuron in batch]
            for quadrant in QUADRANTS:
                _write_batch(records, quadrant, number, names, folder)
            done += len(batch)
            meter.update(done, total, "writing neurons")


def explanations(notes: Iterable[Note], names: Labels) -> dict[tuple[SiteAddress, Quadrant], list[dict[str, Any]]]:
    """The lines of explanations of each source; a note about a whole neuron is one in each of its quadrants."""
    found: dict[tuple[SiteAddress, Quadrant], list[dict[str, Any]]] = {}
    for neuron, only, text in notes:
        for quadrant in QUADRANTS if only is None else (only,):
            lines, source = found.setdefault((neuron.site, quadrant), []), source_name(neuron.site, quadrant)
            lines.append(
                {
                    "id": f"{names.model}-{source}-{neuron.index}-{len(lines)}",
                    "modelId": names.model,
                    "layer": source,
                    "index": str(neuron.index),
                    "description": text,
                    "authorId": names.creator,
                    "typeName": "gluscope_note",
                    "explanationModelName": "",
                }
            )
    return found


def _write_batch(
    records: list[NeuronRecord], quadrant: Quadrant, number: int, names: Labels, folder: ExportFolder
) -> None:
    source = source_name(records[0].neuron.site, quadrant)
    head = {"modelId": names.model, "layer": source}
    features = (feature_line(record, quadrant, head) for record in records)
    activations = (
        line for record in records for line in activation_lines(record, quadrant, head, creator=names.creator)
    )
    place = _folder(records[0].neuron.site, quadrant, names)
    folder.write(f"{place}/features/batch-{number}.jsonl.gz", _gzip(_jsonl(features)))
    folder.write(f"{place}/activations/batch-{number}.jsonl.gz", _gzip(_jsonl(activations)))


def _about(index: Index, site: SiteAddress, quadrant: Quadrant, names: Labels) -> Iterator[tuple[str, dict[str, Any]]]:
    """The four files of one object each."""
    info = index.info()
    creator = {"creatorId": names.creator, "creatorName": names.creator}
    description = (
        f"Gated neurons by the signs of gate and in; {quadrant.letters} is gate {quadrant.value[0]}, in "
        f"{quadrant.value[1]}. Activations are |post| at tokens of that quadrant and 0 elsewhere; post itself is "
        f"{'positive' if quadrant.value in ('++', '--') else 'negative'} there."
        f"{'' if index.complete else f' {UNFINISHED}'}"
    )
    yield (
        "release",
        {
            "name": SET,
            "description": description,
            "descriptionShort": "Gated neurons by quadrant",
            **creator,
            "urls": [_TOOL],
        },
    )
    yield (
        "model",
        {
            "id": names.model,
            "instruct": "instruct" in index.model.lower() or index.model.lower().endswith("-it"),
            "displayName": index.model,
            "displayNameShort": names.model,
            "creatorId": names.creator,
            "layers": info.model.get("layers") or 1 + max(one.address.layer for one in index.sites),
            "neuronsPerLayer": index.site(site).width,
        },
    )
    yield (
        "sourceset",
        {
            "modelId": names.model,
            "name": f"{SET}-{quadrant.letters}",
            **creator,
            "releaseName": SET,
            "description": description,
            "visibility": "PUBLIC",
        },
    )
    yield (
        "source",
        {
            "id": source_name(site, quadrant),
            "modelId": names.model,
            "setName": f"{SET}-{quadrant.letters}",
            "creatorId": names.creator,
            "dataset": ", ".join(map(str, info.corpus.get("inputs") or ())),
            "num_prompts": int(info.corpus.get("sequences", 0)),
            "num_tokens_in_prompt": int(info.settings.get("context", 0)),
            "hasDashboards": True,
        },
    )


def _folder(site: SiteAddress, quadrant: Quadrant, names: Labels) -> str:
    return f"{names.model}/{source_name(site, quadrant)}"


def _batches(neurons: Iterable[NeuronAddress]) -> Iterator[list[NeuronAddress]]:
    batch: list[NeuronAddress] = []
    for neuron in neurons:
        batch.append(neuron)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _jsonl(lines: Iterable[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(line, allow_nan=False).encode() + b"\n" for line in lines)


def _gzip(data: bytes) -> bytes:
    """Compressed, without a date: the same data give the same file."""
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", mtime=0) as file:
        file.write(data)
    return out.getvalue()
