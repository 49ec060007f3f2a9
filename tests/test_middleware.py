"""The outermost layer: what every answer has, whatever happens inside."""

import asyncio
from typing import Any

import pytest

from tileserver.rendering.metrics import Metrics
from tileserver.serving.http import OPEN, send_plain
from tileserver.serving.middleware import AnswerMiddleware


def answer(app: Any, method: str = "GET", query: bytes = b"", **fields: str) -> Any:
    """Send one request; return status, headers, body and how often the status was counted."""
    messages: list[Any] = []

    async def send(message: Any) -> None:
        messages.append(message)

    metrics = Metrics()
    headers = [(name.replace("_", "-").encode(), value.encode()) for name, value in fields.items()]
    scope = {"type": "http", "method": method, "path": "/a", "headers": headers}
    asyncio.run(AnswerMiddleware(app, metrics)({**scope, "query_string": query}, None, send))  # type: ignore[arg-type]
    start, body = messages
    counted = f'elsewhere_http_requests_total{{status="{start["status"]}"}} 1.0'
    assert counted in metrics.text().decode().splitlines()
    assert set(OPEN) <= set(start["headers"])
    return start["status"], dict(start["headers"]), body["body"]


async def fine(scope: Any, receive: Any, send: Any) -> None:
    await send_plain(send, 200, [(b"content-length", b"2")], b"ok")


async def broken(scope: Any, receive: Any, send: Any) -> None:
    raise LookupError("secret")


def test_an_answer_is_open_to_every_page() -> None:
    status, headers, body = answer(fine)
    assert (status, body) == (200, b"ok")
    assert headers[b"access-control-allow-origin"] == b"*"
    assert b"ETag" in headers[b"access-control-expose-headers"]
    assert headers[b"x-content-type-options"] == b"nosniff"


def test_an_error_without_an_answer_is_a_500_without_detail(
    caplog: pytest.LogCaptureFixture,
) -> None:
    status, headers, body = answer(broken)
    assert status == 500
    assert b"secret" not in body
    assert headers[b"content-type"] == b"application/problem+json"
    assert "secret" in caplog.text


def test_preflight_never_reaches_the_application() -> None:
    status, headers, _ = answer(
        broken, "OPTIONS", access_control_request_headers="x-api-key", origin="http://a.example"
    )
    assert status == 204
    assert headers[b"access-control-allow-headers"] == b"x-api-key"
    assert headers[b"allow"] == b"GET, HEAD, OPTIONS"


def test_a_query_that_is_no_text_is_refused() -> None:
    status, _, body = answer(fine, query=b"a=\x80")
    assert status == 400
    assert b"expected %XX" in body
