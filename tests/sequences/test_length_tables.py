"""Rotary positions that depend on a sequence's length: every sequence is read as if it ran alone."""

from __future__ import annotations

import copy
import json
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from torch import Tensor, nn

from indexer.database.bulk.stored import StoredIndex
from indexer.errors import GluscopeError
from indexer.jobs.index import index
from indexer.jobs.merge import merge
from indexer.models.length_tables import length_tables
from indexer.progress import Progress
from indexer.settings import Execution, Inputs, Settings

from ..support.reference import Cut, cut
from ..support.tiny_models import tiny_tokenizer

pytestmark = pytest.mark.usefixtures("one_thread")

WIDTH = 48
LENGTHS = (90, 100, 110, 400, 80, 95, 63, 40, 40, 64)  # beyond and within 64 positions, and exactly those
DYNAMIC = {"rope_type": "dynamic", "factor": 4.0, "rope_theta": 1e4}
LONG = {
    **{"rope_type": "longrope", "rope_theta": 1e4, "original_max_position_embeddings": 64, "factor": 8.0},
    **{"short_factor": [1.0] * 4, "long_factor": [4.0, 6.0, 8.0, 10.0]},
}
KINDS: dict[str, tuple[str, int, dict[str, Any]]] = {
    "dynamic": ("LlamaConfig", 64, DYNAMIC),
    "longrope": ("LlamaConfig", 512, LONG),
    "phimoe's own": ("PhimoeConfig", 512, {**LONG, "short_mscale": 1.1, "long_mscale": 1.4}),
    "by kind of layer": ("Gemma3TextConfig", 64, {"full_attention": DYNAMIC, "sliding_attention": DYNAMIC}),
}
SETTINGS = Settings(context=512, sample=8, top_k=2, rank_by=("post",))


