"""What a search looks for: a text, or the beginning of one, written `TEXT*`."""

from __future__ import annotations

from dataclasses import dataclass

from ..format.folding import fold

_LAST = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class Sought:
    """A text to look for among texts that are compared as wholes."""

    text: str
    prefix: bool = False  # whether it may go on
    exact: bool = False  # whether case and blanks around it matter

    @classmethod
    def read(cls, written: str, *, exact: bool) -> Sought:
        """The text as someone writes it: `Par*` begins with Par, `a\\*` ends with a star, and so do stars alone."""
        if not written.endswith("*") or not written.strip("* "):
            return cls(written, False, exact)
        if written.endswith("\\*"):
            return cls(f"{written[:-2]}*", False, exact)
        return cls(written.rstrip("*"), True, exact)

    @property
    def folded(self) -> str:
        """The text without case and without blanks around."""
        return fold(self.text)

    @property
    def bounds(self) -> tuple[str, str]:
        """The first folded text that can be meant, and one that comes after the last."""
        return self.folded, f"{self.folded}{_LAST}" if self.prefix else self.folded

    def condition(self, column: str) -> str:
        """SQL that a column of folded texts meets; its parameters are the `bounds`."""
        return f"{column} BETWEEN ? AND ?"

    def means(self, text: str) -> bool:
        """Whether a text is meant."""
        one, own = (text, self.text) if self.exact else (fold(text), self.folded)
        return one.startswith(own) if self.prefix else one == own
