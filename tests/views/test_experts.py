"""The display of experts: their share of the tokens beside their counted tokens, and `never` if no token came."""

from __future__ import annotations

from dataclasses import replace

from gluscope_tui.views import info as info_view
from gluscope_tui.views import json as json_view
from gluscope_tui.views import neuron as neuron_view
from indexer.addresses import parse_neuron
from indexer.database.records import NeuronRecord
from indexer.quadrants import QUADRANTS

from ..support.view_records import empty, info, neuron


def routed(counted: int) -> NeuronRecord:
    return replace(neuron(), neuron=parse_neuron("L12E3N345"), tokens_counted=counted, tokens_corpus=100_000)


def test_the_header_of_an_experts_neuron_tells_its_share_of_the_tokens() -> None:
    assert "L12E3N345" in " ".join(neuron_view.header(routed(14_050), 200))
    assert "14,050 of 100,000 tokens routed (14.1%), 5 in no quadrant" in " ".join(
        neuron_view.header(routed(14_050), 200)
    )
    assert "tokens counted" in " ".join(neuron_view.header(neuron(), 200))


def test_an_expert_that_no_token_reached_says_never() -> None:
    record = replace(routed(0), zero=0, quadrants={quadrant: empty(quadrant) for quadrant in QUADRANTS})
    assert neuron_view.tokens_of(record) == "0 of 100,000 tokens routed (never)"
    for quadrant in record.quadrants.values():
        assert neuron_view.cells_of(quadrant, record.tokens_counted)[1:] == ("0", "never", *["-"] * 8)


def test_json_tells_what_was_routed_beside_all_that_was_read() -> None:
    told = json_view.neuron(routed(14_050))
    assert (told["site"], told["tokens_counted"], told["tokens_corpus"]) == ("L12E3", 14_050, 100_000)


def test_info_gives_the_share_of_each_expert() -> None:
    site = replace(info().sites[0], address=parse_neuron("L0E7N0").site)
    record = replace(info(), sites=(site,))
    (line,) = [line for line in info_view.plain(record) if line.startswith("site.")]
    assert line.startswith("site.L0E7\t")
    assert "tokens_counted=1904 tokens_corpus=113108" in line
    shown = dict(info_view.sections(record))["sites"]
    assert shown[0][0] == "L0E7"
    assert "1,904 tokens routed (1.68%)" in shown[0][1]
    assert json_view.info(record)["sites"][0]["tokens_corpus"] == 113_108
