"""The cosines between two neurons from the model's weights, against plain products of its tensors."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

import indexer
from gluscope_tui.cli.app import run
from gluscope_tui.views.compare import Compared, turned
from gluscope_tui.views.compare_reading import Wish, two_neurons, with_cosines
from indexer.addresses import parse_neuron
from indexer.errors import GluscopeError
from indexer.jobs.pair_cosines import pair_cosines
from indexer.live.model import Choice
from indexer.weights.between import cosines_between
from tests.support.neuron_vectors import plain_cosine, vectors
from tests.support.small_runs import make, save_model, write_corpus


@pytest.fixture(scope="module")
def db(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("db")
    return make(model, write_corpus(folder / "c.jsonl"), folder / "x.db")


def quiet(_: object) -> None:
    pass


@pytest.mark.slow
def test_cosines_are_those_of_the_models_tensors(model: Path, db: Path) -> None:
    with indexer.open(db) as index:
        for one, other in (("L0N3", "L1N4"), ("L1N4", "L0N3"), ("L1N2", "L1N7")):
            first, second = parse_neuron(one), parse_neuron(other)
            found = pair_cosines(index.info(), Choice(str(model)), first, second, quiet)
            mine, theirs = (vectors(model, neuron) for neuron in (first, second))
            feeding = {"L0N3": [("out", "gate"), ("out", "in")], "L1N4": [("gate", "out"), ("in", "out")]}.get(one, [])
            assert list(found) == [("gate", "gate"), ("in", "in"), ("out", "out"), *feeding]
            for (a, b), cosine in found.items():
                assert cosine == pytest.approx(plain_cosine(mine, a, theirs, b), abs=1e-6)
            raw, aligned = (two_neurons(index, first, second, Wish(signs=signs)) for signs in ("raw", "aligned"))
            flips = {n: -1 if index.neuron(n).flipped else 1 for n in (one, other)}
            for exact, plain in zip(
                with_cosines(aligned, found).cosines, with_cosines(raw, found).cosines, strict=True
            ):
                sign = (flips[one] if exact.one != "gate" else 1) * (flips[other] if exact.other != "gate" else 1)
                assert plain.cosine == found[plain.one, plain.other]
                assert exact.cosine == pytest.approx(sign * (plain.cosine or 0.0))
            other_way = pair_cosines(index.info(), Choice(str(model)), second, first, quiet)
            swapped = with_cosines(two_neurons(index, second, first, Wish()), other_way).cosines
            for one_side, other_side in zip(turned(with_cosines(aligned, found)).cosines, swapped, strict=True):
                assert (one_side.one, one_side.other) == (other_side.one, other_side.other)
                assert one_side.cosine == pytest.approx(other_side.cosine, abs=1e-12)


@pytest.mark.slow
def test_listed_cosines_and_bounds_agree_with_the_models(model: Path, db: Path) -> None:
    known = 0
    with indexer.open(db) as index:
        for one, other in product(("L0N1",), ("L0N2", "L1N3", "L1N8")):
            pair = (parse_neuron(one), parse_neuron(other))
            told: Compared = two_neurons(index, *pair, Wish())
            exact = with_cosines(told, pair_cosines(index.info(), Choice(str(model)), *pair, quiet))
            for listed, true in zip(told.cosines, exact.cosines, strict=True):
                assert (listed.one, listed.other) == (true.one, true.other)
                assert true.cosine is not None
                if listed.cosine is not None:
                    known += 1
                    assert listed.cosine == pytest.approx(true.cosine, abs=2e-5)
                elif listed.at_most is not None:
                    assert abs(true.cosine) <= listed.at_most
    assert known


def test_the_command_reads_the_model_only_when_asked(model: Path, db: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["show", "L0N3", "L1N4", "--compare", "-f", "plain", "--db", str(db)]
    assert run([*words, "--model", str(model)]) == 0
    exact = capsys.readouterr().out
    line = next(line for line in exact.splitlines() if "\tcos\tgate,gate\t" in line)
    assert line.split("\t")[4]
    assert run(words) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if "\tcos\tgate,gate\t" in line)
    assert not line.split("\t")[4]
    assert run([*words[:2], "--beside", str(db), "--model", str(model), "--db", str(db)]) == 2
    assert "--model" in capsys.readouterr().err


def test_another_model_is_refused(db: Path, tmp_path: Path) -> None:
    other = save_model(tmp_path / "other", seed=7)
    with indexer.open(db) as index, pytest.raises(GluscopeError, match="other weights"):
        pair_cosines(index.info(), Choice(str(other)), parse_neuron("L0N3"), parse_neuron("L1N4"), quiet)


def test_neurons_of_two_stacks_have_no_cosine() -> None:
    with pytest.raises(GluscopeError, match="are of two stacks"):
        cosines_between({}, parse_neuron("enc.L1N2"), parse_neuron("dec.L1N2"))
