"""Waiting for a state that other threads or tasks bring about."""

import asyncio
import time
from collections.abc import Callable

TIMEOUT = 10


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline, "the awaited state was not reached"
        time.sleep(0.001)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(TIMEOUT):
        while not condition():
            await asyncio.sleep(0.002)
