"""Which position and which token are meant: `--at` and `--target` as people write them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ..database.read.spans import window_text
from ..errors import GluscopeError
from ..library_errors import in_a_line
from ..sequences.tokenizer import encode, token_bytes
from .records import Target

_NUMBER = re.compile(r"[0-9]+", re.ASCII)
_QUOTED = re.compile(r"'(.*)'|\"(.*)\"", re.DOTALL)


def token_texts(tokenizer: Any, ids: Sequence[int]) -> tuple[str, ...]:
    """The text of each token of a sequence; a character belongs to the token that holds its first byte."""
    return window_text((), token_bytes(tokenizer, ids))


def find_target(tokenizer: Any, text: str) -> tuple[Target, str | None]:
    """The token that a text names, and a notice if it is only the first of several.

    The name of a special token is that token. GluscopeError for a text without a token.
    """
    special = {token.content: id_ for id_, token in tokenizer.added_tokens_decoder.items()}
    if text in special:
        return Target(special[text], text), None
    ids = [int(id_) for id_ in encode(tokenizer, [text])[0]]
    if not ids:
        raise GluscopeError("the target is not a token", "name one token, such as --target ' Paris'")
    texts = token_texts(tokenizer, ids[:1])
    target = Target(ids[0], texts[0])
    if len(ids) == 1:
        return target, None
    shown = in_a_line(repr(texts[0]))
    return target, f"the target {in_a_line(repr(text))} is {len(ids)} tokens: taken is the first, {shown} ({ids[0]})"


def find_positions(at: str, tokens: Sequence[str], counted: Sequence[int]) -> tuple[int, ...]:
    """The positions that `last`, `all`, a number or a token's text means, among those that are counted.

    A token is found by its text, else by its text without the blanks around it; 'quotes' make a token of a number.
    GluscopeError if there is none.
    """
    if not counted:
        raise GluscopeError("the text has no position that is counted", "position 0 is not, so give a longer text")
    if at == "all":
        return tuple(counted)
    if at == "last":
        return (counted[-1],)
    if _NUMBER.fullmatch(at):
        if int(at) in counted:
            return (int(at),)
        why = "is not counted" if int(at) < len(tokens) else "is not in the text"
        raise GluscopeError(f"position {at} {why}", f"the positions are {counted[0]} to {counted[-1]}")
    quoted = _QUOTED.fullmatch(at)
    wanted = at if quoted is None else next(part for part in quoted.groups() if part is not None)
    exact = tuple(place for place in counted if tokens[place] == wanted)
    if found := exact or tuple(place for place in counted if tokens[place].strip() == wanted.strip() != ""):
        return found
    some = in_a_line(" ".join(repr(tokens[place]) for place in counted[:12]))
    raise GluscopeError(f"no token of the text is {in_a_line(repr(wanted))}", f"its tokens are {some}")
