"""Measures how fast an index of an 8B model's size reads: show, the explorer, sorting, filtering and searching.

    python benchmarks/at_8b.py [--db FILE] [--rounds 5] [--tui] [--save]

Makes a synthetic index with the shape of Llama-3.1-8B, 32 layers of 14,336 neurons (a few minutes; --db keeps it).
Measures each command in its own process, warm: the fastest and the median of some rounds. Rows of the narrow tables
are like real ones; a neuron has few examples, so that the file stays small.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

LAYERS, WIDTH = 32, 14336
TOKENS_COUNTED = 20_000_000
SEQUENCES, LENGTH, VOCABULARY = 2000, 512, 20_000
TOP_K, WINDOW, SAMPLE = 2, (24, 7), 16
TOKENS = 16  # in a list of tokens written or read

COMMANDS: tuple[tuple[str, float, tuple[str, ...]], ...] = (
    ("show", 0.35, ("show", "L20N777", "-f", "rich")),
    ("first page, sorted by a frequency", 0.5, ("neurons", "--sort", "frequency_np", "-n", "100", "-f", "table")),
    ("first page, sorted by a mean", 0.5, ("neurons", "--sort", "mean_post_nn", "-n", "100", "-f", "table")),
    ("first page, sorted by a cosine", 0.5, ("neurons", "--sort=-cos_in_out", "-n", "100", "-f", "table")),
    (
        "first page of a filter",
        0.5,
        ("neurons", "-w", "frequency_np > 0.3 and cos_in_out < -0.5 and layer >= 20", "-n", "100", "-f", "table"),
    ),
    (
        "first page, filtered and sorted",
        0.5,
        (
            "neurons",
            "-w",
            "extreme_post_pp > 5 or not rw_class like 'weak%'",
            "--sort",
            "abs(dot_gate_in)",
            "-n",
            "100",
        ),
    ),
    ("search for a peak", 0.5, ("search", "word777")),
    ("search for a common peak", 0.5, ("search", "word1")),
    ("search in contexts", 0.5, ("search", "word777", "--in", "context")),
    ("search a common word in contexts", 0.5, ("search", "word1", "--in", "context")),
    ("search what is written", 0.5, ("search", "word777", "--in", "writes")),
    ("search what is often written", 0.5, ("search", "word0", "--in", "writes", "-n", "100")),
    ("search what is read", 0.5, ("search", "word777", "--in", "reads")),
    ("search beginnings that are written", 0.5, ("search", "word12*", "--in", "writes")),
    ("search two words, both written", 0.5, ("search", "word0", "word777", "--in", "writes", "--all")),
    ("first page of those that write", 0.5, ("neurons", "-w", "writes('word0')", "--sort", "vocab_skew", "-n", "100")),
    ("layers", 0.0, ("layers", "-f", "table")),
    ("plot", 0.0, ("plot", "cos_in_out", "frequency_gate_positive", "-f", "rich")),
)
"""The name of each measurement, the project's limit in seconds (0 for none), and the command."""


def make(path: Path) -> None:
    """Write the synthetic index with the project's own writer."""
    import numpy as np

    from indexer.addresses import NeuronAddress, SiteAddress
    from indexer.database.bulk.writer import IndexWriter

    random = np.random.default_rng(0)
    texts = _texts(random)
    with IndexWriter(path, _info()) as writer:
        for layer in range(LAYERS):
            writer.add_site(_site(random, SiteAddress("", layer)))
            print(f"\rlayer {layer + 1} of {LAYERS}", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)
        writer.add_weights(_weights(random))
        writer.add_sample(0, np.arange(SAMPLE), np.full(SAMPLE, 5))
        writer.add_sequences((number, number, 0, ids) for number, ids in enumerate(texts))
        writer.add_documents((number, f"synthetic:{number}") for number in range(SEQUENCES))
        writer.add_tokens((token, f" word{token}".encode()) for token in range(VOCABULARY))
        writer.finish(NeuronAddress(SiteAddress("", 20), 777))


