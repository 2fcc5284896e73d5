"""Measures the cost of indexing over the bare model: in one process, interleaved, on the same batches."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from statistics import median
from typing import Any

import torch

from ..corpus import Corpus, open_corpus
from ..errors import GluscopeError
from ..models.forward import run_body
from ..models.load import load
from ..models.loaded import LoadedModel
from ..models.special_tokens import around
from ..progress import Progress, Report
from ..run.accumulator import Run
from ..sequences.batches import Batch, plan
from ..sequences.chat import ChatEncoder
from ..sequences.sequences import TokenSequence, sequences
from ..sequences.tokenizer import text_encoder
from ..settings import EVERY_TOKEN, Execution, Inputs, Settings
from ..sites import Site, find_sites, select
from ..sites.experts import select_experts
from ..statistics.best_k import EMPTY, BestK
from ..statistics.choice import Engines
from ..statistics.sample import PositionSample
from .prepare import resolve

SEEN = 20_000
"""`steady` measures indexing as it is after this many sequences."""

_MOST = 2**63 - 1

REGIMES = ("cold", "steady", "limit")


@dataclass(frozen=True, slots=True)
class Spread:
    """Several measurements of one quantity."""

    min: float
    median: float
    max: float

    @classmethod
    def of(cls, values: list[float]) -> Spread:
        return cls(min(values), median(values), max(values))


@dataclass(frozen=True, slots=True)
class Measured:
    """The result that `gluscope bench` prints; `as_dict` is its JSON."""

    bare: Spread  # tokens a second of the bare forward pass of the body
    ratio: dict[str, Spread]  # regime -> speed of indexing / speed of the bare pass, round by round
    insertions: dict[str, float]  # regime -> examples entered a sequence
    settings: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        return {
            "bare": asdict(self.bare),
            "ratio": {regime: asdict(spread) for regime, spread in self.ratio.items()},
            "insertions": self.insertions,
            "settings": self.settings,
        }


def bench(
    model: str,
    inputs: Inputs,
    settings: Settings,
    execution: Execution,
    *,
    sequences_: int,
    rounds: int,
    progress: Report,
) -> Measured:
    """Measure `rounds` rounds of four passes over the same batches: bare, and indexing in each regime.

    `cold` begins with empty rankings. In `steady` every list begins with a k-th best value that lets in as many of the
    measured offers as after 20,000 sequences; a draw begins with the hashes that are expected after as many. In `limit`
    no ranking changes. Loading and compiling don't count.
    """
    corpus = open_corpus(
        inputs.paths,
        column=inputs.column,
        chat=inputs.chat,
        chat_template=inputs.chat_template,
        dataset=inputs.dataset,
        config=inputs.config,
        split=inputs.split,
    )
    progress(Progress("loading", message=f"loading {model}"))
    loaded = load(
        model,
        dtype=settings.dtype,
        revision=settings.revision,
        device=execution.device,
        device_map=execution.device_map,
        trust_remote_code=execution.trust_remote_code,
    )
    for notice in loaded.notices:
        progress(Progress("notice", message=notice))
    return measure(Passes.of(loaded, corpus, settings, execution, sequences_, progress), rounds, progress)


def measure(passes: Passes, rounds: int, progress: Report) -> Measured:
    """Measure `rounds` rounds of passes that are ready."""
    bare: list[float] = []
    ratios: dict[str, list[float]] = {regime: [] for regime in REGIMES}
    for number in range(rounds):
        progress(Progress("measuring", number, rounds, message="measuring rounds"))
        seconds = passes.bare()
        bare.append(passes.tokens / seconds)
        for regime in REGIMES:
            ratios[regime].append(seconds / passes.indexing(regime))
    entered = {regime: round(passes.entered[regime] / len(passes.numbers), 1) for regime in REGIMES}
    return Measured(
        Spread.of(bare),
        {regime: Spread.of(values) for regime, values in ratios.items()},
        entered,
        {**passes.facts(), "rounds": rounds},
    )


def _device_name(device: str) -> str:
    return torch.cuda.get_device_name(device) if device.startswith("cuda") else device


def _batches(loaded: LoadedModel, corpus: Corpus, settings: Settings, number: int) -> Iterator[Batch]:
    """The plan of the corpus's first sequences that fill the context, or of its first ones if too few do."""
    chosen: list[TokenSequence] = []
    spare: list[TokenSequence] = []
    encode = text_encoder(loaded.tokenizer)
    chats = partial(ChatEncoder, loaded.tokenizer, corpus.template)
    with sequences(corpus, encode, settings, *around(loaded, settings.bos), chats=chats) as read:
        for sequence in read:
            (chosen if sequence.length == settings.context else spare).append(sequence)
            if len(chosen) == number:
                break
    chosen += islice(spare, number - len(chosen))
    if not chosen:
        raise GluscopeError("the text has no sequence to measure with", "give more text")
    assert settings.batch_tokens is not None  # resolved
    return plan(chosen, settings.batch_tokens, alike=loaded.alike)


