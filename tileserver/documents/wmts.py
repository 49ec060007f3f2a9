"""WMTS 1.0.0: the capabilities of one world, and the reports that answer a wrong request."""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement, register_namespace

from generator.grid.tile import MAX_LATITUDE, TILE_SIZE
from tileserver.documents.about import FORMATS, NAME, abstract, attribution, title
from tileserver.documents.grid import EDGE, scale_denominator
from tileserver.documents.links import Links
from tileserver.documents.xml import serialize
from tileserver.settings import Settings

LAYER = "elsewhere"
STYLE = "default"
MATRIX_SET = "GoogleMapsCompatible"
VERSION = "1.0.0"
CAPABILITIES = "wmts/1.0.0/WMTSCapabilities.xml"

_WMTS = "{http://www.opengis.net/wmts/1.0}"
_OWS = "{http://www.opengis.net/ows/1.1}"
_XLINK = "{http://www.w3.org/1999/xlink}"
_XML = "{http://www.w3.org/XML/1998/namespace}"
_SCALE_SET = "urn:ogc:def:wkss:OGC:1.0:GoogleMapsCompatible"
_CRS = "urn:ogc:def:crs:EPSG::3857"

for _prefix, _name in (("", _WMTS), ("ows", _OWS), ("xlink", _XLINK)):
    register_namespace(_prefix, _name[1:-1])


def capabilities(links: Links, settings: Settings, max_zoom: int) -> bytes:
    """Return the capabilities: one layer, one style, one tile matrix set, three formats.

    The REST templates are the plain addresses of the tiles.
    """
    root = Element(f"{_WMTS}Capabilities", version=VERSION)
    _identification(root, settings)
    provider = SubElement(root, f"{_OWS}ServiceProvider")
    SubElement(provider, f"{_OWS}ProviderName").text = NAME
    SubElement(provider, f"{_OWS}ProviderSite", {f"{_XLINK}href": links.root})
    SubElement(provider, f"{_OWS}ServiceContact")
    operations = SubElement(root, f"{_OWS}OperationsMetadata")
    _operation(operations, "GetCapabilities", RESTful=links(CAPABILITIES), KVP=links("wmts?"))
    _operation(operations, "GetTile", KVP=links("wmts?"))
    contents = SubElement(root, f"{_WMTS}Contents")
    _layer(contents, links, settings)
    _matrices(contents, max_zoom)
    SubElement(root, f"{_WMTS}ServiceMetadataURL", {f"{_XLINK}href": links(CAPABILITIES)})
    return serialize(root)


def exception_report(code: str, text: str, locator: str | None = None) -> bytes:
    """Return an OWS exception report. code: one of OGC's names, such as MissingParameterValue."""
    root = Element(f"{_OWS}ExceptionReport", {"version": VERSION, f"{_XML}lang": "en"})
    where = {} if locator is None else {"locator": locator}
    exception = SubElement(root, f"{_OWS}Exception", {"exceptionCode": code, **where})
    SubElement(exception, f"{_OWS}ExceptionText").text = text
    return serialize(root)


def _identification(root: Element, settings: Settings) -> None:
    part = SubElement(root, f"{_OWS}ServiceIdentification")
    for name, text in {
        "Title": NAME,
        "Abstract": f"{abstract(settings)} {attribution(settings)}.",
        "ServiceType": "OGC WMTS",
        "ServiceTypeVersion": VERSION,
        "Fees": "none",
        "AccessConstraints": "none",
    }.items():
        SubElement(part, _OWS + name).text = text


def _operation(parent: Element, name: str, **addresses: str) -> None:
    """Describe an operation. addresses: URL by encoding (KVP, RESTful)."""
    operation = SubElement(parent, f"{_OWS}Operation", name=name)
    http = SubElement(SubElement(operation, f"{_OWS}DCP"), f"{_OWS}HTTP")
    for encoding, url in addresses.items():
        get = SubElement(http, f"{_OWS}Get", {f"{_XLINK}href": url})
        constraint = SubElement(get, f"{_OWS}Constraint", name="GetEncoding")
        allowed = SubElement(constraint, f"{_OWS}AllowedValues")
        SubElement(allowed, f"{_OWS}Value").text = encoding


def _layer(contents: Element, links: Links, settings: Settings) -> None:
    layer = SubElement(contents, f"{_WMTS}Layer")
    SubElement(layer, f"{_OWS}Title").text = title(links.seed)
    SubElement(layer, f"{_OWS}Abstract").text = abstract(settings)
    box = SubElement(layer, f"{_OWS}WGS84BoundingBox")
    SubElement(box, f"{_OWS}LowerCorner").text = f"-180 {-MAX_LATITUDE!r}"
    SubElement(box, f"{_OWS}UpperCorner").text = f"180 {MAX_LATITUDE!r}"
    SubElement(layer, f"{_OWS}Identifier").text = LAYER
    style = SubElement(layer, f"{_WMTS}Style", isDefault="true")
    SubElement(style, f"{_OWS}Identifier").text = STYLE
    for media_type in FORMATS.values():
        SubElement(layer, f"{_WMTS}Format").text = media_type
    link = SubElement(layer, f"{_WMTS}TileMatrixSetLink")
    SubElement(link, f"{_WMTS}TileMatrixSet").text = MATRIX_SET
    for extension, media_type in FORMATS.items():
        template = links(f"{{TileMatrix}}/{{TileCol}}/{{TileRow}}.{extension}")
        SubElement(
            layer,
            f"{_WMTS}ResourceURL",
            {"format": media_type, "resourceType": "tile", "template": template},
        )


def _matrices(contents: Element, max_zoom: int) -> None:
    matrices = SubElement(contents, f"{_WMTS}TileMatrixSet")
    SubElement(matrices, f"{_OWS}Identifier").text = MATRIX_SET
    box = SubElement(matrices, f"{_OWS}BoundingBox", crs=_CRS)
    SubElement(box, f"{_OWS}LowerCorner").text = f"{-EDGE!r} {-EDGE!r}"
    SubElement(box, f"{_OWS}UpperCorner").text = f"{EDGE!r} {EDGE!r}"
    SubElement(matrices, f"{_OWS}SupportedCRS").text = _CRS
    SubElement(matrices, f"{_WMTS}WellKnownScaleSet").text = _SCALE_SET
    for zoom in range(max_zoom + 1):
        matrix = SubElement(matrices, f"{_WMTS}TileMatrix")
        SubElement(matrix, f"{_OWS}Identifier").text = str(zoom)
        for name, value in {
            "ScaleDenominator": repr(scale_denominator(zoom)),
            "TopLeftCorner": f"{-EDGE!r} {EDGE!r}",
            "TileWidth": TILE_SIZE,
            "TileHeight": TILE_SIZE,
            "MatrixWidth": 1 << zoom,
            "MatrixHeight": 1 << zoom,
        }.items():
            SubElement(matrix, _WMTS + name).text = str(value)
