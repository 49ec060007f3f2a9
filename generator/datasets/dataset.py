"""The folder of a data set: its settings, pictures that appear whole, manifests, and going on.

`dataset.json` holds what decides the pixels; a folder made with other settings is refused.
`manifest.jsonl` has a line per picture or pair, `manifest.json` the list that
`python -m training prepare` reads, `sheet.webp` shows a few. All three are written anew whenever
work ends or is stopped.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from generator.atomicfile import atomic_replace
from generator.datasets.samplesheet import encoded, sheet
from generator.grid.errors import DatasetError, ImageError
from generator.grid.pixels import Pixels
from generator.rasters import notice as notices

SETTINGS = "dataset.json"
LINES = "manifest.jsonl"
LIST = "manifest.json"
SHEET = "sheet.webp"

FORMATS = ("png", "webp")
"""Both without loss."""

Row = dict[str, Any]


class DatasetFolder:
    """A folder that a data set is written to; the same settings go on, others are refused.

    settings: a JSON object of what decides pixels and names. notice: what each picture says of
    itself. Raises DatasetError.
    """

    def __init__(self, path: Path, settings: Row, notice: str, format: str = FORMATS[0]) -> None:
        if format not in FORMATS:
            raise DatasetError(f"format is {format!r}, expected one of {', '.join(FORMATS)}")
        self.path, self.format, self.notice = path, format, notice
        self.settings: Row = json.loads(json.dumps(settings | {"format": format}))

    @staticmethod
    def known(path: Path) -> Row | None:
        """Return the settings of a folder's data set, None for a new or empty folder.

        Raises DatasetError if it holds something else.
        """
        if path.exists() and not path.is_dir():
            raise DatasetError(f"{path} is a file, expected a folder to write")
        try:
            known = json.loads((path / SETTINGS).read_bytes())
        except FileNotFoundError:
            if path.is_dir() and any(path.iterdir()):
                raise DatasetError(
                    f"{path} holds something else, expected a new or empty folder"
                ) from None
            return None
        except (OSError, ValueError):
            raise DatasetError(f"{path / SETTINGS} cannot be read, expected a data set") from None
        return known if isinstance(known, dict) else {}

    def check(self) -> None:
        """Raise DatasetError if the folder holds something else, without touching it."""
        given = self.known(self.path)
        if given is None:
            return
        names = sorted(given.keys() | self.settings.keys())
        other = [name for name in names if given.get(name) != self.settings.get(name)]
        if other:
            raise DatasetError(
                f"{self.path} holds a data set whose {', '.join(other)} differ: expected the "
                "same, or another folder"
            )

    def open(self) -> None:
        """Create the folder, or find it with the same settings. Raises DatasetError."""
        self.check()
        self._write(self.path / SETTINGS, (json.dumps(self.settings, indent=1) + "\n").encode())

    def has(self, name: str, newer_than: Path | None = None) -> bool:
        """Say whether a picture is there, and not older than what it is made of."""
        try:
            made = (self.path / name).stat()
            return newer_than is None or made.st_mtime_ns >= newer_than.stat().st_mtime_ns
        except OSError:
            return False

    def save(self, name: str, pixels: Pixels) -> None:
        """Write uint8 [h, w, 3] without loss; the file appears whole. Raises DatasetError."""
        self._write(self.path / name, self.encoded(pixels))

    def read(self, name: str) -> Pixels:
        """Return a picture that is there, uint8 [h, w, 3]. Raises ImageError."""
        try:
            with Image.open(self.path / name) as image:
                return np.asarray(image.convert("RGB"))
        except (OSError, SyntaxError) as error:
            raise ImageError(f"image {self.path / name} is damaged ({error})") from error

    def encoded(self, pixels: Pixels) -> bytes:
        """Return uint8 [h, w, 3] as the bytes of a file, the same for the same pixels."""
        stream, image = io.BytesIO(), Image.fromarray(pixels)
        if self.format == "png":
            image.save(stream, "PNG", **notices.save_options("PNG", self.notice))
        else:
            image.save(stream, "WEBP", lossless=True, exif=notices.exif(self.notice))
        return stream.getvalue()

    def finish(
        self,
        rows: Sequence[Row],
        images: Sequence[Row],
        shown: Iterable[Sequence[Pixels]] = (),
    ) -> None:
        """Write both manifests and the sheet. Raises DatasetError.

        rows: one a line of manifest.jsonl; images: for training, with file, gsd_m, source and, if
        known, lat and lon; shown: strips of pictures uint8 [h, w, 3] that are shown side by side.
        """
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        self._write(self.path / LINES, lines.encode())
        listed = ",\n".join(json.dumps(image, ensure_ascii=False) for image in images)
        self._write(self.path / LIST, f"[\n{listed}\n]\n".encode())
        canvas = sheet(shown)
        if canvas is not None:
            self._write(self.path / SHEET, encoded(canvas, notices.exif(self.notice)))

    def _write(self, target: Path, content: bytes) -> None:
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with atomic_replace(target) as part:
                part.write_bytes(content)
        except OSError as error:
            raise DatasetError(f"{target} cannot be written ({error.strerror or error})") from error
