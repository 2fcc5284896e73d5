"""Two neurons compared: what the lists of an index tell of cosines, shared contexts, differences and their errors."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

import indexer
from gluscope_tui.cli.app import run
from gluscope_tui.colour.depth import Depth
from gluscope_tui.colour.ramp import ramp
from gluscope_tui.views.compare import Compared, Difference, pair_cosines, shared_tokens, turned
from gluscope_tui.views.compare_lines import CompareLook, compare_lines
from gluscope_tui.views.compare_reading import Wish, two_indexes, two_neurons
from gluscope_tui.views.compare_table import points
from indexer.addresses import NeuronAddress, SiteAddress, parse_neuron, parse_site
from indexer.database.records import Cosines, Neighbour, NeuronWeights, Reads, TokenScore, Wire, Wiring
from indexer.errors import GluscopeError
from indexer.quadrants import QUADRANTS, Quadrant
from tests.support.index_fixture import make_index
from tests.support.weights_fixture import with_weights

Floats = npt.NDArray[np.float64]
NOTHING = Reads((), ())


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compare")
    make_index(folder / "bare.db", layers=3, width=12, documents=80, sample=300)
    return with_weights(folder / "bare.db", folder / "one.db")


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("beside")
    sites = [SiteAddress("", layer) for layer in range(2)]  # of the three layers that the model has
    make_index(folder / "bare.db", layers=3, sites=sites, width=12, documents=50, seed=5, sample=300)
    return with_weights(folder / "bare.db", folder / "other.db", seed=2)


# cosines


def cos(one: Floats, other: Floats) -> float:
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def model() -> tuple[list[NeuronAddress], dict[str, Floats]]:
    random = np.random.default_rng(0)
    addresses = [NeuronAddress(SiteAddress("", layer), index) for layer in range(3) for index in range(9)]
    return addresses, {name: random.normal(size=(len(addresses), 6)) for name in ("gate", "in", "out")}


def best(addresses: list[NeuronAddress], values: list[tuple[int, float]], k: int) -> list[tuple[NeuronAddress, float]]:
    return [(addresses[at], value) for at, value in sorted(values, key=lambda one: -abs(one[1]))[:k]]


def lists_of(at: int, addresses: list[NeuronAddress], vectors: dict[str, Floats], k: int = 4) -> NeuronWeights:
    """The weights of a neuron with its lists, found by comparing it with every other."""
    everyone = range(len(addresses))
    layer = addresses[at].site.layer

    def near(name: str) -> tuple[Neighbour, ...]:
        found = [(one, cos(vectors[name][at], vectors[name][one])) for one in everyone if one != at]
        return tuple(Neighbour(*one) for one in best(addresses, found, k))

    def wires(mine: str, theirs: str, meant: Callable[[int], bool]) -> tuple[Wire, ...]:
        found = [(one, cos(vectors[mine][at], vectors[theirs][one])) for one in everyone if meant(one)]
        return tuple(Wire(*one, None) for one in best(addresses, found, k))

    def lower(one: int) -> bool:
        return addresses[one].site.layer < layer

    def higher(one: int) -> bool:
        return addresses[one].site.layer > layer

    wiring = Wiring(
        wires("gate", "out", lower),
        wires("in", "out", lower),
        wires("out", "gate", higher),
        wires("out", "in", higher),
        {},
    )
    none = Cosines(None, None, None)
    return NeuronWeights(
        addresses[at], "raw", "orthogonal output", 0.1, 0.1, 0.1, 1.0, 1.0, 1.0, none, (), (), NOTHING, NOTHING,
        near("out"), near("in"), wiring=wiring,
    )  # fmt: skip


def test_a_cosine_is_the_true_one_or_bounded_and_never_made_up() -> None:
    addresses, vectors = model()
    weights = [lists_of(at, addresses, vectors) for at in range(len(addresses))]
    told = bounded = 0
    for one, other in product(range(len(addresses)), repeat=2):
        if one == other:
            continue
        found = list(pair_cosines(weights[one], weights[other]))
        kinds = [(cosine.one, cosine.other) for cosine in found]
        layers = addresses[one].site.layer, addresses[other].site.layer
        feeding = [] if layers[0] == layers[1] else [("out", "gate"), ("out", "in")]
        if layers[0] > layers[1]:
            feeding = [pair[::-1] for pair in feeding]
        assert kinds == [("gate", "gate"), ("in", "in"), ("out", "out"), *feeding]
        for cosine in found:
            true = cos(vectors[cosine.one][one], vectors[cosine.other][other])
            if cosine.cosine is not None:
                told += 1
                assert cosine.cosine == pytest.approx(true)
            elif cosine.at_most is not None:
                bounded += 1
                assert abs(true) <= cosine.at_most
            else:
                assert (cosine.one, cosine.other) == ("gate", "gate")
    assert told > 100
    assert bounded > 100


def test_without_wiring_or_lists_nothing_is_claimed() -> None:
    addresses, vectors = model()
    one, other = (lists_of(at, addresses, vectors) for at in (0, 20))

    bare = replace(one, wiring=None, nearest_out=(), nearest_in=())
    for found in (pair_cosines(bare, other), pair_cosines(other, bare)):
        for cosine in found:
            if cosine.cosine is None and (cosine.one, cosine.other) != ("gate", "gate"):
                assert cosine.at_most is None
    assert list(pair_cosines(None, other)) == []


def test_tokens_are_in_both_lists_or_in_one() -> None:
    one, other = ([TokenScore(token, str(token), 1.0) for token in tokens] for tokens in ((1, 2, 3), (3, 9, 1)))
    found = shared_tokens(one, other)
    assert [[score.token for score in part] for part in (found.both, found.one, found.other)] == [[1, 3], [2], [9]]


# two neurons of an index


@pytest.mark.slow
def test_shared_contexts_are_all_pairs_of_examples_whose_windows_overlap_at_a_peak(path: Path) -> None:
    with indexer.open(path) as index:
        compared = two_neurons(index, parse_neuron("L1N5"), parse_neuron("L2N7"), Wish())
        first, second = index.neuron("L1N5"), index.neuron("L2N7")
        expected = set()
        for quadrant, theirs in product(QUADRANTS, repeat=2):
            for one in first.quadrants[quadrant].examples["post"]:
                for other in second.quadrants[theirs].examples["post"]:
                    same = (one.document, one.part) == (other.document, other.part)
                    windows = [range(e.position - e.peak, e.position - e.peak + len(e.tokens)) for e in (one, other)]
                    if same and (other.position in windows[0] or one.position in windows[1]):
                        expected.add((one.document, one.part, one.position, other.position, quadrant, theirs))
    found = [
        (p.one.document, p.one.part, p.one.position, p.other.position, p.one_quadrant, p.other_quadrant)
        for p in compared.shared
    ]
    assert set(found) == expected
    assert len(found) == len(expected) > 5
    assert all(abs(a[3] - a[2]) <= abs(b[3] - b[2]) for a, b in pairwise(found))


@pytest.mark.slow
def test_correlations_are_of_the_same_sampled_positions(path: Path) -> None:
    with indexer.open(path) as index:
        compared = two_neurons(index, parse_neuron("L1N5"), parse_neuron("L2N7"), Wish())
        samples = index.sample("L1N5"), index.sample("L2N7")
        assert len(set(index.sample_positions(parse_neuron("L1N5").site))) == 300
    for quantity in ("gate", "in", "post"):
        expected = np.corrcoef(samples[0][quantity], samples[1][quantity])[0, 1]
        assert compared.correlation(quantity) == pytest.approx(expected, abs=1e-9)


@pytest.mark.slow
def test_a_difference_of_frequencies_has_the_error_of_two_means_of_zeros_and_ones(path: Path, other: Path) -> None:
    with indexer.open(path) as index, indexer.open(other) as beside:
        compared = two_indexes(index, beside, parse_neuron("L1N5"), Wish())
        inside = two_neurons(index, parse_neuron("L1N5"), parse_neuron("L2N7"), Wish())
    for quadrant in QUADRANTS:
        visits = [
            np.repeat([1.0, 0.0], [r.quadrants[quadrant].count, r.tokens_counted - r.quadrants[quadrant].count])
            for r in compared.records
        ]
        found = compared.difference(quadrant)
        assert found.points == pytest.approx(100 * (visits[1].mean() - visits[0].mean()))
        assert found.error == pytest.approx(100 * np.sqrt(sum(one.var() / len(one) for one in visits)))
        assert turned(compared).difference(quadrant).points == pytest.approx(-(found.points or 0.0))
        assert inside.difference(quadrant).error is None  # the tokens are the same ones
    assert compared.cosines == ()
    assert compared.correlation("post") is None


@pytest.mark.slow
@settings(deadline=None, max_examples=30)
@given(width=st.integers(40, 170), ascii_only=st.booleans(), which=st.integers(0, 1))
def test_lines_of_any_width_fit_and_are_printable(
    compared_pairs: tuple[Compared, Compared], width: int, ascii_only: bool, which: int
) -> None:
    look = CompareLook(ramp(Depth.TRUE), ascii_only=ascii_only, divider=" | " if ascii_only else " │ ")
    for line in compare_lines(compared_pairs[which], width, look):
        text = "".join(part for part, _ in line)
        assert cell_len(text) <= width
        assert text.isprintable()
        assert text.isascii() or not ascii_only


@pytest.fixture(scope="module")
def compared_pairs(path: Path, other: Path) -> tuple[Compared, Compared]:
    with indexer.open(path) as index, indexer.open(other) as beside:
        one = two_neurons(index, parse_neuron("L1N5"), parse_neuron("L2N7"), Wish())
        return one, two_indexes(index, beside, parse_neuron("L1N3"), Wish())


def test_the_statistics_are_all_there_at_every_width(compared_pairs: tuple[Compared, Compared]) -> None:
    for width, blocks in ((40, 3), (55, 2), (78, 1)):
        page = [
            "".join(part for part, _ in line)
            for line in compare_lines(compared_pairs[0], width, CompareLook(ramp(Depth.NONE)))
        ]
        heads = [line for line in page if "frequency" in line or "mean post" in line or "max post" in line]
        assert len(heads) == blocks, width
        assert all(words in " ".join(heads) for words in ("frequency", "difference", "mean post", "max post"))
        for quadrant in QUADRANTS:
            rows = [line.split() for line in page if line.startswith(f" {quadrant} ")]
            assert len(rows) == blocks
            assert sum(len(row) - 1 for row in rows) == 7, (width, rows)


def test_an_error_of_no_visits_is_not_claimed(compared_pairs: tuple[Compared, Compared]) -> None:
    compared = compared_pairs[1]
    for share, known in ((0, False), (1, False), (0.5, True)):
        one, other = (
            replace(
                record,
                quadrants={
                    **record.quadrants,
                    Quadrant.PP: replace(
                        record.quadrants[Quadrant.PP], count=int(share * record.tokens_counted), frequency=share
                    ),
                },
            )
            for record in compared.records
        )
        found = replace(compared, one=one, other=other).difference(Quadrant.PP)
        assert found.points == 0
        assert (found.error is not None) == known


def test_from_100_columns_the_two_stand_side_by_side(compared_pairs: tuple[Compared, Compared]) -> None:
    look = CompareLook(ramp(Depth.NONE))
    narrow, wide = (
        ["".join(part for part, _ in line).rstrip() for line in compare_lines(compared_pairs[0], width, look)]
        for width in (99, 100)
    )
    assert any(line.startswith("L1N5") and "│ L2N7" in line for line in wide)
    assert not any("│" in line for line in narrow)
    assert [line for line in narrow if line in ("L1N5", "L2N7")] == ["L1N5", "L2N7"]
    assert any("cos(gate, gate) not in the index" in line for line in wide)


def test_differences_in_words() -> None:

    assert points(Difference(-9.3, 0.124)) == "-9.30 ±0.12"
    assert points(Difference(0.5, None)) == "+0.50"
    assert points(Difference(1.0, 2.0), ascii_only=True) == "+1.00 +-2.0"
    assert points(Difference(12.345, 12.3)) == "+12.35 ±12"
    assert points(Difference(0.00302, 0.0090)) == "+0.0030 ±0.0090"
    assert points(Difference(-0.0116, None)) == "-0.012"
    assert points(Difference(0.0, None)) == "+0.00"
    assert points(Difference(None, None)) == "-"


# the command


Capture = pytest.CaptureFixture[str]


def printed(capsys: Capture, *arguments: str) -> str:
    assert run(["show", *arguments]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def test_json_holds_both_neurons_and_what_is_between_them(capsys: Capture, path: Path) -> None:
    found = json.loads(printed(capsys, "L1N5", "L2N7", "--compare", "-f", "json", "--db", str(path)))
    for side, neuron in (("one", "L1N5"), ("other", "L2N7")):
        alone = json.loads(printed(capsys, neuron, "-f", "json", "--rank-by", "post", "--db", str(path)))
        assert found[side]["quadrants"] == alone["quadrants"]
        assert found[side]["weights"] == alone["weights"]
    shares = [found[side]["quadrants"]["+-"]["frequency"] for side in ("one", "other")]
    assert found["difference"]["+-"]["points"] == pytest.approx(100 * (shares[1] - shares[0]))
    assert found["cosines"][0] == {"one": "gate", "other": "gate", "cos": None, "at_most": None}
    assert found["correlation"]["n"] == 300
    assert found["shared"][0]["one"]["quadrant"] in {quadrant.value for quadrant in QUADRANTS}
    rows = printed(capsys, "L1N5", "L2N7", "--compare", "-f", "plain", "--db", str(path)).splitlines()
    assert {len(row.split("\t")) for row in rows} == {8}
    assert sum(row.split("\t")[2] == "shared" for row in rows) == len(found["shared"])
    table = [tuple(row.split("\t")[2:6]) for row in rows]
    assert ("class", "", *(found[side]["weights"]["rw_class"] for side in ("one", "other"))) in table
    for what in ("promotes", "suppresses"):
        for where, ids in found[what].items():
            assert len([row for row in table if row[:2] == (what, where)]) == len(ids)
    for quadrant in ("++", "--"):
        texts = [row[2:] for row in table if row[0] == "context" and row[1].startswith(f"{quadrant},")]
        sides = [found[side]["quadrants"][quadrant]["examples"]["post"][:3] for side in ("one", "other")]
        assert len(texts) == max(map(len, sides))
        assert all("«" in text for pair, *side in zip(texts, *sides, strict=False) for text in pair[: len(side)])


@pytest.mark.slow
def test_a_limit_of_contexts_hides_no_shared_one_that_would_come_first(capsys: Capture, path: Path) -> None:
    words = ("L1N5", "L2N7", "--compare", "--db", str(path))
    whole, three = (json.loads(printed(capsys, *words, "-f", "json", *more)) for more in ((), ("-n", "3")))
    assert three["shared"] == whole["shared"][:3]
    assert {len(q["examples"]["post"]) for q in three["one"]["quadrants"].values()} == {3}
    for limit in ("0", "3"):
        page = printed(capsys, *words, "-f", "rich", "--width", "120", "-n", limit)
        assert f"{len(whole['shared'])} contexts that both peak in" in page
        assert "--model reads them" in page
    assert " drawn for both, by random" in printed(capsys, *words, "-f", "rich", "--rank-by", "random")


def test_a_neuron_beside_itself_in_another_index(capsys: Capture, path: Path, other: Path) -> None:
    found = json.loads(printed(capsys, "L1N5", "L0N1", "--beside", str(other), "-f", "json", "--db", str(path)))
    assert [one["one"]["neuron"] for one in found] == ["L1N5", "L0N1"]
    assert found[0]["difference"]["++"]["standard_error"] > 0
    assert found[0]["cosines"] == []
    assert all(len(one["names"]) == 2 and one["names"][0] != one["names"][1] for one in found)
    page = printed(capsys, "L1N5", "--beside", str(other), "-f", "rich", "--width", "120", "--db", str(path))
    assert "±" in page
    assert "one.db" in page
    assert "other.db" in page
    assert "--model" not in page


def test_a_neuron_that_one_index_lacks_is_reported_and_the_others_are_shown(
    capsys: Capture, path: Path, other: Path
) -> None:
    assert run(["show", "L1N5", "L2N1", "L0N1", "--beside", str(other), "-f", "jsonl", "--db", str(path)]) == 2
    out, err = capsys.readouterr()
    assert [json.loads(line)["one"]["neuron"] for line in out.splitlines()] == ["L1N5", "L0N1"]
    assert f"L2N1 is not in {other}: " in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("L1N5", "--compare"), "two neurons, not 1"),
        (("L1N5", "L1N6", "L1N7", "--compare"), "two neurons, not 3"),
        (("L1N5", "L9N9", "--compare"), "L9"),
        (("L1N5", "l1n05", "--compare"), "compared with itself"),
        (("L1N5", "L1N6", "--compare", "-f", "md"), "not printed as md"),
        (("L1N5", "L1N6", "--compare", "--plot"), "--plot"),
        (("L1N5", "L1N6", "--compare", "--rank-by", "act"), "ranking"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    capsys: Capture, path: Path, arguments: tuple[str, ...], words: str
) -> None:
    assert run(["show", *arguments, "--db", str(path)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert words in err


@pytest.mark.slow
def test_indexes_of_other_shapes_are_refused(tmp_path: Path, path: Path) -> None:
    make_index(tmp_path / "wide.db", layers=3, width=13, documents=10)
    make_index(tmp_path / "far.db", sites=[SiteAddress("", 7)], layers=3, width=12, documents=10)
    make_index(tmp_path / "deep.db", sites=[SiteAddress("", 1)], layers=4, width=12, documents=10)
    with indexer.open(path) as index:
        with pytest.raises(GluscopeError, match="compared with itself"):
            two_indexes(index, index, parse_neuron("L1N5"), Wish())
        for name, words in (("wide.db", "13"), ("far.db", "no layer"), ("deep.db", "has 3 layers, that of .* 4")):
            with indexer.open(tmp_path / name) as beside, pytest.raises(GluscopeError, match=words):
                two_indexes(index, beside, parse_neuron("L1N5"), Wish())


@pytest.mark.slow
def test_what_makes_two_indexes_differ_is_told(path: Path, tmp_path: Path) -> None:
    def changed(name: str, info: dict[str, str]) -> Path:
        copy = tmp_path / name
        copy.write_bytes(path.read_bytes())
        with sqlite3.connect(copy) as connection:
            for key, value in info.items():
                assert connection.execute("UPDATE info SET value = ? WHERE key = ?", (value, key)).rowcount == 1
        return copy

    with indexer.open(path) as index:
        settings = dict(index.info().settings)
        other = json.dumps({**settings, "context": 77, "bos": "x"})
        for name, info, remarks in (
            ("same.db", {}, ()),
            (
                "short.db",
                {"settings": other},
                (f"settings: context {settings['context']} and 77, bos {settings['bos']} and x",),
            ),
            ("part.db", {"complete": "false"}, ("part.db is not finished",)),
        ):
            with indexer.open(changed(name, info)) as beside:
                compared = two_indexes(index, beside, parse_neuron("L1N5"), Wish())
            assert len(compared.remarks) == len(remarks)
            lines = compare_lines(compared, 120, CompareLook(ramp(Depth.NONE)))
            page = " ".join(text for line in lines for text, _ in line)
            assert all(remark in page for remark in remarks)


def test_of_two_experts_the_tokens_that_reached_each_are_told(tmp_path: Path) -> None:
    sites = [parse_site(name) for name in ("L0E0", "L0E1")]
    make_index(tmp_path / "experts.db", sites=sites, width=6, documents=20)
    with indexer.open(tmp_path / "experts.db") as index:
        found = two_neurons(index, parse_neuron("L0E0N1"), parse_neuron("L0E1N1"), Wish())
    for counts in ((980, 980), (123, 45)):
        one, other = (replace(each, tokens_counted=count) for each, count in zip(found.records, counts, strict=True))
        lines = compare_lines(replace(found, one=one, other=other), 80, CompareLook(ramp(Depth.NONE)))
        page = " ".join(text for line in lines for text, _ in line)
        assert [f"{count} of " in page for count in counts] == [counts[0] != counts[1]] * 2


def test_alignment_that_differs_is_told(path: Path) -> None:
    with indexer.open(path) as index:
        one, other = (index.neuron(name, sample=True) for name in ("L1N3", "L1N1"))  # flipped, not flipped
    compared = Compared(one, other, ("a", "b"), "post", same_index=False)
    assert compared.flipped_in_one
    lines = compare_lines(compared, 120, CompareLook(ramp(Depth.NONE)))
    assert any("opposite directions" in text for line in lines for text, _ in line)
    assert Quadrant.PP in one.quadrants
