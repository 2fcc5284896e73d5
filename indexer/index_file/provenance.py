"""The provenance of an index: the info of a run."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .. import __version__
from ..corpus import Corpus
from ..models.loaded import LoadedModel
from .coverage import Coverage
from .identity import Identity
from .run_info import RunInfo

_SOFTWARE = ("torch", "transformers", "tokenizers", "gguf", "safetensors", "numpy", "sqlite-utils")


@dataclass(frozen=True, slots=True)
class TextRead:
    """The part of a corpus that was read."""

    documents: int
    sequences: int
    tokens: int
    hash: str  # of the token ids
    bos: int | None
    eos: int | None  # after every sequence, for encoders
    conversations: int = 0  # of its documents
    roles: tuple[str, ...] = ()  # in them


def of_model(loaded: LoadedModel, layers: int) -> dict[str, Any]:
    """What an index keeps of its model. `layers`: that it has with a gated MLP."""
    return {
        "name": loaded.name,
        "location": loaded.location,
        "revision": loaded.revision,
        "architecture": loaded.architecture,
        "model_type": loaded.model_type,
        "fingerprint": loaded.fingerprint,
        "dtype": loaded.dtype,
        "device": loaded.device,
        "causal": loaded.causal,
        "layers": layers,
    }


def run_info(
    loaded: LoadedModel,
    layers: int,
    corpus: Corpus,
    read: TextRead,
    identity: Identity,
    coverage: Coverage,
    seconds: float,
    notices: Sequence[str],
) -> dict[str, Any]:
    """The provenance that an index keeps. `layers`: that the model has with a gated MLP."""
    tokens = max((batches.tokens for batches in coverage.sites.values()), default=0)
    chats = {"conversations": read.conversations, "roles": list(read.roles)} if read.conversations else {}
    return {
        "complete": coverage.complete,
        "model": of_model(loaded, layers),
        "corpus": {
            **corpus.describe(),
            "documents": read.documents,
            "sequences": read.sequences,
            "tokens": read.tokens,
            "hash": read.hash,
            "bos": read.bos,
            "eos": read.eos,
            **chats,
        },
        "settings": identity.settings.to_json(),
        "coverage": coverage.to_json(),
        "software": {
            "gluscope": __version__,
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in _SOFTWARE},
        },
        "run": RunInfo.now(identity, seconds, tokens, coverage, notices).to_json(),
    }
