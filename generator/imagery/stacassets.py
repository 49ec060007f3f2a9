"""Choosing the true-colour pixels among the assets of a STAC item."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from pystac import Asset, Item

from generator.grid.errors import ImageryError
from generator.imagery.stacreader import absolute
from generator.rasters import TIFF_SUFFIXES

RGB = ("red", "green", "blue")
_TRUE_COLOUR = re.compile(r"true.?colou?r|\btci\b|\bvisual\b|\brgb\b", re.IGNORECASE)
_SMALL = {"overview", "thumbnail"}

Choice = tuple[tuple[str, ...], tuple[int, ...]]
"""Addresses and bands, as raster.Files and raster.Reading have them."""


def choose(item: Item) -> Choice:
    """Return where the red, green and blue of an item are.

    In this order: a file made to be looked at, a file whose bands name the three colours, three
    files of one colour each, a file that does not say what its bands are, an overview. Thumbnails
    never. Raises ImageryError when there is none of these as GeoTIFF.
    """
    here = item.get_self_href() or ""
    tiffs = {key: asset for key, asset in item.assets.items() if _is_tiff(asset)}
    large = {key: asset for key, asset in tiffs.items() if not _SMALL & _roles(asset)}
    overviews = {key: asset for key, asset in tiffs.items() if "overview" in _roles(asset)}
    choices = (*_whole(large, here), *_joined(large, here), *_unnamed(large, here))
    for choice in (*choices, *_whole(overviews, here), *_unnamed(overviews, here)):
        return choice
    raise ImageryError(
        f"{item.id} has no true-colour GeoTIFF among its assets "
        f"({', '.join(item.assets) or 'none'}), expected a visual one, or red, green and blue"
    )


def _whole(assets: dict[str, Asset], here: str) -> Iterator[Choice]:
    """Yield the files that hold all three colours, those made to be looked at first."""
    bands = {key: _positions(asset) for key, asset in assets.items()}
    for key, asset in assets.items():
        looks = "visual" in _roles(asset) or _TRUE_COLOUR.search(f"{key} {asset.title or ''}")
        if looks and (bands[key] or not _colours(asset) or len(_colours(asset)) == 3):
            yield (absolute(asset.href, here),), bands[key]
    for key, asset in assets.items():
        if bands[key]:
            yield (absolute(asset.href, here),), bands[key]


def _joined(assets: dict[str, Asset], here: str) -> Iterator[Choice]:
    """Yield the three files of one colour each."""
    single = {colours[0]: a for a in assets.values() if len(colours := _colours(a)) == 1}
    by_key = {key.lower(): asset for key, asset in assets.items() if len(_colours(asset)) < 2}
    for found in (single, by_key):
        if all(colour in found for colour in RGB):
            yield tuple(absolute(found[colour].href, here) for colour in RGB), (1, 1, 1)


def _unnamed(assets: dict[str, Asset], here: str) -> Iterator[Choice]:
    """Yield data files that do not say what their bands are."""
    for asset in assets.values():
        if not _colours(asset) and (not _roles(asset) or _roles(asset) & {"data", "overview"}):
            yield (absolute(asset.href, here),), ()


def _positions(asset: Asset) -> tuple[int, ...]:
    """Return the numbers of red, green and blue in a file, from 1; empty where it lacks one."""
    names = _colours(asset)
    return tuple(names.index(c) + 1 for c in RGB) if all(c in names for c in RGB) else ()


def _colours(asset: Asset) -> list[str]:
    """Return the common names of a file's bands, empty where it says nothing of bands."""
    bands = asset.extra_fields.get("bands") or asset.extra_fields.get("eo:bands") or []
    if not isinstance(bands, list):
        return []
    keys = ("eo:common_name", "common_name", "name")
    named = [band if isinstance(band, dict) else {} for band in bands]
    return [next((str(band[k]).lower() for k in keys if band.get(k)), "") for band in named]


def _roles(asset: Asset) -> set[str]:
    return {role.lower() for role in asset.roles or () if isinstance(role, str)}


def _is_tiff(asset: Asset) -> bool:
    kind = (asset.media_type or "").lower()
    suffix = PurePosixPath(urlsplit(asset.href).path).suffix.lower()
    return kind.startswith("image/tiff") or (not kind and suffix in TIFF_SUFFIXES)
