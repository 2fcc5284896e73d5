"""Estimates and bounds of a run's cost before it starts: memory for its state, disk for its files, time."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from ..database.format.activations import twin
from ..devices import home
from ..errors import GluscopeError
from ..run.accumulator import Run
from ..run.expected import Expected
from ..sequences.batches import Batch
from ..settings import Settings
from ..sites import Site
from ..statistics.row_layout import drawn_examples, drawn_lists, ranked_lists
from ..statistics.stack import bytes_per_neuron

# Of SmolLM2-135M's neurons with the default settings; see PAGE_SIZE in database/schema.py.
_DISTINCT = 0.87  # peaks / entries of the lists
_PACKED_EXAMPLES = 0.61  # compressed / raw
_PACKED_SAMPLE = 0.85
_ROW = 330  # bytes of a neuron's row
_WEIGHTS = 1130  # bytes of the numbers of its weights, and of what searches for tokens read
_WIRING = 180  # bytes of the neurons that feed it and that it feeds
_COPIES = 570  # bytes of the copies of pages for reading over a network
_POSTINGS = 5.8  # bytes of the tables for searches, for each entry of the lists
_PAGES = 1.025  # the share that pages waste

_TOKEN = 1.8 + 2.2  # bytes of a compressed token of a kept sequence, and of its word in the full-text index
_SPILLED_TOKEN = 4.2  # bytes of a token in the run folder
_LEAST = 0.5  # of an estimate, that a file will surely have
_BYTES_A_TOKEN = 16  # of text, at most

MEASURED_BATCHES = 6
MEASURED_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Forecast:
    """The expected cost of a run; None for an unknown part."""

    neurons: int
    tokens: int | None  # that this run will read through the model; sizes and times that depend on it: None with it
    tokens_basis: str | None  # as `run.expected.Expected` has it
    state_bytes: int  # memory of the statistics, on the model's devices
    memory_free: int | None  # available there, with the model loaded
    file_bytes: int | None  # of the finished index
    run_folder_bytes: int | None  # of FILE.run, while the run is under way
    disk_free: int
    tokens_per_second: float
    seconds: float | None  # to read the text with the model; the others are added
    loading_seconds: float  # measured
    starting_seconds: float  # extra time of the first batch, compiling included; measured
    weights_seconds: float
    wiring_seconds: float
    writing_seconds: float | None

    @property
    def total_seconds(self) -> float | None:
        """From the start to the finished index, without checkpoints and snapshots."""
        if self.seconds is None or self.writing_seconds is None:
            return None
        before = self.loading_seconds + self.starting_seconds
        return before + self.seconds + self.weights_seconds + self.wiring_seconds + self.writing_seconds

    @property
    def fits_memory(self) -> bool:
        return self.memory_free is None or self.state_bytes <= self.memory_free

    @property
    def fits_disk(self) -> bool | None:
        if self.file_bytes is None or self.run_folder_bytes is None:
            return None
        return self.file_bytes + self.run_folder_bytes <= self.disk_free

    def as_dict(self) -> dict[str, float | str | None]:
        """The fields by name, including the total and what fits."""
        return {
            **asdict(self),
            "total_seconds": self.total_seconds,
            "fits_memory": self.fits_memory,
            "fits_disk": self.fits_disk,
        }


def state_bytes(sites: Sequence[Site], settings: Settings) -> dict[torch.device, int]:
    """The memory that the state of a run takes on each device."""
    found: dict[torch.device, int] = {}
    for site in sites:
        device = home(site.device)
        found[device] = found.get(device, 0) + site.width * bytes_per_neuron(settings, _lanes(site))
    return found


def file_bytes(sites: Sequence[Site], settings: Settings, tokens: int, sequences: int) -> int:
    """The expected size of an index of that many tokens and sequences."""
    slots = sum(settings.window) + 1
    ranked = min(settings.top_k, sequences)  # each sequence offers one
    entries = ranked * len(ranked_lists(settings)) + drawn_examples(settings) * len(drawn_lists(settings))
    peaks = _DISTINCT * entries
    total = 0.0
    for site in sites:
        lanes = _lanes(site)
        examples = _PACKED_EXAMPLES * peaks * (4 * (5 + lanes) + lanes * slots)
        sampled = min(settings.sample, tokens)
        sample = _PACKED_SAMPLE * sampled * (lanes - 1) * 2
        total += site.width * (_ROW + _WEIGHTS + _WIRING + _COPIES + _POSTINGS * entries + examples + sample)
    neurons = sum(site.width for site in sites)
    kept = min(tokens, neurons * peaks * settings.context)
    return round(_PAGES * (total + _TOKEN * kept))


def memory_free(device: torch.device) -> int | None:
    """Free bytes on a device; None if unknown."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    if device.type != "cpu":
        return None
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    fields = dict(line.split(":", 1) for line in lines)
    return sum(int(fields[name].split()[0]) * 1024 for name in ("MemAvailable", "SwapFree") if name in fields)


