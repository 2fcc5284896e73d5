"""Writing the index of a run: the arrays of its states, and of the corpus what they use."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .database.writer import IndexWriter
from .finish import site_arrays, used_sequences
from .run import Run
from .sites import Site
from .telling import Telling, most_telling
from .texts import Texts
from .tokens import token_bytes
from .weights import gate_in_dot


def write_index(
    path: Path,
    run: Run,
    sites: Sequence[Site],
    texts: Texts,
    tokenizer: Any,
    info: Mapping[str, Any],
    written: Callable[[int], None],
) -> None:
    """Write the index of a run to `path`. `written` is told the number of neurons so far."""
    order = run.sample.order()
    best: Telling | None = None
    neurons = 0
    with IndexWriter(path, info) as writer:
        for site in sites:
            arrays = site_arrays(
                run.states[site.address.name],
                address=site.address,
                activation=site.activation,
                adapter=site.adapter,
                identity_error=run.identity_errors.get(site.address.name),
                dot_gate_in=gate_in_dot(site),
                sample_order=order,
                sample_id=0,
            )
            writer.add_site(arrays)
            telling = most_telling(arrays)
            best = telling if best is None or telling[:2] > best[:2] else best
            neurons += site.width
            written(neurons)
        writer.add_sample(0, run.sample.sequence[order], run.sample.position[order])
        used = used_sequences(list(run.states.values()), run.sample.sequence).tolist()
        writer.add_sequences((s.number, s.document, s.part, s.ids) for s in texts.used(used))
        writer.add_documents(_documents(texts, used))
        ids = _tokens(texts, used)
        writer.add_tokens(zip(ids, token_bytes(tokenizer, ids), strict=True))
        writer.finish(None if best is None else best.neuron)


def _documents(texts: Texts, used: Sequence[int]) -> Iterator[tuple[int, str]]:
    last = -1
    for sequence in texts.used(used):
        if sequence.document != last:
            last = sequence.document
            yield sequence.document, sequence.source


def _tokens(texts: Texts, used: Sequence[int]) -> list[int]:
    """The ids of all tokens in the sequences, each once."""
    seen = np.zeros(0, dtype=bool)
    for sequence in texts.used(used):
        largest = int(sequence.ids.max(initial=0))
        if largest >= len(seen):
            seen = np.concatenate([seen, np.zeros(largest + 1 - len(seen), dtype=bool)])
        seen[sequence.ids] = True
    found: list[int] = np.nonzero(seen)[0].tolist()
    return found
