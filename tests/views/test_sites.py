"""Sites for people: those that agree share a line with the range of their counts, and no site is left out."""

from __future__ import annotations

from gluscope_tui.views import sites as view
from indexer.addresses import parse_site
from indexer.database.records import SiteRecord


def site(
    name: str, counted: int = 100, width: int = 8, error: float | None = 1e-7, adapter: str = "halves"
) -> SiteRecord:
    return SiteRecord(0, parse_site(name), width, "silu", counted, 1, error, adapter)


def test_layers_that_agree_share_a_line() -> None:
    told = list(view.together([site("L0"), site("L1", error=3e-7), site("L2"), site("L5")], 100))
    assert told == [("L0-2,5", "8 neurons each, silu, 100 tokens counted, identity error 1.00e-7 to 3.00e-7, halves")]


def test_what_differs_has_its_own_line() -> None:
    others = [site("L1", width=9), site("L2", adapter="up"), site("L3", error=None), site("enc.L0"), site("L4S")]
    told = dict(view.together([site("L0"), *others], 100))
    assert list(told) == ["L0", "L1", "L2", "L3", "enc.L0", "L4S"]
    assert told["L3"] == "8 neurons, silu, 100 tokens counted, not proven, halves"


def test_experts_are_shown_with_the_range_of_what_they_were_routed() -> None:
    experts = [site(f"L{layer}E{number}", counted=10 + layer + number) for layer in (1, 2) for number in range(4)]
    shared = [site("L1S"), site("L2S")]
    told = list(view.together([*experts, *shared], 100))
    assert [names for names, _ in told] == ["L1-2 E0-3", "L1-2 S"]
    assert "11 to 15 tokens routed (11.0% to 15.0%)" in told[0][1]


def test_layers_with_other_experts_have_lines_of_their_own() -> None:
    told = list(view.together([site("L0E0"), site("L0E1"), site("L1E0"), site("L1E1"), site("L2E1")], 100))
    assert [names for names, _ in told] == ["L0-1 E0-1", "L2E1"]


def test_one_by_one_reports_every_site() -> None:
    told = list(view.one_by_one([site("L0"), site("L1")], 100))
    assert told == [
        (name, "8 neurons, silu, 100 tokens counted, identity error 1.00e-7, halves") for name in ("L0", "L1")
    ]
