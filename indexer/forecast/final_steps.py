"""How long a run takes after its text is read, measured on a small part of it: comparing weights, writing."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import normalize

from ..database.bulk.arrays import SiteArrays
from ..errors import GluscopeError
from ..index_file.site_arrays import site_arrays, site_samples
from ..index_file.write import write_index
from ..models.loaded import LoadedModel
from ..run.accumulator import Run
from ..sequences.batches import Batch
from ..sequences.sequences import TokenSequence
from ..sequences.tokenizer import token_bytes
from ..sites import Site, find_sites
from ..sites.weights import gate_in_dot
from ..weights.compute import COMPARED_WITH_TOKENS, missing
from ..weights.nearest import Table
from ..weights.neighbours import MOST_COMPARED, NEIGHBOURS
from ..weights.norms import find_norms
from ..weights.token_lists import TOKENS
from ..weights.unembedding import embeddings
from ..weights.vectors import site_vectors
from .wiring_time import wiring_seconds

_BLOCKS = 2  # of neurons that are compared to measure, after one that doesn't count


class Kept:
    """The sequences read, kept for writing."""

    def __init__(self) -> None:
        self._sequences: dict[int, TokenSequence] = {}

    def passing(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """The batches; the sequences of each are kept when it is taken."""
        for batch in batches:
            self._sequences.update((sequence.number, sequence) for sequence in batch.sequences)
            yield batch

    def used(self, numbers: Iterable[int]) -> Iterator[TokenSequence]:
        """The sequences of these numbers, ascending."""
        return (self._sequences[number] for number in sorted(set(numbers)))


@torch.inference_mode()
def weights_seconds(loaded: LoadedModel, sites: Sequence[Site], *, wiring: bool) -> tuple[float, float]:
    """Seconds to compute the numbers of the weights of `sites`, and to find their `wiring`, if it is wanted; 0 if they
    can't be compared.

    Some neurons are compared with all tokens. The rest is assumed to take as long for each pair that is compared.
    """
    started = time.monotonic()
    every = find_sites(loaded.model)
    names = {site.address.name for site in sites}
    readable = [one for one in site_vectors(every, find_norms(loaded, every)) if one.reason is None]
    wanted = [one for one in readable if one.site.address.name in names]
    tokens = embeddings(loaded)  # token d_model
    if not wanted or next(wanted[0].parts("gate", 1))[1].shape[1] != tokens.shape[1]:
        return 0.0, 0.0
    table = Table.of(tokens, torch.ones(len(tokens), dtype=torch.bool), cosine=True)
    preparing = time.monotonic() - started
    blocks = (block for one in wanted for _, block in one.parts("gate", table.block))
    by_token, by_neuron = _comparing(table, blocks)
    neurons = sum(one.site.width for one in readable)
    others = 2 * neurons if neurons <= MOST_COMPARED else 0
    width = sum(one.site.width for one in wanted)
    numbers = preparing + width * (COMPARED_WITH_TOKENS * len(tokens) * by_token + others * by_neuron)
    return numbers, wiring_seconds(readable, names) if wiring else 0.0


def _comparing(table: Table, blocks: Iterable[Tensor]) -> tuple[float, float]:
    """Seconds for each pair of neuron and table row, for tokens and for neurons. Blocks: neuron d_model."""
    pairs, seconds = 0, (0.0, 0.0)
    for number, block in enumerate(blocks):
        queries = normalize(block, dim=1).to(table.rows.device)
        begun = time.monotonic()
        table.best(queries, min(TOKENS, len(table.rows)))[0].rows.cpu()
        between = time.monotonic()
        table.best_magnitude(queries, min(NEIGHBOURS, len(table.rows)), None).rows.cpu()
        here = between - begun, time.monotonic() - between
        if number <= 1:  # the first is slow, and counts only if there is no other
            pairs, seconds = 0, (0.0, 0.0)
        pairs += len(block) * len(table.rows)
        seconds = seconds[0] + here[0], seconds[1] + here[1]
        if number == _BLOCKS:
            break
    return seconds[0] / pairs, seconds[1] / pairs


def writing_seconds(
    run: Run, loaded: LoadedModel, sites: Sequence[Site], window: tuple[int, int], read: Kept, file_bytes: int
) -> float | None:
    """Seconds to write an index of so many bytes, in proportion to writing its first site and the `read` sequences.

    These are written to the folder for temporary files, and removed. None if that folder can't hold them.
    """
    site = sites[0]
    sample = site_samples(run.states, run.sample, [site])[site.address.name]
    arrays: SiteArrays = site_arrays(
        run.states[site.address.name],
        address=site.address,
        activation=site.activation,
        adapter=site.adapter,
        identity_error=None,
        dot_gate_in=gate_in_dot(site),
        sample_order=sample.order,
        sample_id=sample.id,
    )
    info = {
        "model": {"name": "", "layers": 1},
        "corpus": {"tokens": 0},
        "settings": {"window": window},
        "software": {},
        "run": {},
    }
    spell = partial(token_bytes, loaded.tokenizer)
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "part.db"
            begun = time.monotonic()
            write_index(path, [arrays], {sample.id: sample.positions}, read, spell, info, lambda _: None, missing(""))
            return (time.monotonic() - begun) * file_bytes / path.stat().st_size
    except (GluscopeError, OSError):
        return None
