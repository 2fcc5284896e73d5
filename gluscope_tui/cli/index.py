"""`gluscope index`: the options of a run, handed to `indexer.jobs.index.index`."""

from __future__ import annotations

import os
import re
from contextlib import nullcontext
from pathlib import Path
from shlex import quote
from typing import Annotated, Literal

import typer

from indexer.database.format.turns import ROLE
from indexer.errors import GluscopeError
from indexer.ranking import DEFAULT_RANKINGS, RANKINGS
from indexer.run.interruption import what_is_left
from indexer.run.torchrun import find_group
from indexer.settings import Execution, Inputs, Settings

from .extras import require_index_extra
from .interruption import telling_what_is_left
from .options import Db, index_path, parse_amount, parse_numbers
from .output import emit_lines, tell
from .printing import Printer, emit_object
from .processors import let_workers_sleep

Bos = Literal["auto", "always", "never"]
Chat = Literal["auto", "never", "always"]
SinkChoice = Literal["count", "drop"]
Compile = Literal["auto", "on", "off"]
Format = Literal["table", "plain", "json"]
Duplicates = Literal["fold", "keep"]
Long = Literal["truncate", "split"]

_DEFAULT = Settings()


def command(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A Hugging Face id, a folder, or a .gguf file.")],
    text: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TEXT]...",
            help="Files, folders, globs or -: text, JSON lines, .csv, .tsv, .parquet, compressed.",
        ),
    ] = None,
    db: Db = None,
    column: Annotated[
        str,
        typer.Option(
            "--column",
            "--dataset-column",
            metavar="NAME",
            help="The column of tables or data sets that holds the text or messages; meta.text: a field in it.",
        ),
    ] = "text",
    chat: Annotated[
        Chat, typer.Option(help="Lists of messages are conversations; always: every document is one.")
    ] = "auto",
    chat_template: Annotated[
        str | None, typer.Option(metavar="FILE", help="Render conversations with it, not the model's own template.")
    ] = None,
    roles: Annotated[
        str, typer.Option(metavar="LIST", help="Count only what these roles say, e.g. assistant,user.")
    ] = "all",
    dataset: Annotated[
        str | None, typer.Option(metavar="ID", help="A Hugging Face data set, streamed, or a saved one's folder.")
    ] = None,
    config: Annotated[str | None, typer.Option(metavar="C", help="The data set's configuration.")] = None,
    split: Annotated[str, typer.Option(metavar="LIST", help="The data set's splits, e.g. train,validation.")] = "train",
    context: Annotated[int, typer.Option(min=2, metavar="N", help="Tokens a sequence, BOS included.")] = 1024,
    long: Annotated[Long, typer.Option(help="Longer documents: only the first sequence, or all of them.")] = "split",
    tokens: Annotated[
        str, typer.Option(metavar="N", help="Stop after the document that reaches it: 500k, 20M, all.")
    ] = "all",
    bos: Annotated[
        Bos, typer.Option(help="BOS in front of every sequence; auto: where the tokenizer has one.")
    ] = "auto",
    count_first: Annotated[
        bool, typer.Option("--count-first", help="Count position 0, an attention sink, too.")
    ] = False,
    sinks: Annotated[
        SinkChoice, typer.Option(help="Other attention sinks: count them, or leave them out like position 0.")
    ] = "count",
    layers: Annotated[str, typer.Option(metavar="LIST", help="Only these layers, e.g. 0-3,7.")] = "all",
    experts: Annotated[str, typer.Option(metavar="LIST", help="Only these experts, e.g. 0-7.")] = "all",
    top_k: Annotated[int, typer.Option(min=1, metavar="N", help="Examples a ranking.")] = 16,
    rank_by: Annotated[str, typer.Option(metavar="LIST", help=f"Rankings, of {', '.join(RANKINGS)}.")] = ",".join(
        DEFAULT_RANKINGS
    ),
    duplicates: Annotated[
        Duplicates, typer.Option(help="Examples with equal tokens up to the peak: keep one, or all.")
    ] = "fold",
    window: Annotated[str, typer.Option(metavar="B,A", help="Tokens kept before and after the peak.")] = "24,7",
    sample: Annotated[int, typer.Option(min=0, metavar="N", help="Positions drawn uniformly, for densities.")] = 1024,
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of the random ranking and the sample.")] = 0,
    dtype: Annotated[
        str, typer.Option(metavar="TYPE", help="As in transformers: auto, float32, bfloat16, ...")
    ] = "auto",
    device: Annotated[str, typer.Option(metavar="DEVICE", help="As in torch: auto, cpu, cuda, cuda:1, mps.")] = "auto",
    device_map: Annotated[
        str | None, typer.Option(metavar="MAP", help="As in transformers: spread over devices.")
    ] = None,
    revision: Annotated[
        str | None, typer.Option(metavar="REV", help="Revision of the model, as in transformers.")
    ] = None,
    batch_tokens: Annotated[str, typer.Option(metavar="N", help="Padded tokens a forward pass.")] = "auto",
    compile: Annotated[Compile, typer.Option(help="Compile the statistics.")] = "auto",
    checkpoint_every: Annotated[
        float | None, typer.Option(min=0, metavar="S", help="Seconds between checkpoints.")
    ] = None,
    shard: Annotated[
        str | None, typer.Option(metavar="I/N", help="Only this part of the batches; auto/N: the SLURM task's of N.")
    ] = None,
    no_weights: Annotated[
        bool, typer.Option("--no-weights", help="Leave out what the weights say: classes, tokens, nearest neurons.")
    ] = False,
    no_wiring: Annotated[
        bool, typer.Option("--no-wiring", help="Leave out of it which neurons feed which, across layers.")
    ] = False,
    weights_only: Annotated[
        bool, typer.Option("--weights-only", help="Add what the weights say to an existing index; reads no text.")
    ] = False,
    snapshot: Annotated[bool, typer.Option("--snapshot", help="Write a readable index at every checkpoint.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Run a few batches and estimate memory, disk and time.")
    ] = False,
    format: Annotated[
        Format | None, typer.Option("--format", "-f", help="--dry-run: table on a terminal, plain in a pipe, or json.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a finished index, once the new one is complete.")
    ] = False,
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Run the code that comes with the model.")
    ] = False,
) -> None:
    """Read text with a model and keep, for every gated neuron, what it does in each sign quadrant of gate and in.

    Examples: gluscope index HuggingFaceTB/SmolLM2-135M corpus/ --tokens 20M; gluscope index model.gguf notes.txt.
    """
    require_index_extra("index")
    if format is not None and not dry_run:
        raise GluscopeError("--format needs --dry-run: a run prints no data", "leave it out, or add --dry-run")
    if weights_only and no_weights:
        raise GluscopeError("--weights-only and --no-weights contradict each other", "leave one of them out")
    if dataset is None and (config is not None or split != "train"):
        raise GluscopeError("--config and --split need a --dataset", "name the --dataset, or leave them out")
    if weights_only:
        execution = Execution(device, device_map, trust_remote_code=trust_remote_code, wiring=not no_wiring)
        _add_weights(model, bool(text or dataset), index_path(db), execution, overwrite)
        return
    inputs = Inputs(
        paths=tuple(text or ()),
        column=column,
        dataset=dataset,
        config=config,
        split=split,
        chat=chat,
        chat_template=chat_template,
    )
    if not inputs.paths and inputs.dataset is None:
        raise GluscopeError("there is no text to index", "name files, folders, globs or -, or a --dataset")
    settings = Settings(
        context=context,
        long=long,
        tokens=None if tokens == "all" else parse_amount("--tokens", tokens),
        bos=bos,
        count_first=count_first,
        roles=None if roles == "all" else parse_roles(roles),
        sinks=sinks,
        layers=None if layers == "all" else parse_numbers("--layers", layers),
        experts=None if experts == "all" else parse_numbers("--experts", experts),
        top_k=top_k,
        rank_by=parse_rankings(rank_by),
        duplicates=duplicates,
        window=_window(window, context),
        sample=sample,
        seed=seed,
        dtype=dtype,
        revision=revision,
        batch_tokens=None if batch_tokens == "auto" else parse_amount("--batch-tokens", batch_tokens),
    )
    execution = Execution(
        device=device,
        device_map=device_map,
        compile=compile,
        trust_remote_code=trust_remote_code,
        checkpoint_every=checkpoint_every,
        shard=shard,
        weights=not no_weights,
        wiring=not no_wiring,
        snapshot=snapshot,
    )
    let_workers_sleep()
    path = index_path(db)
    if dry_run:
        _try_out(model, inputs, path, settings, execution, format)
        return
    group = find_group(os.environ)
    first = group is None or group.first
    with telling_what_is_left(lambda: what_is_left(path)) if first else nullcontext():
        from indexer.jobs.index import index

        from .progress import narrator

        with narrator() as report:
            made = index(model, inputs, path, settings, execution, overwrite=overwrite, progress=report)
    if first:
        tell_of(made)


