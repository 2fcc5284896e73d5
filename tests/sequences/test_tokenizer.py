"""Tokens of tiny tokenizers of every kind: text is text, and the bytes of its tokens are its bytes."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast, PythonBackend

from indexer.errors import GluscopeError
from indexer.sequences.tokenizer import bos_id, encode, text_encoder, token_bytes

TEXTS = [
    "the cat sat on the mat",
    "日本語の文 😀",
    "tabs\tand\nlines\r\n",
    "the  the   theme",
    "\x00\x1b[31mred",
    "<s> </s>",
]
SPECIAL = ["<unk>", "<s>", "</s>"]
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]


def wrapped(tokenizer: Tokenizer, **special: str) -> PreTrainedTokenizerFast:
    make: Callable[..., PreTrainedTokenizerFast] = PreTrainedTokenizerFast  # its constructor has no types
    return make(tokenizer_object=tokenizer, **special)


def byte_level() -> PreTrainedTokenizerFast:
    """Like GPT-2's, with added tokens that are plain text."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    tokenizer.add_tokens([AddedToken("é  é", normalized=False)])
    return wrapped(tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


def sentencepiece_bpe(special_bytes: bool = False) -> PreTrainedTokenizerFast:
    """Like Gemma's: spaces as U+2581, unknown characters as bytes (which some tokenizers call special tokens)."""
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    tokenizer.normalizer = normalizers.Replace(" ", "\u2581")
    trainer = trainers.BpeTrainer(vocab_size=320, special_tokens=[*SPECIAL, *BYTES], show_progress=False)
    tokenizer.train_from_iterator(["the cat sat on the mat", "the  the   theme"], trainer)
    tokenizer.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()])
    definition = json.loads(tokenizer.to_str())
    if not special_bytes:
        definition["added_tokens"] = [token for token in definition["added_tokens"] if token["content"] in SPECIAL]
    tokenizer = Tokenizer.from_str(json.dumps(definition))
    return wrapped(tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


def unigram() -> PreTrainedTokenizerFast:
    """Like T5's: its model holds `</s>` as a piece among others, and a space is put in front."""
    tokenizer = Tokenizer(
        models.Unigram(
            [("<unk>", -9.0), ("</s>", 0.0), *((byte, -20.0) for byte in BYTES), ("\u2581", -2.0), ("\u2581the", -3.0)]
            + [(letter, -5.0) for letter in "abcdefghijklmnopqrstuvwxyz<>/"],
            unk_id=0,
            byte_fallback=True,
        )
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=False)
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(prepend_scheme="always")])
    tokenizer.add_special_tokens(["</s>", "<unk>"])
    return wrapped(tokenizer, eos_token="</s>", unk_token="<unk>")


def ids_of(tokenizer: PreTrainedTokenizerFast, text: str) -> list[int]:
    return list(encode(tokenizer, [text])[0])


def joined(tokenizer: PreTrainedTokenizerFast, text: str) -> str:
    return b"".join(token_bytes(tokenizer, ids_of(tokenizer, text))).decode()


@pytest.fixture(scope="module")
def byte_level_tokenizer() -> PreTrainedTokenizerFast:
    return byte_level()


@pytest.fixture(scope="module")
def sentencepiece_tokenizer() -> PreTrainedTokenizerFast:
    return sentencepiece_bpe()


@pytest.fixture(scope="module")
def unigram_tokenizer() -> PreTrainedTokenizerFast:
    return unigram()


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("the \n\t\x00<s>/é"), max_size=30))
def test_the_bytes_of_a_byte_level_text_are_the_text(byte_level_tokenizer: PreTrainedTokenizerFast, text: str) -> None:
    assert joined(byte_level_tokenizer, text) == text


@settings(max_examples=100, deadline=None)
@given(
    st.text(
        st.characters(exclude_categories=["Cs"], exclude_characters="\u2581") | st.sampled_from("the  \n<s>"),
        max_size=30,
    )
)
def test_the_bytes_of_a_sentencepiece_text_are_the_text(
    sentencepiece_tokenizer: PreTrainedTokenizerFast, text: str
) -> None:
    assert joined(sentencepiece_tokenizer, text) == text


@pytest.mark.parametrize("text", ["the cat", " the", "日本語 😀", "</s> of </s>", "a\nb"])
def test_a_space_that_the_tokenizer_puts_in_front_is_kept(
    unigram_tokenizer: PreTrainedTokenizerFast, text: str
) -> None:
    assert joined(unigram_tokenizer, text) in (text, f" {text}")


