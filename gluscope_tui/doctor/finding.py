"""A finding: what was looked at, what is there, and the line that improves it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """`mend` says what would make it better, "" where nothing needs to be."""

    subject: str
    name: str
    value: str
    mend: str = ""

    def as_dict(self) -> dict[str, str]:
        return {"subject": self.subject, "name": self.name, "value": self.value, "mend": self.mend}
