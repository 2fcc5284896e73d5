"""Conditions over columns: they mean what they say, and nothing outside the grammar becomes SQL."""

from __future__ import annotations

import operator
import re
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer.database.format.columns import COLUMNS
from indexer.database.query.where import LONGEST, ExpressionError, compile_condition, compile_number
from indexer.database.reader import Index
from indexer.errors import GluscopeError
from tests.support.index_fixture import Truth, make_index

Row = dict[str, Any]
Told = tuple[str, Callable[[Row], Any]]
"""An expression as written, and its value for a row, computed in Python; None: null."""

_NUMBERS = ("layer", "index", "zero", "count_pp", "frequency_np", "extreme_post_nn", "mean_in_pn", "dot_gate_in")
_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "<": operator.lt, "<=": operator.le, ">": operator.gt,
    ">=": operator.ge, "=": operator.eq, "==": operator.eq, "!=": operator.ne, "<>": operator.ne,
}  # fmt: skip


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    return make_index(tmp_path_factory.mktemp("index") / "a.db", layers=3, width=12, documents=20)


@pytest.fixture(scope="module")
def rows(truth: Truth) -> dict[str, list[Row]]:
    """The views of the file, which people query by themselves."""
    sqlite = sqlite3.connect(truth.path)
    sqlite.row_factory = sqlite3.Row
    return {
        signs: [dict(row) for row in sqlite.execute(f"SELECT * FROM neuron_{signs} ORDER BY id")]
        for signs in ("aligned", "raw")
    }


def _both(function: Callable[[Any, Any], Any], one: Told, other: Told) -> Callable[[Row], Any]:
    def value(row: Row) -> Any:
        left, right = one[1](row), other[1](row)
        return None if left is None or right is None else function(left, right)

    return value


def _divided(left: Any, right: Any) -> Any:
    return left / right if right else None


def _or(left: Any, right: Any) -> Any:
    return True if left is True or right is True else None if left is None or right is None else False


def _and(left: Any, right: Any) -> Any:
    return False if left is False or right is False else None if left is None or right is None else True


def _column(name: str) -> Told:
    return name, lambda row: row[name]


literals = st.one_of(st.integers(0, 60), st.sampled_from([0.5, 0.25, 1e-3, 2.5e1])).map(
    lambda value: (repr(value), lambda _: value)
)


def _larger(numbers: st.SearchStrategy[Told]) -> st.SearchStrategy[Told]:
    return st.one_of(
        st.tuples(numbers, st.sampled_from("+-*"), numbers).map(
            lambda parts: (
                f"({parts[0][0]} {parts[1]} {parts[2][0]})",
                _both(_OPERATORS[parts[1]], parts[0], parts[2]),
            )
        ),
        st.tuples(numbers, numbers).map(lambda two: (f"({two[0][0]}/{two[1][0]})", _both(_divided, *two))),
        numbers.map(lambda one: (f"abs({one[0]})", lambda row: None if (v := one[1](row)) is None else abs(v))),
        numbers.map(lambda one: (f"-{one[0]}", lambda row: None if (v := one[1](row)) is None else 0 - v)),
    )


numbers = st.recursive(literals | st.sampled_from(_NUMBERS).map(_column), _larger, max_leaves=4)
comparisons = st.tuples(numbers, st.sampled_from(["<", "<=", ">", ">=", "=", "==", "!=", "<>"]), numbers).map(
    lambda parts: (f"{parts[0][0]} {parts[1]} {parts[2][0]}", _both(_OPERATORS[parts[1]], parts[0], parts[2]))
)
nulls = st.tuples(numbers, st.booleans()).map(
    lambda two: (
        f"{two[0][0]} is {'not ' if two[1] else ''}null",
        lambda row: (two[0][1](row) is not None) == two[1],
    )
)
texts = st.sampled_from(["L0", "l1", "L2", "L9", "'", "%", "L_"])
sites = st.tuples(texts, st.sampled_from(["=", "!="])).map(
    lambda two: (
        f'site {two[1]} "{two[0]}"',
        lambda row: (row["site"].lower() == two[0].lower()) == (two[1] == "="),
    )
)


def _joined(conditions: st.SearchStrategy[Told]) -> st.SearchStrategy[Told]:
    return st.one_of(
        st.tuples(conditions, conditions).map(
            lambda two: (
                f"({two[0][0]}) or ({two[1][0]})",
                lambda row: _or(two[0][1](row), two[1][1](row)),
            )
        ),
        st.tuples(conditions, conditions).map(
            lambda two: (
                f"({two[0][0]}) and ({two[1][0]})",
                lambda row: _and(two[0][1](row), two[1][1](row)),
            )
        ),
        conditions.map(lambda one: (f"not ({one[0]})", lambda row: None if (v := one[1](row)) is None else not v)),
    )


conditions = st.recursive(comparisons | nulls | sites, _joined, max_leaves=4)


