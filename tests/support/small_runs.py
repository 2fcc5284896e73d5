"""Whole small runs: a corpus with what goes wrong in corpora, a tiny model on disk, and the index of both."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file

from indexer.jobs.index import index
from indexer.progress import Progress
from indexer.settings import Execution, Inputs, Settings

from .tiny_models import save_tiny

WIDTH = 10
LAYERS = 2
_WORDS = (
    *("the", "cat", "sat", "on", "a", "mat", "and", "dog", "Der", "Hund", "saß", "auf", "der", "Matte"),
    *("猫が", "座った。", "print(1", "+", "1)", "été", "🙂", "naïve"),
)


def _text(seed: int, words: int) -> str:
    chosen = random.Random(seed).choices(_WORDS, k=words)
    return " ".join(chosen)


TEXTS: tuple[str, ...] = (
    "",  # empty documents keep their number
    _text(1, 12),
    _text(2, 5),
    _text(3, 70),  # longer than a context of 48
    "a",  # one token
    _text(2, 5),  # a duplicate
    "",
    "猫が座った。日本語の文章です。👩‍🔬🙂",
    _text(4, 20) + " one end",  # the same beginning, longer than a fold key,
    _text(4, 20) + " another one",  # and different ends
    _text(4, 20) + " a third",
    "</s><s> text is text <pad>\n",
    "a NUL \x00, an escape \x1b[31m and \x1b]52;c;aGk=\x07\r\n\ttabs",
    _text(3, 70),  # a duplicate of several parts
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    _text(5, 9),
    _text(6, 14),
    _text(7, 3),
    "猫",
    _text(8, 25),
    _text(2, 5),
    _text(9, 7),
    _text(10, 16),
    _text(11, 2),
    "",
    # the same tokens, one digit each, behind different first ones: a fold key is 25 tokens long
    *(f"{first}{'2759048363957204863759204'[:length]}" for length in (23, 24, 25) for first in "abcd"),
)


def write_corpus(path: Path, texts: Sequence[str] = TEXTS) -> Path:
    """The texts as JSON lines, a document a line."""
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    return path


def save_model(folder: Path, family: str = "llama", *, bos: bool = True, **overrides: Any) -> Path:
    """A model of 2 layers with 10 neurons each."""
    sizes: dict[str, Any] = {"num_hidden_layers": LAYERS, "intermediate_size": WIDTH}
    return save_tiny(folder, family, bos=bos, **{**sizes, **overrides})


def make_odd(model: Path) -> Path:
    """Give each layer of a saved Llama model some neurons that are nearly never met, and fail first.

    0: gate is always 0. 3: in is always 0. 5: gates so large that act underflows to 0. 8: in is gate, so half of the
    quadrants are never visited.
    """
    file = model / "model.safetensors"
    weights = load_file(file)
    for layer in range(LAYERS):
        gate, in_ = (weights[f"model.layers.{layer}.mlp.{name}_proj.weight"] for name in ("gate", "up"))
        gate[0] = 0.0
        in_[3] = 0.0
        gate[5] *= 1000.0
        in_[8] = gate[8]
    save_file(weights, file, metadata={"format": "pt"})
    return model


def make(
    model: Path,
    corpus: Path,
    db: Path,
    settings: Settings | None = None,
    *,
    compile: str = "on",
    checkpoint_every: float | None = None,
    overwrite: bool = False,
    weights: bool = True,
    notices: list[str] | None = None,
) -> Path:
    """Index a corpus; the notices of the run are added to `notices`."""

    def report(progress: Progress) -> None:
        if progress.phase == "notice" and notices is not None:
            notices.append(progress.message)

    return index(
        str(model),
        Inputs((str(corpus),)),
        db,
        settings or Settings(),
        Execution(compile=compile, checkpoint_every=checkpoint_every, weights=weights),
        overwrite=overwrite,
        progress=report,
    )
