"""The items of a STAC catalogue, collection, item, feature collection or API, one by one."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from pystac import STACError
from pystac.serialization import identify_stac_object_type
from pystac_client import Client
from pystac_client.exceptions import APIError
from pystac_client.warnings import PystacClientWarning

from generator.grid.errors import ImageryError
from generator.imagery.options import Options
from generator.imagery.stacreader import Reader, absolute, shown

LOOKED_AT = 50
"""Documents that are read for each item wanted, before the rest of a catalogue is left."""
PAGE = 100
"""Items that an API is asked for at once."""

_UNSEARCHABLE = (NotImplementedError, STACError, APIError, PystacClientWarning)

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """An item as its document, the address it was read from, and the collection it was found in."""

    document: Document
    address: str
    collection: Document | None


@dataclass(slots=True)
class Catalogue:
    """What lies at an address; `failed` names what could not be read of it, a sentence each.

    Raises ImageryError when nothing can be read there, or no STAC.
    """

    address: str
    options: Options
    reader: Reader
    failed: list[str] = field(default_factory=list)

    def entries(self) -> Iterator[CatalogueEntry]:
        """Yield the items in the order of the catalogue's links, children inside."""
        document = self.reader.document(self.address)
        kind = _kind(document)
        if kind is None:
            raise ImageryError(
                f"{shown(self.address)} is no STAC, expected a catalogue, collection, item or "
                "feature collection"
            )
        if kind == "FeatureCollection":
            yield from _features(document, self.address)
        elif kind == "Catalog" and "conformsTo" in document:
            yield from self._search()
        else:
            yield from self._walk(document)

    def _walk(self, first: Document) -> Iterator[CatalogueEntry]:
        """Follow links from document to document, depth first, none of them twice."""
        pending: list[tuple[str, Document | None]] = [(self.address, None)]
        seen = {self.address}
        left = LOOKED_AT * self.options.items
        while pending and (left := left - 1):
            here, collection = pending.pop()
            try:
                document = first if here == self.address else self.reader.document(here)
                kind = _kind(document)
                if kind is None:
                    raise ImageryError(f"{shown(here)} is no STAC, left out")
                if kind == "Feature":
                    yield CatalogueEntry(document, here, collection)
                    continue
                if kind == "Collection":
                    if not self._wanted(document):
                        continue
                    collection = document
                yield from self._pages(document, here, collection)
                for target in reversed(_targets(document, here, ("child", "item"))):
                    if target not in seen:
                        seen.add(target)
                        pending.append((target, collection))
            except ImageryError as error:
                if here == self.address:
                    raise
                self.failed.append(str(error))
        if pending:
            self.failed.append(f"{shown(self.address)} lists {len(pending)} more, not looked at")

    def _wanted(self, collection: Document) -> bool:
        return not self.options.collections or collection.get("id") in self.options.collections

    def _pages(
        self, document: Document, here: str, collection: Document | None
    ) -> Iterator[CatalogueEntry]:
        """Yield the items of an API's collection, page by page."""
        box = self.options.box
        asked: Document = {"limit": min(PAGE, self.options.items)}
        asked |= {"bbox": ",".join(map(str, box))} if box else {}
        for target in _targets(document, here, ("items",))[:1]:
            for page in self.reader.get_pages(target, parameters=asked):
                yield from _features(page, target, collection)

    def _search(self) -> Iterator[CatalogueEntry]:
        """Ask an API for the items of a box or of collections."""
        if self.options.box is None and not self.options.collections:
            raise ImageryError(
                f"{shown(self.address)} is a STAC API with all its collections, expected the "
                "address of one of them, or a box or names of collections to look for"
            )
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of what the API does not conform to
                found = Client.from_file(self.address, stac_io=self.reader).search(
                    bbox=self.options.box,
                    collections=list(self.options.collections) or None,
                    limit=min(PAGE, self.options.items),
                )
            for document in found.items_as_dicts():
                yield CatalogueEntry(document, self.address, None)
        except (*_UNSEARCHABLE, KeyError, TypeError, ValueError) as error:
            raise ImageryError(f"{shown(self.address)} cannot be searched: {error}") from error


def _kind(document: Document) -> str | None:
    """Return what a document is, None where it is no STAC."""
    if document.get("type") == "FeatureCollection":
        return "FeatureCollection" if isinstance(document.get("features"), list) else None
    try:
        kind = identify_stac_object_type(document)
    except (STACError, ValueError, TypeError, AttributeError):
        return None
    return None if kind is None else str(kind.value)


def _features(
    page: Document, address: str, collection: Document | None = None
) -> Iterator[CatalogueEntry]:
    """Yield the items of a page; their own links say where they lie, else the page does."""
    for feature in page["features"]:
        if isinstance(feature, dict):
            own = address
            with suppress(ImageryError):
                own = next(iter(_targets(feature, address, ("self",))), address)
            yield CatalogueEntry(feature, own, collection)


def _targets(document: Document, here: str, relations: tuple[str, ...]) -> list[str]:
    """Return where the links of some relations point to, in their order; raises ImageryError."""
    links = document.get("links", [])
    if not isinstance(links, list):
        raise ImageryError(f"{shown(here)} has no list of links, expected a STAC document")
    return [
        absolute(str(link["href"]), here)
        for link in links
        if isinstance(link, dict) and link.get("rel") in relations and "href" in link
    ]
