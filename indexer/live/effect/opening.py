"""From a model that is open and a request to what measures its rows. Refuses encoders, which predict no next token."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from ...corpus import Corpus, open_corpus
from ...database.reader import Index
from ...database.records import IndexInfo
from ...errors import GluscopeError
from ...sequences.sequences import TokenSequence, sequences
from ...sequences.tokenizer import text_encoder
from ...settings import Inputs
from ...sites import is_encoder_decoder
from ..head import find_head
from ..model import LiveModel
from ..text import demand_text, encode_text
from .plan import Text
from .request import Request
from .rows import Effects
from .study import Study

CPU_ROWS, ACCELERATOR_ROWS = 2048, 32768
"""Tokens of altered rows that run at once."""


@dataclass(frozen=True, slots=True)
class Source:
    """The text to measure on; without inputs and prompt the contexts of the index. None: as the index was made."""

    inputs: Inputs | None = None
    prompt: str | None = None
    context: int | None = None
    long: str | None = None
    tokens: int | None = None  # None: all

    @property
    def given(self) -> bool:
        """Whether there is a text."""
        return self.inputs is not None or self.prompt is not None


def demand_causal(info: IndexInfo) -> None:
    """GluscopeError if an index says that its model is an encoder: known before the model is loaded."""
    if info.model.get("causal") is False and not any(site.address.stack for site in info.sites):
        raise _encoder(str(info.model["name"]))


def open_source(index: Index | None, source: Source) -> Corpus | None:
    """The documents of the text, if it has inputs. It needs no model.

    GluscopeError for inputs that can't be read, an empty prompt, and if there is nothing to measure on.
    """
    if index is None and not source.given:
        raise GluscopeError("there is nothing to measure on", "give a text with --text or --prompt, or an index")
    if source.prompt is not None:
        demand_text(source.prompt)
    if source.inputs is None:
        return None
    inputs = source.inputs
    return open_corpus(
        inputs.paths, column=inputs.column, dataset=inputs.dataset, config=inputs.config, split=inputs.split
    )


def open_effects(
    live: LiveModel,
    index: Index | None,
    request: Request,
    source: Source,
    notice: Callable[[str], None],
    corpus: Corpus | None = None,
) -> Effects:
    """Ready to measure. `corpus`: as `open_source` returns it. GluscopeError if the model predicts no next token."""
    loaded = live.loaded
    two_stacks = is_encoder_decoder(loaded.model)
    if not loaded.causal and not two_stacks:
        raise _encoder(loaded.name)
    head = find_head(loaded)
    if isinstance(head, str):
        raise GluscopeError(f"effect needs a model that predicts the next token: {head}", "use the whole model")
    if loaded.dtype in ("bfloat16", "float16"):
        notice(f"in {loaded.dtype} rounding alone moves a likelihood by some 0.01 nats: --dtype float32 is finer")
    if two_stacks:
        notice("the decoder predicts the next token of a text that the encoder has read whole, as in the index")
    if request.controls and index is not None and loaded.device == "cpu":
        notice(f"{request.controls} neurons alike beside each take most of the time: --controls 0 leaves them out")
    study = Study(
        loaded,
        head.widened(),
        CPU_ROWS if loaded.device == "cpu" else ACCELERATOR_ROWS,
        count_first=live.settings.count_first,
        notice=notice,
    )
    return Effects(live, index, request, _text(live, source, corpus), study)


def _encoder(name: str) -> GluscopeError:
    return GluscopeError(
        f"effect needs a causal model or a decoder, and {name} is an encoder: it predicts no next token",
        "use a model that writes text",
    )


def _text(live: LiveModel, source: Source, corpus: Corpus | None) -> Text | None:
    """The sequences of the text that was given, encoded as the index's were."""
    if source.prompt is not None:
        ids = encode_text(live, source.prompt)
        return Text("prompt", (TokenSequence(0, 0, 0, ids, "the prompt"),))
    if corpus is None:
        return None
    chosen = {"context": source.context, "long": source.long}
    given = {name: value for name, value in chosen.items() if value is not None}
    settings = replace(live.settings, tokens=source.tokens, **given)  # type: ignore[arg-type]  # of the right types
    enough = settings.context if settings.long == "truncate" else None
    with sequences(corpus, text_encoder(live.loaded.tokenizer, enough), settings, *live.around) as read:
        return Text("text", tuple(read))
