"""Conversations rendered with a model's chat template, with the place of every message's text in the result.

Templates are programs of others: transformers runs them in its sandbox. What a template does with a text (trim it,
take its thoughts out, write it as JSON) can't be foreseen, so its place is found by rendering the conversation again
with marks in its texts:

1. Around each whole text.
2. If the template trims texts: around each text without the blanks beside it.
3. If it takes texts apart: around each word, except the tags that templates look for.

A way of marking counts only if it changes nothing else: without the marks the same conversation comes out. If no way
does, the conversation is refused, since its spans can't be known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..corpus.messages import Message
from ..errors import GluscopeError
from ..library_errors import told
from .chat_marks import Leaf, Lost, Marked, Piece, Span, leaves_of, rewritten

_TODAY = {"%Y": "2024", "%y": "24", "%m": "07", "%B": "July", "%b": "Jul", "%d": "26", "%-d": "26", "%e": "26"} | {
    **{"%A": "Friday", "%a": "Fri", "%j": "208", "%F": "2024-07-26", "%H": "00", "%M": "00", "%S": "00"}
}
"""What templates take for the present day, so that a text is the same tomorrow: the day that Llama's name."""

_ON_THAT_DAY = "".join(
    [
        "{%- macro strftime_now(form) -%}{{ form",
        *(f"|replace({directive!r}, {value!r})" for directive, value in _TODAY.items()),
        "}}{%- endmacro %}\n",  # the sandbox drops the line's end after a block
    ]
)

HOW_TO_NAME = "name a file with one: --chat-template FILE"


@dataclass(frozen=True, slots=True)
class RenderedChat:
    """A conversation as the template writes it."""

    text: str
    spans: tuple[Span, ...]  # of the messages' texts, in order; no two overlap
    unplaced: tuple[str, ...] = ()  # names in the messages that may stand anywhere in it


class ChatTemplate:
    """The chat template of a tokenizer, or another one in its place."""

    def __init__(self, tokenizer: Any, template: str | None = None) -> None:
        """GluscopeError if there is none."""
        self._tokenizer = tokenizer
        if template is None and not getattr(tokenizer, "chat_template", None):
            raise GluscopeError("the model has no chat template, and the text holds conversations", HOW_TO_NAME)
        with told("the model has several chat templates, and none is its default", HOW_TO_NAME):
            self._template = str(tokenizer.get_chat_template(template))
        if "strftime_now" in self._template:
            self._template = _ON_THAT_DAY + self._template

    def render(self, messages: Sequence[Message], place: str, *, answer: bool = False) -> RenderedChat:
        """A conversation as text, and where the messages' texts are in it. `answer`: then an assistant's turn begins.

        GluscopeError, naming `place`, if the template refuses the conversation or its spans can't be known.
        """
        errors: list[GluscopeError] = []
        for number, form in enumerate(_forms(messages)):
            try:
                with told(f"{place}: the chat template refuses it", "mend or leave out the row"):
                    text = self.written(form, answer)
            except GluscopeError as error:
                errors += [error] if number == 0 else []
                continue
            if (found := _Search(self, form, answer, text).found()) is not None:
                return found
        hidden = GluscopeError(
            f"{place}: the chat template rewrites the messages, so that they can't be found in the text",
            f"leave out the row, or {HOW_TO_NAME}",
        )
        raise (errors or [hidden])[0]

    def written(self, messages: Sequence[Message], answer: bool) -> str:
        """What the template makes of a conversation; raises whatever a template raises."""
        written = self._tokenizer.apply_chat_template(
            list(messages),
            chat_template=self._template,
            tokenize=False,
            add_generation_prompt=answer,
        )
        assert isinstance(written, str)
        return written


class _Search:
    """Looks for the texts of a conversation in what the template made of it."""

    def __init__(self, template: ChatTemplate, messages: Sequence[Message], answer: bool, text: str) -> None:
        self._template, self._messages, self._answer, self._text = template, messages, answer, text

    def found(self) -> RenderedChat | None:
        """The conversation with its spans; None if they can't be known, or none of its contents is in the text."""
        for every in (True, False):
            leaves = list(leaves_of(self._messages, every))
            for spans in self._ways(leaves, every):
                if spans is not None:
                    said = any(leaf.text.strip() for leaf in leaves if leaf.role is not None)
                    if said and all(span.role is None for span in spans):
                        return None
                    return RenderedChat(self._text, tuple(spans), tuple(_unmarked(self._messages, every=every)))
        return None

    def _ways(self, leaves: Sequence[Leaf], every: bool) -> Iterator[list[Span] | None]:
        whole = {number: Piece(number, 0, len(leaf.text)) for number, leaf in enumerate(leaves) if leaf.text}
        yield self._spans([*whole.values()], every)
        cores = {number: Piece(number, *leaves[number].core) for number in whole if leaves[number].text.strip()}
        if cores != whole:
            yield self._trimmed(leaves, cores, whole, every)
        yield self._spans([Piece(number, *word) for number in whole for word in leaves[number].words], every)

    def _trimmed(
        self, leaves: Sequence[Leaf], cores: dict[int, Piece], whole: dict[int, Piece], every: bool
    ) -> list[Span] | None:
        """The spans of texts without the blanks beside them; with them for those that the template doesn't trim."""
        spans = self._spans([*cores.values()], every)
        if spans is None or self._makes_the_same(
            rewritten(self._messages, every, (leaf.text.strip() for leaf in leaves))
        ):
            return spans
        for number in [number for number in whole if cores.get(number) != whole[number]]:
            pieces = dict(sorted({**cores, number: whole[number]}.items()))
            if (wider := self._spans([*pieces.values()], every)) is not None:
                cores, spans = pieces, wider
        return spans

    def _makes_the_same(self, messages: Sequence[Message]) -> bool:
        """Whether the template makes the same of these messages."""
        try:
            return self._template.written(messages, self._answer) == self._text
        except Exception:  # whatever a template raises: it makes nothing of them
            return False

    def _spans(self, pieces: Sequence[Piece], every: bool) -> list[Span] | None:
        try:
            marked = Marked(self._messages, pieces, every)
            rendered = self._template.written(marked.messages, self._answer)
            return marked.spans(rendered) if marked.without(rendered) == self._text else None
        except Lost:
            return None
        except Exception:  # whatever a template raises at a marked text: this way of marking won't do
            return None


def _forms(messages: Sequence[Message]) -> Iterator[list[Message]]:
    """The conversation as it is, then with texts alone, then with parts of text: a template may take one form only."""
    seen: list[list[Message]] = []
    for content_as in (lambda content: content, _flat, _in_parts):
        form = [_with_content(message, content_as) for message in messages]
        if form not in seen:
            seen.append(form)
            yield form


def _with_content(message: Message, content_as: Callable[[Any], Any]) -> Message:
    return {key: content_as(value) if key == "content" else value for key, value in message.items()}


def _flat(content: Any) -> str:
    return content if isinstance(content, str) else "\n".join(part["text"] for part in content)


def _in_parts(content: Any) -> list[dict[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _unmarked(messages: Sequence[Message], *, every: bool) -> Iterator[str]:
    """The texts of messages that `Marked` leaves alone, names of values among them."""
    for message in messages:
        yield from _keys(message)
    if not every:
        yield from (leaf.text for leaf in leaves_of(messages, every=True) if leaf.role is None)


def _keys(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield key
            yield from _keys(one)
    elif isinstance(value, list):
        for one in value:
            yield from _keys(one)
