"""Whole chains, where no truth exists: their statistics by zoom against real imagery's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generator.cascade.cascade import Cascade, Pixels
from generator.grid.tile import STAGE_ZOOMS, Tile
from training.errors import TrainingError
from training.imagery.pyramid import Pyramid
from training.measure.localtiles import LocalTile, is_land, local_tiles
from training.measure.metrics import (
    absolute_error,
    contrast,
    decibels,
    edginess,
    fall,
    grain,
    octave_errors,
    repetition,
    spectra,
    steepness,
)
from training.measure.realparents import CORE, draw_real
from training.measure.sites import Spot, spread
from training.progress import track
from training.samples.windows import Samples

Images = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class ChainRow:
    """Tiles of one zoom against real ones; all spectra are of luminance.

    spectrum: mean |dB| over the octaves that the stage adds, octaves: signed dB of each, both of
    the median tile; mean_octaves: of the mean power, which the strongest tiles rule. contrast:
    median standard deviation, grey levels; fall: dB of each such octave below the parent's finest,
    in the median tile, whatever the contrast; steepness: gradient, grey levels per pixel; edginess:
    kurtosis of differences. power: the two median spectra by frequency, chain and real.
    """

    zoom: int
    tiles: int
    real_tiles: int
    contrast: float
    real_contrast: float
    fall: tuple[float, float]
    real_fall: tuple[float, float]
    spectrum: float
    octaves: tuple[float, float]
    mean_octaves: tuple[float, float]
    steepness: float
    real_steepness: float
    edginess: float
    real_edginess: float
    power: tuple[list[float], list[float]]


@dataclass(frozen=True, slots=True)
class CalmRow:
    """Tiles of sea, ice and sand: grain in grey levels, and how far detail repeats (0 to 1)."""

    zoom: int
    tiles: int
    grain: float
    repetition: float


@dataclass(frozen=True, slots=True)
class Chains:
    """The figures of whole chains.

    spread: land spots over the globe against any real imagery of the zoom's resolution; real: the
    imagery of held-out places against that of training places, a yardstick; local: tiles of the
    very places that real tiles show; calm: sea, ice and sand.
    """

    spread: list[ChainRow]
    real: list[ChainRow]
    local: list[ChainRow]
    calm: list[CalmRow]


def measure_chains(cascade: Cascade, pyramid: Pyramid, count: int, real: int, seed: int) -> Chains:
    """Render chains at `count` of the spots and at places of imagery, and compare.

    real: windows of real imagery per zoom, half of them from training places: chains have no
    ground truth, so that nothing is gained by holding places out.
    """
    spots = spread(count)
    tiles = rendered(cascade, seed, spots)
    rows: list[ChainRow] = []
    yardstick: list[ChainRow] = []
    calm: list[CalmRow] = []
    for band, zoom in enumerate(STAGE_ZOOMS):
        quiet = [t for t, spot in zip(tiles[zoom], spots, strict=True) if spot.calm]
        if quiet:
            stack = np.stack(quiet)
            calm.append(CalmRow(zoom, len(stack), grain(stack), repetition(stack)))
        known = _real(pyramid, band, ("train",), real // 2, seed)
        held_out = _real(pyramid, band, ("val", "test"), real // 2, seed)
        made = [
            t for t, spot in zip(tiles[zoom], spots, strict=True) if is_land(t) and not spot.calm
        ]
        if made and known + held_out:
            rows.append(compare(zoom, made, known + held_out))
        if known and held_out:
            yardstick.append(compare(zoom, held_out, known))
    return Chains(rows, yardstick, _local(cascade, pyramid, max(4, count // 4), seed), calm)


def rendered(cascade: Cascade, seed: int, spots: tuple[Spot, ...]) -> dict[int, list[Pixels]]:
    """Tiles of every stage zoom at each spot, by zoom; each spot is a chain of its own."""
    tiles: dict[int, list[Pixels]] = {zoom: [] for zoom in STAGE_ZOOMS}
    for spot in track(spots, "chains"):
        store: dict[Tile, Pixels] = {}
        for zoom in STAGE_ZOOMS:
            tiles[zoom].append(cascade.render(seed, spot.tile(zoom), store))
    return tiles


def compare(zoom: int, made_tiles: list[Pixels], real_tiles: list[Pixels]) -> ChainRow:
    """Compare generated tiles with real ones, uint8 [256, 256, 3] each."""
    made, truth = np.stack(made_tiles), np.stack(real_tiles)

    ours, theirs = spectra(made), spectra(truth)
    middle = np.median(ours, 0), np.median(theirs, 0)
    typical = decibels(*middle)
    return ChainRow(
        zoom=zoom,
        tiles=len(made),
        real_tiles=len(truth),
        contrast=contrast(made),
        real_contrast=contrast(truth),
        fall=fall(ours),
        real_fall=fall(theirs),
        spectrum=absolute_error(typical),
        octaves=octave_errors(typical),
        mean_octaves=octave_errors(decibels(ours.mean(0), theirs.mean(0))),
        steepness=steepness(made),
        real_steepness=steepness(truth),
        edginess=edginess(made),
        real_edginess=edginess(truth),
        power=(middle[0].tolist(), middle[1].tolist()),
    )


def _real(
    pyramid: Pyramid, band: int, splits: tuple[str, ...], count: int, seed: int
) -> list[Pixels]:
    """Real windows of land of a band: an equal share of `count` from each split that has any."""
    parts: list[Pixels] = []
    for split in splits:
        try:
            samples = Samples(pyramid, split, CORE, seed)
            if samples.choices[band][0]:
                parts.extend(draw_real(samples, band, range(-(-count // len(splits)))))
        except TrainingError:
            # The split has no window of any band, or none of this one that is usable.
            continue
    return [tile for tile in parts if is_land(tile)]


def _local(cascade: Cascade, pyramid: Pyramid, count: int, seed: int) -> list[ChainRow]:
    rows = []
    for band, zoom in enumerate(STAGE_ZOOMS):
        found: list[LocalTile] = local_tiles(pyramid, band, count, seed)
        if not found:
            continue
        made = [
            cascade.render(seed, tile.spot.tile(zoom))
            for tile in track(found, f"zoom {zoom}: places of imagery")
        ]
        rows.append(compare(zoom, made, [tile.pixels for tile in found]))
    return rows
