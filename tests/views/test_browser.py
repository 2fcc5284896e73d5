"""Pages in a real headless Chromium: laid out, coloured, walked by keys, without a request or a complaint."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import indexer
from gluscope_tui.cli.app import run
from indexer.quadrants import QUADRANTS
from tests.support.browser import CHROMIUM, Browser, browser
from tests.support.index_fixture import make_index
from tests.support.weights_fixture import with_weights

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: pages are looked at elsewhere")
ROOT = Path(__file__).parents[2]
QUANTITIES = ("post", "gate", "in", "act")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("browser")
    make_index(folder / "plain.db")
    with_weights(folder / "plain.db", folder / "tiny.db")
    words = ["export", "html", "L1N4", "L0N3", "L0N2", "L1N5", "--out", str(folder / "site")]
    assert run([*words, "--db", str(folder / "tiny.db")]) == 0
    return folder / "site"


@pytest.fixture(scope="module")
def tab() -> Iterator[Browser]:
    with browser() as found:
        yield found


def open_page(tab: Browser, site: Path, name: str, **how: object) -> None:
    tab.open((site / name).as_uri(), **how)  # type: ignore[arg-type]  # the caller's


@pytest.mark.slow
def test_pages_open_from_a_folder_without_a_request_or_a_complaint(tab: Browser, site: Path) -> None:
    for name in ("index.html", "L1N4.html", "L0N2.html"):
        open_page(tab, site, name)
        assert [address for address in tab.requests if address != "data:,"] == [(site / name).as_uri()]
        assert tab.complaints == []
        assert tab.evaluate("document.title").endswith("tiny/simulated")


@pytest.mark.slow
def test_the_peaks_stand_in_one_column_and_no_page_is_wider_than_its_window(tab: Browser, site: Path) -> None:
    for size in ((1400, 900), (1000, 900), (390, 844)):
        open_page(tab, site, "L1N4.html", size=size, touch=size[0] < 500)
        width = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert tab.evaluate(width) <= 0
        lefts = tab.evaluate(
            "[...document.querySelectorAll('.pane')].map(p => [...new Set([...p.querySelectorAll('b')].map("
            "b => Math.round(b.getBoundingClientRect().left)))].length)"
        )
        if size[0] > 500:
            assert lefts == [1, 1, 1, 1]
        else:  # a phone shows contexts whole
            assert tab.evaluate("getComputedStyle(document.querySelector('.pane li p')).whiteSpace") == "pre-wrap"


@pytest.mark.parametrize("dark", [False, True])
def test_every_ground_can_be_read_in_light_and_in_dark(tab: Browser, site: Path, dark: bool) -> None:
    open_page(tab, site, "L1N4.html", dark=dark)
    pairs = tab.evaluate(
        "[...document.querySelectorAll('.pane i, h1, td, dt, small')].map(e => { let g = e; "
        "while (getComputedStyle(g).backgroundColor === 'rgba(0, 0, 0, 0)') g = g.parentElement; "
        "return [getComputedStyle(e).color, getComputedStyle(g).backgroundColor].join('|'); })"
    )
    seen = set(pairs)
    assert len(seen) > 10
    for pair in seen:
        one, other = sorted(_luminance(colour) for colour in pair.split("|"))
        assert (other + 0.05) / (one + 0.05) >= 4.5, pair
    ground = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (_luminance(ground) < 0.1) is dark


@pytest.mark.slow
def test_keys_walk_through_contexts_and_tokens_and_tell_their_values(tab: Browser, site: Path) -> None:
    open_page(tab, site, "L1N4.html")
    with indexer.open(site.parent / "tiny.db") as index:
        example = index.neuron("L1N4", rankings=("post",)).quadrants[QUADRANTS[0]].examples["post"][1]
    tab.evaluate("document.querySelector('.pane li').focus()")
    tab.press("ArrowDown")
    told = tab.evaluate("document.getElementById('status').textContent")
    values = dict(re.findall(r"(post|gate|in|act) ([-+]?[\d.e-]+)", told.splitlines()[1]))
    for name in QUANTITIES:
        assert float(values[name]) == pytest.approx(example.values(name)[example.peak], rel=6e-3)
    place = "[...document.activeElement.querySelectorAll('p i, p s')].findIndex(t => t.classList.contains('at'))"
    before = tab.evaluate(place)
    tab.press("ArrowLeft")
    assert tab.evaluate(place) == before - 1
    tab.press("Escape")
    assert tab.evaluate("document.getElementById('status').hidden")
    tab.follow(lambda: tab.press("j"))
    assert tab.evaluate("document.body.dataset.name") == "L0N3"
    tab.follow(lambda: tab.press("k"))
    assert tab.evaluate("document.body.dataset.name") == "L1N4"


def test_the_mouse_tells_the_values_of_a_token(tab: Browser, site: Path) -> None:
    open_page(tab, site, "L1N4.html")
    tab.hover("#pp li b i")
    told = tab.evaluate("[document.getElementById('status').hidden, document.getElementById('status').textContent]")
    assert told[0] is False
    assert all(name in told[1] for name in QUANTITIES)


def test_another_quantity_colours_as_the_page_of_its_ranking_would(tab: Browser, site: Path) -> None:
    """The script's colours are those that Python gives the same contexts, up to the rounding of values to 3 digits."""
    open_page(tab, site, "L1N4.html")
    classes = "[...document.querySelectorAll('.pane i')].map(e => e.className)"
    before = tab.evaluate(classes)
    choose(tab, "colour", "gate")
    assert tab.evaluate(classes) != before
    signs = tab.evaluate(
        "['pp', 'pn', 'np', 'nn'].map(q => [...new Set([...document.querySelectorAll(`#${q} i`)].map("
        "e => e.className[0]).filter(Boolean))].join())"
    )
    assert signs == ["p", "p", "n", "n"]
    choose(tab, "colour", "post")
    after = tab.evaluate(classes)
    assert [(one[:1], other[:1]) for one, other in zip(before, after, strict=True) if one[:1] != other[:1]] == []
    assert all(abs(int(one[1:] or 0) - int(other[1:] or 0)) <= 1 for one, other in zip(before, after, strict=True))


