"""Folders that were tampered with or are damaged: two clean lines from `index` and `models`, nothing run, no hang."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from gluscope_tui.cli.app import run
from indexer.errors import GluscopeError
from indexer.models.families import family_of
from indexer.models.load import load
from indexer.sequences.tokenizer import text_encoder
from tests.support.tiny_models import save_tiny, tiny_tokenizer

pytestmark = pytest.mark.usefixtures("one_thread")

ESCAPE = "\x1b]0;X\x07"


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("models") / "my-llama", "llama")


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    """A model's folder, to be spoilt."""
    return shutil.copytree(saved, tmp_path / "my-llama")


def edit(file: Path, **changes: Any) -> None:
    """Change settings in a JSON file; None takes one out."""
    settings = json.loads(file.read_text()) | changes
    file.write_text(json.dumps({key: value for key, value in settings.items() if value is not None}))


def refusal(folder: Path, *, both: bool = False, **options: Any) -> GluscopeError:
    """The error of loading a model, in two clean lines; `both`: `models` refuses it too."""
    with pytest.raises(GluscopeError) as refused:
        load(str(folder), **options)
    if both:
        with pytest.raises(GluscopeError):
            family_of(str(folder))
    for line in (refused.value.cause, refused.value.fix):
        assert line
        assert line.isprintable()
        assert len(line) < 500
    return refused.value


def tried(folder: Path) -> GluscopeError | None:
    """The refusal of a model; None if it loads."""
    try:
        load(str(folder))
    except GluscopeError as error:
        return error
    return None


LAYERS = 1_000_000


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"hidden_size": 16.0}, "hidden_size = 16.0"),
        ({"hidden_size": "16"}, "hidden_size = '16'"),
        ({"hidden_size": True}, "hidden_size = True"),
        ({"num_attention_heads": 0}, "num_attention_heads = 0"),
        ({"num_attention_heads": 5}, "(5)"),
        ({"intermediate_size": -24}, "intermediate_size = -24"),
        ({"num_hidden_layers": LAYERS}, f"num_hidden_layers = {LAYERS}"),
        ({"vocab_size": 1 << 60}, "vocab_size"),
        ({"num_labels": 1 << 40}, "num_labels"),
        ({"rms_norm_eps": float("nan")}, "rms_norm_eps = nan"),
        ({"rope_theta": float("inf")}, "rope_theta = inf"),
        ({"hidden_act": "unheard"}, "hidden_act = 'unheard'"),
        ({"hidden_act": ESCAPE}, "hidden_act"),
        ({"hidden_act": []}, "hidden_act"),
        ({"rope_parameters": {"rope_type": "su", "factor": 2.0, "rope_theta": 1e4}}, "su"),
        ({"rope_parameters": []}, ""),
        ({"rope_parameters": "x"}, ""),
        ({"model_type": ESCAPE}, "model_type"),
        ({"model_type": ["llama"]}, "model_type"),
        ({"quantization_config": []}, "list"),
        ({"quantization_config": {"quant_method": "brand-new"}}, "brand-new"),
        ({"quantization_config": {"quant_method": ESCAPE}}, "quantised"),
        ({"dtype": "torch.float17"}, "float17"),
        ({"head_dim": [8]}, ""),
        ({"head_dim": 0}, ""),
        ({"id2label": 5}, ""),
    ],
)
def test_settings_that_no_model_has_are_named(folder: Path, changes: dict[str, Any], named: str) -> None:
    edit(folder / "config.json", **changes)
    assert named in refusal(folder, both="dtype" not in changes).cause


def test_sizes_that_the_weights_cannot_fill_take_no_memory(folder: Path) -> None:
    edit(folder / "config.json", vocab_size=1 << 26, hidden_size=1 << 20, num_attention_heads=16, head_dim=8)
    assert "announces" in refusal(folder).cause


def test_names_of_classes_that_are_none_are_passed_over(folder: Path) -> None:
    given: tuple[Any, ...] = ("LlamaForCausalLM", 5, [ESCAPE], [7], {})
    for names in given:
        edit(folder / "config.json", architectures=names)
        assert "\x1b" not in load(str(folder)).architecture


@pytest.mark.parametrize(
    "content", ["[]", "null", "5", '"x"', "", "{", "[" * 100_000, '{"a":' * 50_000, "\x00", "\xff"]
)
def test_a_config_that_is_not_an_object_is_named(folder: Path, content: str) -> None:
    (folder / "config.json").write_text(content, encoding="latin-1")
    assert "my-llama" in refusal(folder, both=True).cause


