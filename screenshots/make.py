"""Makes the pictures in this folder from an index: python screenshots/make.py [--db FILE] [--out FOLDER].

Without --db from the demo's index, at its telling neuron. The pictures are SVG, load nothing and name no path.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import sys
import tempfile
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
    "neurons": ((120, 40), ("L", "l", "l", "l", "l", "l", "s", "r", "j", "j"), False),
    "light": ((120, 40), (), True),
}
"""Name, size, keys pressed before, light or dark."""
_FONTS = re.compile(r"\s*@font-face \{.*?\}", re.DOTALL)


async def picture(db: Path, neuron: str, size: tuple[int, int], keys: tuple[str, ...], light: bool) -> str:
    """The screen as SVG, after the keys."""
    reading: ReadingThread[Opened] = ReadingThread(lambda: open_index(Request(db, neuron)))
    opened = reading.opened.result()
    app = ExplorerApp(reading, Depth.TRUE, theme="light" if light else "dark")
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
    options = parser.parse_args()
    db = options.db
    if db is None:
        from indexer.cache import demo_path

        db = demo_path()
    with tempfile.TemporaryDirectory() as state:
        os.environ["XDG_STATE_HOME"] = state
        for name, (size, keys, light) in PICTURES.items():
            drawn = asyncio.run(picture(db, options.neuron, size, keys, light))
            (options.out / f"{name}.svg").write_text(drawn, encoding="utf-8")
            print(options.out / f"{name}.svg")


if __name__ == "__main__":
    main()
