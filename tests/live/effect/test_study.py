"""What is measured is what whole passes of the plain model give, whatever shares a batch and wherever runs start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from indexer.live.effect.measures import Reach, Tally
from indexer.live.effect.study import Study
from indexer.live.effect.variant import Block, Edit, Variant
from indexer.live.head import Head, find_head
from indexer.models.load import load
from indexer.models.loaded import LoadedModel
from indexer.quadrants import QUADRANTS, Quadrant
from indexer.sequences.sequences import TokenSequence
from indexer.sites import Site, find_sites

from ...support.plain_effects import Change, PlainModel, PlainTwoStacks, replaced
from ...support.tiny_experts import save_mixture
from ...support.tiny_models import save_tiny
from ...support.two_stacks import save_two_stacks

pytestmark = pytest.mark.usefixtures("one_thread")

LENGTHS = (9, 14, 6, 14, 2)
ALL = frozenset(QUADRANTS)


@dataclass(frozen=True)
class Case:
    family: str
    model: dict[str, Any] = field(default_factory=dict)
    experts: bool = False
    neurons: tuple[tuple[int, int | None, int], ...] = ((0, None, 3), (2, None, 5))
    whole: bool = False  # its layers share more than the residual stream


CASES = {
    "llama": Case("llama"),
    "tied": Case("llama", {"tie_word_embeddings": True}),
    "biases": Case("llama_bias"),
    "granite, scaled": Case("granite"),
    "cohere, parallel": Case("cohere"),
    "gemma2, soft-capped": Case("gemma2", {"final_logit_softcapping": 2.0}),
    "gemma3, norms after": Case("gemma3"),
    "gemma4, shared keys": Case("gemma4", neurons=((0, None, 3), (3, None, 5)), whole=True),
    "mixtral": Case("MixtralConfig", experts=True, neurons=((0, 1, 3), (2, 4, 5))),
    "gpt_oss": Case("GptOssConfig", experts=True, neurons=((1, 2, 3),)),
}


def ids(vocabulary: int = 300) -> list[list[int]]:
    generator = np.random.default_rng(3)
    return [[1, *generator.integers(3, vocabulary, size=length - 1).tolist()] for length in LENGTHS]


def sequences(lists: Sequence[list[int]]) -> list[TokenSequence]:
    return [TokenSequence(n, n, 0, np.asarray(one, np.int32), "x") for n, one in enumerate(lists)]


def opened(folder: Path) -> tuple[LoadedModel, dict[str, Site], Head]:
    loaded = load(str(folder), dtype="float32", device="cpu")
    head = find_head(loaded)
    assert isinstance(head, Head)
    return loaded, {site.address.name: site for site in find_sites(loaded.model)}, head


def name(neuron: tuple[int, int | None, int]) -> str:
    layer, expert, _ = neuron
    return f"L{layer}" if expert is None else f"L{layer}E{expert}"


def save(folder: Path, case: Case) -> Path:
    return (save_mixture if case.experts else save_tiny)(folder, case.family, **case.model)


def agree(tally: Tally, changes: dict[int, Change], *, first: bool) -> None:
    """The tally says what the plain changes of its sequences give."""
    assert sorted(tally.sequences) == sorted(changes)
    start = 0 if first else 1
    for place, number in enumerate(tally.sequences):
        change = changes[number]
        follows = ~np.isnan(change.nll)
        assert tally.altered[place] == change.altered.sum()
        assert tally.predicting[place] == (change.altered & follows).sum()
        assert tally.following[place] == max(0, len(follows) - 1 - start)
        expected = {
            "nll_at": change.nll[change.altered & follows].sum(),
            "nll_all": change.nll[start:-1].sum(),
            "kl_at": change.kl[change.altered].sum(),
            "entropy_at": change.entropy[change.altered].sum(),
            "top1_changed": change.top[change.altered].sum(),
        }
        for measure, value in expected.items():
            assert tally.sums[measure][place] == pytest.approx(value, rel=2e-3, abs=3e-5), (measure, number)
    assert tally.shift == pytest.approx(sum(change.shift.sum() for change in changes.values()), rel=1e-4, abs=1e-5)
    moved = sum(change.tokens[change.altered].sum(0) for change in changes.values())
    if tally.tokens is not None:
        np.testing.assert_allclose(tally.tokens.numpy()[: len(moved)], moved, atol=2e-3)
    else:
        assert not any(change.altered.any() for change in changes.values())


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_variants_of_several_layers_in_one_batch_say_what_whole_passes_say(case: str, tmp_path: Path) -> None:
    wanted = CASES[case]
    folder = save(tmp_path / "model", wanted)
    loaded, sites, head = opened(folder)
    plain, lists = PlainModel(folder), ids()
    first = case == "tied"
    notices: list[str] = []
    study = Study(loaded, head, batch_tokens=60, count_first=first, notice=notices.append)
    variants: list[Variant] = []
    expected = []
    for neuron in wanted.neurons:
        for quadrants in (*(frozenset((quadrant,)) for quadrant in QUADRANTS), ALL):
            names = {quadrant.value for quadrant in quadrants}
            values = (0.5, -0.25, 2.0, -3.0)
            for edit, new in (
                (Edit(sites[name(neuron)], neuron[2], quadrants), lambda _q, _post: 0.0),
                (
                    Edit(sites[name(neuron)], neuron[2], quadrants, values),
                    lambda q, _post, values=values: values[Quadrant(q).place],
                ),
                (Edit(sites[name(neuron)], neuron[2], quadrants, factor=-1.5), lambda _q, post: -1.5 * post),
            ):
                variants.append(Variant((edit,), frozenset((0, 1, 3, 4)) if len(variants) % 2 else None))
                expected.append((neuron, replaced(names, new)))
    tallies = study.measure(variants, sequences(lists))
    assert bool(notices) == wanted.whole
    assert any(sum(tally.altered) for tally in tallies)
    for variant, tally, (neuron, alter) in zip(variants, tallies, expected, strict=True):
        numbers = [number for number in range(len(lists)) if variant.wants(number)]
        agree(tally, {n: plain.change(lists[n], neuron, alter, first=first) for n in numbers}, first=first)


@pytest.mark.slow
@pytest.mark.parametrize("family", ["mt5", "t5gemma"])
def test_neurons_of_both_stacks_change_what_the_decoder_predicts(family: str, tmp_path: Path) -> None:
    """An encoder's alteration changes positions before it, too: the decoder sees all of its encoder."""
    folder = save_two_stacks(tmp_path / "model", family)
    loaded, sites, head = opened(folder)
    assert loaded.hides_start
    lists = [[loaded.decoder_start or 0, *one[1:]] for one in ids()]
    study = Study(loaded, head, batch_tokens=60)
    quadrants = [frozenset((quadrant,)) for quadrant in QUADRANTS]
    asked = [(stack, layer, one) for stack in ("enc", "dec") for layer in (0, 1) for one in quadrants]
    variants = [Variant((Edit(sites[f"{stack}.L{layer}"], 5, one, factor=-2.0),)) for stack, layer, one in asked]
    both = Variant((Edit(sites["dec.L0"], 3, ALL), Edit(sites["enc.L1"], 4, ALL)))
    assert study.lowest(both).address.name == "enc.L1"
    tallies = study.measure(variants, sequences(lists))
    plain = {stack: PlainTwoStacks(folder, family, stack) for stack in ("enc", "dec")}
    for (stack, layer, one), tally in zip(asked, tallies, strict=True):
        alter = replaced({quadrant.value for quadrant in one}, lambda _q, post: -2.0 * post)
        changes = {n: plain[stack].change(ids, (layer, None, 5), alter, first=False) for n, ids in enumerate(lists)}
        agree(tally, changes, first=False)
    assert study.reach(variants[0]) is Reach.ALL
    assert study.reach(variants[-1]) is Reach.HERE


