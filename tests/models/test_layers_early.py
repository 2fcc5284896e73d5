"""A layer that a model doesn't have is found missing from its configuration alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from indexer.errors import GluscopeError
from indexer.models import load as models
from tests.support.tiny_models import save_tiny


class _WeightsAreRead(Exception):
    pass


def test_a_layer_that_is_not_there_is_refused_before_the_weights_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*_: object) -> None:
        raise _WeightsAreRead

    monkeypatch.setattr(models, "_body", read)
    folder = save_tiny(tmp_path / "model", "llama")
    with pytest.raises(GluscopeError, match="no gated MLP in layer 99"):
        models.load(str(folder), layers=[0, 99])
    with pytest.raises(_WeightsAreRead):
        models.load(str(folder), layers=[0])
