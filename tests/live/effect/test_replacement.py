"""The value of --to, as people write it."""

from __future__ import annotations

import pytest

from indexer.errors import GluscopeError
from indexer.live.effect.replacement import parse_replacement


@pytest.mark.parametrize(
    ("text", "number", "factor", "mean"),
    [
        ("zero", 0.0, None, False),
        ("mean", None, None, True),
        (" Quadrant ", None, None, True),
        ("0.5", 0.5, None, False),
        ("-3e-2", -0.03, None, False),
        ("x-1", None, -1.0, False),
        ("X3", None, 3.0, False),
    ],
)
def test_what_post_becomes_is_read(text: str, number: float | None, factor: float | None, mean: bool) -> None:
    found = parse_replacement(text)
    assert (found.number, found.factor, found.mean) == (number, factor, mean)


@pytest.mark.parametrize("text", ["", "x", "nan", "inf", "1e99", "zeros", "0x10", "x x3", "１"])
def test_anything_else_is_refused_with_the_choices(text: str) -> None:
    with pytest.raises(GluscopeError, match="--to") as refused:
        parse_replacement(text)
    assert "x-1" in refused.value.fix