def tell_of(made: Path) -> None:
    """Say what one wants to know of an index that was made."""
    from indexer.database.reader import Index

    from ..views.made import lines

    with Index(made) as found:
        for line in lines(found.info(), quote(str(made))):
            tell(line)


def _try_out(
    model: str, inputs: Inputs, db: Path, settings: Settings, execution: Execution, format: Format | None
) -> None:
    """`--dry-run`: writes nothing."""
    with telling_what_is_left(lambda: "stopped; nothing was written"):
        from indexer.jobs.dry_run import dry_run

        from ..views.forecast import lines
        from .progress import narrator

        with narrator() as report:
            forecast = dry_run(model, inputs, db, settings, execution, progress=report)
    printer = Printer(format)
    if printer.format == "json":
        emit_object({"format": 1, **forecast.as_dict()})
    else:
        emit_lines(lines(forecast.as_dict(), people=printer.format == "table"))


def _add_weights(model: str, text: bool, db: Path, execution: Execution, overwrite: bool) -> None:
    """`--weights-only`: adds to an index and reads no text."""
    if text:
        raise GluscopeError("--weights-only reads no text", "leave the text out")
    with telling_what_is_left(lambda: f"stopped; {db} is unchanged. Run the same command to start again"):
        from indexer.jobs.add_weights import add_weights

        from .progress import narrator

        with narrator() as report:
            made = add_weights(model, db, execution, overwrite=overwrite, progress=report)
    tell(f"{made} is ready: gluscope info --db {quote(str(made))}")


