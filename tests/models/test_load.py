"""Loading a model: what comes back, and what is refused with cause and fix."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import gguf
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from indexer.errors import GluscopeError
from indexer.models.load import load
from indexer.sites import find_sites
from tests.support.tiny_models import save_tiny, tiny_model, tiny_tokenizer


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("models") / "my-llama", "llama")


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    """A model's folder, to be spoilt."""
    return shutil.copytree(saved, tmp_path / "my-llama")


def refusal(model: object, **options: Any) -> GluscopeError:
    """The error of loading a model, which fits into two lines."""
    with pytest.raises(GluscopeError) as refused:
        load(str(model), **options)
    assert "\n" not in refused.value.cause
    assert refused.value.fix
    assert "\n" not in refused.value.fix
    return refused.value


def edit(file: Path, **changes: Any) -> None:
    """Change settings in a JSON file; None takes one out."""
    settings = json.loads(file.read_text()) | changes
    file.write_text(json.dumps({key: value for key, value in settings.items() if value is not None}))


def test_a_folder_gives_the_body_its_tokenizer_and_who_it_is(saved: Path) -> None:
    loaded = load(str(saved))
    assert type(loaded.model).__name__ == "LlamaModel"
    assert not loaded.model.training
    assert loaded.tokenizer.decode(loaded.tokenizer("the cat")["input_ids"]) == "the cat"
    assert (loaded.name, loaded.revision) == ("my-llama", None)
    assert (loaded.architecture, loaded.model_type) == ("LlamaForCausalLM", "llama")
    assert (loaded.dtype, loaded.device, loaded.causal) == ("float32", "cpu", True)
    assert len(loaded.fingerprint) == 32


def test_the_weights_are_those_that_were_saved_and_the_head_is_not_loaded(saved: Path) -> None:
    expected: Any = tiny_model("llama")
    found = load(str(saved)).model.state_dict()
    assert found.keys() == expected.model.state_dict().keys()
    for name, weight in expected.model.state_dict().items():
        assert torch.equal(found[name], weight)


