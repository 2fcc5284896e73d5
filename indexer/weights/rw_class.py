"""The input-output class of a gated neuron, from the three cosines of its weights.

After "Understanding Gated Neurons in Transformers from Their Input-Output Functionality" (arXiv 2505.17936).
"""

from __future__ import annotations

import math

from ..database.format.classes import ATYPICAL, CLASS_OF_SIGNS

THRESHOLD = 0.5
"""Cosines up to this count as 0."""


def rw_class(gate_in: float, in_out: float, gate_out: float) -> str | None:
    """The class of a neuron, prefixed by `atypical ` if its w_gate and w_in don't lie as they do in that class.

    None if a cosine is NaN. Negating w_in and w_out doesn't change the class.
    """
    if any(math.isnan(cosine) for cosine in (gate_in, in_out, gate_out)):
        return None
    gi, io, go = (_sign(cosine) for cosine in (gate_in, in_out, gate_out))
    typical = gi == io * go or io == go == 0
    return ("" if typical else ATYPICAL) + CLASS_OF_SIGNS[io, abs(go)]


def _sign(cosine: float) -> int:
    return (cosine > THRESHOLD) - (cosine < -THRESHOLD)
