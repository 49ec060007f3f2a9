"""OGC's XML schemas, from MapProxy's own tests: nothing is downloaded."""

from __future__ import annotations

import functools
from importlib import resources
from pathlib import Path

import lxml.etree

WMTS_CAPABILITIES = "wmts/1.0/wmtsGetCapabilities_response.xsd"
OWS_EXCEPTION = "ows/1.1.0/owsExceptionReport.xsd"


@functools.cache
def _schema(name: str) -> lxml.etree.XMLSchema:
    directory = Path(str(resources.files("mapproxy"))) / "test" / "schemas"
    parser = lxml.etree.XMLParser(no_network=True)
    return lxml.etree.XMLSchema(lxml.etree.parse(directory / name, parser))


def assert_valid(document: bytes, name: str) -> None:
    """Fail with the schema's own words unless the document keeps to it."""
    _schema(name).assertValid(lxml.etree.fromstring(document))
