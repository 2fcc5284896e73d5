"""The input of the writer of an index: the finished statistics of a site, as numpy arrays with raw signs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ...addresses import SiteAddress
from ...quadrants import Quadrant
from ..read.weights_state import can_be_added

Float16 = npt.NDArray[np.float16]
Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Int8 = npt.NDArray[np.int8]
Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class ListArrays:
    """The examples of one ranking in one quadrant, for every neuron of a site, best first.

    Lanes are gate, in and post, and act as a fourth where the site's activation has no plain-Python twin. Their codes
    are those of `windows.encode_lanes`; slot w of a window of before + 1 + after slots is position peak - before + w.
    """

    ranking: str
    quadrant: Quadrant
    sequence: Int64  # neuron rank; -1: an empty slot, after all others
    position: Int32  # neuron rank
    values: Float32  # neuron rank quantity (gate, in, act, post): exact, at the peak
    scale: Float32  # neuron rank lane: the largest |value| of the lane in the window
    lanes: Int8  # neuron rank lane slot


@dataclass(frozen=True, slots=True)
class SiteArrays:
    """Everything an index keeps of one site. Quantities and quadrants are in the order of QUANTITIES and QUADRANTS."""

    address: SiteAddress
    activation: str
    adapter: str  # how gate and in were found
    identity_error: float | None  # largest relative error of act(gate) * in; None: not proven
    tokens_counted: int
    flipped: Bool | None  # neuron; None: the weights could not be read
    dot_gate_in: Float64 | None  # neuron: w_gate · w_in as loaded
    count: Int64  # quadrant neuron
    zero: Int64  # neuron: tokens whose gate or in is exactly 0
    sum: Float64  # quantity quadrant neuron
    extreme: Float32  # quantity quadrant neuron: the signed value of largest magnitude; ignored where the count is 0
    lists: tuple[ListArrays, ...]
    sample: Float16  # lane (gate, in[, act]) rank neuron: as `statistics.sample.narrowed` makes them
    sample_id: int  # the positions of the ranks: IndexWriter.add_sample

    @property
    def width(self) -> int:
        """How many neurons the site has."""
        return int(self.zero.shape[0])


VOCABULARY = ("vocab_mean", "vocab_std", "vocab_skew", "vocab_kurtosis", "null_share")
"""The numbers of a neuron's scores over the vocabulary, as the table `vocabulary_scores` has them."""


@dataclass(frozen=True, slots=True)
class WeightArrays:
    """The numbers of the weights of a site's neurons. Raw signs; docs/schema.md describes the lists."""

    cosines: Float32  # kind (gate_in, in_out, gate_out) neuron; NaN: a vector is zero
    norms: Float32  # vector (gate, in, out) neuron
    classes: tuple[str | None, ...]  # neuron
    tokens: Int32  # list neuron rank; -1: none. Lists: promotes, suppresses, near gate, far, near in, far
    scores: Float32  # list neuron rank; NaN without a token
    neighbours: Int64  # list (by w_out, by w_in) neuron rank: 2 * number in the model + its flip bit; -1: none
    neighbour_cosines: Float32  # list neuron rank
    vocabulary: Float32 | None = None  # number (VOCABULARY) neuron, NaN: not known; None: of an older gluscope


@dataclass(frozen=True, slots=True)
class WeightSite:
    """A site of the model, indexed or not, and how its weights were read."""

    name: str
    width: int
    first_neuron: int  # number of its index 0 in the model
    norm_before: str | None = None
    norm_after: str | None = None
    bands: tuple[float | None, float | None, float | None] = (None, None, None)  # gate_in, in_out, gate_out
    reason: str | None = None  # why its neurons have no numbers; None if they have


@dataclass(frozen=True, slots=True)
class WiringArrays:
    """The wiring of a site's neurons. Raw signs; lists as `records.WIRING_LISTS` orders them."""

    neurons: Int64  # list neuron rank: 2 * number in the model + its flip bit; -1: none, after all others
    cosines: Float32  # list neuron rank; NaN without a neuron
    bands: tuple[float | None, ...]  # list; None without pairs


@dataclass(frozen=True, slots=True)
class ModelWiring:
    """Who feeds the neurons of a model, and whom they feed."""

    info: Mapping[str, Any]  # state, reason: the key `wiring` of an index's info
    sites: Mapping[str, WiringArrays] = field(default_factory=dict)  # by name


@dataclass(frozen=True, slots=True)
class ModelWeights:
    """The numbers of the weights of a model."""

    info: Mapping[str, Any]  # state, reason: the key `weights` of an index's info
    model_sites: tuple[WeightSite, ...] = ()
    sites: Mapping[str, WeightArrays] = field(default_factory=dict)  # by name
    spelling: Mapping[int, bytes] = field(default_factory=dict)  # of the tokens that the lists name
    folded: Mapping[int, str] = field(
        default_factory=dict
    )  # the texts of the vocabulary's tokens, as searches fold them
    wiring: ModelWiring | None = None  # None where there are no weights, or where an older index has none

    @property
    def of_an_older_gluscope(self) -> bool:
        """Whether numbers are missing that are computed today, apart from wiring."""
        return any(site.vocabulary is None for site in self.sites.values())

    @property
    def lacks_wiring(self) -> bool:
        """Whether there could be wiring, and is none."""
        return bool(self.sites) and (self.wiring is None or can_be_added(self.wiring.info))
