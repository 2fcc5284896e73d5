"""Tokens of the real tokenizers of SmolLM2 (byte-level) and Gemma 3 (sentencepiece), as their GGUF files hold them."""

from __future__ import annotations

from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

import pytest
from transformers import AutoTokenizer

from indexer.sequences.long_texts import LongTexts, Sizes
from indexer.sequences.tokenizer import bos_id, encode, text_encoder, token_bytes

from ..support.real_models import gemma3_path, smollm2_path

pytestmark = pytest.mark.real

HARD = [
    "日本語の文章 😀 👩‍👩‍👧 é é ﷽",
    "  two   three\t\ttabs\n\n\n\r\nlines  ",
    "\x00\x01\x7f\x1b[31mred\x1b[0m",
    "<s> </s> <bos><eos><pad><unk> <|im_start|>user<|im_end|><|endoftext|> <start_of_turn>model",
    "<0x0A> <0xE3> Ġ Ċ </b><table>",
    "\u200b\u202e\ufeff\ufffd\U0010ffff",
    "x",
]


def tokenizer_of(path: Path) -> Any:
    return AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)


@pytest.fixture(scope="module", params=["smollm2", "gemma3"])
def tokenizer(request: pytest.FixtureRequest) -> Any:
    return tokenizer_of(smollm2_path() if request.param == "smollm2" else gemma3_path())


def test_the_bytes_of_real_texts_are_the_texts(tokenizer: Any) -> None:
    texts = [*HARD, *list(topics.values())[::3]]
    for text, ids in zip(texts, encode(tokenizer, texts), strict=True):
        assert b"".join(token_bytes(tokenizer, ids)).decode() == text


def test_no_text_becomes_a_special_token(tokenizer: Any) -> None:
    special = {id_: token.content for id_, token in tokenizer.added_tokens_decoder.items() if token.special}
    for ids in encode(tokenizer, [f"a{name} {name}" for name in special.values()]):
        assert not special.keys() & set(ids)


def test_ids_equal_the_tokenizers_own(tokenizer: Any) -> None:
    texts = [*HARD, *list(topics.values())[:20]]
    asked = {"add_special_tokens": False, "split_special_tokens": True, "verbose": False}
    assert encode(tokenizer, texts) == tokenizer(texts, **asked)["input_ids"]


def test_special_tokens_are_spelled_by_their_names(tokenizer: Any) -> None:
    names = ["<|im_start|>", "<|im_end|>"] if tokenizer.bos_token_id == 1 else ["<bos>", "<eos>", "<start_of_turn>"]
    assert token_bytes(tokenizer, tokenizer.convert_tokens_to_ids(names)) == [name.encode() for name in names]


def test_both_have_a_bos_token(tokenizer: Any) -> None:
    expected = {"<|im_start|>": 1, "<bos>": 2}[tokenizer.bos_token]
    assert [bos_id(tokenizer, bos) for bos in ("auto", "always", "never")] == [expected, expected, None]


def test_a_document_of_a_million_tokens_is_encoded(tokenizer: Any) -> None:
    (ids,) = text_encoder(tokenizer)(["日 a" * 400_000])
    assert len(ids) >= 800_000


def test_lone_surrogates_are_encoded(tokenizer: Any) -> None:
    (ids,) = encode(tokenizer, ["a\ud800b"])
    assert b"".join(token_bytes(tokenizer, ids)).decode() == "a\ufffdb"


def test_a_long_text_has_the_ids_of_the_whole_when_it_is_encoded_in_windows(tokenizer: Any) -> None:
    text = "\n\n".join(topics.values())[:100_000] + "".join(HARD[:3]) * 20
    whole = tokenizer.backend_tokenizer.encode(text, add_special_tokens=False).ids
    found = LongTexts(tokenizer.backend_tokenizer, Sizes(window=5000, before=500, after=500, edge=100)).encode(text)
    assert found is not None
    assert list(found) == whole
