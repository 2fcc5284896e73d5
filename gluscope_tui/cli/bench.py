"""`gluscope bench`: the speed of indexing compared with the bare model."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from indexer.ranking import DEFAULT_RANKINGS
from indexer.settings import Execution, Inputs, Settings

from .extras import require_index_extra
from .index import parse_rankings
from .interruption import insisting, telling_what_is_left
from .options import parse_amount, parse_numbers
from .output import emit_lines, tell
from .printing import emit_object
from .processors import let_workers_sleep

Compile = Literal["auto", "on", "off"]

_TELLING = 3  # rounds, from which their spread says something


def command(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A Hugging Face id, a folder, or a .gguf file.")],
    text: Annotated[list[str], typer.Argument(metavar="TEXT...", help="Text, as for gluscope index.")],
    sequences: Annotated[int, typer.Option(min=1, metavar="N", help="Sequences to measure.")] = 16,
    rounds: Annotated[
        int, typer.Option(min=1, metavar="N", help="Rounds, each with a bare pass and indexing in turns.")
    ] = 6,
    format: Annotated[Literal["plain", "json"], typer.Option("--format", "-f", help="How to print.")] = "plain",
    column: Annotated[
        str, typer.Option(metavar="NAME", help="The column of tables and JSON lines that holds the text.")
    ] = "text",
    context: Annotated[int, typer.Option(min=2, metavar="N", help="Tokens a sequence, BOS included.")] = 512,
    layers: Annotated[str, typer.Option(metavar="LIST", help="Only these layers, e.g. 0-3,7.")] = "all",
    rank_by: Annotated[str, typer.Option(metavar="LIST", help="Rankings, as for gluscope index.")] = ",".join(
        DEFAULT_RANKINGS
    ),
    dtype: Annotated[
        str, typer.Option(metavar="TYPE", help="As in transformers: auto, float32, bfloat16, ...")
    ] = "auto",
    device: Annotated[str, typer.Option(metavar="DEVICE", help="As in torch: auto, cpu, cuda, mps.")] = "auto",
    batch_tokens: Annotated[str, typer.Option(metavar="N", help="Padded tokens a forward pass.")] = "auto",
    compile: Annotated[Compile, typer.Option(help="Compile the statistics.")] = "auto",
) -> None:
    """Compare the speed of indexing with the bare forward pass, in one process and in turns.

    cold: empty rankings; steady: as after 20,000 sequences; limit: no ranking changes.
    Example: gluscope bench HuggingFaceTB/SmolLM2-135M corpus/ --sequences 8.
    """
    require_index_extra("bench")
    let_workers_sleep()
    settings = Settings(
        context=context,
        layers=None if layers == "all" else parse_numbers("--layers", layers),
        rank_by=parse_rankings(rank_by),
        dtype=dtype,
        batch_tokens=None if batch_tokens == "auto" else parse_amount("--batch-tokens", batch_tokens),
    )
    with telling_what_is_left(lambda: "stopped; nothing was kept"):
        from indexer.jobs.bench import bench

        from .progress import narrator

        with narrator() as told, insisting(told) as report:
            measured = bench(
                model,
                Inputs(paths=tuple(text), column=column),
                settings,
                Execution(device=device, compile=compile),
                sequences_=sequences,
                rounds=rounds,
                progress=report,
            )
    if rounds < _TELLING:
        few = "one round says" if rounds == 1 else f"{rounds} rounds say"
        tell(f"{few} little about the spread: give --rounds {_TELLING} or more")
    if format == "json":
        emit_object(measured.as_dict())
        return
    lines = [f"bare\t{measured.bare.median:.0f}\ttokens/s\t({measured.bare.min:.0f} to {measured.bare.max:.0f})"]
    for regime, spread in measured.ratio.items():
        entered = f"{measured.insertions[regime]:,.0f} examples entered a sequence"
        lines.append(f"{regime}\t{spread.median:.3f}\tof bare\t({spread.min:.3f} to {spread.max:.3f})\t{entered}")
    emit_lines(lines)
