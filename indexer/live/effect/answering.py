"""The explorer's question: the effect of one quadrant of one neuron, as its process answers it."""

from __future__ import annotations

from typing import Any

from ...addresses import NeuronAddress
from ...database.reader import Index
from ...errors import GluscopeError
from ...progress import Meter, Progress, Report
from ..model import LiveModel
from .opening import Source, demand_causal, open_effects
from .replacement import parse_replacement
from .request import Request, Target, parse_label
from .result import marked_json


def measured(
    live: LiveModel, index: Index, neuron: NeuronAddress, options: dict[str, str], contexts: int, report: Report
) -> dict[str, Any]:
    """The row of a neuron as JSON, with its sequences marked. `options`: quadrant, to, signs.

    GluscopeError for what the asker can mend.
    """
    demand_causal(index.info())
    request = Request(
        to=parse_replacement(options["to"]), signs=options["signs"], contexts=contexts, controls=0, marked=True
    )
    report(Progress("measuring", message="getting ready to measure"))
    effects = open_effects(live, index, request, Source(), lambda message: report(Progress("notice", message=message)))
    targets = [Target((neuron,), parse_label(options["quadrant"]))]
    effects.demand(targets)
    meter = Meter(report, "measuring")
    (row,) = effects.measure(targets, lambda done, total: meter.update(done, total, "measuring, runs of a sequence"))
    if not row.main.sequences:
        raise GluscopeError(f"{neuron} is never in {row.quadrant} in this index", "choose another quadrant")
    return {**row.as_json(), "marked": marked_json(row.marked)}
