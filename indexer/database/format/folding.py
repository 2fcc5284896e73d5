"""The texts that a search takes as equal: peaks without case and surrounding blanks, contexts word by word."""

from __future__ import annotations

import re
from collections.abc import Iterator

# Scripts that are written without blanks between words: each of their characters counts as a word.
_IDEOGRAPHS = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"  # in every index
_MORE = (
    "\u3100-\u312f\u31a0-\u31bf\u31f0-\u31ff\uff66-\uff9f\U0001b000-\U0001b16f\U00020000-\U000323af\ua000-\ua48f"
    "\u0e00-\u0eff"  # Thai, Lao
    "\u0f00-\u0fff\u1000-\u109f\ua9e0-\ua9ff\uaa60-\uaa7f"  # Tibetan, Burmese
    "\u1780-\u17ff\u1950-\u19ff\u1a20-\u1aaf\uaa80-\uaadf\ua980-\ua9df\u1b00-\u1b7f"  # Khmer to Balinese
)  # in those whose search is of version 2
_UNHEARD = "\u19b0-\u19c9\u1cf2\u1cf3"  # letters to Python that the full-text index takes as blanks
_ALONE = re.compile(f"[{_IDEOGRAPHS}{_MORE}]")
_NEWER = re.compile(f"[{_MORE}{_UNHEARD}]")
_WORD = re.compile(rf"(?![{_UNHEARD}])(?:[{_IDEOGRAPHS}{_MORE}]|[^\W_{_IDEOGRAPHS}{_MORE}{_UNHEARD}]+)")
_BLANKS = re.compile(r"\s+")


def fold(text: str) -> str:
    """The text without case and without blanks around, unless it is all blanks."""
    return (text.strip(" ") or text).casefold()


def words(text: str) -> list[str]:
    """The words of a text without case, as the full-text index has them; a character of a script without blanks is
    one."""
    return _WORD.findall(text.casefold())


def newly_cut(text: str) -> bool:
    """Whether the full-text index of an older gluscope cuts the text into other words."""
    return _NEWER.search(text.casefold()) is not None


class Wanted:
    """A text that is looked for in contexts: where a word begins, if it begins with one.

    Unless `exact`, in any case, and with any blanks where the text has blanks. Cases are compared as Unicode folds
    them, whole characters with whole ones: `ß` is `SS`, not `S`; `İ` is not `i`.
    """

    def __init__(self, text: str, *, exact: bool) -> None:
        self._exact = exact
        self._starts_word = text[0].isalnum() and _ALONE.match(text) is None
        parts = [text] if exact else _BLANKS.split(text.casefold())
        self._pattern = re.compile(r"\s+".join(map(re.escape, parts)))

    def spans(self, context: str) -> Iterator[tuple[int, int]]:
        """Where it is in a context, one after the other: its first character, and the one after its last."""
        folded, starts = (context, None) if self._exact else _folded(context)
        place = 0
        while (match := self._pattern.search(folded, place)) is not None:
            begin, end = first, last = match.span()
            if starts is not None:
                first, last = starts.get(begin, -1), starts.get(end, -1)
            if first < 0 or last < 0 or (self._starts_word and first and _goes_on(context[first - 1])):
                place = begin + 1
            else:
                yield first, last
                place = max(end, begin + 1)


def _folded(context: str) -> tuple[str, dict[int, int] | None]:
    """The text without case, and the place in it of each character, by that in what it became; None: the same."""
    folded = context.casefold()
    if len(folded) == len(context):  # no character becomes shorter
        return folded, None
    starts, place = {}, 0
    for number, character in enumerate(context):
        starts[place] = number
        place += len(character.casefold())
    starts[place] = len(context)
    return folded, starts


def _goes_on(before: str) -> bool:
    """Whether a word goes on after this character."""
    return before.isalnum() and _ALONE.match(before) is None
