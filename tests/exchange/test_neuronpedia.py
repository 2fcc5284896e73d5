"""Neuronpedia's JSON lines: the keys of its upload, values that `show -f json` has, one source a site and quadrant."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

import indexer
from gluscope_tui.cli.app import run

FEATURE = (
    "modelId layer index maxActApprox frac_nonzero pos_str pos_values neg_str neg_values topkCosSimIndices "
    "topkCosSimValues freq_hist_data_bar_heights freq_hist_data_bar_values hasVector"
)
ACTIVATION = "id modelId layer index tokens values maxValue maxValueTokenIndex minValue dataSource dataIndex creatorId"
ABOUT = {
    "release": "name description descriptionShort creatorName creatorId urls",
    "model": "id instruct displayName displayNameShort creatorId layers neuronsPerLayer",
    "sourceset": "modelId name creatorId creatorName releaseName description visibility",
    "source": "id modelId setName creatorId dataset num_prompts num_tokens_in_prompt hasDashboards",
}


def lines(file: Path) -> list[dict[str, Any]]:
    data = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    return [json.loads(line) for line in data.splitlines()]


@pytest.mark.slow
def test_each_quadrant_of_a_neuron_is_a_feature_with_its_contexts(
    index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "exports"
    words = ["export", "neuronpedia", str(out), "L1N4", "L1N2", "L0N3", "--creator", "me", "--model-id", "tiny"]
    assert run([*words, "--db", str(index)]) == 0
    capsys.readouterr()
    assert run(["show", "L1N4", "-f", "json", "--rank-by", "post", "--db", str(index)]) == 0
    told = json.loads(capsys.readouterr().out)
    signs = {"pp": (1, 1), "pn": (1, -1), "np": (-1, 1), "nn": (-1, -1)}
    for letters, (gate_sign, in_sign) in signs.items():
        source = out / "tiny" / f"1-gluscope-{letters}"
        quadrant = told["quadrants"][letters.replace("p", "+").replace("n", "-")]
        features = {one["index"]: one for one in lines(source / "features" / "batch-0.jsonl.gz")}
        assert set(features) == {"2", "4"}
        feature = features["4"]
        assert set(feature) >= set(FEATURE.split())
        assert (feature["modelId"], feature["layer"]) == ("tiny", f"1-gluscope-{letters}")
        assert feature["maxActApprox"] == abs(quadrant["extreme"]["post"] or 0)
        assert feature["frac_nonzero"] == quadrant["frequency"]
        up, down = told["weights"]["promotes"], told["weights"]["suppresses"]
        sign = 1 if quadrant["extreme"]["post"] > 0 else -1
        if sign < 0:
            up, down = down, up
        assert feature["pos_str"] == [token["text"] for token in up]
        assert feature["pos_values"] == pytest.approx([sign * token["score"] for token in up])
        assert feature["neg_values"] == pytest.approx([sign * token["score"] for token in down])
        assert min(feature["pos_values"]) > 0 > max(feature["neg_values"])
        contexts = [one for one in lines(source / "activations" / "batch-0.jsonl.gz") if one["index"] == "4"]
        assert len(contexts) == len(quadrant["examples"]["post"])
        for context, example in zip(contexts, quadrant["examples"]["post"], strict=True):
            assert set(context) == set(ACTIVATION.split())
            assert context["tokens"] == example["tokens"]
            inside = [
                gate is not None and gate * gate_sign > 0 and in_ * in_sign > 0
                for gate, in_ in zip(example["gate"], example["in"], strict=True)
            ]
            posts = [abs(post) if own else 0 for post, own in zip(example["post"], inside, strict=True)]
            assert context["values"] == pytest.approx(posts, rel=6e-4, abs=1e-12)
            assert context["values"][example["peak"]] == abs(example["value"])
            assert context["maxValue"] == max(context["values"]) == context["values"][context["maxValueTokenIndex"]]
    ids = [one["id"] for file in out.rglob("activations/*.gz") for one in lines(file)]
    assert len(ids) == len(set(ids)) > 50


@pytest.mark.slow
def test_each_source_says_what_it_is(odd: Path, tmp_path: Path) -> None:
    assert run(["export", "neuronpedia", str(tmp_path / "out"), "--db", str(odd)]) == 0
    sources = {path.name for path in (tmp_path / "out" / "simulated").iterdir()}
    sites = ("0E3", "0S", "dec.1", "enc.1")
    assert sources == {f"{site}-gluscope-{letters}" for site in sites for letters in ("pp", "pn", "np", "nn")}
    for source in (tmp_path / "out" / "simulated").iterdir():
        for name, keys in ABOUT.items():
            (told,) = lines(source / f"{name}.jsonl")
            assert set(told) == set(keys.split())
            assert all(value not in ("", None) for value in told.values())
        assert json.loads((source / "source.jsonl").read_text())["id"] == source.name


@pytest.mark.slow
def test_a_quadrant_without_tokens_is_a_feature_without_contexts(index: Path, tmp_path: Path) -> None:
    assert run(["export", "neuronpedia", str(tmp_path / "out"), "L0N2", "--db", str(index)]) == 0
    for file in (tmp_path / "out").rglob("features/*.gz"):
        (feature,) = lines(file)
        assert (feature["maxActApprox"], feature["frac_nonzero"], feature["pos_str"]) == (0, 0, [])
    assert [lines(file) for file in (tmp_path / "out").rglob("activations/*.gz")] == [[]] * 4


def test_the_histogram_counts_the_sampled_positions_of_the_quadrant(index: Path, tmp_path: Path) -> None:
    assert run(["export", "neuronpedia", str(tmp_path / "out"), "L1N4", "--db", str(index)]) == 0
    with indexer.open(index) as opened:
        sample = opened.sample("L1N4")
    for letters, gate_sign, in_sign in (("pp", 1, 1), ("nn", -1, -1)):
        (feature,) = lines(tmp_path / "out" / "simulated" / f"1-gluscope-{letters}" / "features" / "batch-0.jsonl.gz")
        posts = [
            abs(gate_act * in_)
            for gate, in_, gate_act in zip(sample.gate, sample.in_, sample.act, strict=True)
            if gate * gate_sign > 0 and in_ * in_sign > 0
        ]
        heights, middles = feature["freq_hist_data_bar_heights"], feature["freq_hist_data_bar_values"]
        assert sum(heights) == len(posts)
        half = (middles[1] - middles[0]) / 2
        for height, middle in zip(heights[:-1], middles[:-1], strict=True):
            assert abs(sum(middle - half <= post < middle + half for post in posts) - height) <= 1  # at a border
