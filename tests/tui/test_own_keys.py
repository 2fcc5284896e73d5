"""The user's own keys: a file of lines that change the registry's; a line that can't be is refused with its number."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from gluscope_tui.doctor.files import kept_files
from gluscope_tui.tui.help import keys_page
from gluscope_tui.tui.keymap import Keymap
from gluscope_tui.tui.own_keys import OwnKeys, keys_path, own_keys
from tests.support.table_screens import foot
from tests.support.walking import AppMaker, home_of, press, settled, state_of


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "keys.conf"
    path.write_text(text)
    return path


def test_without_a_file_the_keys_are_those_of_the_registry(tmp_path: Path) -> None:
    own = own_keys(tmp_path / "none")
    assert (own.there, own.problems, own.keys.actions) == (False, (), Keymap().actions)


def test_lines_change_keys_and_two_actions_may_swap_theirs(tmp_path: Path) -> None:
    lines = "# mine\n\nshow.signs = ~ ctrl+t\nlayer.next = k\nlist.previous=l\ncompare.open = =\n"
    own = own_keys(written(tmp_path, lines))
    assert own.problems == ()
    keys = own.keys
    for key, action in (("tilde", "show.signs"), ("ctrl+t", "show.signs"), ("k", "layer.next"), ("l", "list.previous")):
        found = keys.action(key, "home")
        assert found is not None
        assert found.id == action
    assert keys.action("f", "home") is None
    assert "f does nothing" in keys.elsewhere("f", "home")
    assert keys.hints("home")[0] == "j/l neuron"
    assert keys.filled("{show.signs} flips") == "~ flips"


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("show.signs f", 1, "write it like"),
        ("\nno.such = f", 2, "'no.such' is not an action"),
        ("show.signs = nokey", 1, "'nokey' is not a key"),
        ("show.signs =", 1, "needs a key"),
        ("show.signs = ~\nshow.signs = f", 2, "has its keys in line 1 already"),
        ("show.signs = j", 1, "j is list.next at home already"),
        ("show.signs = ~\nshow.scale = ~", 2, "is"),
        ("table.columns = s", 1, "s is table.sort in the table of neurons already"),
    ],
)
def test_a_line_that_cannot_be_is_refused_with_its_number(tmp_path: Path, text: str, line: int, told: str) -> None:
    own = own_keys(written(tmp_path, f"{text}\nkeep.pager = Q\n"))
    assert len(own.problems) == 1
    assert own.problems[0].startswith(f"line {line}: ")
    assert told in own.problems[0]
    assert own.keys.key("keep.pager") == "Q"  # the other lines count
    refused = text.splitlines()[line - 1].split()[0].rstrip("=")
    usual = {action.id: action.keys for action in Keymap().actions}
    kept = {action.id: action.keys for action in own.keys.actions}
    assert refused not in usual or refused == "show.signs" or kept[refused] == usual[refused]


def test_no_two_actions_of_a_screen_ever_share_a_key(tmp_path: Path) -> None:
    lines = "\n".join(f"{action.id} = {'abcdefgh'[place % 8]}" for place, action in enumerate(Keymap().actions))
    own = own_keys(written(tmp_path, lines))
    for scope in {scope for action in own.keys.actions for scope in action.scopes}:
        keys = [key for action in own.keys.actions_in(scope) for key in action.keys]
        assert len(keys) == len(set(keys)), scope


def test_an_unreadable_file_is_told_and_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "keys.conf").mkdir()
    assert "can't be read" in own_keys(tmp_path / "keys.conf").problems[0]
    (tmp_path / "other").write_bytes(b"show.signs = \xff")
    assert "UTF-8" in own_keys(tmp_path / "other").problems[0]


async def test_own_keys_work_and_are_named_everywhere(
    explorer_app: AppMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    path = keys_path()
    assert path == tmp_path / "gluscope" / "keys.conf"
    path.parent.mkdir()
    path.write_text("keep.mark = Z\nkeep.marks = ctrl+t\nlist.next = n\nfind.next = ;\nshow.scale = n\n")
    app = explorer_app("L1N5")
    async with app.run_test(size=(100, 24)) as pilot:
        await settled(pilot)
        assert "keys.conf: line 5: n is list.next at home" in home_of(app).session.notice
        await press(pilot, "n")
        assert str(state_of(app).neuron) == "L1N6"
        await press(pilot, "ctrl+t")
        assert "Z mark" in foot(app)
        await press(pilot, "q", "m")
        assert "m does nothing" in home_of(app).session.notice
        await press(pilot, "question_mark")
        assert "Z" in str(app.screen._lines)  # type: ignore[attr-defined]
    findings = [finding for finding in kept_files(None) if finding.name == "keys"]
    assert findings[0].value == str(path)
    assert findings[1].value.startswith("line 5: n is")
    assert str(path) in findings[1].mend


def test_the_example_of_the_page_of_keys_is_one() -> None:
    lines = keys_page().split("## Your own keys")[1].split("```")[1]
    assert _read(lines).problems == ()


def _read(text: str) -> OwnKeys:
    with TemporaryDirectory() as folder:
        return own_keys(written(Path(folder), text))
