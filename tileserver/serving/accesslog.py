"""The access log: one line per answer, only where it is asked for."""

from __future__ import annotations

import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tileserver.logs import fields
from tileserver.serving.access import Access

log = logging.getLogger("elsewhere.access")


class AccessLog:
    """Outside of everything: logs method, path, status, bytes, milliseconds and client."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self.app = app
        self.access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and log its answer; status 0 means that the client left before."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        started = time.perf_counter()
        status = size = 0

        async def sending(message: Message) -> None:
            nonlocal status, size
            status = message.get("status", status)
            size += len(message.get("body", b""))
            await send(message)

        try:
            await self.app(scope, receive, sending)
        finally:
            told = fields(
                method=scope["method"],
                path=scope["path"],
                status=status,
                bytes=size,
                ms=round((time.perf_counter() - started) * 1e3, 2),
                client=self.access.address(scope),
            )
            log.info("request", extra=told)
