"""Beside a context stands who says its peak, and whether that is an attention sink; nothing beside other text."""

from __future__ import annotations

from dataclasses import replace

from gluscope_tui.tui.drawing.contexts import value_columns
from gluscope_tui.views import json
from gluscope_tui.views.plain import contexts
from gluscope_tui.views.turns import column, letters, said_by, tags

from ..support.view_records import FRANCE, neuron

ROLES = (None, "user", "user", "assistant", "assistant", None, None, "assistant\x1b")
SAID = replace(FRANCE, roles=ROLES)
SINK = replace(SAID, sink=True)
BY_TEMPLATE = replace(SAID, peak=5)


def test_a_peak_is_said_by_a_role_or_by_the_template() -> None:
    assert [tags(one) for one in (FRANCE, SAID, SINK, BY_TEMPLATE)] == [
        (),
        ("assistant",),
        ("assistant", "sink"),
        ("template",),
    ]
    assert said_by(SAID, 7) == "assistant␛"  # cleaned
    assert tags(replace(FRANCE, sink=True)) == ("sink",)


def test_columns_are_of_one_width_and_empty_for_text_without_roles() -> None:
    assert column([SAID, SINK, BY_TEMPLATE]) == ["assistant     ", "assistant sink", "template      "]
    assert letters([SAID, SINK, BY_TEMPLATE]) == ["a ", "a*", "t "]
    assert column([FRANCE, FRANCE]) == letters([FRANCE, FRANCE]) == ["", ""]


def test_the_explorers_values_are_followed_by_who_says_them() -> None:
    plain = value_columns([FRANCE, FRANCE], "post", wide=True)
    heading, values = value_columns([SAID, SINK], "post", wide=True)
    assert heading == f"{plain[0]} says"
    assert values == [f"{value} {said}" for value, said in zip(plain[1], column([SAID, SINK]), strict=True)]
    _, narrow = value_columns([SAID, SINK], "post", wide=False)
    assert [value[-3:] for value in narrow] == [" a ", " a*"]


def test_formats_for_scripts_say_it_only_where_there_is_something_to_say() -> None:
    assert json.context(SAID)["roles"] == list(ROLES)
    assert json.context(SINK)["sink"] is True
    assert not {"roles", "sink"} & json.context(FRANCE).keys()
    assert all(len(line.split("\t")) == 9 for line in contexts(neuron()))
