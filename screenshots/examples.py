"""Puts today's output into the examples of the README: python screenshots/examples.py [--db FILE].

Without --db on the demo's index. An example is a fenced block whose first line is `$ gluscope ...`.
"""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
WIDTHS = {"show": 100, "plot": 80}
"""Columns of the terminal, by command."""
_EXAMPLE = re.compile(r"(?<=^```\n\$ )gluscope (?P<words>.*)\n(?s:.*?)(?=^```$)", re.MULTILINE)


def output(words: str, db: Path) -> str:
    """What a command prints in a terminal without colours; `words` follow `gluscope` in the README."""
    arguments = shlex.split(words)
    if "--db" in arguments:  # the README's reader has the demo's index where the demo puts it
        at = arguments.index("--db")
        del arguments[at : at + 2]
    look = ("-f", "rich", "--color", "never", "--width", str(WIDTHS[arguments[0]]))
    command = [sys.executable, "-m", "gluscope_tui", *arguments, "--db", str(db), *look]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    return "".join(f"{line.rstrip()}\n" for line in done.stdout.rstrip().splitlines())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--db", type=Path)
    db = parser.parse_args().db
    if db is None:
        sys.path.insert(0, str(ROOT))
        from indexer.cache import demo_path

        db = demo_path()
    text = README.read_text("utf-8")
    README.write_text(
        _EXAMPLE.sub(lambda found: f"{found[0].splitlines()[0]}\n{output(found['words'], db)}", text), "utf-8"
    )


if __name__ == "__main__":
    main()
