"""Makes the pictures of web pages in this folder, in a headless Chromium: python screenshots/pages.py --db FILE.

Without --neuron at the index's telling neuron. It needs a Chromium; the pages are those of `gluscope export html`, and
`served` is the explorer as `gluscope serve` shows it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

import indexer  # noqa: E402  # the path comes first
from gluscope_tui.cli.app import run  # noqa: E402
from tests.support.browser import CHROMIUM, browser  # noqa: E402
from tests.support.serving import served  # noqa: E402

PICTURES = {
    "page-light": ((1280, 900), False),
    "page-dark": ((1280, 900), True),
    "page-phone": ((390, 844), False),
    "pages-table": ((1280, 420), False),
}
"""Name, size of the window, dark or light."""
SERVED = ("served", (1280, 760))
"""Name and size of the window of the explorer in a browser."""
_DRAWN = 2.0  # seconds after its first byte


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--db", type=Path, required=True)
    parser.add_argument("--neuron", default="")
    parser.add_argument("--out", type=Path, default=HERE)
    options = parser.parse_args()
    if CHROMIUM is None:
        sys.exit("there is no Chromium here")
    with indexer.open(options.db) as index:
        neuron = str(options.neuron or index.telling_neuron)
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder) / "pages"
        number = neuron.rpartition("N")[2]
        words = ["export", "html", "--where", f"index = {number}", "--out", str(site), "--db", str(options.db)]
        if run(words):
            sys.exit("the pages could not be written")
        with browser() as tab:
            for name, (size, dark) in PICTURES.items():
                page = site / ("index.html" if name == "pages-table" else f"{neuron}.html")
                tab.open(page.as_uri(), size=size, dark=dark, touch=size[0] < 500)
                tab.picture(options.out / f"{name}.webp")
                print(options.out / f"{name}.webp")
        with served(options.db.absolute(), Path(folder) / "kept" / "state", neuron) as server, browser() as tab:
            name, size = SERVED
            tab.open(server.address + "/", size=size)
            while not tab.evaluate("document.body.classList.contains('-first-byte')"):
                time.sleep(0.1)
            time.sleep(_DRAWN)
            tab.picture(options.out / f"{name}.webp")
            print(options.out / f"{name}.webp")


if __name__ == "__main__":
    main()
