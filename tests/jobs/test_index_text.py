"""Text comes out of an index unchanged: characters over several tokens, control characters, long documents."""

from __future__ import annotations

from pathlib import Path

import pytest

from gluscope_tui.cli.app import run
from indexer.database.reader import Index
from indexer.settings import Settings

from ..support.reference import Reference, token_bytes
from ..support.small_runs import LAYERS, WIDTH, make, save_model, write_corpus

pytestmark = pytest.mark.usefixtures("one_thread")

HOSTILE = (
    "NUL \x00, escapes \x1b[31mred\x1b]52;c;aGk=\x07 and \x9b2J, bidi \u202e, \r\n\ttabs \x7f",
    "日本語のテキストはトークンの境目で切れる。👩‍🔬と🏳️‍🌈も。",
    "x",
    "[@click=app.quit]markup[/] [/foo] <script>alert(1)</script> <s></s>",
)
ADDRESSES = [f"L{layer}N{number}" for layer in range(LAYERS) for number in range(WIDTH)]


def characters(data: bytes) -> list[tuple[str, int, int]]:
    """The characters that bytes decode to, each with where it starts and stops; U+FFFD for what is none."""
    found = []
    place = 0
    while place < len(data):
        stop, character = place, ""
        while not character:
            stop += 1
            try:
                character = data[place:stop].decode()
            except UnicodeDecodeError as error:
                if error.reason != "unexpected end of data":  # the last byte belongs to something else
                    stop = max(place + 1, stop - 1)
                    character = "\ufffd"
                elif stop == len(data):
                    character = "\ufffd"
        found.append((character, place, stop))
        place = stop
    return found


def window(tokens: list[bytes], start: int, stop: int) -> list[str]:
    """The texts of some tokens of a sequence: a character goes whole to the first of them that holds a part of it."""
    spans = []
    place = 0
    for token in tokens:
        spans.append((place, place + len(token)))
        place += len(token)
    texts = [""] * (stop - start)
    whole = characters(b"".join(tokens))
    assert "".join(character for character, _, _ in whole) == b"".join(tokens).decode(errors="replace")
    for character, first, last in whole:
        for place, (begin, end) in enumerate(spans[start:stop]):
            if max(first, begin) < min(last, end):
                texts[place] += character
                break
    return texts


@pytest.mark.slow
def test_a_window_shows_every_character_that_it_holds_a_part_of(tmp_path: Path) -> None:
    model = save_model(tmp_path / "model")
    settings = Settings(context=40, window=(3, 2), duplicates="keep")
    texts = [*HOSTILE, "猫が座った。" * 9, "é🙂" * 30]
    db = make(model, write_corpus(tmp_path / "texts.jsonl", texts), tmp_path / "x.db", settings)
    reference = Reference.of(model, texts, settings)
    sequences = {
        (cut.document, cut.part): [token_bytes(reference.tokenizer, id_) for id_ in cut.ids] for cut in reference.cuts
    }
    cut_at_start = cut_at_end = 0
    with Index(db) as index:
        for address in ADDRESSES:
            for quadrant in index.neuron(address).quadrants.values():
                for example in (example for examples in quadrant.examples.values() for example in examples):
                    tokens = sequences[example.document, example.part]
                    start = example.position - example.peak
                    stop = start + len(example.tokens)
                    assert list(example.tokens) == window(tokens, start, stop)
                    assert example.text == "".join(example.tokens)
                    cut_at_start += 0x80 <= tokens[start][0] < 0xC0
                    cut_at_end += stop < len(tokens) and 0x80 <= tokens[stop][0] < 0xC0
    assert cut_at_start > 20
    assert cut_at_end > 20


def test_whole_sequences_are_the_text_of_their_document(tmp_path: Path) -> None:
    model = save_model(tmp_path / "model")
    db = make(model, write_corpus(tmp_path / "texts.jsonl", HOSTILE), tmp_path / "x.db", Settings(bos="never"))
    with Index(db) as index:
        for number, text in enumerate(HOSTILE):
            if number != 2:  # with one token, which is not counted, it is in no example
                assert index.sequence(number, 0).text == text


@pytest.mark.slow
@pytest.mark.parametrize("format", ["rich", "plain", "md"])
def test_no_control_character_of_a_document_is_printed(
    format: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = save_model(tmp_path / "model")
    name = tmp_path / "te\x1b[2Jxts\u202e.jsonl"
    db = make(model, write_corpus(name, HOSTILE), tmp_path / "x.db")
    arguments = ["-f", format, "--color", "never", "-n", "16", "--db", str(db)]
    capsys.readouterr()
    assert run(["show", *ADDRESSES, *arguments]) == 0
    assert run(["info", "--db", str(db)]) == 0
    out, err = capsys.readouterr()
    assert "markup" in out
    assert all(character.isprintable() for character in (out + err).replace("\n", "").replace("\t", ""))


@pytest.mark.slow
def test_a_document_may_be_long(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = save_model(tmp_path / "model", num_hidden_layers=1)
    text = "The cat sat on the mat. " * 24_000
    path = tmp_path / "long.txt"
    path.write_text(text, encoding="utf-8")
    db = tmp_path / "x.db"
    assert run(["index", str(model), str(path), "--db", str(db), "--compile", "off"]) == 0
    capsys.readouterr()
    with Index(db) as index:
        info = index.info()
        assert info.corpus["documents"] == 1
        assert info.corpus["tokens"] > 200_000
        assert info.corpus["sequences"] == -(-(info.corpus["tokens"] - info.corpus["sequences"]) // 1023)
        assert index.site(index.address("L0N0").site).tokens_counted == info.corpus["tokens"] - info.corpus["sequences"]
        assert index.sequence(0, 50).text.removeprefix("<s>") in text


@pytest.mark.slow
def test_a_document_may_be_one_token(tmp_path: Path) -> None:
    model = save_model(tmp_path / "model")
    corpus = write_corpus(tmp_path / "texts.jsonl", ["x"])
    with Index(make(model, corpus, tmp_path / "x.db")) as index:
        record = index.neuron("L0N0")
        assert record.tokens_counted == 1
        assert sum(quadrant.count for quadrant in record.quadrants.values()) == 1
    with Index(make(model, corpus, tmp_path / "never.db", Settings(bos="never"))) as index:
        record = index.neuron("L0N0")  # the only position is the first, which isn't counted
        assert record.tokens_counted == 0
        assert all(quadrant.frequency is None for quadrant in record.quadrants.values())
