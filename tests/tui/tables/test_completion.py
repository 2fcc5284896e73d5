"""Tab in a condition: columns and values, as far as all completions agree."""

from __future__ import annotations

import pytest

from gluscope_tui.tui.tables.completion import complete

COLUMNS = ("neuron", "site", "layer", "frequency_pp", "frequency_pn", "cos_in_out", "rw_class")
VALUES = {"rw_class": ("weakening", "conditional weakening", "conditional strengthening"), "site": ("L1", "L12")}


@pytest.mark.parametrize(
    ("typed", "completed", "choices"),
    [
        ("la", "layer |", ()),
        ("layer > 3 and freq", "layer > 3 and frequency_p|", ("frequency_pp", "frequency_pn")),
        ("abs(COS", "abs(cos_in_out |", ()),
        ("rw_class = ", "rw_class = '|", VALUES["rw_class"]),
        ("rw_class = 'w", "rw_class = 'weakening'|", ()),
        ("rw_class = 'cond", "rw_class = 'conditional |", VALUES["rw_class"][1:]),
        ("rw_class in ('weakening', 'conditional s", "rw_class in ('weakening', 'conditional strengthening'|", ()),
        ('site = "L', 'site = "L1|', VALUES["site"]),
        ("site = L1 and fr", "site = L1 and frequency_p|", ("frequency_pp", "frequency_pn")),
        ("rw_class = 'weakening' and la", "rw_class = 'weakening' and layer |", ()),
        ("layer = 29 and rw_class = ", "layer = 29 and rw_class = '|", VALUES["rw_class"]),
        ("site = L1 and rw_class = w", "site = L1 and rw_class = 'weakening'|", ()),
        ("frequency_+", "frequency_+|", ("frequency_++", "frequency_+-")),
        ("layer > 3 and frequency_++", "layer > 3 and frequency_++ |", ()),
        ("layer > 3 and cos_in_out-", "layer > 3 and cos_in_out-|", COLUMNS),
        ("xyz", "xyz|", ()),
        ("", "|", COLUMNS),
    ],
)
def test_a_condition_is_completed(typed: str, completed: str, choices: tuple[str, ...]) -> None:
    found = complete(typed, len(typed), COLUMNS, VALUES)
    assert found.text[: found.at] + "|" + found.text[found.at :] == completed
    assert found.choices == choices


def test_what_follows_the_cursor_stays() -> None:
    found = complete("la > 3", 2, COLUMNS, VALUES)
    assert (found.text, found.at) == ("layer > 3", 5)
    found = complete("rw_class = 'w'", 13, COLUMNS, VALUES)
    assert (found.text, found.at) == ("rw_class = 'weakening'", 21)
