"""Renders the tables of figures in README.md and docs/schema.md, between their markers, from benchmarks/results.

    python benchmarks/publish.py [--check]

A table lies between `<!-- figures: NAME -->` and `<!-- end of figures -->`. `--check` writes nothing and exits with 1
if a table is stale.
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import results  # noqa: E402

PAGES = ("README.md", "docs/schema.md")
REGIMES = ("cold", "steady", "limit")

_MARKED = re.compile(r"(<!-- figures: (\w+) -->\n).*?(<!-- end of figures -->)", re.DOTALL)

Read = Callable[[str], dict[str, Any]]
"""A benchmark's name -> its figures."""


def comparison(read: Read) -> str:
    """gluscope against GLUScope."""
    share = statistics.median(read("repeated")["steady"])
    size = read("size")["bytes_a_neuron"] / 1024
    return table(
        ("", "GLUScope (2026)", "gluscope"),
        (
            ("neurons anyone can look at", "174", "all of them"),
            ("disk a neuron", "13.4 MB", f"{size:.1f} KiB, with weights and full-text search"),
            ("speed, share of the bare model's", "0.19", f"about {share:.2f} (see below)"),
            ("examples", "top 16", "top 16 and a random draw, folded duplicates"),
            ("BOS and other first tokens", "counted", "left out"),
        ),
    )


def speed(read: Read) -> str:
    """Indexing against the bare model, and the spread of runs."""
    found, again = read("speed"), read("repeated")
    rows = [
        (
            row["name"],
            str(row["rounds"]),
            f"{row['bare']['median']:,.0f}",
            *(_spread(row["ratio"][regime]) for regime in REGIMES),
        )
        for row in found["rows"]
    ]
    head = ("", "rounds", "bare, tokens/s", "cold: empty rankings", "steady: as after 20,000 sequences")
    *others, last = (f"{value:.2f}" for value in again["steady"])
    share = 100 * again["share_of_a_layer"]
    lines = (
        table((*head, "limit: no ranking changes"), rows),
        f"Measured on {found['date']}, on {found['machine']}: single rounds stray, even above 1, and medians too.",
        f"{len(others) + 1} runs of SmolLM2 in float32 on one day had {', '.join(others)} and {last} in `steady`;",
        f"timed apart, its statistics take {share:.1f} % of a layer's time.",
    )
    return "\n".join(lines) + "\n"


def scaling(read: Read) -> str:
    """Speed and memory by number of neurons and by length of the corpus."""
    found = read("scaling")
    neurons = [
        (str(row["layers"]), f"{row['neurons']:,}", f"{row['tokens_per_second']:.0f}", _gib(row["peak_bytes"]))
        for row in found["neurons"]
    ]
    corpus = [
        (f"{row['tokens']:,} tokens", f"{row['tokens_per_second']:.0f}", _gib(row["peak_bytes"]))
        for row in found["corpus"]
    ]
    return "\n".join(
        (
            table(("layers", "neurons", "tokens/s while rankings fill", "peak memory"), neurons),
            table(("one layer, corpus of", "tokens/s since the length before", "peak memory"), corpus),
        )
    )


FINDING: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("`gluscope show`", ("show",)),
    (
        "first page of a sort by frequency, mean, cosine",
        tuple(f"first page, sorted by a {name}" for name in ("frequency", "mean", "cosine")),
    ),
    ("a filter; a filter and a sort", ("first page of a filter", "first page, filtered and sorted")),
    (
        "a search for a peak; for a text; for a word that is a quarter of all tokens",
        ("search for a peak", "search in contexts", "search a common word in contexts"),
    ),
    (
        "a search for a written word; a read one; by a beginning; for two words together",
        (
            "search what is written",
            "search what is read",
            "search beginnings that are written",
            "search two words, both written",
        ),
    ),
    ("the neurons that write a word, sorted", ("first page of those that write",)),
    ("the explorer's start; from neuron to neuron", ("tui, start", "tui, neuron to neuron")),
    ("`gluscope layers`; `gluscope plot`", ("layers", "plot")),
)
"""The text of each row, and the names of its figures in benchmarks/at_8b.py."""


def finding(read: Read) -> str:
    """Commands and the explorer on an index of an 8B's size."""
    seconds: Mapping[str, float] = read("at_8b")["seconds"]
    rows = [(what, "; ".join(f"{seconds[name]:.2f}" for name in names)) for what, names in FINDING]
    return table(("what", "seconds"), rows)


