"""A long text is encoded window by window, with the ids that encoding it whole gives, in memory that does not grow."""

from __future__ import annotations

import pydoc_data.topics
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from indexer.sequences.long_texts import LongTexts, Sizes
from indexer.sequences.tokenizer import text_encoder

PROSE = "\n\n".join(text for _, text in sorted(pydoc_data.topics.topics.items()))[:60_000]
MIXED = (
    PROSE[:20_000] + "Der Hund saß auf der Matte; 猫が座った。\n" * 40 + "1234567890 " * 30 + " " * 50 + "é\u0301" * 20
)
SMALL = Sizes(window=600, before=200, after=200, edge=60)
GPT_4 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def trained(tokenizer: Tokenizer, trainer: Any) -> Tokenizer:
    tokenizer.train_from_iterator([PROSE, MIXED], trainer)
    return tokenizer


def byte_level(prefix: bool = False) -> Tokenizer:
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    return trained(made, trainers.BpeTrainer(vocab_size=600, initial_alphabet=alphabet, show_progress=False))


def split_by_pattern() -> Tokenizer:
    made = Tokenizer(models.BPE())
    made.normalizer = normalizers.NFC()
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(GPT_4), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    return trained(made, trainers.BpeTrainer(vocab_size=600, initial_alphabet=alphabet, show_progress=False))


def sentencepiece_bpe() -> Tokenizer:
    """Like Llama 2's: a blank in front, no pre-tokenizer at all, so the whole text is one piece."""
    made = Tokenizer(models.BPE(fuse_unk=True, unk_token="<unk>"))
    made.normalizer = normalizers.Replace(" ", "▁")
    made.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    trained(made, trainers.BpeTrainer(vocab_size=600, special_tokens=["<unk>"], show_progress=False))
    made.pre_tokenizer = None
    made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    return made


def unigram() -> Tokenizer:
    made = Tokenizer(models.Unigram())
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    made.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=500, unk_token="<unk>", special_tokens=["<unk>"], show_progress=False)
    return trained(made, trainer)


def word_pieces() -> Tokenizer:
    made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return trained(made, trainers.WordPieceTrainer(vocab_size=600, special_tokens=["[UNK]"], show_progress=False))


MAKERS: dict[str, Callable[[], Tokenizer]] = {
    "byte level": byte_level,
    "byte level with a blank in front": lambda: byte_level(prefix=True),
    "pattern": split_by_pattern,
    "sentencepiece BPE": sentencepiece_bpe,
    "unigram": unigram,
    "word pieces": word_pieces,
}


@pytest.fixture(scope="module", params=list(MAKERS))
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    return MAKERS[request.param]()


def whole(tokenizer: Tokenizer, text: str) -> list[int]:
    ids: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
    return ids


def test_windows_give_the_ids_of_the_whole(tokenizer: Tokenizer) -> None:
    for text in (PROSE, MIXED):
        found = LongTexts(tokenizer, SMALL).encode(text)
        assert found is not None
        assert list(found) == whole(tokenizer, text)


PIECES = st.sampled_from(
    [" ", "  ", "\n", "\n\n", ".", ",", "'s", "the", " the", "12", "saß", "猫", "é", "\u0301", "(", "\t", "A"]
)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(st.lists(PIECES, min_size=100, max_size=500))
def test_whatever_the_text_windows_give_the_ids_of_the_whole_or_nothing(
    tokenizer: Tokenizer, pieces: list[str]
) -> None:
    text = "".join(pieces)
    found = LongTexts(tokenizer, Sizes(window=150, before=60, after=60, edge=25)).encode(text)
    assert found is None or list(found) == whole(tokenizer, text)


def test_the_head_of_a_text_is_enough_if_no_more_is_wanted(tokenizer: Tokenizer) -> None:
    found = LongTexts(tokenizer, SMALL).encode(PROSE, 50)
    assert found is not None
    assert 50 <= len(found) < 1000
    assert list(found) == whole(tokenizer, PROSE)[: len(found)]


def test_a_text_without_borders_is_left_to_be_encoded_whole(tokenizer: Tokenizer) -> None:
    assert LongTexts(tokenizer, SMALL).encode("a" * 5000) is None


def test_the_encoder_encodes_long_and_short_texts_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexer.sequences.tokenizer._LONG", 1000)
    backend = byte_level()

    class Wrapped:
        backend_tokenizer = backend
        added_tokens_decoder: dict[int, Any] = {}  # noqa: RUF012
        all_special_ids: list[int] = []  # noqa: RUF012
        all_special_tokens: list[str] = []  # noqa: RUF012
        unk_token_id = None

    texts = ["short", PROSE[:3000], "", "b" * 2000]
    found = text_encoder(Wrapped())(texts)  # type: ignore[arg-type]  # as much of a tokenizer as is asked
    assert [list(ids) for ids in found] == [whole(backend, text) for text in texts]


MEMORY = """
import resource, sys
from indexer.sequences.long_texts import LongTexts
from tests.sequences.test_long_texts import PROSE, byte_level
tokenizer = byte_level()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
ids = LongTexts(tokenizer).encode(PROSE * 100)
print(len(ids), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.slow
def test_six_megabytes_of_text_take_less_than_a_hundred() -> None:
    ran = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True)
    tokens, kilobytes = map(int, ran.stdout.split())
    assert tokens > 1_000_000  # whole, they take some 400 bytes each
    assert kilobytes < 100_000
