"""Walks through the explorer: keys in, messages and state out."""

from __future__ import annotations

from pathlib import Path

import pytest

from gluscope_tui.colour.depth import Depth
from gluscope_tui.colour.themes import THEMES
from gluscope_tui.tui.app import ExplorerApp
from gluscope_tui.tui.screens import pictures
from gluscope_tui.tui.screens.context import ContextScreen
from gluscope_tui.tui.screens.help import HelpScreen
from gluscope_tui.tui.screens.home import HomeScreen
from gluscope_tui.tui.screens.palette import PaletteScreen
from gluscope_tui.tui.widgets.header import HeaderLine
from gluscope_tui.tui.widgets.inspector import Inspector
from gluscope_tui.tui.widgets.pane import Pane
from indexer.quadrants import Quadrant
from tests.support.table_screens import foot
from tests.support.walking import AppMaker, header_text, here, home_of, pane_text, press, settled, state_of, typed


@pytest.mark.slow
async def test_j_and_k_step_through_the_list_and_stop_at_its_ends_with_a_notice(explorer_app: AppMaker) -> None:
    app = explorer_app("L0N1")
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "k")
        assert here(app) == "L0N0"
        assert not home_of(app).session.notice
        await press(pilot, "k")
        assert here(app) == "L0N0"
        assert "ends here" in home_of(app).session.notice
        await press(pilot, "j")
        assert (here(app), home_of(app).session.notice) == ("L0N1", "")


@pytest.mark.slow
async def test_h_and_l_go_through_the_layers_at_the_same_index_and_stop_at_the_ends(explorer_app: AppMaker) -> None:
    app = explorer_app("L2N5")
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "l", "right_square_bracket")
        assert here(app) == "L3N5"
        assert "last layer" in home_of(app).session.notice
        await press(pilot, "h", "left_square_bracket", "h", "h")
        assert here(app) == "L0N5"
        assert "first layer" in home_of(app).session.notice


@pytest.mark.slow
async def test_go_to_takes_fast_typing_and_keeps_errors_in_the_prompt(explorer_app: AppMaker) -> None:
    app = explorer_app("L0N0")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await typed(pilot, "gL2N31 -+\rj")
        assert (here(app), state_of(app).view.focused) == ("L2N32", Quadrant.NP)
        await typed(pilot, "g99\r")
        home = home_of(app)
        assert home.typing is not None
        assert "neurons 0-39" in home.typing.error
        assert here(app) == "L2N32"
        await press(pilot, "backspace")
        assert home.typing is not None
        assert home.typing.text == "9"
        await press(pilot, "enter")
        assert here(app) == "L2N9"
        await press(pilot, "u", "u")
        assert here(app) == "L0N0"
        await press(pilot, "U")
        assert here(app) == "L2N32"


@pytest.mark.slow
async def test_a_key_for_each_pane_and_tab_skips_the_empty_ones(explorer_app: AppMaker) -> None:
    app = explorer_app("L1N1")  # never visits +- and -+
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "tab")
        assert state_of(app).view.focused is Quadrant.NN
        await press(pilot, "tab")
        assert state_of(app).view.focused is Quadrant.PP
        await press(pilot, "2")
        assert state_of(app).view.focused is Quadrant.PN
        assert "never" in pane_text(app, Quadrant.PN)[0]
        assert "no counted token had gate + and in -" in pane_text(app, Quadrant.PN)[1]
        await press(pilot, "enter")
        assert isinstance(app.screen, HomeScreen)


@pytest.mark.slow
async def test_cursors_move_in_context_and_token_and_the_inspector_follows(explorer_app: AppMaker) -> None:
    app = explorer_app("L1N5")
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "down", "down", "left")
        explorer = state_of(app)
        example = explorer.example
        assert example is not None
        assert (example.rank, explorer.token) == (2, example.peak - 1)
        line = home_of(app).query_one(Inspector).render_line(0).text
        assert "++ #3" in line
        assert f"pos {example.position - 1} " in line
        await press(pilot, "end")
        assert explorer.example is explorer.examples()[-1]
        await press(pilot, "home", "up")
        assert "first context" in home_of(app).session.notice


@pytest.mark.slow
async def test_undo_removes_the_topmost_and_q_at_home_quits(explorer_app: AppMaker) -> None:
    app = explorer_app("L1N5")
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "z")
        await typed(pilot, "/the\r")
        await press(pilot, "enter", "question_mark")
        assert isinstance(app.screen, HelpScreen)
        await press(pilot, "q")
        assert isinstance(app.screen, ContextScreen)
        await press(pilot, "escape")
        assert isinstance(app.screen, HomeScreen)
        view = state_of(app).view
        assert (view.find, view.zoomed) == ("the", True)
        await press(pilot, "backspace")
        assert (state_of(app).view.find, state_of(app).view.zoomed) == ("", True)
        assert "q back" in pictures.foot(home_of(app).session).hints
        await press(pilot, "q")
        assert not state_of(app).view.zoomed
        assert "q quit" in pictures.foot(home_of(app).session).hints
        await press(pilot, "escape")
        assert app.is_running
        await pilot.press("q")
    assert app.return_code == 0


