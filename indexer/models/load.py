"""Loads a model: its body without the language-model head, its tokenizer, and its provenance."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import replace
from logging import ERROR
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import GluscopeError
from ..library_errors import in_a_line, said, told
from .config import Described, describe, resolve
from .gguf import header_read_once
from .gguf_file import GgufFile
from .loaded import LoadedModel, Origin
from .loading_report import apply_rotary_factors, demand_values, demand_whole, demand_whole_gguf
from .source import ModelSource, locate, weight_bytes
from .special_tokens import demand_embedded, template

if TYPE_CHECKING:
    import torch
    from torch import nn


_DTYPES = {"auto", "float32", "bfloat16", "float16", "float64"}
_MOST_A_BYTE = 8  # weights: one bit each
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
    is cuda, mps or cpu, whichever exists first; `device_map` spreads the model as transformers does. GluscopeError
    for every error that a user can fix.
    """
    source = locate(model, revision=revision)
    resolved_dtype = _dtype(dtype)
    with quiet(), header_read_once():
        resolved_device = _device(device)
        arguments = resolve(source, revision, trust_remote_code)
        described = describe(source, arguments)
        origin = Origin(source, described.config, arguments)
        _refuse_early(described, source, trust_remote_code, layers)
        tokenizer, told_of_tokens = _tokenizer(origin, described.gguf)
        body, told_of_weights = _body(origin, described.gguf, resolved_dtype, resolved_device, device_map)
        demand_embedded(source.name, tokenizer, body)
        return _loaded(origin, tokenizer, body, (*described.notices, *told_of_tokens, *told_of_weights), layers)


def _loaded(
    origin: Origin, tokenizer: Any, body: nn.Module, notices: tuple[str, ...], layers: Sequence[int] | None
) -> LoadedModel:
    from ..sites import is_encoder_decoder
    from ..sites.refuse import architecture, named_architecture
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
        architecture=named_architecture(config) or architecture(body),
        model_type=str(config.model_type),
        dtype=str(weight.dtype).removeprefix("torch."),
        device=str(weight.device),
        causal=False,
        fingerprint=fingerprint(body, body.config.to_dict()),  # type: ignore[union-attr,operator]  # see above
        origin=origin,
        decoder_start=start,
        hides_start=start is not None and template(tokenizer).front != start,
        notices=notices if notice is None else (*notices, notice),
        tables=length_tables(body),
        positions=own_positions(body),
    )
    with told(f"{origin.source.name} can't run a short text", "check its config.json, or use another model"):
        shown = rehearse(loaded, layers)
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
    from transformers.utils import logging as transformers_logging

    from ..transformers_internals import no_gguf_bar

    logging: Any = transformers_logging  # its functions have no types
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
        stack.enter_context(no_gguf_bar())
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


def _refuse_early(
    described: Described, source: ModelSource, trust_remote_code: bool, layers: Sequence[int] | None
) -> None:
    """Refuse a model that can't be indexed by its structure alone, before its weights are fetched and read."""
    from ..sites import find_sites, text_body
    from ..sites.site import select
    from .length_tables import length_tables

    model = bare_model(described, trust_remote_code)
    select(find_sites(model), layers)
    length_tables(text_body(model))
    if source.local and described.gguf is None:
        announced, there = (
            sum(parameter.numel() for parameter in model.parameters()),
            weight_bytes(Path(source.location)),
        )
        if announced > _MOST_A_BYTE * there:
            raise GluscopeError(
                f"{described.where} announces {announced:,} weights, and its files have {there:,} bytes for them",
                "config.json is another model's, or weights are missing: download the model again",
            )


def bare_model(described: Described, trust_remote_code: bool) -> nn.Module:
    """A model as its settings describe it, without weights, on the device meta. GluscopeError if it can't be built."""
    from ..transformers_internals import without_weights

    config = described.config
    with told(f"no model can be made by {described.where}", "check the settings named there"), without_weights():
        try:
            kind = _auto_class(config, gguf=described.gguf is not None)
            own = kind is encoder_class(config)
            model: nn.Module = kind(config) if own else kind.from_config(config, trust_remote_code=trust_remote_code)
        except Exception as error:
            raise _why_unbuilt(described, error) from error
    return model


def _why_unbuilt(described: Described, error: Exception) -> Exception:
    """A plainer error for settings that classes of transformers stumble over."""
    from ..transformers_internals import activation_names

    known = activation_names()
    for name, value in described.config.to_dict().items():
        if ("act" in name.split("_") or "activation" in name) and isinstance(value, str) and value not in known:
            return GluscopeError(
                in_a_line(f"{described.where}: {name} = {value!r}, an activation that transformers doesn't have"),
                "correct it: silu and gelu_pytorch_tanh are the usual ones",
            )
    return error


