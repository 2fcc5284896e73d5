"""A data set of GLUScope's form becomes an index with the same figures, which every reading command opens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import indexer
from gluscope_tui.cli.app import run
from indexer.exchange.gluscope_columns import columns
from indexer.quadrants import QUADRANTS
from tests.support.disk import file_size_limit

TEXTS = ["the first text", "a second one, with <b>markup</b> \x1b[31m", "日本語 text", "", "the fifth"]
ACTS = {"gate+_in+": 1, "gate+_in-": 1, "gate-_in+": -1, "gate-_in-": -1}


@pytest.fixture(scope="module")
def exported(index: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("import") / "dataset"
    assert run(["export", "gluscope", str(out), "--db", str(index)]) == 0
    return out


@pytest.fixture(scope="module")
def imported(exported: Path) -> Path:
    db = exported.parent / "imported.db"
    assert run(["import", "gluscope", str(exported), "--db", str(db)]) == 0
    return db


def theirs(folder: Path, **changes: Any) -> Path:
    """A data set as GLUScope publishes them, without anything of ours: 2 layers of 3 neurons, 1,000 tokens."""
    rows = []
    for layer in range(2):
        for neuron in range(3):
            row: dict[str, Any] = {"layer": layer, "neuron": neuron}
            for place, case in enumerate(ACTS):
                visited = not (neuron == 2 and place == 1)
                row[f"{case}_freq"] = (0.1 + place / 20) if visited else 0.0
                sign = {"hook_post": (1, -1, -1, 1), "hook_pre_linear": (1, -1, 1, -1), "hook_pre": (1, 1, -1, -1)}
                for hook, signs in sign.items():
                    top = [signs[place] * (4.0 - rank / 2 + neuron) for rank in range(3)] if visited else []
                    row[f"{case}_{hook}_max_values"] = top
                    row[f"{case}_{hook}_max_indices"] = [4, 1, 2] if visited else []
                    row[f"{case}_{hook}_mean"] = signs[place] * 0.5 if visited else float("nan")
                row[f"{case}_swish_mean"] = ACTS[case] * 0.125 if visited else None
                if ACTS[case] < 0:
                    row[f"{case}_swish_max_values"] = [-0.25, -0.2, -0.1]
                    row[f"{case}_swish_max_indices"] = [2, 4, 1]
            rows.append(row)
    for name, value in changes.items():
        rows[0][name.replace("plus", "+").replace("minus", "-")] = value
    (folder / "activations.parquet").parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows).select(list(columns())), folder / "activations.parquet")
    pq.write_table(pa.table({"content": TEXTS}), folder / "texts.parquet")
    return folder


def words(folder: Path, db: Path, *more: str) -> list[str]:
    files = [str(folder / "activations.parquet"), "--texts", str(folder / "texts.parquet"), "--text-column", "content"]
    return ["import", "gluscope", *files, "--tokens", "1000", "--name", "OLMo", "--db", str(db), *more]


@pytest.mark.slow
def test_what_is_exported_and_imported_has_equal_figures(index: Path, imported: Path) -> None:
    with indexer.open(index) as before, indexer.open(imported) as after:
        assert after.model == before.model
        for site in before.sites:
            for number in range(site.width):
                one, other = (opened.neuron(f"{site.address}N{number}") for opened in (before, after))
                assert (one.tokens_counted, one.zero) == (other.tokens_counted, other.zero)
                for quadrant in QUADRANTS:
                    mine, its = one.quadrants[quadrant], other.quadrants[quadrant]
                    assert (mine.count, mine.frequency, mine.mean) == (its.count, its.frequency, its.mean)
                    for name in ("gate", "in", "post"):
                        assert mine.extreme[name] == its.extreme[name]
                    if mine.count:  # act where the gate is positive is computed from gate
                        assert its.extreme.act == pytest.approx(mine.extreme.act, rel=1e-6)
                    for ranking, examples in its.examples.items():
                        kept = mine.examples[ranking][:16]
                        assert [example.value for example in examples] == [example.value for example in kept]
                        for example, own in zip(examples, kept, strict=True):
                            assert example.text == before.sequence(own.document, own.part).text


@pytest.mark.slow
def test_importing_and_exporting_again_gives_the_same_data_set(exported: Path, imported: Path) -> None:
    again = imported.parent / "again"
    assert run(["export", "gluscope", str(again), "--db", str(imported)]) == 0
    found = []
    for folder in (exported, again):
        (file,), (texts_file,) = (list((folder / name).rglob("*.parquet")) for name in ("neuron-activations", "texts"))
        texts = pq.read_table(texts_file)["text"].to_pylist()
        rows = pq.read_table(file).to_pylist()
        for row in rows:
            for name in row:
                if name.endswith("_max_indices"):
                    row[name] = [None if place is None else texts[place] for place in row[name]]
        found.append(rows)
    assert found[0] == found[1]


def test_a_data_set_of_theirs_is_read_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words(theirs(tmp_path), tmp_path / "theirs.db")) == 0
    assert "positions, windows" in capsys.readouterr().err
    assert run(["show", "L1N0", "-f", "json", "--db", str(tmp_path / "theirs.db")]) == 0
    out, err = capsys.readouterr()
    assert "was imported: positions, windows" in err
    told = json.loads(out)
    quadrant = told["quadrants"]["+-"]
    assert (told["model"], quadrant["count"], quadrant["extreme"]["post"]) == ("OLMo", 150, -4.0)
    assert quadrant["mean"] == {"gate": 0.5, "in": -0.5, "act": 0.125, "post": -0.5}
    first = quadrant["examples"]["post"][0]
    assert (first["text"], first["value"], first["document"], first["part"]) == (TEXTS[4], -4.0, 4, 0)
    assert (first["gate"], first["in"], first["act"], first["post"]) == ([None], [None], [None], [-4.0])
    assert [example["text"] for example in told["quadrants"]["--"]["examples"]["act"]] == [TEXTS[2], TEXTS[4], TEXTS[1]]
    assert run(["show", "L1N2", "-f", "json", "--db", str(tmp_path / "theirs.db")]) == 0
    assert json.loads(capsys.readouterr().out)["quadrants"]["+-"]["mean"]["post"] is None


@pytest.mark.slow
def test_every_reading_command_opens_it(imported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [
        "show L1N4 -f rich", "show L1N4 -f plain", "show L1N4 -f md", "show L1N4 --plot -f rich", "show L1N4 -f html",
        "show L1N4 -f svg", "neurons", "layers", "plot layer index -f rich", "info", "info -f json",
        "search France --in context", f"export html L1N4 --out {tmp_path}/a", f"export parquet {tmp_path}/b",
        f"export neuronpedia {tmp_path}/c",
    ]  # fmt: skip
    for line in lines:
        assert run([*line.split(), "--db", str(imported)]) == 0, line
        assert "Traceback" not in capsys.readouterr().err


@pytest.mark.slow
def test_what_an_imported_index_lacks_is_told_with_the_way_to_it(
    imported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for line in (
        "show L1N4 --wiring", "index --weights-only nowhere", "search France --in writes", "neurons --sort cos_in_out",
        "neurons --where writes('France')", "plot cos_in_out layer",
    ):  # fmt: skip
        assert run([*line.split(), "--db", str(imported)]) == 2, line
        said = capsys.readouterr().err
        assert "imported" in said
        assert "import" in said.splitlines()[1]
        assert "--model" in said
        assert "--weights-only" not in said
    assert run(["show", "L1N4", "L1N5", "--compare", "-f", "json", "--db", str(imported)]) == 0
    assert json.loads(capsys.readouterr().out)["shared"] is None  # nobody knows where their texts peak


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"gateplus_inplus_freq": 0.9}, "add up to more than 100 %"),
        ({"gateplus_inplus_hook_post_mean": None}, "has no gate+_in+_hook_post_mean"),
        ({"gateplus_inplus_hook_pre_max_values": []}, "has nothing in gate+_in+_hook_pre_max_values"),
        ({"gateplus_inplus_hook_post_max_indices": [7, 1, 2]}, "the lists name row 7 of the texts, which have 5"),
        ({"neuron": 5}, "does not have neurons 0, 1, 2"),
    ],
)
def test_a_damaged_data_set_is_refused_and_leaves_nothing(
    tmp_path: Path, changes: dict[str, Any], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = theirs(tmp_path, **changes)
    before = set(tmp_path.iterdir())
    assert run(words(folder, tmp_path / "new.db")) == 2
    assert said in capsys.readouterr().err
    assert set(tmp_path.iterdir()) == before


def test_frequencies_of_float32_are_not_more_than_all_tokens(tmp_path: Path) -> None:
    """Each is rounded, so their counts can be one or two tokens too many: GLUScope's are of some 20 million."""
    share = 1 / 6
    quarters = {"gateplus_inplus": share, "gateplus_inminus": share, "gateminus_inplus": share}
    changes = {f"{name}_freq": value for name, value in quarters.items()} | {"gateminus_inminus_freq": 0.5}
    assert run(words(theirs(tmp_path, **changes), tmp_path / "theirs.db")) == 0
    with indexer.open(tmp_path / "theirs.db") as index:
        record = index.neuron("L0N0")
    counts = [quadrant.count for quadrant in record.quadrants.values()]
    assert counts == [167, 167, 167, 499]  # of 1,000 tokens; rounded they are 1,001
    assert record.zero == 0


def test_files_that_are_something_else_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = theirs(tmp_path)
    (tmp_path / "a.txt").write_text("text")
    for arguments, said in (
        ([str(tmp_path / "a.txt"), "--texts", str(tmp_path / "a.txt")], "can't be read as Parquet"),
        ([str(folder / "texts.parquet"), "--texts", str(folder / "texts.parquet")], "has no column layer"),
        ([str(folder / "activations.parquet")], "the texts are not named"),
        ([str(folder)], f"{folder} has no folder texts: a data set of GLUScope has neuron-activations and texts"),
        ([str(tmp_path / "nowhere")], "does not exist"),
    ):
        assert run(["import", "gluscope", *arguments, "--db", str(tmp_path / "new.db")]) == 2
        assert said in capsys.readouterr().err
    (tmp_path / "mine.db").write_text("mine")
    assert run(words(folder, tmp_path / "mine.db")) == 2
    assert (tmp_path / "mine.db").read_text() == "mine"
    with file_size_limit(5000):
        assert run(words(folder, tmp_path / "new.db")) == 2
    assert not [path for path in tmp_path.iterdir() if "new" in path.name]
