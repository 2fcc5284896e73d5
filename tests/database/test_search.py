"""Searches find what a scan over all examples finds, the strongest first."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer.database.bulk import spool
from indexer.database.bulk.add_search import add_search
from indexer.database.query import contexts, search
from indexer.database.reader import Index
from indexer.database.records import Example
from indexer.errors import GluscopeError
from indexer.quadrants import QUADRANTS, QUANTITIES, Quadrant
from tests.support.index_fixture import TOKENS, Truth, make_index

Found = tuple[str, str, int]
"""A neuron, its quadrant and the strength in 255ths."""


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    return make_index(
        tmp_path_factory.mktemp("index") / "a.db", layers=2, width=16, rankings=("post", "gate", "in", "act", "random")
    )


@pytest.fixture
def index(truth: Truth) -> Iterator[Index]:
    with Index(truth.path) as opened:
        yield opened


List = tuple[str, Quadrant, str, tuple[Example, ...], float]
"""Neuron, quadrant, ranking, examples, and the largest magnitude that the ranking's quantity has anywhere."""


@pytest.fixture(scope="module")
def lists(truth: Truth) -> dict[str, list[List]]:
    """Every list there is, under either signs."""
    with Index(truth.path) as opened:
        return {signs: list(_lists(opened, signs)) for signs in ("aligned", "raw")}


@pytest.fixture(scope="module")
def sequences(truth: Truth) -> dict[tuple[int, int], tuple[str, ...]]:
    """The texts of the tokens of each sequence that the index keeps."""
    with Index(truth.path) as opened:
        examples = (example for *_, kept, _ in _lists(opened, "raw") for example in kept)
        places = {(example.document, example.part) for example in examples}
        return {place: opened.sequence(*place).tokens for place in places}


def _lists(index: Index, signs: str) -> Iterator[List]:
    for site in index.sites:
        for number in range(site.width):
            record = index.neuron(f"{site.address}N{number}", signs=signs)
            for quadrant, one in record.quadrants.items():
                for ranking, examples in one.examples.items():
                    quantity = ranking if ranking in QUANTITIES else "post"
                    reach = max(abs(other.extreme[quantity] or 0.0) for other in record.quadrants.values())
                    yield record.neuron.name, quadrant, ranking, examples, reach


def _token(truth: Truth, example: Example) -> bytes:
    """The token that an example peaks on."""
    sequence = next(s for s in truth.sequences if (s.document, s.part) == (example.document, example.part))
    return TOKENS[sequence.ids[example.position]]


def _best(strengths: dict[tuple[Quadrant, str], float], index: Index, limit: int | None) -> list[Found]:
    """By quadrant, the strongest first, then in the order of the model."""
    order = [row[0] for row in index.rows(["neuron"])]
    found: list[Found] = []
    for quadrant in QUADRANTS:
        own = [(round(255 * s), neuron) for (q, neuron), s in strengths.items() if q is quadrant]
        own.sort(key=lambda pair: (-pair[0], order.index(pair[1])))
        found += [(neuron, quadrant.value, max(strength, 1)) for strength, neuron in own[:limit]]
    return found


def _hits(index: Index, text: str, where: str, limit: int | None, signs: str, *, exact: bool) -> list[Found]:
    hits = index.search(text, where, exact=exact, limit=limit, signs=signs)
    return [(hit.neuron.name, hit.quadrant.value, round(255 * hit.strength)) for hit in hits]


@pytest.mark.parametrize("signs", ["aligned", "raw"])
@pytest.mark.parametrize("limit", [None, 2])
@pytest.mark.parametrize(
    ("text", "exact"),
    [("france", False), (" France", True), ("France", True), ("the", False), ("The", True), ("sumé", False),
     ("\n", False), ("    ", True), ("\x1b[31m", False), ("'; DROP TABLE peaks", False), (" ", False)],
)  # fmt: skip
def test_a_search_for_a_peak_finds_what_a_scan_finds(
    truth: Truth, index: Index, lists: dict[str, list[List]], text: str, exact: bool, limit: int | None, signs: str
) -> None:
    shares: dict[tuple[Quadrant, str], float] = {}
    for neuron, quadrant, ranking, examples, _ in lists[signs]:
        if ranking == "random":
            continue
        total = sum(abs(example.value) for example in examples)
        own = 0.0
        for example in examples:
            token = _token(truth, example).decode(errors="replace")
            same = (
                token == text if exact else (token.lstrip(" ") or token).lower() == (text.lstrip(" ") or text).lower()
            )
            own += abs(example.value) / total if same else 0.0
        if own:
            shares[quadrant, neuron] = max(own, shares.get((quadrant, neuron), 0.0))
    found = _hits(index, text, "peak", limit, signs, exact=exact)
    assert found == _best(shares, index, limit)
    if text in ("france", " France", "the", "The"):
        assert found


def _holds(tokens: tuple[str, ...], example: Example, text: str, *, exact: bool) -> bool:
    """Whether the text is in the example's window, at the start of a word if it begins with a letter."""
    before = "".join(tokens[: example.position - example.peak])
    flags = 0 if exact else re.IGNORECASE
    for match in re.finditer(re.escape(text) if exact else re.escape(text).replace(r"\ ", r"\s+"), example.text, flags):
        previous = (before + example.text)[len(before) + match.start() - 1 : len(before) + match.start()]
        if not (text[0].isascii() and text[0].isalnum() and previous.isalnum()):
            return True
    return False