def parse_rankings(text: str) -> tuple[str, ...]:
    """Rankings such as post,gate, in their usual order, each once. GluscopeError if one is unknown or none is named."""
    asked = {part.strip().lower() for part in text.split(",") if part.strip()}
    for name in sorted(asked - set(RANKINGS)):
        raise GluscopeError(f"--rank-by: unknown ranking {name!a}", f"use some of {','.join(RANKINGS)}")
    if not asked:
        raise GluscopeError("--rank-by names no ranking", f"use some of {','.join(RANKINGS)}")
    return tuple(ranking for ranking in RANKINGS if ranking in asked)


def parse_roles(text: str) -> tuple[str, ...]:
    """Roles such as assistant,user, sorted, each once. GluscopeError if one can't be a role, or none is named."""
    asked = {part.strip() for part in text.split(",") if part.strip()}
    if not asked or (wrong := [name for name in sorted(asked) if not ROLE.fullmatch(name)]):
        named = f"{wrong[0]!a:.40} is not a role" if asked else "it names no role"
        raise GluscopeError(f"--roles: {named}", "write it like --roles assistant,user")
    return tuple(sorted(asked))


def parse_window(text: str) -> tuple[int, int]:
    """Tokens before and after the peak, such as 24,7; GluscopeError otherwise."""
    match = re.fullmatch(r"\s*(\d{1,9})\s*,\s*(\d{1,9})\s*", text, re.ASCII)
    if match is None:
        raise GluscopeError(f"--window: {text!a} is not a pair of numbers", "write it like --window 24,7")
    return int(match[1]), int(match[2])


def _window(text: str, context: int) -> tuple[int, int]:
    """The window asked for, cut to the length of a sequence with a notice."""
    asked = parse_window(text)
    window = min(asked[0], context - 1), min(asked[1], context - 1)
    if window != asked:
        tell(f"--window {text} is longer than a sequence of {context:,} tokens: using {window[0]},{window[1]}")
    return window
