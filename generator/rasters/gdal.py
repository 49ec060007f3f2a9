"""Pictures that GDAL reads, window by window, through rasterio; also on web servers."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.grid.errors import ImageError
from generator.grid.pixels import Pixels
from generator.rasters.content import Content, content_of, tiff_tag
from generator.rasters.files import Files, is_url
from generator.rasters.georeference import Georeference, place_of, projection
from generator.rasters.orientation import TAG, Turn
from generator.rasters.samples import (
    KINDS,
    Range,
    Reading,
    choose_bands,
    looked_up,
    percentiles,
    remark,
    table,
)

_OVERVIEW = 1024
_STRIP = 512


class GdalPicture:
    """A picture of one dataset of rasterio, or of one for each colour.

    See `generator.rasters.OpenedPicture`.
    """

    beside = False

    def __init__(self, files: Files, images: list[Any], reading: Reading) -> None:
        self._files, self._images = files, images
        first, notes = images[0], []
        if len({(image.width, image.height, image.transform) for image in images}) > 1:
            raise ImageError(
                f"the colours of {files.name} differ in size or place, expected one grid"
            )
        self._numbers, note = self._choose(reading)
        notes += [note] if note else []
        self._kind = self._sample_kind()
        self._turn = _turn(files, first)
        self.width, self.height = self._turn.size
        self._may_be_masked = any(
            [flag.name for flag in flags] != ["all_valid"]
            for image in images
            for flags in image.mask_flag_enums
        )
        self._palette = first.count == 1 and first.colorinterp[0].name == "palette"
        self.bands = first.count
        self.grey = len(self._numbers) == 1 and not self._palette
        self.place = self._placed()
        self.stretch: Range | None = None
        self._table = self._colour_table(reading)
        notes += [remark(files.name, self.stretch)] if self.stretch else []
        if self.place is None and first.rpcs is not None:
            notes.append(f"{files.name} is placed by a camera model (RPC), which is not kept")
        self.notes = tuple(notes)

    @property
    def masked(self) -> bool:
        """Whether some pixel is not valid; may read the whole mask."""
        return self._may_be_masked and any(
            self._masks(((row, min(row + _STRIP, self._images[0].height)), None)).min() < 255
            for row in range(0, self._images[0].height, _STRIP)
        )

    def held(self) -> bool:
        """Return False: every window is read from the file."""
        return False

    def read(
        self, x0: int, y0: int, width: int, height: int, size: tuple[int, int] | None = None
    ) -> Pixels:
        """Return a rectangle, uint8 [height, width, 3], averaged to `size`. Raises ImageError."""
        window, how = self._where((x0, y0, width, height), size)
        # Averages are of colours, not of the numbers that stand for them.
        how = how if not self._palette else {"out_shape": how["out_shape"]}
        samples = np.moveaxis(self._samples(window, **how), 0, -1)
        samples = samples[..., 0] if len(self._numbers) == 1 else samples
        pixels = samples if self._table is None else looked_up(samples, self._table)
        if pixels.ndim == 2:
            pixels = np.broadcast_to(pixels[..., None], (*pixels.shape, 3))
        return np.ascontiguousarray(self._turn.upright(pixels))

    def mask(
        self, x0: int, y0: int, width: int, height: int, size: tuple[int, int] | None = None
    ) -> Pixels | None:
        """Return how valid a rectangle is, 255 = wholly, None where all of the picture is."""
        if not self._may_be_masked:
            return None
        window, how = self._where((x0, y0, width, height), size)
        return np.ascontiguousarray(self._turn.upright(self._masks(window, **how)))

    def _choose(self, reading: Reading) -> tuple[tuple[int, ...], str | None]:
        """Return the numbers of the bands that are shown, each of its file, and a remark."""
        first = self._images[0]
        if len(self._images) == 1:
            if first.count == 0:
                raise ImageError(f"{self._files.name} holds no picture of its own, expected bands")
            meanings = [meaning.name for meaning in first.colorinterp]
            return choose_bands(self._files.name, meanings, first.descriptions, reading.bands)
        numbers = reading.bands or (1, 1, 1)
        if any(n > image.count for image, n in zip(self._images, numbers, strict=True)):
            raise ImageError(f"{self._files.name} has fewer bands than its catalogue says")
        return numbers, None

    def _sample_kind(self) -> str:
        images = self._images if len(self._images) > 1 else self._images * len(self._numbers)
        kinds = {
            image.dtypes[number - 1] for image, number in zip(images, self._numbers, strict=True)
        }
        if len(kinds) != 1 or not kinds <= set(KINDS):
            raise ImageError(
                f"{self._files.name} holds {', '.join(sorted(kinds))} samples, expected 8 or 16 "
                "bit integers"
            )
        return str(kinds.pop())

    def _placed(self) -> Georeference | None:
        place = place_of(self._images[0])
        if place is not None and place.crs is None and not self._files.remote:
            named = projection(Path(self._files.addresses[0]), self._files.name)
            place = Georeference(named, place.transform, place.points)
        return None if place is None else self._turn.place(place)

    def _colour_table(self, reading: Reading) -> Pixels | None:
        """Return what samples become, None where they are colours already."""
        first, number = self._images[0], self._numbers[0]
        if self._palette:
            colours = np.zeros((65536, 3), np.uint8)
            for index, colour in first.colormap(1).items():
                colours[index] = colour[:3]
            return colours
        size = 8 * np.dtype(self._kind).itemsize
        bits = int(first.tags(number, ns="IMAGE_STRUCTURE").get("NBITS", size))
        ends = reading.stretch if isinstance(reading.stretch, tuple) else None
        if reading.stretch == "auto" and self._kind != "uint8":
            self.stretch = ends = self._percentiles()
        white_is_0 = self.grey and first.tags(ns="IMAGE_STRUCTURE").get("MINISWHITE") == "YES"
        if ends is None and self._kind == "uint8" and bits == 8 and not white_is_0:
            return None
        return table(self._kind, bits, ends, white_is_0)

    def _percentiles(self) -> Range:
        """Return the range of all colours' valid samples, of the whole picture seen coarsely."""
        width, height = self._images[0].width, self._images[0].height
        shrink = max(1.0, max(width, height) / _OVERVIEW)
        size = (max(1, round(height / shrink)), max(1, round(width / shrink)))
        samples, valid = self._samples(None, out_shape=size), self._masks(None, out_shape=size) > 0
        if not valid.any():
            raise ImageError(f"{self._files.name} has no valid pixel")
        return percentiles(samples[:, valid])

    def _where(
        self, box: tuple[int, int, int, int], size: tuple[int, int] | None
    ) -> tuple[Any, dict[str, Any]]:
        """Return a rectangle of the upright picture as stored, and how it is read at a size."""
        from rasterio.enums import Resampling

        x, y, width, height = self._turn.stored(box)
        if size is None or size == (box[3], box[2]):
            return ((y, y + height), (x, x + width)), {"out_shape": (height, width)}
        stored = size[::-1] if self._turn.transposed else size
        how = {"out_shape": stored, "resampling": Resampling.average}
        return ((y, y + height), (x, x + width)), how

    def _samples(self, window: Any, *, out_shape: tuple[int, int], **how: Any) -> NDArray[Any]:
        """Return samples as they are stored, [bands, h, w]. Raises ImageError."""
        try:
            if len(self._images) > 1:
                each = zip(self._images, self._numbers, strict=True)
                read = [i.read(n, window=window, out_shape=out_shape, **how) for i, n in each]
                return np.stack(read)
            shape = (len(self._numbers), *out_shape)
            numbers = list(self._numbers)
            samples: NDArray[Any] = self._images[0].read(
                numbers, window=window, out_shape=shape, **how
            )
        except Exception as error:  # rasterio's own errors; it may not be imported here
            raise self._broken(error) from error
        return samples

    def _masks(self, window: Any, **how: Any) -> Pixels:
        """Return where all files are valid as they are stored, [h, w]. Raises ImageError."""
        if window is not None and window[1] is None:
            window = (window[0], (0, self._images[0].width))
        try:
            masks = [image.dataset_mask(window=window, **how) for image in self._images]
        except Exception as error:
            raise self._broken(error) from error
        valid: Pixels = np.minimum.reduce(masks)
        return valid

    def _broken(self, error: Exception) -> ImageError:
        what = "cannot be fetched" if self._files.remote else "is damaged or cut short"
        wanted = "" if self._files.remote else ", expected a whole picture"
        return ImageError(f"{self._files.name} {what} ({self._files.said(error)}){wanted}")


