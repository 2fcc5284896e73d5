"""Documents as token ids, cut into pieces of at most a context's length, BOS in front of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from ..corpus import Document
from ..database.format.turns import Turn
from ..errors import GluscopeError
from ..settings import Settings
from .chat import Chat, ChatEncoder
from .tokenizer import Encode

Ids: TypeAlias = npt.NDArray[np.int32]

NewChats: TypeAlias = Callable[[], ChatEncoder]
"""Makes what turns conversations into tokens; called once there is one."""


class Piece(NamedTuple):
    """A document, or a part of one, as the model reads it."""

    ids: Ids  # position
    turns: tuple[Turn, ...] | None = None  # of a conversation


class Cutter:
    """Turns documents into pieces under the settings `context`, `long`, `bos` and `roles`."""

    def __init__(
        self, encode: Encode, settings: Settings, bos: int | None, eos: int | None, chats: NewChats | None = None
    ) -> None:
        self._encode, self._settings, self._bos, self._eos = encode, settings, bos, eos
        self._new_chats = chats
        self._chats: ChatEncoder | None = None

    def pieces(self, documents: Sequence[Document]) -> Iterator[list[Piece]]:
        """The pieces of each document. GluscopeError for a conversation that can't be read, and for a text that has no
        roles if some are asked for."""
        talks = {document.number: document for document in documents if document.messages is not None}
        texts = [document for document in documents if document.number not in talks]
        if self._settings.roles is not None and (told := next((one for one in texts if one.text), None)) is not None:
            raise GluscopeError(
                f"document {told.number} ({told.source}) is not a conversation, so no token of it has a role",
                "give it JSON lines or a table whose --column holds messages, or leave --roles out",
            )
        ids = dict(zip([one.number for one in texts], self._encode([one.text for one in texts]), strict=True))
        chats = dict(zip(talks, self._read(list(talks.values())), strict=True))
        for document in documents:
            if (chat := chats.get(document.number)) is not None:
                yield self._of_chat(chat)
            else:
                whole = ids[document.number]
                yield [Piece(one) for one in cut(whole, self._bos, *self._room, self._eos)]

    @property
    def _room(self) -> tuple[int, str]:
        return self._settings.context, self._settings.long

    def _read(self, talks: Sequence[Document]) -> list[Chat]:
        if not talks:
            return []
        if self._chats is None:
            if self._new_chats is None:
                raise GluscopeError(
                    f"{talks[0].source} holds a conversation, not text", "name a column that holds text"
                )
            self._chats = self._new_chats()
        places = [f"document {one.number} ({one.source})" for one in talks]
        return self._chats.encode_all([(one.messages or (), at) for one, at in zip(talks, places, strict=True)])

    def _of_chat(self, chat: Chat) -> list[Piece]:
        """The pieces of a conversation. BOS is in front of each if the template begins with it, or if it always is."""
        begins = self._bos is not None and chat.ids[:1] == (self._bos,)
        bos = self._bos if begins or self._settings.bos == "always" else None
        gone = int(begins)  # `cut` puts it there again
        pieces = cut(chat.ids[gone:], bos, *self._room, self._eos)
        front = int(bos is not None)
        found, start = [], gone
        for ids in pieces:
            stop = start + len(ids) - front - (self._eos is not None)
            inside = (
                Turn(max(turn.start, start) - start + front, min(turn.stop, stop) - start + front, turn.role)
                for turn in chat.turns
                if turn.start < stop and turn.stop > start
            )
            found.append(Piece(ids, tuple(inside)))
            start = stop
        return found


def cut(ids: Sequence[int], bos: int | None, context: int, long: str, eos: int | None = None) -> list[Ids]:
    """A document's token ids as sequences of at most `context` tokens, each between BOS and EOS if there are any.

    With `long` "truncate": the first of them only.
    """
    tokens = np.asarray(ids, dtype=np.int32)  # token
    front, back = (np.asarray([] if id_ is None else [id_], dtype=np.int32) for id_ in (bos, eos))
    room = context - len(front) - len(back)
    starts = range(0, len(tokens), room)
    if long == "truncate":
        starts = starts[:1]
    return [np.concatenate((front, tokens[start : start + room], back)) for start in starts]  # position
