"""Made-up sequences, the state that they leave when they are fed, and its lists as values to compare."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from indexer.settings import Settings
from indexer.statistics.activations import Activations
from indexer.statistics.batch import view_batch
from indexer.statistics.best_k import BestK
from indexer.statistics.sample import PositionSample
from indexer.statistics.stack import SiteState

from . import naive
from .stacks import dense, engine, shape

WIDTH = 21


def make_sequences(seed: int, number: int = 30, longest: int = 40) -> list[naive.Computed]:
    """Sequences with duplicates, exact ties, exact zeros and quadrants that are hardly visited."""
    generator = np.random.default_rng(seed)
    made: list[naive.Computed] = []
    for index in range(number):
        length = int(generator.integers(1, longest))
        if index % 7 == 6:  # a duplicate of an earlier document
            twin = made[-3]
            made.append(naive.Computed(index // 2, index % 2, twin.ids, twin.gate, twin.in_, twin.act, twin.post))
            continue
        ids = [1, *generator.integers(0, 4, length - 1).tolist()]
        # A coarse grid makes ties and zeros common.
        gate = (generator.integers(-8, 9, (length, WIDTH)) / 4).astype(np.float32)
        in_ = (generator.integers(-8, 9, (length, WIDTH)) / 8).astype(np.float32)
        gate[:, 0] = np.abs(gate[:, 0])  # neuron 0 never closes its gate
        act = torch.nn.functional.silu(torch.from_numpy(gate)).numpy()
        post = act * in_
        document, part = index // 2, index % 2
        rows = (gate.tolist(), in_.tolist(), act.tolist(), post.tolist())
        made.append(naive.Computed(document, part, ids, *rows))
    return made


def feed(
    sequences: list[naive.Computed], settings: Settings, batch_size: int, *, loops: bool = True
) -> tuple[SiteState, PositionSample]:
    return feed_part(sequences, settings, batch_size, 0, 1, loops=loops)


def feed_part(
    sequences: list[naive.Computed], settings: Settings, batch_size: int, part: int, parts: int, *, loops: bool
) -> tuple[SiteState, PositionSample]:
    """The state fed with every `parts`-th batch."""
    stack = dense(shape(WIDTH), settings, engine(loops=loops))
    sample = PositionSample(settings.sample)
    for start in range(part * batch_size, len(sequences), parts * batch_size):
        batch = sequences[start : start + batch_size]
        longest = max(len(s.ids) for s in batch)

        def padded(rows: list[Any], fill: float, longest: int = longest) -> npt.NDArray[Any]:
            shape = (len(rows), longest, *np.shape(rows[0])[1:])
            array = np.full(shape, fill, dtype=np.float32)
            for place, row in enumerate(rows):
                array[place, : len(row)] = row
            return array

        view = view_batch(
            padded([s.ids for s in batch], 3).astype(np.int64),
            np.array([len(s.ids) for s in batch]),
            np.arange(start, start + len(batch)),
            (np.array([s.document for s in batch]), np.array([s.part for s in batch])),
            settings,
            sample,
        )
        # Padding holds large values: none of them may be seen.
        lanes = [torch.from_numpy(padded([getattr(s, q) for s in batch], 99.0)) for q in ("gate", "in_", "act", "post")]
        stack.add(Activations(*lanes), view)
    return stack.states[0], sample


def listed(best: BestK, sequences: list[naive.Computed]) -> dict[tuple[str, str, int], list[tuple[int, int, int]]]:
    """(ranking, quadrant, neuron) -> (document, part, position), best first."""
    order = best.order()
    lists: dict[tuple[str, str, int], list[tuple[int, int, int]]] = {}
    for place, (ranking, quadrant) in enumerate(best.lists):
        for neuron in range(WIDTH):
            column = place * WIDTH + neuron
            slots = order[column]
            kept = [int(s) for s in slots if best.sequence[column, s] >= 0]
            lists[ranking, quadrant.value, neuron] = [
                (
                    sequences[int(best.sequence[column, s])].document,
                    sequences[int(best.sequence[column, s])].part,
                    int(best.position[column, s]),
                )
                for s in kept
            ]
    return lists
