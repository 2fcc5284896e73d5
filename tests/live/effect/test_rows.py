"""Rows of the command: sequences, quadrants under either signs, means, controls, and what is kept of a run."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indexer.addresses import NeuronAddress, parse_neuron
from indexer.database.reader import Index
from indexer.errors import GluscopeError
from indexer.jobs.effect import Job, effect, known_identity
from indexer.live.effect.controls import alike
from indexer.live.effect.kept_rows import KeptRows
from indexer.live.effect.measures import Tally
from indexer.live.effect.opening import Source
from indexer.live.effect.replacement import parse_replacement
from indexer.live.effect.request import LABELS, Request, Target, targets
from indexer.live.effect.result import ALL, Effect, from_json
from indexer.live.effect.study import Study
from indexer.live.effect.variant import Variant
from indexer.live.model import Choice
from indexer.progress import Progress
from indexer.quadrants import QUADRANTS, Quadrant
from indexer.settings import Inputs

from ...models.families.tiny import families, tiny_config, tiny_model
from ...support.plain_effects import Change, PlainModel, PlainTwoStacks, replaced
from ...support.small_runs import make, save_model, write_corpus
from ...support.tiny_experts import save_mixture
from ...support.tiny_models import tiny_tokenizer
from ...support.two_stacks import save_two_stacks
from ..conftest import SETTINGS

pytestmark = pytest.mark.usefixtures("one_thread")


USABLE = range(1, len(tiny_tokenizer()))
"""The tokens but <pad>, of which a text never consists."""

New = Callable[[str, float], float]
"""A raw quadrant and post -> what takes the place of post."""


def silent(_progress: Progress) -> None:
    """Say nothing."""


def measure(
    index: Index | None,
    neurons: Sequence[str],
    request: Request | None = None,
    *,
    labels: Sequence[str] = LABELS,
    source: Source | None = None,
    out: Path | None = None,
    model: Path | None = None,
    together: bool = False,
    told: list[str] | None = None,
) -> list[Effect]:
    wanted = targets([parse_neuron(one) for one in neurons], labels, together=together)
    choice = Choice(model=None if model is None else str(model), device="cpu")

    def report(progress: Progress) -> None:
        if told is not None and progress.phase == "notice":
            told.append(progress.message)

    job = Job(tuple(wanted), request or Request(), source or Source())
    return list(effect(index, choice, job, out, report))


class Plain:
    """The same by whole passes, over sequences of the index."""

    def __init__(self, index: Index, model: Path | PlainModel) -> None:
        self.index, self.model = index, PlainModel(model) if isinstance(model, Path) else model

    def ids(self, neuron: str, quadrant: Quadrant, ranking: str, most: int, signs: str) -> list[list[int]]:
        record = self.index.neuron(neuron, signs=signs, rankings=(ranking,), limit=most)
        places = sorted({(one.document, one.part) for one in record.quadrants[quadrant].examples[ranking]})
        return [list(self.index.token_ids(*place).tokens) for place in places]

    def changes(self, neuron: str, raw: Quadrant, new: New, lists: list[list[int]]) -> list[Change]:
        address = parse_neuron(neuron)
        place = (address.site.layer, address.site.expert, address.index)
        return [self.model.change(ids, place, replaced({raw.value}, new), first=False) for ids in lists]


def new_posts(index: Index, neuron: str, to: str) -> New:
    """What takes the place of post in a raw quadrant."""
    record = index.neuron(neuron, signs="raw", rankings=())
    posts = {q.value: record.quadrants[q].mean.post or 0.0 for q in QUADRANTS}
    total = sum(record.quadrants[q].count * posts[q.value] for q in QUADRANTS) / record.tokens_counted
    known: dict[str, New] = {
        "zero": lambda _quadrant, _post: 0.0,
        "mean": lambda _quadrant, _post: total,
        "quadrant": lambda quadrant, _post: posts[quadrant],
        "-0.75": lambda _quadrant, _post: -0.75,
        "x-1": lambda _quadrant, post: -post,
        "x3": lambda _quadrant, post: 3 * post,
    }
    return known[to]


def mean_at(changes: Sequence[Change]) -> tuple[int, float]:
    at = [change.nll[change.altered & ~np.isnan(change.nll)] for change in changes]
    return sum(int(change.altered.sum()) for change in changes), float(np.concatenate(at).mean())


def model_of(db: Path) -> Path:
    return db.parent / "model"


def compare(index: Index, folder: Path, site: str, to: str, signs: str, contexts: int) -> None:
    """Rows of a flipped and an unflipped neuron say what whole passes of the model in the folder say."""
    where = f"site = '{site}' and frequency_pp > 0"
    flips = {bool(row[0]): str(row[1]) for row in index.rows(("flipped", "neuron"), where=where)}
    request = Request(to=parse_replacement(to), signs=signs, contexts=contexts)
    rows = {(row.neuron, row.quadrant): row for row in measure(index, sorted(flips.values()), request)}
    plain = Plain(index, folder)
    assert len(rows) == 2 * len(LABELS)
    for flip, neuron in flips.items():
        new = new_posts(index, neuron, to)
        for quadrant in QUADRANTS:
            row = rows[neuron, quadrant.value]
            turned = flip and signs == "aligned"
            for ranking, found in (("random", row.main), ("post", row.extremes)):
                assert found is not None
                lists = plain.ids(neuron, quadrant, ranking, contexts, signs)
                assert found.sequences == len(lists)
                if not lists:
                    assert found.positions == 0
                    assert found.nll_at is None
                    continue
                changes = plain.changes(neuron, quadrant.flipped if turned else quadrant, new, lists)
                positions, nll = mean_at(changes)
                assert found.positions == positions
                assert found.nll_at is not None
                assert found.nll_at.mean == pytest.approx(nll, rel=1e-3, abs=2e-6)
                moved = (sum(change.tokens[change.altered].sum(0) for change in changes) / positions)[USABLE]
                assert found.raised[0].change == pytest.approx(moved.max(), rel=1e-3, abs=1e-5)
                assert found.lowered[0].change == pytest.approx(moved.min(), rel=1e-3, abs=1e-5)
                shift = sum(change.shift.sum() for change in changes) / positions
                assert found.post_change == pytest.approx((-1 if turned else 1) * shift, rel=1e-3, abs=1e-6)
        assert rows[neuron, ALL].main.positions


@pytest.mark.slow
@pytest.mark.parametrize("to", ["zero", "mean", "quadrant", "-0.75"])
@pytest.mark.parametrize("signs", ["aligned", "raw"])
def test_rows_say_what_whole_passes_over_the_contexts_say(to: str, signs: str, live_index: Path) -> None:
    with Index(live_index) as index:
        compare(index, model_of(live_index), "L1", to, signs, 3)


@pytest.fixture(scope="module")
def other_indexes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Indexes of a mixture of experts, and of a model whose unembedding is its embeddings."""
    folder = tmp_path_factory.mktemp("others")
    corpus = write_corpus(folder / "t.jsonl")
    sizes = {"num_hidden_layers": 2, "intermediate_size": 12, "sliding_window": 500}
    save_mixture(folder / "experts" / "model", "MixtralConfig", **sizes)
    save_model(folder / "tied" / "model", tie_word_embeddings=True)
    return {
        name: make(folder / name / "model", corpus, folder / name / "g.db", SETTINGS, compile="off")
        for name in ("experts", "tied")
    }


