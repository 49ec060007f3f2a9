"""The addresses of static pictures: what they show, and what is refused and why."""

import io
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.fakes import FINEST
from tests.site import Site, fetch, on_site
from tests.test_public import KEY, run
from tileserver.encode import decode_png

BOX = "0,0,45,40.979898"


@on_site
async def test_a_place_and_a_box_are_shown_in_every_format_and_world(here: Site) -> None:
    tile = decode_png((await here.get("/7/3/4/3.png")).content)
    for place in ("22.5,21.943,3", "2.25e1,+21.943,3.0", BOX):
        answer = await here.get(f"/7/static/{place}/256x256.png")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
        shown = np.asarray(Image.open(io.BytesIO(answer.content)))
        assert np.array_equal(shown, tile), place
    for extension, media_type in (("webp", "webp"), ("jpg", "jpeg"), ("jpeg", "jpeg")):
        answer = await here.get(f"/static/179.9,0,3/300x200@2x.{extension}")
        assert answer.headers["content-type"] == f"image/{media_type}"
        assert Image.open(io.BytesIO(answer.content)).size == (600, 400)
    own = await here.get("/static/0,0,45,40/64x64.png")
    assert own.content == (await here.get("/0/static/0,0,45,40/64x64.png")).content
    assert own.content != (await here.get("/7/static/0,0,45,40/64x64.png")).content


@on_site
async def test_a_known_tag_is_answered_without_the_picture_and_head_makes_none(here: Site) -> None:
    path = "/static/7.4,46.9,9/300x200.png"
    head = await here.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == "image/png"
    assert not here.fake.calls
    whole = await here.get(path)
    assert whole.headers["cache-control"] == "public, max-age=3600, s-maxage=600"
    assert whole.headers["access-control-allow-origin"] == "*"
    known = await here.get(path, headers={"if-none-match": whole.headers["etag"]})
    assert (known.status_code, known.content) == (304, b"")
    assert (await here.request("POST", path)).status_code == 405


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("0,0/9x9.png", "the place is '0,0', expected longitude,latitude,zoom or west,"),
        ("0,0,3@45/9x9.png", "the place has '3@45', expected a number"),
        ("0,0,nan/9x9.png", "the place has 'nan'"),
        ("0,,3/9x9.png", "the place has ''"),
        (f"0,0,{FINEST + 1}/9x9.png", f"the zoom is {FINEST + 1}, expected 0 to {FINEST}"),
        ("0,0,1e300/9x9.png", "the zoom is 1e+300"),
        ("0,0,3/9x9.gif", "the picture is '9x9.gif', expected its size and format"),
        ("0,0,3/9x9@3x.png", "the picture is '9x9@3x.png'"),
        ("0,0,3/4096x9.png", "the picture is 4096x9, expected 1 to 2048 pixels each way"),
        ("0,0,3/2000x9@2x.png", "2000x9 at @2x, expected 1 to 1024"),
        ("9,9,8,8/9x9.png", "expected west, south, east, north"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, path: str, sentence: str) -> None:
    for prefix in ("/static/", "/7/static/"):
        answer = fetch(tmp_path, prefix + path)
        assert answer.status_code == 400
        assert sentence in answer.json()["detail"]


@on_site
async def test_the_pages_own_files_are_no_places(here: Site) -> None:
    for path in ("/static/leaflet/leaflet.js", "/static/web/connect.js"):
        assert (await here.get(path)).status_code == 200
    assert (await here.get("/static/web/none.js")).status_code == 404


def test_a_cached_only_server_shows_what_is_stored(tmp_path: Path) -> None:
    async def check(client: httpx.AsyncClient) -> None:
        path = "/static/7.4,46.9,7/300x200.png"
        refused = await client.get(path)
        assert (refused.status_code, "makes none on request" in refused.text) == (404, True)
        made = await client.get(path, headers=KEY)
        assert (await client.get(path)).content == made.content

    run(check, directory=tmp_path, cached_only=True)


def test_a_picture_is_paid_for_from_its_clients_budget(tmp_path: Path) -> None:
    async def check(client: httpx.AsyncClient) -> None:
        path = "/static/7.4,46.9,5/1100x1100.png"
        refused = await client.get(path)
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) > 0
        assert (await client.get(path, headers=KEY)).status_code == 200
        assert (await client.get(path)).status_code == 200

    run(check, directory=tmp_path, public=True, render_budget=3)
