"""Conditions and numbers over the columns of a neuron, as people write them: a small grammar, compiled to SQL.

    condition  = all { "or" all } ;          all = single { "and" single } ;      single = [ "not" ] comparison ;
    comparison = sum { ( "<" | "<=" | ">" | ">=" | "=" | "==" | "!=" | "<>" ) sum }
               | sum "is" [ "not" ] "null"   | sum [ "not" ] "in" "(" value { "," value } ")"
               | sum [ "not" ] "like" text   | flag | holds | "(" condition ")" ;
    holds      = ( "writes" | "suppresses" | "reads" | "peaks" ) "(" text ")" ;
    sum        = term { ( "+" | "-" ) term } ;      term = factor { ( "*" | "/" ) factor } ;
    factor     = [ "-" | "+" ] ( number | text | column | "abs" "(" sum ")" | "(" sum ")" ) ;

Comparisons chain as in Python: 0.1 < frequency_np < 0.3. Texts stand between ' or ", compare without case, and in
`like` % is any characters and _ is one. A comparison with a value that a neuron lacks (null) is neither true nor
false. Division is of real numbers; division by a column that is 0 gives null, division by the number 0 is an error.
`writes('Paris')` is true of neurons whose list of promoted tokens holds Paris. Values never become part of the SQL:
they are its parameters. The only user text in the SQL is names of known columns.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, NoReturn

from ...errors import GluscopeError
from ..format.columns import NAME, column_named, nearest_column
from ..format.token_lists import PLACES, flipped

LONGEST = 4000  # characters
DEEPEST = 40  # nested parentheses
MOST = 400  # values and operators

Type = Literal["condition", "number", "text"]


@dataclass(frozen=True, slots=True)
class Holds:
    """The neurons one of whose lists of tokens, by their raw names (`token_lists.PLACES`), holds a text; without lists:
    those with examples that peak on it. As a parameter it stands for a JSON list of row numbers."""

    lists: tuple[str, ...]
    text: str


Parameter = float | int | str | Holds

_HOLDS = {
    "writes": ("+out",),
    "suppresses": ("-out",),
    "reads": ("gate+", "gate-", "in+", "in-"),
    "peaks": (),
}
"""The lists that a condition looks into, under the signs asked for."""
_TOKEN = re.compile(
    r"[ \t\r\n]*(?:(?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)(?![\w.])|(?P<name>" + NAME + r")"
    r"|'(?P<single>[^']*)'|\"(?P<double>[^\"]*)\"|(?P<sign><=|>=|==|!=|<>|[<>=()+\-*/,]))",
    re.ASCII,
)
_BLANKS = " \t\r\n"
_COMPARE = {"<": "<", "<=": "<=", ">": ">", ">=": ">=", "=": "=", "==": "=", "!=": "<>", "<>": "<>"}
_WORDS = ("and", "or", "not", "is", "null", "in", "like", "abs")
_HINTS = {"&": "write and", "|": "write or", "!": "write not or !=", "%": "% is for like 'L12N%'"}


class ExpressionError(GluscopeError):
    """An expression outside the grammar. `position`: the place of the first character that is wrong, from 0."""

    def __init__(self, position: int, cause: str, fix: str) -> None:
        super().__init__(f"{cause}, at character {position + 1}", fix)
        self.position = position


class UnknownColumn(ExpressionError):
    """An unknown column. `near`: the column with the most similar name, if any."""

    def __init__(self, position: int, name: str) -> None:
        self.near = nearest_column(name)
        fix = (
            f"did you mean {self.near}?" if self.near else "gluscope neurons --columns all shows the columns there are"
        )
        super().__init__(position, f"there is no column {name}", fix)


@dataclass(frozen=True, slots=True)
class Compiled:
    """An expression as SQL over the tables n, s and w of `columns.Column`, its values as parameters."""

    sql: str
    parameters: tuple[Parameter, ...]
    columns: frozenset[str]  # names of those in it


def compile_condition(text: str, signs: str = "aligned") -> Compiled:
    """A condition on neurons, such as `frequency_np > 0.3 and layer >= 20`. ExpressionError if it isn't one."""
    return _Parser(text, signs).whole("condition")


def compile_number(text: str, signs: str = "aligned") -> Compiled:
    """A number that each neuron has: a column or arithmetic over columns. ExpressionError if it isn't one."""
    return _Parser(text, signs).whole("number")


@dataclass(frozen=True, slots=True)
class _Token:
    kind: Literal["number", "name", "text", "sign", "end"]
    value: str
    at: int


@dataclass(frozen=True, slots=True)
class _Part:
    """A piece of SQL, the kind of its value, where it begins, and parameters in the order of its question marks."""

    sql: str
    type: Type
    at: int
    parameters: tuple[Parameter, ...] = ()
    flag: bool = False  # a number that is 0 or 1 and may stand as a condition
    constant: float | None = None  # the value of a number without columns