@pytest.mark.slow
@pytest.mark.parametrize("to", ["mean", "quadrant", "x-1", "x3"])
@pytest.mark.parametrize(("name", "site"), [("experts", "L1E2"), ("tied", "L0")])
def test_experts_and_tied_embeddings_too(name: str, site: str, to: str, other_indexes: dict[str, Path]) -> None:
    with Index(other_indexes[name]) as index:
        compare(index, model_of(other_indexes[name]), site, to, "aligned", 2)


@pytest.mark.slow
def test_a_quadrant_that_is_never_visited_says_so(odd_index: Path) -> None:
    with Index(odd_index) as index:
        for row in measure(index, ["L1N8"], Request(contexts=2)):
            seen = row.quadrant in ("++", "--", ALL)
            assert (row.main.positions > 0) == seen
            assert (row.main.nll_at is not None) == seen
            assert bool(row.main.raised) == seen
            assert from_json(json.loads(json.dumps(row.as_json()))).as_json() == row.as_json()


@pytest.mark.slow
def test_controls_are_the_nearest_by_frequency_and_strength_and_place_the_neuron(live_index: Path) -> None:
    with Index(live_index) as index:
        quadrant = Quadrant.PN
        own = parse_neuron("L0N4")
        columns = ("neuron", "frequency_pn", "mean_post_pn")
        known = {row[0]: np.log([row[1], abs(row[2])]) for row in index.rows(columns, where="layer = 0") if row[1]}
        others = sorted(
            (float(np.hypot(*(known[name] - known["L0N4"]))), parse_neuron(name)) for name in known if name != "L0N4"
        )
        expected = [neuron for _, neuron in others[:3]]
        assert alike(index, own, quadrant, 3, "aligned") == expected
        (row,) = measure(index, ["L0N4"], Request(contexts=2, controls=3), labels=["+-"])
        alone = [measure(index, [str(one)], Request(contexts=2), labels=["+-"])[0] for one in expected]
        assert row.controls is not None
        values = [one.main.nll_at.mean for one in alone if one.main.nll_at is not None]
        assert row.controls.nll_at == pytest.approx(values, abs=2e-6)
        assert row.controls.neurons == tuple(map(str, expected))
        assert row.main.nll_at is not None
        assert row.controls.place == 1 + sum(abs(value) > abs(row.main.nll_at.mean) for value in values)


