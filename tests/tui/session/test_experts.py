"""Steps through a model with experts: from layer to layer, and from expert to expert within a layer."""

from __future__ import annotations

from pathlib import Path

import pytest

from gluscope_tui.tui.screens.density import DensityScreen
from gluscope_tui.tui.session.current_list import site_list
from gluscope_tui.tui.session.goto import parse_goto
from gluscope_tui.tui.session.site_steps import SiteSteps
from gluscope_tui.tui.widgets.hints import Hints
from indexer.addresses import parse_neuron, parse_site
from indexer.database.records import SiteRecord
from indexer.errors import GluscopeError
from tests.support.index_fixture import make_index
from tests.support.walking import AppMaker, here, home_of, press, state_of, typed

SITES = "L0 L1E0 L1E1 L1E2 L1E3 L1S L2E0 L2E2 L2E3 L3E0 L3E1 L3E2 L3E3 L3S"


@pytest.fixture(scope="module")
def expert_index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dense layer and three with experts; the third lacks E1 and a shared expert."""
    path = tmp_path_factory.mktemp("experts") / "experts.db"
    make_index(path, sites=[parse_site(name) for name in SITES.split()], width=12)
    return path


def records(names: str, width: int = 12) -> list[SiteRecord]:
    return [
        SiteRecord(number, parse_site(name), width, "silu", 1000, number * width, None, "x")
        for number, name in enumerate(names.split())
    ]


@pytest.mark.slow
async def test_h_and_l_go_by_layer_in_the_same_expert_or_the_nearest(
    explorer_app: AppMaker, expert_index: Path
) -> None:
    app = explorer_app("L1E3N5", path=expert_index)
    async with app.run_test(size=(120, 40)) as pilot:
        for key, neuron, notice in (
            ("l", "L2E3N5", ""),
            ("l", "L3E3N5", ""),
            ("l", "L3E3N5", "L3 is the last layer"),
            ("h", "L2E3N5", ""),
            ("h", "L1E3N5", ""),
            ("h", "L0N5", "L0 has no E3: this is L0"),
            ("h", "L0N5", "L0 is the first layer"),
            ("l", "L1SN5", "L1 has no dense MLP: this is L1S"),
            ("l", "L2E0N5", "L2 has no shared expert: this is L2E0"),
        ):
            await press(pilot, key)
            assert (here(app), home_of(app).session.notice) == (neuron, notice)
        await typed(pilot, "gL1E1N7\r")
        await press(pilot, "right_square_bracket")
        assert (here(app), home_of(app).session.notice) == ("L2E0N7", "L2 has no E1: this is L2E0")


@pytest.mark.slow
async def test_e_goes_through_the_experts_of_the_layer_even_with_the_density_open(
    explorer_app: AppMaker, expert_index: Path
) -> None:
    app = explorer_app("L2E0N5", path=expert_index)
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "E")
        assert (here(app), home_of(app).session.notice) == ("L2E0N5", "L2E0 is the first expert of its layer")
        await press(pilot, "e")
        assert (here(app), str(state_of(app).shown.neuron), home_of(app).session.notice) == ("L2E2N5", "L2E2N5", "")
        await press(pilot, "d", "e")
        assert isinstance(app.screen, DensityScreen)
        assert str(state_of(app).shown.neuron) == "L2E3N5"
        await press(pilot, "e")
        assert "e/E expert" not in app.screen.query_one(Hints).render_line(0).text  # but the end is reported
        assert "L2E3 is the last expert" in app.screen.query_one(Hints).render_line(0).text
        await press(pilot, "q")
        await typed(pilot, "gS\r")  # not in this layer
        assert home_of(app).typing is not None
        await press(pilot, "escape")
        await typed(pilot, "gL1\r")
        assert here(app) == "L1E3N5"
        await press(pilot, "e", "e")
        assert here(app) == "L1SN5"
        assert "last expert" in home_of(app).session.notice
        await press(pilot, "j")
        assert here(app) == "L1SN6"
        assert "e/E expert" in app.screen.query_one(Hints).render_line(0).text


@pytest.mark.slow
async def test_a_dense_model_says_that_there_is_no_other_expert(explorer_app: AppMaker) -> None:
    app = explorer_app("L2N5")
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "e")
        assert (here(app), home_of(app).session.notice) == ("L2N5", "L2 is the only gated MLP of its layer")
        await press(pilot, "j")
        assert "expert" not in app.screen.query_one(Hints).render_line(0).text


@pytest.mark.parametrize(
    ("start", "by", "end"),
    [
        ("enc.L1", 1, "dec.L0"),
        ("dec.L0", -1, "enc.L1"),
        ("dec.L1", 1, None),
        ("enc.L0", 1, "enc.L1"),
    ],
)
def test_the_decoder_follows_the_encoder(start: str, by: int, end: str | None) -> None:
    steps = SiteSteps(records("enc.L0 enc.L1 dec.L0 dec.L1"))
    site = steps.layer_beside(parse_site(start), by)
    assert (None if site is None else str(site.address)) == end
    assert not steps.several


@pytest.mark.parametrize(
    ("typed_words", "neuron"),
    [("L3", "L3E2N5"), ("l2", "L2E2N5"), ("E3", "L1E3N5"), ("s", "L1SN5"), ("L0", "L0N5"), ("L3E1", "L3E1N5")],
)
def test_go_to_takes_layers_and_experts_alone(typed_words: str, neuron: str) -> None:
    sites = records(SITES)
    current = site_list(next(site for site in sites if str(site.address) == "L1E2"), 5)
    assert parse_goto(typed_words, current, sites).neuron == parse_neuron(neuron)


def test_go_to_names_the_sites_if_an_expert_is_missing() -> None:
    sites = records(SITES)
    for words in ("E9", "L9"):
        with pytest.raises(GluscopeError, match="L0 to L3S"):
            parse_goto(words, site_list(sites[1], 5), sites)
