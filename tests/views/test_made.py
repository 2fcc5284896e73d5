"""What `gluscope index` says at its end."""

from __future__ import annotations

from dataclasses import replace

from gluscope_tui.views.made import lines
from indexer.database.format.sinks import EVERY, FIRST, SOME, Sinks, SinkToken
from indexer.database.records import IndexInfo

from ..support.view_records import info


def made() -> IndexInfo:
    run = {"tokens_per_second": 1234.4, "share_of_bare": 0.9}
    return replace(info(), run=run, corpus={"tokens": 113_108, "documents": 1_024})


def test_a_run_ends_with_its_speed_its_size_the_telling_neuron_and_what_to_type_next() -> None:
    assert list(lines(made(), "'a b.db'")) == [
        "'a b.db' is ready: 24 neurons, 13.4 MB",
        "113,108 tokens in 1,024 documents, 1.23k tokens/s, about 0.90 of the bare model's speed",
        "next:",
        "  gluscope show L0N3 --db 'a b.db'   # its most telling neuron",
        "  gluscope tui --db 'a b.db'",
        "  gluscope info --db 'a b.db'",
    ]


def test_what_is_not_known_is_left_out() -> None:
    unknown = replace(made(), run={"tokens_per_second": None}, telling_neuron=None)
    assert list(lines(unknown, "a.db")) == [
        "a.db is ready: 24 neurons, 13.4 MB",
        "113,108 tokens in 1,024 documents",
        "next:",
        "  gluscope tui --db a.db",
        "  gluscope info --db a.db",
    ]


def test_a_small_run_is_told_in_good_english() -> None:
    small = replace(made(), run={"tokens_per_second": 1.44}, corpus={"tokens": 182, "documents": 1})
    assert list(lines(small, "a.db"))[1] == "182 tokens in 1 document, 1.4 tokens/s"


def test_a_part_says_that_it_is_one() -> None:
    coverage = {"batches": 10, "cells": [{"sites": None, "count": 4, "tokens": 400}], "borders": [], "finished": False}
    first, *_ = lines(replace(made(), complete=False, coverage=coverage), "a.db")
    assert first.startswith("a.db is ready (under way: the numbers are those of the 400 tokens seen so far): ")


def test_roles_say_how_much_of_the_text_was_counted_or_that_nothing_was() -> None:
    corpus = {"tokens": 113_108, "documents": 1_024, "roles": ["assistant", "user"]}
    some = replace(made(), settings={"roles": ("assistant", "tool")}, corpus=corpus)
    assert "counted: 1,904 tokens that assistant and tool said" in list(lines(some, "a.db"))
    none = replace(some, sites=tuple(replace(site, tokens_counted=0) for site in some.sites))
    nothing = "no token was counted, so every number is 0 or missing: "
    said = list(lines(none, "a.db"))
    assert f"{nothing}assistant and tool said nothing that is counted" in said
    assert not [line for line in said if "counted: 0" in line or "telling" in line]
    misspelt = replace(none, settings={"roles": ("asistant",)})
    assert f"{nothing}no message is of asistant; the text has assistant, user" in list(lines(misspelt, "a.db"))
    short = list(lines(replace(none, settings={"roles": None}), "a.db"))
    assert [line for line in short if line.startswith(nothing) and "--count-first" in line]


def test_attention_sinks_are_named_with_what_became_of_them() -> None:
    found = [(".", 14, 16, EVERY), ("\n", 5, 9, FIRST), (" the", 1, 90, SOME), ("a", 1, 1, EVERY), ("b", 1, 1, EVERY)]
    sinks = Sinks(3, 16, 900, tuple(SinkToken(n, *each) for n, each in enumerate(found)), positions=20)
    (said,) = [line for line in lines(replace(made(), sinks=sinks), "a.db") if "sinks" in line]
    assert "." in said
    assert "14 of 16" in said
    assert said.endswith("and 1 more; they are counted; --sinks drop leaves them out")
    dropped = replace(made(), sinks=sinks, settings={"sinks": "drop"})
    (said,) = [line for line in lines(dropped, "a.db") if "sinks" in line]
    assert said.endswith("they are left out, like position 0")
