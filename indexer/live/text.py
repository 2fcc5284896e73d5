"""A text as the token ids that the model reads, encoded as the index's corpus was, or by the chat template."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import GluscopeError
from ..library_errors import told
from ..sequences.cutting import Ids
from ..sequences.tokenizer import text_encoder
from .model import LiveModel

_ROLES = ("system", "user", "assistant", "tool", "developer")


def encode_text(live: LiveModel, text: str) -> Ids:
    """The ids of a text as one sequence (position), between BOS and EOS as the index's settings say.

    What reads like a special token is text. GluscopeError for an empty text, and for one longer than a sequence.
    """
    front, back = live.around
    room = live.settings.context - (front is not None) - (back is not None)
    ids = text_encoder(live.loaded.tokenizer, room + 1)([text])[0]
    if len(ids) == 0:
        raise GluscopeError("the text gives no tokens", "give a text that the tokenizer knows")
    if len(ids) > room:
        raise _too_long(live, room)
    before, after = ([] if id_ is None else [id_] for id_ in (front, back))
    return np.asarray([*before, *ids, *after], dtype=np.int32)


def encode_chat(live: LiveModel, text: str) -> Ids:
    """The ids of a conversation (position), exactly as the model's chat template writes it.

    `text` is a user's message, or a JSON list of messages ({"role": ..., "content": ...}). After a message of anyone
    but the assistant, the beginning of its answer follows. GluscopeError if the model has no template.
    """
    messages = _messages(text)
    tokenizer: Any = live.loaded.tokenizer
    if not getattr(tokenizer, "chat_template", None):
        raise GluscopeError(f"{live.loaded.name} has no chat template", "leave --chat out, or use a model for chats")
    answered = messages[-1]["role"] == "assistant"
    with told("the chat template fails on these messages", "check their roles and their order"):
        found = tokenizer.apply_chat_template(
            messages, add_generation_prompt=not answered, continue_final_message=answered, return_dict=True
        )
        ids: Sequence[int] = found["input_ids"]
    if len(ids) > live.settings.context:
        raise _too_long(live, live.settings.context)
    if len(ids) == 0:
        raise GluscopeError("the conversation gives no tokens", "give a message that the tokenizer knows")
    return np.asarray(ids, dtype=np.int32)


def special_tokens_in(live: LiveModel, text: str) -> list[str]:
    """The names of special tokens that a text holds, which are read as text."""
    return [name for name in dict.fromkeys(live.loaded.tokenizer.all_special_tokens) if name and name in text]


def _messages(text: str) -> list[dict[str, str]]:
    """The conversation that a text is: one message of the user unless it is a JSON list of objects."""
    try:
        found = json.loads(text) if text.lstrip().startswith("[") else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list) or not found or not all(isinstance(one, dict) for one in found):
        return [{"role": "user", "content": text}]
    for one in found:
        if one.get("role") not in _ROLES or not isinstance(one.get("content"), str):
            raise GluscopeError(
                "a message of the conversation has no role or no content",
                'write them like [{"role": "user", "content": "Hello"}]',
            )
    return [{"role": one["role"], "content": one["content"]} for one in found]


def _too_long(live: LiveModel, room: int) -> GluscopeError:
    return GluscopeError(
        f"the text has more tokens than a sequence has room for: {room:,}",
        f"give a shorter one: it is read as one sequence of at most {live.settings.context:,} tokens",
    )