def _texts(random: Any) -> Any:
    """Token ids, sequence position. Some tokens are very common, as some words are."""
    import numpy as np

    return np.minimum(random.zipf(1.3, (SEQUENCES, LENGTH)), VOCABULARY) - 1


def _site(random: Any, address: Any) -> Any:
    """Statistics of random neurons with heavy tails, whose in and gate are slightly correlated."""
    import numpy as np

    from indexer.database.bulk.arrays import ListArrays, SiteArrays
    from indexer.quadrants import QUADRANTS
    from tests.support.encoding import encode_lanes, encode_sample

    open_ = random.beta(1.2, 3.0, WIDTH)
    agree = random.beta(6, 6, (2, WIDTH))
    shares = np.stack([open_ * agree[0], open_ * (1 - agree[0]), (1 - open_) * (1 - agree[1]), (1 - open_) * agree[1]])
    count = np.floor(shares * TOKENS_COUNTED).astype(np.int64)  # quadrant neuron
    signs = np.array([[1, 1, -1, -1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]])  # quantity quadrant
    means = np.abs(random.gamma(1.5, 0.2, (4, 4, WIDTH))) * signs[..., None]
    extreme = (means * (3 + random.pareto(2.5, (4, 4, WIDTH)) * 5)).astype(np.float32)
    codes, scale = encode_lanes(random.normal(size=(3, sum(WINDOW) + 1)).astype(np.float32), np.ones(32, np.bool_))
    lists = []
    for place, quadrant in enumerate(QUADRANTS):
        values = np.repeat(extreme[:, place].T[:, None], TOP_K, axis=1).copy()  # neuron rank quantity
        values[:, 1] *= 0.7
        values[:, :, 3] = values[:, :, 2] * values[:, :, 1]
        order = np.argsort(-np.abs(values[:, :, 3]), axis=1, kind="stable")
        values = np.take_along_axis(values, order[..., None], axis=1)
        extreme[3, place] = values[:, 0, 3]
        lists.append(
            ListArrays(
                ranking="post",
                quadrant=quadrant,
                sequence=random.integers(0, SEQUENCES, (WIDTH, TOP_K)),
                position=random.integers(30, LENGTH - 10, (WIDTH, TOP_K)).astype(np.int32),
                values=values.astype(np.float32),
                scale=np.maximum(np.abs(values[:, :, [0, 1, 3]]), scale[None, None]).astype(np.float32),
                lanes=np.broadcast_to(codes, (WIDTH, TOP_K, *codes.shape)).copy(),
            )
        )
    dots = random.normal(0, 1, WIDTH)
    return SiteArrays(
        address=address,
        activation="silu",
        adapter="synthetic",
        identity_error=1e-7,
        tokens_counted=TOKENS_COUNTED,
        flipped=dots < 0,
        dot_gate_in=dots,
        count=count,
        zero=TOKENS_COUNTED - count.sum(axis=0),
        sum=means * count[None],
        extreme=extreme,
        lists=tuple(lists),
        sample=encode_sample(random.normal(size=(2, SAMPLE, WIDTH)).astype(np.float32)),
        sample_id=0,
    )


