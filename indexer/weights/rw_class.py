"""The input-output class of a gated neuron, from the three cosines of its weights.

After "Understanding Gated Neurons in Transformers from Their Input-Output Functionality" (arXiv 2505.17936).
"""

from __future__ import annotations

import math

THRESHOLD = 0.5

_CLASSES = {
    (1, 1): "strengthening",
    (1, 0): "conditional strengthening",
    (0, 1): "proportional change",
    (0, 0): "orthogonal output",
    (-1, 1): "weakening",
    (-1, 0): "conditional weakening",
}
"""By the signs of cos(w_in, w_out), and of |cos(w_gate, w_out)|, each 0 up to the threshold."""


def rw_class(gate_in: float, in_out: float, gate_out: float) -> str | None:
    """The class of a neuron, `atypical ` in front where w_gate and w_in don't lie as those of its class do.

    None where a cosine is NaN. The same for a neuron whose w_in and w_out are negated.
    """
    if any(math.isnan(cosine) for cosine in (gate_in, in_out, gate_out)):
        return None
    gi, io, go = (_sign(cosine) for cosine in (gate_in, in_out, gate_out))
    typical = gi == io * go or io == go == 0
    return ("" if typical else "atypical ") + _CLASSES[io, abs(go)]


def _sign(cosine: float) -> int:
    return (cosine > THRESHOLD) - (cosine < -THRESHOLD)
