"""The parts of the screens, a short file each, named after their place.

To add a pane, or any other part:

1. Its file here: a frozen dataclass with all that it shows, and a class of `Lines` (or `OneLine`) that draws it.
2. In its screen: made in `compose` with an id, shown in `draw`, a rectangle of that id in `rectangles` (at home: in
   `drawing/layout.py`).

`tests/tui/screens/test_recipe.py` fails where one of the two is left out.
"""
