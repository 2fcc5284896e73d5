"""Times the measuring of effects against whole passes: zeroing each quadrant of neurons of an early to a late layer.

    python benchmarks/effect.py MODEL TEXT [--neurons 100] [--layers 0,15,29] [--sequences 8] [--context 192] [--save]

Whole passes run the whole body for every neuron and quadrant, and compute the logits of every position; a bare pass
is the body alone, once. The ways are timed in turns, 16 neurons at a time as the command takes them, on the same
sequences, after one quadrant that isn't timed; with fewer neurons than 100 the seconds are those of 100 at the same
pace. Processor time (of all threads) stands beside the clock's, since a busy machine moves it less. The text's first
sequences that fill the context are read.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import results  # noqa: E402
from indexer.corpus import open_corpus  # noqa: E402
from indexer.live.effect.alter import Alteration, Part  # noqa: E402
from indexer.live.effect.measures import Measured, Reach, Tally  # noqa: E402
from indexer.live.effect.predictions import Predictions  # noqa: E402
from indexer.live.effect.rows import TOGETHER  # noqa: E402
from indexer.live.effect.stream import run_whole  # noqa: E402
from indexer.live.effect.study import Study  # noqa: E402
from indexer.live.effect.variant import Edit, Variant  # noqa: E402
from indexer.live.head import Head, find_head  # noqa: E402
from indexer.models.load import load  # noqa: E402
from indexer.models.loaded import LoadedModel  # noqa: E402
from indexer.models.special_tokens import around  # noqa: E402
from indexer.quadrants import QUADRANTS  # noqa: E402
from indexer.sequences.sequences import TokenSequence, sequences  # noqa: E402
from indexer.sequences.tokenizer import text_encoder  # noqa: E402
from indexer.settings import Settings  # noqa: E402
from indexer.sites import Site, find_sites, select  # noqa: E402

BATCH_TOKENS = 2048
SCALED_TO = 100


class Whole:
    """The same measures by whole passes: every layer and every position, for every neuron and quadrant."""

    def __init__(self, loaded: LoadedModel, head: Head, read: Sequence[TokenSequence]) -> None:
        self._loaded, self._head = loaded, head
        self._ids = torch.tensor([sequence.ids.tolist() for sequence in read])  # row position
        self._real = torch.ones_like(self._ids, dtype=torch.bool)
        self._counted = self._real.clone()
        self._counted[:, 0] = False

    def measure(self, variants: Sequence[Variant]) -> None:
        every = torch.arange(len(self._ids))
        with torch.inference_mode():
            plain = Predictions(self._head, self._run(), self._ids, self._real)
            for variant in variants:
                parts = [Part(variant, slice(0, len(self._ids)))]
                alteration = Alteration(parts, self._counted)
                with alteration.running():
                    hidden = self._run()
                Measured(self._head, plain, every, self._real, Reach.LATER).run(hidden, parts, {0: Tally()})

    def bare(self) -> None:
        """The body alone, once."""
        with torch.inference_mode():
            self._run()

    def _run(self) -> torch.Tensor:
        return run_whole(self._loaded, self._ids, self._real)


def variants(site: Site, index: int) -> list[Variant]:
    """A neuron with each quadrant set to zero."""
    return [Variant((Edit(site, index, frozenset((quadrant,))),)) for quadrant in QUADRANTS]


def timed(function: Callable[[], object]) -> tuple[float, float]:
    """Seconds of a call, by the clock and of the processor."""
    begun = time.perf_counter(), time.process_time()
    function()
    return time.perf_counter() - begun[0], time.process_time() - begun[1]


def compare(loaded: LoadedModel, head: Head, read: Sequence[TokenSequence], site: Site, neurons: int) -> dict[str, Any]:
    """Seconds of both ways for some neurons of a site, scaled to 100, and of a bare pass: [clock, processor]."""
    study = Study(loaded, head, BATCH_TOKENS)
    whole = Whole(loaded, head, read)
    step = max(1, site.width // (neurons + 1))
    study.measure(variants(site, 0)[:1], read)
    sums = {"seconds": [0.0, 0.0], "whole": [0.0, 0.0], "bare": [0.0, 0.0]}
    for start in range(1, neurons + 1, TOGETHER):
        group = range(start, min(start + TOGETHER, neurons + 1))
        asked = [variant for place in group for variant in variants(site, place * step)]
        ways: dict[str, Callable[[], object]] = {
            "seconds": partial(study.measure, asked, read),
            "whole": partial(whole.measure, asked),
            "bare": whole.bare,
        }
        for name, way in ways.items():
            found = timed(way)
            sums[name] = [one + other for one, other in zip(sums[name], found, strict=True)]
            print(
                f"{site.address.name}, {len(group)} neurons, {name}: {found[0]:.1f} s, {found[1]:.1f} of the processor"
            )
    bare = [round(one / math.ceil(neurons / TOGETHER), 2) for one in sums.pop("bare")]
    scaled = {name: [round(one * SCALED_TO / neurons) for one in each] for name, each in sums.items()}
    return {"layer": site.address.layer, "neurons": neurons, **scaled, "bare": bare}


def first_sequences(loaded: LoadedModel, text: str, number: int, context: int) -> list[TokenSequence]:
    """The first sequences that fill the context."""
    settings = Settings(context=context)
    found: list[TokenSequence] = []
    with sequences(
        open_corpus((text,)), text_encoder(loaded.tokenizer), settings, *around(loaded, settings.bos)
    ) as read:
        for sequence in read:
            if sequence.length == context:
                found.append(sequence)
            if len(found) == number:
                break
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("text")
    parser.add_argument("--neurons", type=int, default=SCALED_TO, help="measured in each layer")
    parser.add_argument("--layers", default="0,15,29")
    parser.add_argument("--sequences", type=int, default=8)
    parser.add_argument("--context", type=int, default=192)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--save", action="store_true", help="keep the figures in benchmarks/results")
    options = parser.parse_args()
    loaded = load(options.model, dtype="float32", device=options.device)
    head = find_head(loaded)
    if isinstance(head, str):
        raise SystemExit(head)
    read = first_sequences(loaded, options.text, options.sequences, options.context)
    layers = [int(layer) for layer in options.layers.split(",")]
    rows = [compare(loaded, head, read, site, options.neurons) for site in select(find_sites(loaded.model), layers)]
    for row in rows:
        print(f"layer {row['layer']}: {row['seconds']} s, whole passes {row['whole']} s, a bare pass {row['bare']} s")
    if options.save:
        words = f"python benchmarks/effect.py MODEL TEXT --neurons {options.neurons} --layers {options.layers}"
        facts = {"model": loaded.name, "sequences": len(read), "context": options.context}
        print(f"kept in {results.write('effect', f'{words} --save', {**facts, 'rows': rows})}")


if __name__ == "__main__":
    main()
