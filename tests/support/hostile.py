"""Text that does harm if it is written unchanged, and strategies that make more of it."""

from __future__ import annotations

import unicodedata

from hypothesis import strategies as st

SNIPPETS = (
    "\x1b]52;c;aGk=\x07", "\x1b[31mred\x1b[0m", "\x00", "\x7f", "\x9b31m", "\u202eevil\u202c", "\u200b", "\u2066",
    "\ufeff", "\U000e0041\U000e007f", "\ufe0f", "\U000e0100", "\u3164", "\u115f", "\u2028", "\u2029", "\x85",
    "\xad", "\ud83d", "\ue000", "\U0010ffff", "\r\n", "\t\t", "   ", "\u3000", "\xa0", "日本語", "한국어", "e\u0301",
    "\u0301", "🇫🇷", "👩\u200d🔬", "👍🏽", "שלום", "[@click=app.quit]x[/]", "[/foo]", "«»", "", " ", "a", " word",
)  # fmt: skip

characters = st.characters(exclude_categories=())  # surrogates too
texts = st.text(characters, max_size=8) | st.sampled_from(SNIPPETS)
tokens = st.lists(texts, min_size=1, max_size=12)

_HARMFUL = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))


def harmful(text: str) -> list[str]:
    """The characters that no terminal should get from a corpus, by their Unicode category."""
    return [character for character in text if unicodedata.category(character) in _HARMFUL]
