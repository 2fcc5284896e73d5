"""Every family that gluscope reads gives, on a text of one's own, the values that its own code computes: a sample of
them, or --all-families."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from indexer.live.asking import Question, ask
from indexer.live.model import Choice
from indexer.live.session import LiveSession
from indexer.live.values import row_of
from indexer.sites import text_body

from .by_hand import read
from .made import made
from .test_families import ENCODERS

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]

TEXT = "the cat sat on the mat"


def test_a_family_is_prompted_as_its_own_code_computes(family: str, tmp_path: Path) -> None:
    folder = made(tmp_path / "model", family)
    auto: Any = transformers.AutoModel
    body: Any = text_body(auto.from_pretrained(folder).eval())
    with LiveSession(None, Choice(str(folder))) as session:
        found = ask(session, TEXT, Question(limit=None))
        values = session.read(TEXT).values
        two = bool(getattr(body.config, "is_encoder_decoder", False))
        ids = torch.tensor([list(found.ids)])
        fed: dict[str, Any] = {"input_ids": ids}
        if two:
            mask = torch.ones_like(ids)
            mask[0, 0] = int(not session.live.loaded.hides_start or found.ids[0] != session.live.loaded.decoder_start)
            fed |= {"decoder_input_ids": ids, "attention_mask": mask}
        dense = {name: site for name, site in session.live.names.items() if site.address.expert is None}
        by_hand = read(body, [site.path for site in dense.values()], [fed])
        for name, site in dense.items():
            for lane, wanted in zip(("gate", "in", "act", "post"), by_hand[site.path][0], strict=True):
                scale = max(1e-6, float(wanted.abs().max()))
                torch.testing.assert_close(values.sites[name][lane], wanted, rtol=1e-4, atol=1e-4 * scale)
        encoder = type(body).__name__ in ENCODERS
        assert (found.no_logit is not None) >= encoder
        assert bool(found.targets) == (found.no_logit is None)
        for row in found.rows:
            assert row_of(values.sites[row.neuron.site.name], row.position) is not None
