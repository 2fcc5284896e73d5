"""Tokens: text to ids as plain text, ids to exact bytes, and the token before a sequence."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ..corpus.messages import mended
from ..errors import GluscopeError
from ..library_errors import told
from .long_texts import LongTexts

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Encode = Callable[[Sequence[str]], Sequence[Sequence[int]]]

_LONG = 1 << 18
"""Characters of a text from which on it is encoded window by window: the library keeps some 400 bytes a token."""

_FAILS, _OTHER = "the model's tokenizer fails on text", "check the model's tokenizer, or save it again"
_BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")
_METASPACE = "\u2581"


def text_encoder(tokenizer: PreTrainedTokenizerBase, enough: int | None = None) -> Encode:
    """A function from texts to their token ids, in order, a sequence each, without special tokens.

    For a long text the first `enough` ids suffice.

    Text is text: what reads like a special token (`<s>`, `<|im_start|>`) is split like any other. Lone surrogates are
    read as U+FFFD. The function has a copy of the tokenizer of its own, so that a thread may use it.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:  # a tokenizer in plain Python

        def plainly(texts: Sequence[str]) -> list[list[int]]:
            found = (
                tokenizer(mended(text), add_special_tokens=False, split_special_tokens=True, verbose=False)
                for text in texts
            )
            return [list(each["input_ids"]) for each in found]

        return _told(plainly)
    with told(_FAILS, _OTHER):
        own = _text_only(backend, special_tokens(tokenizer))
        long_texts = LongTexts(own)

    def whole(texts: Sequence[str]) -> list[Sequence[int]]:
        return [encoding.ids for encoding in own.encode_batch_fast(texts, add_special_tokens=False)]

    def encode(texts: Sequence[str]) -> list[Sequence[int]]:
        cleaned = [mended(text) for text in texts]
        if all(len(text) < _LONG for text in cleaned):
            return whole(cleaned)
        found = [long_texts.encode(text, enough) if len(text) >= _LONG else None for text in cleaned]
        return [whole([text])[0] if ids is None else ids for text, ids in zip(cleaned, found, strict=True)]

    return _told(encode)


def _told(encode: Encode) -> Encode:
    """`encode`, with a GluscopeError for any error of the library."""

    def encoded(texts: Sequence[str]) -> Sequence[Sequence[int]]:
        with told(_FAILS, _OTHER):
            return encode(texts)

    return encoded


