"""The registry of actions: its keys are unambiguous, and everything generated from it is current."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gluscope_tui.kept.marks import FIELDS
from gluscope_tui.tui.actions import ACTIONS, GROUPS, SCOPES
from gluscope_tui.tui.help import READING, help_lines, keys_page, section
from gluscope_tui.tui.keymap import Keymap, key_from, key_lines, key_name
from gluscope_tui.tui.tables import search, standing
from gluscope_tui.tui.widgets.token_table import in_order

ROOT = Path(__file__).parents[2]
WALK = "j k J K h l e E d i u U R f P p ="
PROMISED = {
    "home": f"{WALK} [ ] g 1 2 3 4 Tab 0 Up Down Left Right PgUp PgDn Home End z w Enter r v V a / n N L F O S P p m M "
    "y C o : ctrl+p",
    "context": "J K 1 2 3 4 j k Up Down n N",
    "density": f"{WALK} Up Down PgUp PgDn",
    "card": f"{WALK} b Enter Left Right Up Down PgUp PgDn",
    "compare": f"{WALK} P p = W C Up Down PgUp PgDn",
    "effect": f"{WALK} 1 2 3 4 x Enter C Up Down PgUp PgDn",
    "neurons": "j k J K h l Up Down Left Right PgUp PgDn Home End Enter s S - / c C L O F :",
    "layers": "j k J K h l Up Down Left Right PgUp PgDn Home End Enter s - C L O F :",
    "hits": "j k J K Up Down PgUp PgDn Home End Enter Tab / C L O F :",
    "overlay": "j k Up Down PgUp PgDn / n N",
}
EVERYWHERE = "D ? q Escape Backspace ctrl+c ctrl+z ctrl+r"
MOVING = {*"hjklJK", "up", "down", "left", "right", "pageup", "pagedown", "home", "end", "space", "tab", "enter"}
"""Keys that move in, or take, whatever a screen shows."""
KEYS = Keymap()


def test_every_action_has_a_unique_id_a_group_and_a_title() -> None:
    assert len({action.id for action in ACTIONS}) == len(ACTIONS)
    for action in ACTIONS:
        assert action.group in GROUPS
        assert action.title
        assert action.keys


@pytest.mark.parametrize("scope", SCOPES)
def test_each_key_has_one_meaning_in_a_scope_and_no_promised_key_is_missing(scope: str) -> None:
    keys = [key for action in KEYS.actions_in(scope) for key in action.keys]
    assert len(keys) == len(set(keys))
    shown = {name for action in KEYS.actions_in(scope) for name in key_lines(action).split()}
    assert shown >= set(f"{PROMISED.get(scope, '')} {EVERYWHERE}".split())


def test_a_letter_has_one_meaning_on_all_screens() -> None:
    meanings: dict[str, set[str]] = {}
    for action in ACTIONS:
        for key in action.keys:
            meanings.setdefault(key, set()).add(action.id)
    several = {key: found for key, found in meanings.items() if len(found) > 1 and key not in MOVING}
    assert several == {"slash": {"find.open", "table.filter"}}  # looks for something on the screen


def test_the_page_shows_what_each_key_does_on_each_screen() -> None:
    lines = [line for line in keys_page().splitlines() if line.startswith("| `")]
    rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    for action in ACTIONS:
        for key in action.keys:
            cells = next(row for row in rows if row[0].replace("\\", "") == f"`{key_name(key)}`" and len(row) > 4)
            for scope in action.scopes:
                assert cells[1 + list(SCOPES).index(scope)] == f"`{action.id}`"


def test_the_page_of_the_keys_is_current() -> None:
    assert (ROOT / "docs" / "tui.md").read_text(encoding="utf-8") == keys_page()


def test_the_help_begins_with_how_to_read_the_screen_and_names_every_action() -> None:
    lines = [text for _, text in help_lines(KEYS, Path("/m/marks.tsv"), Path("/m/state.json"), Path("/c/keys.conf"))]
    assert lines[1 : 1 + len(READING)] == [KEYS.filled(line) for line in READING]
    text = "\n".join(lines)
    assert "/m/marks.tsv" in text
    assert "/c/keys.conf" in text
    for look in ("ranking", "signs", "scale", "wrapping"):
        assert look in lines[lines.index("state  /m/state.json") + 1]
    for action in ACTIONS:
        assert KEYS.filled(action.title) in text


def test_the_foot_ends_with_the_help() -> None:
    assert KEYS.hints("home")[-1] == "? help"
    assert "j/k neuron" in KEYS.hints("home")
    assert all("q back" in KEYS.hints(scope) for scope in SCOPES)
    assert "q quit" in KEYS.hints("home", at_last=True)
    assert "e/E expert" not in KEYS.hints("home")
    assert KEYS.hints("home", experts=True)[1:3] == ("h/l layer", "e/E expert")


def test_every_key_is_named_as_a_person_writes_it_and_read_back() -> None:
    for action in ACTIONS:
        for key in action.keys:
            assert key_from(key_name(key)) == key
            assert len(key_name(key)) <= 9
    assert [key_from(name) for name in ("ctrl+T", "f5", "Enter", "é", "=")] == [
        "ctrl+t",
        "f5",
        "enter",
        "é",
        "equals_sign",
    ]
    assert [key_from(name) for name in ("", " ", "\x1b", "hyper+x", "f99", "Nonsense")] == [""] * 6


def test_the_help_explains_the_numbers_of_each_screen_and_names_the_actions_that_keys_are_changed_by() -> None:
    shown = {
        "context": ("pos", "token", *in_order("post")),
        "layers": ("site", "neurons", "++", "--", "gate > 0", "classes", "atypical"),
        "hits": (*search.COLUMNS, *search.TOKEN_COLUMNS),
        "marks": FIELDS,
        "standing": standing.COLUMNS,
        "density": ("sampled", "a pixel", "asinh", "linear to", "5%"),
        "card": (
            "chance",
            "norm",
            "std",
            "skew",
            "kurtosis",
            "null share",
            "peak entropy",
            "suppresses",
            "against",
            "fed",
        ),
        "compare": ("in points", "±", "between", "within", "together"),
        "effect": ("nll", "there", "overall", "kl", "entropy", "first choice", "raised", "lowered", "place"),
    }
    lines = list(help_lines(KEYS, Path("m"), Path("s"), Path("k")))
    for scope in SCOPES:
        start = lines.index(("title", section(scope)))
        stop = next(place for place in range(start + 1, len(lines)) if lines[place][0] == "title")
        text = "\n".join(line for _, line in lines[start:stop])
        for name in shown.get(scope, ()):
            assert name in text, (scope, name)
        for action in KEYS.actions_in(scope):
            assert f"({action.id})" in text or len(action.scopes) == len(SCOPES)
    page = "\n".join(line for _, line in lines)
    assert all(f"({action.id})" in page for action in ACTIONS)
