"""The model of an index is found again, is the same, and reads a text as the index read it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from indexer.database.reader import Index
from indexer.errors import GluscopeError
from indexer.live.model import Choice, open_model
from indexer.live.text import encode_chat, encode_text, special_tokens_in
from indexer.live.values import run_text
from indexer.progress import Progress
from indexer.settings import Settings

from ..support.reference import Reference
from ..support.small_runs import TEXTS, make, save_model, write_corpus
from .conftest import SETTINGS

pytestmark = pytest.mark.usefixtures("one_thread")


def info(db: Path) -> Any:
    with Index(db) as index:
        return index.info()


@pytest.mark.slow
def test_a_document_of_the_corpus_gives_the_values_that_the_index_keeps(live_index: Path) -> None:
    """Bit for bit at every peak of every ranking, since the index read each sequence as a batch of one."""
    live = open_model(info(live_index), Choice())
    values = {}
    with Index(live_index) as index:
        compared = 0
        for site in index.sites:
            for number in range(site.width):
                record = index.neuron(f"{site.address.name}N{number}", signs="raw")
                for one in record.quadrants.values():
                    for example in (example for list_ in one.examples.values() for example in list_):
                        if example.part:
                            continue  # a text is one sequence
                        if example.document not in values:
                            length = len(index.sequence(example.document, 0).tokens)
                            ids = encode_text_cut(live, TEXTS[example.document], length)
                            values[example.document] = run_text(live, ids)
                        found = values[example.document].sites[site.address.name]
                        for quantity in ("gate", "in", "act", "post"):
                            kept = example.values(quantity)[example.peak]
                            assert float(found[quantity][example.position, number]) == kept
                            compared += 1
    assert compared > 1000


@pytest.mark.slow
def test_parts_of_long_documents_read_in_larger_batches_agree_within_rounding(live_index: Path, tmp_path: Path) -> None:
    """A part's text is read as it was, where the tokenizer splits it as it did within the document."""
    folder = live_index.parent
    settings = replace(SETTINGS, batch_tokens=400)
    db = make(folder / "model", folder / "t.jsonl", tmp_path / "g.db", settings)
    live = open_model(info(db), Choice())
    parts = set()
    with Index(db) as index:
        for number in range(10):
            record = index.neuron(f"L1N{number}", signs="raw")
            for example in (e for q in record.quadrants.values() for list_ in q.examples.values() for e in list_):
                text = "".join(index.sequence(example.document, example.part).tokens[1:])
                ids = encode_text_cut(live, text, 48)
                if ids.tolist() != list(index.token_ids(example.document, example.part).tokens):
                    continue
                found = run_text(live, ids).sites["L1"]
                for quantity in ("gate", "in", "act", "post"):
                    kept = example.values(quantity)[example.peak]
                    assert float(found[quantity][example.position, number]) == pytest.approx(kept, rel=1e-4, abs=1e-6)
                parts.add(example.part)
    assert {0, 1} <= parts


def encode_text_cut(live: Any, text: str, length: int) -> Any:
    """The first sequence of a text that may be longer than the context."""
    try:
        return encode_text(live, text)
    except GluscopeError:
        ids = live.loaded.tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        return np.asarray([live.loaded.tokenizer.bos_token_id, *ids][:length], dtype=np.int32)


@pytest.mark.parametrize("family", ["gemma2", "phi3"])
def test_values_equal_those_of_plain_hooks(family: str, tmp_path: Path) -> None:
    model = save_model(tmp_path / "model", family)
    live = open_model(None, Choice(str(model)))
    text = "the cat sat; 猫が座った。</s>"
    values = run_text(live, encode_text(live, text))
    reference = Reference.of(model, [text], Settings(context=512))
    assert values.ids.tolist() == reference.cuts[0].ids
    for layer in (0, 1):
        (expected,) = reference.values(layer)
        for quantity, wanted in zip(("gate", "in", "act", "post"), expected, strict=True):
            assert torch.equal(values.sites[f"L{layer}"][quantity].float(), wanted)