@pytest.mark.slow
def test_rows_that_share_a_batch_say_what_they_say_alone_and_from_the_first_layer_on(tmp_path: Path) -> None:
    loaded, sites, head = opened(save_tiny(tmp_path / "model", "llama"))
    given = sequences(ids())
    variants = [
        Variant((Edit(sites[f"L{layer}"], index, frozenset((quadrant,))),))
        for layer in (0, 1, 2)
        for index in (1, 7)
        for quadrant in QUADRANTS
    ]
    together = Study(loaded, head, batch_tokens=400).measure(variants, given)
    for study in (Study(loaded, head, batch_tokens=1), Study(loaded, head, batch_tokens=400, whole=True)):
        for variant, tally in zip(variants, together, strict=True):
            (alone,) = study.measure([variant], given)
            order = [alone.sequences.index(number) for number in tally.sequences]
            assert [alone.altered[place] for place in order] == tally.altered
            for measure, values in tally.sums.items():
                assert [alone.sums[measure][place] for place in order] == pytest.approx(values, abs=2e-5)


def test_only_the_last_layer_spares_the_positions_after_an_altered_one(tmp_path: Path) -> None:
    loaded, sites, head = opened(save_tiny(tmp_path / "model", "llama"))
    study = Study(loaded, head, batch_tokens=100)
    study.measure([Variant((Edit(site, 0, ALL),)) for site in sites.values()], sequences(ids()))
    assert {name: study.reach(Variant((Edit(site, 0, ALL),))) for name, site in sites.items()} == {
        "L0": Reach.LATER,
        "L1": Reach.LATER,
        "L2": Reach.HERE,
    }