async def test_ctrl_c_quits_only_when_pressed_twice(explorer_app: AppMaker) -> None:
    app = explorer_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "ctrl+c")
        assert "once more" in home_of(app).session.notice
        assert app.is_running
        await pilot.press("ctrl+c")
    assert app.return_code == 0


async def test_found_text_stays_highlighted_while_neurons_change(explorer_app: AppMaker) -> None:
    app = explorer_app("L1N5")
    async with app.run_test(size=(80, 24)) as pilot:
        await typed(pilot, "/the\r")
        explorer = state_of(app)
        assert explorer.example is not None
        assert "the" in explorer.example.text.lower()
        await press(pilot, "n")
        first = (explorer.view.focused, explorer.view.cursor())
        await press(pilot, "n", "N")
        assert (explorer.view.focused, explorer.view.cursor()) == first
        await press(pilot, "j")
        pane = home_of(app).query_one("#pane-pp", Pane)
        assert pane.picture is not None
        assert pane.picture.find == "the"
        await typed(pilot, "/no such words\r")
        assert "not in these contexts" in home_of(app).session.notice


async def test_an_open_context_shares_its_cursor_with_home(explorer_app: AppMaker) -> None:
    app = explorer_app("L1N5")
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "enter", "J", "J", "j")
        explorer = state_of(app)
        example = explorer.example
        assert example is not None
        assert (example.rank, explorer.token) == (2, min(example.peak + 1, len(example.tokens) - 1))
        screen = app.screen
        assert isinstance(screen, ContextScreen)
        shown = screen.query_one("#text").picture  # type: ignore[attr-defined]  # a ContextText
        assert shown.example.tokens[shown.token] == example.tokens[explorer.token or 0]
        assert len(shown.example.tokens) >= len(example.tokens)
        await press(pilot, "4")
        assert explorer.view.focused is Quadrant.NN
        await press(pilot, "q")
        assert isinstance(app.screen, HomeScreen)


@pytest.mark.slow
async def test_ranking_colour_signs_scale_and_tokens_change_what_is_shown(explorer_app: AppMaker) -> None:
    app = explorer_app("L1N3")  # flipped
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "r")
        assert "rank gate" in header_text(app)
        await press(pilot, "r", "r")
        assert "rank act" in header_text(app)
        await press(pilot, "r", "r", "v")
        assert "colour gate" in header_text(app)
        assert "aligned ⇄" in header_text(app)
        aligned = pane_text(app, Quadrant.PP)
        await press(pilot, "f")
        assert "raw" in header_text(app)
        assert pane_text(app, Quadrant.PP) != aligned
        assert "never" in pane_text(app, Quadrant.PP)[0]
        await press(pilot, "V", "a")
        view = state_of(app).view
        assert (view.scale, view.all_tokens) == ("pane", True)


@pytest.mark.slow
async def test_marks_are_a_plain_file_and_a_list(explorer_app: AppMaker, state_home: Path) -> None:
    app = explorer_app("L1N5")
    async with app.run_test(size=(80, 24)) as pilot:
        await typed(pilot, "msays France\r")
        await typed(pilot, "gL3N1\rmother\r")
        file = next(state_home.glob("gluscope/*/marks.tsv"))
        kept = [line.split("\t")[:3] for line in file.read_text().splitlines()[1:]]
        assert kept == [["L1N5", "", "says France"], ["L3N1", "", "other"]]
        await press(pilot, "M", "enter")
        assert "2/2 marks" in header_text(app)
        await press(pilot, "k")
        assert (here(app), "1/2 marks" in header_text(app)) == ("L1N5", True)
        await press(pilot, "l")
        assert (here(app), "in layer" in header_text(app)) == ("L2N5", True)


async def test_unreadable_marks_give_a_notice(explorer_app: AppMaker) -> None:
    app = explorer_app("L1N5")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        home_of(app).session.marks.path.mkdir(parents=True)
        await press(pilot, "M")
        assert "can't be read" in foot(app)
        await press(pilot, "q", "m")
        assert "can't be read" in home_of(app).session.notice
        assert home_of(app).typing is None


async def test_copying_leaves_the_text_in_a_file_and_says_so(explorer_app: AppMaker, state_home: Path) -> None:
    app = explorer_app("L1N5")
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "3", "Y")
        example = state_of(app).example
        assert example is not None
        file = state_home / "gluscope" / "copied.txt"
        assert file.read_text(encoding="utf-8", errors="surrogateescape") == example.text + "\n"
        length = len(example.text)
        assert home_of(app).session.notice.startswith(f"text of L1N5 -+ 1, {length} characters: ")
        assert "copied.txt" in home_of(app).session.notice
        await press(pilot, "y")
        cited = file.read_text()
        assert cited.startswith(f"tiny/simulated L1N5 -+, post {example.value:.2f}"[:-3])
        assert f"document {example.document}, position {example.position}: " in cited
        assert "«" in cited
        assert home_of(app).session.notice.startswith("citation of L1N5 -+ 1, ")
        await press(pilot, "C")
        command = file.read_text()
        assert command.startswith("gluscope show L1N5 -q -+ -n 16 --db ")


