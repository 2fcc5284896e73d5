"""What each column of a table of neurons is, in a few words: for the table's first line and the help. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from indexer.quadrants import QUADRANTS

_WORDS = {
    "neuron": "its address",
    "site": "its gated MLP",
    "layer": "the number of its layer",
    "index": "its number in the layer",
    "flipped": "whether aligned signs negate w_in and w_out",
    "dot_gate_in": "w_gate · w_in, as loaded",
    "tokens_counted": "tokens that its layer counted",
    "zero": "tokens whose gate or in is exactly 0",
    "frequency_gate_positive": "share of tokens with gate > 0",
    "cos_gate_in": "cosine of w_gate and w_in",
    "cos_in_out": "cosine of w_in and w_out",
    "cos_gate_out": "cosine of w_gate and w_out",
    "norm_gate": "length of w_gate",
    "norm_in": "length of w_in",
    "norm_out": "length of w_out",
    "rw_class": "input-output class",
    "vocab_mean": "mean of its scores over the tokens",
    "vocab_std": "spread of its scores over the tokens",
    "vocab_skew": "skewness of its scores over the tokens",
    "vocab_kurtosis": "kurtosis of its scores over the tokens",
    "null_share": "share of w_out that the unembedding hardly reads",
}
_OF_QUADRANTS = {
    "count": "tokens in {q}",
    "frequency": "share of tokens in {q}",
    "mean": "mean of {quantity} over the tokens in {q}",
    "peak_entropy": "bits of the tokens that {q} peaks on",
    "extreme": "{quantity} of the largest magnitude in {q}",
}


def column_words(name: str) -> str:
    """What a column is."""
    if name in _WORDS:
        return _WORDS[name]
    before, _, letters = name.rpartition("_")
    kind, _, quantity = (before, "", "") if before in _OF_QUADRANTS else before.partition("_")
    quadrant = next((one.value for one in QUADRANTS if one.letters == letters), letters)
    return _OF_QUADRANTS[kind].format(q=quadrant, quantity=quantity) if kind in _OF_QUADRANTS else ""


def explained() -> Iterator[tuple[str, str]]:
    """Every kind of column of the neurons with its words, for the help; those of quadrants as one pattern each."""
    yield from _WORDS.items()
    yield "count_pp ... count_nn", "tokens in the quadrant ++ ... --"
    yield "frequency_pp ...", "share of tokens in the quadrant"
    yield "peak_entropy_pp ...", "bits of the tokens that the quadrant's contexts peak on"
    yield "mean_gate_pp ...", "mean of gate (in, act, post) over the quadrant's tokens"
    yield "extreme_gate_pp ...", "the value of the largest magnitude, with its sign"