def test_raw_signs_in_the_page_are_those_of_a_page_with_raw_signs(tab: Browser, site: Path, tmp_path: Path) -> None:
    """Neuron 3 is flipped: what the script makes of its page is the page that `--signs raw` writes."""
    words = ["export", "html", "L0N3", "--single", "--signs", "raw", "--out", str(tmp_path / "raw.html")]
    assert run([*words, "--db", str(site.parent / "tiny.db")]) == 0
    read = (
        "(() => { const text = q => [...document.querySelectorAll(q)].map(e => e.textContent.trim());"
        "const order = [...document.querySelectorAll('.pane')].sort((a, b) => getComputedStyle(a).order -"
        " getComputedStyle(b).order);"
        "return [document.getElementById('signs').textContent, text('.statistics tbody tr'),"
        "text('.quantiles tbody td'),"
        "order.map(p => p.innerText.replace(/\\s+/g, ' ')), order.map(p => [...p.querySelectorAll('i')].map("
        "e => e.className)), text('.density .count'),"
        "[...document.querySelectorAll('dt')].map(e => e.textContent + e.nextElementSibling.textContent).sort()]; })()"
    )
    open_page(tab, tmp_path, "raw.html")
    choose(tab, "colour", "post")  # both coloured by the script, from values of three digits
    raw = tab.evaluate(read)
    open_page(tab, site, "L0N3.html")
    assert tab.evaluate(read)[1] != raw[1]
    choose(tab, "signs", "turned")
    turned = tab.evaluate(read)
    facts = {fact for fact in raw[6] if not fact.startswith("made by")}
    assert turned[:2] == raw[:2]
    assert turned[3:6] == raw[3:6]
    assert facts <= set(turned[6])


def test_the_table_sorts_by_any_column(tab: Browser, site: Path) -> None:
    open_page(tab, site, "index.html")
    column = "[...document.querySelectorAll('tbody tr')].map(r => [r.cells[0].textContent, r.cells[1].dataset.v])"
    unsorted = tab.evaluate(column)
    tab.evaluate("document.querySelectorAll('thead button')[1].click()")
    rows = tab.evaluate(column)
    assert sorted(rows) == sorted(unsorted)
    numbers = [float(value) for _, value in rows]
    assert numbers == sorted(numbers, reverse=True)
    tab.evaluate("document.querySelectorAll('thead button')[0].click()")
    assert [name for name, _ in tab.evaluate(column)] == ["L1N5", "L1N4", "L0N3", "L0N2"]


def choose(tab: Browser, name: str, value: str) -> None:
    tab.evaluate(
        f"(() => {{ const s = document.querySelector('select[name={name}]'); s.value = '{value}'; "
        "s.dispatchEvent(new Event('change', {bubbles: true})); })()"
    )


def _luminance(colour: str) -> float:
    """Relative luminance of rgb(1, 2, 3), as WCAG defines it."""
    channels = [int(word) / 255 for word in re.findall(r"\d+", colour)[:3]]
    red, green, blue = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.slow
def test_without_scripts_everything_can_be_read_and_contexts_unfold(tab: Browser, site: Path) -> None:
    tab.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        open_page(tab, site, "L1N4.html")
        tab.hover("#wrap")
        shown = tab.call("Accessibility.getFullAXTree")["nodes"]
    finally:
        tab.call("Emulation.setScriptExecutionDisabled", value=False)
    told = " ".join(str(node.get("name", {}).get("value", "")) for node in shown if not node["ignored"])
    html = (site / "L1N4.html").read_text("utf-8")
    values = re.findall(r"<data[^>]*>([^<]+)</data>", html)
    assert len(values) > 30
    assert [value for value in values if value not in told] == []
    assert "colours of post, from" in told


@pytest.mark.slow
def test_on_paper_a_page_is_light_whole_and_without_what_is_pressed(tab: Browser, site: Path) -> None:
    open_page(tab, site, "L1N4.html", dark=True)
    dark = [{"name": "prefers-color-scheme", "value": "dark"}]
    tab.call("Emulation.setEmulatedMedia", media="print", features=dark)
    try:
        ground = tab.evaluate("getComputedStyle(document.body).backgroundColor")
        styles = tab.evaluate(
            "['nav', 'form', '.pane cite', '.pane li p'].map(q => getComputedStyle(document.querySelector(q)))"
            ".map(s => [s.display, s.whiteSpace])"
        )
    finally:
        tab.call("Emulation.setEmulatedMedia", media="", features=dark)
    assert _luminance(ground) == 1
    assert [display for display, _ in styles] == ["none", "none", "block", "block"]
    assert styles[3][1] == "pre-wrap"


@pytest.mark.slow
def test_the_script_makes_the_pictures_of_pages(site: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "screenshots" / "pages.py", "--db", site.parent / "tiny.db", "--out", tmp_path],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    made = [Path(line) for line in done.stdout.splitlines()]
    assert sorted(path.name for path in made) == sorted(path.name for path in (ROOT / "screenshots").glob("*.webp"))
    assert {path.read_bytes()[8:12] for path in made} == {b"WEBP"}
