"""The layers around the application: CORS, counted answers, no error without one, an access log."""

from __future__ import annotations

import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tileserver.errors import problem, problem_for
from tileserver.logs import fields
from tileserver.rendering.metrics import Metrics
from tileserver.serving.access import Access
from tileserver.serving.http import OPEN, preflight, send_plain, send_problem

_QUERY = "the query has bytes that are not ASCII, expected %XX in their place"

log = logging.getLogger("elsewhere")
access_log = logging.getLogger("elsewhere.access")


class AnswerMiddleware:
    """CORS for everybody, answers counted, and no error without an answer."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and complete its answer."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [*message["headers"], *OPEN]
                self.metrics.answered(message["status"])
            await send(message)

        if scope["method"] == "OPTIONS":
            return await send_plain(sending, 204, preflight(scope["headers"]))
        if not scope.get("query_string", b"").isascii():
            return await send_problem(sending, problem_for(400, _QUERY))
        try:
            await self.app(scope, receive, sending)
        except Exception as error:
            log.exception("answering %s failed", scope["path"])
            if not started:
                await send_problem(sending, problem(error))


class AccessLogMiddleware:
    """Logs of each answer method, path, status, bytes, milliseconds and client."""

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
            details = fields(
                method=scope["method"],
                path=scope["path"],
                status=status,
                bytes=size,
                ms=round((time.perf_counter() - started) * 1e3, 2),
                client=self.access.address(scope),
            )
            access_log.info("request", extra=details)
