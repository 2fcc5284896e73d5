"""Checks that gluscope is right and quick on a CUDA device: one command, one table and its JSON, in under 8 minutes.

    python benchmarks/gpu.py [--parts 1,3] [--out gpu-results] [--device cuda] [--cpu] [--inline] [--save]

Needs the repository and its dependencies, but no network: weights are random, and text is made up.

1. statistics   tiny models of six families, float32 and bfloat16, against a loop over tokens and the CPU's index
2. waiting      no synchronisation while batches are fed
3. speed        bare model and indexing, for the shapes of SmolLM2-135M, Llama-3.1-8B and layers of Mixtral 8x7B
4. memory       out of memory on purpose: a batch is run in halves
5. resuming     a killed run resumes and gives the same index
6. weights      numbers from the weights, at the shape of Llama-3.1-8B, and against the CPU's
7. one pass     the pass over a batch's values alone: by plain operations, and by the kernel with tiles of several sizes

Each part runs in its own process with its own time limit; its results survive a crash. `--out` gets `gpu.json`,
`gpu.md` (the table), and for every failure a file with the whole traceback. `--cpu` rehearses all parts on the CPU with
small models. Exit code: 0 if everything that ran is right, otherwise 1.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timezone
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import results  # noqa: E402
from benchmarks.gpu_parts.kit import Kit, Row  # noqa: E402

PARTS: dict[int, tuple[str, str, int]] = {
    1: ("statistics", "exact", 130),
    2: ("waiting", "waiting", 35),
    3: ("speed", "speed", 135),
    4: ("memory", "memory", 35),
    5: ("resuming", "resuming", 40),
    6: ("weights", "weights", 50),
    7: ("one pass", "one_pass", 30),
}
"""Number -> name, module in gpu_parts, time limit in seconds."""

_GRACE = 5.0
_PACKAGES = ("torch", "transformers", "triton", "numpy", "numba", "tokenizers", "huggingface_hub", "sqlite-utils")


def main(arguments: list[str] | None = None) -> int:
    options = _options(arguments)
    out: Path = options.out
    out.mkdir(parents=True, exist_ok=True)
    if options.run_part is not None:
        return _run(options.run_part, options, out)
    if not options.inline:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that a running part is ended too
    began = time.monotonic()
    report: dict[str, Any] = {
        "made": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "command": "python benchmarks/gpu.py " + " ".join(sys.argv[1:] if arguments is None else arguments),
        "software": {name: found for name in _PACKAGES if (found := _version(name)) is not None},
        "machine": {"python": platform.python_version(), "cores": os.cpu_count(), "processor": platform.machine()},
        "parts": {},
    }
    for number in options.parts:
        name, _, limit = PARTS[number]
        print(f"\n== part {number}: {name} (at most {limit * options.patience:.0f} s)", flush=True)
        started = time.monotonic()
        state = _inline(number, options, out) if options.inline else _process(number, options, out)
        seconds = time.monotonic() - started
        rows = _rows(out, number)
        report["machine"] |= rows.pop(0).figures if rows and rows[0].case == "machine" else {}
        report["parts"][str(number)] = {
            "name": name,
            "state": state if state != "ran" else "passed" if all(row.passed for row in rows) else "failed",
            "seconds": round(seconds, 1),
            "rows": [row.as_dict() for row in rows],
        }
        report["seconds"] = round(time.monotonic() - began, 1)
        _write(report, out)
    print("\n" + _table(report))
    if options.save:
        shutil.copyfile(out / "gpu.json", results.FOLDER / "gpu.json")
    return 0 if all(part["state"] == "passed" for part in report["parts"].values()) else 1


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", type=_parts, default=tuple(PARTS), help="which: 1,3 (default: all)")
    parser.add_argument("--out", type=Path, default=Path("gpu-results"), help="folder for the results")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--cpu", action="store_true", help="rehearse on the CPU with small models")
    parser.add_argument("--inline", action="store_true", help="all parts in this process, without time limits")
    parser.add_argument("--patience", type=float, default=1.0, help="time limits times this (default: 1)")
    parser.add_argument("--save", action="store_true", help="into benchmarks/results, for the README's table")
    parser.add_argument("--run-part", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    options.device = {"cuda": "cuda:0"}.get(options.device, options.device) if not options.cpu else "cpu"
    return options


def _parts(text: str) -> tuple[int, ...]:
    try:
        chosen = tuple(int(part) for part in text.split(","))
    except ValueError:
        chosen = ()
    if not chosen or any(part not in PARTS for part in chosen):
        raise argparse.ArgumentTypeError(f"{text!r} names no parts: give some of 1 to {max(PARTS)}, like 1,3")
    return chosen


def _process(number: int, options: argparse.Namespace, out: Path) -> str:
    """Run a part in its own process. Returns how it ended."""
    limit = PARTS[number][2] * options.patience
    words = [sys.executable, "-u", str(Path(__file__).resolve()), "--run-part", str(number), "--out", str(out)]
    words += ["--cpu"] if options.cpu else ["--device", options.device]
    words += ["--patience", str(options.patience)]
    paths = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    environment = {**os.environ, "PYTHONPATH": paths}
    # the sizes compiled first choose the kernels: no part uses those of another
    environment["TORCHINDUCTOR_CACHE_DIR"] = str(Path(tempfile.gettempdir()) / f"gluscope-compiled-{number}")
    _rows_file(out, number).unlink(missing_ok=True)
    with subprocess.Popen(words, env=environment, start_new_session=True) as process:
        try:
            code = process.wait(limit + _GRACE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return f"took longer than {limit:.0f} s"
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return "ran" if code == 0 else f"ended with code {code}"


def _inline(number: int, options: argparse.Namespace, out: Path) -> str:
    _rows_file(out, number).unlink(missing_ok=True)
    return "ran" if _run(number, options, out) == 0 else "failed"


def _run(number: int, options: argparse.Namespace, out: Path) -> int:
    """Run a part in this process."""
    _, module, limit = PARTS[number]
    kit = Kit(
        part=number,
        device=options.device,
        small=options.cpu,
        out=out,
        rows=_rows_file(out, number),
        seconds=float("inf") if options.inline else limit * options.patience,
    )
    with kit:
        import_module(f"benchmarks.gpu_parts.{module}").run(kit)
    return 0 if kit.crash is None else 1


def _rows_file(out: Path, number: int) -> Path:
    return out / f"part-{number}.jsonl"


def _rows(out: Path, number: int) -> list[Row]:
    file = _rows_file(out, number)
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return [Row(**json.loads(line)) for line in lines if line.endswith("}")]


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _write(report: dict[str, Any], out: Path) -> None:
    (out / "gpu.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    (out / "gpu.md").write_text(_table(report), encoding="utf-8")


def _table(report: dict[str, Any]) -> str:
    """The report for people, in Markdown."""
    software = ", ".join(f"{name} {number}" for name, number in report["software"].items())
    machine = ", ".join(f"{name} {value}" for name, value in report["machine"].items())
    lines = [f"{machine}", f"{software}; {report['made']}, {report['seconds']} s in all", ""]
    lines += ["| part | case | right | found |", "|---|---|---|---|"]
    for number, part in report["parts"].items():
        lines.append(f"| {number} {part['name']} | **{part['state']}** | | {part['seconds']} s |")
        for row in part["rows"]:
            said = "; ".join(f"{name}: {_shown(value)}" for name, value in row["figures"].items())
            lines.append(f"| {number} | {row['case']} | {'yes' if row['passed'] else 'NO'} | {said} |")
    return "\n".join(lines).replace("\n|", "\n|") + "\n"


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return " / ".join(_shown(each) for each in value)
    if isinstance(value, dict):
        return ", ".join(f"{name} {_shown(each)}" for name, each in value.items())
    return " ".join(str(value).replace("|", "\\|").split())


if __name__ == "__main__":
    raise SystemExit(main())
