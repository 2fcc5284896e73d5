"""The frozen records that a reader of an index gets, free of SQL, torch and numpy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..addresses import NeuronAddress, SiteAddress
from ..quadrants import Quadrant
from .format.sinks import Sinks
from .format.turns import Turn


@dataclass(frozen=True, slots=True)
class Quantities:
    """One number for each quantity; None without a value (a mean over no tokens, a position that is not counted)."""

    gate: float | None
    in_: float | None
    act: float | None
    post: float | None

    def __getitem__(self, quantity: str) -> float | None:
        """The number of `gate`, `in`, `act` or `post`."""
        value: float | None = getattr(self, "in_" if quantity == "in" else quantity)
        return value

    def as_dict(self) -> dict[str, float | None]:
        return {"gate": self.gate, "in": self.in_, "act": self.act, "post": self.post}


@dataclass(frozen=True, slots=True)
class Example:
    """One context of a neuron: a window of tokens around a peak, with the values of every token.

    `tokens` and the four value tuples have one entry a token of the window; `peak` is the place of the peak in them.
    Values are None if the position was not counted. At the peak all four are exact float32; elsewhere gate, in and
    post lie within 0.5 % of the window's largest magnitude of that quantity and keep their exact sign.
    """

    ranking: str
    rank: int
    value: float  # the ranking's quantity at the peak; for `random`: post
    document: int
    part: int
    position: int  # of the peak, in the sequence, BOS included
    source: str
    peak: int
    text: str
    tokens: tuple[str, ...]
    gate: tuple[float | None, ...]
    in_: tuple[float | None, ...]
    act: tuple[float | None, ...]
    post: tuple[float | None, ...]
    roles: tuple[str | None, ...] | None = (
        None  # whose content each token is; None: the template's. No conversation: None
    )
    sink: bool = False  # the peak is at an attention sink

    def values(self, quantity: str) -> tuple[float | None, ...]:
        """The values of `gate`, `in`, `act` or `post`, one a token."""
        values: tuple[float | None, ...] = getattr(self, "in_" if quantity == "in" else quantity)
        return values


@dataclass(frozen=True, slots=True)
class QuadrantRecord:
    """The statistics of one neuron in one quadrant, and its examples: a tuple for each ranking, best first."""

    quadrant: Quadrant
    count: int
    frequency: float | None  # count / tokens_counted of the site; None if that is 0
    mean: Quantities
    extreme: Quantities  # the value of the largest magnitude, signed
    examples: Mapping[str, tuple[Example, ...]]
    peak_entropy: float | None = None  # bits, of the tokens that the examples by post peak on; None: none, or not kept


@dataclass(frozen=True, slots=True)
class NeuronRecord:
    """Everything an index holds about one neuron, under the requested signs."""

    neuron: NeuronAddress
    model: str
    signs: str  # "aligned" or "raw"
    flipped: bool | None  # None: the weights could not be read, so aligned = raw
    tokens_counted: int
    tokens_corpus: int
    zero: int
    quadrants: Mapping[Quadrant, QuadrantRecord]
    sample: Sample | None = None  # if requested
    weights: NeuronWeights | None = None  # if requested, and if the index has them


@dataclass(frozen=True, slots=True)
class SiteRecord:
    """One gated MLP of the model."""

    id: int
    address: SiteAddress
    width: int  # neurons
    activation: str  # e.g. "silu"; see indexer.database.format.activations
    tokens_counted: int
    first_neuron: int  # row id of its neuron 0 in the table `neurons`; the others follow
    identity_error: float | None  # largest relative error of act(gate) * in against what enters the down projection
    adapter: str  # how gate and in were found


@dataclass(frozen=True, slots=True)
class IndexInfo:
    """The provenance of an index: what `gluscope info` prints."""

    path: str
    schema_version: int
    complete: bool
    model: Mapping[str, Any]  # name, revision, architecture, fingerprint, dtype, device ...
    corpus: Mapping[str, Any]  # inputs, documents, sequences, tokens, hash of token ids ...
    settings: Mapping[str, Any]  # every option of `gluscope index` as resolved
    software: Mapping[str, str]  # versions
    run: Mapping[str, Any]  # when, how long, tokens a second, notices
    telling_neuron: NeuronAddress | None
    sites: tuple[SiteRecord, ...]
    neurons: int
    size: int  # bytes of the file
    coverage: Mapping[str, Any] = field(default_factory=dict)  # which batches of the plan each site was fed
    weights: Mapping[str, Any] = field(default_factory=dict)  # state, reason: whether `Index.weights` has values
    wiring: Mapping[str, Any] = field(default_factory=dict)  # the same of `NeuronWeights.wiring`
    sinks: Sinks | None = None  # the model's attention sinks beside position 0; None: not known


@dataclass(frozen=True, slots=True)
class Hit:
    """A neuron that a search found, in one quadrant, with the example that shows why."""

    neuron: NeuronAddress
    quadrant: Quadrant
    strength: float  # 0 to 1, in 255ths: the order of hits, see docs/numbers.md
    example: Example

    @property
    def ranking(self) -> str:
        return self.example.ranking

    @property
    def value(self) -> float:
        """The ranking's quantity at the example's peak."""
        return self.example.value

    @property
    def text(self) -> str:
        """The example's window."""
        return self.example.text