@pytest.mark.slow
def test_a_trailing_slash_and_a_dot_do_not_change_the_name(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(f"{saved}/").name == "my-llama"
    monkeypatch.chdir(saved)
    assert load(".").name == "my-llama"


def test_a_folder_of_the_hubs_cache_is_named_by_its_id(saved: Path, tmp_path: Path) -> None:
    commit = "0123456789abcdef" * 2 + "01234567"
    copied = shutil.copytree(saved, tmp_path / "models--some-org--tiny" / "snapshots" / commit)
    loaded = load(str(copied))
    assert (loaded.name, loaded.revision) == ("some-org/tiny", commit)


@pytest.mark.parametrize(("dtype", "name"), [("bfloat16", "bfloat16"), ("bf16", "bfloat16"), ("float16", "float16")])
def test_the_weights_take_the_dtype_asked_for(saved: Path, dtype: str, name: str) -> None:
    loaded = load(str(saved), dtype=dtype)
    assert loaded.dtype == name
    assert {str(parameter.dtype) for parameter in loaded.model.parameters()} == {f"torch.{name}"}


def test_dtype_auto_comes_from_the_checkpoint(saved: Path, tmp_path: Path) -> None:
    load(str(saved), dtype="bf16").model.save_pretrained(tmp_path)  # type: ignore[operator]  # every transformers model has it
    tiny_tokenizer().save_pretrained(tmp_path)
    assert load(str(tmp_path)).dtype == "bfloat16"


def test_an_encoder_is_not_causal(tmp_path: Path) -> None:
    sizes: dict[str, Any] = {
        "hidden_size": 16,
        "intermediate_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
    }
    auto: Any = transformers.AutoModel
    auto.from_config(transformers.GteConfig(vocab_size=304, **sizes)).save_pretrained(tmp_path)
    tiny_tokenizer().save_pretrained(tmp_path)
    assert not load(str(tmp_path)).causal


@pytest.mark.slow
def test_the_fingerprint_is_the_weights_and_not_the_place_or_the_form_of_the_files(saved: Path, tmp_path: Path) -> None:
    model: Any = tiny_model("llama")
    model.save_pretrained(tmp_path / "sharded", max_shard_size="10kB")
    assert len(list((tmp_path / "sharded").glob("*.safetensors"))) > 1
    tiny_tokenizer().save_pretrained(tmp_path / "sharded")
    same, other = load(str(tmp_path / "sharded")), save_tiny(tmp_path / "other", "llama", seed=1)
    assert same.fingerprint == load(str(saved)).fingerprint
    assert load(str(other)).fingerprint != same.fingerprint
    assert load(str(saved), dtype="bfloat16").fingerprint != same.fingerprint


def test_loading_writes_nothing_on_stdout_and_leaves_the_libraries_as_they_were(
    saved: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    from transformers.utils import logging

    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    stdout = sys.stdout
    load(str(saved))
    assert capfd.readouterr() == ("", "")
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before
    assert sys.stdout is stdout


def test_a_path_that_is_not_there_is_not_a_hub_id(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing", "./nothing", "~/no/such/model", "nothing.gguf", f"{tmp_path.name}/a/b"):
        assert refusal(path).cause == f"there is no model at {path}"


def test_an_empty_folder_lacks_a_config(tmp_path: Path) -> None:
    assert "has no config.json" in refusal(tmp_path).cause


def test_a_folder_of_gguf_files_points_to_one(tmp_path: Path) -> None:
    (tmp_path / "m.gguf").write_bytes(b"GGUF")
    assert str(tmp_path / "m.gguf") in refusal(tmp_path).fix


def test_an_adapter_is_not_a_model(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text("{}")
    assert "is an adapter" in refusal(tmp_path).cause


def test_trap_a_pickle_is_never_opened(folder: Path, tmp_path: Path) -> None:
    (folder / "model.safetensors").unlink()
    bomb = folder / "pytorch_model.bin"
    bomb.write_bytes(b"cos\nsystem\n(S'touch %s'\ntR." % bytes(tmp_path / "executed"))
    error = refusal(folder)
    assert "pickle" in error.cause
    assert "safetensors" in error.fix
    for suffix in (".bin", ".pt", ".pth", ".ckpt"):
        file = bomb.rename(bomb.with_suffix(suffix))
        assert "is a pickle" in refusal(file).cause
        file.rename(bomb)
    assert not (tmp_path / "executed").exists()


def test_a_folder_without_weights_is_refused(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    assert "no .safetensors file" in refusal(folder).cause


def test_weights_alone_are_not_a_model(folder: Path) -> None:
    assert str(folder) in refusal(folder / "model.safetensors").fix


@pytest.mark.parametrize("kept", [0, 4, 100, 0.5, -1])
def test_truncated_safetensors_are_named(folder: Path, kept: float) -> None:
    file = folder / "model.safetensors"
    content = file.read_bytes()
    file.write_bytes(content[: int(kept * len(content)) if kept == 0.5 else int(kept)])
    assert refusal(folder).cause == f"{file} is truncated or damaged"


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    model: Any = tiny_model("llama")
    model.save_pretrained(tmp_path, max_shard_size="10kB")
    shard = sorted(tmp_path.glob("model-*.safetensors"))[1]
    shard.unlink()
    assert f"lacks {shard.name}" in refusal(tmp_path).cause


def test_trap_a_weight_that_is_missing_is_not_made_up(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    error = refusal(folder)
    assert "announces are missing: 1, such as" in error.cause
    assert "layers.1.mlp.up_proj.weight" in error.cause
    assert "random" in error.fix


def test_trap_a_weight_of_another_shape_is_not_made_up(folder: Path) -> None:
    edit(folder / "config.json", intermediate_size=32)
    assert "announces have another shape: 9" in refusal(folder).cause


def test_a_config_that_is_not_json_is_named(folder: Path) -> None:
    (folder / "config.json").write_text("{")
    assert "config.json of my-llama can't be read" in refusal(folder).cause


def test_an_unknown_architecture_is_named(folder: Path) -> None:
    edit(folder / "config.json", model_type="brandnew")
    assert "doesn't know the architecture of my-llama: model_type 'brandnew'" in refusal(folder).cause
    edit(folder / "config.json", model_type=None)
    assert "model_type None" in refusal(folder).cause


REMOTE = """
import torch
from transformers import LlamaConfig, LlamaModel
class OwnConfig(LlamaConfig):
    model_type = "own"
class OwnModel(LlamaModel):
    config_class = OwnConfig
print("printed by the code of the model")
"""


def test_code_that_comes_with_a_model_runs_only_when_it_is_trusted(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setattr(sys, "path", list(sys.path))
    (folder / "own.py").write_text(REMOTE)
    edit(
        folder / "config.json",
        model_type="own",
        auto_map={"AutoConfig": "own.OwnConfig", "AutoModel": "own.OwnModel"},
    )
    error = refusal(folder)
    assert "needs the code that comes with it" in error.cause
    assert "--trust-remote-code" in error.fix
    assert "printed by" not in "".join(capfd.readouterr())
    loaded = load(str(folder), trust_remote_code=True)
    assert type(loaded.model).__name__ == "OwnModel"
    assert len(find_sites(loaded.model)) == 3
    captured = capfd.readouterr()
    assert captured.out == ""
    assert "printed by" in captured.err


def test_a_model_without_a_tokenizer_is_refused(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer_config.json").unlink()
    error = refusal(folder)
    assert "my-llama has no tokenizer" in error.cause
    assert "save_pretrained" in error.fix


def test_a_model_that_is_not_gated_is_refused_before_its_weights_are_read(tmp_path: Path) -> None:
    transformers.GPT2Config(
        n_embd=16, n_layer=2, n_head=2, vocab_size=304, architectures=["GPT2LMHeadModel"]
    ).save_pretrained(tmp_path)
    save_file({}, tmp_path / "model.safetensors")
    assert "GPT2LMHeadModel can't be indexed" in refusal(tmp_path).cause


def test_a_file_that_is_not_gguf_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "m.gguf"
    file.write_bytes(b"hello" * 100)
    assert refusal(file).cause == f"{file} is not a GGUF file"
    file.write_bytes(b"")
    assert refusal(file).cause == f"{file} is not a GGUF file"


def test_a_truncated_gguf_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "m.gguf"
    file.write_bytes(b"GGUF\x03\x00\x00\x00" + (5).to_bytes(8, "little") + (5).to_bytes(8, "little") + b"\x07")
    before = gguf.GGUFReader, gguf.get_tensor_name_map
    assert refusal(file).cause == "m.gguf is truncated or damaged"
    assert (gguf.GGUFReader, gguf.get_tensor_name_map) == before


def test_unknown_dtypes_and_devices_are_refused(saved: Path) -> None:
    assert "unknown dtype 'int4'" in refusal(saved, dtype="int4").cause
    assert "unknown device 'gpu'" in refusal(saved, device="gpu").cause
    assert "no device cuda:93" in refusal(saved, device="cuda:93").cause
