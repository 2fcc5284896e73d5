"""Records made by hand, small enough to know every number that must be shown."""

from __future__ import annotations

from dataclasses import replace

from indexer.addresses import parse_neuron
from indexer.database.records import Example, IndexInfo, NeuronRecord, QuadrantRecord, Quantities, SiteRecord
from indexer.quadrants import Quadrant

NOTHING = Quantities(None, None, None, None)

FRANCE = Example(
    ranking="post",
    rank=0,
    value=8.0,
    document=812,
    part=1,
    position=403,
    source="corpus/a.txt",
    peak=3,
    text="<s> city of France\x1b日 is",
    tokens=("<s>", " city", " of", " France", "\x1b", "日", "", " is"),
    gate=(None, 1.0, -1.0, 2.0, 0.5, 0.5, 0.01, 2.0),
    in_=(None, 1.0, 1.0, 4.0, -0.5, 0.5, 2.0, 0.0),
    act=(None, 1.0, -0.25, 2.0, 0.5, 0.5, 0.01, 2.0),
    post=(None, 1.0, -0.25, 8.0, -0.25, 0.25, 0.02, 0.0),
)
"""Only tokens 1, 3, 5 and 6 lie in ++; 5 and 6 are parts of one character."""


def example(ranking: str = "post", rank: int = 0, value: float = 8.0) -> Example:
    return replace(FRANCE, ranking=ranking, rank=rank, value=value)


def neuron() -> NeuronRecord:
    """L12N345: 125 tokens in ++, 1 in -+ and none elsewhere, of 113,108."""
    pp = QuadrantRecord(
        Quadrant.PP,
        14_000,
        14_000 / 113_108,
        Quantities(0.1, 0.25, 1e-5, -0.0),
        Quantities(2.0, 4.0, 2.0, 8.0),
        {"post": (example(), example(rank=1, value=7.25)), "random": (example("random", value=0.1),)},
    )
    np = QuadrantRecord(
        Quadrant.NP,
        3,
        3 / 113_108,
        Quantities(-1.0, 1.0, -0.25, -0.25),
        Quantities(-1.0, 1.0, -0.25, -0.25),
        {"post": (), "random": ()},
    )
    quadrants = {
        Quadrant.PP: pp,
        Quadrant.PN: empty(Quadrant.PN),
        Quadrant.NP: np,
        Quadrant.NN: empty(Quadrant.NN),
    }
    return NeuronRecord(parse_neuron("L12N345"), "tiny/\x1b[31mmodel", "aligned", False, 113_108, 113_200, 5, quadrants)


def empty(quadrant: Quadrant) -> QuadrantRecord:
    return QuadrantRecord(quadrant, 0, 0.0, NOTHING, NOTHING, {"post": (), "random": ()})


def info() -> IndexInfo:
    """An index with hostile names."""
    site = parse_neuron("L0N0").site
    return IndexInfo(
        path="a\x1b.db",
        schema_version=1,
        complete=True,
        model={"name": "evil\x1b]52;c;x\x07", "revision": None},
        corpus={"tokens": 113_108, "inputs": ["a.txt", "\x9b31m"]},
        settings={"layers": None, "count_first": False, "window": [24, 7]},
        software={"torch": "2.13.0"},
        run={"seconds": 1.5, "notices": [], "identity": {"weights": "ab\x1b", "count_first": False, "window": [24, 8]}},
        telling_neuron=parse_neuron("L0N3"),
        sites=(SiteRecord(1, site, 24, "silu", 1904, 0, 1e-7, "gate_proj, up_proj"),),
        neurons=24,
        size=13_400_000,
    )
