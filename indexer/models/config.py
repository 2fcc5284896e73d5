"""Reads a model's configuration, from the hub or a file, and says in plain words why that failed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import GluscopeError
from ..library_errors import in_a_line, told
from .config_limits import checked
from .gguf_architectures import architecture_of
from .gguf_file import GgufFile, read_head
from .gguf_settings import settings_of
from .source import ModelSource


def resolve(source: ModelSource, revision: str | None, trust_remote_code: bool) -> dict[str, Any]:
    """The arguments of every from_pretrained call for a model. A `revision` of the hub (None: the newest) becomes a
    commit, so that all files are of one commit.

    If the hub can't be reached, its cache is used. GluscopeError if the cache has nothing, and for an id, a revision
    or a config.json that doesn't exist.
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
        cause = (
            f"there is no file or folder {source.name}, and no model of that id on the Hugging Face hub "
            "(or it is private)"
        )
        raise GluscopeError(cause, "check the spelling; log in for a private one: hf auth login") from error
    except hub.EntryNotFoundError as error:
        cause = f"{source.name} has no config.json on the Hugging Face hub"
        raise GluscopeError(cause, "give a model in the form of transformers, or download its .gguf file") from error
    except no_answer:
        return arguments | {"revision": _commit(source, revision, cached=True), "local_files_only": True}


def _commit(source: ModelSource, revision: str | None, cached: bool) -> str:
    """The commit of a revision, from the hub or its cache; the cache remembers it."""
    from huggingface_hub import errors as hub
    from huggingface_hub import hf_hub_download, is_offline_mode

    try:
        config = hf_hub_download(source.location, "config.json", revision=revision, local_files_only=cached)
    except hub.LocalEntryNotFoundError as error:
        if is_offline_mode():
            raise GluscopeError(
                f"there is no file or folder {source.name}, and the cache of the hub doesn't hold a model of that id",
                "HF_HUB_OFFLINE keeps gluscope from asking the hub: unset it, or give a local folder or a .gguf file",
            ) from error
        raise GluscopeError(
            f"there is no file or folder {source.name}, and the Hugging Face hub can't be reached",
            "check the connection, or give a local folder or a .gguf file",
        ) from error
    return Path(config).parent.name


@dataclass(frozen=True, slots=True)
class Described:
    """A model's settings, before its weights."""

    config: Any  # of transformers
    where: str  # config.json of which model, or which file: for messages
    gguf: GgufFile | None = None  # the head of the file that they come from
    notices: tuple[str, ...] = ()


def describe(source: ModelSource, arguments: dict[str, Any]) -> Described:
    """Read a model's settings.

    GluscopeError if they are unreadable, not a model's, or of an unknown architecture.
    """
    from transformers import CONFIG_MAPPING, AutoConfig, PreTrainedConfig
    from transformers import __version__ as version

    from ..transformers_internals import own_implementations

    where = f"config.json of {source.name}" if source.gguf_file is None else source.gguf_file
    head = None if source.gguf_file is None else read_head(Path(source.location) / source.gguf_file)
    if head is not None:
        architecture_of(head)
    with told(f"{where} can't be read", "save the model again, or download it again"):
        raw, _ = PreTrainedConfig.get_config_dict(source.location, **arguments)
    settings = checked(raw, source.name)
    notices: tuple[str, ...] = ()
    if head is not None:
        settings, notices = settings_of(head, settings)
    kind = settings.get("model_type")
    known = isinstance(kind, str) and kind in CONFIG_MAPPING
    remote = "auto_map" in settings and head is None
    if not known and not (remote and arguments["trust_remote_code"]):
        if remote:
            raise GluscopeError(
                f"{source.name} needs the code that comes with it", "if you trust that code, add --trust-remote-code"
            )
        shown = in_a_line(repr(kind))
        raise GluscopeError(
            f"transformers {version} doesn't know the architecture of {source.name}: model_type {shown}",
            "check its config.json, or upgrade transformers",
        )
    with told(f"{where} can't be used", "correct the setting that is named there, or save the model again"):
        if remote and arguments["trust_remote_code"]:
            config: Any = AutoConfig.from_pretrained(source.location, **arguments)
        else:
            if kind == "mistral" and "layer_types" in settings:
                kind = "ministral"  # as AutoConfig has it
            kind = str(kind)
            config = CONFIG_MAPPING[kind].from_dict({**settings, "model_type": kind}, name_or_path=source.location)
        own_implementations(config)
    _demand_quantiser(config, source.name)
    return Described(config, where, head, notices)


def _demand_quantiser(config: Any, name: str) -> None:
    """GluscopeError if the weights are quantised in a form that can't be read here."""
    from ..transformers_internals import demand_quantiser

    parts = (config, getattr(config, "text_config", None))
    quantised = next((part for part in parts if getattr(part, "quantization_config", None) is not None), None)
    if quantised is None:
        return
    form = quantised.quantization_config
    method = form.get("quant_method") if isinstance(form, dict) else getattr(form, "quant_method", None)
    method = in_a_line(str(getattr(method, "value", method)))
    with told(f"the weights of {name} are quantised ({method})", "use the model's unquantised form"):
        demand_quantiser(form)
