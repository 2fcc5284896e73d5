"""Loading a model: its body without the language-model head, its tokenizer, and who it is."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import replace
from logging import ERROR
from typing import TYPE_CHECKING, Any

from ..errors import GluscopeError
from .config import first_line, read_config, resolve
from .gguf import header_read_once
from .loaded import LoadedModel, Origin
from .source import ModelSource, locate
from .special_tokens import template

if TYPE_CHECKING:
    import torch
    from torch import nn


_DTYPES = {"auto", "float32", "bfloat16", "float16", "float64"}
_SHORT_DTYPES = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16", "fp64": "float64"}


def load(
    model: str,
    *,
    dtype: str = "auto",
    revision: str | None = None,
    device: str = "auto",
    device_map: str | None = None,
    trust_remote_code: bool = False,
    layers: Sequence[int] | None = None,
) -> LoadedModel:
    """Load a Hugging Face id, a folder or a .gguf file.

    A model that can't be indexed, or lacks one of the `layers`, is refused before its weights are read. `device` auto
    is cuda, mps or cpu, whichever is there first; `device_map` spreads the model as transformers does. GluscopeError
    for everything a user can mend.
    """
    source = locate(model)
    resolved_dtype = _dtype(dtype)
    with quiet(), header_read_once():
        resolved_device = _device(device)
        arguments = resolve(source, revision, trust_remote_code)
        config = read_config(source, arguments)
        _refuse_early(config, trust_remote_code, layers)
        tokenizer = _tokenizer(source, arguments)
        body = _body(source, config, arguments, resolved_dtype, resolved_device, device_map)
    return _loaded(Origin(source, config, arguments), tokenizer, body)


def _loaded(origin: Origin, tokenizer: Any, body: nn.Module) -> LoadedModel:
    from ..sites import is_encoder_decoder
    from ..sites.refuse import architecture
    from .fingerprint import fingerprint
    from .grouped_experts import run_what_does_not_fit
    from .length_tables import length_tables, own_positions
    from .probe import rehearse

    config = origin.config
    weight = body.get_input_embeddings().weight  # type: ignore[operator]  # a method of every transformers model
    start = _decoder_start(body) if is_encoder_decoder(body) else None
    notice = run_what_does_not_fit(body)
    loaded = LoadedModel(
        model=body,
        tokenizer=tokenizer,
        name=origin.source.name,
        revision=origin.arguments.get("revision", origin.source.revision),
        architecture=config.architectures[0] if getattr(config, "architectures", None) else architecture(body),
        model_type=str(config.model_type),
        dtype=str(weight.dtype).removeprefix("torch."),
        device=str(weight.device),
        causal=False,
        fingerprint=fingerprint(body, body.config.to_dict()),  # type: ignore[union-attr,operator]  # see above
        origin=origin,
        decoder_start=start,
        hides_start=start is not None and template(tokenizer).front != start,
        notices=() if notice is None else (notice,),
        tables=length_tables(body),
        positions=own_positions(body),
    )
    shown = rehearse(loaded)
    return replace(loaded, causal=shown.causal, runs=shown.runs, displaced=shown.displaced)


def _decoder_start(body: Any) -> int | None:
    """The token that an encoder-decoder's decoder begins with."""
    names = ("decoder_start_token_id", "bos_token_id", "pad_token_id")
    configs = (body.config, getattr(body.config, "decoder", None))
    return next((int(id_) for name in names for c in configs if (id_ := getattr(c, name, None)) is not None), None)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the libraries' notices and bars off the screen, and anything they print off stdout, which is for data."""
    from huggingface_hub.utils import logging as hub_logging
    from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars
    from transformers import modeling_gguf_pytorch_utils
    from transformers.utils import logging as transformers_logging

    logging: Any = transformers_logging  # its functions have no types
    gguf: Any = modeling_gguf_pytorch_utils
    with ExitStack() as stack:
        for library in (logging, hub_logging):
            stack.callback(library.set_verbosity, library.get_verbosity())
            library.set_verbosity(ERROR)
        if logging.is_progress_bar_enabled():
            stack.callback(logging.enable_progress_bar)
            logging.disable_progress_bar()
        if not sys.stderr.isatty() and not are_progress_bars_disabled():  # a download's bar is worth seeing
            stack.callback(enable_progress_bars)
            disable_progress_bars()
        stack.callback(setattr, gguf, "tqdm", gguf.tqdm)
        gguf.tqdm = lambda items, **_: items  # a bar without a switch
        stack.enter_context(redirect_stdout(sys.stderr))
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        yield


