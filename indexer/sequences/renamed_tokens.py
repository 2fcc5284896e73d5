"""A tokenizer whose added tokens have names that no text holds, so that texts which spell the old names stay text."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from .chat_marks import Span
from .chat_template import RenderedChat


class RenamedChat(NamedTuple):
    """A conversation in which the template's tokens have their new names."""

    text: str
    spans: tuple[Span, ...]


class RenamedTokens:
    """A copy of a tokenizer that knows some of its added tokens by new names."""

    def __init__(self, backend: Any, names: Mapping[int, str]) -> None:
        """`names`: of the added tokens, by id."""
        self._new = {name: f"\ufdd0{id_}\ufdd1" for id_, name in names.items()}  # noncharacters: for no text
        definition = renamed(json.loads(backend.to_str()), self._new)
        self._backend = type(backend).from_str(json.dumps(definition))
        longest_first = sorted(self._new, key=len, reverse=True)
        self._any = re.compile("|".join(map(re.escape, longest_first)) or "(?!)")
        probes = [f"a{name}b {name}{name}\nc" for name in self._new]
        old, new = (
            [found.ids for found in each.encode_batch_fast(texts, add_special_tokens=False)]
            for each, texts in ((backend, probes), (self._backend, [self._any.sub(self._rename, p) for p in probes]))
        )
        plain = self._backend.encode_batch_fast(probes, add_special_tokens=False)
        self._sound = {
            name
            for (id_, name), was, is_, spelled in zip(names.items(), old, new, plain, strict=True)
            if was == is_ and id_ in was and id_ not in spelled.ids
        }

    def chat(self, rendered: RenderedChat, own: Mapping[int, str]) -> RenamedChat | None:
        """The conversation with new names for the tokens that the template writes, and those of the messages that
        aren't its `own`. None if one of its own tokens can't be told from text."""
        if not self._sound.issuperset(set(own.values()) & set(self._any.findall(rendered.text))):
            return None
        if "\ufdd0" in rendered.text:
            return None
        reserved = set(own.values())
        parts: list[str] = []
        spans: list[Span] = []
        at = place = 0
        for span in rendered.spans:
            parts.append(self._any.sub(self._rename, rendered.text[at : span.start]))
            text = rendered.text[span.start : span.stop]
            said = self._any.sub(lambda name: name[0] if name[0] in reserved else self._new[name[0]], text)
            parts.append(said)
            start = place + len(parts[-2])
            place = start + len(said)
            spans.append(Span(start, place, span.role))
            at = span.stop
        parts.append(self._any.sub(self._rename, rendered.text[at:]))
        return RenamedChat("".join(parts), tuple(spans))

    def encode(self, text: str) -> Any:
        """The encoding of a conversation with new names."""
        return self._backend.encode(text, add_special_tokens=False)

    def _rename(self, name: re.Match[str]) -> str:
        return self._new[name[0]]


def renamed(definition: dict[str, Any], new: Mapping[str, str]) -> dict[str, Any]:
    """A tokenizer's definition in which some tokens have a new name, as added tokens and as pieces of its model."""
    model = dict(definition["model"])
    vocab = model["vocab"]
    if isinstance(vocab, dict):
        model["vocab"] = {new.get(piece, piece): id_ for piece, id_ in vocab.items()}
    else:
        model["vocab"] = [[new.get(piece, piece), score] for piece, score in vocab]
    if "merges" in model:
        pairs = [merge.split(" ", 1) if isinstance(merge, str) else merge for merge in model["merges"]]
        model["merges"] = [pair for pair in pairs if not {*pair, "".join(pair)} & new.keys()]
    added = [{**token, "content": new.get(token["content"], token["content"])} for token in definition["added_tokens"]]
    return {**definition, "model": model, "added_tokens": added}