async def test_the_palette_finds_actions_by_words_and_does_them(explorer_app: AppMaker) -> None:
    app = explorer_app("L1N5")
    async with app.run_test(size=(80, 24)) as pilot:
        await typed(pilot, ":")
        assert isinstance(app.screen, PaletteScreen)
        await typed(pilot, "zoom\r")
        assert isinstance(app.screen, HomeScreen)
        assert state_of(app).view.zoomed
        await press(pilot, "ctrl+p", "escape")
        assert isinstance(app.screen, HomeScreen)


@pytest.mark.slow
async def test_clicks_move_both_cursors_choose_tabs_and_neurons(explorer_app: AppMaker) -> None:
    app = explorer_app("L1N5")
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        pane = home_of(app).query_one("#pane-nn", Pane)
        row = pane.render_line(3).text
        column = row.rindex(" ", 0, len(row.rstrip())) - 2
        await pilot.click(pane, offset=(column, 3))
        explorer = state_of(app)
        assert explorer.view.focused == Quadrant.NN
        assert explorer.view.cursor().context == 2
        assert explorer.view.cursor().token is not None
        await pilot.click("#list", offset=(5, 2))
        await settled(pilot)
        assert here(app) == str(explorer.current.neurons[home_of(app).query_one("#list").picture.first])  # type: ignore[attr-defined]
        await press(pilot, "z")
        await pilot.click("#tabs", offset=(2, 0))
        assert str(explorer.view.focused) == "++"


@pytest.mark.slow
async def test_the_list_replaces_the_panes_on_a_narrow_terminal(explorer_app: AppMaker) -> None:
    app = explorer_app("L1N5")
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "0", "down")
        assert (here(app), state_of(app).view.in_list) == ("L1N6", True)
        assert home_of(app).query_one("#list").is_on_screen
        await press(pilot, "enter")
        assert not state_of(app).view.in_list


@pytest.mark.slow
async def test_a_small_terminal_names_the_needed_size_and_survives(explorer_app: AppMaker) -> None:
    app = explorer_app("L1N5")
    async with app.run_test(size=(39, 9)) as pilot:
        await pilot.pause()
        assert "40x10" in home_of(app).query_one("#small").render_line(0).text
        for size in ((1, 1), (2, 30), (200, 2), (80, 24)):
            await pilot.resize_terminal(*size)
            for key in ("j", "enter", "j", "question_mark", "q", "q", "k"):
                await press(pilot, key)
        assert here(app) == "L1N5"


async def test_every_action_of_a_screen_is_handled(explorer_app: AppMaker) -> None:
    from gluscope_tui.tui.keymap import Keymap

    app = explorer_app("L1N5")
    async with app.run_test(size=(80, 24)) as pilot:
        for keys, scope in (((), "home"), (("enter",), "context"), (("question_mark",), "overlay")):
            await pilot.press(*keys)
            await pilot.pause()
            assert set(app.screen.handlers()) >= {action.id for action in Keymap().actions_in(scope)}  # type: ignore[attr-defined]


def grounds(app: ExplorerApp) -> set[int | None]:
    return {
        segment.style.bgcolor.number
        for segment in home_of(app).query_one(HeaderLine).render_line(0)
        if segment.style is not None and segment.style.bgcolor is not None
    }


@pytest.mark.slow
async def test_a_theme_is_shown_while_it_is_looked_for_and_kept_once_chosen(
    explorer_app: AppMaker, state_home: Path
) -> None:
    dark, light, gruvbox = (THEMES[name].fixed.ground for name in ("dark", "light", "gruvbox"))
    app = explorer_app("L1N5", depth=Depth.ANSI256)
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "enter", "D", "down")
        assert grounds(app) == {dark}  # home is covered
        await press(pilot, "escape", "q")
        assert grounds(app) == {dark}
        await press(pilot, "D", "down", "enter")
        assert grounds(app) == {light}
        await typed(pilot, "Dgruv\r")
        assert grounds(app) == {gruvbox}
    again = explorer_app("L1N5", depth=Depth.ANSI256, theme="")
    async with again.run_test(size=(80, 24)):
        assert grounds(again) == {gruvbox}
    other = explorer_app("L1N5", depth=Depth.ANSI256, theme="light")
    async with other.run_test(size=(80, 24)) as pilot:
        assert grounds(other) == {light}
        await press(pilot, "q")
    (state_home / "gluscope" / "theme").write_text("no such\n")
    last = explorer_app("L1N5", depth=Depth.ANSI256, theme="")
    async with last.run_test(size=(80, 24)):
        assert grounds(last) == {light}  # that of the index's last session
