"""Chains against real imagery: kernel distance of features and statistics of gradients.

No truth exists for a chain, so its tiles are compared with real ones of the zoom's resolution. The
tone of every tile is evened out first: sensors and base map differ in tone, which is not realism.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from generator.grid.pixels import Pixels
from training.measure.features import Features, Lite2
from training.measure.metrics import Floats, Images
from training.measure.realtiles import RealTile
from training.measure.report import markdown

ZOOMS = (9, 11, 13, 15, 17)
_MEAN, _DARKEST = 95.0, 12.0
_LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)
_CELL = 12
"""Pixels along a block whose gradients are compared in direction."""
_LEAST_SPREAD = 1e-3
_AT_ONCE = 8


class TileStatistics(NamedTuple):
    """Medians over a set of tiles, tone evened out.

    kurtosis: of differences of luminance along both axes, how far detail gathers in edges;
    coherence: how far gradients of 12 x 12 pixels agree in direction, 0 to 1; contrast: standard
    deviation of luminance, grey levels.
    """

    kurtosis: float
    coherence: float
    contrast: float


@dataclass(frozen=True, slots=True)
class KidRow:
    """Chains of one zoom against real tiles.

    kid: x 1000; kid_error: its standard error over the chains (jackknife); among_real: the same of
    half of the real sources against the others, None for one source. kurtosis, coherence,
    contrast: shares of real imagery's, of `TileStatistics`.
    """

    zoom: int
    tiles: int
    real_tiles: int
    held_out: int
    kid: float
    kid_error: float
    among_real: float | None
    kurtosis: float
    coherence: float
    contrast: float


def measure_kid(zoom: int, made: Images, real: Sequence[RealTile], network: Lite2) -> KidRow:
    """Compare chain tiles, uint8 [N, 256, 256, 3], with real ones; N at least 3."""
    truth = np.stack([tile.pixels for tile in real])
    ours, theirs = (tile_features(network, tiles) for tiles in (made, truth))
    kid, error = distance_with_error(ours, theirs)
    # Every other source, by name, against the others: how far apart real imagery is.
    sources = np.array([tile.source for tile in real])
    half = np.isin(sources, np.unique(sources)[::2])
    among = None
    if min(half.sum(), (~half).sum()) > 2:
        among = distance_with_error(theirs[half], theirs[~half])[0]
    shares = [x / y for x, y in zip(tile_statistics(made), tile_statistics(truth), strict=True)]
    held_out = sum(tile.held_out for tile in real)
    return KidRow(zoom, len(made), len(truth), held_out, kid, error, among, *shares)


def evened(tile: Pixels) -> NDArray[np.float32]:
    """Scale each channel of a tile, uint8 [h, w, 3], to a mean of 95: float32 in [0, 255]."""
    mean = tile.reshape(-1, 3).mean(0).astype(np.float32)
    scaled: NDArray[np.float32] = (tile * (_MEAN / np.maximum(mean, _DARKEST))).clip(0, 255)
    return scaled.astype(np.float32)


def tile_features(network: Lite2, tiles: Images) -> Features:
    """Return mean and deviation of the last feature map of evened tiles [N, h, w, 3]: [N, 2560]."""
    parts = []
    for first in range(0, len(tiles), _AT_ONCE):
        images = np.stack([evened(tile) for tile in tiles[first : first + _AT_ONCE]])
        batch = torch.from_numpy(images).permute(0, 3, 1, 2) / 127.5 - 1
        with torch.inference_mode():
            seen = network.maps(batch)
        parts.append(torch.cat([seen.mean((2, 3)), seen.std((2, 3))], 1).cpu().numpy())
    return np.concatenate(parts).astype(np.float64)


def distance_with_error(first: Features, second: Features) -> tuple[float, float]:
    """Return the kernel distance of two sets [N, D] and [M, D], x 1000, and its standard error.

    Squared maximum mean discrepancy, unbiased, cubic kernel (Binkowski et al. 2018), of features
    divided by their deviation over both sets. 0 is expected of two sets of one distribution; it
    may be slightly negative. The error is the jackknife's over the first set.
    """
    spread = np.concatenate([first, second]).std(0) + _LEAST_SPREAD
    first, second = first / spread, second / spread
    own, other, between = (
        (a @ b.T / a.shape[1] + 1) ** 3
        for a, b in ((first, first), (second, second), (first, second))
    )
    n, m = between.shape
    np.fill_diagonal(own, 0)
    np.fill_diagonal(other, 0)
    apart = other.sum() / (m * (m - 1))
    kid = own.sum() / (n * (n - 1)) + apart - 2 * between.mean()
    # The same without each of the first set in turn.
    within = (own.sum() - 2 * own.sum(1)) / ((n - 1) * max(n - 2, 1))
    across = (between.sum() - between.sum(1)) / ((n - 1) * m)
    without = within + apart - 2 * across
    error = np.sqrt((n - 1) * without.var())
    return 1000 * float(kid), 1000 * float(error)


def tile_statistics(tiles: Images) -> TileStatistics:
    """Return the statistics of tiles, uint8 [N, h, w, 3]."""
    rows = [_statistics(evened(tile) @ _LUMINANCE) for tile in tiles]
    kurtosis, coherence, contrast = np.median(rows, 0).tolist()
    return TileStatistics(kurtosis, coherence, contrast)


def _statistics(grey: NDArray[np.float32]) -> Floats:
    """Return kurtosis, coherence and contrast of luminance [h, w]."""
    across, down = np.diff(grey, axis=1)[:-1], np.diff(grey, axis=0)[:, :-1]
    both = np.concatenate([across.ravel(), down.ravel()])
    kurtosis = (both**4).mean() / ((both**2).mean() ** 2 + 1e-6)
    # Structure tensor of each cell; a half keeps plain ground from having a direction.
    xx, yy, xy = (_cells(product) for product in (across**2, down**2, across * down))
    coherence = (np.hypot(xx - yy, 2 * xy) / (xx + yy + 0.5)).mean()
    return np.array([kurtosis, coherence, grey.std()], np.float64)


def _cells(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Average [h, w] over whole cells: [h // 12, w // 12]."""
    rows, columns = (side // _CELL for side in values.shape)
    whole = values[: rows * _CELL, : columns * _CELL]
    averaged: NDArray[np.float32] = whole.reshape(rows, _CELL, columns, _CELL).mean((1, 3))
    return averaged


def kid_table(rows: Sequence[KidRow]) -> str:
    """Tabulate distances, and statistics as shares of real imagery's."""
    headers = ["zoom", "chains", "real tiles", "held out", "KID", "± over the chains",
               "real sources among each other", "gradient kurtosis / real's",
               "coherence / real's", "contrast / real's"]  # fmt: skip
    lines = []
    for row in rows:
        lines.append(
            [str(row.zoom), str(row.tiles), str(row.real_tiles), str(row.held_out),
             f"{row.kid:.0f}", f"{row.kid_error:.0f}",
             "–" if row.among_real is None else f"{row.among_real:.0f}",
             f"{row.kurtosis:.2f}", f"{row.coherence:.2f}", f"{row.contrast:.2f}"]
        )  # fmt: skip
    return markdown(headers, lines)
