"""Sidecars: `name.json` beside an image, which says what the image does not."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from generator.grid.errors import ImageryError
from generator.imagery.place import Locator, Scale
from generator.imagery.sources import Terms, check_gsd, check_split, read_terms


@dataclass(frozen=True, slots=True)
class Sidecar:
    """What a sidecar says; it has the fields of a manifest's row, all optional.

    gsd: metres per pixel. lat, lon: centre of the image in degrees.
    """

    gsd: float | None = None
    lat: float | None = None
    lon: float | None = None
    source: str | None = None
    split: str | None = None
    terms: Terms = field(default_factory=Terms)

    def place(self, width: int, height: int) -> Locator | None:
        """Return the place of an image of that many pixels, None where no resolution is given."""
        if self.gsd is None:
            return None
        return Scale(self.gsd, self.lat, self.lon, width / 2, height / 2)


def read_sidecar(path: Path, name: str) -> Sidecar:
    """Read the sidecar of an image that messages call `name`, if there is one.

    `image.json` and `image.png.json` both belong to `image.png`. Raises ImageryError.
    """
    file = next((f for f in (path.with_suffix(".json"), Path(f"{path}.json")) if f.is_file()), None)
    if file is None:
        return Sidecar()
    try:
        row = json.loads(file.read_text())
        gsd, lat, lon = (
            None if row.get(key) is None else float(row[key]) for key in ("gsd_m", "lat", "lon")
        )
        source, split = (
            None if row.get(key) is None else str(row[key]) for key in ("source", "split")
        )
        terms = read_terms(row)
    except (ValueError, TypeError, AttributeError) as error:
        raise ImageryError(
            f"{file.name} beside {name} is not usable, expected an object with gsd_m and, "
            "where known, lat, lon, source, split, licence and credit"
        ) from error
    if gsd is not None:
        check_gsd(name, gsd)
    if split is not None:
        check_split(name, split)
    return Sidecar(gsd, lat, lon, source, split, terms)
