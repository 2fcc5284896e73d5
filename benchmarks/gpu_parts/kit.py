"""The kit that every part gets: a device, a folder, and a place for its results."""

from __future__ import annotations

import faulthandler
import json
import re
import shutil
import tempfile
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).parents[2]

_TAIL = 1200  # characters of a traceback in the table


@dataclass
class Row:
    """One line of the table."""

    case: str
    passed: bool
    figures: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class Kit:
    """One running part. An error in a case is recorded, and the next case begins."""

    def __init__(self, *, part: int, device: str, small: bool, out: Path, rows: Path, seconds: float) -> None:
        """`small`: rehearse with small models. `rows`: file that gets each row at once. `seconds`: the time limit."""
        self.device = device
        self.small = small
        self.crash: BaseException | None = None
        self._part = part
        self._out = out
        self._rows = rows
        self._seconds = seconds
        self._began = time.monotonic()

    def __enter__(self) -> Kit:
        self.folder = Path(tempfile.mkdtemp(prefix=f"gluscope-part-{self._part}-"))
        self._stuck = open(self._out / f"part-{self._part}-stuck.txt", "w", encoding="utf-8")
        if self._seconds < float("inf"):
            faulthandler.enable(self._stuck)
            faulthandler.dump_traceback_later(max(1.0, self._seconds - 3), file=self._stuck)
        _silence()
        self.row("machine", True, **self._machine())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> bool:
        faulthandler.cancel_dump_traceback_later()
        if self._seconds < float("inf"):
            faulthandler.disable()
        self._stuck.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        if isinstance(error, Exception):
            self.crash = error
            self._tell("the part itself", error)
            return True
        return False

    @property
    def cuda(self) -> bool:
        return self.device.startswith("cuda")

    @property
    def left(self) -> float:
        """Seconds until the part's limit."""
        return self._seconds - (time.monotonic() - self._began)

    def row(self, case: str, passed: bool, **figures: Any) -> None:
        """Record a result; it is on disk when this returns."""
        with open(self._rows, "a", encoding="utf-8") as file:
            file.write(json.dumps(Row(case, passed, figures).as_dict()) + "\n")
        print(f"   {'ok' if passed else 'NO':<3} {case}: {_short(figures)}", flush=True)

    @contextmanager
    def case(self, name: str) -> Iterator[dict[str, Any]]:
        """A context manager for a case. Yields the figures of its row; `passed` among them says whether it is right.

        An exception fails the case; its traceback is kept.
        """
        figures: dict[str, Any] = {}
        began = time.monotonic()
        try:
            yield figures
        except Exception as error:
            self._tell(name, error, **{key: value for key, value in figures.items() if key != "passed"})
            return
        passed = bool(figures.pop("passed", True))
        self.row(name, passed, **figures, seconds=round(time.monotonic() - began, 2))

    def room(self, case: str, needs: float) -> bool:
        """Whether that many seconds are left for a case; otherwise the table says that it was not run."""
        if self.left >= needs:
            return True
        self.row(case, False, not_run=f"{self.left:.0f} s were left of the part's time, {needs:.0f} are needed")
        return False

    def say(self, words: str) -> None:
        """Print the progress of a case, so that a crash shows where it was."""
        print(f"       {time.monotonic() - self._began:6.1f} s  {words}", flush=True)

    def keep(self, name: str, text: str) -> None:
        """Write a text next to the results."""
        (self._out / f"part-{self._part}-{_file_name(name)}.txt").write_text(text, encoding="utf-8")

    def _tell(self, case: str, error: Exception, **figures: Any) -> None:
        text = "".join(traceback.format_exception(error))
        self.keep(f"{case}-error", text)
        self.row(case, False, **figures, error=text[-_TAIL:])

    def _machine(self) -> dict[str, Any]:
        import torch

        if self.small:
            torch.set_num_threads(1)  # a tiny model's products are too small for several threads
        if not self.cuda:
            return {"device": "cpu", "threads": torch.get_num_threads()}
        properties = torch.cuda.get_device_properties(self.device)
        return {
            "device": properties.name,
            "memory_gb": round(properties.total_memory / 1e9, 1),
            "free_gb": round(torch.cuda.mem_get_info(self.device)[0] / 1e9, 1),
            "capability": f"{properties.major}.{properties.minor}",
            "cuda": torch.version.cuda,
        }


def _silence() -> None:
    """Silence the library's progress bars and notices."""
    from transformers.utils import logging

    told: Any = logging  # its functions are untyped
    told.set_verbosity_error()
    told.disable_progress_bar()


def _short(figures: dict[str, Any]) -> str:
    text = " ".join(f"{name}={value}" for name, value in figures.items())
    return text if len(text) < 1500 else text[:300] + " ... " + text[-1200:]


def _file_name(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-").lower()
