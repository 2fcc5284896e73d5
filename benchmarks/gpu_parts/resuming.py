"""Part 5: a killed and resumed run gives the same index, to the bit, as an uninterrupted one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from indexer.database.reader import Index
from indexer.database.records import NeuronRecord
from indexer.jobs.index import index
from indexer.progress import Progress
from indexer.settings import Execution, Inputs, Settings
from tests.support.tiny_experts import save_mixture
from tests.support.tiny_models import save_tiny

from .comparing import without_last_digits
from .kit import ROOT, Kit
from .making import write_text

_CONTEXT, _BATCH = 64, 512


def run(kit: Kit) -> None:
    kinds: list[tuple[str, Callable[..., Path], str]] = [("dense", save_tiny, "llama")]
    if not kit.small:
        kinds.append(("experts", save_mixture, "MixtralConfig"))
    for name, save, family in kinds:
        if kit.room(name, 12):
            with kit.case(name) as figures:
                sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2}
                model = save(kit.folder / f"{name}-model", family, **sizes)
                figures |= _resumed(kit, name, model)


def _resumed(kit: Kit, name: str, model: Path) -> dict[str, object]:
    text = write_text(kit.folder / f"{name}.jsonl", 60 if kit.small else 200, 200)
    notices: list[str] = []

    def make(db: str) -> Path:
        def tell(progress: Progress) -> None:
            if progress.phase == "notice":
                notices.append(progress.message)

        settings = Settings(context=_CONTEXT, batch_tokens=_BATCH, dtype="bfloat16")
        execution = Execution(device=kit.device, compile="off", weights=False)
        return index(str(model), Inputs((str(text),)), kit.folder / db, settings, execution, progress=tell)

    whole, tokens = _records(make(f"{name}-whole.db"))
    again, _ = _records(make(f"{name}-again.db"))
    killed = _killed(kit, model, text, kit.folder / f"{name}-killed.db")
    notices.clear()
    resumed, _ = _records(make(f"{name}-killed.db"))
    differences = [
        address for address in whole if without_last_digits(whole[address]) != without_last_digits(resumed[address])
    ]
    unlike = [
        address for address in whole if without_last_digits(whole[address]) != without_last_digits(again[address])
    ]
    told = [notice for notice in notices if "continuing after" in notice]
    return {
        "passed": bool(told) and not differences and not unlike,
        "tokens": tokens,
        "killed_after_s": killed,
        "told": told,
        "resumed_differ": differences[:5],
        "run_again_differ": unlike[:5],
        **({"one": repr(whole[differences[0]])[:600]} if differences else {}),
        **({"other": repr(resumed[differences[0]])[:600]} if differences else {}),
    }


def _killed(kit: Kit, model: Path, text: Path, db: Path) -> float:
    """Start a run in another process and kill it soon after its first checkpoint. Returns the seconds that it ran."""
    words = [sys.executable, "-m", "gluscope_tui", "index", str(model), str(text), "--db", str(db)]
    words += ["--context", str(_CONTEXT), "--batch-tokens", str(_BATCH), "--dtype", "bfloat16"]
    words += ["--device", kit.device, "--compile", "off", "--no-weights", "--checkpoint-every", "0"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))}
    began = time.monotonic()
    log = kit.folder / "killed.txt"
    with open(log, "wb") as said, subprocess.Popen(words, env=environment, stdout=said, stderr=said) as process:
        checkpoint = db.with_name(db.name + ".run") / "checkpoint.json"
        while process.poll() is None and not checkpoint.exists():
            time.sleep(0.005)
        ended = process.poll()
        if ended is None:
            process.send_signal(signal.SIGKILL)
    if ended is not None:
        raise AssertionError(f"the run ended with {ended} before it was killed: {log.read_text()[-2000:]}")
    return round(time.monotonic() - began, 2)


def _records(db: Path) -> tuple[dict[str, NeuronRecord], int]:
    with Index(db) as opened:
        found = {
            f"{site.address.name}N{neuron}": opened.neuron(f"{site.address.name}N{neuron}", signs="raw")
            for site in opened.sites
            for neuron in range(0, site.width, 4)
        }
        return found, int(opened.info().corpus["tokens"])
