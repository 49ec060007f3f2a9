"""The API's description: it is valid, complete, and what the server really does."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance
from starlette.routing import Route

from tests.archives import TILES, write_archive
from tests.fakes import FINEST
from tests.live import Live, live
from tests.site import BASE, Site, on_site
from tileserver.documents.links import Links
from tileserver.documents.openapi import description
from tileserver.settings import Settings

EXAMPLES = 3
MANY = int(os.environ.get("ELSEWHERE_SOAK_EXAMPLES", "300"))
"""Requests of each kind for each path, in the quick tests and in the slow one."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("api")) as server:
        yield server


LINKS = Links("http://tiles.example/", 0, False)
DOCUMENT = description(LINKS, Settings(), FINEST)
API = schemathesis.openapi.from_dict(DOCUMENT)
ARCHIVED_API = schemathesis.openapi.from_dict(description(LINKS, Settings(), 3))
MODES = {"sound": GenerationMode.POSITIVE, "unsound": GenerationMode.NEGATIVE}


def converse(server: Live, path: str, mode: str, examples: int, api: Any = API) -> None:
    """Send requests made from the description and check each answer against it."""
    operation = api[path]["GET"]
    # Which keys WMTS needs depends on the value of one of them, and the south of a box must not be
    # above its north, nor a map's: OpenAPI cannot say that.
    loose = path.endswith(("/wmts", "/map")) or "{south}" in path
    left_out = [negative_data_rejection, positive_data_acceptance] if loose else []

    @given(operation.as_strategy(generation_mode=MODES[mode]))
    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    def check(case: Any) -> None:
        case.call_and_validate(base_url=server.root, timeout=30, excluded_checks=left_out)

    check()


PICTURES = [path for path in DOCUMENT["paths"] if "/static/" in path or path.endswith("/map")]


@pytest.mark.parametrize("path", [path for path in DOCUMENT["paths"] if path not in PICTURES])
def test_sound_requests_are_answered_as_described(server: Live, path: str) -> None:
    converse(server, path, "sound", EXAMPLES)


TAKING = [path for path, item in DOCUMENT["paths"].items() if item["get"]["parameters"]]


@pytest.mark.parametrize("path", TAKING)
def test_unsound_requests_are_refused_as_described(server: Live, path: str) -> None:
    converse(server, path, "unsound", EXAMPLES)


@pytest.fixture(scope="module")
def archived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    folder = tmp_path_factory.mktemp("archived")
    write_archive(folder / "a.pmtiles", TILES[::2])
    with live(folder, archive=str(folder / "a.pmtiles"), archive_only=True) as server:
        yield server


PERHAPS_ABSENT = [path for path in TAKING if "404" in DOCUMENT["paths"][path]["get"]["responses"]]


@pytest.mark.parametrize("path", PERHAPS_ABSENT)
def test_an_archive_alone_is_served_as_described(archived: Live, path: str) -> None:
    converse(archived, path, "sound", EXAMPLES, ARCHIVED_API)


@pytest.mark.slow
@pytest.mark.parametrize("path", PICTURES)
def test_sound_requests_for_pictures_are_answered_as_described(server: Live, path: str) -> None:
    converse(server, path, "sound", 2 * EXAMPLES)


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("path", [path for path in TAKING if path not in PICTURES])
def test_many_requests_are_answered_as_described(server: Live, path: str, mode: str) -> None:
    converse(server, path, mode, MANY)


@on_site
async def test_every_path_of_the_server_is_described(here: Site) -> None:
    described = {re.sub(r"{.*?}", "{}", path) for path in DOCUMENT["paths"]}
    for route in here.app.routes:
        if isinstance(route, Route):
            path = route.path.removesuffix("/") or "/"
            path = path.replace("{y}", "{y}.{extension}").replace("{set}", "WebMercatorQuad")
            path = path.replace("{place:place}/{file}", "{},{},{}/{}x{}.{}")
            path = re.sub(r"{.*?}", "{}", path)
            assert path in described or path + "/" in described, route.path
    served = (await here.get("/openapi.json")).json()
    assert served == {**DOCUMENT, "servers": [{"url": BASE}]}


def test_the_document_is_valid_openapi() -> None:
    API.validate()
    names = [item["get"]["operationId"] for item in DOCUMENT["paths"].values()]
    assert len(names) == len(set(names))