def gpu(read: Read) -> str:
    """The speeds that benchmarks/gpu.py found, or a note that it was not run."""
    found = read("gpu")
    rows = [
        (
            row["case"],
            f"{row['figures']['bare_tokens_per_s']:,}",
            *(_spread(dict(zip(("min", "median", "max"), row["figures"][regime], strict=True))) for regime in REGIMES),
            f"{row['figures']['peak_gb']:.1f} GB" if "peak_gb" in row["figures"] else "",
        )
        for row in found.get("parts", {}).get("3", {}).get("rows", ())
        if "bare_tokens_per_s" in row["figures"] and row["passed"]
    ]
    if not rows:
        return "Not measured on a GPU yet.\n"
    head = ("random weights, sequences of 1,024, batches of 4,096", "bare, tokens/s", *REGIMES, "peak memory")
    note = f"\n{found['note']}\n" if "note" in found else ""
    machine = f"On one {found['machine']['device']} (`benchmarks/gpu.py`, {found['made'][:10]})"
    return f"{machine}:\n\n{table(head, rows)}{note}"


def effect(read: Read) -> str:
    """Effects of quadrants against whole passes."""
    found = read("effect")
    rows = [
        (
            str(row["layer"]),
            f"{row['seconds'][1]:,}",
            f"{row['whole'][1]:,}",
            f"{row['seconds'][1] / row['whole'][1]:.2f}",
            f"{row['seconds'][1] / (400 * row['bare'][1]):.2f}",  # 100 neurons in 4 quadrants
        )
        for row in found["rows"]
    ]
    head = ("layer", "seconds of the processor", "by whole passes", "share", "bare passes a neuron and quadrant")
    measured = " and ".join(sorted({str(row["neurons"]) for row in found["rows"]}))
    what = (
        f"100 neurons, each quadrant set to zero, on {found['sequences']} sequences of {found['context']} tokens of "
        f"{found['model']}; measured with {measured} a layer, on {found['machine']}, {found['date']}:"
    )
    note = f"\n{found['note']}\n" if "note" in found else ""
    return f"{what}\n\n{table(head, rows)}{note}"


WIRE: tuple[tuple[str, str], ...] = (
    ("`gluscope show`, the first of all", "show"),
    ("the same with `-f json`: every context", "show json"),
    ("`gluscope show` of the neuron beside it, later", "show beside"),
    ("of one in another layer, later", "show elsewhere"),
    ("of the first one again", "show again"),
    ("`gluscope neurons --sort extreme_post_pp`, the first of all", "sort"),
    ("`gluscope search`, the first of all", "search"),
    ("the explorer's start", "explorer"),
    ("the neuron beside it", "explorer beside"),
    ("one in another layer", "explorer elsewhere"),
)
"""The text of each row, and the name of its figures in benchmarks/wire.py."""


def wire(read: Read) -> str:
    """Requests and bytes of an index on a server."""
    found = read("wire")
    rows = [
        (
            what,
            str(found["with"][name]["requests"]),
            _kilobytes(found["with"][name]["bytes"]),
            str(found["without"][name]["requests"]),
            _kilobytes(found["without"][name]["bytes"]),
        )
        for what, name in WIRE
    ]
    head = ("", "requests", "kB", "requests without the three tables", "kB")
    about = (
        f"An index of {found['model']}, {found['neurons']:,} neurons in {found['size'] / 1e9:.2f} GB, of which the "
        f"three tables take {100 * found['share']:.1f} % (`benchmarks/wire.py`, {found['date']}):"
    )
    return f"{about}\n\n{table(head, rows)}"


TABLES: dict[str, Callable[[Read], str]] = {
    "comparison": comparison,
    "speed": speed,
    "scaling": scaling,
    "finding": finding,
    "gpu": gpu,
    "effect": effect,
    "wire": wire,
}
"""Name in a marker -> the function that renders it."""


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *("| " + " | ".join(row) + " |" for row in rows)]
    return "\n".join(lines).replace("|  |", "| |") + "\n"


def rendered(text: str, folder: Path = results.FOLDER) -> str:
    """A page with every table rendered from a folder's results. Raises KeyError if a marker names no table."""

    def read(name: str) -> dict[str, Any]:
        return results.read(name, folder) or {}

    return _MARKED.sub(lambda found: f"{found[1]}{TABLES[found[2]](read)}{found[3]}", text)


def marked(text: str) -> list[str]:
    """The names of a page's tables, in order."""
    return [found[2] for found in _MARKED.finditer(text)]


def _spread(of: Mapping[str, float]) -> str:
    return f"{of['median']:.2f} ({of['min']:.2f} to {of['max']:.2f})"


def _kilobytes(size: int) -> str:
    return f"{size / 1000:,.1f}"


def _gib(size: int) -> str:
    return f"{size / 2**30:.2f} GiB"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a table is stale")
    options = parser.parse_args(arguments)
    stale = []
    for page in PAGES:
        before = (ROOT / page).read_text(encoding="utf-8")
        after = rendered(before)
        if after != before:
            stale.append(page)
            if not options.check:
                (ROOT / page).write_text(after, encoding="utf-8")
    for page in stale:
        print(f"{page}: {'stale' if options.check else 'rendered'}")
    return 1 if stale and options.check else 0


if __name__ == "__main__":
    raise SystemExit(main())
