"""One call of `gluscope index`, resolved: the text opened, the model loaded, its sites found, the settings complete."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from ..capture.expert_proof import prove_expert_forms
from ..capture.proof import prove_forms
from ..corpus import Corpus, open_corpus
from ..database.format.sinks import Sinks
from ..errors import GluscopeError
from ..index_file.identity import Identity, RunIdentity
from ..models.load import load
from ..models.loaded import LoadedModel
from ..models.probe import read_by_text
from ..models.special_tokens import Around, around, demand_countable_first
from ..progress import Progress, Report
from ..run.folder import run_folder
from ..run.output_file import OutputFile
from ..run.shards import Shard, parse_shard
from ..run.torchrun import Group, find_group
from ..sequences.chat import ChatEncoder
from ..sequences.sequences import Sequences, sequences
from ..sequences.tokenizer import text_encoder
from ..settings import Execution, Inputs, Settings
from ..sites import Site, find_sites, select
from ..sites.experts import expert_layers, select_experts
from ..sites.stacks import dense_sites

FUSE_FROM = 100_000_000
"""Tokens times neurons from which compiling pays: uncompiled, each takes 20 to 30 ns more.

Compiling takes some 10 s once; later runs load the result in less than one second.
"""


CPU_BATCH_TOKENS = 2048
ACCELERATOR_BATCH_TOKENS = 32768

ENCODER_FOLD_AFTER = 7
"""Tokens after the peak that a fold key includes if the model reads both ways."""


def silent(_progress: Progress) -> None:
    """Report nothing."""


@dataclass(frozen=True)
class Part:
    """The part of a run that this process does, and the folder of its state."""

    file: OutputFile
    shard: Shard
    group: Group | None

    @property
    def db(self) -> Path:
        """The index to make; not a link to it."""
        return self.file.path

    @property
    def run_folder(self) -> Path:
        """The folder of the run, with the state of all its processes."""
        return run_folder(self.db)

    @property
    def folder(self) -> Path:
        """The folder with the state of this process."""
        return self.run_folder if self.group is None else self.group.folder(self.run_folder)

    @property
    def first(self) -> bool:
        """Whether this process writes the index and prints messages."""
        return self.group is None or self.group.first


def find_part(db: Path, execution: Execution) -> Part:
    """The part that the options and the environment describe. GluscopeError if they contradict each other, or if no
    index can be made at `db`."""
    group = find_group(os.environ)
    if group is not None and execution.shard is not None:
        raise GluscopeError("--shard can't be given under torchrun", "leave it out: each process takes its part")
    return Part(OutputFile(db), parse_shard(execution.shard, os.environ) if group is None else group.shard, group)


def open_text(inputs: Inputs, part: Part, report: Report) -> Corpus:
    """The corpus, checked; the files of the index itself are passed over."""
    return open_corpus(
        inputs.paths,
        column=inputs.column,
        dataset=inputs.dataset,
        config=inputs.config,
        split=inputs.split,
        chat=inputs.chat,
        chat_template=inputs.chat_template,
        skip=(part.db, part.run_folder),
        notice=lambda message: report(Progress("notice", message=message)),
    )


@dataclass(frozen=True)
class Job:
    """A call, resolved."""

    part: Part
    corpus: Corpus
    loaded: LoadedModel
    layers: int  # that the model has with a gated MLP
    sites: tuple[Site, ...]
    settings: Settings
    execution: Execution
    report: Report
    identity: Identity
    sinks: Sinks | str = "they were not looked for"  # the model's attention sinks, or why none are known

    @property
    def db(self) -> Path:
        return self.part.db

    @property
    def folder(self) -> Path:
        """Of this process's state."""
        return self.part.folder

    def sequences(self) -> Sequences:
        """The text as the model reads it."""
        enough = self.settings.context if self.settings.long == "truncate" else None
        chats = partial(ChatEncoder, self.loaded.tokenizer, self.corpus.template)
        encode = text_encoder(self.loaded.tokenizer, enough)
        return sequences(self.corpus, encode, self.settings, *self.around, chats=chats)

    @property
    def left_out(self) -> Sinks | None:
        """The attention sinks that are not counted."""
        return None if self.identity.left_out is None or isinstance(self.sinks, str) else self.sinks

    @property
    def around(self) -> Around:
        """The tokens before and after every sequence."""
        return around(self.loaded, self.settings.bos)

    def notice(self, message: str) -> None:
        self.report(Progress("notice", message=message))

    @property
    def run_identity(self) -> RunIdentity:
        """The identity of the run, by which an unfinished one is recognised."""
        group = self.part.group
        shard = self.part.shard.name if group is None else None
        return RunIdentity(self.identity, shard, None if group is None else group.size)

    def fuses(self) -> bool:
        """Whether to compile the statistics: only if there is enough work to make up for the compile time."""
        if self.execution.compile != "auto":
            return self.execution.compile == "on"
        if self.loaded.device.startswith("cuda"):
            return True
        expected = [n for n in (self.settings.tokens, self.corpus.size and self.corpus.size // 4) if n is not None]
        return not expected or min(expected) * sum(site.width for site in self.sites) >= FUSE_FROM


def prepare(model: str, corpus: Corpus, part: Part, settings: Settings, execution: Execution, report: Report) -> Job:
    """Load the model, find its sites and resolve the settings. GluscopeError for every error that a user can fix."""
    report(Progress("loading", message=f"loading {model}"))
    group = part.group
    loaded = load(
        model,
        dtype=settings.dtype,
        revision=settings.revision,
        device=execution.device if group is None else group.device(execution.device),
        device_map=execution.device_map,
        trust_remote_code=execution.trust_remote_code,
        layers=settings.layers,
    )
    found = find_sites(loaded.model)
    chosen = select_experts(select(found, settings.layers), settings.experts)
    sites, notices = read_by_text(loaded, chosen)
    for notice in (*loaded.notices, *notices):
        report(Progress("notice", message=notice))
    prove_forms(dense_sites(sites))
    prove_expert_forms(expert_layers(sites))
    demand_countable_first(loaded, settings)
    settings = replace(resolve(settings, loaded, settings.layers), chat_template=_digest(corpus.template))
    return Job(
        part=part,
        corpus=corpus,
        loaded=loaded,
        layers=1 + max(site.address.layer for site in found),
        sites=sites,
        settings=settings,
        execution=execution,
        report=report,
        identity=Identity(loaded.fingerprint, settings, loaded.length_kinds),
    )


def _digest(text: str | None) -> str | None:
    return None if text is None else hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def resolve(settings: Settings, loaded: LoadedModel, layers: tuple[int, ...] | None) -> Settings:
    """The settings, with everything filled in that was left to the machine or the model."""
    batch_tokens = settings.batch_tokens
    if batch_tokens is None:
        batch_tokens = CPU_BATCH_TOKENS if loaded.device == "cpu" else ACCELERATOR_BATCH_TOKENS
    return replace(
        settings,
        dtype=loaded.dtype,
        revision=loaded.revision,
        batch_tokens=batch_tokens,
        fold_after=0 if loaded.causal else ENCODER_FOLD_AFTER,
        layers=None if layers is None else tuple(sorted(set(layers))),
        experts=None if settings.experts is None else tuple(sorted(set(settings.experts))),
    )