def test_characters_that_span_tokens_come_out_whole(byte_level_tokenizer: PreTrainedTokenizerFast) -> None:
    ids = ids_of(byte_level_tokenizer, "ß")
    assert len(ids) == 2
    assert token_bytes(byte_level_tokenizer, ids) == [b"\xc3", b"\x9f"]


@pytest.mark.parametrize("make", [byte_level, sentencepiece_bpe, unigram])
def test_the_bytes_of_a_special_token_are_its_name(make: Callable[[], PreTrainedTokenizerFast]) -> None:
    tokenizer = make()
    names = ("</s>", "<unk>")
    assert token_bytes(tokenizer, [tokenizer.get_vocab()[name] for name in names]) == [b"</s>", b"<unk>"]


def test_the_bytes_of_an_added_token_are_its_text(byte_level_tokenizer: PreTrainedTokenizerFast) -> None:
    (id_,) = ids_of(byte_level_tokenizer, "é  é")
    assert token_bytes(byte_level_tokenizer, [id_]) == ["é  é".encode()]


def test_bytes_that_a_tokenizer_calls_special_are_bytes() -> None:
    tokenizer = sentencepiece_bpe(special_bytes=True)
    assert joined(tokenizer, "日 </s>") == "日 </s>"


def test_an_id_without_a_token_has_no_bytes(byte_level_tokenizer: PreTrainedTokenizerFast) -> None:
    assert token_bytes(byte_level_tokenizer, [100_000]) == [b""]


