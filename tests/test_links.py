"""Where documents say that the server is: Host, proxies, the public address."""

from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request

from tileserver.documents.links import Links
from tileserver.errors import BadRequestError
from tileserver.settings import Settings


def request(seed: str | None = None, **headers: str) -> Request:
    pairs = [(name.replace("_", "-").encode(), text.encode()) for name, text in headers.items()]
    params = {} if seed is None else {"seed": seed}
    scope = {
        "type": "http",
        "scheme": "http",
        "server": ("::1", 80),
        "path": "/",
        "query_string": b"",
    }
    return Request({**scope, "headers": pairs, "path_params": params})


def root(headers: dict[str, str], **values: Any) -> str:
    return Links.of(request(**headers), Settings(cache=Path("x"), **values)).root


FORWARDED = {
    "host": "inner:8000",
    "x_forwarded_proto": "https",
    "x_forwarded_host": "maps.example, inner",
    "x_forwarded_prefix": "/earth/",
}


@pytest.mark.parametrize(
    ("headers", "values", "expected"),
    [
        ({"host": "a.example:81"}, {}, "http://a.example:81/"),
        ({"host": "[::1]:8000"}, {}, "http://[::1]:8000/"),
        ({}, {}, "http://[::1]:80/"),
        (FORWARDED, {}, "http://inner:8000/"),
        (FORWARDED, {"trust_proxy": True}, "https://maps.example/earth/"),
        ({"host": "inner"}, {"trust_proxy": True}, "http://inner/"),
        (FORWARDED, {"public_url": "https://b.example/x"}, "https://b.example/x/"),
        ({"host": "<evil>"}, {"public_url": "https://b.example"}, "https://b.example/"),
    ],
)
def test_the_root_is_what_the_client_sees(
    headers: dict[str, str], values: dict[str, Any], expected: str
) -> None:
    assert root(headers, **values) == expected


@pytest.mark.parametrize(
    "headers",
    [
        {"host": '"><script>'},
        {"host": "a b"},
        {"host": "user@a"},
        {"host": "a/b"},
        {"host": "a:b"},
        {"host": "x" * 300},
        {"host": "a", "x_forwarded_host": "<evil>"},
        {"host": "a", "x_forwarded_proto": "javascript"},
        {"host": "a", "x_forwarded_prefix": "//evil.example"},
        {"host": "a", "x_forwarded_prefix": "/a?b"},
    ],
)
def test_an_unsound_header_reaches_no_document(headers: dict[str, str]) -> None:
    with pytest.raises(BadRequestError):
        root(headers, trust_proxy=True)


def test_only_the_addresses_of_a_named_world_name_it() -> None:
    settings = Settings(cache=Path("x"), seed=5)
    own = Links.of(request(host="a"), settings)
    named = Links.of(request("7", host="a"), settings)
    assert (own.seed, own("gdal.xml")) == (5, "http://a/gdal.xml")
    assert (named.seed, named("gdal.xml")) == (7, "http://a/7/gdal.xml")
    assert own.tiles() == "http://a/{z}/{x}/{y}.png"
    assert named.tiles("webp", 2) == "http://a/7/{z}/{x}/{y}@2x.webp"


def test_only_the_right_key_reaches_the_addresses_of_tiles() -> None:
    settings = Settings(cache=Path("x"), api_key="a&b <")
    asked = request(host="a")
    for query, expected in (
        (b"key=a%26b+%3C", "http://a/{z}/{x}/{y}.png?key=a%26b%20%3C"),
        (b"key=other", "http://a/{z}/{x}/{y}.png"),
        (b"key=%C3%BC", "http://a/{z}/{x}/{y}.png"),
        (b"", "http://a/{z}/{x}/{y}.png"),
    ):
        asked = Request({**asked.scope, "query_string": query})
        links = Links.of(asked, settings)
        assert links.tiles() == expected
    keyed = Links("http://a/", 0, False, "k")
    assert keyed("wmts?") == "http://a/wmts?key=k&"
    assert keyed.tiles(edition="12ab").endswith(".png?v=12ab&key=k")
    assert keyed.bare("tms/3") == "http://a/tms/3"
