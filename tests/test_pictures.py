"""Static pictures from tiles: the tiles' own pixels where the scale is a zoom's."""

import asyncio
import contextlib
import io
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from generator.grid.tile import MAX_ZOOM, Tile
from generator.rasters.notice import NOTICE
from tests.fakes import draw as pattern
from tests.site import Site, on_site, site
from tileserver.encode import compress, encode_png
from tileserver.errors import UnavailableError
from tileserver.regions.view import MapView
from tileserver.rendering.client import pictureroom as module
from tileserver.rendering.client.pictures import draw
from tileserver.rendering.request import RequestOptions

PNG = partial(compress, format="png")


def drawn(view: MapView, format: str = "png") -> NDArray[np.uint8]:
    """Return a view of a patterned world, uint8 [height, width, 3]."""
    pngs = {tile: encode_png(pattern(7, tile)) for tile in view.window.tiles()}
    with Image.open(io.BytesIO(draw(view, pngs, partial(compress, format=format)))) as picture:
        assert picture.format == format.upper()
        said = picture.text.get("Disclaimer") if format == "png" else picture.getexif()[0x010E]  # type: ignore[attr-defined]
        assert said == NOTICE
        return np.asarray(picture.convert("RGB"))


def test_a_whole_zoom_has_the_tiles_own_pixels_across_the_dateline() -> None:
    shown = drawn(MapView.centred((180, 0), 3, (300, 200)))
    parts = [[pattern(7, Tile(3, x, y)) for x in (7, 0)] for y in (3, 4)]
    whole = np.vstack([np.hstack(row) for row in parts])
    assert np.array_equal(shown, whole[156:356, 106:406])


def test_above_and_below_the_map_it_is_black() -> None:
    shown = drawn(MapView.centred((0, 0), 0, (600, 400)))
    assert not shown[:72].any()
    assert not shown[328:].any()
    assert np.array_equal(shown[72:328, 172:428], pattern(7, Tile(0, 0, 0)))
    assert np.array_equal(shown[:, :88], shown[:, 256:344])


def test_between_zooms_it_is_the_finer_one_made_smaller() -> None:
    view = MapView.centred((11.25, 0), 4.5, (64, 64))
    assert (view.zoom, view.step) == (5, pytest.approx(2**0.5))
    tiles = [[pattern(7, Tile(5, x, y)) for x in (16, 17)] for y in (15, 16)]
    source = Image.fromarray(np.vstack([np.hstack(row) for row in tiles]))
    half = 32 * 2**0.5
    box = (256 - half, 256 - half, 256 + half, 256 + half)
    expected = np.asarray(source.resize((64, 64), Image.Resampling.BICUBIC, box))
    assert np.abs(drawn(view).astype(int) - expected).max() <= 1


@pytest.mark.parametrize("format", ["webp", "jpeg"])
def test_lossy_pictures_look_alike(format: str) -> None:
    view = MapView.centred((7, 46), MAX_ZOOM, (256, 256), 2)
    exact, lossy = drawn(view), drawn(view, format)
    assert exact.shape == lossy.shape == (512, 512, 3)
    assert np.abs(exact.astype(int) - lossy).mean() < 12


def test_a_picture_of_many_tiles_needs_no_room_for_all_of_them(tmp_path: Path) -> None:
    view = MapView.centred((7, 46), 5, (2048, 1024))
    assert len(view.window.tiles()) == 45

    async def check() -> None:
        async with site(tmp_path, max_queue=16) as here:
            png = await here.service.pictures.render(3, view, PNG, RequestOptions())
        with Image.open(io.BytesIO(png)) as picture:
            assert picture.size == (2048, 1024)

    asyncio.run(check())


def test_a_picture_that_takes_too_long_goes_on_from_there_when_asked_again(tmp_path: Path) -> None:
    view = MapView.centred((0, 0), 5, (700, 700))

    async def check() -> None:
        async with site(tmp_path, hold_seconds=0.05) as here:
            here.fake.delay = 0.03
            with pytest.raises(UnavailableError, match="16 tiles of the picture were not made"):
                await here.service.pictures.render(3, view, PNG, RequestOptions())
            made = b""
            while not made:
                with contextlib.suppress(UnavailableError):
                    made = await here.service.pictures.render(3, view, PNG, RequestOptions())
            assert len(here.fake.calls) == len(set(here.fake.calls)) == 16
            here.fake.delay = 0
            assert await here.service.pictures.render(3, view, PNG, RequestOptions()) == made

    asyncio.run(check())


@on_site
async def test_no_more_pictures_wait_than_may(here: Site) -> None:
    view = MapView.centred((0, 0), 0, (16, 16))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "PICTURES", 0)
        with pytest.raises(UnavailableError, match="pictures of 0 tiles are being drawn"):
            await here.service.pictures.render(0, view, PNG, RequestOptions())
    await asyncio.to_thread(here.service.pictures.close)
    with pytest.raises(UnavailableError, match="stopping"):
        await here.service.pictures.render(0, view, PNG, RequestOptions())
