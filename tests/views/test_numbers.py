"""Promises of numbers: three significant digits for people, exact float32 for scripts."""

from __future__ import annotations

import struct
from decimal import ROUND_HALF_EVEN, Context, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gluscope_tui.views.info import size
from gluscope_tui.views.numbers import counted, exact, float32, frequency, full_count, short_count, signed
from gluscope_tui.views.table import percent

floats = st.floats(allow_nan=False, allow_infinity=False, width=32)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (7.7, "+7.70"),
        (-0.0912, "-0.0912"),
        (12.345, "+12.3"),
        (-123.456, "-123"),
        (9.999, "+10.0"),
        (0.99951, "+1.00"),
        (0.0001234, "+1.23e-4"),
        (0.00001234, "+1.23e-5"),
        (98765.4, "+98765"),
        (123456.0, "+1.23e5"),
        (-3.3612e-10, "-3.4e-10"),
        (-9.96e-10, "-1.0e-9"),
        (1.4e-45, "+1.4e-45"),
        (0.0, "0"),
        (-0.0, "0"),
        (None, "-"),
    ],
)
def test_a_value_has_three_significant_digits_and_its_sign(value: float | None, shown: str) -> None:
    assert signed(value) == shown


@given(floats.filter(lambda value: value != 0))
def test_a_shown_value_is_the_value_rounded(value: float) -> None:
    shown = signed(value)
    assert shown[0] == ("+" if value > 0 else "-")
    assert len(shown) <= 8
    rounded = Context(prec=2 if abs(value) < 1e-9 else 3, rounding=ROUND_HALF_EVEN).plus(Decimal(value))
    assert abs(Decimal(shown) - Decimal(value)) <= abs(rounded - Decimal(value))


@pytest.mark.parametrize(
    ("count", "short"),
    [
        (0, "0"), (346, "346"), (999, "999"), (1000, "1.00k"), (9400, "9.40k"), (14_000, "14.0k"), (113_108, "113k"),
        (999_499, "999k"), (999_999, "1.00M"), (20_000_000, "20.0M"), (2_500_000_000, "2.50G"), (10**15, "1000T"),
    ],
)  # fmt: skip
def test_a_short_count_has_three_digits_and_a_unit(count: int, short: str) -> None:
    assert short_count(count) == short
    assert full_count(count).replace(",", "") == str(count)


@pytest.mark.parametrize(
    ("count", "total", "shown"),
    [
        (14_024, 113_108, "12.4%"),
        (9_400, 113_108, "8.31%"),
        (591, 113_108, "0.523%"),
        (114, 113_108, "0.101%"),
        (113, 113_108, "113/113k"),
        (3, 113_108, "3/113k"),
        (14_000, 20_000_000, "14.0k/20.0M"),
        (0, 113_108, "never"),
        (0, 0, "never"),
        (113_108, 113_108, "100%"),
        (113_107, 113_108, ">99.9%"),
        (1, 2, "50.0%"),
    ],
)
def test_a_rare_quadrant_is_a_fraction_and_an_empty_one_never(count: int, total: int, shown: str) -> None:
    assert frequency(count, total) == shown


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_a_frequency_never_pretends_to_be_none_or_all(count: int, total: int) -> None:
    count, total = min(count, total), max(count, total)
    shown = frequency(count, total)
    if shown.endswith("%") and not shown.startswith(">"):
        percent = float(shown[:-1])
        assert percent > 0
        assert (percent == 100) == (count == total)
        assert percent == pytest.approx(100 * count / total, rel=0.0051)


@given(st.floats(allow_nan=False, min_value=-1e38, max_value=1e38))
def test_exact_reads_back_as_the_same_float32(value: float) -> None:
    nearest = struct.unpack("f", struct.pack("f", value))[0]
    assert float32(value) == nearest
    assert struct.unpack("f", struct.pack("f", float(exact(value))))[0] == nearest


def test_negative_zero_and_nothing() -> None:
    assert str(float32(-0.0)) == "0.0"
    assert float32(None) is None
    assert exact(None) == ""
    assert (exact(0.1), exact(8.0), exact(-4.5101705)) == ("0.1", "8", "-4.5101705")


def test_sizes_for_people() -> None:
    assert [size(812), size(13_400_000), size(585_728), size(10**13)] == ["812 B", "13.4 MB", "586 kB", "10 TB"]


def test_a_share_of_a_table_is_100_percent_only_if_it_is_all_and_0_only_if_it_is_none() -> None:
    shares = (1.0, 112_852 / 112_877, 0.99949, 0.0999, 0.00022, 1e-7, 0.0)
    assert [percent(share) for share in shares] == ["100%", ">99.9%", "99.9%", "9.99%", "0.022%", "1e-05%", "0%"]


def test_one_of_a_thing_is_singular() -> None:
    assert [counted(count, "token") for count in (0, 1, 14_000)] == ["0 tokens", "1 token", "14,000 tokens"]
    assert [counted(count, "batch", "batches") for count in (1, 2)] == ["1 batch", "2 batches"]
