"""XML documents from elements; the library escapes every text and attribute."""

from __future__ import annotations

from xml.etree.ElementTree import Element, indent, tostring

MEDIA_TYPE = "application/xml"


def serialize(root: Element, *, declaration: bool = True) -> bytes:
    """Return an indented UTF-8 document; without its declaration it begins with the root."""
    indent(root)
    document: bytes = tostring(root, encoding="utf-8", xml_declaration=declaration)
    return document + b"\n"
