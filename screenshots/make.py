"""Makes the pictures in this folder from an index: python screenshots/make.py [--db FILE] [--out FOLDER].

Without --db from the demo's index, at its telling neuron. The pictures are SVG, load nothing and name no path.
`--every` makes one of each screen at each size, depth and theme instead, to be looked at.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
os.environ["TEXTUAL_COLOR_SYSTEM"] = "truecolor"

from gluscope_tui.colour.depth import Depth  # noqa: E402  # the path and the colours come first
from gluscope_tui.tui.app import ExplorerApp  # noqa: E402
from gluscope_tui.tui.reading.opening import Opened, Request, open_index  # noqa: E402
from gluscope_tui.tui.reading.thread import ReadingThread  # noqa: E402

PICTURES: dict[str, tuple[tuple[int, int], tuple[str, ...], bool]] = {
    "home-120x40": ((120, 40), (), False),
    "home-80x24": ((80, 24), (), False),
    "zoomed": ((120, 40), ("2", "z"), False),
    "context": ((120, 40), ("enter",), False),
    "neurons": ((120, 40), ("L", "l", "l", "l", "l", "l", "l", "s", "minus", "j", "j"), False),
    "light": ((120, 40), (), True),
}
"""Name, size, keys pressed before, light or dark."""
Wanted = tuple[str, tuple[int, int], tuple[str, ...], str, Depth]
"""Name, size, keys pressed before, theme, depth."""
_FONTS = re.compile(r"\s*@font-face \{.*?\}", re.DOTALL)


SCREENS: dict[str, tuple[str, ...]] = {
    "home": (),
    "zoomed": ("2", "z"),
    "context": ("enter",),
    "neurons": ("L", "l", "l", "s", "j", "j"),
    "density": ("d",),
    "card": ("i",),
    "compare": ("P", "l", "equals_sign"),
    "help": ("question_mark",),
}
SIZES = ((80, 24), (120, 40), (200, 60))
DEPTHS = {"true": Depth.TRUE, "256": Depth.ANSI256}


async def picture(
    db: Path, neuron: str, size: tuple[int, int], keys: tuple[str, ...], theme: str, depth: Depth = Depth.TRUE
) -> str:
    """The screen as SVG, after the keys."""
    reading: ReadingThread[Opened] = ReadingThread(lambda: open_index(Request(db, neuron)))
    opened = reading.opened.result()
    app = ExplorerApp(reading, depth, theme=theme)
    async with app.run_test(size=size) as pilot:
        for key in ("", *keys):
            if key:
                await pilot.press(key)
            for _ in range(3):
                await pilot.pause()
                await app.workers.wait_for_complete()
        await pilot.pause()
        drawn = app.export_screenshot(title="gluscope tui", simplify=True)
    reading.stop()
    opened.index.close()
    return _FONTS.sub("", drawn)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--db", type=Path)
    parser.add_argument("--neuron", default="")
    parser.add_argument("--out", type=Path, default=HERE)
    parser.add_argument("--every", action="store_true")
    options = parser.parse_args()
    db = options.db
    if db is None:
        from indexer.cache import demo_path

        db = demo_path()
    with tempfile.TemporaryDirectory() as state:
        os.environ["XDG_STATE_HOME"] = state
        wanted = every() if options.every else chosen()
        for name, size, keys, theme, depth in wanted:
            drawn = asyncio.run(picture(db, options.neuron, size, keys, theme, depth))
            (options.out / f"{name}.svg").write_text(drawn, encoding="utf-8")
            print(options.out / f"{name}.svg")


def chosen() -> Iterator[Wanted]:
    """The pictures of this folder."""
    for name, (size, keys, light) in PICTURES.items():
        yield name, size, keys, "light" if light else "dark", Depth.TRUE


def every() -> Iterator[Wanted]:
    """Each screen at each size, depth and theme of dark and light."""
    for (name, keys), size, (colours, depth), theme in product(
        SCREENS.items(), SIZES, DEPTHS.items(), ("dark", "light")
    ):
        yield f"{name}-{size[0]}x{size[1]}-{colours}-{theme}", size, keys, theme, depth


if __name__ == "__main__":
    main()
