"""An index gives back the measured values: compared with the simulation that the index was made from."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import indexer
from indexer.addresses import NeuronAddress, SiteAddress
from indexer.database.format.activations import twin
from indexer.database.format.kinds import COUNT
from indexer.database.read.signs import aligned_quadrants
from indexer.database.reader import Index, Interrupted
from indexer.database.records import Example, NeuronRecord
from indexer.errors import GluscopeError
from indexer.quadrants import QUADRANTS, QUANTITIES, Quadrant
from indexer.ranking import DEFAULT_RANKINGS, RANKINGS
from tests.support.index_fixture import DEAD, OPPOSITE_SIGNS, SAME_SIGNS, Truth, make_index

NEGATED = ("in", "post")


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    return make_index(tmp_path_factory.mktemp("index") / "a.db")


@pytest.fixture(scope="module")
def index(truth: Truth) -> Index:
    return indexer.open(truth.path)


def _addresses(truth: Truth) -> list[NeuronAddress]:
    return [NeuronAddress(site.address, index) for site in truth.sites for index in range(site.width)]


def _values(truth: Truth, neuron: NeuronAddress, signs: str) -> list[list[list[float]]]:
    """For each sequence, for each quantity, the values at all positions, under the signs asked for."""
    site = next(site for site in truth.sites if site.address == neuron.site)
    flipped = signs == "aligned" and site.flipped is not None and bool(site.flipped[neuron.index])
    sign = [-1 if flipped and quantity in NEGATED else 1 for quantity in QUANTITIES]
    return [
        [[sign[q] * value for value in values[q, :, neuron.index].tolist()] for q in range(4)]
        for values in truth.values[neuron.site.name]
    ]


def _inside(gate: float, in_: float, quadrant: Quadrant) -> bool:
    return gate * quadrant.gate_sign > 0 and in_ * quadrant.in_sign > 0


@pytest.mark.slow
@pytest.mark.parametrize("signs", ["raw", "aligned"])
def test_statistics_are_those_of_the_counted_tokens(truth: Truth, index: Index, signs: str) -> None:
    for address in _addresses(truth):
        record = index.neuron(address, signs=signs, rankings=())
        tokens = [
            position
            for sequence in _values(truth, address, signs)
            for position in list(zip(*sequence, strict=True))[1:]  # position 0 is not counted
        ]
        assert record.tokens_counted == len(tokens)
        assert record.zero == sum(gate == 0 or in_ == 0 for gate, in_, _, _ in tokens)
        assert record.zero + sum(quadrant.count for quadrant in record.quadrants.values()) == len(tokens)
        for quadrant in QUADRANTS:
            found = record.quadrants[quadrant]
            own = [token for token in tokens if _inside(token[0], token[1], quadrant)]
            assert found.count == len(own)
            assert found.frequency == len(own) / len(tokens)
            for place, quantity in enumerate(QUANTITIES):
                mean, extreme = found.mean[quantity], found.extreme[quantity]
                if not own:
                    assert mean is None
                    assert extreme is None
                    continue
                assert mean == pytest.approx(sum(token[place] for token in own) / len(own), rel=1e-6)
                assert mean == np.float32(mean)
                assert extreme == max((token[place] for token in own), key=abs)


@pytest.mark.slow
@pytest.mark.parametrize("signs", ["raw", "aligned"])
def test_examples_are_the_best_of_each_sequence_in_order(truth: Truth, index: Index, signs: str) -> None:
    for address in _addresses(truth)[::5]:
        record = index.neuron(address, signs=signs)
        sequences = _values(truth, address, signs)
        for quadrant in QUADRANTS:
            for ranking in ("post", "gate", "in"):
                examples = record.quadrants[quadrant].examples[ranking]
                place = QUANTITIES.index(ranking)
                best: dict[tuple[int, ...], tuple[float, int, int, int]] = {}
                for sequence, values in zip(truth.sequences, sequences, strict=True):
                    own = [
                        (-abs(token[place]), sequence.document, sequence.part, position)
                        for position, token in enumerate(zip(*values, strict=True))
                        if position > 0 and _inside(token[0], token[1], quadrant)
                    ]
                    if own:
                        offer = min(own)
                        context = sequence.ids[max(0, offer[3] - 24) : offer[3] + 1]
                        best[context] = min(offer, best.get(context, offer))
                expected = [offer[1:] for offer in sorted(best.values())[:16]]
                assert [(e.document, e.part, e.position) for e in examples] == expected
                assert [e.rank for e in examples] == list(range(len(examples)))
                if examples:
                    assert examples[0].value == record.quadrants[quadrant].extreme[ranking]


@pytest.mark.parametrize("activation", ["silu", "gelu_tanh", "relu", "made-up"])
@pytest.mark.parametrize("signs", ["raw", "aligned"])
def test_windows_hold_the_values_of_their_tokens(tmp_path: Path, activation: str, signs: str) -> None:
    truth = make_index(
        tmp_path / "a.db", layers=1, width=8, activation=activation, rankings=tuple(RANKINGS), window=(5, 3)
    )
    numbers = {(s.document, s.part): s.number for s in truth.sequences}
    checked = 0
    with indexer.open(truth.path) as index:
        for address in _addresses(truth):
            sequences = _values(truth, address, signs)
            for example in _examples(index.neuron(address, signs=signs)):
                number = numbers[example.document, example.part]
                _check_window(truth, example, sequences[number], activation)
                checked += 1
    assert checked > 500


def _examples(record: NeuronRecord) -> list[Example]:
    return [e for quadrant in record.quadrants.values() for list_ in quadrant.examples.values() for e in list_]


def _check_window(truth: Truth, example: Example, values: list[list[float]], activation: str) -> None:
    before, after = truth.window
    start = max(0, example.position - before)
    stop = min(len(values[0]), example.position + after + 1)
    assert example.peak == example.position - start
    assert example.source == truth.sources[example.document]
    assert len(example.tokens) == stop - start
    assert "".join(example.tokens) == example.text
    ranked = "post" if example.ranking == "random" else example.ranking
    assert example.value == example.values(ranked)[example.peak] == values[QUANTITIES.index(ranked)][example.position]
    function = twin(activation)
    for place, quantity in enumerate(QUANTITIES):
        found = example.values(quantity)
        exact = values[place][start:stop]
        assert found[example.peak] == exact[example.peak]
        largest = max(abs(value) for value, known in zip(exact, found, strict=True) if known is not None)
        for position, one, other in zip(range(start, stop), found, exact, strict=True):
            if position == 0:
                assert one is None
                continue
            assert one is not None
            if quantity == "act" and function is not None:
                gate = example.gate[position - start]
                assert gate is not None
                assert position == example.position or one == function(gate)
                continue
            assert abs(one - other) <= 0.005 * largest
            assert (one > 0, one < 0) == (other > 0, other < 0)


def test_only_what_is_asked_for_is_read(truth: Truth, index: Index) -> None:
    whole = index.neuron(truth.telling)
    assert tuple(whole.quadrants) == QUADRANTS
    assert {tuple(q.examples) for q in whole.quadrants.values()} == {DEFAULT_RANKINGS}
    some = index.neuron(truth.telling, rankings=["gate"], limit=2, quadrants=[Quadrant.NN, Quadrant.PP])
    assert tuple(some.quadrants) == (Quadrant.PP, Quadrant.NN)
    for quadrant, record in some.quadrants.items():
        assert record.examples == {"gate": whole.quadrants[quadrant].examples["gate"][:2]}
        assert record.mean == whole.quadrants[quadrant].mean
    assert all(not q.examples for q in index.neuron(truth.telling, rankings=()).quadrants.values())


@pytest.mark.parametrize("place", [0, SAME_SIGNS, DEAD, OPPOSITE_SIGNS, 7])
def test_aligned_reading_equals_an_index_of_the_aligned_values(truth: Truth, index: Index, place: int) -> None:
    address = NeuronAddress(truth.sites[0].address, place)
    raw, aligned = index.neuron(address, signs="raw"), index.neuron(address)
    assert raw.flipped is aligned.flipped
    if not raw.flipped:
        assert raw.quadrants == aligned.quadrants
        return
    for quadrant in QUADRANTS:
        one, other = raw.quadrants[quadrant], aligned.quadrants[quadrant.flipped]
        assert one.count == other.count
        assert one.mean.gate == other.mean.gate
        assert one.mean.act == other.mean.act
        for kept, turned in ((one.mean.in_, other.mean.in_), (one.extreme.post, other.extreme.post)):
            assert kept is turned is None or (kept is not None and kept == -(turned or 0.0))


@pytest.mark.slow
def test_aligning_twice_changes_nothing(truth: Truth, index: Index) -> None:
    for address in _addresses(truth)[::4]:
        quadrants = dict(index.neuron(address, signs="raw").quadrants)
        assert aligned_quadrants(aligned_quadrants(quadrants)) == quadrants


def test_the_neurons_made_to_be_empty_are_empty(truth: Truth, index: Index) -> None:
    site = truth.sites[0].address
    dead = index.neuron(NeuronAddress(site, DEAD))
    assert dead.zero == dead.tokens_counted
    assert not _examples(dead)
    assert all(set(q.examples) == set(DEFAULT_RANKINGS) for q in dead.quadrants.values())
    for place in (SAME_SIGNS, OPPOSITE_SIGNS):
        aligned = index.neuron(NeuronAddress(site, place))
        assert aligned.flipped is (place == OPPOSITE_SIGNS)
        assert [aligned.quadrants[q].count > 0 for q in QUADRANTS] == [True, False, False, True]


def test_no_negative_zero_is_read(tmp_path: Path) -> None:
    truth = make_index(tmp_path / "a.db", layers=1, width=6, activation="relu")
    with indexer.open(truth.path) as index:
        for address in _addresses(truth):
            for signs in ("raw", "aligned"):
                record = index.neuron(address, signs=signs)
                numbers = [
                    n for q in record.quadrants.values() for k in (q.mean, q.extreme) for n in k.as_dict().values()
                ]
                numbers += [v for e in _examples(record) for q in QUANTITIES for v in (*e.values(q), e.value)]
                assert not any(str(number) == "-0.0" for number in numbers)


def test_rankings_that_have_fewer_quadrants_are_absent_elsewhere(tmp_path: Path) -> None:
    truth = make_index(tmp_path / "a.db", layers=1, width=6, rankings=("act", "post"))
    with indexer.open(truth.path) as index:
        assert index.rankings == ("post", "act")
        record = index.neuron(truth.telling)
        for quadrant in QUADRANTS:
            assert ("act" in record.quadrants[quadrant].examples) == (quadrant in ("-+", "--"))


def test_narrow_rows_agree_with_records(truth: Truth, index: Index) -> None:
    for signs in ("raw", "aligned"):
        for site in truth.sites:
            rows = index.site_rows(site.address, signs=signs)
            assert [row.neuron.index for row in rows] == list(range(site.width))
            for row in rows:
                record = index.neuron(row.neuron, signs=signs, rankings=())
                assert row.flipped == record.flipped
                assert row.tokens_counted == record.tokens_counted
                assert row.frequency == tuple(record.quadrants[q].frequency for q in QUADRANTS)
                assert row.extreme_post == tuple(record.quadrants[q].extreme.post for q in QUADRANTS)


def test_sequences_come_back_whole(truth: Truth, index: Index) -> None:
    several_parts = 0
    used = {n for site in truth.sites for ranked in site.lists for n in ranked.sequence.ravel().tolist()}
    used |= {number for number, _ in truth.sample}
    for sequence in truth.sequences:
        if sequence.number not in used:
            with pytest.raises(GluscopeError, match=f"part {sequence.part} of document {sequence.document} "):
                index.sequence(sequence.document, sequence.part)
            continue
        record = index.sequence(sequence.document, sequence.part)
        several_parts += sequence.part > 0
        assert (record.document, record.part) == (sequence.document, sequence.part)
        assert record.source == truth.sources[sequence.document]
        assert record.text == truth.text(sequence.number).decode(errors="replace")
        assert len(record.tokens) == len(sequence.ids)
        assert "".join(record.tokens) == record.text
    assert several_parts > 0


def test_samples_are_the_values_at_the_drawn_positions(truth: Truth, index: Index) -> None:
    for address in _addresses(truth):
        for signs in ("raw", "aligned"):
            values = _values(truth, address, signs)
            sample = index.sample(address, signs=signs)
            gate, in_ = ([values[s][lane][p] for s, p in truth.sample] for lane in (0, 1))
            assert sample.gate == pytest.approx(gate, rel=2**-10, abs=1e-5)
            assert sample.in_ == pytest.approx(in_, rel=2**-10, abs=1e-5)


def test_info_gives_the_provenance(truth: Truth, index: Index) -> None:
    info = index.info()
    assert info.complete
    assert {key: getattr(info, key) for key in truth.info} == truth.info
    assert info.telling_neuron == index.telling_neuron == truth.telling
    assert [site.address for site in info.sites] == [site.address for site in truth.sites]
    assert info.neurons == index.neuron_count == sum(site.width for site in truth.sites)
    assert info.size == truth.path.stat().st_size
    assert info.sites[1].first_neuron == truth.sites[0].width


def test_experts_and_stacks_have_sites_of_their_own(tmp_path: Path) -> None:
    sites = [
        SiteAddress("enc", 0),
        SiteAddress("dec", 0),
        SiteAddress("dec", 1, expert=3),
        SiteAddress("dec", 1, shared=True),
    ]
    truth = make_index(tmp_path / "a.db", width=4, sites=sites)
    with indexer.open(truth.path) as index:
        assert [site.address for site in index.sites] == sites
        for site in truth.sites:
            record = index.neuron(f"{site.address}N3", signs="raw", rankings=())
            assert [record.quadrants[q].count for q in QUADRANTS] == site.count[:, 3].tolist()


def test_without_weights_aligned_is_raw(tmp_path: Path) -> None:
    truth = make_index(tmp_path / "a.db", layers=1, width=6, weights_known=False)
    with indexer.open(truth.path) as index:
        for address in _addresses(truth):
            aligned = index.neuron(address)
            assert aligned.flipped is None
            assert aligned.quadrants == index.neuron(address, signs="raw").quadrants
            assert index.sample(address) == index.sample(address, signs="raw")


@pytest.mark.slow
def test_threads_may_share_an_index(truth: Truth, index: Index) -> None:
    addresses = _addresses(truth)
    expected = [index.neuron(address) for address in addresses]
    with ThreadPoolExecutor(4) as pool, indexer.open(truth.path) as fresh:
        assert list(pool.map(fresh.neuron, addresses)) == expected


def test_interrupt_stops_a_query_of_another_thread(truth: Truth) -> None:
    with indexer.open(truth.path) as index:
        stopped: list[bool] = []

        def read() -> None:
            endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
            with pytest.raises(Interrupted):
                index._connection.rows(endless, (COUNT,))
            stopped.append(True)

        thread = threading.Thread(target=read)
        thread.start()
        while thread.is_alive():
            index.interrupt()
            thread.join(0.01)
        assert stopped == [True]
        assert index.neuron(truth.telling).tokens_counted > 0


def test_the_version_is_the_packages() -> None:
    project = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    assert f'\nversion = "{indexer.__version__}"\n' in project


def test_reading_imports_no_heavy_library(truth: Truth) -> None:
    code = (
        "import sys, indexer\n"
        f"with indexer.open({str(truth.path)!r}) as index:\n"
        "    index.info(); index.neuron('L0N4'); index.site_rows(index.sites[0].address); index.sample('L0N4')\n"
        "heavy = {'numpy', 'torch', 'transformers', 'sqlite_utils', 'textual', 'rich', 'typer'} & set(sys.modules)\n"
        "print(*sorted(heavy))\n"
    )
    root = Path(indexer.__file__).parents[1]
    result = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (0, "\n", "")
