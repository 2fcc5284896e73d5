"""The parts of the screens: one short file each, named after the part.

To add a pane, or any other part:

1. Write its file here: a frozen dataclass with everything it shows, and a subclass of `Lines` (or `OneLine`) that
   draws it.
2. In its screen, make it in `compose` with an id, show it in `draw`, and give that id a rectangle in `rectangles` (at
   home: in `drawing/layout.py`).

`tests/tui/screens/test_recipe.py` fails if either step is left out.
"""
