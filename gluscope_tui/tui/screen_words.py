"""What the numbers of each screen are, for the help and docs/tui.md. Those of home are in help.py."""

from __future__ import annotations

from collections.abc import Mapping

_LATER = "as the list of columns at the end says; the first line tells what the column under the cursor is"

NUMBERS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "context": (
        ("context 1 of 16", "its place in the ranking among the contexts kept, and the ranked quantity at its peak"),
        ("pos", "the token's place in its sequence, which begins at 0"),
        ("token", "where values are kept: the token, the quadrant that it lies in, post, gate, in and act there"),
    ),
    "neurons": (("columns", _LATER),),
    "layers": (
        ("site", "the gated MLP; neurons: how many it has"),
        ("++ ... --", "percent of the layer's tokens, over all its neurons, in the quadrant"),
        ("gate > 0", "percent of them with an open gate"),
        (
            "classes",
            "how many of its neurons are of an input-output class: strengthening ... weakening; atypical forms of "
            "all classes are counted apart",
        ),
    ),
    "hits": (
        ("neuron", "its address; after it the quadrant of the context"),
        ("rank", "the ranking in whose list the context is"),
        ("value", "the ranked quantity at the peak that was found"),
        (
            "strength",
            "of peaks: the share of a list's magnitudes that peak on the text. Of contexts: the value as a share of "
            "the largest that the neuron reaches. Written: the z-score of the score. Read: the size of the cosine",
        ),
        (
            "where",
            "+out writes the token where post > 0, -out where post < 0; gate+ gate- in+ in-: what reading it pushes",
        ),
        ("quadrants", "where that comes about; frequency: the shares of tokens that lie there"),
        ("token, place", "the token, and its place in the neuron's list of 16, which begins at 0"),
        ("score", "written: what one unit of post adds to the logit, before the last norm. Read: the cosine"),
    ),
    "marks": (
        ("neuron", "its address; quadrant: the one that the mark is about, if it is about one"),
        ("note, tags", "your words, and those among them that begin with #"),
        ("date", "when it was marked, or its note changed"),
    ),
    "standing": (
        ("neuron", "its address; quadrant: the one that the token lies in"),
        ("gate in act post", "its values at the token"),
        (
            "percentile",
            "the share of the post sampled in that quadrant that is smaller in magnitude; > all 1,024: all of it",
        ),
        ("logit", "what the neuron adds directly to the logit of the token that the first line names"),
    ),
    "density": (
        ("sampled", "positions drawn uniformly, and how many of them lie in each quadrant"),
        ("a pixel", "how many sampled positions its shade stands for"),
        ("bars", "at the edges: how gate and in are distributed by themselves"),
        ("asinh axes", "linear to about the value that is named, the median magnitude; logarithmic beyond"),
        ("5% ... 95%", "quantiles of the signed values in each quadrant with at least 20 sampled positions"),
    ),
    "card": (
        ("cos", "cosines of its weight vectors; 95 % of those of mismatched pairs are within what stands after chance"),
        ("norm", "the length of a weight vector"),
        (
            "vocabulary",
            "its scores of all tokens: std is their spread, skew and kurtosis their shape (normal: 0 and 3); null "
            "share: the part of w_out that the unembedding hardly reads",
        ),
        ("peak entropy", "bits of the tokens that a quadrant's contexts peak on; 0: always the same one"),
        (
            "promotes",
            "tokens, and what one unit of post adds to their logits, before the last norm; suppresses: the lowest",
        ),
        (
            "reads",
            "tokens whose embeddings have the largest cosines with w_gate and w_in; against: the most negative ones",
        ),
        (
            "nearest, fed by",
            "cosines: of the same vector of other neurons; of their w_out with its w_gate or w_in; feeds: of "
            "its w_out with theirs",
        ),
    ),
    "compare": (
        (
            "in points",
            "the second frequency less the first, in percentage points; of two indexes ± its standard error, as if "
            "tokens were drawn independently",
        ),
        ("between", "cosines between the two; within ±: neither lists the other, so that it is no larger than that"),
        ("together", "Pearson's correlation over the sampled positions, if both have the same ones"),
    ),
    "effect": (
        ("there, overall", "at the altered tokens; at all counted tokens"),
        (
            "nll, kl, entropy",
            "of the next token, altered less plain, in nats, with 95 % intervals; nll > 0: it gets less likely",
        ),
        ("first choice", "the share of altered tokens after which another token is the most probable one"),
        ("post", "the mean change of post at the altered tokens"),
        (
            "raised, lowered",
            "the mean change of a token's log-probability there; by the weights: what w_out alone says",
        ),
        (
            "place",
            "by the size of nll, among neurons of its layer alike in frequency and size of post; 1: the largest",
        ),
    ),
}
"""By screen: the name of a number as the screen writes it, and what it is."""