class Passes:
    """The passes that are compared."""

    @classmethod
    def of(
        cls,
        loaded: LoadedModel,
        corpus: Corpus,
        settings: Settings,
        execution: Execution,
        number: int,
        progress: Report,
    ) -> Passes:
        """Ready to be measured, over `number` sequences of a corpus: compiled, and each tried once."""
        sites = select_experts(select(find_sites(loaded.model), settings.layers), settings.experts)
        settings = resolve(settings, loaded, settings.layers)
        batches = list(_batches(loaded, corpus, settings, number))
        engines = Engines(execution.compile != "off", lambda message: progress(Progress("notice", message=message)))
        passes = cls(loaded, sites, settings, engines, batches)
        passes.warm_up(lambda words: progress(Progress("warming up", message=words)))
        return passes

    def __init__(
        self, loaded: LoadedModel, sites: tuple[Site, ...], settings: Settings, engines: Engines, batches: list[Batch]
    ) -> None:
        self._loaded = loaded
        self._sites = sites
        self._settings = settings
        self._engines = engines
        self._batches = batches
        self.numbers = sorted(sequence.number for batch in batches for sequence in batch.sequences)
        self.tokens = sum(batch.tokens for batch in batches)
        self.entered: dict[str, int] = {}
        self._run = Run(loaded, sites, settings, engines)
        self._empty = self._keys()
        self._steady: dict[int, torch.Tensor] = {}
        self._share: dict[str, float] = {}  # site -> the share of tokens that it counts

    def warm_up(self, tell: Callable[[str], None]) -> None:
        """Compile, and estimate the threshold of every list after `SEEN` sequences from its offers."""
        tell("compiling the statistics")
        offers: dict[int, list[torch.Tensor]] = {id(best): [] for best in self._lists()}
        for batch in self._batches:
            self._preset(self._empty, 0)
            self._run.process(batch)  # in the batches to be measured: the last bits of values depend on the batch
            self._run.settle()
            for best in self._lists():
                for sequence in batch.sequences:
                    own = torch.where(best.sequence == sequence.number, best.key, -1)
                    offers[id(best)].append(own.amax(1))  # column: its best entry, if it has one
        generator = torch.Generator().manual_seed(0)
        self._share = {name: state.tokens_counted / self.tokens for name, state in self._run.states.items()}
        for state in self._run.states.values():
            for best in (state.ranked, state.drawn):
                self._steady[id(best)] = _steady_keys(torch.stack(offers[id(best)]), best, generator)
            if self._settings.draw == EVERY_TOKEN:  # the hashes of all tokens seen are known to be spread evenly
                seen = state.count.flatten() * (SEEN / len(self.numbers))
                draws = len(state.drawn.lists) // len(state.count)
                self._steady[id(state.drawn)] = _smallest_hashes(seen.repeat(draws), state.drawn.k)
        for regime in REGIMES:
            tell(f"trying {regime}")
            self.indexing(regime)
        self.bare()

    def bare(self) -> float:
        """Seconds of the model's body alone, on all batches."""
        started = time.perf_counter()
        for batch in self._batches:
            run_body(self._loaded, torch.from_numpy(batch.ids), None, self._sites)
        self._wait()
        return time.perf_counter() - started

    def indexing(self, regime: str) -> float:
        """Seconds of indexing all batches, and `entered` of the regime."""
        if regime == "limit":
            # A last entry larger than any key; sampled hashes smaller than any.
            self._preset({id(best): torch.full_like(best.key, _MOST) for best in self._lists()}, math.inf)
        elif regime == "cold":
            self._preset(self._empty, 0)
        else:
            self._preset(self._steady, SEEN * self._settings.context)
        self._wait()
        started = time.perf_counter()
        for batch in self._batches:
            self._run.process(batch)
        self._wait()
        seconds = time.perf_counter() - started
        measured = torch.tensor(self.numbers)
        self.entered[regime] = sum(
            int(torch.isin(best.sequence, measured.to(best.sequence.device)).sum()) for best in self._lists()
        )
        return seconds

    def facts(self) -> dict[str, Any]:
        """The model, machine and software of the measurement."""
        return {
            "model": self._loaded.name,
            "device": _device_name(self._loaded.device),
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
            "fused": self._engines.tensors.fuse.enabled,
            "statistics": self._engines.name,
            "sequences": len(self.numbers),
            "measured_tokens": self.tokens,
            **{
                key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self._settings).items()
            },
        }

    def _preset(self, keys: dict[int, torch.Tensor], seen: float) -> None:
        """Put keys in every list, and hashes in the samples as expected after so many positions."""
        for best in self._lists():
            best.key.copy_(keys[id(best)])
            best.threshold.copy_(best.key.amin(1))
            best.sequence.fill_(-1)
            best.fold.copy_(torch.arange(best.fold.numel(), device=best.fold.device).view_as(best.fold))
        _draw(self._run.sample, seen)
        for name, state in self._run.states.items():
            if (own := state.own_sample) is not None:
                _draw(own, seen * self._share.get(name, 1.0) if seen else 0)
                state.take_sample(own)

    def _keys(self) -> dict[int, torch.Tensor]:
        return {id(best): best.key.clone() for best in self._lists()}

    def _lists(self) -> list[BestK]:
        return [best for state in self._run.states.values() for best in (state.ranked, state.drawn)]

    def _wait(self) -> None:
        self._run.settle()
        if self._loaded.device.startswith("cuda"):
            torch.cuda.synchronize()


