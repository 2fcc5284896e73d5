"""GLUScope's published form: its 50 columns by name, its page files, and what it has no place for."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from gluscope_tui.cli.app import run
from tests.support.index_fixture import make_index

CASES = {"gate+_in+": "++", "gate+_in-": "+-", "gate-_in+": "-+", "gate-_in-": "--"}
HOOKS = {"hook_post": "post", "hook_pre_linear": "in", "hook_pre": "gate", "swish": "act"}


def expected_columns() -> set[str]:
    """As GLUScope's data sets name them."""
    found = {"layer", "neuron"}
    for case in CASES:
        found |= {f"{case}_freq", f"{case}_swish_mean"}
        for hook in ("hook_post", "hook_pre_linear", "hook_pre"):
            found |= {f"{case}_{hook}_{what}" for what in ("max_values", "max_indices", "mean")}
    for case in ("gate-_in+", "gate-_in-"):
        found |= {f"{case}_swish_max_values", f"{case}_swish_max_indices"}
    return found


@pytest.fixture(scope="module")
def exported(index: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("gluscope") / "out"
    assert run(["export", "gluscope", str(out), "L1N4", "L0N3", "L0N2", "--db", str(index)]) == 0
    return out


def rows(file: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(file).to_pylist()
    return found


@pytest.mark.slow
def test_the_data_set_has_its_50_columns_and_a_row_a_neuron(exported: Path) -> None:
    (file,) = (exported / "neuron-activations").rglob("*.parquet")
    schema = pq.read_schema(file)
    assert len(schema.names) == 50
    assert set(schema.names) == expected_columns()
    for name in schema.names:
        kind = str(schema.field(name).type)
        if name.endswith("_max_values"):
            assert kind == "list<element: float>"
        elif name.endswith("_max_indices"):
            assert kind == "list<element: int64>"
        else:
            assert kind == ("int64" if name in ("layer", "neuron") else "float")
    assert [24 * row["layer"] + row["neuron"] for row in rows(file)] == list(range(48))


@pytest.mark.slow
def test_its_numbers_are_those_of_show_and_its_lists_name_the_texts(
    exported: Path, index: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (file,), (texts_file,) = (list((exported / name).rglob("*.parquet")) for name in ("neuron-activations", "texts"))
    found, texts = rows(file), rows(texts_file)
    for name, number in (("L1N4", 28), ("L0N3", 3), ("L0N2", 2)):
        capsys.readouterr()
        assert run(["show", name, "-f", "json", "--db", str(index)]) == 0
        told, row = json.loads(capsys.readouterr().out), found[number]
        for case, quadrant_name in CASES.items():
            quadrant = told["quadrants"][quadrant_name]
            assert row[f"{case}_freq"] == pytest.approx(quadrant["frequency"], rel=1e-6)
            for hook, quantity in HOOKS.items():
                assert row[f"{case}_{hook}_mean"] == quadrant["mean"][quantity]
                if f"{case}_{hook}_max_values" not in row:
                    continue
                examples = quadrant["examples"][quantity][:16]
                assert row[f"{case}_{hook}_max_values"] == [example["value"] for example in examples]
                for place, example in zip(row[f"{case}_{hook}_max_indices"], examples, strict=True):
                    text = texts[place]
                    assert (text["document"], text["part"]) == (example["document"], example["part"])
                    assert example["text"].strip("\ufffd") in text["text"]


def test_a_page_has_the_files_that_its_site_shows(
    exported: Path, index: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert run(["show", "L1N4", "-f", "json", "--db", str(index)]) == 0
    told = json.loads(capsys.readouterr().out)
    folder = exported / "pages" / "L1" / "N4"
    for case, quadrant_name in CASES.items():
        examples = told["quadrants"][quadrant_name]["examples"]["gate"]
        for number, example in enumerate(examples):
            page = json.loads((folder / f"{case}_hook_pre_example_{number}.json").read_text())
            stop = example["peak"] + 3
            assert page["tokens"] == example["tokens"][:stop]
            own = [f"{case}_hook_pre"] + ([f"{case}_swish"] if case.startswith("gate+") else [])
            assert page["labels"] == [*own, "hook_post", "hook_pre_linear", "hook_pre", "swish"]
            peak = dict(zip(page["labels"], page["values"][example["peak"]], strict=True))
            assert peak[f"{case}_hook_pre"] == peak["hook_pre"] == example["value"]
            assert peak["swish"] == example["act"][example["peak"]]
            for values in page["values"]:
                named = dict(zip(page["labels"], values, strict=True))
                signs = (named["hook_pre"] > 0, named["hook_pre_linear"] > 0)
                if signs != (quadrant_name[0] == "+", quadrant_name[1] == "+"):
                    assert named[f"{case}_hook_pre"] == 0
    text = (folder / "vis.html").read_text("utf-8")
    shares = [float(share) for share in re.findall(r"Frequency: <b>([\d.]+)%</b>\.", text)]
    assert shares == [round(100 * told["quadrants"][name]["frequency"], 2) for name in CASES.values()]
    bold = r"<b>(-?[\d.]+)</b>"
    pattern = rf"<b>(\w+)</b>:<br> Max: {bold};<br> Min: {bold};<br> Avg: {bold}\."
    blocks = re.findall(pattern, text)
    assert len(blocks) == 16
    assert float(blocks[0][1]) == round(told["quadrants"]["++"]["extreme"]["post"], 2)
    pages = json.loads((exported / "pages" / "pages.json").read_text())
    assert [layer["title"] for layer in pages[0]["children"]] == ["L0", "L1"]
    for layer in pages[0]["children"]:
        assert all((exported / "pages" / child["url"]).exists() for child in layer["children"])


def test_experts_and_stacks_are_refused_with_a_way(
    odd: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["export", "gluscope", str(tmp_path / "out"), "--db", str(odd)]) == 2
    assert "gluscope export parquet takes any index" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_list_that_the_index_lacks_has_its_first_value_without_a_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    db = ["--db", str(tmp_path / "usual.db")]
    make_index(tmp_path / "usual.db")  # without a ranking by act
    assert run(["export", "gluscope", str(tmp_path / "out"), *db]) == 0
    (file,) = (tmp_path / "out" / "neuron-activations").rglob("*.parquet")
    capsys.readouterr()
    assert run(["show", "L0N0", "-f", "json", "-n", "0", *db]) == 0
    extreme = json.loads(capsys.readouterr().out)["quadrants"]["-+"]["extreme"]["act"]
    row = rows(file)[0]
    assert (row["gate-_in+_swish_max_values"], row["gate-_in+_swish_max_indices"]) == ([extreme], [None])
    assert len(row["gate-_in+_hook_post_max_values"]) > 1
