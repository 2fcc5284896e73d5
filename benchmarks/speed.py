"""Compares indexing with the bare model: runs `gluscope bench` and keeps its figures for the README's table.

    python benchmarks/speed.py MODEL TEXT --name "SmolLM2-135M, float32" [--dtype float32] [--compile off] [--rounds 7]

Replaces the row of that name, or adds it at the end.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import results  # noqa: E402

OPTIONS = ("--sequences", "8", "--context", "512", "--batch-tokens", "2048")
COMMAND = " ".join(("gluscope", "bench", "MODEL", "TEXT", *OPTIONS))


def keep(name: str, rounds: int, measured: dict[str, Any], folder: Path = results.FOLDER) -> Path:
    """Put the output of `gluscope bench -f json` into the results as the row of a name."""
    row = {"name": name, "rounds": rounds, "bare": measured["bare"], "ratio": measured["ratio"]}
    rows = list((results.read("speed", folder) or {"rows": []})["rows"])
    place = next((place for place, other in enumerate(rows) if other["name"] == name), len(rows))
    rows[place : place + 1] = [row]
    return results.write("speed", COMMAND, {"rows": rows}, folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("text")
    parser.add_argument("--name", required=True, help="what the row is called")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--compile", default="auto")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    words = [sys.executable, "-m", "gluscope_tui", "bench", options.model, options.text, *OPTIONS]
    words += ["--dtype", options.dtype, "--compile", options.compile, "--rounds", str(options.rounds), "-f", "json"]
    done = subprocess.run(words, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    print(f"kept in {keep(options.name, options.rounds, json.loads(done.stdout))}")


if __name__ == "__main__":
    main()
