"""The page of a neuron: what the record says, whole, escaped, and nothing that asks for anything elsewhere."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from pathlib import Path

import pytest

import indexer
from gluscope_tui.text.clean import clean
from gluscope_tui.views.numbers import signed
from gluscope_tui.views.web.page import Asked, Place, page
from gluscope_tui.views.web.panes import Shown
from gluscope_tui.views.web.provenance import provenance, public
from indexer.database.records import NeuronRecord
from indexer.quadrants import QUADRANTS
from tests.support import view_records
from tests.support.hostile import SNIPPETS, harmful
from tests.support.index_fixture import DEAD, make_index
from tests.support.web import Element, read
from tests.support.weights_fixture import with_weights

ELEMENT_NAMES = (
    "html head meta title link style body header nav a h1 p span main form label select option input div table caption "
    "thead tbody tr th td svg rect b i s section h2 small code ol li data cite dl dt dd g path text footer script"
)
ATTRIBUTE_NAMES = (
    "lang charset http-equiv content name rel href class id hidden value type scope rowspan colspan aria-hidden width "
    "height role aria-label aria-labelledby aria-live title viewbox preserveaspectratio d x y text-anchor "
    "shape-rendering selected"
)
ELEMENTS, ATTRIBUTES = set(ELEMENT_NAMES.split()), set(ATTRIBUTE_NAMES.split())


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("web")
    make_index(folder / "plain.db")
    return with_weights(folder / "plain.db", folder / "tiny.db")


def shown(record: NeuronRecord, *, limit: int | None = None, note: str = "", place: Place | None = None) -> str:
    asked = Asked(view_records.info(), Shown("post", 16, limit), record.signs, "gluscope export html L12N345")
    return page(record, asked, place or Place(), note=note)


def neuron(index: Path, name: str, signs: str = "aligned") -> NeuronRecord:
    with indexer.open(index) as opened:
        return opened.neuron(name, signs=signs, rankings=("post",), sample=True, weights=True)


def panes(html: str) -> list[Element]:
    return read(html).all("section", class_="pane")


@pytest.mark.slow
def test_a_page_shows_the_statistics_of_every_quadrant(index: Path) -> None:
    record = neuron(index, "L1N4")
    rows = read(shown(record)).one("table", class_="statistics").one("tbody").all("tr")
    assert [row.one("th").text for row in rows] == ["++", "+-", "-+", "--"]
    for row, quadrant in zip(rows, record.quadrants.values(), strict=True):
        count, _, bar, *numbers = row.all("td")
        assert count.text == f"{quadrant.count:,}"
        share = float(bar.one("rect").attributes["width"])
        assert share == pytest.approx(100 * quadrant.count / record.tokens_counted, rel=1e-3)
        expected = [
            values[name] for values in (quadrant.mean, quadrant.extreme) for name in ("gate", "in", "act", "post")
        ]
        assert [cell.text for cell in numbers] == [signed(value) for value in expected]


@pytest.mark.slow
def test_every_context_is_there_whole_with_its_value_and_its_peak_apart(index: Path) -> None:
    record = neuron(index, "L1N4")
    assert "&gt; all" not in shown(record)  # a percentile only where it tells something
    for pane, quadrant in zip(panes(shown(record)), record.quadrants.values(), strict=True):
        contexts = pane.all("li")
        assert len(contexts) == len(quadrant.examples["post"])
        for context, example in zip(contexts, quadrant.examples["post"], strict=True):
            assert context.one("data").text == signed(example.value)
            text = context.one("p").text
            blanks = r"[␣↵→␍\s]+"  # a run of blanks has one stand-in
            assert re.sub(blanks, "", text) == re.sub(blanks, "", clean("".join(example.tokens)))
            peak = clean(example.tokens[example.peak]).strip("␣↵→␍ ")
            assert peak in context.one("b").text


def test_a_token_carries_its_four_values_and_the_colour_of_its_own(index: Path) -> None:
    """Level k of 16 begins at ((k - 0.5) / 16) squared of the neuron's largest |post|; the sign chooses the ramp."""
    record = neuron(index, "L1N4")
    largest = max(abs(one.extreme.post or 0.0) for one in record.quadrants.values())
    coloured = 0
    for pane, (name, quadrant) in zip(panes(shown(record)), record.quadrants.items(), strict=True):
        for context, example in zip(pane.all("li"), quadrant.examples["post"], strict=True):
            peak = context.one("b").all("i")[0]
            at = example.peak
            told = [float(word) for word in peak.attributes["title"].split(";")[0].split(",")]
            values = [example.post[at], example.gate[at], example.in_[at], example.act[at]]
            if len(context.one("b").all("i")) == 1 and ";" not in peak.attributes["title"]:
                assert told == pytest.approx(values, rel=6e-3)
                level = sum(abs(example.value) / largest >= ((step - 0.5) / 16) ** 2 for step in range(1, 17))
                sign = "p" if example.value > 0 else "n"
                assert peak.classes == ([f"{sign}{level}"] if level else [])
                coloured += bool(level)
            for token in context.all("i"):
                if token.classes and ";" not in token.attributes["title"]:
                    post, gate, in_, _ = map(float, token.attributes["title"].split(","))
                    assert gate * name.gate_sign > 0
                    assert in_ * name.in_sign > 0
                    assert token.classes[0][0] == ("p" if post > 0 else "n")
    assert coloured > 20