def _draw(sample: PositionSample, seen: float) -> None:
    """Give a sample the hashes expected after so many positions, evenly spaced."""
    sample.sequence.fill(-1)
    sample.hash[:] = [int(_MOST * (i + 1) / seen) if i + 1 < seen else _MOST for i in range(sample.size)]


def _smallest_hashes(seen: torch.Tensor, k: int) -> torch.Tensor:
    """Keys (column k) of draws from so many tokens (column): as expected, and none where fewer than k were seen."""
    rank = torch.arange(1, k + 1, device=seen.device, dtype=torch.float64)
    share = rank / (seen[:, None] + 1)  # of all hashes: the expected place of the rank-th smallest
    return torch.where(share < 1, ((1 - share) * 2.0**63).to(torch.int64), EMPTY)


def _steady_keys(offers: torch.Tensor, best: BestK, generator: torch.Generator) -> torch.Tensor:
    """Keys (column k) of full lists that let in each offer (offer column) with probability k / SEEN.

    A sequence enters the best k of SEEN with that probability. The measured sequences that enter are drawn, and the
    k-th best key is put just under the least of their offers, or above all offers if none enters.
    """
    number = (torch.rand(offers.shape, generator=generator) < best.k / SEEN).sum(0).to(offers.device)  # column
    ranked = offers.sort(dim=0, descending=True).values
    limit = torch.cat([ranked[:1] + 1, ranked]).gather(0, number[None].clamp(max=len(offers)))[0]
    lowest = torch.where(number > 0, limit - 1, limit).clamp(min=0)  # column
    return lowest[:, None] + torch.arange(best.k, device=offers.device) * (number == 0)[:, None]
