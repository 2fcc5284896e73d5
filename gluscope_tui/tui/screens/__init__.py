"""The screens: home with its four panes, and what opens above it.

To add a screen:

1. Write its file here, with a subclass of `BaseScreen` that takes only a Session:
   `class Card(AboutScreen, scope="card")`. An `AboutScreen` defines its `lines` and is done; a `TableScreen` defines
   its rows. State that must outlive the screen comes from `session.outliving`.
2. In `tui/actions.py`, add the scope's words to SCOPES, the action that opens the screen (`opens="card:Card"`) and
   the screen's own actions, and add the scope to the actions that it shares (`_WALK`, `_ALL`). Each action needs a
   handler in the class or its parent.

Keys, foot, help and palette follow from that. Regenerate the page of keys with
`python -m gluscope_tui.tui.help > docs/tui.md`. `tests/tui/screens/test_recipe.py` fails if a step is left out.
"""
