"""Imagery of STAC catalogues, in files or on servers: what is usable, its place, terms and pixels.

Headers are read when it is found; pixels are fetched piece by piece, at the resolution wanted.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from pystac import Item, STACError
from rich.progress import track

from generator.grid.errors import ImageryError
from generator.imagery import image
from generator.imagery.options import Options
from generator.imagery.pieces import SIDE, LargeImage, cut
from generator.imagery.place import METRES_PER_DEGREE
from generator.imagery.sources import Imagery, Source, Terms
from generator.imagery.stacassets import choose
from generator.imagery.staccatalogue import LOOKED_AT, Catalogue, CatalogueEntry
from generator.imagery.stacreader import Reader, absolute, local, shown
from generator.rasters import Files, Reading, is_url

CLOUDS = "eo:cloud_cover"
_HOSTS = {"host"}
_NO_NAME = ("other", "proprietary", "various")
"""Values of `license` that name none: a link has its text."""


def items(address: str | Path, options: Options) -> Imagery:
    """Find the usable items of a catalogue, collection, item, feature collection or API.

    address: path or http URL. Items are cut into pieces of at most pieces.SIDE pixels; of a box
    only the pieces near it are kept. What is not usable is named in `failed` with its reason.
    Raises ImageryError when the address does not answer in time, holds no STAC, or no usable item.
    """
    reader = Reader(options.patience)
    catalogue = Catalogue(str(address), options, reader)
    found = Imagery(failed=catalogue.failed)
    terms = _Collections(reader)
    name = shown(str(address))
    taken = seen = 0
    try:
        for entry in track(catalogue.entries(), description="reading the catalogue"):
            seen += 1
            taken += _add(found, entry, options, terms)
            if taken == options.items or seen == LOOKED_AT * options.items:
                found.notes.append(f"{name}: {taken} of {seen} items taken, others left")
                break
    except ImageryError as error:  # the catalogue ends here
        if not seen:
            raise
        found.failed.append(str(error))
    if not found.sources:
        reasons = "; ".join(found.failed[:3]) or "it lists none for what is wanted"
        raise ImageryError(f"{name} has no usable item among {seen}: {reasons}")
    return found


@dataclass(slots=True)
class _Collections:
    """The collections of items that were not found in one, each read once."""

    reader: Reader
    known: dict[str, dict[str, Any]] = field(default_factory=dict)

    def of(self, item: Item, entry: CatalogueEntry) -> dict[str, Any]:
        if entry.collection is not None:
            return entry.collection
        link = item.get_single_link("collection")
        if link is None:
            return {}
        try:
            target = absolute(link.get_href(transform_href=False) or "", entry.address)
            if target not in self.known:
                self.known[target] = {}
                self.known[target] = self.reader.document(target)
            return self.known[target]
        except ImageryError:
            return {}


def _add(
    found: Imagery, entry: CatalogueEntry, options: Options, collections: _Collections
) -> bool:
    """Add an item to what was found, or the reason against it; returns whether it was taken."""
    try:
        pieces, notes = _open(entry, options, collections)
    except ImageryError as error:
        found.failed.append(str(error))
        return False
    found.sources += pieces
    found.notes += notes
    return bool(pieces)


def _open(
    entry: CatalogueEntry, options: Options, collections: _Collections
) -> tuple[list[Source], tuple[str, ...]]:
    """Return the pieces of an item and remarks on its samples; raises ImageryError."""
    item = _item(entry)
    clouds = item.properties.get(CLOUDS)
    if isinstance(clouds, int | float) and clouds > options.clouds:
        raise ImageryError(
            f"{item.id} has {clouds:.0f} percent of clouds, expected at most {options.clouds:g}"
        )
    if options.box is not None and not _meets(item.bbox, options.box):
        return [], ()
    addresses, bands = choose(item)
    paths = tuple(a if is_url(a) else str(local(a)) for a in addresses)
    name = f"{item.collection_id}/{item.id}" if item.collection_id else item.id
    files = Files(name, paths, options.patience)
    header = image.inspect(files, Reading(bands, options.reading.stretch))
    if header.place is None:
        raise ImageryError(f"{item.id} does not say where its pixels lie, expected a GeoTIFF")
    collection = collections.of(item, entry)
    scene = LargeImage(
        name=name,
        files=() if files.remote else tuple(map(Path, paths)),
        width=header.width,
        height=header.height,
        place=header.place,
        source=options.source or item.collection_id or str(collection.get("id") or item.id),
        read=partial(image.read, files, header.reading),
        terms=_terms(item, collection, [entry.document, collection]),
        reading=image.said(Reading(stretch=header.reading.stretch)),
    )
    pieces = list(cut(scene, options.splitter, options.finest))
    box = options.box
    kept = pieces if box is None else [piece for piece in pieces if _near(piece, box)]
    return kept, header.notes


def _item(entry: CatalogueEntry) -> Item:
    """Return an item read leniently; raises ImageryError."""
    name = entry.document.get("id") or shown(entry.address)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of deprecated items and extensions
            return Item.from_dict(entry.document, href=entry.address)
    except (STACError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise ImageryError(f"{name} is no STAC item that can be read ({error})") from error


def _terms(item: Item, collection: dict[str, Any], documents: list[dict[str, Any]]) -> Terms:
    """Return licence and credits as the item states them, else its collection."""
    licence = item.properties.get("license") or collection.get("license")
    if licence is None or licence in _NO_NAME:
        links = [link for document in documents for link in _dicts(document.get("links"))]
        texts = [link["href"] for link in links if link.get("rel") == "license" and "href" in link]
        licence = next(iter(texts), licence)
    providers = item.properties.get("providers") or collection.get("providers")
    named = [provider for provider in _dicts(providers) if provider.get("name")]
    credited = [provider for provider in named if set(provider.get("roles") or ()) != _HOSTS]
    names = [str(provider["name"]) for provider in credited or named]
    return Terms(
        licence=None if licence is None else str(licence),
        credit=", ".join(dict.fromkeys(names)) or None,
    )


def _dicts(found: Any) -> list[dict[str, Any]]:
    """Return the objects of what should be a list of them."""
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _meets(bounds: list[float] | None, box: tuple[float, float, float, float]) -> bool:
    """Whether an item's bounds (of two or three axes), where it has any, meet a box."""
    if bounds is None or len(bounds) not in (4, 6):
        return True
    if not all(isinstance(bound, int | float) for bound in bounds):
        return True
    half = len(bounds) // 2
    return bool(
        bounds[1] <= box[3]
        and bounds[half + 1] >= box[1]
        and _along((bounds[0], bounds[half]), (box[0], box[2]))
    )


def _near(piece: Source, box: tuple[float, float, float, float]) -> bool:
    """Whether a piece can reach into a box, by its middle and the largest size of a piece."""
    if piece.lat is None or piece.lon is None:
        return True
    reach = SIDE / 2 * piece.gsd / METRES_PER_DEGREE
    across = min(180.0, reach / max(1e-3, math.cos(math.radians(piece.lat))))
    inside = box[1] - reach <= piece.lat <= box[3] + reach
    return inside and _along((piece.lon - across, piece.lon + across), (box[0], box[2]))


def _along(one: tuple[float, float], other: tuple[float, float]) -> bool:
    """Whether two ranges of longitudes from west to east meet, round the globe."""
    widths = [360.0 if east - west >= 360 else (east - west) % 360 for west, east in (one, other)]
    return (other[0] - one[0]) % 360 <= widths[0] or (one[0] - other[0]) % 360 <= widths[1]
