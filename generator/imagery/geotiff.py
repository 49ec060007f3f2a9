"""GeoTIFF as scenes: opened, checked, stretched to 8 bits, read window by window (rasterio).

A file may lie on a web server: GDAL then fetches the parts that a window needs, and of a Cloud
Optimized GeoTIFF the coarse levels where those suffice.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.errors import ImageryError
from generator.imagery.pieces import Scene, Window
from generator.imagery.place import Locator, Projected
from generator.imagery.sidecar import read_sidecar
from generator.imagery.sources import Decoded
from generator.raster import Georeference, find_rasterio

SUFFIXES = (".tif", ".tiff")
PERCENTILES = (2.0, 98.0)
"""Of a band's valid samples: what becomes 0 and 255 where samples have 16 bits."""
SLOWEST = 1000
"""Bytes per second; a server that sends less for as long as one waits has not answered."""
_OVERVIEW = 1024
_KINDS = ("uint8", "uint16", "int16")

Stretch = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Colours:
    """Where the red, green and blue of an image are.

    name: what messages call it. addresses: one file, or one for each colour; paths or http URLs.
    bands: numbers of the three bands, from 1; empty for the first three of a file with no more
    than alpha or near infrared beside them. patience: seconds that a server may take.
    """

    name: str
    addresses: tuple[str, ...]
    bands: tuple[int, ...] = ()
    patience: float = 20.0

    @property
    def remote(self) -> bool:
        """Whether any of it lies on a web server."""
        return any(is_url(address) for address in self.addresses)


def is_url(address: str) -> bool:
    """Whether an address is that of a web server."""
    return address.lower().startswith(("http://", "https://"))


@dataclass(frozen=True, slots=True)
class Header:
    """Size in pixels, place where the file says it, and what 16-bit samples are scaled from."""

    width: int
    height: int
    place: Locator | None
    stretch: Stretch | None

    def note(self, name: str) -> str | None:
        """Return a remark on how the samples are scaled, None where they are not."""
        if self.stretch is None:
            return None
        ranges = ", ".join(f"{low:.0f} to {high:.0f}" for low, high in self.stretch)
        return f"{name}: 16-bit bands scaled from {ranges} (2nd to 98th percentiles) to 8 bits"


def open_scene(
    path: Path, name: str, source: str, fallback: Locator | None
) -> tuple[Scene | None, str | None]:
    """Return the scene of a GeoTIFF and a remark on how its samples are scaled, or None for either.

    Its place is what the file says, else its sidecar, else `fallback`; without one such a file
    gives no scene. Raises ImageryError, also where rasterio is not installed.
    """
    given = read_sidecar(path, name)
    colours = Colours(name, (str(path),))
    header = inspect(colours)
    place = header.place or given.place(header.width, header.height) or fallback
    if place is None:
        return None, None
    scene = Scene(
        name=name,
        files=(path,),
        width=header.width,
        height=header.height,
        place=place,
        source=given.source or source,
        read=partial(read, colours, header.stretch),
        split=given.split,
        terms=given.terms,
    )
    return scene, header.note(name)


def inspect(colours: Colours) -> Header:
    """Read what a scene is made from; of pixels only a coarse level, where they have 16 bits.

    Raises ImageryError, also where rasterio is not installed.
    """
    with _opened(colours) as images:
        first = images[0]
        if len({(image.width, image.height, image.transform) for image in images}) > 1:
            raise ImageryError(
                f"the colours of {colours.name} differ in size or place, expected one grid"
            )
        kinds = {image.dtypes[band - 1] for image, band in _bands(images, colours)}
        if len(kinds) != 1 or not kinds <= set(_KINDS):
            raise ImageryError(
                f"{colours.name} holds {', '.join(sorted(kinds))} samples, expected 8 or 16 bit "
                "integers"
            )
        place: Locator | None = None
        if first.crs or not first.transform.is_identity:
            crs = first.crs.to_wkt() if first.crs else None
            a, b, c, d, e, f = tuple(first.transform)[:6]
            place = Projected(colours.name, Georeference(crs, (a, b, c, d, e, f)))
        stretch = None if kinds == {"uint8"} else _stretch(images, colours)
        return Header(first.width, first.height, place, stretch)


def read(colours: Colours, stretch: Stretch | None, window: Window) -> Decoded:
    """Read a window of an image at the window's size; raises ImageryError."""
    from rasterio.enums import Resampling

    box = ((window.y, window.y + window.height), (window.x, window.x + window.width))
    same = window.size == (window.height, window.width)
    how = Resampling.nearest if same else Resampling.average
    with _opened(colours) as images:
        bands, mask = _pixels(images, colours, window=box, size=window.size, resampling=how)
    pixels: NDArray[np.uint8] = np.ascontiguousarray(np.moveaxis(_to_8_bits(bands, stretch), 0, -1))
    return Decoded(pixels, np.where(mask == 255, 255, 0).astype(np.uint8))


