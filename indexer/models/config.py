"""Reading a model's configuration, from the hub or a file, and saying in plain words why that failed."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

from ..errors import GluscopeError
from .source import ModelSource


def resolve(source: ModelSource, revision: str | None, trust_remote_code: bool) -> dict[str, Any]:
    """What every from_pretrained call of a model is given. A hub's `revision` (None: the newest) becomes a commit, so
    that all files are of one.

    Where the hub can't be reached its cache is used. GluscopeError where it has nothing, and for an id, a revision or
    a config.json that isn't there.
    """
    arguments: dict[str, Any] = {"trust_remote_code": trust_remote_code}
    if source.gguf_file is not None:
        arguments["gguf_file"] = source.gguf_file
    if source.local:
        return arguments
    from huggingface_hub import errors as hub
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    no_answer: Any = hub.HfHubHTTPError.__bases__  # the errors of whichever HTTP library is used there
    try:
        get_hf_file_metadata(hf_hub_url(source.location, "config.json", revision=revision))  # doesn't retry for long
        return arguments | {"revision": _commit(source, revision, cached=False)}
    except hub.GatedRepoError as error:
        cause, fix = (
            f"{source.name} is gated on the Hugging Face hub",
            "ask there for access, then log in: hf auth login",
        )
        raise GluscopeError(cause, fix) from error
    except hub.RevisionNotFoundError as error:
        cause = f"{source.name} has no revision {revision or 'main'} on the Hugging Face hub"
        raise GluscopeError(cause, "check --revision") from error
    except (hub.RepositoryNotFoundError, hub.HFValidationError) as error:
        cause = f"there is no folder {source.name}, and no model of that id on the Hugging Face hub (or it is private)"
        raise GluscopeError(cause, "check the spelling; log in for a private one: hf auth login") from error
    except hub.EntryNotFoundError as error:
        cause = f"{source.name} has no config.json on the Hugging Face hub"
        raise GluscopeError(cause, "give a model in the form of transformers, or download its .gguf file") from error
    except no_answer:
        return arguments | {"revision": _commit(source, revision, cached=True), "local_files_only": True}


def _commit(source: ModelSource, revision: str | None, cached: bool) -> str:
    """The commit that the hub, or its cache, has for a revision; the cache remembers it."""
    from huggingface_hub import errors as hub
    from huggingface_hub import hf_hub_download

    try:
        config = hf_hub_download(source.location, "config.json", revision=revision, local_files_only=cached)
    except hub.LocalEntryNotFoundError as error:
        raise GluscopeError(
            f"there is no folder {source.name}, and the Hugging Face hub can't be reached",
            "check the connection, or give a local folder or a .gguf file",
        ) from error
    return Path(config).parent.name


def read_config(source: ModelSource, arguments: dict[str, Any]) -> Any:
    """The model's configuration; GluscopeError where it is unreadable or of an architecture nobody here knows."""
    from transformers import CONFIG_MAPPING, AutoConfig, PreTrainedConfig
    from transformers import __version__ as version

    try:
        if source.gguf_file is not None:
            return AutoConfig.from_pretrained(source.location, **arguments)
        settings, _ = PreTrainedConfig.get_config_dict(source.location, **arguments)
    except (OSError, ValueError, struct.error, IndexError) as error:
        raise _unreadable(source, error) from error
    kind = settings.get("model_type")
    if kind not in CONFIG_MAPPING and not arguments["trust_remote_code"]:
        if "auto_map" in settings:
            raise GluscopeError(
                f"{source.name} needs the code that comes with it", "if you trust that code, add --trust-remote-code"
            )
        raise GluscopeError(
            f"transformers {version} doesn't know the architecture of {source.name}: model_type {kind!r}",
            "check its config.json, or upgrade transformers",
        )
    return AutoConfig.from_pretrained(source.location, **arguments)


def _unreadable(source: ModelSource, error: Exception) -> GluscopeError:
    if source.gguf_file is None:
        return GluscopeError(f"config.json of {source.name} can't be read: {first_line(error)}", "save the model again")
    if "not supported" in str(error):
        return GluscopeError(f"transformers can't read {source.name}: {first_line(error)}", "use its safetensors form")
    return GluscopeError(f"{source.gguf_file} is truncated or damaged", "download it again")


def first_line(error: BaseException) -> str:
    """The first line of an error's message: enough for a message of ours."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
