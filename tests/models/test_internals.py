"""Names of transformers that aren't public are used in one file, and each of them is there in the installed release."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import indexer
from indexer import transformers_internals

INDEXER = Path(indexer.__file__).parent
HOME = Path(transformers_internals.__file__)
PUBLIC = {"transformers", "transformers.utils"}
"""Modules of transformers that its documentation shows."""

DOCUMENTED = {"_exit", "_fields", "_replace", "_asdict", "_make", "_modules"}
"""Names with an underscore that are documented: of os, of named tuples, and torch's table of a module's children."""


def sources() -> dict[Path, ast.Module]:
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(INDEXER.rglob("*.py"))}


def private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__")


def used(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Private names that a module takes from others: attributes, and what getattr and its like are asked for."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and private(node.attr):
            yield node.lineno, node.attr
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id.endswith("attr"):
            for name in node.args[1:2]:
                if isinstance(name, ast.Constant) and isinstance(name.value, str) and private(name.value):
                    yield node.lineno, name.value
        if isinstance(node, ast.keyword) and node.arg and private(node.arg):
            yield node.value.lineno, node.arg


def own(trees: dict[Path, ast.Module]) -> set[str]:
    """The private names that the indexer's own code makes."""
    found = set()
    for path, tree in trees.items():
        if path == HOME:
            continue
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                found.add(node.name)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                if isinstance(node.value, ast.Name) and node.value.id == "self":
                    found.add(node.attr)
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                found.add(node.target.id)
            elif isinstance(node, ast.Assign):
                found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return found


@pytest.mark.slow
def test_private_names_of_others_are_used_in_one_file() -> None:
    trees = sources()
    known = own(trees) | DOCUMENTED
    outside = {
        f"{path.relative_to(INDEXER)}:{line} {name}"
        for path, tree in trees.items()
        if path != HOME
        for line, name in used(tree)
        if name not in known
    }
    assert not outside


@pytest.mark.slow
def test_modules_of_transformers_that_are_not_public_are_imported_in_one_file() -> None:
    outside = {
        f"{path.relative_to(INDEXER)}:{node.lineno} {node.module}"
        for path, tree in sources().items()
        if path != HOME
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        and node.level == 0
        and (node.module or "").split(".")[0] == "transformers"
        and node.module not in PUBLIC
    }
    assert not outside


def test_every_private_name_is_there_in_the_installed_release() -> None:
    import transformers.integrations.gguf.gguf_tokenizer_mapping as splits
    import transformers.integrations.moe as moe
    import transformers.masking_utils as masks
    import transformers.modeling_gguf_pytorch_utils as gguf
    from transformers import PreTrainedConfig

    for module, names in {
        moe: ("_default_apply_gate", "_can_use_grouped_mm", "ALL_EXPERTS_FUNCTIONS", "grouped_mm_experts_forward"),
        masks: ("find_packed_sequence_indices",),
        gguf: ("tqdm", "TENSOR_PROCESSORS", "TensorProcessor", "get_gguf_hf_weights_map"),
        splits: ("GGUF_PRE_TOKENIZER_SPLITS",),
        PreTrainedConfig: ("_attn_implementation", "_experts_implementation"),
    }.items():
        for name in names:
            assert hasattr(module, name), name
