"""Chains of a world at sites: the blocks of all stages and the layouts they show, drawn once.

Measures share them; in a folder they are kept, so that a stopped measurement goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from generator.atomicfile import atomic_replace
from generator.cascade.cascade import Cascade
from generator.grid.pixels import Pixels
from generator.grid.rectangle import Rectangle
from generator.grid.tile import SCALE, TILE_SIZE, Tile
from training.errors import TrainingError
from training.measure.sites import Site
from training.progress import track

AROUND = 1024
"""Child pixels along the square round a block whose layouts are known."""

Layouts = NDArray[np.int32]
"""[3, h, w], as `generator.memory.field.Memory.layouts` returns them."""

_BLOCK = 2 * TILE_SIZE


class SiteChains:
    """Chains of one world; each is drawn when it is first asked for.

    folder: where they are kept, in a folder named by the world's fingerprint; None: in memory.
    Raises TrainingError where nothing can be written there.
    """

    def __init__(self, cascade: Cascade, seed: int, folder: Path | None = None) -> None:
        self.cascade, self.seed = cascade, seed
        self._folder = None if folder is None else folder / cascade.fingerprint(seed).hex()
        if self._folder is not None:
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise TrainingError(f"cannot write to {folder}: {error}") from error
        memory = cascade.memory
        self._zooms = cascade.sampler.zooms
        self._chosen = [z for z in self._zooms if memory is not None and memory.reach(z)]
        self._blocks: dict[tuple[Site, int], Pixels] = {}
        self._layouts: dict[tuple[Site, int], Layouts] = {}

    def blocks(self, sites: Sequence[Site], zoom: int) -> list[Pixels]:
        """Return the blocks that hold the sites: uint8 [512, 512, 3] each."""
        for site in track(sites, "chains"):
            self._known(site, zoom)
        return [self._blocks[site, zoom] for site in sites]

    def tiles(self, sites: Sequence[Site], zoom: int) -> list[Pixels]:
        """Return the tiles that hold the sites: uint8 [256, 256, 3] each."""
        found = []
        for site, block in zip(sites, self.blocks(sites, zoom), strict=True):
            tile = site.tile(zoom)
            top, left = TILE_SIZE * (tile.y % 2), TILE_SIZE * (tile.x % 2)
            found.append(block[top : top + TILE_SIZE, left : left + TILE_SIZE])
        return found

    def layouts(self, sites: Sequence[Site], zoom: int) -> list[Layouts]:
        """Return the layouts of AROUND x AROUND child pixels round the blocks that hold the sites.

        One place of a scene for each parent pixel, [3, 256, 256]. Raises TrainingError for a world
        whose memory does not serve the zoom.
        """
        if zoom not in self._chosen:
            raise TrainingError(
                f"the weights hold no layouts of zoom {zoom}, expected a bank that serves it"
            )
        self.blocks(sites, zoom)
        return [self._layouts[site, zoom] for site in sites]

    def _known(self, site: Site, zoom: int) -> None:
        """Draw a site's chain, unless the zoom's part of it is known or kept."""
        if (site, zoom) in self._blocks or self._read(site):
            return
        # All stages in one go, and the layouts round them: they share parents.
        store: dict[Tile, Pixels] = {}
        for stage in self._zooms:
            self.cascade.render(self.seed, site.tile(stage), store)
            nw, ne, sw, se = (store[tile] for tile in _top(site, stage).children())
            pixels = np.vstack([np.hstack([nw, ne]), np.hstack([sw, se])])
            self._blocks[site, stage] = pixels
            self._write(site, f"{stage}.png", _png(pixels))
        for stage in self._chosen:
            found = self.cascade.layouts(self.seed, stage, _around(site, stage), store)
            self._layouts[site, stage] = found.astype(np.int32)
            self._write(site, f"{stage}.npz", _npz(self._layouts[site, stage]))

    def _read(self, site: Site) -> bool:
        """Read a kept chain; says whether it was whole."""
        if self._folder is None:
            return False
        kept = self._folder / _name(site)
        try:
            for zoom in self._zooms:
                with Pillow.open(kept / f"{zoom}.png") as opened:
                    self._blocks[site, zoom] = np.asarray(opened.convert("RGB"))
            for zoom in self._chosen:
                with np.load(kept / f"{zoom}.npz") as held:
                    self._layouts[site, zoom] = held["layouts"]
        except (OSError, ValueError, KeyError, BadZipFile):
            # Not there, or damaged: it is drawn.
            return False
        return True

    def _write(self, site: Site, name: str, save: Callable[[Path], None]) -> None:
        """Keep a file of a site where there is a folder; raises TrainingError where it cannot."""
        if self._folder is None:
            return
        path = self._folder / _name(site) / name
        try:
            path.parent.mkdir(exist_ok=True)
            with atomic_replace(path) as part:
                save(part)
        except OSError as error:
            raise TrainingError(f"cannot write {path}: {error}") from error


def _name(site: Site) -> str:
    return f"{site.lat}_{site.lon}"


def _top(site: Site, zoom: int) -> Tile:
    """Return the tile above the four of the block that holds a site."""
    return site.tile(zoom).parent()


def _around(site: Site, zoom: int) -> Rectangle:
    """Return the parent pixels of AROUND x AROUND child pixels round a site's block."""
    first, side = _top(site, zoom).children()[0], AROUND // SCALE
    edge = (AROUND - _BLOCK) // 2
    return Rectangle(
        (TILE_SIZE * first.x - edge) // SCALE, (TILE_SIZE * first.y - edge) // SCALE, side, side
    )


def _png(pixels: Pixels) -> Callable[[Path], None]:
    return lambda path: Pillow.fromarray(pixels).save(path, "PNG", compress_level=1)


def _npz(layouts: Layouts) -> Callable[[Path], None]:
    def save(path: Path) -> None:
        with path.open("wb") as file:
            np.savez_compressed(file, layouts=layouts)

    return save