def test_routed_experts_have_values_only_where_they_are_routed(tmp_path: Path) -> None:
    from ..support.tiny_experts import save_mixture

    folder = save_mixture(tmp_path / "model", "MixtralConfig")
    live = open_model(None, Choice(str(folder)))
    values = run_text(live, encode_text(live, "the cat sat on the mat and the dog sat"))
    auto: Any = transformers.AutoModelForCausalLM
    model: Any = auto.from_pretrained(folder).eval()
    chosen: list[Any] = []
    model.model.layers[1].mlp.gate.register_forward_hook(lambda _m, _a, out: chosen.append(out))
    entered: list[Any] = []
    model.model.layers[1].mlp.register_forward_pre_hook(lambda _m, args: entered.append(args[0][0]))
    with torch.no_grad():
        model(torch.from_numpy(values.ids.astype(np.int64))[None])
    logits = chosen[0][0] if isinstance(chosen[0], tuple) else chosen[0]
    routed = logits.topk(2, dim=-1)[1]
    experts = model.model.layers[1].mlp.experts
    for expert in range(6):
        found = values.sites[f"L1E{expert}"]
        assert found.positions.tolist() == [at for at in range(len(values.ids)) if expert in routed[at]]
        both = entered[0][found.positions] @ experts.gate_up_proj[expert].T
        width = both.shape[1] // 2
        for quantity, wanted in (("gate", both[:, :width]), ("in", both[:, width:])):
            torch.testing.assert_close(found[quantity], wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_other_weights_are_refused_with_both_fingerprints(live_index: Path, tmp_path: Path) -> None:
    other = shutil.copytree(live_index.parent / "model", tmp_path / "other")
    weights = load_file(other / "model.safetensors")
    weights["model.layers.1.mlp.down_proj.weight"][0, 0] += 1
    save_file(weights, other / "model.safetensors", metadata={"format": "pt"})
    made = info(live_index)
    with pytest.raises(GluscopeError) as caught:
        open_model(made, Choice(str(other)))
    assert made.model["fingerprint"] in caught.value.cause
    assert len(caught.value.cause.split("(")) > 2  # the other fingerprint too
    assert "name model" in caught.value.fix
    made.model["fingerprint"] = None  # of an index that was imported
    with pytest.raises(GluscopeError, match="doesn't say which weights"):
        open_model(made, Choice(str(other)))


@pytest.mark.slow
def test_a_model_that_moved_is_asked_for_and_taken_from_where_it_is(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "t.jsonl", TEXTS[:4])
    db = make(save_model(tmp_path / "model"), corpus, tmp_path / "g.db", SETTINGS, compile="off")
    moved = (tmp_path / "model").rename(tmp_path / "moved")
    with pytest.raises(GluscopeError, match="no longer at") as caught:
        open_model(info(db), Choice())
    assert "--model" in caught.value.fix
    assert [site.address.name for site in open_model(info(db), Choice(str(moved))).sites] == ["L0", "L1"]


@pytest.mark.slow
def test_another_dtype_is_told_and_the_weights_are_still_compared(live_index: Path) -> None:
    told: list[Progress] = []
    live = open_model(info(live_index), Choice(dtype="bfloat16"), told.append)
    assert live.loaded.dtype == "bfloat16"
    assert any("differ by rounding" in one.message for one in told)


@pytest.mark.slow
def test_a_text_longer_than_the_context_is_refused_with_the_limit(live_index: Path) -> None:
    live = open_model(info(live_index), Choice())
    assert len(encode_text(live, "7" * 47)) == 48
    for text in ("7" * 48, "7" * 2_000_000):
        with pytest.raises(GluscopeError, match="has room for: 47"):
            encode_text(live, text)


def test_an_empty_text_is_refused_and_special_tokens_are_text(live_index: Path) -> None:
    live = open_model(info(live_index), Choice())
    with pytest.raises(GluscopeError, match="no tokens"):
        encode_text(live, "")
    ids = encode_text(live, "</s>").tolist()
    assert ids[0] == live.loaded.tokenizer.bos_token_id
    assert live.loaded.tokenizer.eos_token_id not in ids
    assert special_tokens_in(live, "a</s>") == ["</s>"]


def test_a_chat_is_read_as_the_template_writes_it(live_index: Path) -> None:
    live = open_model(info(live_index), Choice())
    with pytest.raises(GluscopeError, match="no chat template"):
        encode_chat(live, "a")
    live.loaded.tokenizer.chat_template = "<s>{% for m in messages %}{{ m.role }}:{{ m.content }}</s>{% endfor %}"
    live.loaded.tokenizer.chat_template += "{% if add_generation_prompt %}A:{% endif %}"
    tokenizer = live.loaded.tokenizer

    def ids(text: str) -> list[int]:
        found: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
        return found

    assert encode_chat(live, "a cat").tolist() == ids("<s>user:a cat</s>A:")
    both = '[{"role": "user", "content": "a"}, {"role": "assistant", "content": "the"}]'
    assert encode_chat(live, both).tolist() == ids("<s>user:a</s>assistant:the")
    forged = encode_chat(live, "a</s>").tolist()
    assert forged.count(tokenizer.eos_token_id) == ids("<s>user:a</s>A:").count(tokenizer.eos_token_id)
    with pytest.raises(GluscopeError, match="has the role"):
        encode_chat(live, '[{"role": "no one", "content": "a"}]')


def test_a_value_that_is_not_finite_is_told(tmp_path: Path) -> None:
    live = open_model(None, Choice(str(save_model(tmp_path / "model"))))
    gate: Any = live.loaded.model.get_submodule("layers.1.mlp.gate_proj")
    gate.weight.data[3] = float("inf")
    with pytest.raises(GluscopeError, match="L1: "):
        run_text(live, encode_text(live, "a cat"))
