"""Numbers as people read them, and as scripts do."""

from __future__ import annotations

from indexer.database.read.statistics import float32 as nearest_float32

NOTHING = "-"
"""Shown in place of a missing number, e.g. the mean over no token."""


def signed(value: float | None) -> str:
    """Three significant digits and the sign: +7.70, -0.0912, +1.23e-5, 0; two if it would exceed 8 cells: -3.4e-10."""
    if value is None:
        return NOTHING
    if value == 0:
        return "0"
    mantissa, _, exponent = f"{value:+.2e}".partition("e")
    power = int(exponent)
    if -4 < power < 5:
        return f"{value:+.{max(2 - power, 0)}f}"
    if power <= -10:
        mantissa, _, exponent = f"{value:+.1e}".partition("e")
        power = int(exponent)
    return f"{mantissa}e{power}"


def short_count(count: int) -> str:
    """A count in at most five characters: 346, 9.40k, 14.0k, 113k, 20.0M."""
    if count < 1000:
        return str(count)
    mantissa, _, exponent = f"{count:.2e}".partition("e")
    power = int(exponent)
    unit = min(power // 3, len(_UNITS) - 1)
    shift = power - 3 * unit
    return f"{float(mantissa) * 10**shift:.{max(2 - shift, 0)}f}{_UNITS[unit]}"


_UNITS = ("", "k", "M", "G", "T")


def full_count(count: int) -> str:
    """A count in full: 113,108."""
    return f"{count:,}"


def counted(count: int, noun: str, plural: str = "") -> str:
    """A number and its noun: 1 token, 14,000 tokens."""
    return f"{full_count(count)} {noun if count == 1 else plural or f'{noun}s'}"


def frequency(count: int, total: int) -> str:
    """Three significant digits of a percentage; under 0.1 % a fraction such as 3/113k, and never for none at all."""
    if count == 0 or total <= 0:
        return "never"
    percent = 100 * count / total
    if percent < 0.1:
        return f"{short_count(count)}/{short_count(total)}"
    if count < total and percent >= 99.95:
        return ">99.9%"
    if count == total:
        return "100%"
    digits = 3 if percent < 0.9995 else 2 if percent < 9.995 else 1
    return f"{percent:.{digits}f}%"


def float32(value: float | None) -> float | None:
    """The nearest float32, as a float; 0.0 for -0.0; None for None."""
    return None if value is None else nearest_float32(value)


def exact(value: float | None) -> str:
    """The shortest decimal that reads back as the same float32; "" for None."""
    nearest = float32(value)
    if nearest is None:
        return ""
    for digits in range(1, 9):
        text = f"{nearest:.{digits}g}"
        if float32(float(text)) == nearest:
            return text
    return f"{nearest:.9g}"
