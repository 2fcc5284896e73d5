"""Reading a model's configuration, and saying in plain words why that failed."""

from __future__ import annotations

import struct
from typing import Any

from .errors import GluscopeError
from .model_source import ModelSource


def arguments_for(source: ModelSource, revision: str | None, trust_remote_code: bool) -> dict[str, Any]:
    """What every from_pretrained call of a model is given."""
    arguments: dict[str, Any] = {"trust_remote_code": trust_remote_code}
    if source.gguf_file is not None:
        arguments["gguf_file"] = source.gguf_file
    if not source.local and revision is not None:
        arguments["revision"] = revision
    return arguments


def read_config(source: ModelSource, revision: str | None, trust_remote_code: bool) -> Any:
    """The model's configuration; GluscopeError where it is missing, unreadable or of an unknown architecture."""
    from transformers import CONFIG_MAPPING, AutoConfig, PreTrainedConfig
    from transformers import __version__ as version

    arguments = arguments_for(source, revision, trust_remote_code)
    try:
        if source.gguf_file is not None:
            return AutoConfig.from_pretrained(source.location, **arguments)
        settings, _ = PreTrainedConfig.get_config_dict(source.location, **arguments)
    except (OSError, ValueError, struct.error, IndexError) as error:
        raise _unreadable(source, error) from error
    kind = settings.get("model_type")
    if kind not in CONFIG_MAPPING and not trust_remote_code:
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
    """Say why a model's configuration could not be read."""
    from huggingface_hub import errors as hub

    causes = []
    cause: BaseException | None = error
    while cause is not None and cause not in causes:
        causes.append(cause)
        cause = cause.__cause__ or cause.__context__

    def among(*kinds: type[BaseException]) -> bool:
        return any(isinstance(each, kinds) for each in causes)

    if source.gguf_file is not None:
        if "not supported" in str(error):
            return GluscopeError(f"transformers can't read {source.name}: {first_line(error)}", "use its safetensors")
        return GluscopeError(f"{source.gguf_file} is truncated or damaged", "download it again")
    if source.local:
        return GluscopeError(f"config.json of {source.location} can't be read: {first_line(error)}", "save it again")
    if among(hub.GatedRepoError):
        return GluscopeError(
            f"{source.name} is gated on the Hugging Face hub", "ask for access, then log in: hf auth login"
        )
    if among(hub.RevisionNotFoundError):
        return GluscopeError(f"{source.name} has no such revision on the Hugging Face hub", "check --revision")
    if among(hub.RepositoryNotFoundError, hub.HFValidationError):
        return GluscopeError(
            f"there is no folder {source.name}, and no model of that id on the Hugging Face hub (or it is private)",
            "check the spelling; log in for a private one: hf auth login",
        )
    if among(hub.LocalEntryNotFoundError, hub.OfflineModeIsEnabled):
        return GluscopeError(
            f"there is no folder {source.name}, and the Hugging Face hub can't be reached",
            "check the connection, or give a local folder or a .gguf file",
        )
    return GluscopeError(f"{source.name} can't be loaded: {first_line(error)}", "check the id and its files on the hub")


def first_line(error: BaseException) -> str:
    """The first line of an error's message: enough for a message of ours."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