@pytest.mark.slow
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(condition=conditions, signs=st.sampled_from(["aligned", "raw"]))
def test_a_condition_keeps_the_rows_of_which_python_says_that_it_is_true(
    truth: Truth, rows: dict[str, list[Row]], condition: Told, signs: str
) -> None:
    text, value = condition
    expected = [(row["neuron"],) for row in rows[signs] if value(row) is True]
    with Index(truth.path) as index:
        try:
            compile_condition(text)
        except ExpressionError as error:
            assert error.cause.startswith("division by 0")  # noqa: PT017
            assert "/" in text
            return
        assert list(index.rows(["neuron"], where=text, signs=signs)) == expected
        assert index.count(text, signs=signs) == len(expected)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("layer=0 or layer=1 and index=2", lambda row: row["layer"] == 0 or (row["layer"] == 1 and row["index"] == 2)),
        ("not layer = 0 and index < 3", lambda row: row["layer"] != 0 and row["index"] < 3),
        ("index - 2 - 1 = 0", lambda row: row["index"] == 3),
        ("12 / index / 2 = 1", lambda row: row["index"] == 6),
        ("2 + index * 2 > 20", lambda row: row["index"] > 9),
        ("0 < layer < 2", lambda row: row["layer"] == 1),
        ("index / 2 = 1.5", lambda row: row["index"] == 3),
        ("layer in (0, 2) and index not in (1,2,3)", lambda row: row["layer"] != 1 and row["index"] not in (1, 2, 3)),
        ("neuron like 'l1n_'", lambda row: row["layer"] == 1 and row["index"] < 10),
        ("neuron not like '%1'", lambda row: not row["neuron"].endswith("1")),
        ("site in ('l0', \"L2\")", lambda row: row["layer"] in (0, 2)),
        ("FLIPPED", lambda row: row["flipped"] == 1),
        ("not flipped AND Layer=1", lambda row: row["flipped"] == 0 and row["layer"] == 1),
        ("flipped = 0", lambda row: row["flipped"] == 0),
        ("-layer < -1", lambda row: row["layer"] > 1),
        ("1e0 = layer", lambda row: row["layer"] == 1),
        (".5 < layer and layer < 2.", lambda row: row["layer"] == 1),
    ],
)  # fmt: skip
def test_precedence_and_spelling(
    truth: Truth, rows: dict[str, list[Row]], text: str, same: Callable[[Row], bool]
) -> None:
    expected = [row["neuron"] for row in rows["aligned"] if same(row)]
    assert 0 < len(expected) < len(rows["aligned"])
    with Index(truth.path) as index:
        assert [row[0] for row in index.rows(["neuron"], where=text)] == expected


@pytest.mark.parametrize(
    ("text", "position", "told"),
    [
        ("", 0, "empty"),
        ("   ", 0, "empty"),
        ("frequency_px > 0.3", 0, "frequency_px"),
        ("layer >= 20 and lyer < 3", 16, "did you mean layer?"),
        ("layer", 0, "is not a condition"),
        ("'L0'", 0, "is not a condition"),
        ("layer > ", 8, "the end"),
        ("layer > 'L0'", 8, "expected a"),
        ("site = 1", 7, "expected a"),
        ("(layer > 1", 10, ") is wanted"),
        ("layer > 1)", 9, "is wanted"),
        ("layer > 1; DROP TABLE neurons", 9, "';'"),
        ("layer > 1 -- x", 13, "no column x"),
        ("layer > 1 /* x */", 11, "is wanted"),
        ("layer = (select 1)", 9, "select"),
        ("id = 1", 0, "no column id"),
        ("n.layer = 1", 1, ".layer"),
        ("sqlite_version() = 1", 0, "sqlite_version"),
        ("layer > 1 && index > 2", 10, "write and"),
        ("layer > 1 | index > 2", 10, "write or"),
        ("site = 'L0", 7, "not closed"),
        ("layer is 3", 9, "null is wanted"),
        ("layer not 3", 10, "in or like is wanted"),
        ("(layer > 1) > 2", 0, "can't be compared"),
        ("(layer > 1) + 2 > 1", 0, "expected a"),
        ("layer like 3", 11, "expected a"),
        ("layer in (1, 'a')", 13, "expected a"),
        ("layer in ()", 10, "is wanted"),
        ("12abc > layer", 0, "12abc"),
        ("1.2.3 > layer", 0, "1.2.3"),
        ("layer > ?", 8, "'?'"),
        ("layer > :a", 8, "':'"),
        ("`layer` > 1", 0, "'`'"),
        ("[layer] > 1", 0, "'['"),
        ("layer > 0x10", 8, "0x10"),
        ("1/0 > 1", 2, "division by 0"),
        ("layer / (2 - abs(-2)) > 1", 8, "division by 0"),
        ("layer / 2 * 1 / -0.0 = 1", 16, "division by 0"),
        ("writes() and layer = 1", 7, "writes wants a text"),
        ("writes(layer)", 7, "write it like writes('Paris')"),
        ("peaks('')", 6, "wants a text"),
        ("reads('a', 'b')", 9, ") is wanted"),
        ("suppresses('a') > 1", 0, "can't be compared"),
        ("writes = 1", 7, "( is wanted"),
    ],
)  # fmt: skip
def test_what_lies_outside_the_grammar_is_refused_where_it_begins(text: str, position: int, told: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_condition(text)
    assert caught.value.position == position
    assert told in f"{caught.value.cause} {caught.value.fix}"
    assert caught.value.fix


@pytest.mark.parametrize(
    "text", ["(" * 3000 + "layer > 1" + ")" * 3000, "not " * 900 + "flipped", "-" * 3900 + "1 < 2"]
)
def test_what_is_too_deep_or_too_long_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError, match=r"nested|long"):
        compile_condition(text)


