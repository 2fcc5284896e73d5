"""The registry of actions: its keys are unambiguous, and everything generated from it is current."""

from __future__ import annotations

from pathlib import Path

import pytest

from gluscope_tui.tui.actions import ACTIONS, GROUPS, actions_in, hints, key_lines
from gluscope_tui.tui.help import READING, help_lines, keys_page
from gluscope_tui.tui.screens.base import bindings

ROOT = Path(__file__).parents[2]
PROMISED = {
    "home": "j k J K h l [ ] e E g u U R 1 2 3 4 Tab 0 Up Down Left Right PgUp PgDn Home End z w Enter r v s c x d i / "
    "n N L F O S P p m M y C o : ctrl+p T ? q Escape Backspace ctrl+c ctrl+z",
    "context": "n p 1 2 3 4 j k Up Down q Escape Backspace",
    "density": "j k J K h l e E d i u U R s Up Down PgUp PgDn q Escape Backspace",
    "card": "j k J K h l e E d i u U R s n Enter Left Right Up Down PgUp PgDn q Escape Backspace",
    "table": "j k J K h l Up Down Left Right PgUp PgDn Home End Enter s S r / F c Tab C T ? q Escape Backspace ctrl+c",
    "overlay": "j k Up Down PgUp PgDn q Escape Backspace",
}


def test_every_action_has_a_unique_id_a_group_and_a_title() -> None:
    assert len({action.id for action in ACTIONS}) == len(ACTIONS)
    for action in ACTIONS:
        assert action.group in GROUPS
        assert action.title
        assert action.keys


@pytest.mark.parametrize("scope", ["home", "context", "table", "overlay", "density", "card"])
def test_each_key_has_one_meaning_in_a_scope_and_no_promised_key_is_missing(scope: str) -> None:
    keys = [key for action in actions_in(scope) for key in action.keys]
    assert len(keys) == len(set(keys))
    shown = {name for action in actions_in(scope) for name in key_lines(action).split()}
    assert shown >= set(PROMISED[scope].split())
    assert len(bindings(scope)) == len(keys)


def test_the_page_of_the_keys_is_current() -> None:
    assert (ROOT / "docs" / "tui.md").read_text(encoding="utf-8") == keys_page()


def test_the_help_begins_with_how_to_read_the_screen_and_names_every_action() -> None:
    lines = [text for _, text in help_lines(Path("/m/marks.tsv"), Path("/m/state.json"))]
    assert lines[1 : 1 + len(READING)] == list(READING)
    text = "\n".join(lines)
    assert "/m/marks.tsv" in text
    for look in ("ranking", "signs", "scale", "wrapping"):
        assert look in lines[lines.index("state  /m/state.json") + 1]
    for action in ACTIONS:
        assert action.title in text


def test_the_foot_ends_with_the_help() -> None:
    assert hints("home")[-1] == "? help"
    assert "j/k neuron" in hints("home")
    assert "e/E expert" not in hints("home")
    assert hints("home", experts=True)[1:3] == ("h/l layer", "e/E expert")
