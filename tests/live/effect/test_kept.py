"""What `gluscope effect --out` keeps of rows that are not finished, and what it says of it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from indexer.addresses import parse_neuron
from indexer.database.reader import Index
from indexer.errors import GluscopeError
from indexer.jobs.effect import Job, effect
from indexer.live.effect import kept_part
from indexer.live.effect.kept_part import KeptPart
from indexer.live.effect.kept_rows import KeptRows, part_path, what_is_kept
from indexer.live.effect.measures import MEASURED, Tally
from indexer.live.effect.opening import Source
from indexer.live.effect.replacement import parse_replacement
from indexer.live.effect.request import LABELS, Request, targets
from indexer.live.effect.result import Effect
from indexer.live.model import Choice
from indexer.progress import Progress
from indexer.settings import Inputs

from ...support.disk import file_size_limit

pytestmark = pytest.mark.usefixtures("one_thread")

NEURONS = ("L0N1", "L0N2", "L0N3")
SEQUENCES = 12

Heard = Callable[[Progress], None]


@pytest.fixture
def source(tmp_path: Path) -> Source:
    """A text of several sequences."""
    text = "the cat sat on the mat and the dog sat on the cat\n"
    (tmp_path / "text.jsonl").write_text(
        "".join(f'{{"text": {json.dumps(text * (1 + n % 3))}}}\n' for n in range(SEQUENCES))
    )
    return Source(inputs=Inputs((str(tmp_path / "text.jsonl"),)))


def measure(db: Path, source: Source, out: Path | None, heard: Heard, to: str = "zero") -> list[Effect]:
    wanted = targets([parse_neuron(one) for one in NEURONS], LABELS, together=False)
    job = Job(tuple(wanted), Request(to=parse_replacement(to)), source)
    with Index(db) as index:
        return list(effect(index, Choice(device="cpu"), job, out, heard))


def stopping_at(runs: int) -> tuple[Heard, list[tuple[int, int]]]:
    """A report that interrupts once so many runs of a sequence are over, and those that it heard: done, total."""
    heard: list[tuple[int, int]] = []

    def report(progress: Progress) -> None:
        if progress.phase != "measuring":
            return
        heard.append((progress.done, progress.total or 0))
        if progress.done >= runs:
            raise KeyboardInterrupt

    return report, heard


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few sequences run at once, and every batch of them is kept."""
    monkeypatch.setattr("indexer.live.effect.opening.CPU_ROWS", 100)
    monkeypatch.setattr(kept_part, "EVERY", 0.0)
    monkeypatch.setattr(kept_part, "_SHARE", 0)


@pytest.mark.usefixtures("small_batches")
def test_an_interrupted_block_is_continued_bit_for_bit_within_it(
    live_index: Path, source: Source, tmp_path: Path
) -> None:
    whole = measure(live_index, source, None, lambda _: None)
    out = tmp_path / "rows.jsonl"
    done, total = 0, len(NEURONS) * len(LABELS) * SEQUENCES
    for stop in (total // 3, total // 2):
        report, heard = stopping_at(stop)
        with pytest.raises(KeyboardInterrupt):
            measure(live_index, source, out, report)
        assert heard[0][0] > done  # what was measured is not measured again
        assert {one[1] for one in heard} == {total}
        done = max(one[0] for one in heard[:-1])
        assert not out.exists()
        assert what_is_kept(out).startswith(f"stopped; {part_path(out)} has what is measured of unfinished rows")
    report, heard = stopping_at(total + 1)
    assert measure(live_index, source, out, report) == whole
    assert heard[0][0] > done
    assert not part_path(out).exists()
    assert what_is_kept(out) == f"stopped; {out} has 15 rows. Run the same command to continue"
    assert measure(live_index, source, out, report) == [*map(rounded, whole)]


def rounded(row: Effect) -> Effect:
    """As the file has it."""
    from indexer.live.effect.result import from_json

    return from_json(row.as_json())


@pytest.mark.usefixtures("small_batches")
def test_sums_of_other_settings_or_of_others_are_not_continued(
    live_index: Path, source: Source, tmp_path: Path
) -> None:
    out = tmp_path / "rows.jsonl"
    with pytest.raises(KeyboardInterrupt):
        measure(live_index, source, out, stopping_at(60)[0])
    with pytest.raises(GluscopeError, match='other settings: to was "zero", and is "mean"'):
        measure(live_index, source, out, lambda _: None, to="mean")
    part_path(out).write_bytes(b"mine")
    with pytest.raises(GluscopeError, match="holds something other than sums"):
        measure(live_index, source, out, lambda _: None)
    assert part_path(out).read_bytes() == b"mine"


def tally(altered: int) -> Tally:
    sums = {name: [0.1, float(number)] for number, name in enumerate(MEASURED)}
    tokens = torch.tensor([0.5, -0.25]) if altered else None
    return Tally([4, 7], [altered, 0], [altered, 0], [9, 9], sums, 0.3, tokens)


def test_sums_are_read_back_bit_for_bit_and_impossible_ones_refused(tmp_path: Path) -> None:
    kept = {"L0N1 ++ text": tally(2), "L0N1 -+ text": tally(0)}
    part = KeptPart(tmp_path / "e.jsonl", {"to": "zero"})
    part.keep(kept, at_once=True)
    found = part.read(2)
    for name, own in kept.items():
        theirs = found[name]
        assert theirs.tokens is own.tokens is None or torch.equal(theirs.tokens, own.tokens)  # type: ignore[arg-type]  # both are there
        assert (theirs.sums, theirs.sequences, theirs.altered) == (own.sums, own.sequences, own.altered)
        assert (theirs.predicting, theirs.following, theirs.shift) == (own.predicting, own.following, own.shift)
    with pytest.raises(GluscopeError, match="something other"):
        part.read(3)  # a model with another vocabulary
    twice = tally(2)
    twice.sequences = [4, 4]
    part.keep({"L0N1 ++ text": twice}, at_once=True)
    with pytest.raises(GluscopeError, match="something other"):
        part.read(2)
    (tmp_path / "e.jsonl.part.new").write_bytes(b"")  # of a kill while it was written
    part.keep({}, at_once=True)
    assert os.listdir(tmp_path) == []


def test_a_full_disk_is_told_as_one_error(live_index: Path, source: Source, tmp_path: Path) -> None:
    (row, *_) = measure(live_index, source, None, lambda _: None)
    out = tmp_path / "e.jsonl"
    with file_size_limit(100), pytest.raises(GluscopeError, match="the disk is full"), KeptRows(out, {}) as kept:
        kept.add([row])
    assert what_is_kept(out) == "stopped; nothing was kept"
    with KeptRows(out, {}) as kept:
        kept.add([row])
        assert len(kept.rows) == 1
    part = KeptPart(out, {})
    with file_size_limit(100), pytest.raises(GluscopeError, match="the disk is full"):
        part.keep({"L0N1 ++ text": tally(2)}, at_once=True)
    assert sorted(os.listdir(tmp_path)) == ["e.jsonl", "text.jsonl"]