def make_model(folder: Path, kind: str) -> Path:
    name, positions, rope = KINDS[kind]
    config = getattr(transformers, name)(
        **{"vocab_size": 400, "hidden_size": 32, "intermediate_size": WIDTH, "num_hidden_layers": 2},
        **{"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": positions},
        **{"rope_parameters": copy.deepcopy(rope), "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2},
        **({"num_local_experts": 2, "num_experts_per_tok": 2} if name == "PhimoeConfig" else {}),
        **({"layer_types": ["sliding_attention", "full_attention"]} if name == "Gemma3TextConfig" else {}),
    )
    torch.manual_seed(0)
    auto: Any = transformers.AutoModelForCausalLM
    model = auto.from_config(config)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.copy_(torch.randn(parameter.shape) * (1.5 / parameter.shape[-1] ** 0.5))
    model.save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder


def write_texts(path: Path) -> list[str]:
    """Documents of about these numbers of tokens: in a byte-level tokenizer's eyes mostly one a character."""
    generator = torch.Generator().manual_seed(1)
    letters = "qzxkvjwy0123456789"
    texts = [
        "".join(letters[int(n)] for n in torch.randint(len(letters), (length - 1,), generator=generator))
        for length in LENGTHS
    ]
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return texts


def alone(folder: Path, cuts: Sequence[Cut]) -> list[tuple[Tensor, Tensor]]:
    """Gate and in of the last dense MLP, or of expert 0 of the last layer, of each sequence by a fresh model."""
    auto: Any = transformers.AutoModel
    model = auto.from_pretrained(folder).eval()
    found = []
    for one in cuts:
        fresh: Any = copy.deepcopy(model)
        seen: list[Tensor] = []
        mlp = fresh.layers[-1].mlp
        mlp.register_forward_pre_hook(lambda _module, args, seen=seen: seen.append(args[0][0]))
        with torch.no_grad():
            fresh(input_ids=torch.tensor([one.ids]), use_cache=False)
        found.append(_gate_and_in(mlp, seen[0]))
    return found


def _gate_and_in(mlp: nn.Module, entered: Tensor) -> tuple[Tensor, Tensor]:
    """Position neuron each."""
    held: Any = mlp
    if hasattr(mlp, "gate_proj"):
        return held.gate_proj(entered).detach(), held.up_proj(entered).detach()
    gate, in_ = (entered @ held.experts.gate_up_proj[0].T).detach().chunk(2, dim=-1)  # each token reaches both experts
    return gate, in_


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_every_sequence_is_read_as_if_it_ran_alone(kind: str, tmp_path: Path) -> None:
    model = make_model(tmp_path / "model", kind)
    corpus = tmp_path / "texts.jsonl"
    cuts = cut(tiny_tokenizer(), write_texts(corpus), SETTINGS)
    assert {len(one.ids) for one in cuts} >= {64, 90, 400}
    read = alone(model, cuts)
    gate, in_ = (torch.cat([values[place][1:] for values in read]).double() for place in (0, 1))
    inside = [(gate > 0) & (in_ > 0), (gate > 0) & (in_ < 0), (gate < 0) & (in_ > 0), (gate < 0) & (in_ < 0)]
    count = torch.stack([quadrant.sum(0) for quadrant in inside]).numpy()
    largest = torch.stack([torch.where(quadrant, gate.abs(), 0).amax(0) for quadrant in inside]).numpy()
    for batch_tokens in (1, 2048):
        db = tmp_path / f"{batch_tokens}.db"
        settings = Settings(context=512, sample=8, top_k=2, rank_by=("post",), batch_tokens=batch_tokens)
        index(str(model), Inputs((str(corpus),)), db, settings, Execution(compile="off", weights=False))
        with StoredIndex(db) as stored:
            name = "L1E0" if kind.startswith("phimoe") else "L1"
            site = stored.site(next(record for record in stored.sites if record.address.name == name))
        assert np.array_equal(site.count, count)
        np.testing.assert_allclose(np.abs(site.extreme[0]), largest, rtol=1e-4)


@pytest.mark.slow
def test_parts_of_a_run_join_to_the_whole(tmp_path: Path) -> None:
    model = make_model(tmp_path / "model", "dynamic")
    corpus = tmp_path / "texts.jsonl"
    write_texts(corpus)
    made: list[Path] = []
    for shard in (None, "1/2", "2/2"):
        made.append(tmp_path / f"{len(made)}.db")
        execution = Execution(compile="off", weights=False, shard=shard)
        index(str(model), Inputs((str(corpus),)), made[-1], SETTINGS, execution)
    joined = merge(tmp_path / "joined.db", made[1:], lambda _: None)
    with StoredIndex(made[0]) as one, StoredIndex(joined) as other:
        for record, again in zip(one.sites, other.sites, strict=True):
            assert np.array_equal(one.site(record).count, other.site(again).count)
            assert np.array_equal(one.site(record).extreme, other.site(again).extreme)


def test_the_first_sequence_beyond_the_models_positions_is_reported_and_kept(tmp_path: Path) -> None:
    model = make_model(tmp_path / "model", "dynamic")
    corpus = tmp_path / "texts.jsonl"
    corpus.write_text("".join(json.dumps({"text": text}) + "\n" for text in ("1", "2" * 63, "3" * 64, "4" * 70)))
    told: list[Progress] = []
    db = index(
        str(model), Inputs((str(corpus),)), tmp_path / "x.db", SETTINGS, Execution(weights=False), progress=told.append
    )
    notices = [one.message for one in told if one.phase == "notice" and "is made for" in one.message]
    assert len(notices) == 1
    assert notices[0].startswith("document 2 (")
    assert "65 tokens" in notices[0]
    assert "made for 64" in notices[0]
    with StoredIndex(db) as stored:
        assert stored.info["run"]["notices"] == notices


def test_an_index_made_with_the_positions_of_the_longest_sequence_of_a_batch_is_not_extended(tmp_path: Path) -> None:
    model = make_model(tmp_path / "model", "dynamic")
    corpus = tmp_path / "texts.jsonl"
    write_texts(corpus)
    inputs, execution = Inputs((str(corpus),)), Execution(compile="off", weights=False)
    db = index(str(model), inputs, tmp_path / "x.db", replace(SETTINGS, tokens=150), execution)
    with sqlite3.connect(db) as connection:
        (kept,) = connection.execute("SELECT value FROM info WHERE key = 'run'").fetchone()
        run = json.loads(kept)
        assert run["identity"].pop("tables") == ["dynamic 64"]
        connection.execute("UPDATE info SET value = ? WHERE key = 'run'", (json.dumps(run),))
    with pytest.raises(GluscopeError, match="rotary positions of the longest"):
        index(str(model), inputs, db, SETTINGS, execution)


def test_positions_by_length_of_an_unknown_form_are_refused_by_name() -> None:
    auto: Any = transformers.AutoModel
    config = transformers.LlamaConfig(
        vocab_size=9, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1
    )
    config.rope_parameters = {**DYNAMIC, "rope_type": "default"}
    with torch.device("meta"):
        body = auto.from_config(config)
    assert length_tables(body) is None
    body.config.rope_parameters = DYNAMIC  # as a class would have it that has rotary positions of its own
    with pytest.raises(GluscopeError, match=r"rotary positions \(dynamic\)"):
        length_tables(body)
