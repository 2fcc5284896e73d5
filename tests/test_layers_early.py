"""A layer that a model doesn't have is found missing from its configuration alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from indexer.errors import GluscopeError
from indexer.models import load
from tests.tiny_models import save_tiny


def test_a_layer_that_is_not_there_is_refused_before_the_weights_are_read(tmp_path: Path) -> None:
    folder = save_tiny(tmp_path / "model", "llama")
    (folder / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(GluscopeError, match="no gated MLP in layer 99"):
        load(str(folder), layers=[0, 99])
    with pytest.raises(GluscopeError, match=r"weights|safetensors|damaged"):
        load(str(folder), layers=[0])
