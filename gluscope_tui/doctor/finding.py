"""A finding of the doctor."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """What was checked, what was found, and how to fix it (`mend`, "" if nothing is wrong)."""

    subject: str
    name: str
    value: str
    mend: str = ""

    def as_dict(self) -> dict[str, str]:
        return {"subject": self.subject, "name": self.name, "value": self.value, "mend": self.mend}
