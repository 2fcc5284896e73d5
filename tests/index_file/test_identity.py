"""The identity of runs: unchanged through JSON, also from older versions; the first difference in words."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from indexer.index_file.identity import Identity, RunIdentity, difference, run_difference, same_but
from indexer.settings import Settings

IDENTITY = Identity("abc", Settings(layers=(0, 2), experts=None, rank_by=("post", "random"), batch_tokens=64, tokens=9))
OF_AN_OLDER_VERSION = {
    **{"weights": "abc", "context": 1024, "long": "split", "tokens": 9, "bos": "auto", "count_first": False},
    **{"layers": [0, 2], "top_k": 16, "rank_by": ["post", "random"], "duplicates": "fold", "window": [24, 7]},
    **{"sample": 1024, "seed": 0, "dtype": "auto", "revision": None, "batch_tokens": 64},
}
"""As kept by an index made before experts and encoders were supported."""


def test_an_identity_comes_back_from_json() -> None:
    run = RunIdentity(IDENTITY, "1/8", None)
    assert RunIdentity.from_json(json.loads(json.dumps(run.to_json()))) == run
    assert Identity.from_json(json.loads(json.dumps(IDENTITY.to_json()))) == IDENTITY


def test_an_older_version_is_known_again() -> None:
    assert Identity.from_json(OF_AN_OLDER_VERSION) == same_but(IDENTITY, draw="sequence")  # as it drew at random then


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("weights", None),
        ("context", "1024"),
        ("context", 1024.0),
        ("context", 0),
        ("count_first", 1),
        ("seed", True),
        ("layers", 3),
        ("layers", [0, "1"]),
        ("window", [24]),
        ("window", [24, 7, 1]),
        ("rank_by", "post"),
        ("tokens", {}),
        ("top_k", 10**9),
    ],
)
def test_what_no_version_wrote_is_refused(key: str, value: Any) -> None:
    with pytest.raises(ValueError, match=key.replace("_", "[-_]")):
        Identity.from_json({**OF_AN_OLDER_VERSION, key: value})


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (same_but(IDENTITY, layers=None), "it was made with --layers 0,2, not all"),
        (same_but(IDENTITY, batch_tokens=65), "it was made with --batch-tokens 64, not 65"),
        (replace(IDENTITY, weights="abd"), "it was made with other weights"),
        (replace(same_but(IDENTITY, dtype="bfloat16"), weights="abd"), "it was made with --dtype auto, not bfloat16"),
        (replace(same_but(IDENTITY, revision="main"), weights="abd"), "it was made with other weights"),
        (same_but(IDENTITY, roles=("user",)), "it was made with --roles all, not user"),
        (same_but(IDENTITY, sinks="drop"), "it was made with --sinks count, not drop"),
        (same_but(IDENTITY, chat_template="ab"), "it was made with another chat template"),
        (replace(IDENTITY, left_out=()), None),  # what the other one leaves out isn't known yet
        (IDENTITY, None),
    ],
)
def test_the_first_difference_is_reported(now: Identity, said: str | None) -> None:
    assert difference(IDENTITY, now) == said
    assert run_difference(RunIdentity(IDENTITY, None, None), RunIdentity(now, None, None)) == said


def test_runs_that_leave_out_other_sinks_differ() -> None:
    one, other = (replace(same_but(IDENTITY, sinks="drop"), left_out=((token, "every"),)) for token in (3, 4))
    assert Identity.from_json(json.loads(json.dumps(one.to_json()))) == one
    assert difference(one, one) is None
    assert difference(one, other) == "other tokens were its attention sinks, which --sinks drop leaves out"
    with pytest.raises(ValueError, match="left_out"):
        Identity.from_json({**one.to_json(), "left_out": [3]})


def test_another_part_of_a_run_is_reported() -> None:
    whole = RunIdentity(IDENTITY, None, None)
    assert run_difference(whole, replace(whole, shard="1/2")) == "it was made with --shard all, not 1/2"
    assert run_difference(whole, replace(whole, processes=2)) == "it was begun with one process, not 2 processes"
