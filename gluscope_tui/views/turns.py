"""Who says the token at a peak, and whether it is an attention sink: a few words beside a context."""

from __future__ import annotations

from collections.abc import Sequence

from indexer.database.records import Example

from ..text.clean import clean

TEMPLATE = "template"
"""The chat template's own tokens, which nobody says."""

SINK = "sink"


def said_by(example: Example, token: int) -> str:
    """The role that says a token of a context; "" for text that is not a conversation."""
    if example.roles is None:
        return ""
    role = example.roles[token]
    return TEMPLATE if role is None else clean(role)


def tags(example: Example) -> tuple[str, ...]:
    """What to say beside a context: the role at its peak, and that the peak is an attention sink."""
    return tuple(part for part in (said_by(example, example.peak), SINK if example.sink else "") if part)


def column(examples: Sequence[Example]) -> list[str]:
    """The tags of contexts, padded to one width; empty where none has any."""
    texts = [" ".join(tags(example)) for example in examples]
    width = max(map(len, texts), default=0)
    return [text.ljust(width) for text in texts]


def letters(examples: Sequence[Example]) -> list[str]:
    """The same in one or two cells: the first letter of the role, and * for a sink."""
    marks = [(said_by(example, example.peak)[:1], "*" if example.sink else " ") for example in examples]
    starred = any(mark == "*" for _, mark in marks)
    return [letter + (mark if starred else "") for letter, mark in marks]