def _bands(images: list[Any], colours: Colours) -> list[tuple[Any, int]]:
    """Return the file of red, green and blue, and the number of the band in it."""
    if not colours.bands and len(images) == 1:
        count = images[0].count
        if count not in (3, 4):
            raise ImageryError(
                f"{colours.name} has {count} band{'s' if count != 1 else ''}, expected "
                "3 (red, green, blue) or 4 (with alpha or near infrared)"
            )
    three = images * 3 if len(images) == 1 else images
    numbers = colours.bands or ((1, 2, 3) if len(images) == 1 else (1, 1, 1))
    if any(number > image.count for image, number in zip(three, numbers, strict=True)):
        raise ImageryError(f"{colours.name} has fewer bands than its catalogue says")
    return list(zip(three, numbers, strict=True))


def _pixels(
    images: list[Any], colours: Colours, *, size: tuple[int, int], **how: Any
) -> tuple[NDArray[Any], NDArray[np.uint8]]:
    """Return samples [3, H, W] of a size (height, width), and the mask [H, W], 255 = valid."""
    numbers = [number for _, number in _bands(images, colours)]
    try:
        if len(images) == 1:
            bands = images[0].read(numbers, out_shape=(3, *size), **how)
        else:
            each = zip(images, numbers, strict=True)
            bands = np.stack([image.read(n, out_shape=size, **how) for image, n in each])
        masks = [image.dataset_mask(out_shape=size, **how) for image in images]
    except Exception as error:  # rasterio's own errors; it may not be imported here
        said = _said(error, colours)
        what = "cannot be fetched" if colours.remote else "is damaged or cut short"
        raise ImageryError(f"{colours.name} {what} ({said})") from error
    return bands, np.minimum.reduce(masks)


def _stretch(images: list[Any], colours: Colours) -> Stretch:
    """Return the percentiles of each band, of the whole image at a coarse scale."""
    width, height = images[0].width, images[0].height
    shrink = max(1.0, max(width, height) / _OVERVIEW)
    rows, columns = (max(1, round(side / shrink)) for side in (height, width))
    bands, mask = _pixels(images, colours, size=(rows, columns))
    if not mask.any():
        raise ImageryError(f"{colours.name} has no valid pixel")
    ends = [np.percentile(band[mask > 0], PERCENTILES) for band in bands]
    return tuple((float(low), float(max(high, low + 1))) for low, high in ends)


def _to_8_bits(bands: NDArray[Any], stretch: Stretch | None) -> NDArray[np.uint8]:
    if stretch is None:
        return bands.astype(np.uint8, copy=False)
    low, high = np.array(stretch, np.float32).T[:, :, None, None]
    scaled = (bands.astype(np.float32) - low) * (255 / (high - low))
    pixels: NDArray[np.uint8] = np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
    return pixels


@contextmanager
def _opened(colours: Colours) -> Iterator[list[Any]]:
    rasterio = find_rasterio()
    if rasterio is None:
        raise ImageryError(
            f"{colours.name} is a TIFF, which needs rasterio: install elsewhere[geo]"
        )
    with ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        if colours.remote:
            stack.enter_context(rasterio.Env(**_patient(colours.patience)))
        try:
            images = [
                stack.enter_context(
                    rasterio.open(f"/vsicurl/{a}" if is_url(a) else a, driver="GTiff")
                )
                for a in colours.addresses
            ]
        except rasterio.errors.RasterioError as error:
            said = _said(error, colours)
            raise ImageryError(f"{colours.name} cannot be read as TIFF ({said})") from error
        yield images


def _patient(seconds: float) -> dict[str, Any]:
    """Return GDAL's settings for files on servers: limits on silence, and no listing of folders."""
    return {
        "GDAL_HTTP_CONNECTTIMEOUT": max(1, round(seconds)),
        "GDAL_HTTP_LOW_SPEED_TIME": max(1, round(seconds)),
        "GDAL_HTTP_LOW_SPEED_LIMIT": SLOWEST,
        "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    }


def _said(error: Exception, colours: Colours) -> str:
    """Return an error's words without addresses, which may hold a key."""
    words = str(error)
    for address in colours.addresses:
        words = words.replace(f"/vsicurl/{address}", colours.name).replace(address, colours.name)
    return words