def _tokens(text: str) -> list[_Token]:
    if len(text) > LONGEST:
        raise ExpressionError(LONGEST, "the expression is too long", f"at most {LONGEST} characters")
    found = []
    place = 0
    while (rest := text[place:].lstrip(_BLANKS)) != "":
        match = _TOKEN.match(text, place)
        if match is None:
            _unreadable(text, len(text) - len(rest))
        kind = match.lastgroup or ""
        value, at = match[kind], match.start(kind)
        if kind in ("single", "double"):
            found.append(_Token("text", value, at - 1))
        elif kind == "number":
            found.append(_Token("number", value, at))
        elif kind == "name":
            found.append(_Token("name", value.lower(), at))
        else:
            found.append(_Token("sign", value, at))
        place = match.end()
    if len(found) > MOST:
        raise ExpressionError(found[MOST].at, "the expression is too long", f"at most {MOST} names, values and signs")
    return [*found, _Token("end", "", len(text))]


def _unreadable(text: str, at: int) -> NoReturn:
    character = text[at]
    if character in "'\"":
        raise ExpressionError(at, "a text is not closed", f"end it with {character}")
    what = re.match(r"[\w.]+", text[at:])
    raise ExpressionError(
        at,
        f"{what[0] if what else character!a} can't be part of an expression",
        _HINTS.get(character, "write it like frequency_np > 0.3 and layer >= 20"),
    )