@pytest.mark.slow
def test_a_neuron_is_measured_once_as_a_row_and_as_a_control_of_others(
    live_index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[tuple[str, int]] = []
    of = Study.measure

    def counted(self: Study, variants: Sequence[Variant], *rest: Any) -> list[Tally]:
        measured.extend((one.edits[0].site.address.name, one.edits[0].index) for one in variants)
        return of(self, variants, *rest)

    monkeypatch.setattr(Study, "measure", counted)
    names = [f"L0N{number}" for number in range(10)]
    source = Source(prompt="the cat sat on the mat and the dog sat on the cat")
    request = Request(controls=9)
    with Index(live_index) as index:
        rows = measure(index, names, request, labels=["++"], source=source)
        assert sorted(measured) == [("L0", number) for number in range(10)]
        found = {row.neuron: None if row.main.nll_at is None else row.main.nll_at.mean for row in rows}
        for row in rows:
            if row.controls is not None:
                assert row.controls.nll_at == tuple(found[name] for name in row.controls.neurons)
        measured.clear()
        (alone,) = measure(index, names[4:5], request, labels=["++"], source=source)
        assert len(measured) == len(set(measured)) > 1
    (same,) = [row for row in rows if row.neuron == names[4]]
    assert alone.controls is not None
    assert same.controls is not None
    assert alone.controls.place == same.controls.place


@pytest.mark.parametrize("to", ["mean", "quadrant"])
def test_without_an_index_means_are_those_of_the_text(to: str, live_index: Path, tmp_path: Path) -> None:
    text = "the cat sat on the mat and the dog sat on the cat"
    (tmp_path / "text.txt").write_text(text)
    source = Source(inputs=Inputs((str(tmp_path / "text.txt"),)))
    request = Request(to=parse_replacement(to), signs="raw")
    model = model_of(live_index)
    rows = {row.quadrant: row for row in measure(None, ["L1N2"], request, source=source, model=model)}
    plain = PlainModel(model)
    ids = [1, *tiny_tokenizer()(text, add_special_tokens=False)["input_ids"]]
    posts: dict[str, list[float]] = {quadrant.value: [] for quadrant in QUADRANTS}

    def note(gate: float, in_: float, post: float) -> float | None:
        posts[("+" if gate > 0 else "-") + ("+" if in_ > 0 else "-")].append(post)
        return None

    plain.change(ids, (1, None, 2), note, first=False)
    mean = float(np.mean([post for own in posts.values() for post in own]))
    for quadrant in QUADRANTS:
        own = posts[quadrant.value]
        new = mean if to == "mean" else float(np.mean(own)) if own else 0.0
        change = plain.change(ids, (1, None, 2), replaced({quadrant.value}, lambda *_, new=new: new), first=False)
        found = rows[quadrant.value].main
        assert rows[quadrant.value].over == "text"
        assert found.positions == len(own) == change.altered.sum()
        if found.nll_at is not None:
            assert found.nll_at.mean == pytest.approx(mean_at([change])[1], rel=2e-3, abs=2e-6)
            assert found.nll_at.low is None


def test_a_file_of_rows_is_continued_after_a_kill_and_only_under_the_same_settings(
    live_index: Path, tmp_path: Path
) -> None:
    out = tmp_path / "rows.jsonl"
    names = ["L0N1", "L0N2", "L1N3"]
    request = Request(contexts=2)
    with Index(live_index) as index:
        whole = measure(index, names, request, labels=["++", "all"], out=out)
        lines = out.read_bytes().splitlines(keepends=True)
        assert [from_json(json.loads(line)) for line in lines] == [from_json(row.as_json()) for row in whole]
        out.write_bytes(b"".join(lines[:3]) + lines[3][:-20])
        told: list[str] = []
        again = measure(index, names, request, labels=["++", "all"], out=out, told=told)
        assert told == [f"{out} has 3 of 6 rows already"]
        assert [row.as_json() for row in again] == [row.as_json() for row in whole]
        assert out.read_bytes() == b"".join(lines)
        for other, name in (
            (Request(contexts=3), "contexts was 2, and is 3"),
            (Request(contexts=2, to=parse_replacement("x3")), 'to was "zero", and is "x3"'),
        ):
            with pytest.raises(GluscopeError, match=name):
                measure(index, names, other, labels=["++"], out=out)
    assert out.read_bytes() == b"".join(lines)
    for foreign in (b"my notes\n", b'{"a": 1}\n', b"my notes without an end"):
        (tmp_path / "notes").write_bytes(foreign)
        with pytest.raises(GluscopeError, match="something other than rows"), KeptRows(tmp_path / "notes", {}):
            pass
        assert (tmp_path / "notes").read_bytes() == foreign


def test_what_needs_no_model_is_told_before_it_is_loaded(
    live_index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, request = tmp_path / "rows.jsonl", Request(contexts=2)
    with Index(live_index) as index:
        whole = measure(index, ["L0N1"], request, labels=["++", "all"], out=out)
        (line, *_) = map(json.loads, out.read_text().splitlines())
        job = Job((), request, Source())
        assert known_identity(index, Choice(), job) == line["run"]
        assert "model" not in known_identity(index, Choice(dtype="bfloat16"), job)
        monkeypatch.setattr("indexer.jobs.effect.open_model", lambda *_: pytest.fail("the model was loaded"))
        told: list[str] = []
        again = measure(index, ["L0N1"], request, labels=["++", "all"], out=out, told=told)
        assert [row.as_json() for row in again] == [row.as_json() for row in whole]
        assert told == [f"{out} has 2 of 2 rows already"]
        for source, to, message in (
            (Source(inputs=Inputs(paths=(str(tmp_path / "none.txt"),))), None, "none.txt"),
            (Source(prompt=""), None, "no tokens"),
            (Source(), tmp_path / "nowhere" / "x.jsonl", "can't be written"),
            (Source(prompt="the cat"), out, 'over was "random", and is "prompt"'),
        ):
            with pytest.raises(GluscopeError, match=message):
                measure(index, ["L0N1"], request, source=source, out=to)
        with pytest.raises(GluscopeError, match="contexts was 2, and is 3"):
            measure(index, ["L0N1"], Request(contexts=3), out=out)
        unused = tmp_path / "unused.jsonl"
        with pytest.raises(pytest.fail.Exception):
            measure(index, ["L0N1"], request, out=unused)
        assert not unused.exists()
    with pytest.raises(GluscopeError, match="nothing to measure on"):
        measure(None, ["L0N1"], model=tmp_path)


def test_two_runs_dont_write_one_file(tmp_path: Path) -> None:
    with (
        KeptRows(tmp_path / "rows.jsonl", {}),
        pytest.raises(GluscopeError, match="another run writes"),
        KeptRows(tmp_path / "rows.jsonl", {}),
    ):
        pass


@pytest.mark.slow
def test_an_encoder_predicts_no_next_token_and_is_refused(tmp_path: Path) -> None:
    model: Any = tiny_model(tiny_config(families()["modernbert"]))
    model.save_pretrained(tmp_path / "model")
    tiny_tokenizer().save_pretrained(tmp_path / "model")
    with pytest.raises(GluscopeError, match="model is an encoder"):
        measure(None, ["L0N0"], source=Source(prompt="the cat"), model=tmp_path / "model")
    (tmp_path / "t.txt").write_text("the cat sat on the mat")
    db = make(tmp_path / "model", tmp_path / "t.txt", tmp_path / "x.db", compile="off")
    with Index(db) as index, pytest.raises(GluscopeError, match="model is an encoder"):
        measure(index, ["L0N0"], model=tmp_path / "nowhere")


@pytest.mark.slow
def test_an_encoder_decoder_is_measured_as_its_index_read_it(tmp_path: Path) -> None:
    folder = save_two_stacks(tmp_path / "model", "mt5")
    db = make(folder, write_corpus(tmp_path / "t.jsonl"), tmp_path / "g.db", SETTINGS, compile="off")
    told: list[str] = []
    with Index(db) as index:
        for stack in ("enc", "dec"):
            neuron = f"{stack}.L1N3"
            for row in measure(index, [neuron], Request(contexts=2, signs="raw", controls=2), told=told):
                if row.quadrant == ALL:
                    continue
                plain = Plain(index, PlainTwoStacks(folder, "mt5", stack))
                lists = plain.ids(neuron, Quadrant(row.quadrant), "random", 2, "raw")
                changes = plain.changes(neuron, Quadrant(row.quadrant), lambda _quadrant, _post: 0.0, lists)
                positions, nll = mean_at(changes)
                assert row.main.positions == positions > 0
                assert row.main.nll_at is not None
                assert row.main.nll_at.mean == pytest.approx(nll, rel=2e-3, abs=3e-6)
                assert row.controls is not None
                assert all(name.startswith(f"{stack}.L1N") for name in row.controls.neurons)
    assert any("that the encoder has read whole" in message for message in told)


def test_a_set_is_one_row_and_a_neuron_that_isnt_there_is_named(live_index: Path) -> None:
    with Index(live_index) as index:
        (row,) = measure(index, ["L0N1", "L1N2", "L0N1"], Request(contexts=2), labels=["all"], together=True)
        assert row.neuron == "L0N1+L1N2"
        assert row.main.post_change is None
        assert row.controls is None
    wrong = Target((NeuronAddress(parse_neuron("L0N0").site, 99),), "++")
    choice = Choice(str(model_of(live_index)), device="cpu")
    with pytest.raises(GluscopeError, match="L0 has no neuron 99"):
        list(effect(None, choice, Job((wrong,), Request(), Source(prompt="a")), None, silent))