def _dtype(dtype: str) -> str:
    name = _SHORT_DTYPES.get(dtype, dtype)
    if name not in _DTYPES:
        raise GluscopeError(f"unknown dtype {dtype!r}", "use auto, float32, bfloat16 or float16")
    return name


def _device(device: str) -> torch.device:
    import torch

    if device == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
        return torch.device(name)
    try:
        resolved = torch.device(device)
    except RuntimeError:
        raise GluscopeError(f"unknown device {device!r}", "use auto, cpu, cuda, cuda:1 or mps") from None
    absent = resolved.type == "cuda" and (resolved.index or 0) >= torch.cuda.device_count()
    if absent or (resolved.type == "mps" and not torch.backends.mps.is_available()):
        raise GluscopeError(f"there is no device {device} here", "use --device auto or --device cpu")
    return resolved


def _refuse_early(config: Any, trust_remote_code: bool, layers: Sequence[int] | None) -> None:
    """Refuse a model that can't be indexed by its structure alone, before its weights are fetched and read."""
    from ..sites import find_sites, text_body
    from ..sites.site import select
    from .length_tables import length_tables

    model = bare_model(config, trust_remote_code)
    select(find_sites(model), layers)
    length_tables(text_body(model))


def bare_model(config: Any, trust_remote_code: bool) -> nn.Module:
    """A model as `config` describes it, without weights: on the device meta."""
    import torch
    from transformers.initialization import no_init_weights

    with torch.device("meta"), no_init_weights():
        model: nn.Module = _auto_class(config).from_config(config, trust_remote_code=trust_remote_code)
    return model


def _auto_class(config: Any) -> Any:
    """The transformers class that loads a body without its head, where the model has one."""
    import transformers as library

    if type(config) in library.MODEL_MAPPING or "AutoModel" in (getattr(config, "auto_map", None) or {}):
        return library.AutoModel
    if type(config) in library.MODEL_FOR_MULTIMODAL_LM_MAPPING:
        return library.AutoModelForMultimodalLM
    return library.AutoModelForCausalLM


def _tokenizer(source: ModelSource, arguments: dict[str, Any]) -> Any:
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(source.location, **arguments)
    except (OSError, ValueError, ImportError) as error:
        raise GluscopeError(
            f"{source.name} has no tokenizer that transformers can load",
            "save one beside the model: tokenizer.save_pretrained(folder)",
        ) from error


def _body(
    source: ModelSource,
    config: Any,
    arguments: dict[str, Any],
    dtype: str,
    device: torch.device,
    device_map: str | None,
) -> nn.Module:
    """The text body with its weights, on its device. GluscopeError where a weight is missing or doesn't fit."""
    import torch

    from ..sites import text_body

    where = device_map if device_map is not None else {"": device} if device.type != "cpu" else None
    try:
        model, report = _auto_class(config).from_pretrained(
            source.location,
            config=config,
            dtype=dtype,
            device_map=where,
            use_safetensors=None if source.gguf_file else True,
            ignore_mismatched_sizes=True,  # they are in the report, and refused below
            output_loading_info=True,
            **arguments,
        )
    except OSError as error:
        raise GluscopeError(
            f"the weights of {source.name} can't be loaded: {first_line(error)}",
            "gluscope reads safetensors and GGUF; a model with pickles only must be converted first",
        ) from error
    except torch.OutOfMemoryError as error:
        raise GluscopeError(
            f"{source.name} doesn't fit into the memory of {device}", "use --dtype bfloat16, or --device-map auto"
        ) from error
    body = text_body(model)
    _check_report(source, model, body, report)
    return body.eval()


def _check_report(source: ModelSource, model: nn.Module, body: nn.Module, report: dict[str, Any]) -> None:
    prefix = next(path for path, module in model.named_modules() if module is body)
    faults = {
        "are missing": sorted(str(name) for name in report["missing_keys"]),
        "have another shape": sorted(str(entry[0]) for entry in report["mismatched_keys"]),
    }
    for fault, names in faults.items():
        wanted = [name for name in names if name.startswith(prefix)]
        if wanted:
            raise GluscopeError(
                f"weights that config.json of {source.name} announces {fault}: {len(wanted)}, such as {wanted[0]}",
                "its values would be random: download or save the model again",
            )
    if any(parameter.is_meta for parameter in body.parameters()):
        raise GluscopeError(
            f"{source.name} doesn't fit: some of its layers would be read from disk for every batch",
            "use --dtype bfloat16, or a machine with more memory",
        )