def encoder_class(config: Any) -> Any:
    """The class of an encoder that was saved without its decoder, such as T5EncoderModel; None for any other model."""
    import transformers as library

    from ..sites.refuse import named_architecture

    name = named_architecture(config)
    found: Any = getattr(library, name, None) if name.endswith("EncoderModel") else None
    return found if found is not None and type(config) is getattr(found, "config_class", None) else None


def _auto_class(config: Any, *, gguf: bool) -> Any:
    """The transformers class that loads a body without its head, if the model has one.

    The names of a GGUF file's tensors are mapped from the names in a model with its head.
    """
    import transformers as library

    if gguf:
        return library.AutoModelForCausalLM
    if (encoder := encoder_class(config)) is not None:
        return encoder
    if type(config) in library.MODEL_MAPPING or "AutoModel" in (getattr(config, "auto_map", None) or {}):
        return library.AutoModel
    if type(config) in library.MODEL_FOR_MULTIMODAL_LM_MAPPING:
        return library.AutoModelForMultimodalLM
    return library.AutoModelForCausalLM


def _tokenizer(origin: Origin, gguf: GgufFile | None) -> tuple[Any, tuple[str, ...]]:
    """The tokenizer, and notices about it."""
    from transformers import AutoTokenizer

    from .gguf_tokenizer import gguf_tokenizer

    name = origin.source.name
    if gguf is not None:
        return gguf_tokenizer(gguf)
    with told(
        f"{name} has no tokenizer that transformers can load",
        "save one beside the model: tokenizer.save_pretrained(folder); a newer form needs newer libraries",
    ):
        return AutoTokenizer.from_pretrained(origin.source.location, config=origin.config, **origin.arguments), ()


def _body(
    origin: Origin, gguf: GgufFile | None, dtype: str, device: torch.device, device_map: str | None
) -> tuple[nn.Module, tuple[str, ...]]:
    """The text body with its weights, on its device, and notices about them.

    GluscopeError if a weight is missing, doesn't fit or has no place.
    """
    from ..sites import text_body

    source = origin.source
    model, report = _with_weights(origin, dtype, device, device_map)
    body = text_body(model)
    if any(parameter.is_meta for parameter in body.parameters()):
        raise GluscopeError(
            f"{source.name} doesn't fit: some of its layers would be read from disk for every batch",
            "use --dtype bfloat16, or a machine with more memory",
        )
    notices: tuple[str, ...] = ()
    if gguf is None:
        notices = demand_whole(source.name, model, body, report)
    else:
        from ..transformers_internals import gguf_names

        demand_whole_gguf(gguf, model, body, report, gguf_names(model, gguf.architecture))
        apply_rotary_factors(gguf, body)
    demand_values(source.name, body)
    return body.eval(), notices


def _with_weights(
    origin: Origin, dtype: str, device: torch.device, device_map: str | None
) -> tuple[Any, dict[str, Any]]:
    """The whole model that transformers loads, and its report of what was loaded."""
    import torch
    import transformers as library

    source = origin.source
    where = device_map if device_map is not None else {"": device} if device.type != "cpu" else None
    form: dict[str, Any] = {"use_safetensors": True}
    if source.gguf_file:  # decoded to numbers: blocks would need kernels from the hub
        form = {"quantization_config": library.GgufConfig(dequantize=True)}
    unreadable = f"the weights of {source.name} can't be loaded"
    with told(
        unreadable, "download them again; gluscope reads safetensors and GGUF, as floats or as transformers does"
    ):
        try:
            found: tuple[Any, dict[str, Any]] = _auto_class(
                origin.config, gguf=source.gguf_file is not None
            ).from_pretrained(
                source.location,
                config=origin.config,
                dtype=dtype,
                device_map=where,
                ignore_mismatched_sizes=True,  # they are in the report, and refused
                output_loading_info=True,
                **form,
                **origin.arguments,
            )
        except OSError as error:
            cached = "the hub can't be reached, and its cache lacks them: load the model once with a connection"
            form_only = "gluscope reads safetensors and GGUF; a model with pickles only must be converted first"
            fix = cached if origin.arguments.get("local_files_only") else form_only
            raise GluscopeError(f"{unreadable}: {said(error)}", fix) from error
        except (torch.OutOfMemoryError, MemoryError) as error:
            raise GluscopeError(
                f"{source.name} doesn't fit into the memory of {device}", "use --dtype bfloat16, or --device-map auto"
            ) from error
    return found
