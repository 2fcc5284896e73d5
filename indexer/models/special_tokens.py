"""The tokens that a model wants around every sequence: BOS, or those that an encoder's tokenizer puts there."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..errors import GluscopeError
from ..library_errors import in_a_line
from ..sequences.tokenizer import bos_id

if TYPE_CHECKING:
    from torch import nn
    from transformers import PreTrainedTokenizerBase

    from ..settings import Settings
    from .loaded import LoadedModel

_PROBE = "a"


def demand_countable_first(loaded: LoadedModel, settings: Settings) -> None:
    """GluscopeError if position 0 is to be counted and holds a token that only one of two stacks sees."""
    hidden = loaded.hides_start and around(loaded, settings.bos).front == loaded.decoder_start
    if settings.count_first and hidden:
        raise GluscopeError(
            f"--count-first can't be used with {loaded.architecture}: at position 0 is the token that its decoder "
            "begins with, and its encoder doesn't see it",
            "leave --count-first out, or give --bos never too: then position 0 is the first token of the text",
        )


class Around(NamedTuple):
    """The tokens before and after a sequence; None if there is none."""

    front: int | None
    back: int | None


def around(loaded: LoadedModel, bos: str) -> Around:
    """The tokens around every sequence under `--bos` auto, always or never.

    A causal model has BOS in front. For an encoder, or both stacks of an encoder-decoder, `auto` takes the tokens that
    the tokenizer puts around a text (CLS and SEP, or EOS at the end); if it puts none in front, the decoder's own first
    token comes first. GluscopeError as `bos_id`, and for a tokenizer that puts several tokens on one side.
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
    """The tokens that the tokenizer puts around a text. GluscopeError if there is more than one on a side."""
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


def demand_embedded(name: str, tokenizer: PreTrainedTokenizerBase, body: nn.Module) -> None:
    """GluscopeError if a text can become a token for which the embeddings of the model have no row."""
    rows = int(body.get_input_embeddings().weight.shape[0])  # type: ignore[operator]  # of every transformers model
    text = tokenizer.get_vocab()
    added = tokenizer.added_tokens_decoder
    special = {id_ for id_, token in added.items() if token.special} - {tokenizer.bos_token_id, tokenizer.eos_token_id}
    beyond = {id_: token for token, id_ in text.items() if id_ >= rows and id_ not in special}
    if beyond:
        first = min(beyond)
        raise GluscopeError(
            f"the tokenizer of {name} has {len(beyond)} tokens beyond the {rows:,} that the model embeds, "
            f"such as {in_a_line(repr(beyond[first]))} ({first:,})",
            "the tokenizer is another model's, or the embeddings were not resized for it",
        )
