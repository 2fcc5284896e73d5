"""Which families of the installed transformers can be indexed, and how: each is built without weights and examined.

To add a family: where its MLPs have children of new names, a row of `LAYOUTS` in sites/layouts.py; where they compute
more than down(act(gate) * in), a row of `ODD` in sites/odd.py, or of `REFUSED` with the reason; for experts a form in
sites/expert_forms.py. Then its values by hand in tests/models/families/by_hand.py, settings of a small one in
tests/models/families/tiny.py where its defaults make none, and `python -m tests.models.families.record`. The tests of
that folder fail for a family that is read and not recorded, and for one that `models` and `index` see differently.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import inspect
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..cache import cache_folder
from ..errors import GluscopeError
from ..progress import Progress, Report

SUPPORTED, REFUSED, UNBUILT = "supported", "refused", "unbuilt"

_SECTIONS = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [24, 20, 20]}
_LACKING: dict[str, Mapping[str, Any]] = {
    "chameleon": {"vocabulary_map": {"<image>": 8711}},
    "cohere_compass_text": {"rope_parameters": {"full_attention": _SECTIONS}},
    "emu3": {"vocabulary_map": {"<image>": 151851}},
    "dbrx": {"attn_config": {"rope_theta": 10000.0}},
    "dots1": {"n_routed_experts": 8, "n_shared_experts": 1, "n_group": 1, "topk_group": 1, "num_experts_per_tok": 2},
    "hunyuan_v1_dense": {"head_dim": 128},
    "hunyuan_v1_moe": {"head_dim": 128},
    "hunyuan_vl_text": {"head_dim": 128},
    "lfm2_moe": {"layer_types": ["conv", "full_attention"] * 16},
    "ministral": {"head_dim": 128},
    "nemotron": {"num_key_value_heads": 8},
}
"""model_type -> settings without which the defaults of its class make no model."""

_VARIANTS: dict[str, Mapping[str, Any]] = {
    "t5": {"feed_forward_proj": "gated-gelu"},
    "longt5": {"feed_forward_proj": "gated-gelu"},
}
"""model_type -> settings that make a family's gated form, where its default is another."""

_ANY_FAULT = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""The errors of classes that can't be built from their own defaults."""


@dataclass(frozen=True, slots=True)
class Family:
    """The result for one family; texts are "" if they don't apply."""

    family: str  # model_type, as config.json has it
    status: str  # supported, refused, or unbuilt: the defaults of its class make no model here
    kind: str  # dense, experts, encoder-decoder
    adapter: str  # how gate and in are found; several: joined with " | "
    activation: str
    model: str  # the class that reads text
    reason: str  # why it is refused, or couldn't be built


def families(report: Report, cache: Path | None = None) -> list[Family]:
    """One row for each family, sorted by name. Kept in the cache folder until transformers or gluscope changes."""
    kept = (cache or cache_folder()) / f"families-{_version()}.json"
    try:
        return [Family(**row) for row in json.loads(kept.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError):
        found = sorted(survey(report), key=lambda family: family.family)
    kept.parent.mkdir(parents=True, exist_ok=True)
    aside = kept.with_suffix(f".{os.getpid()}")
    aside.write_text(json.dumps([asdict(family) for family in found]), encoding="utf-8")
    aside.replace(kept)
    return found


def survey(report: Report) -> Iterator[Family]:
    """Look at each family of the installed transformers again: about a minute."""
    from .load import quiet

    with quiet():
        classes = _classes()
        for done, config_class in enumerate(classes):
            report(Progress("looking", done, len(classes), message="looking at families"))
            name = config_class.model_type
            yield _look(name, name, config_class, _LACKING.get(name, {}))
            if name in _VARIANTS:
                settings = _VARIANTS[name]
                yield _look(name, f"{name} ({', '.join(map(str, settings.values()))})", config_class, settings)


def family_of(model: str, revision: str | None = None, trust_remote_code: bool = False) -> tuple[Family, int, int]:
    """The row of one model, an id, a folder or a .gguf file, with its layers and neurons; no weights are read.

    GluscopeError if its configuration can't be found or read.
    """
    from .config import describe, resolve
    from .load import bare_model, quiet
    from .source import locate

    source = locate(model, weights=False, revision=revision)
    with quiet():
        arguments = resolve(source, revision, trust_remote_code)
        described = describe(source, arguments)
        return _judged(str(described.config.model_type), bare_model(described, trust_remote_code))


def _classes() -> list[Any]:
    """The configuration class of every family that has a body."""
    import transformers

    return [*{config.model_type: config for config in transformers.MODEL_MAPPING}.values()]


def _look(name: str, shown: str, config_class: Any, settings: Mapping[str, Any]) -> Family:
    """The row of a family, from the defaults of its class."""
    import transformers

    from .config import Described
    from .load import bare_model

    try:
        found: Any = transformers.MODEL_MAPPING[config_class]  # one class, or several with the main one first
        model_class = found[0] if isinstance(found, tuple) else found
        if "input_ids" not in inspect.signature(model_class.forward).parameters:
            return Family(shown, REFUSED, "", "", "", model_class.__name__, "it doesn't read text")
        described = Described(_configuration(name, config_class, settings), "its defaults")
        return _judged(shown, bare_model(described, False))[0]
    except GluscopeError as error:
        return Family(shown, UNBUILT, "", "", "", "", " ".join(str(error.__cause__ or error.cause).split())[:120])
    except _ANY_FAULT as error:
        return Family(shown, UNBUILT, "", "", "", "", " ".join(str(error).split())[:120])


def _configuration(name: str, config_class: Any, settings: Mapping[str, Any]) -> Any:
    """The default configuration with `settings`, and its parts with the settings that their classes lack."""
    import transformers

    if settings:
        return config_class(**settings)
    default = config_class()
    parts = {
        key: type(part)(**_LACKING[part.model_type])
        for key, part in vars(default).items()
        if isinstance(part, transformers.PreTrainedConfig) and part.model_type in _LACKING and part.model_type != name
    }
    return config_class(**parts) if parts else default


def _judged(name: str, model: Any) -> tuple[Family, int, int]:
    """The row of a model without weights, the number of its layers with a gated MLP, and of their neurons."""
    from ..sites import find_sites, is_encoder_decoder, text_body
    from .length_tables import length_tables

    body = text_body(model)
    kind = "encoder-decoder" if is_encoder_decoder(body) else "dense"
    try:
        sites = find_sites(model)
        length_tables(body)
    except GluscopeError as error:
        reason = error.cause.partition("can't be indexed: ")[2] or error.cause
        return Family(name, REFUSED, "", "", "", type(body).__name__, reason), 0, 0
    if any(site.address.expert is not None for site in sites):
        kind = "experts"
    adapters, activations = (
        " | ".join(sorted({getattr(site, part) for site in sites})) for part in ("adapter", "activation")
    )
    layers = len({(site.address.stack, site.address.layer) for site in sites})
    family = Family(name, SUPPORTED, kind, adapters, activations, type(body).__name__, "")
    return family, layers, sum(site.width for site in sites)


def _version() -> str:
    """A key that changes with transformers and with the code that decides what is supported."""
    digest = hashlib.blake2b(digest_size=8)
    digest.update(importlib.metadata.version("transformers").encode())
    sites = Path(__file__).parents[1] / "sites"
    for file in (Path(__file__), *sorted(sites.glob("*.py"))):
        digest.update(file.read_bytes())
    return digest.hexdigest()
