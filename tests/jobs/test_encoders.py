"""Encoders and encoder-decoders read text as they are meant to, and what a pass shows of a model is believed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from tokenizers.processors import TemplateProcessing
from torch import Tensor, nn

import indexer
from indexer.database.bulk.stored import StoredIndex
from indexer.errors import GluscopeError
from indexer.jobs.bench import bench
from indexer.jobs.index import index
from indexer.jobs.prepare import silent
from indexer.models.forward import run_body
from indexer.models.load import load
from indexer.models.loaded import LoadedModel
from indexer.models.probe import read_by_text
from indexer.models.special_tokens import Around, around
from indexer.progress import Progress
from indexer.settings import Execution, Inputs, Settings
from indexer.sites import find_sites
from indexer.statistics.hashing import fold_keys, fold_keys_at

from ..models.families.tiny import families, tiny_config, tiny_model
from ..support.tiny_models import tiny_tokenizer

pytestmark = pytest.mark.usefixtures("one_thread")

CLS, SEP = 1, 2
TEXTS = ["the cat sat on the mat and the dog sat on the cat", "a", "the cat", "print(1 + 1)"]


def saved(folder: Path, family: str, template: str | None = None) -> Path:
    """A tiny model, whose tokenizer puts special tokens around a text by `template`."""
    torch.manual_seed(0)
    model: Any = tiny_model(tiny_config(families()[family]))
    model.save_pretrained(folder)
    tokenizer = tiny_tokenizer()
    if template is not None:
        tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
            single=template, special_tokens=[("<s>", CLS), ("</s>", SEP)]
        )
    tokenizer.save_pretrained(folder)
    return folder


def indexed(model: Path, folder: Path, **settings: Any) -> Path:
    corpus = folder / "corpus.jsonl"
    corpus.write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS))
    return index(
        str(model),
        Inputs((str(corpus),)),
        folder / "g.db",
        Settings(**{"context": 12, "top_k": 4, "sample": 8, **settings}),
        Execution(compile="on"),
    )


def test_an_encoders_sequences_stand_between_cls_and_sep(tmp_path: Path) -> None:
    model = saved(tmp_path / "model", "modernbert", "<s> $A </s>")
    with StoredIndex(indexed(model, tmp_path)) as stored:
        found = {(d, p): ids.tolist() for _, d, p, ids, _ in stored.sequences(stored.sequence_numbers.tolist())}
        assert stored.info["corpus"]["bos"] == CLS
        assert stored.info["corpus"]["eos"] == SEP
        assert stored.info["model"]["causal"] is False
        assert stored.info["settings"]["fold_after"] == 7
    loader: Any = transformers.AutoTokenizer
    plain = loader.from_pretrained(model)
    for document, text in enumerate(TEXTS):
        ids = plain(text, add_special_tokens=False)["input_ids"]
        cut = [ids[start : start + 10] for start in range(0, len(ids), 10)]
        for part, piece in enumerate(cut):
            assert found[document, part] == [CLS, *piece, SEP]


def test_a_causal_model_has_no_token_after_its_sequences(tmp_path: Path) -> None:
    loaded = load(str(saved(tmp_path / "model", "llama", "<s> $A </s>")))
    assert around(loaded, "auto") == Around(CLS, None)
    assert around(loaded, "never") == Around(None, None)


def test_bos_never_leaves_an_encoders_text_as_it_is(tmp_path: Path) -> None:
    loaded = load(str(saved(tmp_path / "model", "modernbert", "<s> $A </s>")))
    assert around(loaded, "auto") == Around(CLS, SEP)
    assert around(loaded, "never") == Around(None, None)


def test_a_tokenizer_with_two_tokens_on_a_side_is_refused(tmp_path: Path) -> None:
    loaded = load(str(saved(tmp_path / "model", "modernbert", "<s> <s> $A </s>")))
    with pytest.raises(GluscopeError, match="2 special tokens on one side"):
        around(loaded, "auto")


def test_both_stacks_read_the_same_ids_and_the_encoder_does_not_see_the_decoders_first(tmp_path: Path) -> None:
    loaded = load(str(saved(tmp_path / "model", "mt5", "$A </s>")))
    assert around(loaded, "auto") == Around(0, SEP)
    assert loaded.hides_start
    model: Any = loaded.model
    ids = torch.tensor([[0, 7, 8, 9, SEP]])
    found: list[Any] = []
    handle = model.register_forward_hook(lambda _module, _args, out: found.append(out))
    run_body(loaded, ids)
    handle.remove()
    with torch.no_grad():
        encoded = model.encoder(ids[:, 1:]).last_hidden_state  # T5's positions are relative
        decoded = model.decoder(ids, encoder_hidden_states=encoded).last_hidden_state
    torch.testing.assert_close(found[0].encoder_last_hidden_state[:, 1:], encoded, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found[0].last_hidden_state, decoded, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_neurons_of_both_stacks_have_addresses(tmp_path: Path) -> None:
    db = indexed(saved(tmp_path / "model", "t5gemma", "<s> $A"), tmp_path)
    tokenizer = tiny_tokenizer()
    tokens = [len(tokenizer(text)["input_ids"]) for text in TEXTS]  # without the one in front, which is not counted
    with indexer.open(db) as opened:
        for address in ("enc.L1N3", "dec.L1N3"):
            neuron = opened.neuron(address)
            assert neuron.neuron.name == address
            assert neuron.tokens_counted == sum(tokens)
        assert [site.address.name for site in opened.info().sites] == ["enc.L0", "enc.L1", "dec.L0", "dec.L1"]


def naive_window(ids: list[int], position: int, after: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    return tuple(ids[max(0, position - 24) : position + 1]), tuple(ids[position + 1 : position + 1 + after])


@pytest.mark.parametrize("after", [0, 7])
def test_fold_keys_are_equal_if_the_windows_are(after: int) -> None:
    rng = np.random.default_rng(0)
    length = np.array([40, 9, 33, 40, 1, 40])
    ids = rng.integers(0, 2, (6, 40)) * 3  # two tokens only, so that windows agree; 0 is also the padding
    ids[3] = ids[0]
    ids[3, 39] = 5  # seen by the last eight positions of an encoder
    ids[np.arange(40) >= length[:, None]] = 0
    keys = fold_keys(ids, length, after)
    seen: dict[tuple[Any, ...], int] = {}
    for row in range(6):
        for position in range(length[row]):
            window = naive_window(ids[row, : length[row]].tolist(), position, after)
            assert seen.setdefault(window, keys[row, position]) == keys[row, position]
    assert len(set(seen.values())) == len(seen)
    flat = np.concatenate([ids[row, : length[row]] for row in range(6)]).astype(np.int32)
    start = np.cumsum(length) - length
    for row in range(6):
        where = np.arange(length[row])
        of_row = (np.full(len(where), value) for value in (start[row], length[row]))
        begin, long = of_row
        assert np.array_equal(fold_keys_at(flat, begin, where, long, after), keys[row, : length[row]])


class Looping(nn.Module):
    """A body that runs its layers twice."""

    def __init__(self, inner: Any) -> None:
        super().__init__()
        self.layers = inner.layers
        self.inner = [inner]
        self.config = inner.config

    def forward(self, input_ids: Tensor, **_: Any) -> Any:
        once = self.inner[0](input_ids)
        return self.inner[0](inputs_embeds=once[0])


def test_trap_a_model_that_runs_its_layers_twice_is_refused(tmp_path: Path) -> None:
    from dataclasses import replace

    from indexer.models.probe import rehearse

    loaded = load(str(saved(tmp_path / "model", "llama")))
    looping = replace(loaded, model=Looping(loaded.model), runs={})
    shown = rehearse(looping)
    assert shown.runs == {"layers.0.mlp": 2, "layers.1.mlp": 2}
    with pytest.raises(GluscopeError, match="a pass runs it 2 times"):
        read_by_text(replace(looping, runs=shown.runs), find_sites(looping.model))


@pytest.mark.slow
def test_layers_that_text_alone_does_not_run_are_left_out_and_said_so(tmp_path: Path) -> None:
    model = saved(tmp_path / "model", "mllama")
    notices: list[Progress] = []
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("the cat sat on the mat")
    db = index(
        str(model),
        Inputs((str(corpus),)),
        tmp_path / "g.db",
        Settings(sample=4),
        Execution(compile="on"),
        progress=lambda report: notices.append(report) if report.phase == "notice" else silent(report),
    )
    assert [notice.message for notice in notices] == ["left out, since text alone doesn't run them: L1"]
    with indexer.open(db) as opened:
        assert [site.address.name for site in opened.info().sites] == ["L0", "L2"]


class PaddingSeen(nn.Module):
    """An encoder that averages over all of its positions, padding included."""

    def __init__(self, inner: Any) -> None:
        super().__init__()
        self.layers = inner.layers
        self.inner = [inner]
        self.config = inner.config

    def forward(self, input_ids: Tensor, **_: Any) -> Any:
        hidden = self.inner[0](input_ids)[0]
        return (hidden + hidden.mean(1, keepdim=True),)


def test_trap_a_model_whose_values_change_with_padding_is_refused(tmp_path: Path) -> None:
    from dataclasses import replace

    from indexer.models.probe import rehearse

    loaded: LoadedModel = load(str(saved(tmp_path / "model", "llama")))
    with pytest.raises(GluscopeError, match="change with the padding beside it"):
        rehearse(replace(loaded, model=PaddingSeen(loaded.model)))


@pytest.mark.slow
def test_position_0_is_not_counted_if_it_is_a_token_that_only_the_decoder_sees(tmp_path: Path) -> None:
    model = saved(tmp_path / "model", "mt5", "$A </s>")
    with pytest.raises(GluscopeError, match=r"--count-first can't be used with .*: at position 0 is the token"):
        indexed(model, tmp_path, count_first=True)
    db = indexed(model, tmp_path, count_first=True, bos="never")
    own = [len(tiny_tokenizer()(text, add_special_tokens=False)["input_ids"]) for text in TEXTS]
    with StoredIndex(db) as stored:
        assert {stored.site(record).tokens_counted for record in stored.sites} == {sum(own)}


@pytest.mark.parametrize("decoding", [False, True])
def test_an_encoder_that_was_saved_without_its_decoder_is_read(decoding: bool, tmp_path: Path) -> None:
    config = tiny_config(families()["t5"])
    encoders: Any = transformers.T5EncoderModel
    torch.manual_seed(0)
    whole: Any = encoders(config).eval()
    whole.save_pretrained(tmp_path / "model")
    file = tmp_path / "model" / "config.json"
    kept = json.loads(file.read_text())
    file.write_text(json.dumps({**kept, "is_encoder_decoder": decoding}))  # as it comes from the model it was cut from
    tokenizer = tiny_tokenizer()
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(single="$A </s>", special_tokens=[("</s>", SEP)])
    tokenizer.save_pretrained(tmp_path / "model")
    db = indexed(tmp_path / "model", tmp_path, count_first=True, context=40)
    gates: list[Tensor] = []
    mlp = whole.encoder.block[1].layer[-1].DenseReluDense
    mlp.wi_0.register_forward_hook(lambda _module, _args, out: gates.append(out[0]))
    with torch.no_grad():
        for text in TEXTS:
            whole(input_ids=torch.tensor([[*tokenizer(text, add_special_tokens=False)["input_ids"], SEP]]))
    gate = torch.cat(gates)
    with StoredIndex(db) as stored:
        assert [record.address.name for record in stored.sites] == ["L0", "L1"]
        site = stored.site(stored.sites[1])
        assert "no language-model head" in stored.info["weights"]["reason"]  # its own decoder's would be another's
    assert site.tokens_counted == len(gate)
    assert np.array_equal(site.count[:2].sum(0), (gate > 0).sum(0).numpy())


@pytest.mark.parametrize(
    ("family", "causal"),
    [
        *(("llama", True), ("modernbert-decoder", True), ("mllama", True), ("recurrent_gemma", True)),
        *(("modernbert", False), ("eurobert", False), ("nomic_bert", False), ("mt5", False)),
    ],
)
def test_who_sees_whom_is_found_by_trying(family: str, causal: bool, tmp_path: Path) -> None:
    assert load(str(saved(tmp_path / "model", family))).causal is causal


@pytest.mark.slow
def test_an_encoders_index_that_is_extended_equals_one_run(tmp_path: Path) -> None:
    model = saved(tmp_path / "model", "modernbert", "<s> $A </s>")
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    whole = indexed(model, tmp_path / "one")
    tokens = [len(tiny_tokenizer()(text)["input_ids"]) for text in TEXTS]
    indexed(model, tmp_path / "two", tokens=tokens[0])
    extended = indexed(model, tmp_path / "two", tokens=10_000)
    with indexer.open(whole) as one, indexer.open(extended) as two:
        for address in ("L0N0", "L1N39"):
            before, after = one.neuron(address), two.neuron(address)
            for quadrant, record in before.quadrants.items():
                other = after.quadrants[quadrant]
                assert other.count == record.count
                places = [(e.document, e.part, e.position) for e in record.examples["post"]]
                assert [(e.document, e.part, e.position) for e in other.examples["post"]] == places


def test_a_benchmark_reads_an_encoders_sequences_as_indexing_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = saved(tmp_path / "model", "modernbert", "<s> $A </s>")
    (tmp_path / "corpus.txt").write_text(TEXTS[0])
    read: list[list[int]] = []

    def noting(loaded: LoadedModel, ids: Tensor, *rest: Any) -> None:
        read.extend(ids.tolist())
        run_body(loaded, ids, *rest)

    monkeypatch.setattr("indexer.jobs.bench.run_body", noting)
    settings = Settings(context=12, top_k=4, sample=8)
    inputs = Inputs((str(tmp_path / "corpus.txt"),))
    bench(str(model), inputs, settings, Execution(compile="on"), sequences_=1, rounds=1, progress=silent)
    assert read
    assert {(ids[0], ids[-1]) for ids in read} == {(CLS, SEP)}


class Quantised(nn.Module):
    """A linear map that keeps its numbers in a form of its own, without a parameter."""

    def __init__(self, inner: nn.Linear) -> None:
        super().__init__()
        self.infeatures, self.outfeatures = inner.in_features, inner.out_features
        self.register_buffer("qweight", (inner.weight.detach() * 16).round().to(torch.int8))

    def forward(self, x: Tensor) -> Tensor:
        weight: Any = self.qweight
        return nn.functional.linear(x, weight.to(x.dtype) / 16)


@pytest.mark.slow
def test_quantised_maps_are_read_and_their_weights_said_to_be_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = saved(tmp_path / "model", "llama")

    def quantised(model: str, **options: Any) -> LoadedModel:
        from dataclasses import replace

        from indexer.models.probe import rehearse

        loaded = load(model, **options)
        body: Any = loaded.model
        for layer in body.layers:
            for name in ("gate_proj", "up_proj", "down_proj"):
                setattr(layer.mlp, name, Quantised(getattr(layer.mlp, name)))
        return replace(loaded, runs=rehearse(loaded).runs)

    monkeypatch.setattr("indexer.jobs.prepare.load", quantised)
    db = indexed(folder, tmp_path)
    with indexer.open(db) as opened:
        neuron = opened.neuron("L1N5")
        assert neuron.flipped is None
        assert opened.neuron("L1N5", signs="raw").quadrants.keys() == neuron.quadrants.keys()
        assert {site.identity_error for site in opened.info().sites} == {0.0}
