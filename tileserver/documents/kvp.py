"""WMTS requests as keys and values in a query: what they ask for, or what is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from generator.grid.tile import MAX_ZOOM
from tileserver.documents.about import FORMATS
from tileserver.documents.wmts import LAYER, MATRIX_SET, STYLE, VERSION
from tileserver.errors import ServerError

_ALIASES = {"image/jpg": "image/jpeg"}
_WHOLE = re.compile(r"-?[0-9]{1,18}", re.ASCII)


class WmtsError(ServerError):
    """A wrong WMTS request. code: OGC's name of the mistake; locator: the key at fault."""

    def __init__(self, code: str, message: str, locator: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.locator = locator


@dataclass(frozen=True, slots=True)
class TileRequest:
    """A GetTile request for a tile that exists. extension: png, webp or jpg."""

    z: int
    x: int
    y: int
    extension: str


def parse(pairs: Iterable[tuple[str, str]], max_zoom: int = MAX_ZOOM) -> TileRequest | None:
    """Read a query's pairs; None stands for GetCapabilities. Raises WmtsError.

    Keys and values count in any case, the first of a repeated key counts, keys that WMTS does not
    know are left alone. A query without SERVICE and REQUEST asks for the capabilities.
    """
    values: dict[str, str] = {}
    for key, value in pairs:
        values.setdefault(key.lower(), value)
    if not {"service", "request"} & values.keys():
        return None
    _expect(values, "SERVICE", {"WMTS"})
    request = _required(values, "REQUEST")
    operation = request.lower()
    if operation == "getcapabilities":
        versions = values.get("acceptversions")
        if versions and VERSION not in versions.split(","):
            raise WmtsError(
                "VersionNegotiationFailed",
                f"ACCEPTVERSIONS does not name {VERSION}, the only version here",
            )
        return None
    if operation == "gettile":
        return _tile(values, max_zoom)
    if operation == "getfeatureinfo":
        raise WmtsError("OperationNotSupported", "pictures have no features", "REQUEST")
    raise _invalid("REQUEST", request, "GetCapabilities or GetTile")


def _tile(values: Mapping[str, str], max_zoom: int) -> TileRequest:
    if "version" in values:
        _expect(values, "VERSION", {VERSION})
    _expect(values, "LAYER", {LAYER})
    _expect(values, "STYLE", {STYLE, ""})
    _expect(values, "TILEMATRIXSET", {MATRIX_SET})
    format = _required(values, "FORMAT")
    media_type = _ALIASES.get(format.lower(), format.lower())
    extensions = {known: extension for extension, known in FORMATS.items()}
    if media_type not in extensions:
        raise _invalid("FORMAT", format, " or ".join(extensions))
    matrix = _required(values, "TILEMATRIX")
    if matrix not in {str(zoom) for zoom in range(max_zoom + 1)}:
        raise _invalid("TILEMATRIX", matrix, f"0 to {max_zoom}")
    zoom = int(matrix)
    row, column = _index(values, "TILEROW", zoom), _index(values, "TILECOL", zoom)
    return TileRequest(zoom, column, row, extensions[media_type])


def _index(values: Mapping[str, str], key: str, zoom: int) -> int:
    text = _required(values, key)
    if not _WHOLE.fullmatch(text):
        raise _invalid(key, text, "a whole number")
    if not 0 <= int(text) < 1 << zoom:
        last = (1 << zoom) - 1
        raise WmtsError("TileOutOfRange", f"{key} is {text}, expected 0 to {last}", key)
    return int(text)


def _expect(values: Mapping[str, str], key: str, allowed: set[str]) -> None:
    value = _required(values, key)
    if value.lower() not in {known.lower() for known in allowed}:
        raise _invalid(key, value, " or ".join(sorted(filter(None, allowed))))


def _required(values: Mapping[str, str], key: str) -> str:
    value = values.get(key.lower())
    if value is None:
        raise WmtsError("MissingParameterValue", f"{key} is missing", key)
    return value


def _invalid(key: str, value: str, expected: str) -> WmtsError:
    shown = "".join(c if c.isprintable() else "?" for c in value[:40])
    return WmtsError("InvalidParameterValue", f"{key} is '{shown}', expected {expected}", key)
