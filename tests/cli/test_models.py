"""`gluscope models`: a row for every family, from the code, and a word about one model."""

from __future__ import annotations

import csv
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import transformers

from gluscope_tui.cli.app import run
from indexer.cache import cache_folder
from indexer.jobs.prepare import silent
from indexer.models import families
from indexer.models.families import Family
from indexer.models.families import families as all_families

from ..support.tiny_models import save_tiny, tiny_config

Capture = pytest.CaptureFixture[str]


NAMES = ("llama", "t5", "gpt2", "modernbert", "pixtral", "mixtral", "lfm2_moe", "mamba")


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Some families only, and an empty cache."""
    every = families._classes()
    monkeypatch.setattr(families, "_classes", lambda: [each for each in every if each.model_type in NAMES])
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def rows() -> dict[str, Family]:
    return {family.family: family for family in all_families(silent)}


@pytest.mark.slow
def test_each_family_has_its_adapter_or_the_reason_against_it() -> None:
    found = rows()
    assert set(found) == {*NAMES, "t5 (gated-gelu)"}
    assert (found["llama"].status, found["llama"].kind, found["llama"].adapter) == (
        "supported",
        "dense",
        "gate_proj, up_proj",
    )
    assert (found["t5 (gated-gelu)"].kind, found["t5 (gated-gelu)"].adapter) == ("encoder-decoder", "wi_0, wi_1")
    assert found["modernbert"].adapter == "Wi (halves)"
    assert found["mixtral"].kind == "experts"
    assert (found["gpt2"].status, found["t5"].status) == ("refused", "refused")
    assert found["gpt2"].reason.startswith("its MLP (GPT2MLP) is not gated")
    assert "not gated" in found["t5"].reason
    assert found["pixtral"].reason == "it doesn't read text"
    assert found["mamba"].reason == "no gated MLP was found in it"
    assert found["lfm2_moe"].status == "supported"


@pytest.mark.slow
def test_looking_again_reads_what_was_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    before = rows()

    def never(_report: object) -> Any:
        raise AssertionError

    monkeypatch.setattr(families, "survey", never)
    assert rows() == before
    monkeypatch.setattr(families, "_version", lambda: "another")
    with pytest.raises(AssertionError):
        rows()


@pytest.mark.slow
def test_a_damaged_catalogue_is_made_again() -> None:
    before = rows()
    for file in cache_folder().iterdir():
        file.write_text('[{"family": "x"}]')
    assert rows() == before


@pytest.mark.slow
def test_json_and_csv_hold_every_row(capsys: Capture) -> None:
    assert run(["models", "-s", "all", "-f", "json"]) == 0
    wanted = [asdict(family) for family in all_families(silent)]
    assert json.loads(capsys.readouterr().out) == wanted
    assert run(["models", "--status", "all", "--format", "csv"]) == 0
    assert list(csv.DictReader(capsys.readouterr().out.splitlines())) == wanted


@pytest.mark.slow
def test_the_table_fits_the_terminal_and_tells_the_numbers(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert run(["models", "-s", "all", "-f", "table"]) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0].split()[:2] == ["family", "status"]
    assert len(lines) == 1 + 9
    assert max(map(len, lines)) <= 80
    assert "5 supported, 4 refused" in err


@pytest.mark.slow
@pytest.mark.parametrize(("color", "escapes"), [("auto", False), ("never", False), ("none", True), ("always", True)])
def test_headings_are_bold_if_colours_are_wanted(capsys: Capture, color: str, escapes: bool) -> None:
    assert run(["models", "--summary", "-f", "table", "--color", color]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert (head.startswith("\x1b[1mfamilies"), head.endswith("\x1b[0m")) == (escapes, escapes)
    assert "\x1b" not in "".join(rows)


@pytest.mark.slow
def test_the_summary_counts_families_by_adapter(capsys: Capture) -> None:
    assert run(["models", "--summary", "-f", "md"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["| families | such as | read as |", "|---|---|---|"]
    assert "| 1 | modernbert | Wi (halves) |" in lines
    assert lines[-1] == "| 4 | gpt2, mamba, pixtral, t5 | refused |"


def test_one_model_is_reported_without_its_weights(tmp_path: Path, capsys: Capture) -> None:
    tiny_config("llama").save_pretrained(tmp_path / "model")  # no weights, no tokenizer
    assert run(["models", str(tmp_path / "model"), "-f", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["family"], found["status"], found["model"]) == ("llama", "supported", "LlamaModel")
    assert (found["layers"], found["neurons"]) == (3, 72)
    assert run(["models", str(tmp_path / "model"), "-f", "csv"]) == 0
    (row,) = csv.DictReader(capsys.readouterr().out.splitlines())
    assert row == {name: str(value) for name, value in found.items()}
    assert run(["models", str(tmp_path / "model"), "-f", "md"]) == 0
    heads, _, cells = (line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines())
    assert dict(zip(heads, cells, strict=True))["neurons"] == "72"


def test_one_model_that_is_refused_gives_1_and_the_reason(tmp_path: Path, capsys: Capture) -> None:
    transformers.GPT2Config(n_embd=16, n_layer=2, n_head=2).save_pretrained(tmp_path)
    assert run(["models", str(tmp_path)]) == 1
    assert "is not gated" in capsys.readouterr().out


def test_a_model_that_is_not_there_gives_2(tmp_path: Path, capsys: Capture) -> None:
    assert run(["models", str(tmp_path / "none")]) == 2
    assert "there is no model at" in capsys.readouterr().err


def test_a_model_on_disk_is_reported_like_its_config(tmp_path: Path, capsys: Capture) -> None:
    assert run(["models", str(save_tiny(tmp_path / "model", "glm4"))]) == 0
    assert "gate_up_proj (halves)" in capsys.readouterr().out
