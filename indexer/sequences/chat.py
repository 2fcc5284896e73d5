"""Conversations as tokens: the template's special tokens are tokens, and what the messages say is text.

A conversation is rendered by `ChatTemplate`, then split into tokens as transformers splits it. Where a message spells a
token that only the template may write (`<|im_end|>`), a second tokenizer reads the conversation: there those tokens
have names that no text can hold, and the template's own are renamed to match.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..corpus.messages import Message
from ..database.format.turns import Turn
from ..errors import GluscopeError
from ..library_errors import in_a_line, told
from .chat_marks import Span
from .chat_template import ChatTemplate, RenderedChat
from .renamed_tokens import RenamedTokens
from .tokenizer import special_tokens

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_FAILS, _OTHER = "the model's tokenizer fails on a conversation", "check the model's tokenizer, or save it again"


@dataclass(frozen=True, slots=True)
class Chat:
    """A conversation as the model reads it."""

    ids: tuple[int, ...]  # no BOS besides the template's
    turns: tuple[Turn, ...]  # ascending; what lies between them is the template's


class ChatEncoder:
    """From conversations to tokens. A thread may use it: it has a copy of the tokenizer of its own."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, template: str | None = None) -> None:
        """`template`: instead of the tokenizer's own. GluscopeError if there is none, or for a tokenizer that doesn't
        say where in a text its tokens are."""
        self._template = ChatTemplate(tokenizer, template)
        backend: Any = getattr(tokenizer, "backend_tokenizer", None)
        if backend is None:
            raise GluscopeError(
                f"{type(tokenizer).__name__} doesn't say which characters a token stands for, so the turns of a "
                "conversation can't be found in it",
                "use a model with a tokenizer.json, or text without conversations",
            )
        self._special = special_tokens(tokenizer)
        self._added = {id_: token.content for id_, token in tokenizer.added_tokens_decoder.items()} | self._special
        with told(_FAILS, _OTHER):
            self._backend = type(backend).from_str(backend.to_str())
            self._backend.no_truncation()
            self._backend.no_padding()
            self._backend.post_processor = None  # some take blanks out of the places of tokens

    def encode(self, messages: Sequence[Message], place: str, *, answer: bool = False) -> Chat:
        """The tokens of a conversation. `answer`: the beginning of an assistant's turn comes after it.

        GluscopeError, naming `place`, if the template refuses it, or if it can't be known which tokens are whose.
        """
        return self.encode_all([(messages, place)], answer=answer)[0]

    def encode_all(self, chats: Sequence[tuple[Sequence[Message], str]], *, answer: bool = False) -> list[Chat]:
        """The tokens of conversations, each with its place in the input. GluscopeError as `encode`."""
        rendered = [self._template.render(messages, place, answer=answer) for messages, place in chats]
        encoded = self._encoded([one.text for one in rendered])
        return [
            self._chat(one, encoding, place) for one, encoding, (_, place) in zip(rendered, encoded, chats, strict=True)
        ]

    def _encoded(self, texts: Sequence[str]) -> list[Any]:
        with told(_FAILS, _OTHER):
            return list(self._backend.encode_batch(texts, add_special_tokens=False))

    def _chat(self, rendered: RenderedChat, encoding: Any, place: str) -> Chat:
        own = self._templates_own(rendered, encoding)
        for name in rendered.unplaced:
            if (forged := next((token for token in own.values() if token in name), None)) is not None:
                raise GluscopeError(
                    f"{place}: a name in a message holds the special token {in_a_line(forged)}", "leave out the row"
                )
        spans = rendered.spans
        if any(id_ in own and _touches(at, spans) for id_, at in zip(encoding.ids, encoding.offsets, strict=True)):
            if (renamed := self._renamed.chat(rendered, own)) is None:
                raise GluscopeError(
                    f"{place}: a message spells a special token, and the tokenizer can't be made to read it as text",
                    "leave out the row",
                )
            (encoding,), spans = (self._renamed.encode(renamed.text),), renamed.spans
        return Chat(tuple(encoding.ids), _turns(encoding.offsets, spans))

    def _templates_own(self, rendered: RenderedChat, encoding: Any) -> Mapping[int, str]:
        """The tokens that only the template may write: special ones, and any that it does write here."""
        written = {
            id_
            for id_, at in zip(encoding.ids, encoding.offsets, strict=True)
            if _is_mark(self._added.get(id_, "")) and not _touches(at, rendered.spans)
        }
        return self._special | {id_: self._added[id_] for id_ in written}

    @cached_property
    def _renamed(self) -> RenamedTokens:
        with told(_FAILS, _OTHER):
            return RenamedTokens(self._backend, {id_: name for id_, name in self._added.items() if name.strip()})


def _is_mark(name: str) -> bool:
    """Whether an added token is neither blank nor a word, which a template may write as text."""
    return bool(name.strip()) and not name.strip().isalnum()


def _touches(at: tuple[int, int], spans: Sequence[Span]) -> bool:
    """Whether some characters lie in a span, at least in part."""
    after = bisect_right(spans, at[0], key=lambda span: span.stop)
    return after < len(spans) and spans[after].start < at[1]


def _turns(offsets: Sequence[tuple[int, int]], spans: Sequence[Span]) -> tuple[Turn, ...]:
    """The tokens that hold a character of each content at least; one that two contents share is the first one's."""
    starts = [start for start, _ in offsets]
    stops = [stop for _, stop in offsets]
    turns: list[Turn] = []
    for span in spans:
        first = max(bisect_right(stops, span.start), turns[-1].stop if turns else 0)
        last = bisect_left(starts, span.stop)
        if span.role is not None and first < last:
            turns.append(Turn(first, last, span.role))
    return tuple(turns)
