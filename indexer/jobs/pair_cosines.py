"""The cosines between the vectors of two neurons, from the weights of the model that made an index."""

from __future__ import annotations

from ..addresses import NeuronAddress
from ..database.records import IndexInfo
from ..live.model import Choice, open_model
from ..progress import Report
from ..weights.between import cosines_between, vectors_of


def pair_cosines(
    info: IndexInfo, choice: Choice, one: NeuronAddress, other: NeuronAddress, report: Report
) -> dict[tuple[str, str], float | None]:
    """The cosines of `cosines_between`. GluscopeError if it is another model than the index's, or if the vectors can't
    be had."""
    return cosines_between(vectors_of(open_model(info, choice, report).loaded), one, other)
