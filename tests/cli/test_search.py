"""gluscope search by weights, by several texts and by beginnings of texts; and what each search says besides."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from gluscope_tui.cli.app import run
from gluscope_tui.text.cells import cell_len
from gluscope_tui.views.numbers import float32
from indexer.database.reader import Index
from tests.support.index_fixture import make_index
from tests.support.weights_fixture import with_searches

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("index")
    return with_searches(make_index(folder / "a.db", layers=2, width=24).path, folder / "b.db")


def told(capsys: Capture, db: Path, *arguments: str, code: int = 0) -> tuple[str, list[str]]:
    """The stdout of a search, and the lines of its stderr."""
    assert run(["search", *arguments, "--db", str(db)]) == code
    out, err = capsys.readouterr()
    return out, err.splitlines()


@pytest.mark.slow
@pytest.mark.parametrize("place", ["writes", "reads"])
def test_hits_by_weights_agree_in_every_format(db: Path, capsys: Capture, place: str) -> None:
    asked = ("the", "--in", place, "-n", "6")
    listed = json.loads(told(capsys, db, *asked, "-f", "json")[0])
    with Index(db) as index:
        hits = list(index.search_weights("the", place, limit=6))
    assert [(hit["neuron"], hit["where"], hit["place"]) for hit in listed] == [
        (hit.neuron.name, hit.where, hit.token.place) for hit in hits
    ]
    for one, hit in zip(listed, hits, strict=True):
        assert one["quadrants"] == [quadrant.value for quadrant in hit.quadrants]
        assert one["frequency"] == {quadrant.value: share for quadrant, share in hit.frequency.items()}
        assert one["score"] == float32(hit.token.score)
        assert one["strength"] == float32(hit.strength)
        assert one["tokens"] == [{key: one[key] for key in ("token", "place", "score", "strength")}]
    assert [json.loads(line) for line in told(capsys, db, *asked, "-f", "jsonl")[0].splitlines()] == listed
    head, *spread = list(csv.reader(io.StringIO(told(capsys, db, *asked, "-f", "csv")[0])))
    assert [line.split("\t") for line in told(capsys, db, *asked)[0].splitlines()] == spread
    for cells, hit in zip((dict(zip(head, row, strict=True)) for row in spread), listed, strict=True):
        assert cells["quadrants"].split() == hit["quadrants"]
        assert float32(float(cells["strength"])) == hit["strength"]
        shares = [cells[f"frequency_{letters}"] for letters in ("pp", "pn", "np", "nn")]
        assert [float(share) for share in shares if share] == list(hit["frequency"].values())
    table = told(capsys, db, *asked, "-f", "table")[0].splitlines()
    assert table[0].split()[:3] == ["neuron", "where", "quadrants"]
    assert [line.split()[:2] for line in table[1:]] == [[hit["neuron"], hit["where"]] for hit in listed]
    assert max(map(cell_len, table)) <= 80


@pytest.mark.parametrize(
    ("place", "strength"),
    [
        ("peak", "in each quadrant: the share that examples peaking on the text have in a list"),
        ("context", "in each quadrant: the value at the peak, as a share of the neuron's largest"),
        ("writes", "the z-score of the token among all scores of the neuron"),
        ("reads", "the cosine with the token's embedding"),
    ],
)
def test_every_search_says_how_it_is_sorted_and_has_its_strength(
    db: Path, capsys: Capture, place: str, strength: str
) -> None:
    for form in ("table", "plain", "json", "jsonl", "csv"):
        out, err = told(capsys, db, "the", "--in", place, "-n", "2", "-f", form)
        assert err[-1].startswith("sorted by strength, the largest first")
        assert strength in err[-1]
        if form == "jsonl":
            assert all(json.loads(line)["strength"] > 0 for line in out.splitlines())
        if form == "plain" and place in ("peak", "context"):
            assert all(0 < float(line.split("\t")[9]) <= 1 for line in out.splitlines())


@pytest.mark.slow
def test_several_texts_are_any_or_all_of_them(db: Path, capsys: Capture) -> None:
    def neurons(*asked: str) -> set[tuple[str, str]]:
        assert run(["search", *asked, "-n", "0", "-f", "jsonl", "--db", str(db)]) in (0, 1)
        rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        return {(row["neuron"], row["where" if "writes" in asked else "quadrant"]) for row in rows}

    for place in ("peak", "writes"):
        one, other = (neurons(text, "--in", place) for text in ("the", "paris"))
        assert neurons("the", "paris", "--in", place) == one | other
        assert neurons("the", "paris", "--in", place, "--all") == one & other != set()
        assert neurons("the", "zebra", "--in", place, "--all") == set()
    one, other = (neurons(text, "--in", "context") for text in ("france", "city"))
    assert neurons("france", "city", "--in", "context") == one | other
    both = neurons("france", "city", "--in", "context", "--all")
    assert set() != both <= one & other
    with Index(db) as index:
        for hit in index.search(["france", "city"], "context", every=True):
            assert "France" in hit.text
            assert "city" in hit.text


@pytest.mark.slow
def test_a_star_stands_for_the_rest_of_a_token(db: Path, capsys: Capture) -> None:
    for place in ("peak", "writes", "reads"):
        found = told(capsys, db, "c*", "--in", place, "-n", "0", "-f", "jsonl")[0].splitlines()
        whole = told(capsys, db, "city", "capital", "--in", place, "-n", "0", "-f", "jsonl")[0].splitlines()
        names = [{json.loads(line)["neuron"] for line in lines} for lines in (found, whole)]
        assert names[0] == names[1] != set()
    assert told(capsys, db, " c*", "--exact", "-n", "0")[0] == told(capsys, db, "c*", "-n", "0")[0]
    assert told(capsys, db, "C*", "--exact", code=1)[0] == ""
    assert "'*' is not a token of this model" in told(capsys, db, "*", code=1)[1]
    assert "'c*' is not a token of this model" in told(capsys, db, "c\\*", code=1)[1]


@pytest.mark.parametrize("place", ["peak", "writes", "reads"])
def test_a_search_says_what_is_no_token_and_never_occurs(db: Path, capsys: Capture, place: str) -> None:
    _, err = told(capsys, db, "citys", "--in", place, code=1)
    assert "'citys' is not a token of this model; its longest beginning that is one is 'city'" in err
    assert "no word of the 54 sequences (of 56) that this index keeps begins with 'citys'" in err
    _, err = told(capsys, db, "zeb*", "--in", place, code=1)
    assert "'zeb' is the beginning of no token of this model" in err
    _, err = told(capsys, db, "city", "--in", place)
    assert len(err) == 1
    _, err = told(capsys, db, "city", "zebra", "--in", place)
    assert "'zebra' is not a token of this model" in err


def test_neurons_meet_conditions_on_what_they_write(db: Path, capsys: Capture) -> None:
    assert run(["neurons", "-w", "writes('the') and layer = 1", "-n", "0", "-c", "neuron", "--db", str(db)]) == 0
    found = capsys.readouterr().out.split()
    with Index(db) as index:
        hits = index.search_weights("the", "writes")
        want = {hit.neuron.name for hit in hits if hit.where == "+out" and hit.neuron.site.layer == 1}
    assert set(found) == want != set()
    assert run(["neurons", "-w", "peaks('zebra')", "--db", str(db)]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "no neuron meets the condition",
        "'zebra' is not a token of this model",
        "no word of the 54 sequences (of 56) that this index keeps begins with 'zebra'",
    ]
    assert run(["neurons", "-w", "1/0 > 1", "--db", str(db)]) == 2
    assert "division by 0, at character 3" in capsys.readouterr().err