def test_the_longest_conditions_are_within_the_limits_of_sqlite(truth: Truth) -> None:
    chain = " or ".join(f"index={number}" for number in range(99))
    summed = " + ".join(["layer"] * 199)
    deep = "(" * 39 + "flipped" + ")" * 39
    deeper = "(layer < 9 and " * 30 + "flipped" + ")" * 30
    with Index(truth.path) as index:
        assert index.count(chain) == 36
        assert index.count(f"{summed} = {199 * 2}") == 12
        assert index.count(deep) == index.count("flipped = 1") > 0
        try:
            assert index.count(deeper) == index.count(deep)
        except GluscopeError as error:  # as much as this SQLite can take
            assert "nested too deeply" in error.cause  # noqa: PT017
    with pytest.raises(ExpressionError, match="long"):
        compile_condition("layer = 1 or " * (LONGEST // 10))


_ALLOWED = re.compile(
    r"""(?: \s | \( | \) | , | \? | < | > | = | \+ | - | \* | / | \|\| | 'N' | 1\.0 | 0\.0 | 0
    | n\.id\ IN\ \(SELECT\ value\ FROM\ json_each\(\?\)\)
    | [nswve]\.(?:[a-z_]+|"index") | (?:AND|OR|NOT|IS|NULL|IN|LIKE|COLLATE|NOCASE|abs|iif|nullif)\b )*""",
    re.VERBOSE,
)
_PIECES = st.sampled_from(
    [
        *("'", '"', "''", "--", ";", "/*", "*/", "(", ")", ",", "?", "||", "\x00", "\\", "`", "[", "\n", "\u2019", " "),
        *("select", "from", "neurons", "union", "drop table", "and", "or", "not", "is", "null", "in", "like", "abs("),
        *("layer", "site", "rw_class", "flipped", "1", "0.5", "=", "<", "load_extension(", "char(", "case", "1=1"),
        *("writes('a')", "peaks(", "suppresses('"),
    ]
)  # fmt: skip


@pytest.mark.slow
@settings(max_examples=600, deadline=None)
@given(text=st.one_of(st.text(max_size=40), st.lists(_PIECES, max_size=12).map(" ".join)))
def test_no_text_of_the_user_becomes_sql(text: str) -> None:
    for compile_ in (compile_condition, compile_number):
        try:
            compiled = compile_(text)
        except ExpressionError:
            continue
        assert _ALLOWED.fullmatch(compiled.sql), compiled.sql
        assert compiled.sql.count("?") == len(compiled.parameters)
        assert compiled.columns <= COLUMNS.keys()


@pytest.mark.slow
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(exclude_characters="'", exclude_categories=["Cs"]), max_size=20))
def test_any_text_can_be_compared_with(truth: Truth, text: str) -> None:
    with Index(truth.path) as index:
        found = [row[0] for row in index.rows(["site"], where=f"site = '{text}'")]
    assert found == [name for name in ("L0", "L1", "L2") for _ in range(12) if name.lower() == text.lower()]


def test_a_number_can_be_arithmetic_but_no_condition() -> None:
    assert compile_number("abs(layer) * 2").columns == {"layer"}
    for text in ("layer > 1", "site", "'a'"):
        with pytest.raises(ExpressionError):
            compile_number(text)


def test_an_error_of_an_expression_is_one_for_the_user() -> None:
    with pytest.raises(GluscopeError, match="there is no column frequency_px, at character 1\ndid you mean"):
        compile_condition("frequency_px > 0.3")


def test_minus_may_be_written_for_negative_at_the_end_of_a_column(truth: Truth) -> None:
    with Index(truth.path) as index:
        for written, meant in (("pm", "pn"), ("mp", "np"), ("mm", "nn")):
            found = list(index.rows([f"frequency_{written}"], f"count_{written} > 3", f"extreme_post_{written}"))
            assert found == list(index.rows([f"frequency_{meant}"], f"count_{meant} > 3", f"extreme_post_{meant}"))
            assert found
