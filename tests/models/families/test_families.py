"""Every family that gluscope reads is indexed as its own code computes: a sample of them, or --all-families."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from torch import Tensor

from indexer.database.bulk.stored import StoredIndex
from indexer.errors import GluscopeError
from indexer.jobs.index import index
from indexer.models.families import SUPPORTED, family_of
from indexer.settings import Execution, Inputs, Settings
from indexer.sites import find_sites, text_body

from .by_hand import Values, read
from .made import made
from .record import look, recorded
from .tiny import bare_model, families, tiny_config

pytestmark = pytest.mark.usefixtures("one_thread")

CONTEXT = 20
ENCODERS = {
    *("ModernBertModel", "NomicBertModel", "GteModel", "EuroBertModel", "EsmcModel", "UltrabertModel"),
    *("EmbeddingGemma2TextModel",),
}
"""Models whose tokens see those after them, as their papers say."""
TEXTS = (
    "the cat sat on the mat and the dog sat on the cat",
    "a",
    "Der Hund saß auf der Matte; 猫が座った。",
    "print(1 + 1)\n and a longer line that fills more than one context of tokens",
)


def inputs(folder: Path, body: Any) -> list[dict[str, Tensor]]:
    """The inputs of the model, one sequence at a time, without padding."""
    loader: Any = transformers.AutoTokenizer
    tokenizer = loader.from_pretrained(folder)
    template = tokenizer("a")["input_ids"]
    own = tokenizer("a", add_special_tokens=False)["input_ids"]
    two = bool(getattr(body.config, "is_encoder_decoder", False))
    causal = not two and type(body).__name__ not in ENCODERS
    front: list[int] = [tokenizer.bos_token_id] if causal else template[: template.index(own[0])]
    back: list[int] = [] if causal else template[len(front) + len(own) :]
    start = getattr(body.config, "decoder_start_token_id", None)
    start = getattr(body.config, "bos_token_id", None) if start is None else start
    start = getattr(body.config, "pad_token_id", None) if start is None else start
    hidden = two and front != [start]
    if two and not front and start is not None:
        front = [start]
    room = CONTEXT - len(front) - len(back)
    found = []
    for text in TEXTS:
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        for at in range(0, len(ids), room):
            one = torch.tensor([[*front, *ids[at : at + room], *back]])
            mask = torch.ones_like(one)
            if hidden:
                mask[0, 0] = 0
            found.append({"input_ids": one, **({"decoder_input_ids": one, "attention_mask": mask} if two else {})})
    return found


def expected(values: list[Values]) -> tuple[np.ndarray[Any, Any], ...]:
    """Count (quadrant neuron), sum and extreme (quantity quadrant neuron) over all positions but the first."""
    gate, in_, act, post = (torch.cat([value[place][1:] for value in values]).double() for place in range(4))
    inside = [(gate > 0) & (in_ > 0), (gate > 0) & (in_ < 0), (gate < 0) & (in_ > 0), (gate < 0) & (in_ < 0)]
    count = torch.stack([quadrant.sum(0) for quadrant in inside])
    sums, extremes = [], []
    for value in (gate, in_, act, post):
        kept = torch.stack([torch.where(quadrant, value, 0.0) for quadrant in inside])  # quadrant position neuron
        sums.append(kept.sum(1))
        largest = kept.abs().argmax(1, keepdim=True)
        extremes.append(kept.gather(1, largest)[:, 0])
    return count.numpy(), torch.stack(sums).numpy(), torch.stack(extremes).numpy()


@pytest.mark.slow
def test_a_family_is_indexed_as_its_own_code_computes(family: str, tmp_path: Path) -> None:
    folder = made(tmp_path / "model", family)
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS))
    settings = Settings(context=CONTEXT, top_k=2, sample=8)
    db = index(str(folder), Inputs((str(corpus),)), tmp_path / "g.db", settings, Execution(compile="off"))
    assert family_of(str(folder))[0].status == SUPPORTED
    auto: Any = transformers.AutoModel
    body: Any = text_body(auto.from_pretrained(folder).eval())
    paths = {site.address.name: site.path for site in find_sites(body)}
    fed = inputs(folder, body)
    with StoredIndex(db) as stored:
        kept = [record for record in stored.sites if record.address.expert is None]
        by_hand = read(body, [paths[record.address.name] for record in kept], fed)
        for record in kept:
            values = by_hand[paths[record.address.name]]
            site = stored.site(record)
            assert site.tokens_counted == sum(len(value[0]) - 1 for value in values)
            count, sums, extremes = expected(values)
            assert np.array_equal(site.count, count)
            for found, wanted in ((site.sum, sums), (site.extreme, extremes)):
                for quantity in range(4):
                    scale = np.abs(wanted[quantity]).max()
                    assert np.abs(found[quantity] - wanted[quantity]).max() <= 1e-4 * scale


@pytest.mark.slow
def test_models_never_says_supported_of_what_index_refuses(left: str, tmp_path: Path) -> None:
    """For families that are refused, or read through another, `models` and `index` agree."""
    try:
        folder = made(tmp_path / "model", left)
    except Exception as error:  # whatever a library's class raises for its own small settings
        pytest.skip(f"can't be made small: {type(error).__name__}")
    (tmp_path / "text.txt").write_text(TEXTS[0])
    supported = status(folder) == SUPPORTED
    try:
        index(
            str(folder),
            Inputs((str(tmp_path / "text.txt"),)),
            tmp_path / "g.db",
            Settings(context=CONTEXT, top_k=2, sample=8),
            Execution(compile="off", weights=False),
        )
    except GluscopeError:
        assert not supported
    else:
        assert supported


def status(folder: Path) -> str:
    try:
        return family_of(str(folder))[0].status
    except GluscopeError:
        return "refused"


def test_every_family_is_what_the_record_says(pytestconfig: pytest.Config) -> None:
    chosen = families() if pytestconfig.getoption("--all-families", default=False) else {"llama": families()["llama"]}
    found = {name: look(config)[0] for name, config in chosen.items()}
    wrong = {name: status for name, status in found.items() if name not in recorded(status)}
    assert not wrong, "python -m tests.models.families.record makes the record anew"


@pytest.mark.parametrize("name", ["gpt2", "nemotron", "t5", "bert", "opt", "jina_embeddings_v3"])
def test_a_family_without_gates_is_said_to_be_not_gated(name: str) -> None:
    settings = {"nemotron": {"num_key_value_heads": 2}}.get(name, {})
    with pytest.raises(GluscopeError, match="is not gated"):
        find_sites(bare_model(tiny_config(families()[name], settings)))