@contextmanager
def opened_by_gdal(rasterio: Any, files: Files, reading: Reading) -> Iterator[GdalPicture]:
    """Open a picture with rasterio. Raises ImageError with one sentence."""
    with ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        if files.remote:
            stack.enter_context(rasterio.Env(**files.settings()))
        try:
            images = [
                stack.enter_context(rasterio.open(f"/vsicurl/{a}" if is_url(a) else a))
                for a in files.addresses
            ]
        except rasterio.errors.RasterioError as error:
            said = files.said(error)
            if "not recognized" in said:
                raise ImageError(
                    f"{files.name} is no picture of a known kind, expected PNG, JPEG, WebP, TIFF "
                    "or what else GDAL reads"
                ) from error
            raise ImageError(f"{files.name} cannot be read as a picture ({said})") from error
        yield GdalPicture(files, images, reading)


def _turn(files: Files, image: Any) -> Turn:
    """Return how a dataset is turned to be upright."""
    address = files.addresses[0]
    local = len(files.addresses) == 1 and not is_url(address)
    # GDAL does not tell a TIFF's orientation, and reads its samples as they are stored.
    tiff = local and image.driver == "GTiff" and content_of(Path(address)) is Content.TIFF
    orientation = tiff_tag(Path(address), 0, TAG, 1) if tiff else 1
    return Turn.of(orientation, image.width, image.height)