@dataclass(frozen=True, slots=True)
class ListedToken:
    """A token in one of a neuron's lists: where in it, its score there, and how strongly it stands out."""

    token: int
    text: str
    place: int  # from 0
    score: float  # what a unit of post adds to its logit; the cosine, of a token that is read
    strength: float  # a z-score or the magnitude of a cosine, to 11 bits: see docs/numbers.md


@dataclass(frozen=True, slots=True)
class TokenHit:
    """A neuron whose list `where` (+out, -out, gate+, gate-, in+, in-) holds the tokens that were searched for."""

    neuron: NeuronAddress
    where: str
    quadrants: tuple[Quadrant, ...]  # in which it writes along, or reads, that way
    frequency: Mapping[Quadrant, float | None]  # of these
    tokens: tuple[ListedToken, ...]  # the strongest of those searched for; if all were demanded, one for each

    @property
    def token(self) -> ListedToken:
        """The token that determines the hit's place among others: the weakest, if all were demanded."""
        return min(self.tokens, key=lambda token: token.strength)

    @property
    def strength(self) -> float:
        return self.token.strength


@dataclass(frozen=True, slots=True)
class NeuronRow:
    """The narrow row of a neuron: what lists show and sort by."""

    neuron: NeuronAddress
    flipped: bool | None
    tokens_counted: int
    frequency: tuple[float | None, float | None, float | None, float | None]  # in the order of QUADRANTS
    extreme_post: tuple[float | None, float | None, float | None, float | None]


@dataclass(frozen=True, slots=True)
class SequenceRecord:
    """One sequence of the corpus, whole, as the model saw it."""

    document: int
    part: int
    source: str
    text: str
    tokens: tuple[str, ...]  # a character belongs to the token that holds its first byte
    turns: tuple[Turn, ...] | None = None  # of a conversation


@dataclass(frozen=True, slots=True)
class Sample:
    """The four quantities of one neuron at positions drawn uniformly from those that its site counted.

    Gate and in are rounded to float16. Act is computed from gate, or kept too if the activation has no name; post is
    act * in.
    """

    gate: tuple[float, ...]
    in_: tuple[float, ...]
    act: tuple[float, ...]
    post: tuple[float, ...]

    def __len__(self) -> int:
        return len(self.gate)

    def __getitem__(self, quantity: str) -> tuple[float, ...]:
        """The values of `gate`, `in`, `act` or `post`."""
        values: tuple[float, ...] = getattr(self, "in_" if quantity == "in" else quantity)
        return values

    def at(self, places: Iterable[int]) -> Sample:
        """The sample at some of its places only."""
        chosen = tuple(places)
        return Sample(
            *(tuple([lane[place] for place in chosen]) for lane in (self.gate, self.in_, self.act, self.post))
        )


