"""Cascade rollouts, where no truth exists: their statistics by zoom against real imagery's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from generator.cascade.cascade import Cascade
from generator.grid.pixels import Pixels
from training.errors import TrainingError
from training.imagery.pyramid import Pyramid
from training.measure.chains import SiteChains
from training.measure.localtiles import is_land, local_tiles
from training.measure.metrics import (
    absolute_error,
    contrast,
    decibels,
    gradient_kurtosis,
    gradient_magnitude,
    grain,
    octave_errors,
    repetition,
    spectra,
    spectral_slope,
)
from training.measure.realparents import CORE, draw_real_windows
from training.measure.report import markdown, signed
from training.measure.sites import evenly_spread
from training.progress import track
from training.samples.windows import Samples


@dataclass(frozen=True, slots=True)
class RolloutRow:
    """Statistics of generated tiles of one zoom and of real ones; all spectra are of luminance.

    spectrum: mean |dB| over the octaves that the stage adds, octaves: signed dB of each, both of
    the median tile; mean_octaves: of the mean power, which the strongest tiles rule. contrast:
    median standard deviation, grey levels; slope: dB of each such octave below the parent's finest,
    in the median tile, whatever the contrast; gradient: mean magnitude, grey levels per pixel;
    kurtosis: of gradients. power: the two median spectra by frequency, generated and real.
    """

    zoom: int
    tiles: int
    real_tiles: int
    contrast: float
    real_contrast: float
    slope: tuple[float, float]
    real_slope: tuple[float, float]
    spectrum: float
    octaves: tuple[float, float]
    mean_octaves: tuple[float, float]
    gradient: float
    real_gradient: float
    kurtosis: float
    real_kurtosis: float
    power: tuple[list[float], list[float]]


@dataclass(frozen=True, slots=True)
class LowTextureRow:
    """Tiles of sea, ice and sand: grain in grey levels, and how far detail repeats (0 to 1)."""

    zoom: int
    tiles: int
    grain: float
    repetition: float


@dataclass(frozen=True, slots=True)
class Rollouts:
    """The statistics of cascade rollouts, a row per zoom.

    land: land sites over the globe against any real imagery of the zoom's resolution; yardstick:
    imagery of held-out places against that of training places; local: tiles of the very places
    that real tiles show; low_texture: sea, ice and sand.
    """

    land: list[RolloutRow]
    yardstick: list[RolloutRow]
    local: list[RolloutRow]
    low_texture: list[LowTextureRow]


def measure_rollouts(chains: SiteChains, pyramid: Pyramid, count: int, real: int) -> Rollouts:
    """Take the chains of `count` of the sites, render places of imagery, and compare.

    real: windows of real imagery per zoom, half of them from training places: a rollout has no
    ground truth, so that nothing is gained by holding places out.
    """
    sites, seed = evenly_spread(count), chains.seed
    zooms = chains.cascade.sampler.zooms
    tiles = {zoom: chains.tiles(sites, zoom) for zoom in zooms}
    found = Rollouts([], [], _local(chains.cascade, pyramid, max(4, count // 4), seed), [])
    for band, zoom in enumerate(zooms):
        # Sea, ice and sand have statistics of their own.
        plain = [t for t, site in zip(tiles[zoom], sites, strict=True) if site.low_texture]
        if plain:
            stack = np.stack(plain)
            row = LowTextureRow(zoom, len(stack), grain(stack), repetition(stack))
            found.low_texture.append(row)
        # Land is compared with real land, and held-out land with that of training places.
        textured = [t for t, site in zip(tiles[zoom], sites, strict=True) if not site.low_texture]
        made = [tile for tile in textured if is_land(tile)]
        known = _real(pyramid, band, ("train",), real // 2, seed)
        held_out = _real(pyramid, band, ("val", "test"), real // 2, seed)
        if made and known + held_out:
            found.land.append(compare(zoom, made, known + held_out))
        if known and held_out:
            found.yardstick.append(compare(zoom, held_out, known))
    return found


def compare(zoom: int, made_tiles: list[Pixels], real_tiles: list[Pixels]) -> RolloutRow:
    """Compare generated tiles with real ones, uint8 [256, 256, 3] each."""
    made, truth = np.stack(made_tiles), np.stack(real_tiles)
    ours, theirs = spectra(made), spectra(truth)
    middle = np.median(ours, 0), np.median(theirs, 0)
    typical = decibels(*middle)
    return RolloutRow(
        zoom=zoom,
        tiles=len(made),
        real_tiles=len(truth),
        contrast=contrast(made),
        real_contrast=contrast(truth),
        slope=spectral_slope(ours),
        real_slope=spectral_slope(theirs),
        spectrum=absolute_error(typical),
        octaves=octave_errors(typical),
        mean_octaves=octave_errors(decibels(ours.mean(0), theirs.mean(0))),
        gradient=gradient_magnitude(made),
        real_gradient=gradient_magnitude(truth),
        kurtosis=gradient_kurtosis(made),
        real_kurtosis=gradient_kurtosis(truth),
        power=(middle[0].tolist(), middle[1].tolist()),
    )


def _real(
    pyramid: Pyramid, band: int, splits: tuple[str, ...], count: int, seed: int
) -> list[Pixels]:
    """Draw real windows of land of a band: an equal share of `count` from each split with any."""
    parts: list[Pixels] = []
    for split in splits:
        try:
            samples = Samples(pyramid, split, CORE, seed)
            if samples.choices[band][0]:
                parts.extend(draw_real_windows(samples, band, range(-(-count // len(splits)))))
        except TrainingError:
            # The split has no window of any band, or none of this one that is usable.
            continue
    return [tile for tile in parts if is_land(tile)]


def _local(cascade: Cascade, pyramid: Pyramid, count: int, seed: int) -> list[RolloutRow]:
    """Compare up to `count` real tiles of each zoom with generated ones of the same places."""
    rows = []
    for band, zoom in enumerate(cascade.sampler.zooms):
        found = local_tiles(pyramid, band, count, seed)
        if not found:
            continue
        made = [
            cascade.render(seed, tile.site.tile(zoom))
            for tile in track(found, f"zoom {zoom}: places of imagery")
        ]
        rows.append(compare(zoom, made, [tile.pixels for tile in found]))
    return rows


def rollouts_table(rollouts: Rollouts) -> str:
    """Tabulate rollouts against real imagery, at the imagery's own places, and over low texture."""
    headers = [
        "zoom", "tiles / real", "contrast", "real's", "ratio", "spectrum dB", "dB by octave",
        "of mean power", "spectral slope, dB", "real's", "gradient / real's", "kurtosis", "real's",
    ]  # fmt: skip
    parts = []
    for title, rows in (
        ("Land over the globe against real imagery of the zoom's resolution", rollouts.land),
        ("At the imagery's own places", rollouts.local),
        (
            "Yardstick: imagery of held-out places against that of training places",
            rollouts.yardstick,
        ),
    ):
        lines = [
            [
                str(r.zoom), f"{r.tiles} / {r.real_tiles}", f"{r.contrast:.0f}",
                f"{r.real_contrast:.0f}", f"{r.contrast / r.real_contrast:.2f}",
                f"{r.spectrum:.1f}", signed(r.octaves), signed(r.mean_octaves),
                signed(r.slope), signed(r.real_slope),
                f"{r.gradient / r.real_gradient:.2f}", f"{r.kurtosis:.1f}",
                f"{r.real_kurtosis:.1f}",
            ]
            for r in rows
        ]  # fmt: skip
        parts.append(f"{title}:\n\n{markdown(headers, lines)}")
    low_texture = [[str(r.zoom), str(r.tiles), f"{r.grain:.1f}", f"{r.repetition:+.2f}"]
            for r in rollouts.low_texture]  # fmt: skip
    names = ["zoom", "tiles", "grain, grey levels", "autocorrelation at 64 and 128 px"]
    parts.append(f"Sea, ice and sand:\n\n{markdown(names, low_texture)}")
    return "\n\n".join(parts)
