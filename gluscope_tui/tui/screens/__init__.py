"""The screens: home with its four panes, and what opens above it.

To add a screen:

1. Its file here, with a class of `BaseScreen` that takes a Session alone: `class Card(AboutScreen, scope="card")`.
   An `AboutScreen` says its `lines` and is done; a `TableScreen` says its rows. What is to outlive the screen comes
   from `session.outliving`.
2. In `tui/actions.py`: the scope's words in SCOPES, the action that opens it (`opens="card:Card"`), its own actions,
   and the scope in those that it shares (`_WALK`, `_ALL`). Each needs a handler in the class, or in its parent.

Bindings, foot, help, palette and the page of keys follow from that: `python -m gluscope_tui.tui.help > docs/tui.md`.
`tests/tui/screens/test_recipe.py` fails where a step is left out.
"""