def test_word_pieces_have_a_space_in_front_of_words() -> None:
    tokenizer = Tokenizer(models.WordPiece({"[UNK]": 0, "un": 1, "##able": 2, "to": 3, "[CLS]": 4}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.decoder = decoders.WordPiece()
    fast = wrapped(tokenizer, unk_token="[UNK]", cls_token="[CLS]")
    assert joined(fast, "unable to") == " unable to"
    assert token_bytes(fast, [4]) == [b"[CLS]"]


def test_words_of_a_tokenizer_without_a_decoder_are_joined_with_spaces() -> None:
    tokenizer = Tokenizer(models.WordLevel({"<unk>": 0, "one": 1, "two": 2}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    assert joined(wrapped(tokenizer, unk_token="<unk>"), "one two") == " one two"


def test_a_byte_level_tokenizer_without_a_decoder_is_known_by_its_pre_tokenizer() -> None:
    definition = json.loads(byte_level().backend_tokenizer.to_str())
    tokenizer = wrapped(Tokenizer.from_str(json.dumps({**definition, "decoder": None})), unk_token="<unk>")
    assert joined(tokenizer, "the 日") == "the 日"


class PlainPython(PythonBackend):
    """A tokenizer without the `tokenizers` library: sentencepiece's conventions, a token a character or byte."""

    pieces: tuple[str, ...] = ("<unk>", "</s>", *BYTES, "\u2581", *"abcdefghijklmnopqrstuvwxyz<>/")

    def get_vocab(self) -> dict[str, int]:
        return {piece: id_ for id_, piece in enumerate(self.pieces)}

    @property
    def vocab_size(self) -> int:
        return len(self.pieces)

    def _tokenize(self, text: str, **_: object) -> list[str]:
        found: list[str] = []
        for character in text.replace(" ", "\u2581"):
            known = character in self.pieces
            found += [character] if known else [f"<0x{byte:02X}>" for byte in character.encode()]
        return found

    def _convert_token_to_id(self, token: str) -> int:
        return self.pieces.index(token)

    def _convert_id_to_token(self, index: int) -> str:
        return self.pieces[index]


@pytest.mark.parametrize("text", ["the cat", "日本 x", "a</s> b", "", "\ud800"])
def test_a_tokenizer_in_plain_python_is_encoded_and_spelled(text: str) -> None:
    make: Callable[..., Any] = PlainPython  # its constructor has no types
    tokenizer = make(eos_token="</s>", unk_token="<unk>")
    (ids,) = encode(tokenizer, [text])
    assert tokenizer.eos_token_id not in ids
    assert b"".join(token_bytes(tokenizer, ids)).decode() == text.replace("\ud800", "\ufffd")
    assert token_bytes(tokenizer, [tokenizer.eos_token_id]) == [b"</s>"]


@pytest.mark.parametrize("make", [byte_level, sentencepiece_bpe, unigram])
def test_special_tokens_in_a_text_are_text(make: Callable[[], PreTrainedTokenizerFast]) -> None:
    tokenizer = make()
    special = {tokenizer.convert_tokens_to_ids(name) for name in ("<s>", "</s>")}
    ids = ids_of(tokenizer, "a</s> <s>the</s>")
    assert not special & set(ids)
    assert b"".join(token_bytes(tokenizer, ids)).decode().strip() == "a</s> <s>the</s>"


def test_a_word_that_is_a_special_token_is_text_even_if_the_vocabulary_holds_it() -> None:
    tokenizer = Tokenizer(models.WordLevel({"<unk>": 0, "</s>": 1, "one": 2}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.add_special_tokens(["</s>", "<unk>"])
    assert encode(wrapped(tokenizer, eos_token="</s>", unk_token="<unk>"), ["one </s> one"]) == [[2, 0, 2]]


def test_merges_that_make_a_special_token_are_not_used_for_text() -> None:
    vocabulary = {"<": 0, "s": 1, ">": 2, "<s": 3, "<s>": 4, "x": 5}
    tokenizer = Tokenizer(models.BPE(vocabulary, [("<", "s"), ("<s", ">")]))
    tokenizer.add_special_tokens(["<s>"])
    assert encode(wrapped(tokenizer, bos_token="<s>"), ["x<s>x"]) == [[5, 3, 2, 5]]


def test_nothing_is_added_around_a_text_nor_cut_off(byte_level_tokenizer: PreTrainedTokenizerFast) -> None:
    plain = ids_of(byte_level_tokenizer, "the cat")
    tokenizer = byte_level()
    backend = tokenizer.backend_tokenizer
    backend.post_processor = processors.TemplateProcessing("<s> $A </s>", None, [("<s>", 1), ("</s>", 2)])
    backend.enable_truncation(2)
    backend.enable_padding(length=50)
    assert encode(tokenizer, ["the cat", "", "the cat"]) == [plain, [], plain]


def test_the_tokenizer_itself_is_left_as_it_was() -> None:
    tokenizer = byte_level()
    before = tokenizer("<s>the", add_special_tokens=False)["input_ids"]
    encode(tokenizer, ["<s>the"])
    assert tokenizer("<s>the", add_special_tokens=False)["input_ids"] == before
    assert before[0] == tokenizer.bos_token_id


def test_a_text_longer_than_the_model_takes_is_encoded_silently(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    tokenizer = byte_level()
    tokenizer.model_max_length = 4
    with caplog.at_level(logging.DEBUG):
        assert len(ids_of(tokenizer, "the cat sat on the mat")) > 4
    assert capfd.readouterr() == ("", "")
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("text", "meant"),
    [("\ud800", "\ufffd"), ("a\udfffb", "a\ufffdb"), ("\ud83d\ude00", "😀"), ("\ude00\ud83d", "\ufffd\ufffd")],
)
def test_lone_surrogates_become_replacement_characters(
    byte_level_tokenizer: PreTrainedTokenizerFast, text: str, meant: str
) -> None:
    assert joined(byte_level_tokenizer, text) == meant


def test_the_encoder_works_in_threads_beside_the_tokenizer(byte_level_tokenizer: PreTrainedTokenizerFast) -> None:
    encoder = text_encoder(byte_level_tokenizer)
    expected = encoder(TEXTS)
    results: list[list[Sequence[int]]] = []
    threads = [
        threading.Thread(target=lambda: results.append([encoder(TEXTS)[0] for _ in range(50)])) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for _ in range(50):
        byte_level_tokenizer(TEXTS, truncation=True, max_length=3)
    for thread in threads:
        thread.join()
    assert results == [[expected[0]] * 50] * 3


@pytest.mark.parametrize(
    ("special", "expected"),
    [
        ({"bos_token": "<s>", "eos_token": "</s>"}, {"auto": 1, "always": 1, "never": None}),
        ({"eos_token": "</s>"}, {"auto": None, "always": 2, "never": None}),
        ({}, {"auto": None, "never": None}),
    ],
)
def test_bos_is_chosen_as_asked(special: dict[str, str], expected: dict[str, int | None]) -> None:
    tokenizer = wrapped(Tokenizer(models.WordLevel({"<unk>": 0, "<s>": 1, "</s>": 2}, unk_token="<unk>")), **special)
    assert {bos: bos_id(tokenizer, bos) for bos in expected} == expected


def test_bos_always_is_refused_without_bos_and_eos() -> None:
    tokenizer = wrapped(Tokenizer(models.WordLevel({"<unk>": 0}, unk_token="<unk>")))
    with pytest.raises(GluscopeError, match="neither a BOS nor an EOS token"):
        bos_id(tokenizer, "always")
