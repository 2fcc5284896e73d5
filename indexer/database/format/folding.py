"""What a search takes as equal: texts of tokens without case and leading blanks, texts of contexts word by word."""

from __future__ import annotations

import re

_IDEOGRAPHS = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
_WORD = re.compile(rf"[{_IDEOGRAPHS}]|[^\W_{_IDEOGRAPHS}]+")


def fold(text: str) -> str:
    """The text without case and without blanks in front, unless it is nothing but blanks."""
    return (text.lstrip(" ") or text).casefold()


def words(text: str) -> list[str]:
    """The words of a text without case, as the full-text index has them; an ideograph is a word."""
    return _WORD.findall(text.casefold())


def pattern(text: str, *, exact: bool) -> re.Pattern[str]:
    """Finds a text in a context, where a word begins if the text begins with one.

    Unless `exact`, in any case, and with any blanks where the text has blanks.
    """
    starts = r"(?<![^\W_])" if _WORD.match(text) and not re.match(f"[{_IDEOGRAPHS}]", text) else ""
    if exact:
        return re.compile(starts + re.escape(text))
    parts = re.split(r"\s+", text)
    return re.compile(starts + r"\s+".join(map(re.escape, parts)), re.IGNORECASE)