def test_text_of_a_corpus_and_of_the_index_stays_text() -> None:
    attack = "</i><script>alert(1)</script>\"'&<img src=x onerror=alert(2)>"
    texts = (attack, *SNIPPETS)
    record = view_records.neuron()
    for text in texts:
        example = view_records.example()
        tokens = (*example.tokens[:2], text, *example.tokens[3:])
        quadrants = dict(record.quadrants)
        first = quadrants[QUADRANTS[0]]
        hostile = replace(example, tokens=tokens, text="".join(tokens), source=text)
        quadrants[QUADRANTS[0]] = replace(first, examples={"post": (hostile,)})
        html = shown(replace(record, model=text, quadrants=quadrants), note=text)
        html.encode("utf-8")
        root = read(html)
        whole = [root, *_inside(root)]
        assert {element.name for element in whole} - {""} <= ELEMENTS
        names = {name for element in whole for name in element.attributes}
        assert {name for name in names if not name.startswith("data-")} <= ATTRIBUTES
        assert len(root.all("script")) == len(root.all("style")) == 1
        assert set(harmful(html)) <= {"\n"}
        if text is attack:
            (context,) = root.one("section", id="pp").all("li")
            assert attack in context.one("p").text
            assert attack in root.one("p", class_="note").text


def test_the_policy_lets_nothing_run_but_the_pages_own_style_and_script(index: Path) -> None:
    root = read(shown(neuron(index, "L0N1")))
    policy = root.one("meta", **{"http-equiv": "Content-Security-Policy"}).attributes["content"]
    rules = dict(rule.split(maxsplit=1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    for element, rule in (("style", "style-src"), ("script", "script-src")):
        content = root.one(element).text
        hashed = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert rules[rule] == f"'sha256-{hashed}'"
    whole = _inside(root)
    assert not [element for element in whole if "style" in element.attributes or "src" in element.attributes]
    assert not [name for element in whole for name in element.attributes if name.startswith("on")]
    links = [element.attributes["href"] for element in whole if "href" in element.attributes]
    assert [link for link in links if not link.startswith("#")] == ["data:,"]


@pytest.mark.slow
def test_a_page_is_small(index: Path) -> None:
    assert max(len(shown(neuron(index, f"L1N{number}")).encode()) for number in range(24)) < 150_000


def test_a_quadrant_without_tokens_says_so_and_a_dead_neuron_has_a_page(index: Path) -> None:
    for pane in panes(shown(neuron(index, f"L0N{DEAD}"))):
        assert not pane.all("li")
        assert pane.one("p", class_="end").text.startswith("no counted token had gate ")


def test_fewer_contexts_are_not_called_all(index: Path) -> None:
    with indexer.open(index) as opened:
        record = opened.neuron("L1N4", rankings=("post",), limit=2)
    ends = [pane.one("p", class_="end").text for pane in panes(shown(record, limit=2))]
    assert "the first 2" in ends
    assert not [end for end in ends if "2 different contexts, all shown" in end]


def test_what_a_page_tells_of_its_origin_names_no_folder() -> None:
    assert public("/home/me/secret/corpus.txt") == "corpus.txt"
    assert public("C:\\Users\\me\\a.txt") == "a.txt"
    assert public("~/x/a.jsonl:12") == "a.jsonl:12"
    assert public("allenai/c4") == "allenai/c4"
    assert public("corpus/a.txt") == "corpus/a.txt"
    info = replace(view_records.info(), corpus={"tokens": 5, "inputs": ["/home/me/a.txt"]}, complete=False)
    told = provenance(info)
    assert ("corpus", "a.txt") in told.facts
    assert told.warning
    assert not [value for _, value in told.facts if harmful(value) or "/home" in value]


def _inside(element: Element) -> list[Element]:
    found = []
    for part in element.parts:
        if isinstance(part, Element):
            found += [part, *_inside(part)]
    return found
