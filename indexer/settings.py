"""The settings of an index: every choice that determines its content, and the few that do not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, get_args, get_origin, get_type_hints

from .errors import GluscopeError
from .ranking import DEFAULT_RANKINGS, RANKINGS

MOST_EXAMPLES = 4096
"""The most examples that a ranking of a neuron can have: all its peaks are numbered with 16 bits."""

WIDEST_WINDOW = 2**16 - 1
"""Tokens before or after a peak."""

LARGEST_PACKED = 2**24
"""The most bytes that the examples, or the sample, of a neuron take: a reader unpacks them at once."""


EVERY_TOKEN = "token"
"""All tokens of a quadrant are offered to the draw of `random`: it is uniform."""

ONE_A_SEQUENCE = "sequence"
"""A sequence offers one token of the quadrant, as in older indexes: tokens of long sequences are drawn too rarely."""


COUNT_SINKS, DROP_SINKS = "count", "drop"


@dataclass(frozen=True, slots=True)
class Settings:
    """What is kept in the index and identifies a run; the defaults of `gluscope index`."""

    context: int = 1024  # tokens a sequence, BOS included
    long: str = "split"  # "split" or "truncate"
    tokens: int | None = None  # the corpus ends with the document in which the tokens reach this number
    bos: str = "auto"  # "auto", "always" or "never"
    count_first: bool = False  # count position 0 of a sequence
    layers: tuple[int, ...] | None = None  # None: all
    experts: tuple[int, ...] | None = None  # None: all
    top_k: int = 16
    rank_by: tuple[str, ...] = DEFAULT_RANKINGS
    duplicates: str = "fold"  # "fold" or "keep"
    window: tuple[int, int] = (24, 7)  # tokens kept before and after the peak
    sample: int = 1024  # positions
    seed: int = 0
    dtype: str = "auto"
    revision: str | None = None
    batch_tokens: int | None = None  # padded tokens a forward pass; None: resolved from the device
    draw: str = EVERY_TOKEN  # what a sequence offers to `random`; older runs: ONE_A_SEQUENCE
    fold_after: int = 0  # tokens after a peak that a fold key knows; resolved from the model: it reads both ways
    roles: tuple[str, ...] | None = None  # count only the contents of these roles' messages; None: every token
    chat_template: str | None = None  # a digest of the one given in place of the model's own
    sinks: str = COUNT_SINKS  # or DROP_SINKS: leave attention sinks out of everything counted, like position 0

    def __post_init__(self) -> None:
        """GluscopeError for a number with which no index can be made."""
        _demand("--context", self.context, 1, 2**31 - 1)
        _demand("--tokens", self.tokens, 1, 2**63 - 1)
        _demand("--top-k", self.top_k, 1, MOST_EXAMPLES)
        _demand("--window", min(self.window), 0)
        _demand("--window", max(self.window), 0, WIDEST_WINDOW)
        _demand("--sample", self.sample, 0, (LARGEST_PACKED - 1) // (3 * 2))
        if (size := self.largest_examples) > LARGEST_PACKED:
            before, after = self.window
            raise GluscopeError(
                f"--top-k {self.top_k} with --window {before},{after}: {size / 2**20:,.0f} MiB of examples a neuron",
                f"the most is {LARGEST_PACKED / 2**20:.0f} MiB: keep fewer examples, or a narrower window",
            )
        _demand("--seed", self.seed, -(2**63), 2**63 - 1)
        if self.draw not in (EVERY_TOKEN, ONE_A_SEQUENCE):
            raise GluscopeError(f"unknown draw {self.draw!a:.60}", f"use {EVERY_TOKEN} or {ONE_A_SEQUENCE}")
        _demand("--batch-tokens", self.batch_tokens, 1, 2**63 - 1)
        if self.sinks not in (COUNT_SINKS, DROP_SINKS):
            raise GluscopeError(f"unknown --sinks {self.sinks!a:.60}", f"use {COUNT_SINKS} or {DROP_SINKS}")
        if self.roles is not None and not self.roles:
            raise GluscopeError("--roles names no role", "write --roles assistant, or leave it out")

    def to_json(self) -> dict[str, Any]:
        """The settings by name, tuples as lists."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Settings:
        """Read the result of `to_json`, of this version or an older one. ValueError for a wrong type or range.

        Settings that came later have the values that the older version worked with; other keys are passed over.
        """
        hints = get_type_hints(cls)
        values: dict[str, Any] = {"draw": ONE_A_SEQUENCE} | {
            field.name: tuple(value) if isinstance(value := saved[field.name], list) else value
            for field in fields(cls)
            if field.name in saved
        }
        for name, value in values.items():
            if not _fits(value, hints[name]):
                raise ValueError(f"{name} is {value!a:.60}")
        try:
            return cls(**values)
        except GluscopeError as error:
            raise ValueError(error.cause) from error

    @property
    def largest_examples(self) -> int:
        """The most bytes that the examples of a neuron take, unpacked: see docs/schema.md."""
        rankings = [RANKINGS[name] for name in self.rank_by if name in RANKINGS]
        lists = sum(len(ranking.quadrants) for ranking in rankings)
        entries = sum(len(ranking.quadrants) * ranking.k(self.top_k) for ranking in rankings)
        peaks = min(entries, 2**16 - 1)
        slots = self.window[0] + 1 + self.window[1]
        return 10 + 4 * lists + 2 * entries + peaks * (4 * 10 + 4 * slots)


@dataclass(frozen=True, slots=True)
class Execution:
    """The choices that change how an index is made but not its content."""

    device: str = "auto"
    device_map: str | None = None
    compile: str = "auto"  # "auto", "on" or "off"
    trust_remote_code: bool = False
    checkpoint_every: float | None = None
    shard: str | None = None  # 1/8: only this part of the batches; "auto": as the SLURM array says
    weights: bool = True  # keep what the weights say, too
    wiring: bool = True  # and which neurons feed which
    snapshot: bool = False  # write an index at every checkpoint, not only where that is cheap


@dataclass(frozen=True, slots=True)
class Inputs:
    """The source of the documents, as the user named it."""

    paths: tuple[str, ...] = ()  # files, folders, globs; "-" is standard input
    column: str = "text"  # of JSON lines, CSV and Parquet
    dataset: str | None = None  # a Hugging Face data set, streamed
    config: str | None = None
    split: str = "train"  # or several with commas between them
    chat: str = "auto"  # lists of messages are conversations; "never"; "always": every cell is one
    chat_template: str | None = None  # the path of a template to use in place of the model's own


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value is of a type, as the fields of `Settings` have them."""
    inner = get_args(hint)
    if get_origin(hint) is tuple:
        kinds = inner[:1] * len(value) if inner[-1] is Ellipsis and isinstance(value, tuple) else inner
        return isinstance(value, tuple) and len(value) == len(kinds) and all(map(_fits, value, kinds))
    if inner:
        return any(_fits(value, one) for one in inner)
    return type(value) is hint


def _demand(option: str, value: int | None, least: int, most: int | None = None) -> None:
    if value is not None and value < least:
        raise GluscopeError(f"{option}: {value} is too small", f"the least is {least}")
    if value is not None and most is not None and value > most:
        raise GluscopeError(f"{option}: {value} is too large", f"the most is {most}")
