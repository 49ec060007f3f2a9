"""Draws a picture of a world in any reference system, block by block, into a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from generator.grid.errors import ImageError
from generator.grid.tile import Tile
from generator.rasters import Georeference
from generator.rasters.writing import check_target, create_picture
from tileserver.batch.progress import Report, silent
from tileserver.regions.gridblock import blocks_of
from tileserver.regions.pixelgrid import PixelGrid
from tileserver.rendering.batch import BatchRenderer


@dataclass(frozen=True)
class PictureJob:
    """A picture to be written. grid: its pixels. zoom: that it is drawn from. path: where to."""

    grid: PixelGrid
    zoom: int
    path: Path

    @property
    def place(self) -> Georeference:
        """Where the picture lies."""
        return Georeference(self.grid.crs.name, self.grid.transform)

    def check(self, bands: int = 3) -> None:
        """Raise ImageError, before any work, where the file cannot be written."""
        check_target(self.path, self.grid.width, self.grid.height, bands, self.place)

    def survey(self, report: Report = silent) -> tuple[set[Tile], bool]:
        """Return the tiles that the picture needs, and whether it has holes.

        Raises ImageError where the file cannot have them.
        """
        tiles: set[Tile] = set()
        holes = False
        total = self.grid.block_count
        for done, block in enumerate(blocks_of(self.grid, self.zoom), 1):
            tiles.update(block.tiles())
            holes = holes or block.has_holes
            report("Placing", done, total, done)
        if holes:
            self.check(4)
        return tiles, holes

    def write(
        self, maker: BatchRenderer, holes: bool, report: Report = silent, credit: str | None = None
    ) -> None:
        """Draw the picture and write it; an error or a stop leaves no file.

        credit: whom the picture says to name.

        Only one block's pixels are in memory with a TIFF, all of them with other formats. Raises
        ImageError, CacheError.
        """
        bands = 4 if holes else 3
        grid = self.grid
        report("Drawing", 0, grid.block_count, 0)
        with create_picture(
            self.path, grid.width, grid.height, self.place, credit=credit, bands=bands
        ) as sink:
            for done, block in enumerate(blocks_of(grid, self.zoom), 1):
                for tile in block.tiles():
                    maker.make(tile)
                sink.write(*block.place, block.picture(maker.pixels, bands))
                report("Drawing", done, grid.block_count, done)


def check_memory(tiles: set[Tile], most: int) -> None:
    """Raise ImageError for more tiles than may be held in memory, where there is no cache."""
    if len(tiles) > most:
        raise ImageError(
            f"the picture needs {len(tiles):,} tiles and --no-cache holds all of them in memory, "
            f"expected at most {most:,}: leave --no-cache out"
        )