def demand_room(sites: Sequence[Site], settings: Settings, folder: Path, text_bytes: int | None) -> None:
    """GluscopeError if a run surely won't fit in memory or on the disk of a folder. `text_bytes`: if known."""
    for device, needed in state_bytes(sites, settings).items():
        free = memory_free(device)
        if free is not None and needed > free:
            raise GluscopeError(
                f"the statistics need {_size(needed)} of memory on {device}, {_size(free)} are free",
                "index fewer --layers at a time and join them with gluscope merge, or use a smaller --top-k",
            )
    tokens = 0 if text_bytes is None else text_bytes // _BYTES_A_TOKEN
    tokens = tokens if settings.tokens is None else min(tokens, settings.tokens)
    least = round(_LEAST * file_bytes(sites, settings, tokens, tokens // settings.context))
    disk_free = shutil.disk_usage(folder).free
    if least > disk_free:
        raise GluscopeError(
            f"the index needs {_size(least)} on the disk of {folder} at the least, {_size(disk_free)} are free",
            "free some space, or make it elsewhere (--db)",
        )


def measure(run: Run, batches: Iterable[Batch]) -> tuple[float, float]:
    """Tokens a second of a run over a few batches, and the extra seconds of the first one, which is slow.

    The first counts only if there is no other; it is then not known to be slow.
    """
    tokens, begun, first = 0, time.monotonic(), (0, 0.0)
    started = begun
    for number, batch in enumerate(batches):
        run.process(batch)
        tokens += batch.tokens
        _wait(run)
        now = time.monotonic()
        if number == 0:
            first = tokens, now - started
            tokens, begun = 0, now
        if number + 1 >= MEASURED_BATCHES or now - started > MEASURED_SECONDS:
            break
    if not tokens:
        return first[0] / first[1], 0.0
    rate = tokens / (now - begun)
    return rate, max(0.0, first[1] - first[0] / rate)


def forecast(
    sites: Sequence[Site],
    settings: Settings,
    folder: Path,
    *,
    free: Mapping[torch.device, int | None],
    expected: Expected,
    share: int,
    length: float,
    tokens_per_second: float,
    loading_seconds: float,
    starting_seconds: float,
    weights_seconds: tuple[float, float],
    writing_seconds: Callable[[int], float | None],
) -> Forecast:
    """The cost of a run over one of `share` parts of the expected tokens; sequences have `length` on average.

    `free`: memory of each device before the run had a state. `writing_seconds`: of a file of so many bytes.
    `weights_seconds`: for the numbers of weights, and for wiring.
    """
    needed = state_bytes(sites, settings)
    known = [amount for amount in free.values() if amount is not None]
    tokens = expected.tokens
    own = None if tokens is None else tokens // share
    size = None if own is None else file_bytes(sites, settings, own, int(own / length))
    return Forecast(
        neurons=sum(site.width for site in sites),
        tokens=own,
        tokens_basis=expected.basis,
        state_bytes=sum(needed.values()),
        memory_free=sum(known) if len(known) == len(free) else None,
        file_bytes=size,
        run_folder_bytes=None if tokens is None else round(_SPILLED_TOKEN * tokens) + 2 * sum(needed.values()),
        disk_free=shutil.disk_usage(folder).free,
        tokens_per_second=tokens_per_second,
        seconds=None if own is None or not tokens_per_second else own / tokens_per_second,
        loading_seconds=loading_seconds,
        starting_seconds=starting_seconds,
        weights_seconds=weights_seconds[0],
        wiring_seconds=weights_seconds[1],
        writing_seconds=None if size is None else writing_seconds(size),
    )


def _lanes(site: Site) -> int:
    return 3 if twin(site.activation) is not None else 4


def _wait(run: Run) -> None:
    """Wait until the devices have finished their work."""
    for device in {state.count.device for state in run.states.values()}:
        if device.type == "cuda":
            torch.cuda.synchronize(device)


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"