def test_zero_in_all_four_quadrants_is_the_model_without_the_column_of_w_out(tmp_path: Path) -> None:
    """Exactly: where gate or in is 0 post is 0 too, so leaving those positions out changes nothing."""
    loaded, sites, head = opened(save_tiny(tmp_path / "model", "llama"))
    neuron = sites["L1"]
    with torch.no_grad():
        loaded.model.layers[1].mlp.gate_proj.weight[4] = 0.0  # type: ignore[index,union-attr]
    study = Study(loaded, head, batch_tokens=1, count_first=True, whole=True)
    for index, silent in ((2, False), (4, True)):
        (tally,) = study.measure([Variant((Edit(neuron, index, ALL),))], sequences(ids()))
        down = neuron.down.weight
        assert isinstance(down, torch.Tensor)
        kept = down[:, index].clone()
        for place, number in enumerate(tally.sequences):
            tokens = ids()[number]
            with torch.no_grad():
                before = log_probabilities(loaded, head, tokens)
                down[:, index] = 0.0
                after = log_probabilities(loaded, head, tokens)
                down[:, index] = kept
            change = [float(before[at, tokens[at + 1]] - after[at, tokens[at + 1]]) for at in range(len(tokens) - 1)]
            assert tally.sums["nll_all"][place] == sum(change)
            assert (tally.altered[place] == 0) == silent
            assert silent == (not any(change))


def log_probabilities(loaded: LoadedModel, head: Head, tokens: list[int]) -> torch.Tensor:
    with torch.inference_mode():
        hidden = loaded.model(input_ids=torch.tensor([tokens]), use_cache=False).last_hidden_state[0]
        logits = head.logits(hidden)
        return logits - torch.logsumexp(logits, -1, keepdim=True)  # rounded as what is tested


def test_a_set_over_several_layers_is_decided_by_the_values_of_the_altered_run(tmp_path: Path) -> None:
    folder = save_tiny(tmp_path / "model", "llama")
    loaded, sites, head = opened(folder)
    neurons = ((0, None, 3), (1, None, 6), (1, None, 2))
    quadrants = frozenset((Quadrant.PP, Quadrant.NP))
    edits = tuple(Edit(sites[name(n)], n[2], quadrants, (4.0, 0.0, -5.0, 0.0)) for n in neurons)
    (tally,) = Study(loaded, head, batch_tokens=60).measure([Variant(edits)], sequences(ids()))
    plain = PlainModel(folder)
    alter = replaced({"++", "-+"}, lambda q, _post: 4.0 if q == "++" else -5.0)
    for place, number in enumerate(tally.sequences):
        change = plain.changes(ids()[number], neurons, alter, first=False)
        assert tally.altered[place] == change.altered.sum()
        assert tally.sums["nll_all"][place] == pytest.approx(change.nll[1:-1].sum(), rel=1e-3, abs=1e-5)


@pytest.mark.parametrize("wrong", ["in", "zero", "later"])
def test_a_wrong_mask_is_seen(wrong: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison with whole passes fails if the mask is a wrong one: in's sign turned, or zeros taken in."""
    folder = save_tiny(tmp_path / "model", "llama")
    loaded, sites, head = opened(folder)
    with torch.no_grad():
        loaded.model.layers[0].mlp.up_proj.weight[3] *= 0.0 if wrong == "zero" else 1.0  # type: ignore[index,union-attr]
    plain = PlainModel(folder)
    plain.model.model.load_state_dict(loaded.model.state_dict())
    right = Block.members

    def members(self: Block, gate: torch.Tensor, in_: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if wrong == "in":
            return right(self, gate, -in_)
        if wrong == "zero":
            return right(self, gate, torch.where(in_ == 0, 1.0, in_))
        inside, place = right(self, gate, in_)
        return inside.roll(1, dims=1), place

    monkeypatch.setattr(Block, "members", members)
    quadrants = frozenset((Quadrant.PP,))
    variant = Variant((Edit(sites["L0"], 3, quadrants, (1.0, 1.0, 1.0, 1.0)),))
    (tally,) = Study(loaded, head, batch_tokens=60).measure([variant], sequences(ids()))
    alter = replaced({"++"}, lambda _q, _post: 1.0)
    changes = {n: plain.change(ids()[n], (0, None, 3), alter, first=False) for n in range(len(LENGTHS))}
    with pytest.raises(AssertionError):
        agree(tally, changes, first=False)
