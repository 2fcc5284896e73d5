"""The modules that a reading installation leaves out."""

from __future__ import annotations

from importlib.util import find_spec

from indexer.errors import GluscopeError

INDEX_MODULES = (
    "accelerate",
    "datasets",
    "gguf",
    "huggingface_hub",
    "llvmlite",
    "numba",
    "numpy",
    "pyarrow",
    "safetensors",
    "sqlite_utils",
    "tokenizers",
    "torch",
    "transformers",
    "zstandard",
)
"""The modules that `pip install '.[index]'` adds."""


def require_index_extra(command: str) -> None:
    """GluscopeError, in one line, if a module that `command` needs is not installed. Imports none of them."""
    missing = [name for name in INDEX_MODULES if find_spec(name) is None]
    if missing:
        names = ", ".join(missing) if len(missing) < 4 else f"{len(missing)} libraries that run models"
        are = "is" if len(missing) == 1 else "are"
        raise GluscopeError(f"gluscope {command}: {names} {are} not installed: pip install '.[index]'")


def require(command: str, *names: str, extra: str = "index") -> None:
    """GluscopeError, in one line, if one of these modules of an extra is not installed. Imports none of them."""
    missing = [name for name in names if find_spec(name) is None]
    if missing:
        are = "is" if len(missing) == 1 else "are"
        names_told = ", ".join(name.replace("_", "-") if extra == "serve" else name for name in missing)
        raise GluscopeError(f"gluscope {command}: {names_told} {are} not installed: pip install '.[{extra}]'")
