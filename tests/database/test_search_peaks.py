"""Every peak that `gluscope show` prints is found by the text between its marks, whatever its token is made of."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from gluscope_tui.views.text import around_peak, shown
from indexer.database.format.folding import Wanted, fold, words
from indexer.database.read.spans import peak_texts
from indexer.database.reader import Index
from indexer.quadrants import Quadrant
from tests.support.index_fixture import Truth, make_index

Peak = tuple[str, Quadrant]
"""A neuron and the quadrant of an example."""


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    return make_index(tmp_path_factory.mktemp("index") / "a.db", layers=1, width=24, documents=60)


@pytest.fixture(scope="module")
def printed(truth: Truth) -> dict[str, set[Peak]]:
    """The text that `show -f plain` prints between the marks, and the neurons and quadrants for which it prints it."""
    found: dict[str, set[Peak]] = {}
    with Index(truth.path) as index:
        for address in (f"L0N{number}" for number in range(24)):
            for quadrant, record in index.neuron(address).quadrants.items():
                for ranking, examples in record.examples.items():
                    for example in examples if ranking != "random" else ():
                        found.setdefault(around_peak(example)[1], set()).add((address, quadrant))
    return found


@pytest.fixture(scope="module")
def index(truth: Truth) -> Iterator[Index]:
    with Index(truth.path) as opened:
        yield opened


@pytest.mark.slow
def test_the_index_has_peaks_of_every_sort(printed: dict[str, set[Peak]]) -> None:
    assert {"é", "⟨9B⟩", "�", "⟨200D⟩", "␛]52;c;aGk=␇", "語\u0301", "2\u0301", ".", " «quoted»"} <= printed.keys()


@pytest.mark.slow
def test_every_peak_is_found_by_the_text_between_its_marks(index: Index, printed: dict[str, set[Peak]]) -> None:
    for text, peaks in printed.items():
        hits = {(hit.neuron.name, hit.quadrant) for hit in index.search(text, shown=shown)}
        assert peaks <= hits, (text, peaks - hits)
        exact = {(hit.neuron.name, hit.quadrant) for hit in index.search(text, exact=True, shown=shown)}
        assert peaks <= exact <= hits, text


@pytest.mark.slow
def test_a_hit_of_a_split_character_shows_it(index: Index) -> None:
    for text in ("日", "🙂", "é"):
        hits = list(index.search(text))
        assert hits
        for hit in hits:
            assert around_peak(hit.example)[1].strip().endswith(text)


def test_an_older_index_says_that_it_has_other_peaks(tmp_path: Path, truth: Truth) -> None:
    old = tmp_path / "old.db"
    old.write_bytes(truth.path.read_bytes())
    with sqlite3.connect(old) as connection:
        connection.execute("DELETE FROM info WHERE key = 'search'")
    connection.close()
    with Index(old) as opened, Index(truth.path) as new:
        assert opened.searches.is_outdated("日本")
        assert not opened.searches.is_outdated("France")
        assert not new.searches.is_outdated("日本")
        assert list(opened.search("France")) == list(new.search("France"))


@pytest.mark.parametrize(
    ("tokens", "peak", "texts"),
    [
        ((b"a", b"bc", b"d"), 1, ("bc",)),
        ((b" \xe6\x97", b"\xa5"), 0, (" 日",)),
        ((b" \xe6\x97", b"\xa5"), 1, ("日",)),
        ((b"\xe2", b"\x80", b"\x93", b" "), 1, ("–",)),
        ((b"caf", b"e", b"\xcc\x81", b"s"), 1, ("e", "e\u0301")),
        ((b"caf", b"e", b"\xcc\x81", b"s"), 2, ("\u0301", "e\u0301")),
        ((b"caf", b"e", b"\xcc\x81", b"s"), 3, ("s",)),
        ((b"cafe", b"\xcc", b"\x81s"), 2, ("s",)),
        ((b"x \xf0\x9f\x91", b"\xa9\xe2\x80\x8d"), 1, ("\u200d",)),
        ((b"\xff",), 0, ("\ufffd",)),
        ((b"\xcc\x81",), 0, ("\u0301",)),
        ((b"", b"a"), 0, ()),
    ],
)
def test_the_texts_by_which_a_peak_is_found(tokens: tuple[bytes, ...], peak: int, texts: tuple[str, ...]) -> None:
    assert peak_texts(tokens, peak) == texts


@pytest.mark.parametrize(
    ("text", "context", "spans"),
    [
        ("ประเทศ", "เมืองหลวงของประเทศฝรั่งเศส", [(12, 18)]),
        ("ພາສາ", "ກພາສາລາວ", [(1, 5)]),
        ("i", "İ i ı I", [(2, 3), (6, 7)]),
        ("İ", "İ i ı I", [(0, 1)]),
        ("istanbul", "İstanbul ISTANBUL", [(9, 17)]),
        ("s", "ß s", [(2, 3)]),
        ("ss", "ß", [(0, 1)]),
        ("straße", "STRASSE", [(0, 7)]),
        ("ς", "Σ σ ς", [(0, 1), (2, 3), (4, 5)]),
        ("cat", "concat cat", [(7, 10)]),
        ("cat", "日本cat", [(2, 5)]),
        (" – ", "a – b", [(1, 4)]),
        ("–", "a–b – c", [(1, 2), (4, 5)]),
        ("once again", "Once \n again", [(0, 12)]),
    ],
)
def test_a_text_is_found_in_a_context(text: str, context: str, spans: list[tuple[int, int]]) -> None:
    assert list(Wanted(text, exact=False).spans(context)) == spans


def test_scripts_without_blanks_are_words_letter_by_letter() -> None:
    assert words("ประเทศ x日本ab") == ["ป", "ร", "ะ", "เ", "ท", "ศ", "x", "日", "本", "ab"]
    assert words("don't foo_bar İx") == ["don", "t", "foo", "bar", "i", "x"]


def test_blanks_around_and_case_fold() -> None:
    assert fold(" – ") == "–"
    assert fold("   ") == "   "
    assert fold("İ") != fold("i")
    assert fold("The") == fold(" tHE")
