"""Small layers of geography for tests: whole numbers, pure functions of the address."""

from __future__ import annotations

import numpy as np

from generator.geography.geography import Geography
from generator.geography.layers import Shares
from generator.grid.rectangle import Rectangle
from generator.grid.window import columns_of, rows_of


class Stripes:
    """Boxes 200 x 160 pixels of zoom 7 apart (a CoverageLayer); width: between them, in 16ths."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.digest = f"{width:064x}"

    def shares(self, zoom: int, area: Rectangle) -> Shares | None:
        """Return shares that go from 0 to 255 over a pixel of zoom 7."""
        step = 1 << 15
        side = step << zoom >> 7
        xs, ys = (at * step // side * 16 for at in (columns_of(area, zoom), rows_of(area, zoom)))
        # A wave each way, cut at a height; all in whole numbers.
        across = np.abs(xs % (16 * 200) - 16 * 100)
        down = np.abs(ys % (16 * 160) - 16 * 80)
        height = np.minimum(across[None, :], down[:, None]) - self.width
        shares: Shares = np.clip(height * 16 + 128, 0, 255).astype(np.uint8)
        return shares if shares.any() else None


def striped(roads: bool = True) -> Geography:
    """Return a geography of stripes of water, rivers and roads."""
    return Geography(Stripes(500), Stripes(1000), (Stripes(1100),) if roads else ())
