"""Pictures made from tiles: the same bytes always, made once, stored in batches, left by nobody."""

import asyncio
from typing import Any

import numpy as np
import pytest

from generator.grid.tile import MAX_ZOOM, Tile
from tests.fakes import draw
from tests.site import Site, on_site
from tileserver.encode import encode, encode_png, enlarged, joined
from tileserver.encoding import Encoding
from tileserver.errors import CacheError, GenerationError, UnavailableError
from tileserver.rendering.client import variants as module
from tileserver.rendering.client.variants import Variants, sources, transcode
from tileserver.rendering.request import RequestOptions

TILE = Tile(3, 1, 2)


def test_a_picture_is_made_from_the_tile_or_from_its_children() -> None:
    assert sources(TILE, Encoding.WEBP) == (TILE,)
    assert sources(TILE, Encoding.PNG_2X) == TILE.children()
    last = Tile(MAX_ZOOM, 1, 2)
    assert sources(last, Encoding.WEBP_2X) == (last,)
    other = Tile(15, 1, 2)
    assert sources(other, Encoding.WEBP_2X, 15) == (other,)
    assert sources(other, Encoding.WEBP_2X, 17) == other.children()


def test_transcoding_is_encoding_of_the_stored_pixels() -> None:
    pixels = [draw(0, tile) for tile in TILE.children()]
    pngs = [encode_png(part) for part in pixels]
    assert transcode(pngs[:1], Encoding.WEBP) == encode(pixels[0], Encoding.WEBP)
    assert transcode(pngs, Encoding.JPEG_2X) == encode(joined(pixels), Encoding.JPEG_2X)
    assert transcode(pngs[:1], Encoding.PNG_2X) == encode(enlarged(pixels[0]), Encoding.PNG_2X)
    with pytest.raises(ValueError, match="not a PNG"):
        transcode([b"x"], Encoding.WEBP)


@on_site
async def test_many_who_ask_for_one_picture_get_one(here: Site) -> None:
    calls: list[Encoding] = []

    def counted(masters: Any, encoding: Encoding) -> bytes:
        calls.append(encoding)
        return transcode(masters, encoding)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "transcode", counted)
        made = [
            here.service.variants.render(0, TILE, Encoding.WEBP, RequestOptions())
            for _ in range(50)
        ]
        entries = await asyncio.gather(*made)
    assert calls == [Encoding.WEBP]
    assert len({entry.payload for entry in entries}) == 1
    assert len(here.fake.calls) == 1


@on_site
async def test_pictures_are_stored_and_found_again(here: Site) -> None:
    variants, world = here.service.variants, here.fake.fingerprint(0)
    entry = await variants.render(0, TILE, Encoding.WEBP_2X, RequestOptions())
    assert variants.find(world, TILE, Encoding.WEBP_2X) == entry
    cache = here.service.cache
    while variants.pending:
        await asyncio.sleep(0.005)
    found = cache.entry(world, TILE, Encoding.WEBP_2X.variant)
    assert found is not None
    assert (found.payload, found.digest) == (entry.payload, entry.digest)
    assert variants.find(world, TILE, Encoding.WEBP) is None
    fresh = Variants(here.service)
    assert fresh.find(world, TILE, Encoding.WEBP_2X) == found
    fresh.close()


@on_site
async def test_closing_stores_what_is_made(here: Site) -> None:
    await here.service.variants.render(0, TILE, Encoding.JPEG, RequestOptions())
    await asyncio.to_thread(here.service.variants.close)
    here.service.variants.close()
    cache = here.service.cache
    assert cache.entry(here.fake.fingerprint(0), TILE, Encoding.JPEG.variant) is not None
    with pytest.raises(UnavailableError, match="is stopping"):
        await here.service.variants.render(0, TILE, Encoding.WEBP, RequestOptions())


@on_site
async def test_a_cache_that_cannot_be_written_only_costs_time(here: Site) -> None:
    cache = here.service.cache

    def full(*args: object) -> bool:
        raise CacheError("the disk is full")

    cache.put_variants = full  # type: ignore[method-assign]
    variants = here.service.variants
    first = await variants.render(0, TILE, Encoding.WEBP, RequestOptions())
    while variants.pending:
        await asyncio.sleep(0.005)
    assert (
        await variants.render(0, TILE, Encoding.WEBP, RequestOptions())
    ).payload == first.payload


@on_site
async def test_a_tile_that_fails_gives_up_the_others(here: Site) -> None:
    here.fake.broken.add(TILE.children()[0])
    with pytest.raises(GenerationError):
        await here.service.variants.render(0, TILE, Encoding.PNG_2X, RequestOptions())
    here.fake.broken.clear()
    entry = await here.service.variants.render(0, TILE, Encoding.PNG_2X, RequestOptions())
    assert entry.payload == encode(
        joined([draw(0, tile) for tile in TILE.children()]), Encoding.PNG_2X
    )


@on_site
async def test_one_who_leaves_takes_nothing_from_the_others(here: Site) -> None:
    variants = here.service.variants
    here.fake.gate.clear()
    leaving = asyncio.ensure_future(variants.render(0, TILE, Encoding.WEBP, RequestOptions()))
    staying = asyncio.ensure_future(variants.render(0, TILE, Encoding.WEBP, RequestOptions()))
    while not here.fake.calls:
        await asyncio.sleep(0.005)
    leaving.cancel()
    here.fake.gate.set()
    assert (await staying).payload == encode(draw(0, TILE), Encoding.WEBP)
    assert leaving.cancelled()


@on_site
async def test_too_many_at_a_time_are_turned_away(here: Site) -> None:
    await here.service.get(0, TILE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BACKLOG", 0)
        answer = await here.get("/3/1/2.webp")
    assert answer.status_code == 503
    assert "retry-after" in answer.headers
    assert (await here.get("/3/1/2.webp")).status_code == 200


def test_an_enlarged_tile_keeps_its_colours() -> None:
    flat = np.full((256, 256, 3), 77, np.uint8)
    assert (enlarged(flat) == 77).all()


@on_site
async def test_a_model_that_comes_meanwhile_leaves_no_picture_in_the_other_world(
    here: Site,
) -> None:
    service, old, new = here.service, b"o" * 16, here.fake.fingerprint(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(service, "world", lambda seed: new if here.fake.calls else old)
        entry = await service.variants.render(0, TILE, Encoding.WEBP, RequestOptions())
    assert service.variants.find(old, TILE, Encoding.WEBP) is None
    assert service.variants.find(new, TILE, Encoding.WEBP) == entry
