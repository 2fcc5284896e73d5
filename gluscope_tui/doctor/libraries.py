"""Python, the libraries, and the device that torch finds."""

from __future__ import annotations

import platform
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from indexer import __version__

from .finding import Finding

READING = ("textual", "rich", "typer")
INDEXING = ("torch", "transformers", "numpy", "safetensors", "gguf", "datasets", "pyarrow")
_DEVICE = (
    "import torch;"
    "print(torch.cuda.get_device_name(0) + ', CUDA ' + str(torch.version.cuda) if torch.cuda.is_available() else "
    "'MPS' if torch.backends.mps.is_available() else 'CPU, %d threads' % torch.get_num_threads())"
)
_PATIENCE = 60.0


def libraries() -> Iterator[Finding]:
    """Versions of the installed libraries, without importing them. A process of its own asks torch for its device."""
    yield Finding("software", "gluscope", __version__)
    supported = (3, 10) <= sys.version_info[:2] <= (3, 13)
    mend = "" if supported else "use Python 3.10 to 3.13"
    yield Finding("software", "Python", f"{platform.python_version()} on {platform.platform()}", mend)
    for name in READING + INDEXING:
        try:
            yield Finding("software", name, version(name))
        except PackageNotFoundError:
            mend = f"pip install {name}" if name in READING else "to run models too: pip install '.[index]'"
            yield Finding("software", name, "not installed", mend)
    if find_spec("torch") is not None:
        yield _device()


def _device() -> Finding:
    try:
        asked = subprocess.run(
            [sys.executable, "-c", _DEVICE], capture_output=True, text=True, timeout=_PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        return Finding("software", "torch device", f"no answer in {_PATIENCE:.0f} s", "is the GPU's driver stuck?")
    if asked.returncode:
        last = asked.stderr.strip().splitlines()[-1:] or ["it crashed"]
        return Finding("software", "torch device", last[0], "reinstall torch; reading an index does without it")
    return Finding("software", "torch device", asked.stdout.strip())