def encode(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> Sequence[Sequence[int]]:
    """The token ids of texts, a sequence each: `text_encoder` for a single use."""
    return text_encoder(tokenizer)(texts)


def bos_id(tokenizer: PreTrainedTokenizerBase, bos: str) -> int | None:
    """The token before every sequence under `--bos` auto, always or never; None if there is none.

    Always takes the end-of-sequence token if the tokenizer has no BOS; GluscopeError if it has neither.
    """
    if bos == "never":
        return None
    first: int | None = tokenizer.bos_token_id
    if first is None and bos == "always":
        first = tokenizer.eos_token_id
        if first is None:
            raise GluscopeError("the tokenizer has neither a BOS nor an EOS token for --bos always", "use --bos auto")
    return first


def token_bytes(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> list[bytes]:
    """The exact bytes of each token. The bytes of a text's tokens, joined, are the text in UTF-8.

    A special token's bytes are its name. Tokenizers that put a space in front of a text (most sentencepiece ones) keep
    it here, and those that drop or normalise characters don't bring them back. An id without a token has no bytes.
    """
    names = {id_: token.content for id_, token in tokenizer.added_tokens_decoder.items()}
    literal = {id_ for id_, token in tokenizer.added_tokens_decoder.items() if _is_special(token)}
    spell = _speller(tokenizer)
    spell_added = _speller(tokenizer, added=True)

    def bytes_of(id_: int) -> bytes:
        if id_ in literal:
            return names[id_].encode()
        if id_ in names:
            return spell_added(names[id_])
        token: Any = tokenizer.convert_ids_to_tokens(id_)  # some tokenizers with code of their own give bytes
        if token is None:
            return b""
        return token if isinstance(token, bytes) else spell(token)

    return [bytes_of(int(id_)) for id_ in ids]


def special_tokens(tokenizer: PreTrainedTokenizerBase) -> dict[int, str]:
    """Ids and names of the tokens that no text may become. The unknown token isn't one: text without a token does."""
    special = {id_: token.content for id_, token in tokenizer.added_tokens_decoder.items() if _is_special(token)}
    special.update(zip(tokenizer.all_special_ids, tokenizer.all_special_tokens, strict=False))
    special.pop(tokenizer.unk_token_id, None)
    return special


def _is_special(token: Any) -> bool:
    """Whether an added token stands for no text. Some tokenizers call the byte `<0x0A>` special too: it isn't."""
    return token.special and not _BYTE.fullmatch(token.content)


def _text_only(backend: Any, special: dict[int, str]) -> Any:
    """A copy of a `tokenizers.Tokenizer` that truncates nothing, pads nothing and reads special tokens as text."""
    own = type(backend).from_str(backend.to_str())
    own.no_truncation()
    own.no_padding()
    own.encode_special_tokens = True
    probes = [f"a{name} {name}" for name in special.values()]
    found = {id_ for encoding in own.encode_batch_fast(probes, add_special_tokens=False) for id_ in encoding.ids}
    if hidden := {id_: name for id_, name in special.items() if id_ in found}:
        own = type(backend).from_str(json.dumps(_without(json.loads(backend.to_str()), hidden)))
        own.encode_special_tokens = True
    return own


def _without(definition: dict[str, Any], hidden: dict[int, str]) -> dict[str, Any]:
    """A tokenizer's definition in which the pieces of these tokens, which the model would find in text, are renamed.

    Models like Unigram hold `</s>` as a piece among others; being special protects it only from the search for added
    tokens, not from the model's.
    """
    model = definition["model"]
    renamed = {name: f"\ufdd0{id_}\ufdd1" for id_, name in hidden.items()}  # noncharacters: in no text
    if isinstance(model["vocab"], dict):
        model["vocab"] = {renamed.get(piece, piece): id_ for piece, id_ in model["vocab"].items()}
    else:
        model["vocab"] = [[renamed.get(piece, piece), score] for piece, score in model["vocab"]]
    if "merges" in model:
        pairs = [merge.split(" ", 1) if isinstance(merge, str) else merge for merge in model["merges"]]
        model["merges"] = [pair for pair in pairs if not {*pair, "".join(pair)} & renamed.keys()]
    added = [token for token in definition["added_tokens"] if token["id"] not in hidden]
    return {
        **definition,
        "model": model,
        "added_tokens": added,
        "post_processor": None,
        "truncation": None,
        "padding": None,
    }


def _speller(tokenizer: PreTrainedTokenizerBase, *, added: bool = False) -> Callable[[str], bytes]:
    """The function from a token's name in the vocabulary to its bytes; for `added` tokens, whose names are text."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        return _plain_python_speller(tokenizer)
    steps = _steps(backend.decoder) or [step for step in _steps(backend.pre_tokenizer) if step["type"] == "ByteLevel"]
    if added:
        steps = [step for step in steps if step["type"] in ("Replace", "Metaspace", "ByteFallback")]
    elif not steps:  # such a tokenizer joins its tokens with spaces
        steps = [{"type": "WordPiece", "prefix": ""}]

    def spell(token: str) -> bytes:
        for step in steps:
            if (spelled := _spell(token, step)) is not None:
                if isinstance(spelled, bytes):
                    return spelled
                token = spelled
        return token.encode("utf-8", "replace")

    return spell


def _steps(part: Any) -> list[dict[str, Any]]:
    """The definitions of a decoder or pre-tokenizer; a sequence gives its parts one after the other."""
    if part is None:
        return []
    definition = json.loads(part.__getstate__())
    inner: list[dict[str, Any]] | None = definition.get("decoders") or definition.get("pretokenizers")
    return [definition] if inner is None else inner


def _spell(token: str, step: dict[str, Any]) -> str | bytes | None:
    """The effect of one step of a decoder on a token: bytes end the spelling, None leaves it unchanged."""
    kind = step["type"]
    if kind == "ByteLevel":
        table = _byte_of_character()
        return bytes(table[character] for character in token) if table.keys() >= set(token) else token.encode()
    if kind == "ByteFallback" and (byte := _BYTE.fullmatch(token)):
        return bytes.fromhex(byte[1])
    if kind == "Metaspace":
        return token.replace(step["replacement"], " ")
    if kind == "Replace" and "String" in step["pattern"]:
        return token.replace(step["pattern"]["String"], str(step["content"]))
    if kind == "Replace":
        return re.sub(step["pattern"]["Regex"], lambda _: str(step["content"]), token)
    if kind == "WordPiece":
        prefix = str(step["prefix"])
        return token[len(prefix) :] if prefix and token.startswith(prefix) else f" {token}"
    if kind == "BPEDecoder":
        return token.replace(step["suffix"], " ")
    return None


def _plain_python_speller(tokenizer: PreTrainedTokenizerBase) -> Callable[[str], bytes]:
    """Spelling for tokenizers without a decoder to look at: sentencepiece's conventions, or what the tokenizer says."""

    def spell(token: str) -> bytes:
        if byte := _BYTE.fullmatch(token):
            return bytes.fromhex(byte[1])
        if _METASPACE in token:
            return token.replace(_METASPACE, " ").encode()
        return str(tokenizer.convert_tokens_to_string([token])).encode("utf-8", "replace")

    return spell


@lru_cache(maxsize=1)
def _byte_of_character() -> dict[str, int]:
    """The byte that each character of a byte-level vocabulary stands for, as GPT-2 defined it.

    Printable bytes of Latin-1 stand for themselves; the others, in order, are the characters from U+0100 on.
    """
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(0x100 + place): byte for place, byte in enumerate(others)}