def _weights(random: Any) -> Any:
    """Cosines, norms and classes; token lists, many of which hold one token; no neighbours."""
    import numpy as np

    from indexer.database.bulk.arrays import ModelWeights, WeightArrays, WeightSite
    from indexer.weights.rw_class import rw_class

    sites, arrays = [], {}
    for layer in range(LAYERS):
        cosines = np.clip(random.normal(0, 0.25, (3, WIDTH)), -0.99, 0.99).astype(np.float32)
        sites.append(WeightSite(f"L{layer}", WIDTH, layer * WIDTH, "rms", "none", (0.05, 0.05, 0.05)))
        tokens = random.integers(1, VOCABULARY, (6, WIDTH, TOKENS)).astype(np.int32)
        tokens[:, random.random(WIDTH) < 0.1, 0] = 0
        scores = np.sort(np.abs(random.normal(size=(6, WIDTH, TOKENS))), axis=2)[..., ::-1].astype(np.float32)
        scores[1::2] *= -1
        arrays[f"L{layer}"] = WeightArrays(
            cosines=cosines,
            norms=random.gamma(20, 0.1, (3, WIDTH)).astype(np.float32),
            classes=tuple(rw_class(*triple) for triple in cosines.T.tolist()),
            tokens=tokens,
            scores=scores,
            neighbours=np.full((2, WIDTH, 1), -1, np.int64),
            neighbour_cosines=np.zeros((2, WIDTH, 1), np.float32),
            vocabulary=np.abs(random.normal(0.2, 0.05, (5, WIDTH))).astype(np.float32),
        )
    spelling = {token: f" word{token}".encode() for token in range(VOCABULARY)}
    folded = {token: f"word{token}" for token in range(VOCABULARY)}
    return ModelWeights({"state": "computed", "vocabulary": VOCABULARY}, tuple(sites), arrays, spelling, folded)


def _info() -> dict[str, Any]:
    return {
        "model": {"name": "synthetic 32 x 14,336", "architecture": "Synthetic", "layers": LAYERS},
        "corpus": {"tokens": TOKENS_COUNTED, "documents": SEQUENCES, "sequences": SEQUENCES},
        "settings": {"window": list(WINDOW), "top_k": TOP_K, "sample": SAMPLE, "rank_by": ["post"]},
        "software": {},
        "run": {},
    }


def measured(command: tuple[str, ...], db: Path, rounds: int) -> list[float]:
    """Seconds that a whole process takes, warm."""
    words = [sys.executable, "-m", "gluscope_tui", *command, "--db", str(db)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "COLUMNS": "120"}
    times = []
    for number in range(rounds + 1):
        started = time.perf_counter()
        done = subprocess.run(words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
        if number:
            times.append(time.perf_counter() - started)
        if done.returncode not in (0, 1):
            raise SystemExit(done.stderr.decode(errors="replace"))
    return times


def explorer(db: Path, rounds: int) -> Iterator[tuple[str, list[float], float]]:
    """The explorer's start-up, and a key to the complete next neuron, as benchmarks/tui.py measures them."""
    from benchmarks.tui import key_to_screen, start_up

    with tempfile.TemporaryDirectory() as state:
        yield "tui, start", start_up(db, (120, 40), state, rounds), 1.0
        yield "tui, neuron to neuron", key_to_screen(db, (120, 40), state, 8 * rounds), 0.12


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--db", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tui", action="store_true", help="the explorer too; needs tmux")
    parser.add_argument("--save", action="store_true", help="into benchmarks/results, for the README's table")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        db: Path = options.db or Path(folder) / "8b.db"
        if not db.exists():
            make(db)
        rows = [(name, measured(command, db, options.rounds), limit) for name, limit, command in COMMANDS]
        if options.tui:
            rows += explorer(db, options.rounds)
        size = db.stat().st_size
    neurons = LAYERS * WIDTH
    print(f"{neurons:,} neurons, {size / 1e9:.2f} GB, {size / neurons:.0f} bytes a neuron")
    for name, times, limit in rows:
        told = f"{limit:g} s" if limit else ""
        print(f"{name:<36} {statistics.median(times):6.2f} s  (fastest {min(times):.2f})  limit {told}")
    if options.save:
        from benchmarks import results

        seconds = {name: round(statistics.median(times), 3) for name, times, _ in rows}
        command = "python benchmarks/at_8b.py" + (" --tui" if options.tui else "")
        print(f"kept in {results.write('at_8b', command, {'neurons': neurons, 'seconds': seconds})}")


if __name__ == "__main__":
    main()