class _Parser:
    """Recursive descent, with one method for each rule of the grammar."""

    def __init__(self, text: str, signs: str) -> None:
        self._tokens = _tokens(text)
        self._place = 0
        self._signs = signs
        self._depth = 0
        self._columns: set[str] = set()

    def whole(self, type_: Type) -> Compiled:
        if len(self._tokens) == 1:
            raise ExpressionError(0, "the expression is empty", "write it like frequency_np > 0.3 and layer >= 20")
        part = self._or()
        if self._place < len(self._tokens) - 1:
            self._unexpected("and, or, a comparison or the end" if type_ == "condition" else "an operator or the end")
        part = self._condition(part) if type_ == "condition" else self._typed(part, type_)
        return Compiled(part.sql, part.parameters, frozenset(self._columns))

    @property
    def _next(self) -> _Token:
        return self._tokens[self._place]

    def _take(self) -> _Token:
        token = self._next
        self._place += 1
        return token

    def _accept(self, *values: str) -> _Token | None:
        """The next token if it is one of these words or signs."""
        return self._take() if self._next.kind in ("name", "sign") and self._next.value in values else None

    def _expect(self, value: str) -> None:
        if self._accept(value) is None:
            self._unexpected(value)

    def _unexpected(self, wanted: str) -> NoReturn:
        token = self._next
        found = "the end" if token.kind == "end" else ascii(token.value)
        raise ExpressionError(
            token.at, f"{wanted} is wanted, not {found}", "see docs/commands.md, or quote texts: 'L12'"
        )

    def _condition(self, part: _Part) -> _Part:
        if part.type == "condition" or part.flag:
            return part
        raise ExpressionError(part.at, f"a {part.type} is not a condition", "compare it with something: layer >= 20")

    def _typed(self, part: _Part, type_: Type) -> _Part:
        if part.type != type_:
            raise ExpressionError(part.at, f"expected a {type_}, not a {part.type}", "compare like with like")
        return part

    def _or(self) -> _Part:
        return self._joined("or", self._and)

    def _and(self) -> _Part:
        return self._joined("and", self._not)

    def _joined(self, word: str, rule: Callable[[], _Part]) -> _Part:
        first = rule()
        if self._next.kind != "name" or self._next.value != word:
            return first
        parts = [self._condition(first)]
        while self._accept(word):
            parts.append(self._condition(rule()))
        sql = f" {word.upper()} ".join(part.sql for part in parts)
        return _Part(f"({sql})", "condition", first.at, _all(*parts))

    def _not(self) -> _Part:
        if token := self._accept("not"):
            self._deeper(token)
            part = self._condition(self._not())
            self._depth -= 1
            return _Part(f"(NOT {part.sql})", "condition", token.at, part.parameters)
        return self._comparison()

    def _deeper(self, token: _Token) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise ExpressionError(token.at, "too much is nested", f"at most {DEEPEST} levels")

    def _comparison(self) -> _Part:
        first = self._sum()
        if self._accept("is"):
            negated = "NOT " if self._accept("not") else ""
            self._expect("null")
            self._value(first)
            return _Part(f"({first.sql} IS {negated}NULL)", "condition", first.at, first.parameters)
        negated = "NOT " if self._accept("not") else ""
        if self._accept("in"):
            return self._in(first, negated)
        if self._accept("like"):
            pattern = self._typed(self._sum(), "text")
            sql = f"({self._typed(first, 'text').sql} {negated}LIKE {pattern.sql})"
            return _Part(sql, "condition", first.at, _all(first, pattern))
        if negated:
            self._unexpected("in or like")
        return self._chain(first)

    def _chain(self, first: _Part) -> _Part:
        """first < second <= third ...: all of the comparisons."""
        left, pairs = first, []
        while (sign := self._accept(*_COMPARE)) is not None:
            right = self._sum()
            self._typed(right, self._value(left).type)
            nocase = " COLLATE NOCASE" if left.type == "text" else ""
            sql = f"({left.sql} {_COMPARE[sign.value]} {right.sql}{nocase})"
            pairs.append(_Part(sql, "condition", left.at, _all(left, right)))
            left = right
        if not pairs:
            return first
        if len(pairs) == 1:
            return pairs[0]
        return _Part(f"({' AND '.join(pair.sql for pair in pairs)})", "condition", first.at, _all(*pairs))

    def _in(self, first: _Part, negated: str) -> _Part:
        self._value(first)
        self._expect("(")
        values = [self._typed(self._sum(), first.type)]
        while self._accept(","):
            values.append(self._typed(self._sum(), first.type))
        self._expect(")")
        nocase = " COLLATE NOCASE" if first.type == "text" else ""
        sql = f"({first.sql}{nocase} {negated}IN ({', '.join(value.sql for value in values)}))"
        return _Part(sql, "condition", first.at, _all(first, *values))

    def _value(self, part: _Part) -> _Part:
        if part.type == "condition":
            raise ExpressionError(part.at, "a condition can't be compared", "compare numbers or texts")
        return part

    def _sum(self) -> _Part:
        return self._arithmetic(self._term, "+", "-")

    def _term(self) -> _Part:
        return self._arithmetic(self._factor, "*", "/")

    def _arithmetic(self, rule: Callable[[], _Part], *signs: str) -> _Part:
        """a + b - c in one pair of parentheses, since SQLite's parser has room for few."""
        first = rule()
        if self._next.kind != "sign" or self._next.value not in signs:
            return first
        parts, sql, real = [first], self._typed(first, "number").sql, ""
        value = first.constant
        while self._next.kind == "sign" and self._next.value in signs:
            sign = self._take()
            other = self._typed(rule(), "number")
            parts.append(other)
            sql += f" {sign.value} {other.sql}"
            if sign.value == "/":
                real = "1.0 * "  # never the division of integers
                if other.constant == 0:
                    raise ExpressionError(other.at, "division by 0", "no neuron has such a value")
            value = None if value is None or other.constant is None else _OF[sign.value](value, other.constant)
        return _Part(f"({real}{sql})", "number", first.at, _all(*parts), constant=value)

    def _factor(self) -> _Part:
        if sign := self._accept("-", "+"):
            self._deeper(sign)
            part = self._typed(self._factor(), "number")
            self._depth -= 1
            if sign.value == "+":
                return part
            value = None if part.constant is None else -part.constant
            return _Part(f"(0 - {part.sql})", "number", sign.at, part.parameters, constant=value)
        return self._primary()

    def _primary(self) -> _Part:
        token = self._next
        if self._accept("("):
            self._deeper(token)
            part = self._or()
            self._expect(")")
            self._depth -= 1
            return replace(part, at=token.at)
        if self._accept("abs"):
            self._expect("(")
            self._deeper(token)
            part = self._typed(self._sum(), "number")
            self._expect(")")
            self._depth -= 1
            value = None if part.constant is None else abs(part.constant)
            return _Part(f"abs(1.0 * {part.sql})", "number", token.at, part.parameters, constant=value)
        if token.kind == "number":
            self._take()
            number = _number(token.value)
            return _Part("?", "number", token.at, (number,), constant=float(number))
        if token.kind == "text":
            self._take()
            return _Part("?", "text", token.at, (token.value,))
        if token.kind == "name" and token.value in _HOLDS:
            return self._holds(self._take())
        if token.kind == "name" and token.value not in _WORDS:
            return self._column(self._take())
        return self._unexpected("a column, a number or a text")

    def _holds(self, token: _Token) -> _Part:
        """writes('Paris'): under aligned signs the list of the other name, in a flipped neuron."""
        self._expect("(")
        text = self._take()
        if text.kind != "text" or not text.value:
            raise ExpressionError(text.at, f"{token.value} wants a text", f"write it like {token.value}('Paris')")
        self._expect(")")
        own = _HOLDS[token.value]
        turned = tuple(PLACES[flipped(PLACES.index(name))] for name in own)
        among = "n.id IN (SELECT value FROM json_each(?))"
        if self._signs == "raw" or set(turned) == set(own):
            return _Part(f"({among})", "condition", token.at, (Holds(own, text.value),))
        held = Holds(turned, text.value), Holds(own, text.value)
        return _Part(f"iif(n.flipped, {among}, {among})", "condition", token.at, held)

    def _column(self, token: _Token) -> _Part:
        column = column_named(token.value)
        if column is None:
            raise UnknownColumn(token.at, token.value)
        self._columns.add(column.name)
        type_: Type = "text" if column.kind == "text" else "number"
        return _Part(column.sql(self._signs), type_, token.at, flag=column.kind == "flag")


_OF: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}


def _all(*parts: _Part) -> tuple[Parameter, ...]:
    return tuple(parameter for part in parts for parameter in part.parameters)


def _number(text: str) -> float | int:
    """An integer where it is written as one and fits SQLite's."""
    if text.isdigit() and len(text) < 18:
        return int(text)
    return float(text)
