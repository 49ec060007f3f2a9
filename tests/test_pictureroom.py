"""Room for pictures: so many, of so many tiles, one client's share, and what they cost it."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.site import site
from tests.test_public import KEY, run
from tileserver.errors import BudgetError, UnavailableError
from tileserver.rendering.client.pictureroom import CLIENT_PICTURES, PICTURES, TILES, PictureRoom
from tileserver.rendering.request import RequestOptions

CLIENT = RequestOptions(client="1.2.3.4", free=False)
OTHER = CLIENT._replace(client="5.6.7.8")
FREE = RequestOptions()


def test_so_many_pictures_and_tiles_are_under_way_and_no_more() -> None:
    room = PictureRoom(None)
    for count, tiles in ((PICTURES, 1), (4, TILES // 4)):
        with ExitStack() as stack:
            for _ in range(count):
                stack.enter_context(room.entered(tiles, FREE))
            with pytest.raises(UnavailableError, match="as many as may be"):
                stack.enter_context(room.entered(1, FREE))
        with room.entered(TILES, FREE):
            pass


def test_one_client_takes_no_more_than_its_share() -> None:
    room = PictureRoom(None)
    with ExitStack() as stack:
        for _ in range(CLIENT_PICTURES):
            stack.enter_context(room.entered(1, CLIENT))
        with pytest.raises(BudgetError, match="for this client"):
            stack.enter_context(room.entered(1, CLIENT))
        stack.enter_context(room.entered(1, OTHER))
        stack.enter_context(room.entered(1, CLIENT._replace(free=True)))
    assert not room._clients


def test_a_picture_costs_its_client_a_block_for_sixteen_tiles() -> None:
    room = PictureRoom(4)
    room.charge(33, CLIENT)
    with room.entered(1, CLIENT):
        pass
    room.charge(1, CLIENT)
    with (
        pytest.raises(BudgetError, match="budget of 4 per minute") as refused,
        room.entered(1, CLIENT),
    ):
        pass
    assert 10 < refused.value.retry <= 15
    with room.entered(1, OTHER), room.entered(1, CLIENT._replace(free=True)):
        pass


def test_pictures_of_stored_tiles_are_paid_for_too(tmp_path: Path) -> None:
    async def check(client: httpx.AsyncClient) -> None:
        places = ("/map?bbox=-180,-80,180,80&width=900", "/static/0,0,3/1000x1000.png")
        for place in places:
            assert (await client.get(place, headers=KEY)).status_code == 200
        statuses = [(await client.get(place)).status_code for place in 3 * places]
        assert statuses[0] == 200
        assert statuses[-1] == 429
        refused = await client.get(places[0])
        assert int(refused.headers["retry-after"]) > 0
        assert "a picture takes one for 16 tiles" in refused.json()["detail"]
        assert (await client.get("/3/1/2.png")).status_code == 200
        assert (await client.get(places[0], headers=KEY)).status_code == 200

    run(check, directory=tmp_path, public=True, render_budget=4)


def test_even_finding_out_what_a_map_shows_is_paid_for(tmp_path: Path) -> None:
    async def check(client: httpx.AsyncClient) -> None:
        for _ in range(2):
            assert (await client.get("/map?bbox=1,2,3")).status_code == 400
        assert (await client.head("/map?width=64")).status_code == 429
        assert (await client.head("/map?width=64", headers=KEY)).status_code == 200

    run(check, directory=tmp_path, public=True, render_budget=2)


def test_a_client_that_leaves_gives_its_room_back(tmp_path: Path) -> None:
    async def check() -> None:
        async with site(tmp_path) as here:
            here.fake.gate.clear()
            asking = asyncio.create_task(here.get("/static/0,0,5/400x400.png"))
            while not here.service.pictures._room._pictures:
                await asyncio.sleep(0.001)
            asking.cancel()
            while here.service.pictures._room._pictures:
                await asyncio.sleep(0.001)

    asyncio.run(check())