@dataclass(frozen=True, slots=True)
class TokenScore:
    """A token, and how much a neuron promotes it or how near it is."""

    token: int
    text: str  # its bytes decoded; U+FFFD if they are not a whole character
    score: float


@dataclass(frozen=True, slots=True)
class Reads:
    """The tokens whose embeddings have the largest and the smallest cosine with a vector, largest magnitude first."""

    nearest: tuple[TokenScore, ...]
    farthest: tuple[TokenScore, ...]


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another neuron of the model, which the index need not hold, and the cosine of its vector with this one's."""

    neuron: NeuronAddress
    cosine: float


@dataclass(frozen=True, slots=True)
class Wire:
    """A neuron of another layer that feeds this one or is fed by it: the one's w_out lies along the other's w_gate or
    w_in."""

    neuron: NeuronAddress
    cosine: float
    drives: tuple[Quadrant, ...] | None  # where the writing neuron pushes the other's gate or in up; None: unknown


@dataclass(frozen=True, slots=True)
class Wiring:
    """The neurons of lower layers that write what a neuron reads, and those of higher layers that read what it writes.

    Lists have the largest |cosine| first. A band: 95 % of the cosines of pairs of neurons that could be in the list are
    smaller in magnitude; None without pairs.
    """

    fed_gate: tuple[Wire, ...]
    fed_in: tuple[Wire, ...]
    feeds_gate: tuple[Wire, ...]
    feeds_in: tuple[Wire, ...]
    bands: Mapping[str, float | None]  # by the name of the list

    def __getitem__(self, name: str) -> tuple[Wire, ...]:
        """The list of a name of WIRING_LISTS."""
        found: tuple[Wire, ...] = getattr(self, name)
        return found


WIRING_LISTS = ("fed_gate", "fed_in", "feeds_gate", "feeds_in")
"""The lists of `Wiring`, in the order in which an index keeps them."""


@dataclass(frozen=True, slots=True)
class Cosines:
    """The three cosines of a neuron's vectors, or a magnitude for each; None if a vector is zero."""

    gate_in: float | None
    in_out: float | None
    gate_out: float | None


@dataclass(frozen=True, slots=True)
class VocabularyScores:
    """How the scores of all tokens that a neuron writes are spread where post is positive; None if it writes nothing
    that the head reads."""

    mean: float | None
    std: float | None
    skew: float | None
    kurtosis: float | None  # 3 for a normal distribution
    null_share: float | None  # of w_out's squared length, in the unembedding's near-null space
    predicts: tuple[Quadrant, ...] = ()  # where it raises a few tokens far more than it lowers others
    suppresses: tuple[Quadrant, ...] = ()  # where it lowers a few tokens far more than it raises others


@dataclass(frozen=True, slots=True)
class NeuronWeights:
    """The numbers of a neuron's weights, norm gains folded in, under the requested signs. See docs/numbers.md.

    Lists are empty if the model's tokens can't be compared with its weights (`Index.info().weights` says why).
    """

    neuron: NeuronAddress
    signs: str
    rw_class: str | None  # None: a vector is zero
    cos_gate_in: float | None
    cos_in_out: float | None
    cos_gate_out: float | None
    norm_gate: float
    norm_in: float
    norm_out: float
    bands: Cosines  # 95 % of the cosines of mismatched pairs of the site are smaller in magnitude
    promotes: tuple[TokenScore, ...]  # the tokens whose logits it raises most where post is positive, most first
    suppresses: tuple[TokenScore, ...]  # those that it lowers most, most first; scores are negative
    reads_gate: Reads
    reads_in: Reads
    nearest_out: tuple[Neighbour, ...]  # by |cosine| of w_out, across all layers
    nearest_in: tuple[Neighbour, ...]  # by |cosine| of w_in
    vocabulary: VocabularyScores | None = None  # None: an older gluscope computed the weights
    wiring: Wiring | None = None  # None: the index doesn't have it; `Index.info().wiring` says why
