"""The density of gate and in, and the quantiles, for home's neuron."""

from __future__ import annotations

from collections.abc import Sequence

from ...colour.style import StyledLine
from ...views.density import Ink
from ...views.sample import plot
from .about import AboutScreen


class DensityScreen(AboutScreen, scope="density"):
    """A picture of the uniform sample."""

    def lines(self, width: int, height: int) -> Sequence[StyledLine]:
        palette, sample = self.palette, self.session.explorer.record.sample
        if sample is None:
            return ()
        ink = Ink(palette.ramp, palette.text, palette.faint, palette.strong, palette.ascii_only)
        return plot(sample, width, height, ink)