@pytest.mark.parametrize("signs", ["aligned", "raw"])
@pytest.mark.parametrize(
    ("text", "exact", "limit"),
    [("city of France", False, None), ("City  of France", False, 3), ("City of France", True, None), ("Fran", False, 2),
     ("the capital of", True, 4), ("日本語", False, None), ("本語", False, 3), ("(x):", False, None), ("):", False, 3),
     ("👩\u200d🔬", False, None), ("12", False, 2), ("r\u00e9sum", False, None), ("ance", False, None)],
)  # fmt: skip
def test_a_search_in_contexts_finds_what_a_scan_finds(
    index: Index,
    lists: dict[str, list[List]],
    sequences: dict[tuple[int, int], tuple[str, ...]],
    text: str,
    exact: bool,
    limit: int | None,
    signs: str,
) -> None:
    strengths: dict[tuple[Quadrant, str], float] = {}
    wanted = " ".join(text.split()) if not exact else text
    for neuron, quadrant, _, examples, reach in lists[signs]:
        for example in examples:
            if _holds(sequences[example.document, example.part], example, wanted, exact=exact):
                strength = abs(example.value) / reach if reach else 0.0
                strengths[quadrant, neuron] = max(strength, strengths.get((quadrant, neuron), 0.0))
    found = _hits(index, text, "context", limit, signs, exact=exact)
    assert found == _best(strengths, index, limit)
    assert bool(found) == (text not in ("ance", "City of France"))


@pytest.mark.slow
def test_a_hit_shows_the_example_that_it_was_found_for(truth: Truth, index: Index) -> None:
    for hit in index.search("paris", limit=3):
        assert _token(truth, hit.example) == b" Paris"
        kept = index.neuron(hit.neuron).quadrants[hit.quadrant].examples[hit.ranking]
        assert kept[hit.example.rank] == hit.example
        assert hit.value == hit.example.value
    hits = list(index.search("north of", "context", limit=3)) + list(index.search("there and", "context", limit=3))
    assert not hits
    for hit in index.search("the south", "context", limit=3):
        assert "the south" in hit.text
        assert hit.example in index.neuron(hit.neuron).quadrants[hit.quadrant].examples[hit.ranking]


def test_only_the_quadrants_asked_for_are_searched(index: Index) -> None:
    every = list(index.search("the"))
    some = list(index.search("the", quadrants=[Quadrant.NN, Quadrant.PN]))
    assert some == [hit for hit in every if hit.quadrant in (Quadrant.PN, Quadrant.NN)]
    assert 0 < len(some) < len(every)
    assert list(index.search("the", limit=0)) == []


@pytest.mark.slow
def test_postings_in_many_blocks_and_chunks_find_the_same(
    tmp_path: Path, truth: Truth, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "BLOCK", 3)
    monkeypatch.setattr(spool, "TOGETHER", 50)
    copy = tmp_path / "copy.db"
    copy.write_bytes(truth.path.read_bytes())
    add_search(copy)
    with Index(copy) as other:
        for text, where in (("the", "peak"), ("France", "peak"), ("of", "context"), ("日本", "context")):
            for limit in (None, 2):
                expected = list(index.search(text, where, limit=limit))
                assert expected
                assert list(other.search(text, where, limit=limit)) == expected


@pytest.mark.slow
def test_an_older_index_opens_says_what_is_missing_and_gets_it(tmp_path: Path, truth: Truth, index: Index) -> None:
    old = tmp_path / "old.db"
    old.write_bytes(truth.path.read_bytes())
    sqlite = sqlite3.connect(old)
    for table in ("peaks", "contexts", "words"):
        sqlite.execute(f"DROP TABLE {table}")
    sqlite.commit()
    sqlite.close()
    with Index(old) as opened:
        assert opened.neuron("L0N4") == index.neuron("L0N4")
        for where in ("peak", "context"):
            with pytest.raises(GluscopeError, match=r"lacks the search tables\nadd it: gluscope search --build"):
                list(opened.search("the", where))
    add_search(old)
    with Index(old) as opened:
        for where in ("peak", "context"):
            assert list(opened.search("the", where)) == list(index.search("the", where))


@pytest.mark.slow
def test_many_entries_find_the_same_as_few(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = list(index.search("the", "context"))
    for together, few in ((1, 3), (7, 1000), (500, 0)):
        monkeypatch.setattr(search, "_TOGETHER", together)
        monkeypatch.setattr(search, "_FEW", few)
        assert list(index.search("the", "context")) == expected


def test_what_has_no_words_index_is_scanned(tmp_path: Path, truth: Truth, index: Index) -> None:
    old = tmp_path / "old.db"
    old.write_bytes(truth.path.read_bytes())
    sqlite = sqlite3.connect(old)
    sqlite.execute("DROP TABLE words")
    sqlite.commit()
    sqlite.close()
    with Index(old) as opened:
        assert list(opened.search("of France", "context")) == list(index.search("of France", "context"))


def test_a_search_that_looks_at_some_sequences_only_says_so(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not index.searches.is_cut("of")
    monkeypatch.setattr(contexts, "SEQUENCES", 3)
    assert index.searches.is_cut("of")
    assert not index.searches.is_cut("zebra")
    assert list(index.search("of", "context"))


def test_what_can_not_be_searched_for_is_refused(index: Index) -> None:
    with pytest.raises(GluscopeError, match="nothing to search for"):
        list(index.search(""))
    with pytest.raises(GluscopeError, match="use peak or context"):
        list(index.search("the", "everywhere"))


def test_a_damaged_posting_is_reported(tmp_path: Path, truth: Truth) -> None:
    bad = tmp_path / "bad.db"
    bad.write_bytes(truth.path.read_bytes())
    sqlite = sqlite3.connect(bad)
    sqlite.execute("UPDATE peaks SET neurons = x'0011'")
    sqlite.commit()
    sqlite.close()
    with Index(bad) as opened, pytest.raises(GluscopeError, match="is damaged"):
        list(opened.search("the"))
