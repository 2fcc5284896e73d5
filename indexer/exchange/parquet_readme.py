"""The README.md beside the Parquet files: what each column means."""

from __future__ import annotations

import re

from ..database.reader import Index
from ..quadrants import parse_quadrant
from .selection import Selection

UNFINISHED = "The index is not finished: the numbers are those of the tokens seen so far."

_MEANINGS = {
    "neuron": "the address: L12N345, with an expert L12E3N345, in an encoder-decoder dec.L3N7",
    "site": "the gated MLP: L12",
    "layer": "the number of the layer",
    "index": "the number of the neuron in its site",
    "flipped": "whether alignment negates in and post of the neuron; null where its weights can't be read",
    "dot_gate_in": "w_gate · w_in, as the weights are stored",
    "tokens_counted": "positions that reached the site and were counted",
    "zero": "of these, positions where gate or in is exactly 0; they lie in no quadrant",
    "frequency_gate_positive": "the share of counted positions where gate is positive",
    "rw_class": "the input-output class; null where a vector is zero",
}
_PATTERNS = (
    (r"count_(\w\w)", "counted positions in {}"),
    (r"frequency_(\w\w)", "count_{0} / tokens_counted"),
    (r"mean_(\w+)_(\w\w)", "the mean of {0} over the positions in {1}; null without any"),
    (r"extreme_(\w+)_(\w\w)", "the value of {0} of the largest magnitude in {1}, signed; null without any"),
    (r"cos_(\w+)_(\w+)", "the cosine of w_{0} and w_{1}, norm gains folded in"),
    (r"norm_(\w+)", "the length of w_{0}, norm gains folded in"),
    (r"vocab_(\w+)", "the {0} of the scores of all tokens that it writes"),
    (r"null_share", "the share of w_out's squared length in the unembedding's near-null space"),
    (r"peak_entropy_(\w\w)", "the entropy of the tokens that its contexts by post peak on in {0}"),
)
_CONTEXTS = (
    ("neuron, quadrant, ranking, rank", "where the context stands: rank 0 is the first of its ranking in its quadrant"),
    ("value", "the ranking's quantity at the peak (for random: post)"),
    ("document, part, position", "the document in the order of the input, the sequence in it, the token in that"),
    ("source", "the path, line or row that the document came from"),
    ("peak", "the place of the peak in tokens, from 0"),
    ("text", "the window's bytes decoded as a whole"),
    (
        "tokens",
        'the window\'s tokens; a character belongs to the token that holds its first byte, so later ones may be ""',
    ),
    (
        "gate, in, act, post",
        "a value for each of tokens, null at positions not counted; exact at the peak, elsewhere within 0.5 % of the "
        "window's largest magnitude of that quantity",
    ),
)


def readme(index: Index, wanted: Selection, names: tuple[str, ...]) -> str:
    """The text of the README."""
    count = wanted.count(index)
    lines = [
        "# Gated neurons, by the signs of gate and in",
        "",
        f"{count:,} neurons of `{_in_a_line(index.model)}`, with {wanted.signs} signs. A quadrant is the sign of gate, "
        "then of in: ++ (pp), +- (pn), -+ (np), -- (nn).",
        *(() if index.complete else ("", UNFINISHED)),
        "",
        "## neurons.parquet, a row a neuron",
        "",
        "| column | meaning |",
        "|---|---|",
        *(f"| `{name}` | {meaning(name)} |" for name in names),
        "",
        "## contexts.parquet, a row a context",
        "",
        "| column | meaning |",
        "|---|---|",
        *(f"| {', '.join(f'`{name}`' for name in some.split(', '))} | {told} |" for some, told in _CONTEXTS),
        "",
        "```sql",
        "SELECT neuron, frequency_np, extreme_post_np FROM 'neurons.parquet' ORDER BY frequency_np DESC LIMIT 10;",
        "SELECT text, value FROM 'contexts.parquet' WHERE quadrant = '-+' AND ranking = 'post' AND rank < 3;",
        "```",
        "",
    ]
    return "\n".join(lines)


def meaning(name: str) -> str:
    """What a column of the neurons means."""
    if name in _MEANINGS:
        return _MEANINGS[name]
    for pattern, told in _PATTERNS:
        if match := re.fullmatch(pattern, name):
            words = [_quadrant(word) if told != "count_{0} / tokens_counted" else word for word in match.groups()]
            return told.format(*words)
    raise KeyError(f"{name} has no meaning here")


def _quadrant(word: str) -> str:
    return parse_quadrant(word).value if word in ("pp", "pn", "np", "nn") else word


def _in_a_line(text: str) -> str:
    return "".join(character if character.isprintable() and character != "`" else "?" for character in text)
