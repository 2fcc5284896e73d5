"""Conversations: what a list of messages may look like, and its one form here."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from ..database.format.turns import ROLE
from ..errors import GluscopeError
from ..library_errors import in_a_line

Message: TypeAlias = Mapping[str, Any]
"""A message as templates take it: `role`, and `content` (a text, or parts of text), `tool_calls` and others where it
has them. No value of it is null, and no text in it has lone surrogates."""

Messages: TypeAlias = tuple[Message, ...]

_SAID_BY = {"human": "user", "gpt": "assistant"}
"""Roles of conversations that call them `from`, and their texts `value`."""

_SURROGATE = re.compile("[\ud800-\udfff]")
_FIX = "each message is an object with a role and a content: text, or parts of text"


def looks_like_messages(value: Any) -> bool:
    """Whether a value is a list of objects that each have a role (or `from`)."""
    return isinstance(value, (list, tuple)) and all(
        isinstance(one, Mapping) and ("role" in one or "from" in one) for one in value
    )


def messages_of(value: Sequence[Any], place: str) -> Messages:
    """The messages of a list; GluscopeError if one of them has no role, or holds anything other than text."""
    return tuple(_message(one, f"{place}, message {number}") for number, one in enumerate(value, 1))


def characters(messages: Messages) -> int:
    """The length of the texts in messages."""
    return sum(_characters(message.get("content")) for message in messages)


def mended(text: str) -> str:
    """The text without lone surrogates, which no tokenizer takes; pairs of them become their character."""
    if text.isascii() or not _SURROGATE.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def is_broken(value: Any) -> bool:
    """Whether a text in a value of JSON has a lone surrogate, which `mended` replaces by U+FFFD."""
    if isinstance(value, str):
        return not value.isascii() and bool(_SURROGATE.search(value))
    if isinstance(value, Mapping):
        return any(is_broken(key) or is_broken(one) for key, one in value.items())
    return isinstance(value, (list, tuple)) and any(map(is_broken, value))


def _message(value: Any, place: str) -> Message:
    if not isinstance(value, Mapping):
        raise GluscopeError(f"{place} is not an object", _FIX)
    found = {str(key): _mended(one) for key, one in value.items() if one is not None}
    if "role" not in found and "from" in found:
        said_by = found.pop("from")
        found = {"role": _SAID_BY.get(said_by, said_by) if isinstance(said_by, str) else said_by, **found}
        if "value" in found:
            found["content"] = found.pop("value")
    role = found.get("role")
    if not isinstance(role, str) or not ROLE.fullmatch(role):
        raise GluscopeError(f"{place} has the role {in_a_line(repr(role)):.60}", "a role is a word, such as assistant")
    if "content" in found:
        found["content"] = _content(found["content"], place)
    elif not found.get("tool_calls"):
        found["content"] = ""
    return found


def _content(value: Any, place: str) -> str | list[dict[str, Any]]:
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        raise GluscopeError(f"{place} has a content that is neither a text nor a list of parts", _FIX)
    return [_part(part, place) for part in value]


def _part(value: Any, place: str) -> dict[str, Any]:
    if isinstance(value, str):
        return {"type": "text", "text": value}
    part = {key: one for key, one in value.items() if one is not None} if isinstance(value, dict) else {}
    kind = part.get("type", "text")
    if kind != "text" or not isinstance(part.get("text"), str):
        what = "a part without text" if kind == "text" else f"a part of the type {in_a_line(repr(kind)):.40}"
        raise GluscopeError(f"{place} holds {what}: gluscope reads text alone", "leave the row out, or keep its text")
    return {**part, "type": "text"}


def _mended(value: Any) -> Any:
    """A value of JSON, every text in it mended."""
    if isinstance(value, str):
        return mended(value)
    if isinstance(value, Mapping):
        return {mended(str(key)): _mended(one) for key, one in value.items()}
    return [_mended(one) for one in value] if isinstance(value, (list, tuple)) else value


def _characters(content: Any) -> int:
    if isinstance(content, str):
        return len(content)
    return sum(len(part["text"]) for part in content or ())
