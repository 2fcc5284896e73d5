"""What became of every family of transformers when it was last looked at: kept in record.json, made by this module.

`python -m tests.models.families.record` builds each family tiny and writes the file again; it takes about a minute.
"""

from __future__ import annotations

import json
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("record.json")
SAMPLE = (
    *("llama", "qwen3", "gemma3n_text", "granite", "phi3", "glm4", "cohere2", "bitnet", "falcon_h1", "lfm2", "zamba"),
    *("mt5", "t5gemma", "modernbert", "nomic_bert", "granitemoehybrid", "xlstm", "moshi", "qwen2_vl", "mllama"),
)
"""Families that differ in form, for continuous integration."""
LEFT = ("paligemma", "gpt2", "bert", "mamba", "aimv2", "clip", "dia", "llava", "gemma3", "nllb-moe")
"""Families that are refused, or read through another's, for the same."""


def recorded(status: str) -> list[str]:
    """The families that are "read", "experts" (routed ones), "through" (another family), "refused" or "unbuilt"."""
    return [name for name, (found, _) in json.loads(FILE.read_text())["families"].items() if found == status]


def look(config_class: Any) -> tuple[str, str]:
    """The outcome for a family, and the adapters that read it, or the reason why it isn't read."""
    from transformers.models.auto.modeling_auto import MODEL_MAPPING_NAMES

    from indexer.errors import GluscopeError
    from indexer.sites import find_sites, text_body
    from indexer.sites.experts import ExpertSite

    from .tiny import bare_model, tiny_config

    try:
        model = bare_model(tiny_config(config_class))
    except Exception as error:  # whatever a library's class raises for its own defaults
        return "unbuilt", f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"
    try:
        sites = find_sites(model)
    except GluscopeError as error:
        return "refused", error.cause
    adapters = " | ".join(sorted({site.adapter for site in sites}))
    if any(isinstance(site, ExpertSite) for site in sites):
        return "experts", adapters
    body = text_body(model)
    families = MODEL_MAPPING_NAMES.values()
    through = body is not model and type(body).__name__ in families
    return ("through", type(body).__name__) if through else ("read", adapters)


def main() -> None:
    import transformers

    from .tiny import families

    warnings.simplefilter("ignore")
    logging: Any = transformers.logging
    logging.set_verbosity_error()
    found = {name: look(config) for name, config in sorted(families().items())}
    content = {"transformers": transformers.__version__, "families": found}
    FILE.write_text(json.dumps(content, indent=0, ensure_ascii=False) + "\n")
    print(*Counter(status for status, _ in found.values()).items())


if __name__ == "__main__":
    main()
