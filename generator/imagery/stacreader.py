"""Reading JSON documents of files and web servers, each within a time limit."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import requests
import urllib3
from pystac.link import Link
from pystac.utils import make_absolute_href
from pystac_client.stac_api_io import StacApiIO

from generator.grid.errors import ImageryError
from generator.rasters import is_url

LARGEST = 64 << 20
"""Bytes of a document; more is no catalogue."""
_CHUNK = 1 << 16


class Reader(StacApiIO):
    """What pystac-client reads with: one attempt for each document, ended after `patience` seconds.

    It raises ImageryError, with one sentence, for whatever cannot be read.
    """

    def __init__(self, patience: float) -> None:
        super().__init__(max_retries=None)
        self.patience = patience

    def document(self, address: str) -> dict[str, Any]:
        """Return the JSON object at a path or URL."""
        try:
            found = json.loads(self.read_text(address))
        except ValueError as error:
            raise ImageryError(f"{shown(address)} is not JSON, expected a STAC document") from error
        if not isinstance(found, dict):
            raise ImageryError(
                f"{shown(address)} holds no JSON object, expected a STAC catalogue, collection, "
                "item or feature collection"
            )
        return found

    def read_text(self, source: Any, *args: Any, **kwargs: Any) -> str:
        """Return the text of a path, a URL or a link."""
        if isinstance(source, Link) or is_url(str(source)):
            return super().read_text(source, *args, **kwargs)
        try:
            return local(str(source)).read_text(encoding="utf-8")
        except OSError as error:
            raise ImageryError(f"cannot read {source}: {error.strerror}") from error
        except ValueError as error:
            raise ImageryError(f"{source} is not JSON, expected a STAC document") from error

    def request(
        self,
        href: str,
        method: str | None = None,
        headers: dict[str, str] | None = None,
        parameters: dict[str, Any] | None = None,
    ) -> str:
        """Return the text that a server answers with."""
        method = (method or "GET").upper()
        sent: dict[str, Any] = {"params" if method == "GET" else "json": parameters}
        sent |= {"headers": headers, "timeout": self.patience, "stream": True}
        deadline = time.monotonic() + self.patience
        try:
            with self.session.request(method, href, **sent) as answer:
                if not answer.ok:
                    raise ImageryError(
                        f"{shown(href)} answered {answer.status_code} ({answer.reason}), expected "
                        "a STAC document"
                    )
                return _body(answer, deadline).decode("utf-8")
        except (requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError) as error:
            raise ImageryError(
                f"{shown(href)} did not answer within {self.patience:g} seconds"
            ) from error
        except UnicodeDecodeError as error:
            raise ImageryError(f"{shown(href)} is not JSON, expected a STAC document") from error
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise ImageryError(f"{shown(href)} cannot be reached: {_cause(error)}") from error


def absolute(link: str, here: str) -> str:
    """Return what a link in the document `here` points to; raises ImageryError.

    A document from a server may only point to servers.
    """
    found: str = make_absolute_href(link, here)
    if is_url(found) or (not is_url(here) and urlsplit(found).scheme in ("", "file")):
        return found
    raise ImageryError(f"{shown(here)} points to {shown(found)}, expected an http address")


def local(address: str) -> Path:
    """Return the path that an address without a server stands for."""
    is_file_url = address.startswith("file:")
    return Path(url2pathname(urlsplit(address).path) if is_file_url else address)


def shown(address: str) -> str:
    """Return an address as messages show it: without what may be a key."""
    return address.partition("?")[0] if is_url(address) else address


def _body(answer: requests.Response, deadline: float) -> bytes:
    """Read an answer piece by piece, so that one that drips is given up too."""
    parts: list[bytes] = []
    size = 0
    while part := answer.raw.read1(_CHUNK, decode_content=True):
        parts.append(part)
        size += len(part)
        if time.monotonic() > deadline:
            raise TimeoutError
        if size > LARGEST:
            raise ImageryError(
                f"{shown(answer.url)} sends more than {LARGEST >> 20} MiB, expected a STAC document"
            )
    return b"".join(parts)


def _cause(error: BaseException) -> str:
    """Return the innermost reason of a failed connection in a few words."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    said = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(said)
