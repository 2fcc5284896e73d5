"""A text as the token ids that the model reads, encoded as the index's corpus was, or by the chat template."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np

from ..corpus.messages import Messages, looks_like_messages, messages_of
from ..errors import GluscopeError
from ..sequences.chat import ChatEncoder
from ..sequences.cutting import Ids
from ..sequences.tokenizer import text_encoder
from .model import LiveModel

_LIKE_MESSAGES = re.compile(r'\s*(?:\[\s*\{|\{\s*"(?:role|from|messages)")')
"""The beginning of JSON messages, in a list or not."""


def encode_text(live: LiveModel, text: str) -> Ids:
    """The ids of a text as one sequence (position), between BOS and EOS as the index's settings say.

    What reads like a special token is text. GluscopeError for an empty text, and for one longer than a sequence.
    """
    front, back = live.around
    room = live.settings.context - (front is not None) - (back is not None)
    ids = text_encoder(live.loaded.tokenizer, room + 1)([text])[0]
    if len(ids) == 0:
        raise _no_tokens()
    if len(ids) > room:
        raise _too_long(live, room)
    before, after = ([] if id_ is None else [id_] for id_ in (front, back))
    return np.asarray([*before, *ids, *after], dtype=np.int32)


def encode_chat(live: LiveModel, text: str) -> Ids:
    """The ids of a conversation (position), as the model's chat template writes it.

    `text` is a user's message, or a JSON list of messages ({"role": ..., "content": ...}). After a message of anyone
    but the assistant, the beginning of its answer follows; an answer that comes last is left open. What reads like a
    special token in a message is text. GluscopeError if the model has no template.
    """
    messages = _messages(text)
    tokenizer: Any = live.loaded.tokenizer
    if not getattr(tokenizer, "chat_template", None):
        raise GluscopeError(f"{live.loaded.name} has no chat template", "leave --chat out, or use a model for chats")
    answered = messages[-1]["role"] == "assistant"
    chat = ChatEncoder(tokenizer).encode(messages, "the conversation", answer=not answered)
    said = chat.turns[-1].stop if answered and chat.turns else len(chat.ids)  # its answer goes on
    if said > live.settings.context:
        raise _too_long(live, live.settings.context)
    if said == 0:
        raise GluscopeError("the conversation gives no tokens", "give a message that the tokenizer knows")
    return np.asarray(chat.ids[:said], dtype=np.int32)


def special_tokens_in(live: LiveModel, text: str) -> list[str]:
    """The names of special tokens that a text holds, which are read as text."""
    return [name for name in dict.fromkeys(live.loaded.tokenizer.all_special_tokens) if name and name in text]


def why_no_messages(text: str) -> str | None:
    """Why a text that begins like JSON messages isn't a list of them, but is a user's message; None otherwise."""
    if not _LIKE_MESSAGES.match(text) or _as_json(text) is not None:
        return None
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return f"the JSON is broken at line {error.lineno}, column {error.colno}"
    except (ValueError, RecursionError):
        return "the JSON is broken"
    return "it is no list of objects that each have a role"


def _messages(text: str) -> Messages:
    """The conversation that a text is: one message of the user unless it is a JSON list of messages."""
    return messages_of(_as_json(text) or [{"role": "user", "content": text}], "the conversation")


def _as_json(text: str) -> list[Any] | None:
    """The messages of a JSON list; None if the text is anything else, or the list is empty."""
    found: list[Any] | None
    try:
        found = json.loads(text) if text.lstrip().startswith("[") else None
    except (ValueError, RecursionError):
        return None
    return found if found and looks_like_messages(found) else None


def demand_text(text: str) -> None:
    """GluscopeError for an empty text, which no tokenizer has to be loaded for."""
    if not text:
        raise _no_tokens()


def _no_tokens() -> GluscopeError:
    return GluscopeError("the text gives no tokens", "give a text that the tokenizer knows")


def _too_long(live: LiveModel, room: int) -> GluscopeError:
    return GluscopeError(
        f"the text has more tokens than a sequence has room for: {room:,}",
        f"give a shorter one: it is read as one sequence of at most {live.settings.context:,} tokens",
    )
