"""The input-output classes of gated neurons (arXiv 2505.17936), by the signs of their cosines."""

from __future__ import annotations

from .kinds import Kind

CLASS_OF_SIGNS = {
    (1, 1): "strengthening",
    (1, 0): "conditional strengthening",
    (0, 1): "proportional change",
    (0, 0): "orthogonal output",
    (-1, 0): "conditional weakening",
    (-1, 1): "weakening",
}
"""By the signs of cos(w_in, w_out), and of |cos(w_gate, w_out)|, each 0 up to a threshold."""

CLASSES = tuple(CLASS_OF_SIGNS.values())
"""In the order of tables; each but `orthogonal output` also has an atypical form."""

ATYPICAL = "atypical "
"""The prefix of a class whose w_gate and w_in have an unexpected cosine."""

ATYPICAL_CLASSES = tuple(ATYPICAL + name for name in CLASSES if name != CLASS_OF_SIGNS[0, 0])
"""The atypical forms of the classes that have one."""

RW_CLASS = Kind("a class", frozenset({str}), choices=frozenset((*CLASSES, *(ATYPICAL + name for name in CLASSES))))
