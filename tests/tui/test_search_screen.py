"""Searching the index for words: peaks and contexts, and the list that the hits become."""

from __future__ import annotations

from pathlib import Path

from rich.cells import cell_len

import indexer
from gluscope_tui.tui.app import ExplorerApp
from gluscope_tui.tui.screens.home import HomeScreen
from gluscope_tui.tui.screens.search import SearchScreen
from gluscope_tui.tui.widgets.hit_list import HitList
from gluscope_tui.tui.widgets.table_title import TableTitle

from .conftest import AppMaker, settled
from .walking import header_text, here, press, state_of, typed


def screen(app: ExplorerApp) -> SearchScreen:
    assert isinstance(app.screen, SearchScreen)
    return app.screen


def lines(app: ExplorerApp) -> list[str]:
    hits = app.screen.query_one(HitList)
    return [hits.render_line(row).text for row in range(hits.size.height)]


def headline(app: ExplorerApp) -> str:
    return app.screen.query_one(TableTitle).render_line(0).text


def common_columns(rows: list[str], word: str) -> set[int]:
    """The columns in which the word begins in every row."""
    begins = [{cell_len(row[:at]) for at in range(len(row)) if row.startswith(word, at)} for row in rows]
    return set.intersection(*begins)


async def test_hits_are_neurons_that_peak_on_the_word(explorer_app: AppMaker, hostile_index: Path) -> None:
    app = explorer_app("L1N5")
    async with app.run_test(size=(120, 40)) as pilot:
        await typed(pilot, "Ffrance\r")
        hits = screen(app)._table.hits
        assert hits
        with indexer.open(hostile_index) as index:
            peaking = {
                (record.neuron, quadrant)
                for site in index.sites
                for number in range(site.width)
                for record in [index.neuron(f"{site.address}N{number}")]
                for quadrant, pane in record.quadrants.items()
                for ranking, examples in pane.examples.items()
                for example in examples
                if ranking != "random" and example.tokens[example.peak].strip() == "France"
            }
        assert {(hit.neuron, hit.quadrant) for hit in hits} == peaking
        assert all(hit.example.tokens[hit.example.peak].strip() == "France" for hit in hits)
        assert [hit.strength for hit in hits] == sorted((hit.strength for hit in hits), reverse=True)
        assert f"1 of {len(hits)} " in headline(app)
        peaks = common_columns([line for line in lines(app)[1:] if "France" in line], "France")
        assert len(peaks) == 1  # every peak starts in one column


async def test_enter_makes_the_hits_the_current_list_and_opens_the_context(explorer_app: AppMaker) -> None:
    app = explorer_app("L1N5")
    async with app.run_test(size=(120, 40)) as pilot:
        await typed(pilot, "Ffrance\r")
        hits = screen(app)._table.hits
        await press(pilot, "j", "j", "enter")
        explorer = state_of(app)
        assert isinstance(app.screen, HomeScreen)
        assert here(app) == str(explorer.shown.neuron) == str(hits[2].neuron)
        assert explorer.current.neurons == tuple(dict.fromkeys(hit.neuron for hit in hits))
        assert explorer.view.focused is hits[2].quadrant
        assert explorer.example == hits[2].example
        assert "peaks on france" in header_text(app)
        await press(pilot, "F", "escape")
        assert screen(app).view.place == 2
        await press(pilot, "escape", "escape")
        assert "in layer" in header_text(app)


async def test_tab_switches_between_peaks_and_contexts(explorer_app: AppMaker) -> None:
    app = explorer_app("L1N5")
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "F", "tab")
        typing = screen(app).typing
        assert typing is not None
        assert typing.label == "contexts with"
        await typed(pilot, "city of\r")
        table = screen(app)._table
        assert table.shown.where == "context"
        assert table.hits
        assert all("city of" in hit.text for hit in table.hits)
        await press(pilot, "tab")
        assert (table.shown.where, table.hits) == ("peak", ())
        assert "nothing found" in lines(app)[1]
        await press(pilot, "enter", "tab", "slash", "x", "escape")
        assert table.hits


async def test_clicks_and_the_wheel_move_among_the_hits_and_a_double_click_opens_one(explorer_app: AppMaker) -> None:
    app = explorer_app("L1N5")
    async with app.run_test(size=(120, 40)) as pilot:
        await typed(pilot, "Ffrance\r")
        hits = screen(app)._table.hits
        await pilot.click(HitList, offset=(20, 5))
        await settled(pilot)
        assert screen(app).view.place == 4
        screen(app).query_one(HitList).on_mouse_scroll_down()
        await settled(pilot)
        assert screen(app).view.place == 7
        await pilot.click(HitList, offset=(20, 2), times=2)
        await settled(pilot)
        assert here(app) == str(hits[1].neuron)


async def test_no_word_is_refused_in_the_prompt_and_escape_leaves(explorer_app: AppMaker) -> None:
    app = explorer_app("L1N5")
    async with app.run_test(size=(80, 24)) as pilot:
        await typed(pilot, "F  \r")
        typing = screen(app).typing
        assert typing is not None
        assert "nothing to search for" in typing.error
        await press(pilot, "escape")
        assert isinstance(app.screen, HomeScreen)


async def test_the_command_of_a_search_is_copied(explorer_app: AppMaker, state_home: Path) -> None:
    app = explorer_app("L1N5")
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "F", "tab")
        await typed(pilot, "is the\r")
        await press(pilot, "C")
        copied = (state_home / "gluscope" / "copied.txt").read_text()
        assert copied.startswith("gluscope search 'is the' --in context --db ")


async def test_hostile_text_in_hits_reaches_no_terminal(explorer_app: AppMaker) -> None:
    for ascii_only in (False, True):
        app = explorer_app("L1N5", ascii_only=ascii_only)
        async with app.run_test(size=(120, 40)) as pilot:
            await settled(pilot)
            for word in ("\x1b", "[", "日", "e"):
                await press(pilot, "F", "tab", "ctrl+u")
                await typed(pilot, f"{word}\r")
                assert all(line.isprintable() for line in lines(app))
                assert not ascii_only or all(line.isascii() for line in lines(app))
                await press(pilot, "q" if screen(app).typing is None else "escape")
