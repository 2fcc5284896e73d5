"""The tokens that a model wants around every sequence: BOS, or those that an encoder's tokenizer puts there."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..errors import GluscopeError
from ..sequences.tokenizer import bos_id

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from .loaded import LoadedModel

_PROBE = "a"


class Around(NamedTuple):
    """The token in front of a sequence and the one behind it; None: there is none."""

    front: int | None
    back: int | None


def around(loaded: LoadedModel, bos: str) -> Around:
    """The tokens around every sequence under `--bos` auto, always or never.

    A causal model has BOS in front. For an encoder, or both stacks of an encoder-decoder, `auto` takes what its
    tokenizer puts around a text (CLS and SEP, or EOS behind); where it puts nothing in front, a decoder's own first
    token stands there. GluscopeError as `bos_id`, and for a tokenizer that puts several tokens on one side.
    """
    tokenizer = loaded.tokenizer
    if loaded.causal:
        return Around(bos_id(tokenizer, bos), None)
    if bos == "never":
        return Around(None, None)
    front, back = template(tokenizer)
    if front is None:
        front = loaded.decoder_start
    if front is None and bos == "always":
        front = bos_id(tokenizer, bos)
    return Around(front, back)


def template(tokenizer: PreTrainedTokenizerBase) -> Around:
    """What the tokenizer puts around a text. GluscopeError where that is more than a token a side."""
    plain = list(tokenizer(_PROBE, add_special_tokens=False)["input_ids"])
    whole = list(tokenizer(_PROBE, add_special_tokens=True)["input_ids"])
    before = next(start for start in range(len(whole)) if whole[start : start + len(plain)] == plain)
    after = len(whole) - before - len(plain)
    if max(before, after) > 1:
        raise GluscopeError(
            f"the tokenizer puts {max(before, after)} special tokens on one side of a text; gluscope can place one",
            "use --bos never",
        )
    return Around(whole[0] if before else None, whole[-1] if after else None)
