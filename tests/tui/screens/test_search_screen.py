"""Searching the index for words: peaks and contexts, and making the hits the current list."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.cells import cell_len

import indexer
from gluscope_tui.tui.app import ExplorerApp
from gluscope_tui.tui.screens.home import HomeScreen
from gluscope_tui.tui.screens.search import SearchScreen
from gluscope_tui.tui.session.view import Wanted
from gluscope_tui.tui.widgets.hit_list import HitList
from gluscope_tui.tui.widgets.neuron_list import NeuronList
from gluscope_tui.tui.widgets.table_title import TableTitle
from indexer.database.records import Hit, TokenHit
from indexer.quadrants import Quadrant
from tests.support.walking import AppMaker, header_text, here, home_of, press, settled, state_of, typed, walked
from tests.support.weights_fixture import with_searches


def screen(app: ExplorerApp) -> SearchScreen:
    assert isinstance(app.screen, SearchScreen)
    return app.screen


def lines(app: ExplorerApp) -> list[str]:
    hits = app.screen.query_one(HitList)
    return [hits.render_line(row).text for row in range(hits.size.height)]


def hits_of(app: ExplorerApp) -> list[Hit]:
    """The hits in peaks or contexts."""
    return [hit for hit in screen(app)._table.hits if isinstance(hit, Hit)]


def headline(app: ExplorerApp) -> str:
    return app.screen.query_one(TableTitle).render_line(0).text


def common_columns(rows: list[str], word: str) -> set[int]:
    """The columns at which the word begins in every row."""
    begins = [{cell_len(row[:at]) for at in range(len(row)) if row.startswith(word, at)} for row in rows]
    return set.intersection(*begins)


@pytest.mark.slow
async def test_hits_are_neurons_that_peak_on_the_word(explorer_app: AppMaker, hostile_index: Path) -> None:
    app = explorer_app("L1N5")
    async with app.run_test(size=(120, 40)) as pilot:
        await typed(pilot, "Ffrance\r")
        hits = hits_of(app)
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


@pytest.mark.slow
async def test_enter_makes_the_hits_the_current_list_and_opens_the_context(explorer_app: AppMaker) -> None:
    app = explorer_app("L1N5")
    async with app.run_test(size=(120, 40)) as pilot:
        await typed(pilot, "Ffrance\r")
        hits = hits_of(app)
        await press(pilot, "j", "j", "enter")
        explorer = state_of(app)
        assert isinstance(app.screen, HomeScreen)
        assert here(app) == str(explorer.shown.neuron) == str(hits[2].neuron)
        assert explorer.current.neurons == tuple(hit.neuron for hit in hits)
        assert explorer.view.focused is hits[2].quadrant
        assert explorer.example == hits[2].example
        assert "peaks on france" in header_text(app)
        await press(pilot, "F", "escape")
        assert screen(app).view.place == 2
        await press(pilot, "escape", "escape")
        assert "in layer" in header_text(app)


def searched(path: Path, text: str, signs: str = "aligned") -> list[Hit]:
    """The hits of `gluscope search`, strongest first."""
    with indexer.open(path) as index:
        return sorted(index.search(text, signs=signs), key=lambda hit: -hit.strength)


@pytest.mark.slow
async def test_every_step_through_the_hits_opens_the_hits_pane_ranking_and_context(
    explorer_app: AppMaker, hostile_index: Path
) -> None:
    expected = searched(hostile_index, "paris")
    for quality in ("quadrant", "ranking"):
        assert len({getattr(hit, quality) for hit in expected}) > 1
    assert any(hit.example.rank > 0 for hit in expected)
    assert len({hit.neuron for hit in expected}) < len(expected)
    app = explorer_app("L1N5")
    async with app.run_test(size=(120, 40)) as pilot:
        await typed(pilot, "Fparis\r")
        await press(pilot, "enter")
        explorer = state_of(app)
        async for number, hit in walked(pilot, expected):
            assert f"{number + 1}/{len(expected)} peaks on paris" in header_text(app)
            assert explorer.shown == Wanted(hit.neuron, "aligned", hit.ranking)
            assert (explorer.view.focused, explorer.example) == (hit.quadrant, hit.example)
        assert "the list ends here" in home_of(app).session.notice
        await press(pilot, "r", "1", "end", "k")
        assert (explorer.view.ranking, explorer.example) == (expected[-2].ranking, expected[-2].example)
        await typed(pilot, "g-3\r")
        assert explorer.example == expected[-5].example


@pytest.mark.slow
async def test_keys_faster_than_the_disk_end_at_the_same_hit(explorer_app: AppMaker, hostile_index: Path) -> None:
    expected = searched(hostile_index, "paris")
    app = explorer_app("L1N5")
    async with app.run_test(size=(120, 40)) as pilot:
        await typed(pilot, "Fparis\r")
        await press(pilot, "enter")
        await typed(pilot, "jjjjjjjkj")
        assert (state_of(app).view.focused, state_of(app).example) == (expected[7].quadrant, expected[7].example)


@pytest.mark.slow
async def test_a_hit_is_the_same_context_under_other_signs(explorer_app: AppMaker, hostile_index: Path) -> None:
    expected = searched(hostile_index, "paris")
    with indexer.open(hostile_index) as index:
        flips = [bool(index.neuron(hit.neuron).flipped) for hit in expected]
    place = next(place for place in range(1, len(flips)) if flips[place])
    hit = expected[place]
    app = explorer_app("L1N5")
    async with app.run_test(size=(120, 40)) as pilot:
        await typed(pilot, "Fparis\r")
        await press(pilot, "enter", "f", *"j" * place)
        example = state_of(app).example
        assert example is not None
        assert state_of(app).view.focused is hit.quadrant.flipped
        assert (example.document, example.part, example.position, example.rank) == (
            hit.example.document,
            hit.example.part,
            hit.example.position,
            hit.example.rank,
        )
        lines_of_list = home_of(app).query_one(NeuronList)
        marked = [lines_of_list.render_line(row).text for row in range(lines_of_list.size.height)]
        assert [line.strip("│ ") for line in marked if "▸" in line] == [
            f"▸{hit.neuron} {hit.quadrant.flipped.value} {hit.ranking}"
        ]
        await press(pilot, "F", "escape")
        raw = searched(hostile_index, "paris", "raw")
        assert [(one.neuron, one.quadrant) for one in hits_of(app)] == [(one.neuron, one.quadrant) for one in raw]


@pytest.mark.slow
async def test_going_back_returns_to_the_context_that_was_left(explorer_app: AppMaker) -> None:
    app = explorer_app("L1N5")
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "3", "down", "down")
        explorer = state_of(app)
        left = explorer.example
        await typed(pilot, "Fparis\r")
        await press(pilot, "j", "enter", "j", "j")
        hit = explorer.example
        assert hit is not None
        await typed(pilot, "gL0N0\r")
        await press(pilot, "u")
        assert explorer.example == hit
        await press(pilot, "u")
        assert (here(app), explorer.view.focused, explorer.example) == ("L1N5", Quadrant.NP, left)
        await press(pilot, "U")
        assert "peaks on paris" in header_text(app)


@pytest.mark.slow
async def test_leaving_the_hits_restores_the_ranking(explorer_app: AppMaker, hostile_index: Path) -> None:
    hits = searched(hostile_index, "paris")
    other = next(place for place, hit in enumerate(hits) if hit.ranking != "post")
    app = explorer_app("L1N5")
    async with app.run_test(size=(120, 40)) as pilot:
        await typed(pilot, "Fparis\r")
        await press(pilot, "enter", *["j"] * other)
        explorer = state_of(app)
        assert explorer.view.ranking == hits[other].ranking
        assert explorer.remembered("dark").ranking == "post"
        await press(pilot, "escape")
        assert (explorer.current.title, explorer.view.ranking, explorer.shown.ranking) == ("in layer", "post", "post")
        await press(pilot, "r")
        assert explorer.remembered("dark").ranking == explorer.view.ranking != "post"


@pytest.mark.slow
async def test_sorted_hits_keep_their_contexts(explorer_app: AppMaker, hostile_index: Path) -> None:
    hits = searched(hostile_index, "paris")
    with indexer.open(hostile_index) as index:
        order = [row[0] for row in index.rows(("neuron",), sort="frequency_nn")]
    expected = sorted(hits, key=lambda hit: order.index(str(hit.neuron)))
    app = explorer_app("L1N5")
    async with app.run_test(size=(120, 40)) as pilot:
        await typed(pilot, "Fparis\r")
        await press(pilot, "j", "enter", "S")
        await typed(pilot, "frequency_nn largest\r")
        explorer = state_of(app)
        assert explorer.example == hits[1].example
        assert "peaks on paris, by frequency_nn down" in header_text(app)
        await typed(pilot, f"g-{explorer.current.place}\r")
        async for _, hit in walked(pilot, expected):
            assert explorer.example == hit.example


@pytest.mark.slow
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
        assert all("city of" in hit.text for hit in hits_of(app))
        await press(pilot, "tab")  # written: this index has no weights, which the prompt says
        assert table.shown.where == "writes"
        typing = screen(app).typing
        assert typing is not None
        assert "nothing of the model's weights is in it" in typing.error
        await press(pilot, "tab", "tab", "enter")
        assert (table.shown.where, table.hits) == ("peak", ())
        assert "nothing found" in lines(app)[1]
        await press(pilot, "tab")
        assert table.shown.where == "context"
        assert table.hits
        await press(pilot, "slash", "x", "escape")
        assert table.hits


@pytest.mark.slow
async def test_clicks_and_the_wheel_move_among_the_hits_and_a_double_click_opens_one(explorer_app: AppMaker) -> None:
    app = explorer_app("L1N5")
    async with app.run_test(size=(120, 40)) as pilot:
        await typed(pilot, "Ffrance\r")
        hits = hits_of(app)
        await pilot.click(HitList, offset=(20, 5))
        await settled(pilot)
        assert screen(app).view.place == 4
        screen(app).query_one(HitList).on_mouse_scroll_down()
        await settled(pilot)
        assert screen(app).view.place == 7
        await pilot.click(HitList, offset=(20, 2), times=2)
        await settled(pilot)
        assert here(app) == str(hits[1].neuron)


async def test_an_empty_search_is_refused_in_the_prompt_and_escape_leaves(explorer_app: AppMaker) -> None:
    app = explorer_app("L1N5")
    async with app.run_test(size=(80, 24)) as pilot:
        await typed(pilot, "F  \r")
        typing = screen(app).typing
        assert typing is not None
        assert "nothing to search for" in typing.error
        await press(pilot, "escape")
        assert isinstance(app.screen, HomeScreen)


@pytest.mark.slow
async def test_the_command_of_a_search_is_copied(explorer_app: AppMaker, state_home: Path) -> None:
    app = explorer_app("L1N5")
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "F", "tab")
        await typed(pilot, "is the\r")
        await press(pilot, "C")
        copied = (state_home / "gluscope" / "copied.txt").read_text()
        assert copied.startswith("gluscope search -n 100 --in context --db ")
        assert copied.rstrip().endswith(" -- 'is the'")


@pytest.mark.slow
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


@pytest.mark.slow
async def test_hits_by_weights_are_rows_to_sort_and_walk_through(
    explorer_app: AppMaker, hostile_index: Path, tmp_path: Path
) -> None:
    db = with_searches(hostile_index, tmp_path / "weights.db")
    with indexer.open(db) as index:
        expected = list(index.search_weights(["paris", "the"], "writes", limit=400))
    app = explorer_app("L1N5", path=db)
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "F", "tab", "tab")
        await typed(pilot, "paris the\r")
        table = screen(app)._table
        assert list(table.hits) == expected
        head, *rows = lines(app)
        assert head.split() == ["neuron", "where", "quadrants", "token", "place", "score", "↓strength", "frequency"]
        for line, hit in zip(rows, expected, strict=False):
            cells = line.strip(" ▸").split()
            assert cells[:2] == [hit.neuron.name, hit.where]
            assert any(cell.endswith(hit.token.text.strip()) for cell in cells)
        assert "writes paris the" in headline(app)
        assert "by strength" in headline(app)
        await press(pilot, *["h"] * 6, "s")  # by neuron
        order = [hit.neuron for hit in table.hits]
        assert order == sorted(order, key=lambda one: (one.site.layer, one.index))
        assert "by neuron up" in headline(app)
        await press(pilot, "minus")
        assert [hit.neuron for hit in table.hits] == order[::-1] or table.hits[0].neuron == order[-1]
        await press(pilot, *["l"] * 6, "s")
        assert list(table.hits) == expected
        await press(pilot, "j", "enter")
        hit = expected[1]
        assert here(app) == hit.neuron.name
        assert "writes paris the, by strength" in header_text(app)
        visited = [quadrant for quadrant in hit.quadrants if hit.frequency[quadrant]]
        if visited:
            often = max(visited, key=lambda quadrant: hit.frequency[quadrant] or 0.0)
            assert state_of(app).view.focused is often
        await press(pilot, "F", "escape", "tab")
        assert table.shown.where == "reads"
        assert {hit.where for hit in table.hits if isinstance(hit, TokenHit)} == {"gate+", "gate-", "in+", "in-"}
        await typed(pilot, "F")
        await press(pilot, "ctrl+u")
        await typed(pilot, "zebra\r")
        assert "'zebra' is not a token of this model" in "".join(lines(app))


@pytest.mark.slow
async def test_examples_are_sorted_by_any_of_their_columns(explorer_app: AppMaker, hostile_index: Path) -> None:
    expected = searched(hostile_index, "paris")
    app = explorer_app("L1N5")
    async with app.run_test(size=(120, 40)) as pilot:
        await typed(pilot, "Fparis\r")
        strengths = [f"{100 * hit.strength:.0f}%" for hit in expected]
        seen = [line.split("%")[0].split()[-1] + "%" for line in lines(app)[1:]]
        assert len(seen) > 20
        assert seen == strengths[: len(seen)]
        await press(pilot, "h", "s")  # by value
        table = screen(app)._table
        assert [abs(hit.value) for hit in hits_of(app)] == sorted((abs(hit.value) for hit in expected), reverse=True)
        assert "by |value| down" in headline(app)
        assert "↓|value" in lines(app)[0]
        await press(pilot, "vertical_line")
        assert [hit.value for hit in hits_of(app)] == sorted((hit.value for hit in expected), reverse=True)
        assert "by value down" in headline(app)
        await press(pilot, "vertical_line", "enter")
        assert here(app) == str(table.hits[0].neuron)
        assert "peaks on paris, by |value| down" in header_text(app)