def test_a_config_nested_beyond_reason_is_refused(folder: Path) -> None:
    nested: Any = {}
    for _ in range(100):
        nested = {"a": nested}
    edit(folder / "config.json", text_config=nested)
    assert "nested" in refusal(folder, both=True).cause


METHODS = ("bitsandbytes", "gptq", "awq", "compressed-tensors", "hqq", "eetq", "torchao", "fbgemm_fp8", "aqlm", "vptq")


@pytest.mark.parametrize("method", METHODS)
def test_a_quantised_form_whose_library_is_absent_is_named(folder: Path, method: str) -> None:
    form: dict[str, Any] = {"quant_method": method, "bits": 4, "group_size": 128, "load_in_4bit": method[0] == "b"}
    edit(folder / "config.json", quantization_config=form)
    assert method in refusal(folder, both=True).cause


def test_a_name_of_an_attention_runs_no_code(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Attention by the name of a repository would be fetched from the hub and run."""
    import transformers.modeling_utils as library

    asked: list[Any] = []

    def fetch(name: Any, *_: Any, **__: Any) -> None:
        asked.append(name)
        raise OSError("this would be code from the hub")

    for loader in ("lazy_import_flash_attention", "load_and_register_attn_kernel"):
        if hasattr(library, loader):
            monkeypatch.setattr(library, loader, fetch)
    names = ("_attn_implementation", "attn_implementation", "_attn_implementation_internal")
    for name in (*names, "_experts_implementation", "experts_implementation"):
        edit(folder / "config.json", **{**dict.fromkeys(names), name: "someone/kernel"})
        assert load(str(folder)).causal
        assert family_of(str(folder))[0].status == "supported"
    assert asked == []
    edit(folder / "config.json", attn_implementation="someone/kernel")
    auto: Any = transformers.AutoModel
    with pytest.raises((OSError, ValueError, ImportError)):  # what the file would do alone
        auto.from_pretrained(folder)
    assert asked == ["someone/kernel"]


def test_no_other_file_is_opened_for_the_weights(folder: Path) -> None:
    shutil.copy(folder / "model.safetensors", folder / "other.safetensors")
    weights = load_file(folder / "other.safetensors")
    save_file({name: weight + 1 for name, weight in weights.items()}, folder / "other.safetensors", {"format": "pt"})
    before = load(str(folder)).fingerprint
    edit(folder / "config.json", transformers_weights="other.safetensors")
    assert load(str(folder)).fingerprint == before


def test_weights_without_a_place_are_refused(tmp_path: Path) -> None:
    """A config that says mlp_bias: false beside weights with biases."""
    folder = save_tiny(tmp_path / "biased", "llama_bias")
    edit(folder / "config.json", mlp_bias=False)
    error = refusal(folder)
    assert "no place for 9 of its weights" in error.cause
    assert "mlp.down_proj.bias" in error.cause
    edit(folder / "config.json", mlp_bias=True, num_hidden_layers=2)  # a layer more than is said
    assert load(str(folder)).notices == (
        "weights that the model's body doesn't have: 16, such as model.layers.2.input_layernorm.weight",
    )


def test_heads_and_what_is_computed_need_no_place(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    weights["model.layers.0.self_attn.rotary_emb.inv_freq"] = torch.ones(4)
    weights["score.weight"] = torch.ones(2, 16)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    assert load(str(folder)).notices == ()


def test_weights_of_zeros_are_called_so(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    save_file(
        {name: torch.zeros_like(each) for name, each in weights.items()}, folder / "model.safetensors", {"format": "pt"}
    )
    assert refusal(folder).cause == "all values of embed_tokens.weight of my-llama are 0"


def test_tokens_beyond_the_embeddings_are_named(folder: Path) -> None:
    tokenizer = tiny_tokenizer()
    tokenizer.add_tokens(["wordier"] + [f"w{n}" for n in range(20)])
    tokenizer.save_pretrained(folder)
    error = refusal(folder)
    assert "tokens beyond the 304 that the model embeds" in error.cause


def test_special_tokens_beyond_the_embeddings_do_not_matter(folder: Path) -> None:
    tokenizer = tiny_tokenizer()
    tokenizer.add_special_tokens({"additional_special_tokens": [f"<image{n}>" for n in range(20)]})
    tokenizer.save_pretrained(folder)
    assert load(str(folder)).causal


@pytest.mark.parametrize(
    "spoil",
    [
        lambda definition: definition["model"].update(type="BrandNew"),
        lambda definition: definition.update(model=None),
        lambda definition: definition.update(pre_tokenizer={"type": "Unheard"}),
        lambda definition: definition["model"].update(vocab=[]),
        lambda definition: definition["model"].update(merges=[["zz", "yy"]]),
        lambda definition: definition.update(added_tokens="x"),
    ],
)
def test_a_tokenizer_of_another_form_is_two_lines(folder: Path, spoil: Any) -> None:
    file = folder / "tokenizer.json"
    definition = json.loads(file.read_text())
    spoil(definition)
    file.write_text(json.dumps(definition))
    assert "my-llama has no tokenizer" in refusal(folder).cause


@pytest.mark.parametrize("content", ["[]", "null", "{", '{"tokenizer_class": 5}', '{"added_tokens_decoder": {"0": 5}}'])
def test_settings_of_a_tokenizer_that_are_none_are_two_lines(folder: Path, content: str) -> None:
    (folder / "tokenizer_config.json").write_text(content)
    error = tried(folder)
    assert error is None or ("my-llama has no tokenizer" in error.cause and error.cause.isprintable())


def test_a_file_that_the_model_does_not_use_does_not_block_it(folder: Path) -> None:
    (folder / "consolidated.safetensors").write_bytes(b"\x00" * 5)
    (folder / "training_args.bin").write_bytes(b"")
    assert load(str(folder)).causal


def replaced(path: Path, kind: str) -> None:
    path.unlink()
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "loop":
        path.symlink_to(path.name)
    else:
        path.symlink_to("nowhere")


@pytest.mark.parametrize("kind", ["fifo", "folder", "loop", "dangling"])
@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
def test_what_is_not_a_file_is_named(folder: Path, name: str, kind: str) -> None:
    replaced(folder / name, kind)
    error = refusal(folder)
    assert name in error.cause or (name == "tokenizer.json" and "tokenizer" in error.cause)


def header(**tensors: Any) -> bytes:
    text = json.dumps(tensors).encode()
    return len(text).to_bytes(8, "little") + text


@pytest.mark.parametrize(
    "content",
    [
        (1 << 63).to_bytes(8, "little") + b"{}",
        header(a={"dtype": "F32", "shape": [-1], "data_offsets": [0, 0]}),
        header(a={"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 4]}) + b"\x00" * 4,
        header(a={"dtype": "X9", "shape": [1], "data_offsets": [0, 4]}) + b"\x00" * 4,
        header(a={"dtype": "F32", "shape": [1], "data_offsets": [4, 0]}),
        header(a=None),
        header(a={"dtype": "F32", "shape": "x", "data_offsets": "yz"}),
        (200_000).to_bytes(8, "little") + b'{"a":' * 40_000,
    ],
)
def test_a_damaged_header_is_two_lines(folder: Path, content: bytes) -> None:
    (folder / "model.safetensors").write_bytes(content)
    refusal(folder)


def test_an_index_of_shards_points_nowhere_else(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "a.safetensors")
    for names in (["../a.safetensors"], [5], [], ["/etc/passwd"]):
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": dict.fromkeys("ab", *names)}))
        assert "is damaged" in refusal(folder).cause


def test_an_adapter_beside_a_model_is_refused(folder: Path) -> None:
    (folder / "adapter_config.json").write_text("{}")
    assert "has an adapter" in refusal(folder).cause


def test_a_revision_of_a_folder_is_refused(folder: Path) -> None:
    assert "--revision" in refusal(folder, revision="main").cause


@pytest.mark.slow
def test_bits_flipped_in_a_config_are_two_lines(folder: Path) -> None:
    """Whatever a flipped byte makes of config.json: a model that loads, or a refusal in two clean lines."""
    content = (folder / "config.json").read_bytes()
    random = np.random.default_rng(0)
    for _ in range(25):
        spoilt = bytearray(content)
        for place in random.integers(0, len(spoilt), 2):
            spoilt[place] ^= 1 << int(random.integers(0, 7))
        (folder / "config.json").write_bytes(spoilt)
        error = tried(folder)
        assert error is None or (error.cause + error.fix).isprintable()


def test_the_original_error_is_there_for_who_asks(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(folder / "config.json", num_attention_heads=5)
    assert run(["models", str(folder)]) == 2
    assert "Traceback" not in capsys.readouterr().err
    assert run(["--debug", "models", str(folder)]) == 2
    shown = capsys.readouterr().err
    assert "Traceback" in shown
    assert "StrictDataclass" in shown
    assert "\x1b" not in shown


def test_a_tokenizer_that_fails_on_text_is_reported() -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("no such piece")

    with pytest.raises(GluscopeError, match="tokenizer fails on text: no such piece"):
        text_encoder(cast(Any, fail))(["text"])
