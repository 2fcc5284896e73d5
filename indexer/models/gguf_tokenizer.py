"""The tokenizer of a GGUF file: split as llama.cpp splits, BOS as the file says."""

from __future__ import annotations

from typing import Any

from ..errors import GluscopeError
from ..library_errors import told
from .gguf_file import GgufFile, Texts

_FORMS = ("gpt2", "llama", "t5", "gemma4")
_UNTOLD = (
    "gpt-2",
    "mpt",
    "olmo",
    "jais",
    "trillion",
    "granite-docling",
    "phi-2",
    "gigachat",
    "a.x-4.0",
    "mellum",
    "exaone4",
)
"""Ways of splitting that are GPT-2's, which transformers takes for unknown ones."""
_LIKE_QWEN2 = ("stablelm2",)
"""Ways of splitting that are Qwen2's by llama.cpp's table, and that transformers doesn't have by their names."""
_SINGLE_DIGITS = ("smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b", "mellum2")
"""Ways of splitting that separate each digit, then split as GPT-2 does."""


def gguf_tokenizer(file: GgufFile) -> tuple[Any, tuple[str, ...]]:
    """The tokenizer of a file, and notices about it. Files beside it are not read.

    A byte-level vocabulary is learned on pieces of text; split in another way, the same text has other tokens.
    GluscopeError if there is no vocabulary, or one that transformers can't build, or an unknown way of splitting.
    """
    from transformers import PreTrainedTokenizerFast

    from ..transformers_internals import gguf_vocabulary

    _demand_tokens(file)
    with told(f"the tokenizer of {file.path.name} can't be built", "use the model's safetensors form"):
        backend, special = gguf_vocabulary(str(file.path))
        kind: Any = PreTrainedTokenizerFast
        tokenizer = kind(tokenizer_object=backend, **special)
    if isinstance(template := file.keys.get("tokenizer.chat_template"), str):
        tokenizer.chat_template = template
    if file.keys.get("tokenizer.ggml.model") == "gpt2":
        _split(file, tokenizer)
    elif not file.keys.get("tokenizer.ggml.add_space_prefix", True) and not file.architecture.startswith("gemma"):
        _no_blank_in_front(tokenizer)
    return tokenizer, _beginning(file, tokenizer)


def _demand_tokens(file: GgufFile) -> None:
    """GluscopeError if the file has no vocabulary, or one of a form that transformers can't build."""
    if not isinstance(file.keys.get("tokenizer.ggml.tokens"), Texts):
        raise GluscopeError(
            f"{file.path.name} has no tokens: it holds weights without a tokenizer",
            "convert the model again with its tokenizer, or use its safetensors form",
        )
    form = file.keys.get("tokenizer.ggml.model")
    if form not in _FORMS:
        raise GluscopeError(
            f"{file.path.name} has a tokenizer of the form {str(form)[:40]!r}, which transformers can't build",
            "use the model's safetensors form",
        )


def _split(file: GgufFile, tokenizer: Any) -> None:
    from tokenizers import Regex, pre_tokenizers

    from ..transformers_internals import gguf_splits

    way = file.keys.get("tokenizer.ggml.pre")
    if way in gguf_splits() or way in _UNTOLD:
        return
    if way in _LIKE_QWEN2:
        tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(gguf_splits()["qwen2"]), behavior="isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
        return
    if way not in _SINGLE_DIGITS:
        named = "not named" if way is None else f"{str(way)[:40]!r}"
        raise GluscopeError(
            f"{file.path.name} splits text in a way that gluscope doesn't know: tokenizer.ggml.pre is {named}",
            "its tokens would differ from the model's own: use the model's safetensors form",
        )
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )


def _no_blank_in_front(tokenizer: Any) -> None:
    """Let a sentencepiece vocabulary read text unchanged: transformers puts a blank in front whatever the file says."""
    from tokenizers import normalizers

    tokenizer.backend_tokenizer.normalizer = normalizers.Replace(" ", "\u2581")
    tokenizer.backend_tokenizer.pre_tokenizer = None


def _beginning(file: GgufFile, tokenizer: Any) -> tuple[str, ...]:
    """Heed `add_bos_token`: false, if BOS is just another name for EOS or padding, means that there is none."""
    keys = {name: file.keys.get(f"tokenizer.ggml.{name}_token_id") for name in ("bos", "eos", "padding")}
    if file.keys.get("tokenizer.ggml.add_bos_token", True) or keys["bos"] is None:
        return ()
    if keys["bos"] in (keys["eos"], keys["padding"]):
        tokenizer.bos_token = None
        return ("no BOS in front of sequences: the file says so (tokenizer.ggml.add_bos_token)",)
    return (
        f"BOS ({tokenizer.bos_token}) stands in front of sequences, though the file asks for none "
        "(tokenizer.ggml.add_bos_token); use `--bos never` to leave it out",
    )
