"""Measures how indexing scales: tokens a second and peak memory by number of neurons and by length of the corpus.

    python benchmarks/scaling.py MODEL TEXT [--layers 1,5,15,30] [--tokens 8k,16k,32k,64k] [--save]

Each run is `gluscope index` in its own process, with layers spread evenly over the model. Speed compares two lengths of
the corpus, extra tokens / extra seconds, so that loading, compiling and writing don't count. Memory is the longer run's
largest resident set.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Made:
    """One run."""

    layers: int
    neurons: int
    tokens: int
    seconds: float
    peak_bytes: int


@dataclass(frozen=True)
class Point:
    """The figures of a longer run against a shorter one."""

    layers: int
    neurons: int
    tokens: int
    tokens_per_second: float
    peak_bytes: int

    @classmethod
    def between(cls, shorter: Made, longer: Made) -> Point:
        rate = (longer.tokens - shorter.tokens) / (longer.seconds - shorter.seconds)
        return cls(longer.layers, longer.neurons, longer.tokens, rate, longer.peak_bytes)


def amount(text: str) -> int:
    number, unit = re.fullmatch(r"([\d.]+)([kM]?)", text).groups()  # type: ignore[union-attr]  # fails on bad input
    return int(float(number) * {"": 1, "k": 1000, "M": 1_000_000}[unit])


def measure(model: str, text: str, layers: str, tokens: int, folder: Path) -> Made:
    """Make an index, and read time and memory from it and from the operating system."""
    db = folder / "scaling.db"
    command = [sys.executable, "-m", "gluscope_tui", "index", model, text, "--db", str(db), "--layers", layers]
    command += ["--tokens", str(tokens), "--overwrite", "--compile", "on", "--no-weights"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, env=environment, text=True)
    assert process.stderr is not None
    errors: list[str] = []
    reader = threading.Thread(target=errors.extend, args=(process.stderr,))
    reader.start()
    _, status, usage = os.wait4(process.pid, 0)
    reader.join()
    if status:
        sys.exit("".join(errors))
    info = json.loads(
        subprocess.run(
            [sys.executable, "-m", "gluscope_tui", "info", "--db", str(db), "-f", "json"],
            env=environment, check=True, capture_output=True, text=True,
        ).stdout
    )  # fmt: skip
    db.unlink()
    return Made(
        layers.count(",") + 1, info["neurons"], info["corpus"]["tokens"], info["run"]["seconds"], usage.ru_maxrss * 1024
    )


def spread(layers: int, wanted: int) -> str:
    """`wanted` layers spread over the model, the last among them, as --layers takes them."""
    return ",".join(str(round((i + 1) * layers / wanted) - 1) for i in range(wanted))


def rows(points: list[Point]) -> str:
    lines = ["| neurons | tokens | tokens/s | peak memory |", "|---|---|---|---|"]
    for point in points:
        gib = point.peak_bytes / 2**30
        lines.append(f"| {point.neurons:,} | {point.tokens:,} | {point.tokens_per_second:.0f} | {gib:.2f} GiB |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("text")
    parser.add_argument("--of-layers", type=int, default=30, help="layers that the model has")
    parser.add_argument("--layers", default="1,5,15,30")
    parser.add_argument("--tokens", default="8k,16k,32k,64k", help="lengths of the corpus, two at least")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--save", action="store_true", help="into benchmarks/results, for the README's tables")
    options = parser.parse_args()
    sizes = [amount(size) for size in options.tokens.split(",")]
    counts = [int(count) for count in options.layers.split(",")]
    result: dict[str, list[Point]] = {"neurons": [], "corpus": []}
    with tempfile.TemporaryDirectory() as folder:
        for count in counts:
            layers = spread(options.of_layers, count)
            made = [measure(options.model, options.text, layers, size, Path(folder)) for size in sizes[:2]]
            result["neurons"].append(Point.between(*made))
        few = spread(options.of_layers, counts[0])
        made = [measure(options.model, options.text, few, size, Path(folder)) for size in sizes]
        result["corpus"] += [Point.between(*pair) for pair in pairwise(made)]
    plain: dict[str, Any] = {name: [asdict(point) for point in points] for name, points in result.items()}
    if options.save:
        sys.path.insert(0, str(ROOT))
        from benchmarks import results

        named = f"python benchmarks/scaling.py {Path(options.model).name} TEXT"
        print(f"kept in {results.write('scaling', named, plain)}", file=sys.stderr)
    if options.json:
        print(json.dumps(plain))
        return
    print(f"against neurons\n\n{rows(result['neurons'])}\n\nagainst the corpus\n\n{rows(result['corpus'])}")


if __name__ == "__main__":
    main()
