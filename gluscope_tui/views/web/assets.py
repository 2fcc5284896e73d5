"""The style and the script inside each page, and the policy that lets the browser run nothing else."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ...colour.contrast import Rgb, rgb
from ...colour.depth import Depth
from ...colour.ramp import Ramp, ramp
from ...colour.style import Style

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class Assets:
    """What every page holds. The policy names the style and the script by their hashes and forbids everything else."""

    style: str
    script: str
    policy: str


@cache
def assets() -> Assets:
    """The style with the ramps of both backgrounds, the script, and their Content-Security-Policy."""
    style = (TEMPLATES / "style.css").read_text(encoding="utf-8") + "\n".join(_rules()) + "\n"
    script = (TEMPLATES / "script.js").read_text(encoding="utf-8")
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    return Assets(style, script, policy)


def colours(*, light: bool) -> Ramp:
    """The ramp of a background: sixteen steps each way, as in truecolor."""
    return ramp(Depth.TRUE, light=light)


def hexadecimal(colour: Rgb) -> str:
    """A colour as CSS and SVG write it: #ffb050."""
    red, green, blue = colour
    return f"#{red:02x}{green:02x}{blue:02x}"


def paint(style: Style) -> tuple[str, str]:
    """The colours of text and ground of a style that has both."""
    assert style.fg is not None
    assert style.bg is not None
    return hexadecimal(rgb(style.fg)), hexadecimal(rgb(style.bg))


def _rules() -> list[str]:
    """A class for each step of each ramp: p1 to p16, n1 to n16. --g is the ground, of text and of pictures."""
    light, dark = colours(light=True), colours(light=False)
    found = []
    for letter, on_light, on_dark in (
        ("p", light.positive, dark.positive),
        ("n", light.negative, dark.negative),
    ):
        for step, (one, other) in enumerate(zip(on_light, on_dark, strict=True), 1):
            (text, ground), (dark_text, dark_ground) = paint(one), paint(other)
            found.append(
                f".{letter}{step}{{color:light-dark({text},{dark_text});--g:light-dark({ground},{dark_ground})}}"
            )
    return found


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
